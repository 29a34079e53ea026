"""Algorithms of random.py's discrete distributions that need no generator state."""

from __future__ import annotations

import math

import numpy as np

# From this length on torch.randperm takes 64-bit draws.
RANDPERM_WIDE = (2**32 - 1) // 20


def remainder(draws: np.ndarray, span: int) -> np.ndarray:
    """draws % span in place, for uint64 draws and 0 < span <= 2**64."""
    if span & (span - 1) == 0:
        draws &= np.uint64(span - 1)
        return draws
    divisor = np.uint64(span)
    # NumPy divides by a scalar with multiplications, much faster than it takes remainders.
    quotient = draws // divisor
    quotient *= divisor
    draws -= quotient
    return draws


def apply_swaps(partners: np.ndarray) -> np.ndarray:
    """Fisher-Yates: 0 .. n - 1 after swapping places i and partners[i], i = 0, 1, .. n - 2, one after another.

    partners: int64 of shape (n - 1,) with i <= partners[i] < n, n < 2**31. Returns int64 of shape (n,).
    """
    n = len(partners) + 1
    if n < 4096:
        order = list(range(n))
        for place, partner in enumerate(partners.tolist()):
            order[place], order[partner] = order[partner], order[place]
        return np.array(order)
    # Long lists miss the cache at every swap, so: what ends at place i is what lay at partners[i] before step i. The
    # latest step k < i with the same partner brought it there, from place k; if there is none it is partners[i].
    # Sorting (partner, step) in one integer puts such steps next to each other.
    partners = np.append(partners, n - 1)
    keys = (partners << 31) | np.arange(n)
    keys.sort()
    places, steps = keys >> 31, keys & (2**31 - 1)
    same = places[1:] == places[:-1]
    previous = np.full(n, -1)
    previous[steps[1:][same]] = steps[:-1][same]
    # What lay at place k before step k is found the same way: the latest step m < k with partner k brought it there
    # from place m. Follow those links to their ends, doubling the stride each time.
    last = np.append(~same, True)
    source = np.arange(n)
    source[places[last]] = steps[last]
    itself = partners == np.arange(n)
    source[itself] = np.where(previous[itself] >= 0, previous[itself], source[itself])
    while True:
        further = source[source]
        if np.array_equal(further, source):
            break
        source = further
    return np.where(previous >= 0, source[previous], partners)


def cumulative_distributions(weights: np.ndarray) -> np.ndarray:
    """weights (rows, categories) -> float64 of that shape: each row's cumulative distribution as torch rounds it.

    Sums run from left to right in the dtype, float32 for halves, and are divided by the last.
    """
    sums = np.cumsum(weights, axis=-1, dtype=np.float64 if weights.dtype == np.float64 else np.float32)
    sums /= sums[:, -1:].copy()
    sums[:, -1] = 1
    return sums.astype(np.float64)


class CountedUniforms:
    """Uniforms one at a time from batches drawn ahead: call it for the next one; `used` counts them."""

    def __init__(self, draw, expected: int) -> None:
        self.used = 0
        self._draw = draw
        self._batch = draw(max(expected, 1)).tolist()
        self._position = 0

    def __call__(self) -> float:
        if self._position == len(self._batch):
            self._batch = self._draw(1024).tolist()
            self._position = 0
        value = self._batch[self._position]
        self._position += 1
        self.used += 1
        return value


def poisson_count(rate: float, uniform) -> int:
    """One Poisson count for a rate >= 0; uniform() gives the next uniform in [0, 1)."""
    if rate >= 10.0:
        return _poisson_transformed_rejection(rate, uniform)
    if rate == 0.0:
        return 0
    # Multiply uniforms until the product falls to exp(-rate).
    threshold = math.exp(-rate)
    count = 0
    product = uniform()
    while product > threshold:
        count += 1
        product *= uniform()
    return count


def _poisson_transformed_rejection(rate: float, uniform) -> int:
    """Algorithm PTRS of W. Hoermann, "The transformed rejection method for generating Poisson random variables"
    (1993), which torch uses for rates from 10."""
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        if us == 0.0 or v == 0.0:  # once in 2**53 draws; the formulas below have poles there
            continue
        count = math.floor((2.0 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_r:
            return count
        if count < 0 or (us < 0.013 and v > us):
            continue
        bound = -rate + count * log_rate - math.lgamma(count + 1.0)
        if math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= bound:
            return count
