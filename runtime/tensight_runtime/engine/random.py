"""PyTorch's CPU random generator (torch.Generator, torch.random) on NumPy: the same bits from the same seed.

The engine is the Mersenne Twister MT19937, which NumPy has; everything built on its 32-bit outputs follows torch:
how many outputs a value takes, in which order, and where it rounds. Measured against torch 2.13.0 (CPU, x86-64 with
AVX2); results there do not depend on the number of threads.

Methods of Generator take a shape (int or tuple) and a NumPy dtype and return a fresh C-contiguous array. bfloat16
does not exist in NumPy: where it is more than the rounding of a float32 result, a method has a `bfloat16` flag, which
returns float32 arrays whose values bfloat16 holds.

A Generator is not locked against concurrent use.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator

import numpy as np

from . import random_checks as checks
from . import random_discrete as discrete
from .random_arith import fma_float32, fma_float64, libm, rounded, single
from .random_engine import Engine, Shape, count
from .random_normal import BLOCK, BLOCKS_PER_PASS, normal_blocks_float32, normal_blocks_float64, normal_pairs


class Generator(Engine):
    """torch.Generator for the CPU, with methods that draw NumPy arrays.

    device: "cpu". Starts from torch's default seed, 67280421310721.
    """

    # Continuous distributions

    def uniform(
        self, shape: Shape, dtype, low: float = 0.0, high: float = 1.0, *, bfloat16: bool = False
    ) -> np.ndarray:
        """torch.rand, Tensor.uniform_: values in [low, high).

        dtype: float16, float32, float64, complex64, complex128 (complex: real and imaginary parts alternate). With
        `bfloat16` (dtype float32) the values are bfloat16's. RuntimeError for bounds that are reversed, not finite or
        too far apart for the dtype; NotImplementedError for other dtypes.
        """
        dtype = np.dtype(dtype)
        n = count(shape)
        if dtype.kind == "c":
            return self.uniform(2 * n, _REAL_OF[dtype], low, high).view(dtype).reshape(shape)
        checks.check_floating(dtype, "check_uniform_bounds")
        if low == 0.0 and high == 1.0:
            draw = self._uniform53 if dtype == _FLOAT64 else self._uniform24
            if dtype == _FLOAT16 or bfloat16:
                return _below(rounded(draw(n), dtype, bfloat16), 0.0, 1.0).reshape(shape)
            return self._in_passes(n, dtype, draw).reshape(shape)
        low, high = float(low), float(high)
        checks.check_uniform_bounds(low, high, dtype, bfloat16)
        if dtype == _FLOAT64:
            scaled = lambda k: _below(fma_float64(self._uniform53(k), high - low, low), low, high)
        else:
            single_low, single_high = np.float32([low, high])
            span, start = float(single_high - single_low), float(single_low)
            # The bounds as the results' own dtype rounds them.
            first, end = rounded(np.float32([low, high]), dtype, bfloat16)
            scaled = lambda k: _below(
                rounded(fma_float32(self._uniform24(k), span, start), dtype, bfloat16), first, end
            )
        return self._in_passes(n, dtype, scaled).reshape(shape)

    def normal(
        self,
        shape: Shape,
        dtype,
        mean: float = 0.0,
        std: float = 1.0,
        *,
        contiguous: bool = True,
        bfloat16: bool = False,
    ) -> np.ndarray:
        """torch.randn, Tensor.normal_: normal values of the given mean and standard deviation.

        dtype as for `uniform`; complex values have variance std**2 in all, half of it in each part. torch draws
        differently for tensors of fewer than 16 elements or not contiguous: pass contiguous=False to get the values
        of the latter, in the order in which the fill visits them (memory order for a dense permuted tensor).
        RuntimeError for std < 0, NotImplementedError for other dtypes.
        """
        dtype = np.dtype(dtype)
        if not std >= 0.0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        if dtype.kind == "c":
            real = self.normal(2 * count(shape), _REAL_OF[dtype], mean, std / math.sqrt(2), contiguous=contiguous)
            return real.view(dtype).reshape(shape)
        checks.check_floating(dtype, "normal_kernel_cpu")
        n = count(shape)
        if n < BLOCK or not contiguous:
            values = rounded(fma_float64(self._normal_values(n), std, mean), dtype, bfloat16)
        elif dtype == _FLOAT64:
            values = self._normal_blocks(n, dtype, True, self._uniform53, mean, std)
        else:
            # The half-precision kernels draw the last, overlapping block without filling its place first.
            fill_first = dtype == _FLOAT32 and not bfloat16
            mean, std = single(mean), single(std)
            values = self._normal_blocks(n, _FLOAT32, fill_first, self._draws24, mean, std)
            values = rounded(values, dtype, bfloat16)
        return values.reshape(shape)

    def log_normal(self, shape: Shape, dtype, mean: float = 1.0, std: float = 2.0) -> np.ndarray:
        """Tensor.log_normal_: exp of normal values. dtype: float16, float32, float64. RuntimeError for std <= 0."""
        if not std > 0.0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
        checks.check_floating(np.dtype(dtype), "log_normal_cpu")
        values = fma_float64(self._normal_values(count(shape)), std, mean)
        return rounded(libm(math.exp, values, math.inf), dtype).reshape(shape)

    def exponential(self, shape: Shape, dtype, lambd: float = 1.0) -> np.ndarray:
        """Tensor.exponential_: rate `lambd`. dtype: float16, float32, float64. RuntimeError for lambd <= 0."""
        if not lambd > 0.0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
        dtype = np.dtype(dtype)
        checks.check_continuous(dtype, "Exponential")
        scale = -1.0 / lambd
        through_libm = dtype == _FLOAT64 or count(shape) < 64 or not 2.0**-60 < lambd < 2.0**60

        def values(n: int) -> np.ndarray:
            uniforms = np.negative(self._uniform53(n))
            if through_libm:
                return rounded(libm(math.log1p, uniforms) * scale, dtype)
            # NumPy's log1p is an ulp or two off the C library's here and there. That matters to float32 only close
            # to the midpoint of two of its values: there alone the C library is asked.
            results = np.log1p(uniforms)
            results *= scale
            surplus = (results.view(np.int64) & 0x1FFFFFFF) - 0x10000000
            near = np.abs(surplus) < 64
            if near.any():
                results[near] = libm(math.log1p, uniforms[near]) * scale
            return rounded(results, dtype)

        return self._in_passes(count(shape), dtype, values).reshape(shape)

    def cauchy(self, shape: Shape, dtype, median: float = 0.0, sigma: float = 1.0) -> np.ndarray:
        """Tensor.cauchy_. dtype: float16, float32, float64. RuntimeError for sigma <= 0."""
        if not sigma > 0.0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
        checks.check_continuous(np.dtype(dtype), "Cauchy")
        angles = self._uniform53(count(shape))
        angles -= 0.5
        angles *= math.pi
        return rounded(fma_float64(libm(math.tan, angles), sigma, median), dtype).reshape(shape)

    def geometric(self, shape: Shape, dtype, p: float) -> np.ndarray:
        """Tensor.geometric_: trials up to the first success, at least 1. dtype: real, not bool; 0 < p < 1."""
        dtype = np.dtype(dtype)
        checks.check_geometric(p, dtype)
        uniforms = self._uniform53(count(shape))
        values = np.ceil(libm(math.log, uniforms, -math.inf) / math.log1p(-p))
        if dtype.kind != "f":
            values = values.astype(np.int64)
        return rounded(values, dtype).reshape(shape)

    # Discrete distributions

    def random_int(self, shape: Shape, low: int, high: int | None, dtype, *, bfloat16: bool = False) -> np.ndarray:
        """torch.randint, Tensor.random_(low, high): integers in [low, high); high=None: up to the dtype's largest.

        dtype: any real dtype or bool; floating ones hold every integer up to 2**(significand bits) and the bounds
        move inwards to values they hold. RuntimeError for an empty range or bounds outside the dtype.
        """
        dtype = np.dtype(dtype)
        low, span, message = checks.integer_range(low, high, dtype, bfloat16)
        if message:
            warnings.warn(message, UserWarning, stacklevel=2)
        # Ranges from 2**28 take 64 bits, or the remainder would be visibly skewed.
        draws = self._draws32 if span < 2**28 else self._draws64
        base = np.uint64(low % 2**64)

        def integers(n: int) -> np.ndarray:
            values = discrete.remainder(draws(n), span)
            values += base
            return rounded(values.view(np.int64), dtype, bfloat16)

        return self._in_passes(count(shape), dtype, integers).reshape(shape)

    def random_full(self, shape: Shape, dtype, *, bfloat16: bool = False) -> np.ndarray:
        """Tensor.random_() without bounds: 0 to the dtype's largest, floating dtypes 0 to 2**(significand bits).

        dtype: float16, float32, float64, bool, uint8, int8, int16, int32, int64; NotImplementedError for others.
        """
        dtype = np.dtype(dtype)
        span = checks.full_range(dtype, bfloat16)
        draws = self._draws64 if dtype in (np.dtype(np.int64), _FLOAT64) else self._draws32
        values = lambda n: rounded(discrete.remainder(draws(n), span).view(np.int64), dtype, bfloat16)
        return self._in_passes(count(shape), dtype, values).reshape(shape)

    def randperm(self, n: int, dtype=np.int64) -> np.ndarray:
        """torch.randperm: the integers 0 .. n - 1 in random order, shape (n,).

        RuntimeError for n < 0 or n - 1 beyond what the dtype holds, NotImplementedError for bool and complex.
        """
        dtype = np.dtype(dtype)
        checks.check_randperm(n, dtype)
        if n < 2:
            return np.arange(n, dtype=dtype)
        draws = self._draws32 if n < discrete.RANDPERM_WIDE else self._draws64
        places = np.arange(n - 1, dtype=np.uint64)
        partners = places + draws(n - 1) % (np.uint64(n) - places)
        return discrete.apply_swaps(partners.astype(np.int64)).astype(dtype, copy=False)

    def bernoulli(self, shape: Shape, p: float, dtype) -> np.ndarray:
        """Tensor.bernoulli_(p) and dropout's mask: 1 with probability p, two engine outputs each. dtype: not complex.

        RuntimeError for p outside [0, 1]. (Wheels up to torch 2.6 on Intel processors drew these from MKL instead.)
        """
        dtype = np.dtype(dtype)
        checks.check_bernoulli(p, dtype)
        return self._in_passes(count(shape), dtype, lambda n: self._uniform53(n) < p).reshape(shape)

    def bernoulli_from(self, p: np.ndarray, dtype=None) -> np.ndarray:
        """torch.bernoulli(p), Tensor.bernoulli_(p): 1 with the probability at each place of p; p's shape.

        p: float16, float32 or float64 array with values in [0, 1], else RuntimeError. dtype: the result's (p's).
        """
        checks.check_bernoulli_from(p)
        uniforms = self._uniform53(p.size) if p.dtype == _FLOAT64 else self._uniform24(p.size)
        return (uniforms < p.ravel()).astype(dtype or p.dtype).reshape(p.shape)

    def multinomial(
        self, weights: np.ndarray, num_samples: int, replacement: bool = False, *, bfloat16: bool = False
    ) -> np.ndarray:
        """torch.multinomial: category numbers, int64 of shape (num_samples,) or (rows, num_samples).

        weights: floating array of shape (categories,) or (rows, categories), non-negative, rows not all zero.
        RuntimeError otherwise, or for more samples than categories without replacement. Without replacement, the
        order among equal scores (zero weights; float16 has few distinct scores) is not torch's.
        """
        checks.check_multinomial(weights, num_samples, replacement)
        if replacement and num_samples > 1:
            rows = np.atleast_2d(weights)
            cumulative = discrete.cumulative_distributions(rows)
            uniforms = self._uniform53(len(rows) * num_samples).reshape(len(rows), num_samples)
            found = [np.searchsorted(c, u, side="left") for c, u in zip(cumulative, uniforms, strict=True)]
            return np.array(found, dtype=np.int64).reshape(*weights.shape[:-1], num_samples)
        noise = rounded(self.exponential(weights.shape, weights.dtype), weights.dtype, bfloat16)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            scores = rounded(weights / noise, weights.dtype, bfloat16)
        if num_samples == 1:
            return scores.argmax(axis=-1, keepdims=True)
        return np.argsort(-scores, axis=-1, kind="stable")[..., :num_samples]

    def poisson(self, rates: np.ndarray) -> np.ndarray:
        """torch.poisson: counts of the given rates, in rates' shape and dtype (float16, float32, float64).

        RuntimeError for a negative or NaN rate. Rates below 10 are exact; from 10 on an acceptance test compares
        logarithms, where a last-bit difference between C libraries could in principle decide otherwise.
        """
        checks.check_poisson(rates)
        before = self._bits.state
        source = discrete.CountedUniforms(self._uniform53, int(rates.size * 2 + min(float(rates.sum()), 1e5)))
        counts = [discrete.poisson_count(rate, source) for rate in rates.astype(np.float64).ravel().tolist()]
        # Uniforms were drawn ahead; go back and take only those used.
        self._bits.state = before
        self._bits.random_raw(2 * source.used, output=False)
        return rounded(np.array(counts, dtype=np.float64), rates.dtype).reshape(rates.shape)

    def _normal_values(self, n: int) -> np.ndarray:
        """n values of N(0, 1) made in pairs; the second of a pair waits for the next call if it is not used."""
        kept = [] if self._next_normal is None or n == 0 else [self._next_normal]
        missing = n - len(kept)
        made = normal_pairs(self._uniform53(missing + missing % 2).tolist())
        if n:
            self._next_normal = made.pop() if missing % 2 else None
        return np.array(kept + made, dtype=np.float64)

    def _normal_blocks(self, n: int, dtype: np.dtype, fill_first: bool, draw, mean: float, std: float) -> np.ndarray:
        transform = normal_blocks_float64 if dtype == _FLOAT64 else normal_blocks_float32
        values = np.empty(n, dtype)
        whole = n - n % BLOCK
        step = BLOCK * BLOCKS_PER_PASS
        for start in range(0, whole, step):
            stop = min(start + step, whole)
            draws = draw(stop - start)
            if stop == whole < n:
                # The last 16 places are drawn anew as one block, after the rest of the fill took its own draws.
                if fill_first:
                    self._bits.random_raw((n - whole) * (2 if dtype == _FLOAT64 else 1), output=False)
                draws = np.concatenate([draws, draw(BLOCK)])
            made = transform(draws.reshape(-1, BLOCK), mean, std).ravel()
            values[start:stop] = made[: stop - start]
        if whole < n:
            values[n - BLOCK :] = made[-BLOCK:]
        return values


default_generator = Generator()


def manual_seed(seed) -> Generator:
    """torch.manual_seed: seeds the default generator with int(seed) and returns it."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """torch.seed: seeds the default generator from the operating system's randomness; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """torch.initial_seed: the default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> np.ndarray:
    """torch.get_rng_state: the default generator's state, uint8 of shape (5056,)."""
    return default_generator.get_state()


def set_rng_state(new_state: np.ndarray) -> None:
    """torch.set_rng_state: sets the default generator's state. Errors as Generator.set_state."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled: bool = True) -> Iterator[None]:
    """torch.random.fork_rng: on leaving, the default generator is back in the state it entered with.

    devices: accepted and not used, there is only the CPU's generator. enabled=False does nothing.
    """
    if not enabled:
        yield
        return
    state = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(state)


_FLOAT16, _FLOAT32, _FLOAT64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
_REAL_OF = {np.dtype(np.complex64): _FLOAT32, np.dtype(np.complex128): _FLOAT64}


def _below(values: np.ndarray, low, high) -> np.ndarray:
    """Rounding may reach the excluded upper bound; torch then takes the lower one."""
    values[values == high] = low
    return values
