"""Dtypes and arguments of random.py's methods: integer ranges, and the errors torch raises.

Error texts are torch 2.13's, measured.
"""

from __future__ import annotations

import numpy as np

SCALAR_NAMES = {
    np.dtype(dtype): name
    for dtype, name in [
        (np.uint8, "Byte"), (np.int8, "Char"), (np.int16, "Short"), (np.int32, "Int"), (np.int64, "Long"),
        (np.uint16, "UInt16"), (np.uint32, "UInt32"), (np.uint64, "UInt64"), (np.bool_, "Bool"),
        (np.float16, "Half"), (np.float32, "Float"), (np.float64, "Double"),
        (np.complex64, "ComplexFloat"), (np.complex128, "ComplexDouble"),
    ]
}  # fmt: skip
C_NAMES = {
    np.dtype(dtype): name
    for dtype, name in [
        (np.uint8, "unsigned char"), (np.int8, "signed char"), (np.int16, "short int"), (np.int32, "int"),
        (np.int64, "long int"), (np.uint16, "short unsigned int"), (np.uint32, "unsigned int"),
        (np.uint64, "long unsigned int"), (np.bool_, "bool"), (np.float16, "c10::Half"), (np.float32, "float"),
        (np.float64, "double"), (np.complex64, "c10::complex<float>"), (np.complex128, "c10::complex<double>"),
    ]
}  # fmt: skip
BFLOAT16_MAX = 3.3895313892515355e38
_SIGNIFICAND_BITS = {np.dtype(np.float16): 11, np.dtype(np.float32): 24, np.dtype(np.float64): 53}
# PyTorch's newer unsigned dtypes, which most random kernels leave out.
BARE_UNSIGNED = (np.uint16, np.uint32, np.uint64)
_INT64_LOW, _INT64_HIGH = -(2**63), 2**63 - 1


def c_name(dtype: np.dtype, bfloat16: bool = False) -> str:
    """The dtype as C++ error texts write it."""
    return "c10::BFloat16" if bfloat16 else C_NAMES[dtype]


def check_floating(dtype: np.dtype, kernel: str) -> None:
    """NotImplementedError, in the name of torch's kernel, for a dtype that is not floating."""
    if dtype.kind != "f":
        raise NotImplementedError(f'"{kernel}" not implemented for {SCALAR_NAMES[dtype]!r}')


def check_continuous(dtype: np.dtype, name: str) -> None:
    """RuntimeError, in the name of the distribution, for a dtype that is not floating."""
    if dtype.kind != "f":
        # torch writes the dtype in two ways here: Int for the exponential, int for the Cauchy distribution.
        names = SCALAR_NAMES if name == "Exponential" else C_NAMES
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {names[dtype]}"
        )


def check_uniform_bounds(low: float, high: float, dtype: np.dtype, bfloat16: bool) -> None:
    """Raises what Tensor.uniform_ raises for bounds it refuses."""
    limit = BFLOAT16_MAX if bfloat16 else float(np.finfo(dtype).max)
    for name, bound in (("from", low), ("to", high)):
        if not -limit <= bound <= limit:
            raise RuntimeError(f"{name} is out of bounds for {c_name(dtype, bfloat16)}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    if high - low > limit:
        name = "BFloat16" if bfloat16 else SCALAR_NAMES[dtype]
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{name}>::max(), but found to={high:g} and from={low:g} "
            "which result in to-from to exceed the limit"
        )


def check_bernoulli(p: float, dtype: np.dtype) -> None:
    """Raises what Tensor.bernoulli_(p) raises for arguments it refuses."""
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if dtype.kind == "c" or dtype in BARE_UNSIGNED:
        raise NotImplementedError(f'"bernoulli_scalar_cpu_" not implemented for {SCALAR_NAMES[dtype]!r}')


def check_bernoulli_from(p: np.ndarray) -> None:
    """Raises what torch.bernoulli(p) raises for probabilities it refuses."""
    check_floating(p.dtype, "bernoulli_tensor_cpu_p_")
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  "
            "If so, please report an enhancement request to PyTorch.)"
        )


def check_geometric(p: float, dtype: np.dtype) -> None:
    """Raises what Tensor.geometric_ raises for arguments it refuses."""
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if dtype.kind not in "fiu" or dtype in BARE_UNSIGNED:
        raise NotImplementedError(f'"geometric_cpu" not implemented for {SCALAR_NAMES[dtype]!r}')


def check_poisson(rates: np.ndarray) -> None:
    """Raises what torch.poisson raises for rates it refuses."""
    check_floating(rates.dtype, "poisson_cpu")
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")


def full_range(dtype: np.dtype, bfloat16: bool) -> int:
    """The number of values of random_() without bounds. NotImplementedError for dtypes torch does not offer."""
    if dtype.kind == "f":
        return 2 ** (8 if bfloat16 else _SIGNIFICAND_BITS[dtype]) + 1
    if dtype == np.bool_:
        return 2
    if dtype.kind == "c" or dtype in BARE_UNSIGNED:
        raise NotImplementedError(f'"random_kernel_cpu" not implemented for {SCALAR_NAMES[dtype]!r}')
    return int(np.iinfo(dtype).max) + 1


def integer_range(low: int, high: int | None, dtype: np.dtype, bfloat16: bool) -> tuple[int, int, str]:
    """(base, number of values, warning text or "") of random_(low, high) in the dtype; errors as torch."""
    for bound in (low, high):
        if bound is not None and not _INT64_LOW <= bound <= _INT64_HIGH:
            raise ValueError("Overflow when unpacking long long")
    bits = (8 if bfloat16 else _SIGNIFICAND_BITS[dtype]) if dtype.kind == "f" else 0
    if high is not None:
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        if bits:
            low, high = _first_held(low, dtype, bits), _end_held(high, dtype, bits)
            if low >= high:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
                    f"from={low} >= to={high}"
                )
        last = high - 1
    elif low == _INT64_LOW:
        if dtype not in (np.int64, np.float64, np.float32):
            raise RuntimeError("random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16")
        return 0, 2**64, ""  # the 64 bits read as a signed number
    elif bits:
        last = 2**bits
        low = _first_held(low, dtype, bits)
        if low >= last:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got "
                f"from={low} > to_inc={last}"
            )
    elif dtype.kind == "c":
        raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
    else:
        # torch keeps the bound in an int64, where uint64's largest value turns into -1 (and is refused below).
        last = 1 if dtype == np.bool_ else -1 if dtype == np.uint64 else int(np.iinfo(dtype).max)
    return low, last - low + 1, _check_integer_bounds(low, last, dtype, bfloat16, bits)


def _check_integer_bounds(low: int, last: int, dtype: np.dtype, bfloat16: bool, bits: int) -> str:
    if dtype.kind == "c":
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    name = c_name(dtype, bfloat16)
    if bits:
        limit = BFLOAT16_MAX if bfloat16 else float(np.finfo(dtype).max)
        smallest, largest = -limit, limit
    elif dtype == np.bool_:
        smallest, largest = 0, 1
    else:
        smallest, largest = np.iinfo(dtype).min, min(np.iinfo(dtype).max, _INT64_HIGH)
    warning = ""
    for what, bound in (("from", low), ("to - 1", last)):
        if not smallest <= bound <= largest:
            raise RuntimeError(f"{what} is out of bounds for {name}")
        if bits and abs(bound) > 2**bits and not warning:
            warning = (
                f"{what} is out of bounds [-(2^{bits}), 2^{bits}]. Due to precision limitations {name} can support "
                "discrete uniform distribution only within this range. This warning will become an error in version "
                "1.7 release, please fix the code in advance"
            )
    return warning


def _held(value: int, dtype: np.dtype, bits: int) -> int | None:
    """The integer a floating dtype of `bits` significand bits rounds value to; None for overflow."""
    surplus = max(abs(value).bit_length() - bits, 0)
    magnitude, rest = divmod(abs(value), 1 << surplus)
    if 2 * rest > 1 << surplus or (2 * rest == 1 << surplus and magnitude & 1 and surplus):
        magnitude += 1
    magnitude <<= surplus
    if dtype == np.float16 and magnitude > 65504:
        return None
    return magnitude if value >= 0 else -magnitude


def _first_held(low: int, dtype: np.dtype, bits: int) -> int:
    """`low`, moved up if the dtype would round low + 1 below it."""
    held = _held(low + 1, dtype, bits)
    if held is None or held >= low:
        return low
    return held + (1 << (abs(low + 1).bit_length() - bits))


def _end_held(high: int, dtype: np.dtype, bits: int) -> int:
    """`high`, moved down if the dtype would round high - 1 up to it."""
    held = _held(high - 1, dtype, bits)
    if held is None or held < high:
        return high
    return held - (1 << (abs(high - 1).bit_length() - bits))


def check_randperm(n: int, dtype: np.dtype) -> None:
    """Raises what torch.randperm raises for a length and dtype it refuses."""
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype.kind in "bc" or dtype in BARE_UNSIGNED:
        raise NotImplementedError(f'"randperm" not implemented for {SCALAR_NAMES[dtype]!r}')
    if dtype.kind == "f":
        most = 2 ** _SIGNIFICAND_BITS[dtype] + 1
        if n > most:
            raise RuntimeError(f"n cannot be greater than {most} for {SCALAR_NAMES[dtype]} type.")
    elif n - 1 > np.iinfo(dtype).max:
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")


def check_multinomial(weights: np.ndarray, num_samples: int, replacement: bool) -> None:
    """Raises what torch.multinomial raises for arguments it refuses."""
    if weights.dtype.kind != "f":
        name = SCALAR_NAMES[weights.dtype]
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {name}")
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if weights.shape[-1] > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    if replacement and num_samples > 1:
        if not (weights >= 0).all():
            raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
        if not np.isfinite(weights).all():
            raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    elif not ((weights >= 0) & (weights < np.inf)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (weights > 0).any(axis=-1).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
