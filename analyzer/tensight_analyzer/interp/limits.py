"""What Python would compute from constants of the program, but at a cost that nobody wants to pay.

`'a'.ljust(10**10)`, `math.factorial(10**7)`: beyond `LARGEST` characters, items or bits the value is unknown.
"""

from __future__ import annotations

import re

LARGEST = 1 << 20
ITEMS = 1 << 14  # of a list or tuple that is spelled out
ARGUMENT = 10_000  # of functions whose cost grows with the value of an argument

_DIGITS = re.compile(r"\d{6,}")
_STEEP = frozenset({"factorial", "comb", "perm"})


def steep(name: str, args: tuple) -> bool:
    """Would the function take long because of the size of a number?"""
    if name in _STEEP:
        return any(isinstance(a, int) and abs(a) > ARGUMENT for a in args)
    return name == "format" and any(isinstance(a, str) and _DIGITS.search(a) for a in args[1:])


def long_template(template: str, values: object = ()) -> bool:
    """Would filling in a template give a text too long?  Widths stand in it, or among the values."""
    values = values if isinstance(values, tuple) else (values,)
    wide = any(isinstance(v, int) and abs(v) > LARGEST for v in values) and ("{}" in template or "*" in template)
    return wide or len(template) > LARGEST or _DIGITS.search(template) is not None


def long_text(method: str, text: str | bytes, args: tuple) -> bool:
    """Would a method of a text give one that is too long?"""
    if method in ("ljust", "rjust", "center", "zfill", "expandtabs"):
        return any(
            isinstance(a, int) and abs(a) * (text.count("\t") + 1 if method == "expandtabs" else 1) > LARGEST
            for a in args
        )
    if method in ("replace", "translate"):
        return len(text) * max((len(a) for a in args if isinstance(a, (str, bytes))), default=1) > LARGEST
    if method in ("format", "format_map"):
        return long_template(text, args)
    return False


def long_join(separator: str, parts: tuple) -> bool:
    return sum(map(len, parts)) + len(separator) * len(parts) > LARGEST


def large_result(op: str, a: object, b: object) -> bool:
    """Would `a op b` of two constants be too large?"""
    if op == "+" and isinstance(a, (str, bytes)) and isinstance(b, (str, bytes)):
        return len(a) + len(b) > LARGEST
    if isinstance(a, int) and isinstance(b, int):
        return op == "*" and a.bit_length() + b.bit_length() > LARGEST
    return op == "%" and isinstance(a, str) and long_template(a, b)
