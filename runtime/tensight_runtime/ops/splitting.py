"""All parts of a tensor along one dim, as views: unbind, split, chunk.

In-place changes of the parts are refused ("multi_view").  A rule gives a tuple where the number of parts is known.  A
list means that it is not: the parts, as many as there are, have these facts (two for `chunk(2)` of C elements, but if C
is 1 there is only one).  None: nothing is known.
"""

from tensight_runtime.ops.layout import factors_above_zero, integer, integers, lesser, numbers
from tensight_runtime.ops.slicing import along, with_size, without_dim
from tensight_runtime.spec.cond import divides, eq, ge, le
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Int, Ints, Tensor, UnknownLike
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axis
from tensight_runtime.spec.size import UNKNOWN, Expr, ceil_div, floor_div, total


def parts(input: Fact, at: int, sizes):
    return tuple(with_size(input, at, size) for size in sizes)


def cut(input, at: int, sizes):
    """The arrays: consecutive pieces of these sizes."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(input[along(at, slice(start, start + size))])
        start += size
    return pieces


def rejoined(g, shape, at: int, sizes):
    """Gradients of the parts side by side, zeros for those that got none."""
    from tensight_runtime.ops.joining import cat

    some = next(part for part in g if part is not None)
    pieces = [
        some.new_zeros((*shape[:at], size, *shape[at + 1 :])) if part is None else part
        for part, size in zip(g, sizes, strict=True)
    ]
    return cat(pieces, at)


def open_rank(rule):
    """The rule, with an unknown number of results where the rank or the dim is unknown."""

    def guarded(input, how, dim):
        try:
            return rule(input, how, dim)
        except RankUnknown:
            return None

    return guarded


# --- unbind ----------------------------------------------------------------------------------------------------------


@op(
    "torch.unbind", "Tensor.unbind",
    alias="multi_view", returns="tuple",
    accepts=["unbind(f32[2, 3])", "unbind(f32[2, 3], -1)", "unbind(f32[0, 3])", "unbind(f32[2])"],
    rejects={"unbind(f32[2, 3], 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
             "unbind(f32[])": "Dimension specified as 0 but tensor has no dimensions"},
)  # fmt: skip
def unbind(xp, input: Tensor, dim: Int = 0):
    """The slices along a dim, as a tuple of views without it."""
    at = axis(int(dim), input.ndim)
    return [input[along(at, i)] for i in range(input.shape[at])]


@unbind.rule
def _(input, dim):
    try:
        if not input.shape:
            raise Refused(f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
        at = axis(dim, input.ndim)
    except RankUnknown:
        return None
    count = input.shape[at]
    return (without_dim(input, at),) * count if type(count) is int else [without_dim(input, at)]


@unbind.vjp("input")
def _(g, input_shape, dim):
    at = axis(int(dim), len(input_shape))
    return rejoined([None if p is None else p.unsqueeze(at) for p in g], input_shape, at, [1] * len(g))


# --- split, chunk ----------------------------------------------------------------------------------------------------


def _equal_parts(input, at, size):
    """Parts of `size`, the last may be smaller."""
    have = input.shape[at]
    if type(have) is int and type(size) is int:
        return parts(input, at, split_sizes(have, size))
    count = UNKNOWN if type(size) is int and size == 0 else -floor_div(-have, size, factors_above_zero(size))
    if type(count) is int and ge(size, 1) is True:
        return parts(input, at, [size] * (count - 1) + [have - (count - 1) * size])
    if type(count) is int:  # but one part of size 0 if `size` is 0
        return list(parts(input, at, [size] * (count - 1) + [have - (count - 1) * size]))
    whole = []
    while len(whole) < 8 and le((len(whole) + 1) * size, have) is True:
        whole.append(size)
    return list(parts(input, at, whole or [lesser(size, have)]))


def split_sizes(have: int, size: int) -> list[int]:
    count = max(-(-have // size), 1) if size else 1
    return [size] * (count - 1) + [have - (count - 1) * size]


@op(
    "torch.split", "Tensor.split", "torch.unsafe_split", "Tensor.unsafe_split",
    name="split", alias="multi_view", returns="tuple",
    accepts=["split(f32[5, 3], 2)", "split(f32[2, 6], 3, dim=-1)", "split(f32[0, 3], 2)", "split(f32[0, 3], 0)"],
    rejects={"split(f32[3, 5], 0)": "split_size can only be 0 if dimension size is 0, but got dimension size of 3",
             "split(f32[3, 5], -1)": "split expects split_size be non-negative, but got split_size=-1",
             "split(f32[], 1)": "split expects at least a 1-dimensional tensor"},
)  # fmt: skip
def split(xp, input: Tensor, split_size: Int, dim: Int = 0):
    """Parts of `split_size` along a dim, as a tuple of views; the last may be smaller."""
    at = axis(int(dim), input.ndim)
    return cut(input, at, split_sizes(input.shape[at], int(split_size)))


@open_rank
def _split_rule(input, split_size, dim):
    if not input.shape:
        raise Refused("split expects at least a 1-dimensional tensor")
    at, size = axis(dim, input.ndim), integer(split_size)
    require(ge(size, 0), "split expects split_size be non-negative, but got split_size={}", size)
    if type(size) is int and size == 0:
        require(
            eq(input.shape[at], 0),
            "split_size can only be 0 if dimension size is 0, but got dimension size of {}",
            input.shape[at],
        )
    return _equal_parts(input, at, size)


@split.rule
def _(input, split_size, dim):
    return _split_rule(input, split_size, dim)


@split.vjp("input")
def _(g, input_shape, split_size, dim):
    at = axis(int(dim), len(input_shape))
    return rejoined(g, input_shape, at, split_sizes(input_shape[at], int(split_size)))


@open_rank
def _sections_rule(input, split_sizes, dim):
    if not input.shape:
        raise Refused("split_with_sizes expects at least a 1-dimensional tensor")
    at = axis(dim, input.ndim)
    if isinstance(split_sizes, UnknownLike):
        return None
    sizes, have = integers(split_sizes), input.shape[at]
    for size in sizes:
        require(
            ge(size, 0),
            "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={}",
            sizes,
        )
    require(eq(total(sizes), have), "split_with_sizes expects split_sizes to sum exactly to {} (input tensor's size "
                                    "at dimension {}), "
            "but got split_sizes={}", have, at, sizes)  # fmt: skip
    hidden = [i for i, size in enumerate(sizes) if size is UNKNOWN]
    if len(hidden) == 1:  # the rest tells it
        others = total(size for i, size in enumerate(sizes) if i != hidden[0])
        sizes = tuple(have - others if i == hidden[0] else size for i, size in enumerate(sizes))
    return parts(input, at, sizes)


@op(
    "torch.split", "Tensor.split",
    name="split", overload="sizes", alias="multi_view", returns="tuple", grad_name="SplitWithSizesBackward0",
    accepts=["split(f32[5, 3], [2, 3])", "split(f32[2, 6], (1, 0, 5), dim=1)"],
    rejects={"split(f32[3, 5], [1, 1])": "split_with_sizes expects split_sizes to sum exactly to 3",
             "split(f32[3, 5], [4, -1])": "split_with_sizes expects split_sizes have only non-negative entries, but"},
)  # fmt: skip
def split_sections(xp, input: Tensor, split_size: Ints, dim: Int = 0):
    """Parts of the given sizes along a dim, as a tuple of views."""
    return cut(input, axis(int(dim), input.ndim), numbers(split_size))


@split_sections.rule
def _(input, split_size, dim):
    return _sections_rule(input, split_size, dim)


@split_sections.vjp("input")
def _(g, input_shape, split_size, dim):
    return rejoined(g, input_shape, axis(int(dim), len(input_shape)), numbers(split_size))


@op(
    "torch.split_with_sizes", "Tensor.split_with_sizes", "torch.unsafe_split_with_sizes",
    "Tensor.unsafe_split_with_sizes",
    alias="multi_view", returns="tuple",
    accepts=["split_with_sizes(f32[5, 3], [2, 3])", "split_with_sizes(f32[5, 3], (1, 2), -1)"],
    rejects={"split_with_sizes(f32[3, 5], [1, 1])": "split_with_sizes expects split_sizes to sum exactly to 3"},
)  # fmt: skip
def split_with_sizes(xp, input: Tensor, split_sizes: Ints, dim: Int = 0):
    """Parts of the given sizes along a dim, as a tuple of views."""
    return cut(input, axis(int(dim), input.ndim), numbers(split_sizes))


@split_with_sizes.rule
def _(input, split_sizes, dim):
    return _sections_rule(input, split_sizes, dim)


@split_with_sizes.vjp("input")
def _(g, input_shape, split_sizes, dim):
    return rejoined(g, input_shape, axis(int(dim), len(input_shape)), numbers(split_sizes))


def chunk_sizes(have: int, chunks: int) -> list[int]:
    return split_sizes(have, -(-have // chunks)) if have else [0] * chunks


@op(
    "torch.chunk", "Tensor.chunk", "torch.unsafe_chunk", "Tensor.unsafe_chunk",
    alias="multi_view", returns="tuple", grad_name="SplitBackward0",
    accepts=["chunk(f32[6, 3], 3)", "chunk(f32[3, 5], 4, 1)", "chunk(f32[0, 3], 3)", "chunk(f32[2, 7], 2, dim=-1)"],
    rejects={"chunk(f32[3], 0)": "chunk expects `chunks` to be greater than 0, got: 0",
             "chunk(f32[], 2)": "chunk expects at least a 1-dimensional tensor"},
)  # fmt: skip
def chunk(xp, input: Tensor, chunks: Int, dim: Int = 0):
    """At most `chunks` equal parts along a dim, as a tuple of views; the last may be smaller."""
    at = axis(int(dim), input.ndim)
    return cut(input, at, chunk_sizes(input.shape[at], int(chunks)))


@open_rank
def _chunk_rule(input, chunks, dim):
    if not input.shape:
        raise Refused("chunk expects at least a 1-dimensional tensor")
    at, count = axis(dim, input.ndim), integer(chunks)
    require(ge(count, 1), "chunk expects `chunks` to be greater than 0, got: {}", count)
    have = input.shape[at]
    if type(count) is not int:
        return list(parts(input, at, [ceil_div(have, count)])) if type(count) is Expr else None
    if type(have) is int:
        return parts(input, at, chunk_sizes(have, count))
    size = ceil_div(have, count)
    if divides(count, have) is True:
        return parts(input, at, [size] * count)
    return list(parts(input, at, [lesser(size, have - i * size) for i in range(count)]))


@chunk.rule
def _(input, chunks, dim):
    return _chunk_rule(input, chunks, dim)


@chunk.vjp("input")
def _(g, input_shape, chunks, dim):
    at = axis(int(dim), len(input_shape))
    return rejoined(g, input_shape, at, chunk_sizes(input_shape[at], int(chunks)))
