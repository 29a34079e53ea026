"""Arithmetic that rounds as PyTorch's compiled kernels do, in plain NumPy.

PyTorch's CPU kernels are compiled with ``a * b + c`` contracted into one instruction that rounds once. NumPy has no
such operation, and rounding twice changes about a third of the values, so it is built here from error-free
transformations: the two-product of Dekker and Veltkamp, the two-sum of Knuth, and rounding to odd (Boldo and
Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

_INT64_MIN = np.iinfo(np.int64).min
# A float64 lies exactly between two neighbouring (normal) float32 values when its 29 surplus significand bits read
# 1000...0. Shifted left by 35 those bits fill the word, and the pattern becomes the smallest int64.
_SURPLUS_SHIFT = np.array(35, np.int64)


def fma_float32(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """``fma(a, b, c)`` rounded once to float32.

    a: float32 array of any shape; b, c: finite numbers that float32 holds exactly. Returns a float32 array of a's
    shape. Overflow gives infinities without a warning.
    """
    with np.errstate(over="ignore"):
        if b == 1.0 or b == 0.0 or c == 0.0:
            # One of the two operations is exact, so float32 arithmetic rounds once by itself.
            return a * np.float32(b) + np.float32(c)
        # The product of two float32 values is exact in float64.
        product = np.multiply(a, b, dtype=np.float64)
        total = product + c
        # With b tiny the sums may be float32 subnormals, whose midpoints the bit test does not know.
        if abs(b) < 2.0**-40 or has_float32_tie(total.copy()):
            # Rounded to odd first, the sum cannot go wrong in the second rounding.
            total = _add_round_to_odd(product, np.float64(c))
        return total.astype(np.float32)


def has_float32_tie(total: np.ndarray) -> bool:
    """Whether some float64 in `total` is the midpoint of two normal float32 values. Overwrites `total`."""
    bits = total.view(np.int64)
    np.left_shift(bits, _SURPLUS_SHIFT, out=bits)
    return bits.size > 0 and bits.min() == _INT64_MIN


def fma_float64(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """``fma(a, b, c)`` rounded once to float64.

    a: float64 array of any shape; b, c: numbers. Returns a float64 array of a's shape; overflow gives infinities.
    """
    if b == 1.0 or c == 0.0 or not (math.isfinite(b) and math.isfinite(c)):
        with np.errstate(over="ignore", invalid="ignore"):
            return a * b + c
    if not 2.0**-500 < abs(b) < 2.0**500 or not (c == 0 or 2.0**-500 < abs(c) < 2.0**900) or not np.isfinite(a).all():
        # The error-free transformations below would overflow or lose bits among the subnormals.
        return np.array([_fma_scalar(x, b, c) for x in a.ravel().tolist()]).reshape(a.shape)
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    inner, inner_error = _two_sum(error, c)
    outer, outer_error = _two_sum(product, inner)
    return outer + _add_round_to_odd(inner_error, outer_error)


def rounded(values: np.ndarray, dtype, bfloat16: bool = False) -> np.ndarray:
    """values (any dtype) in the dtype, through float32 on the way to a half precision, as C++ conversions go."""
    dtype = np.dtype(dtype)
    if values.dtype == dtype and not bfloat16:
        return values
    with np.errstate(over="ignore"):
        if bfloat16:
            return round_to_bfloat16(values.astype(np.float32, copy=False))
        if dtype == np.float16:
            values = values.astype(np.float32, copy=False)
        return values.astype(dtype)


def libm(function, values: np.ndarray, at_pole: float = math.nan) -> np.ndarray:
    """The C library's function of float64 values; `at_pole` where Python raises instead (log 0, exp overflow)."""
    try:
        return np.array(list(map(function, values.ravel().tolist())), dtype=np.float64).reshape(values.shape)
    except (ValueError, OverflowError):
        results = [_libm_one(function, value, at_pole) for value in values.ravel().tolist()]
        return np.array(results).reshape(values.shape)


def single(value: float) -> float:
    """value as float32 rounds it (infinite beyond its range)."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def round_to_bfloat16(x: np.ndarray) -> np.ndarray:
    """float32 array -> float32 array of the same shape whose values bfloat16 holds exactly (nearest, ties to even)."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    rounded = (bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(x), x, rounded.view(np.float32)).reshape(x.shape)


def _libm_one(function, value: float, at_pole: float) -> float:
    try:
        return function(value)
    except (ValueError, OverflowError):
        return at_pole


def _fma_scalar(a: float, b: float, c: float) -> float:
    if not math.isfinite(a):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _split(x):
    """x as the sum of two float64 of at most 26 bits each (Veltkamp)."""
    scaled = x * 134217729.0
    high = scaled - (scaled - x)
    return high, x - high


def _two_sum(a, b):
    """(rounded sum, its exact error)."""
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)


def _add_round_to_odd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b in float64, an inexact sum rounded to whichever neighbour has an odd last bit."""
    total, error = _two_sum(a, b)
    bits = total.view(np.int64)
    wrong = (error != 0) & ((bits & 1) == 0) & np.isfinite(error)
    # Away from zero when the error has the sum's sign, otherwise towards zero.
    step = np.where((error > 0) == (total > 0), 1, -1)
    return np.where(wrong, bits + step, bits).view(np.float64)
