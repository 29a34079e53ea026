"""Shape rules that many operators share, and the pattern notation.

Everything here works on sizes that are ints, symbolic expressions or unknown; requirements go through `require`, so the
runtime refuses and the analyzer learns by the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from tensight_runtime.spec.cond import Cond, compare, eq, ge
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import UnknownLike
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.size import UNKNOWN, Size, Unknown, product, smax

Dims = tuple[Size, ...]


def axis(dim: int, ndim: int, wrap_scalar: bool = True) -> int:
    """A dim in [-ndim, ndim) as one in [0, ndim).  A 0-dim tensor takes 0 and -1, as in torch.

    Raises IndexError "Dimension out of range (expected to be in range of [-2, 1], but got 2)".
    """
    if not isinstance(dim, int):
        raise RankUnknown
    bound = ndim if ndim or not wrap_scalar else 1
    if not -bound <= dim < bound:
        raise Refused(
            f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {dim})", IndexError
        )
    return dim + bound if dim < 0 else dim


def axes(dim: object, ndim: int) -> tuple[int, ...]:
    """Dims as sorted-as-given axes; None or an empty sequence means all of them.  A dim twice is refused."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    many = [axis(d, ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    for i, d in enumerate(many):
        if d in many[:i]:
            raise Refused(f"dim {d} appears multiple times in the list of dims")
    return tuple(many)


def reduced(input: Fact, dim=None, keepdim=False) -> Dims:
    """The dims that are left when `dim` is reduced."""
    shape = input.shape
    gone = axes(dim, len(shape))
    if not isinstance(keepdim, bool):
        raise RankUnknown
    if keepdim:
        return tuple(1 if i in gone else s for i, s in enumerate(shape))
    return tuple(s for i, s in enumerate(shape) if i not in gone)


def same_shape(input: Fact) -> Dims | None:
    """The input's shape, also where it is unknown."""
    return input.dims


def broadcast_dims(*shapes: Dims, message: str = "") -> Dims:
    """The common shape of operands, aligned at the last dim, in torch's words if there is none."""
    result: Dims = shapes[0] if shapes else ()
    for other in shapes[1:]:
        width = max(len(result), len(other))
        joined = []
        for i, (a, b) in enumerate(zip_longest(reversed(result), reversed(other), fillvalue=1)):
            joined.append(_broadcast_size(a, b, width - 1 - i, message))
        result = tuple(reversed(joined))
    return result


def _broadcast_size(a: Size, b: Size, at: int, message: str) -> Size:
    if a is b or (type(b) is int and b == 1):
        return a
    if type(a) is int and a == 1:
        return b
    require(
        broadcastable(a, b),
        message or "The size of tensor a ({}) must match the size of tensor b ({}) at non-singleton dimension {}",
        a, b, at,
    )  # fmt: skip
    if eq(a, b) is True or type(a) is int:
        return a  # a number other than 1: b is 1 or the same, the result is a either way
    if type(b) is int:
        return b
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return UNKNOWN
    return smax(a, b) if ge(a, 1) is True and ge(b, 1) is True else UNKNOWN


def broadcastable(a: Size, b: Size) -> bool | Cond:
    """May sizes `a` and `b` meet in broadcasting?  False only if they differ wherever neither is 1."""
    return compare("broadcast", a, b)


def expandable(have: Size, want: Size) -> bool | Cond:
    """May size `have` be expanded to `want`: is it 1 or the same?  As far as one comparison can say it."""
    one, same = eq(have, 1), eq(have, want)
    if one is True or same is True:
        return True
    if one is False or (type(want) is int and want == 1):
        return same
    return one if same is False else broadcastable(have, want)


class broadcasted:
    """A shape rule: the tensors among the named operands broadcast (numbers are scalars)."""

    def __init__(self, *params: str):
        self.params = params

    def of_op(self, op) -> Callable[[Sequence], Dims]:
        positions = [op.index[p] for p in self.params]
        return lambda values: broadcast_facts([values[i] for i in positions])


def broadcast_facts(values: Sequence[object]) -> Dims:
    """The broadcast shape of the facts among `values`; numbers are scalars."""
    shapes = []
    for value in values:
        if isinstance(value, UnknownLike) and value.python_type not in (int, float, bool, complex):
            raise RankUnknown
        if hasattr(value, "fact"):
            shapes.append(value.fact.shape)
    return broadcast_dims(*shapes)


def sizes_of(size: object) -> Dims:
    """A size argument as dims: an int is one dim."""
    if isinstance(size, UnknownLike):
        raise RankUnknown
    if isinstance(size, (tuple, list)):
        return tuple(UNKNOWN if isinstance(s, UnknownLike) else s for s in size)
    return (size,)


def non_negative(dims: Dims, op: str) -> Dims:
    """Dims of a creation operator; a negative one is refused in torch's words."""
    for size in dims:
        if isinstance(size, int) and size < 0:
            raise Refused(f"Trying to create tensor with negative dimension {size}: [{', '.join(map(str, dims))}]")
    return dims


def pair(value: object, n: int = 2) -> tuple:
    """An int or a sequence as `n` numbers, as convolutions take their stride."""
    if isinstance(value, UnknownLike):
        return (UNKNOWN,) * n
    if isinstance(value, (tuple, list)):
        return tuple(value) * n if len(value) == 1 else tuple(value)
    return (value,) * n


def inferred_view(numel: Size, size: Dims, shape: Dims) -> Dims:
    """`size` with its -1 replaced so that the elements fit, torch's refusal if they cannot.

    Message: "shape '[3, 4]' is invalid for input of size 10".
    """
    from tensight_runtime.spec.cond import divides

    holes = [i for i, s in enumerate(size) if isinstance(s, int) and s == -1]
    if len(holes) > 1:
        raise Refused("only one dimension can be inferred")
    message = "shape '{}' is invalid for input of size {}"
    if not holes:
        require(eq(product(size), numel), message, size, numel)
        return size
    rest = product([s for s in size if not (isinstance(s, int) and s == -1)])
    if isinstance(rest, int) and rest == 0:
        raise Refused(
            f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    require(divides(rest, numel), message, size, numel)
    filled = list(size)
    filled[holes[0]] = numel // rest if not isinstance(numel, Unknown) and not isinstance(rest, Unknown) else UNKNOWN
    return tuple(filled)


def compile_pattern(pattern: str, op) -> Callable[[Sequence], Dims]:
    """`"... m k, ... k n -> ... m n"`: letters must agree, `...` broadcasts, in the order of the tensor parameters.

    The message of a conflict names the letter: "matmul: `k` is 3 in `input` but 4 in `other`"; declare a `@rule` where
    torch's own words matter.
    """
    left, _, right = pattern.partition("->")
    sides = [part.split() for part in left.split(",")]
    result = right.split()
    params = [p.name for p in op.params if p.kind.holds == "one"][: len(sides)]
    positions = [op.index[p] for p in params]

    def rule(values: Sequence) -> Dims:
        letters: dict[str, tuple[Size, str]] = {}
        batches: list[Dims] = []
        for side, param, position in zip(sides, params, positions, strict=True):
            fact = values[position]
            if fact is None:
                continue
            _match(op.name, side, param, fact.fact.shape, letters, batches)
        batch = broadcast_dims(*batches) if batches else ()
        dims: list[Size] = []
        for word in result:
            dims.extend(batch if word == "..." else [letters[word][0]])
        return tuple(dims)

    return rule


def _match(op: str, side: list[str], param: str, shape: Dims, letters: dict, batches: list[Dims]) -> None:
    fixed = [w for w in side if w != "..."]
    open_ended = len(fixed) < len(side)
    if len(shape) < len(fixed) or (not open_ended and len(shape) != len(fixed)):
        wanted = f"at least {len(fixed)}" if open_ended else str(len(fixed))
        raise Refused(f"{op}: `{param}` must have {wanted} dims, got {len(shape)}")
    extra = len(shape) - len(fixed)
    at = 0
    for word in side:
        if word == "...":
            batches.append(shape[at : at + extra])
            at += extra
            continue
        size = shape[at]
        at += 1
        if word in letters:
            known, where = letters[word]
            require(eq(known, size), "{}: `{}` is {} in `{}` but {} in `{}`", op, word, known, where, size, param)
        else:
            letters[word] = (size, param)
