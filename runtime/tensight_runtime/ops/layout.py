"""How a view lies in memory: the strides of a result, as far as they follow from those of its input.

`Fact.contiguous` is True (row-major, the usual case), None (nothing known) or False; the False of this file, `Apart`,
holds the strides.  So a transposed tensor remembers how it lies, and `view` can refuse in torch's words.
"""

from tensight_runtime.spec.cond import decide, divides, eq, ge, le, lt, ne
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import UnknownLike
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.size import UNKNOWN, Expr, Unknown, as_size, floor_div, lower, product, smax, smin


def integer(value):
    """An int argument as a size: what is neither a number nor an expression (a 0-dim tensor, an unknown) is UNKNOWN."""
    if isinstance(value, (int, Expr, Unknown)):
        return int(value) if isinstance(value, bool) else value
    if isinstance(value, UnknownLike) and value.python_type not in (None, int):
        raise RankUnknown
    return UNKNOWN


def integers(value) -> tuple:
    """An `Ints` argument as sizes: one int is a sequence of one."""
    if isinstance(value, (tuple, list)):
        return tuple(map(integer, value))
    if isinstance(value, UnknownLike) and value.python_type is not int:
        raise RankUnknown
    return (integer(value),)


def unsure(size) -> bool:
    """May this size argument be -1, for all that is known?"""
    return size is UNKNOWN or (type(size) is Expr and lower(size) is None)


def lesser(a, b):
    """The smaller of two sizes, as simply as can be said."""
    return a if le(a, b) is True else b if le(b, a) is True else smin(a, b)


def greater(a, b):
    """The larger of two sizes, as simply as can be said."""
    return a if le(b, a) is True else b if le(a, b) is True else smax(a, b)


def numbers(value) -> tuple[int, ...]:
    """An `Ints` argument in a kernel."""
    return tuple(map(int, value)) if isinstance(value, (tuple, list)) else (int(value),)


def row_major(dims) -> tuple:
    """The strides of a contiguous tensor."""
    strides = []
    step = 1
    for size in reversed(dims):
        strides.append(step)
        step = step * size if type(size) is not int or size > 1 else step
    return tuple(reversed(strides))


class Apart(int):
    """False, with a memory: `Fact.contiguous` of a tensor that is not contiguous and whose strides are known."""

    strides: tuple[int, ...]

    def __new__(cls, strides):
        made = super().__new__(cls, 0)
        made.strides = tuple(strides)
        return made

    def __eq__(self, other: object) -> bool:
        return self.strides == other.strides if isinstance(other, Apart) else other is False

    __hash__ = int.__hash__

    def __getnewargs__(self):
        return (self.strides,)

    def __repr__(self) -> str:
        return f"Apart({self.strides})"


def strides_of(fact: Fact) -> tuple | None:
    """The strides in elements, None if they are not known."""
    if fact.contiguous is True:
        return row_major(fact.shape)
    known = isinstance(fact.contiguous, Apart) and len(fact.contiguous.strides) == len(fact.shape)
    return fact.contiguous.strides if known else None


def arranged(dims, strides) -> bool | Apart | None:
    """`Fact.contiguous` for these strides: True if they are provably row-major, `Apart` if they are provably not."""
    if strides is None:
        return None
    if any(type(size) is int and size == 0 for size in dims):
        return True
    step = 1
    for size, stride in zip(reversed(dims), reversed(strides), strict=True):
        if type(size) is int and size == 1:
            continue
        if eq(stride, step) is not True:
            return Apart(strides) if numeric(dims, strides) else None
        step = step * size
    return True


def numeric(*groups) -> bool:
    return all(type(number) is int for group in groups for number in group)


def viewed(input: Fact, dims, strides=None, dtype=...) -> Fact:
    """The fact of a view of `input`: same device and bounds of values, its own layout."""
    return Fact(
        input.dtype if dtype is ... else dtype, tuple(dims), input.device,
        contiguous=arranged(dims, strides), interval=input.interval if dtype is ... else None,
    )  # fmt: skip


def filled(size: tuple, numel) -> tuple:
    """`size` with its -1 replaced so that `numel` elements fit; torch's refusal if they cannot."""
    message = "shape '{}' is invalid for input of size {}"
    holes = [i for i, s in enumerate(size) if type(s) is int and s == -1]
    if len(holes) > 1:
        raise Refused("only one dimension can be inferred")
    for i, s in enumerate(size):
        if type(s) is int and s < -1:
            raise Refused(f"invalid shape dimension {s} at index {i} of shape [{', '.join(map(str, size))}]")
    open_ = [i for i, s in enumerate(size) if unsure(s)]
    if not holes:
        if not open_:
            require(eq(product(size), numel), message, size, numel)
            return size
        at = open_[0]
        rest = product(size[:at] + size[at + 1 :])
        whole = len(open_) == 1 and ge(rest, 1) is True and numel is not UNKNOWN
        if whole:
            require(divides(rest, numel), message, size, numel)
        return tuple((numel // rest if whole else UNKNOWN) if i in open_ else s for i, s in enumerate(size))
    at = holes[0]
    rest = product(size[:at] + size[at + 1 :])
    known = factors_above_zero(rest)
    if decide("divides", rest, numel, known) is True or (type(rest) is int and rest == 0 and eq(numel, 0) is True):
        require(ne(rest, 0), "cannot reshape tensor of 0 elements into shape {} because the unspecified dimension "
                             "size -1 can be any "
                "value and is ambiguous", size)  # fmt: skip
    else:
        require(divides(rest, numel), message, size, numel)
    hole = floor_div(numel, rest, known)
    return tuple(hole if i == at else UNKNOWN if i in open_ else s for i, s in enumerate(size))


def factors_above_zero(size) -> dict:
    """What is known of the factors of a product that is not 0: each is 1 at least."""
    if type(size) is not Expr or len(size.terms) != 1:
        return {}
    ((monomial, _),) = size.terms
    return {
        atom: (1, None) for atom in monomial if (lower(as_size(atom)) or 0) >= 0 and lower(as_size(atom)) is not None
    }


INCOMPATIBLE = (
    "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
    "contiguous "
    "subspaces). Use .reshape(...) instead."
)


def regrouped(input: Fact, dims) -> bool | Apart | None:
    """The layout of `input` seen with other dims of as many elements: False if no view can show them, None if unsure.

    Dims that lie one in the other in memory form a group; a view may split and merge within a group only.
    """
    if input.contiguous is True:
        return True
    strides = strides_of(input)
    if strides is None:
        return None
    shape = input.shape
    result = [UNKNOWN] * len(dims)
    at = len(dims) - 1
    certain = numeric(shape, dims, strides) and 0 not in shape
    base, have, want = strides[-1] if strides else 1, 1, 1
    for d in reversed(range(len(shape))):
        have = have * shape[d]
        apart = _apart(shape[d - 1], strides[d - 1], have * base) if d else True
        if apart is False:
            continue
        while at >= 0 and eq(want, have) is not True and lt(want, have) is not False:
            result[at] = want * base
            want = want * dims[at]
            at -= 1
        while at >= 0 and eq(dims[at], 1) is True:
            result[at] = want * base
            at -= 1
        certain = certain and apart is True
        same = eq(want, have)
        if same is not True:
            return False if same is False and certain else None
        if d:
            base, have, want = strides[d - 1], 1, 1
    return arranged(dims, result) if at < 0 else None


def _apart(size, stride, inner) -> bool | None:
    """Is a dim separate from the group inside it?  A size of 1 never is.  None: take it so, but not for certain."""
    if (type(size) is int and size == 1) or eq(stride, inner) is True:
        return False
    return True if eq(size, 1) is False and eq(stride, inner) is False else None


# --- arrays ----------------------------------------------------------------------------------------------------------


def storage_of(array):
    """The array that owns the memory which `array` is a view of."""
    owner = array
    while (owner := getattr(owner, "base", None)) is not None:
        if hasattr(owner, "dtype") and owner.dtype == array.dtype:
            array = owner
    return array


def address(array) -> int:
    return array.__array_interface__["data"][0] if hasattr(array, "__array_interface__") else array.data.ptr


def strided(xp, array, shape, strides, start: int = 0):
    """A view with these strides, in bytes, from element `start` on.  Its `base` is the owner of the memory."""
    owner = storage_of(array)
    if xp.__name__ == "numpy" and owner.flags.c_contiguous and owner.size:
        offset = 0 if owner is array else address(array) - address(owner)
        return xp.ndarray(shape, array.dtype, owner, offset + start * array.itemsize, strides)
    flat = array.reshape(-1)[start:] if start else array
    return xp.lib.stride_tricks.as_strided(flat, shape, strides)
