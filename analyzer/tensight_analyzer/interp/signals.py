"""How statements end, and what travels up the interpreter's own stack."""

from __future__ import annotations

from typing import Final

# What executing a statement answers; None is the normal end.
RETURN: Final = "return"
BREAK: Final = "break"
CONTINUE: Final = "continue"
DEAD: Final = "dead"  # every path has left already: nothing follows here


class Raised(Exception):
    """The program raised `value` (an exception instance, a class, or unknown) on every path to this point."""

    def __init__(self, value: object, certain: bool = True):
        super().__init__()
        self.value = value
        self.certain = certain


class Unsupported(Exception):
    """The interpreter does not implement this.  Raised anywhere; one place turns it into a counted note."""


class OverBudget(Exception):
    """The analysis has used up its steps, seconds or depth."""
