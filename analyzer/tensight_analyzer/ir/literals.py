"""The values of literals, computed without `eval`: analysis must not compile any of the user's text."""

from __future__ import annotations

import re
import unicodedata

_SIMPLE = {
    "\n": "",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_ESCAPE = re.compile(
    r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{([^}]+)\}|(.))", re.DOTALL
)
_BYTES_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|()()()(.))", re.DOTALL)


def number(text: str) -> int | float | complex:
    """The value of a number token; raises `ValueError` if there is none."""
    text = text.replace("_", "")
    if text[-1] in "jJ":
        return complex(0.0, float(text[:-1]))
    if text[:2].lower() in ("0x", "0o", "0b"):
        return int(text, 0)
    if text.isdigit():
        return int(text)
    return float(text)


def string(text: str) -> str | bytes:
    """The value of a string token with its prefix and quotes."""
    quote = text.index(text[-1])
    prefix = text[:quote].lower()
    width = 3 if text[quote : quote + 3] in ('"""', "'''") and len(text) >= quote + 6 else 1
    body = text[quote + width : len(text) - width]
    if "b" in prefix:
        return (body if "r" in prefix else unescape(body, _BYTES_ESCAPE)).encode("latin-1")
    return body if "r" in prefix else unescape(body)


def unescape(body: str, pattern: re.Pattern[str] = _ESCAPE) -> str:
    return pattern.sub(_character, body) if "\\" in body else body


def _character(m: re.Match[str]) -> str:
    octal, two, four, eight, name, other = m.groups()
    if other is not None:
        return _SIMPLE.get(other, m[0])
    if octal:
        code = int(octal, 8)
        return chr(code & 0xFF if m.re is _BYTES_ESCAPE else code)
    if name:
        return unicodedata.lookup(name)  # a KeyError is the caller's to catch
    return chr(int(two or four or eight, 16))
