"""Helpers of the models: pure functions, constants' types."""

from __future__ import annotations

from tensight_analyzer.interp.limits import steep
from tensight_analyzer.interp.values import (
    ListValue,
    Native,
    Unknown,
)


def unknown(kind: type | None = None, why: str = "depends on the run"):
    return lambda m, args, kwargs, at: m.fresh_int("n", None) if kind is int else Unknown(why, kind)


def nothing(m, args, kwargs, at):
    return None


def identity(m, args, kwargs, at):
    return args[0] if args else Native("decorator", lambda m, args, kwargs, at: args[0])


def pure(function, kind: type | None):
    """Python's own function on constants; a value of type `kind` otherwise."""

    def call(m, args, kwargs, at):
        values = tuple(m.resolve(a) for a in args)
        plain = tuple(
            tuple(m.iterate(v)) if isinstance(v, ListValue) and isinstance(m.iterate(v), tuple) else v for v in values
        )
        if steep(getattr(function, "__name__", ""), plain):
            return Unknown("too large to compute", kind)
        if all(map(m.constant_deep, (*plain, *kwargs.values()))):
            try:
                return m.lifted(function(*plain, **kwargs))
            except Exception as error:  # whatever Python says of these constants
                return m.fail(type(error).__name__, str(error))
        return (
            m.fresh_int("n", None) if kind is int else Unknown(f"{getattr(function, '__name__', 'a function')}()", kind)
        )

    return call
