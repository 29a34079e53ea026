"""Models of what the interpreter does not interpret: the standard library's C parts, and the engine under torch."""
