"""What all tests share."""

from support.mdtest import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]
