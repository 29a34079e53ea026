"""PyTorch's normal transforms for its CPU generator: uniform draws in, normal values out.

Contiguous tensors of at least 16 elements are made in blocks of 16: eight radii from the first eight uniforms, eight
angles from the last eight (Box-Muller). The float32 block follows the Cephes logf and sincosf polynomials in the order
in which torch's AVX2 kernel evaluates them, every multiply-add rounded once. The float64 block, and every other
tensor, goes through the C library, as in torch: Python's math functions call the same one, NumPy's vector functions
differ in the last bits. Source: measured against torch 2.13.0, bit for bit.

In float32 both logarithm and angle depend on a 24-bit draw alone. All 2**24 of each were compared with correctly
rounded multiply-adds: rounding the float64 sum again to float32 never lands on the wrong side here, so the general
care of random_arith is spared. tests/test_random.py repeats the comparison on a sample.
"""

from __future__ import annotations

import math

import numpy as np

from .random_arith import fma_float32, fma_float64

BLOCK = 16
# Work in passes of this many blocks keeps the work arrays in a core's caches.
BLOCKS_PER_PASS = 1024


def normal_blocks_float32(draws: np.ndarray, mean: float, std: float) -> np.ndarray:
    """24-bit draws (any integer dtype, shape (blocks, 16)) -> float32 normals of that shape.

    mean and std must be numbers that float32 holds exactly.
    """
    blocks = len(draws)
    log = log_of_complement(draws[:, :8].ravel())
    log *= _MINUS_TWO
    radius = np.sqrt(log, out=log)
    pair = cos_sin_of_turn(draws[:, 8:].ravel())
    pair *= radius
    if mean == 0.0 and std == 1.0:
        pair += _ZERO  # fma(x, 1, 0): turns -0 into 0
    else:
        pair = fma_float32(pair, std, mean)
    return pair.reshape(2, blocks, 8).transpose(1, 0, 2).reshape(blocks, BLOCK)


def normal_blocks_float64(uniforms: np.ndarray, mean: float, std: float) -> np.ndarray:
    """float64 uniforms in [0, 1) of shape (blocks, 16) -> float64 normals of that shape."""
    log_u1 = list(map(math.log, (1.0 - uniforms[:, :8]).ravel().tolist()))
    radius = np.sqrt(-2.0 * np.array(log_u1))
    theta = ((2.0 * math.pi) * uniforms[:, 8:]).ravel().tolist()
    pair = np.array([list(map(math.cos, theta)), list(map(math.sin, theta))])
    pair *= radius
    pair = fma_float64(pair, std, mean)
    return pair.reshape(2, len(uniforms), 8).transpose(1, 0, 2).reshape(uniforms.shape)


def normal_pairs(uniforms: list[float]) -> list[float]:
    """An even number of float64 uniforms -> as many N(0, 1) values, pair by pair (cosine first, then sine)."""
    values = []
    for u1, u2 in zip(uniforms[::2], uniforms[1::2], strict=True):
        radius = math.sqrt(-2.0 * math.log1p(-u2))
        theta = (2.0 * math.pi) * u1
        values.append(radius * math.cos(theta))
        values.append(radius * math.sin(theta))
    return values


def _constants(*values: float) -> list[np.ndarray]:
    # Zero-dimensional arrays: NumPy takes them in faster than Python numbers. float64 holding float32 values, since
    # products are formed in float64, where they are exact.
    return [np.array(np.float32(value), dtype=np.float64) for value in values]


# Coefficients of Stephen Moshier's Cephes library (logf, sinf, cosf), highest power first.
_LOG = _constants(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_LN2_LOW, _LN2_HIGH = (np.array(value, np.float32) for value in (-2.12194440e-4, 0.693359375))
_QUARTER_PI_PARTS = [
    np.array(value, np.float32) for value in (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)
]
# Row 0: cosine, row 1: sine; both polynomials are evaluated for every angle, so they share their calls.
_SINCOS = np.array(
    [[2.443315711809948e-5, -1.9515295891e-4],
     [-1.388731625493765e-3, 8.3321608736e-3],
     [4.166664568298827e-2, -1.6666654611e-1]], dtype=np.float32,
).astype(np.float64)[:, :, None]  # fmt: skip
# Signs of cosine and sine by j, the octant rounded up to an even number (odd columns are never looked up).
_SIGNS = np.array([[1, 0, -1, 0, -1, 0, 1, 0, 1], [1, 0, 1, 0, -1, 0, -1, 0, 1]], dtype=np.float32)
_FOUR_OVER_PI = np.array(1.27323954473516, np.float32)
_TWO_PI_PER_DRAW = np.array(np.float32(2.0 * math.pi) * np.float32(2.0**-24))
_DRAWS_RANGE = np.array(2.0**24)
_ZERO, _HALF, _ONE, _MINUS_TWO = (np.array(value, np.float32) for value in (0.0, 0.5, 1.0, -2.0))
_MINUS_HALF, _ONE_DOUBLE = (np.array(value) for value in (-0.5, 1.0))

_SQRT_HALF_BITS = np.array(np.float32(0.707106781186547524), dtype=np.float64).view(np.int64)
# The logarithm's argument comes scaled by 2**24.
_SQRT_HALF_SCALED_BITS = _SQRT_HALF_BITS + (24 << 52)
_FRACTION_MASK = np.array((1 << 52) - 1, np.int64)
_FRACTION_BITS = np.array(52, np.int64)
_INT_ONE, _INT_TWO, _EVEN = (np.array(value, np.int32) for value in (1, 2, ~1))


def log_of_complement(draws: np.ndarray) -> np.ndarray:
    """24-bit integer draws of shape (n,) -> log(1 - draws * 2**-24) as Cephes' logf gives it; float32."""
    scaled = np.subtract(_DRAWS_RANGE, draws)
    bits = scaled.view(np.int64)
    # Split into 2**exponent * (1 + x) with sqrt(1/2) <= 1 + x < sqrt(2), by integer arithmetic on the bits.
    bits -= _SQRT_HALF_SCALED_BITS
    exponent = np.right_shift(bits, _FRACTION_BITS).astype(np.float32)
    bits &= _FRACTION_MASK
    bits += _SQRT_HALF_BITS
    scaled -= _ONE_DOUBLE
    x = scaled
    x_single = x.astype(np.float32)
    z = x_single * x_single

    total = x * _LOG[0]
    total += _LOG[1]
    y = total.astype(np.float32)
    for coefficient in _LOG[2:]:
        np.multiply(x, y, out=total)
        total += coefficient
        y = total.astype(np.float32)
    y *= x_single
    np.multiply(y, z, out=total, dtype=np.float64)
    total += exponent * _LN2_LOW
    y = total.astype(np.float32)
    # The two products left (and a half of z) are exact in float32, so plain arithmetic rounds once.
    z *= _HALF
    y -= z
    y += x_single
    exponent *= _LN2_HIGH
    y += exponent
    return y


def cos_sin_of_turn(draws: np.ndarray) -> np.ndarray:
    """24-bit integer draws of shape (n,) -> float32 (2, n): Cephes' cosf and sinf of 2 pi * draws * 2**-24."""
    x = draws.astype(np.float32)
    x *= _TWO_PI_PER_DRAW
    octant = (x * _FOUR_OVER_PI).astype(np.int32)
    octant += _INT_ONE
    octant &= _EVEN
    multiple = octant.astype(np.float32)
    # The first two parts of pi/4 have few enough bits for their products to be exact in float32.
    x -= multiple * _QUARTER_PI_PARTS[0]
    x -= multiple * _QUARTER_PI_PARTS[1]
    reduced = np.multiply(multiple, _QUARTER_PI_PARTS[2], dtype=np.float64)
    np.subtract(x, reduced, out=reduced)
    x = reduced.astype(np.float32)
    z = x * x
    # Row 0: y = cosine's polynomial * z, then y * z - z / 2, then + 1. Row 1: sine's polynomial * z, then y * x + x.
    factors = np.empty((2, len(x)))
    factors[0] = z
    factors[1] = x
    z_double = factors[0]
    total = _SINCOS[0] * z_double
    total += _SINCOS[1]
    y = total.astype(np.float32)
    np.multiply(y, z_double, out=total)
    total += _SINCOS[2]
    y = total.astype(np.float32)
    y *= z
    np.multiply(y, factors, out=total)
    z_double *= _MINUS_HALF
    total += factors
    y = total.astype(np.float32)
    y[0] += _ONE
    swapped = np.bitwise_and(octant, _INT_TWO).astype(np.bool_)
    y = np.where(swapped, y[::-1], y)
    y *= _SIGNS.take(octant, axis=1)
    return y
