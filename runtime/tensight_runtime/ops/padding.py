"""F.pad in its four modes.  Pairs (left, right) are given from the last dim backwards; a negative number cuts."""

from tensight_runtime.ops.windows import padded
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import ge, le, lt, ne
from tensight_runtime.spec.kind import Ints, Num, OptNum, Str, Tensor, UnknownLike
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused, require

MODES = ("constant", "reflect", "replicate", "circular")


def _pairs(pad, ndim: int):
    """(left, right) per dim, of all dims in order."""
    if isinstance(pad, UnknownLike):
        raise RankUnknown
    if len(pad) % 2:
        raise Refused("Padding length must be divisible by 2")
    if len(pad) > 2 * ndim:
        raise Refused(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {ndim}"
        )
    given = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(given)) + given[::-1]


def pad_dims(input, pad, mode="constant", value=None):
    shape = input.shape
    if isinstance(mode, UnknownLike):
        mode = "constant"  # the size is the same in all modes
    pairs = _pairs(pad, len(shape))
    if mode != "constant":
        _check_mode(shape, pad, mode, value, pairs)
    out = tuple(s if _none(lo, hi) else s + lo + hi for s, (lo, hi) in zip(shape, pairs, strict=True))
    for size, (lo, hi) in zip(out, pairs, strict=True):
        if not _none(lo, hi):
            require(ge(size, 0), "narrow(): length must be non-negative.")
    return out


def _none(lo, hi) -> bool:
    return isinstance(lo, int) and isinstance(hi, int) and lo == hi == 0


def _check_mode(shape, pad, mode, value, pairs) -> None:
    if isinstance(value, (int, float)) and value != 0 and mode in MODES:
        raise Refused(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in MODES:
        raise Refused(f"Unrecognised padding mode {mode}", NotImplementedError)
    n = len(pad) // 2
    if n not in (1, 2, 3) or len(shape) not in (n + 1, n + 2):
        raise Refused(f"Padding size {len(pad)} is not supported for {len(shape)}D input tensor.", NotImplementedError)
    for size in shape[-n - 1 :]:
        message = (
            f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {{}}"
        )
        require(ne(size, 0), message, shape)
    for i, (size, (lo, hi)) in enumerate(zip(shape, pairs, strict=True)):
        if mode == "reflect" and i >= len(shape) - n:
            message = (
                "Argument #{}: Padding size should be less than the corresponding input dimension, but got: padding "
                "({}, {}) at dimension {} of input {}"
            )
            argument = 4 + 2 * (len(shape) - 1 - i)
            for side in (lo, hi):
                require(lt(side, size), message, argument, lo, hi, i, shape)
        if mode == "circular" and i >= len(shape) - n:
            for side in (lo, hi):
                require(le(side, size), "Padding value causes wrapping around more than once.")


def _places(size: int, lo: int, hi: int, mode: str) -> list[int]:
    """Which input element each output element of one dim shows."""
    at = range(-lo, size + hi)
    if mode == "circular":  # what is cut off does not come round
        core = list(range(max(-lo, 0), size - max(-hi, 0)))
        return core[len(core) - max(lo, 0) :] + core + core[: max(hi, 0)]
    if mode == "replicate":
        return [min(max(i, 0), size - 1) for i in at]
    return [2 * (size - 1) - abs(i) if abs(i) >= size else abs(i) for i in at]


def _pad_name(pad, mode) -> str:
    names = {"constant": "ConstantPadNd", "reflect": f"ReflectionPad{len(pad) // 2}D", "circular": "CopySlices",
             "replicate": f"ReplicationPad{len(pad) // 2}D"}  # fmt: skip
    return names[mode] + ("" if mode == "circular" else "Backward0")


@op("torch.nn.functional.pad", shape=pad_dims, dtype=promote.same(), grad_name=_pad_name,
    accepts=["pad(f32[2, 3], (1, 2))", "pad(f32[2, 3], (1, 1, 2, -1), value=1.5)", "pad(i64[2, 3], (1, 1), value=1.5)",
             "pad(bool[2], (0, 1))",
             "pad(f32[1, 2, 3], (2, 1), mode='reflect')", "pad(f32[1, 2, 3, 4], (1, 2, 2, 1), mode='reflect')",
             "pad(f32[1, 2, 3], (4, 1), mode='replicate')", "pad(f32[1, 2, 3, 3], (3, 1, 1, 0), mode='circular')",
             "pad(f32[2, 3, 3, 3], (1, 1, 1, 1, 1, 1), mode='replicate')", "pad(f32[1, 2, 4], (2, -1), mode='reflect')",
             "pad(f32[], ())", "pad(f32[0, 3], (1, 1, 1, 1))"],
    rejects={"pad(f32[2, 3], (1, 1, 1, 1, 1, 1))": "Padding length should be less than or equal to two times the"
             " input dimension but"
             " got padding length 6 and input of dimension 2",
             "pad(f32[2, 3], (1,))": "Padding length must be divisible by 2",
             "pad(f32[2, 3], (-2, -2))": "narrow(): length must be non-negative.",
             "pad(f32[1, 2, 3], (3, 3), mode='reflect')": "Argument #4: Padding size should be less than the"
             " corresponding input"
             " dimension, but got: padding (3, 3) at dimension 2 of input [1, 2, 3]",
             "pad(f32[1, 2, 3, 3], (1, 1), mode='reflect')": "Padding size 2 is not supported for 4D input tensor.",
             "pad(f32[1, 2, 3], (4, 1), mode='circular')": "Padding value causes wrapping around more than once.",
             "pad(f32[1, 2, 3], (1, 1), mode='foo')": "Unrecognised padding mode foo"})  # fmt: skip
def pad(xp, input: Tensor, pad: Ints, mode: Str = "constant", value: OptNum = None):
    """Borders around the last dims, pairs from the last dim backwards: constant, reflect, replicate or circular."""
    pairs = _pairs(pad, input.ndim)
    if mode == "constant":
        if not pairs:
            return input.copy()
        result = padded(xp, input, pairs, value or 0)
        return result.copy() if result is input else result
    for axis, (lo, hi) in enumerate(pairs):
        if lo or hi:
            input = xp.take(input, xp.asarray(_places(input.shape[axis], lo, hi, mode)), axis=axis)
    return input


@pad.vjp("input")
def _(g, input_shape, pad, mode):
    if mode == "constant":
        return _pad(g, [-p for p in pad])
    return pad_input(g, tuple(input_shape), pad, mode)


_pad = pad  # the derivative's parameter of that name hides the operator


@op(shape=lambda size: tuple(size), dtype=promote.same("grad"),
    accepts=["pad_input(f32[1, 2, 6], (1, 2, 3), (2, 1), 'reflect')",
             "pad_input(f32[1, 2, 4, 7], (1, 2, 3, 3), (3, 1, 1, 0), 'circular')"])  # fmt: skip
def pad_input(xp, grad: Tensor, size: Ints, pad: Ints, mode: Str):
    """The gradient a border of copies passes to what it copied."""
    for axis, (lo, hi) in enumerate(_pairs(pad, grad.ndim)):
        if not (lo or hi):
            continue
        width, sizes = size[axis], list(grad.shape)
        sizes[axis] = width
        total = xp.zeros(sizes, dtype=grad.dtype)
        left, right = max(lo, 0), max(hi, 0)
        first, last = max(-lo, 0), width - max(-hi, 0)
        total[_at(axis, slice(first, last))] = grad[_at(axis, slice(left, grad.shape[axis] - right))]
        places = _places(width, lo, hi, mode)
        for i in [*range(left), *range(grad.shape[axis] - right, grad.shape[axis])]:
            total[_at(axis, places[i])] += grad[_at(axis, i)]
        grad = total
    return grad


@pad_input.vjp("grad")
def _(g, pad, mode):
    return _pad(g, pad, mode)


def _at(axis: int, where):
    return (*(slice(None),) * axis, where)


@op("torch.constant_pad_nd", shape=lambda input, pad: pad_dims(input, pad), dtype=promote.same(),
    accepts=["constant_pad_nd(f32[2, 3], (1, 1), 2)"])  # fmt: skip
def constant_pad_nd(xp, input: Tensor, pad: Ints, value: Num = 0):
    """A border of one value around the last dims."""
    return padded(xp, input, _pairs(pad, input.ndim), value)


@constant_pad_nd.vjp("input")
def _(g, pad):
    return _pad(g, [-p for p in pad])
