"""The vocabulary of operators: sizes, dtypes, devices, facts, requirements, and the operator record.

Standard library only: the analyzer reads the operator table through this package and never loads an array library.
"""
