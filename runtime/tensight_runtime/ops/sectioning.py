"""Parts of a tensor by their number or by the positions they end at: tensor_split, hsplit, vsplit, dsplit."""

from tensight_runtime.ops.layout import greater, integer, integers, lesser, numbers
from tensight_runtime.ops.slicing import along, placed
from tensight_runtime.ops.splitting import cut, parts, rejoined
from tensight_runtime.spec.cond import divides, ge
from tensight_runtime.spec.dtype import int64
from tensight_runtime.spec.kind import Int, Ints, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axis
from tensight_runtime.spec.size import UNKNOWN, Expr


def section_sizes(have, sections: int) -> list:
    """As equal as can be, larger ones first."""
    if type(have) is not int and divides(sections, have) is not True:
        return [(have + sections - 1 - i) // sections for i in range(sections)]
    return [have // sections + (1 if type(have) is int and i < have % sections else 0) for i in range(sections)]


def between(have, indices) -> list:
    """Sizes of the pieces that end at `indices`, counted as slices count."""
    edges = [0, *(_edge(have, i) for i in indices), have]
    return [greater(b - a, 0) for a, b in zip(edges, edges[1:], strict=False)]


def _edge(have, index):
    if type(index) is not int and not (isinstance(index, Expr) and ge(index, 0) is True):
        return UNKNOWN
    return lesser(index, have) if ge(index, 0) is True else greater(have + index, 0)


def _pieces(have, how) -> list:
    return between(have, integers(how)) if isinstance(how, (tuple, list)) else section_sizes(have, int(how))


def _cut_by(input, at, how):
    if isinstance(how, (tuple, list)):
        edges = [0, *numbers(how), None]
        return [input[along(at, slice(a, b))] for a, b in zip(edges, edges[1:], strict=False)]
    return cut(input, at, section_sizes(input.shape[at], int(how)))


def _tensor_split_rule(input, how, dim):
    try:
        if not input.shape:
            raise Refused(
                f"tensor_split expected at least a 1-dimensional tensor, but got a tensor with {input.ndim} dims"
            )
        at = axis(dim, input.ndim)
        if isinstance(how, (tuple, list)):
            return parts(input, at, between(input.shape[at], integers(how)))
        how = integer(how)
    except RankUnknown:
        return None
    require(ge(how, 1), "number of sections must be larger than 0, got {}", how)
    return parts(input, at, section_sizes(input.shape[at], how)) if type(how) is int else None


def _by_tensor(how):
    """A kernel's `how`: an int, or positions given as a 1-dim array or tensor."""
    return how if isinstance(how, (int, tuple, list)) else how.tolist()


@op(
    "torch.tensor_split", "Tensor.tensor_split",
    alias="multi_view", returns="tuple", grad_name="SliceBackward0",
    accepts=["tensor_split(f32[7, 3], 3)", "tensor_split(f32[3, 5], (1, 4, 7), 1)", "tensor_split(f32[5], (3, 1, -1))"],
    rejects={"tensor_split(f32[3], 0)": "number of sections must be larger than 0, got 0",
             "tensor_split(f32[], 1)": "tensor_split expected at least a 1-dimensional tensor, but got a tensor with"},
)  # fmt: skip
def tensor_split(xp, input: Tensor, indices_or_sections: Ints, dim: Int = 0):
    """Parts that end at the given positions, or so many parts as equal as can be."""
    return _cut_by(input, axis(int(dim), input.ndim), _by_tensor(indices_or_sections))


@tensor_split.rule
def _(input, indices_or_sections, dim):
    return _tensor_split_rule(input, indices_or_sections, dim)


@tensor_split.vjp("input")
def _(g, input_shape, indices_or_sections, dim):
    return _overlaid(g, input_shape, axis(int(dim), len(input_shape)), _by_tensor(indices_or_sections))


@op(
    "torch.tensor_split", "Tensor.tensor_split",
    name="tensor_split", overload="tensor", alias="multi_view", returns="tuple", syncs=True,
    any_device=True, grad_name="SliceBackward0",
    accepts=["tensor_split(f32[5, 3], i64[2]{1..2})"],
    rejects={"tensor_split(f32[5], i32[2]{1..2})": "tensor_split expected tensor_indices_or_sections to have dtype of"},
)  # fmt: skip
def tensor_split_by(xp, input: Tensor, tensor_indices_or_sections: Tensor, dim: Int = 0):
    """Positions, or the number of parts, in a tensor on the CPU."""
    return _cut_by(input, axis(int(dim), input.ndim), _by_tensor(tensor_indices_or_sections))


@tensor_split_by.rule
def _(input, tensor_indices_or_sections, dim):
    how = tensor_indices_or_sections
    if how.dtype not in (None, int64):
        raise Refused(
            f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {scalar_name(how.dtype)}"
        )
    if how.dims is not None and len(how.dims) > 1:
        raise Refused("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional "
                      "tensor, but got a "
                      f"tensor with {len(how.dims)} dims")  # fmt: skip
    if not how.dims or type(how.dims[0]) is not int:
        return None
    return _tensor_split_rule(input, (UNKNOWN,) * how.dims[0], dim)


@tensor_split_by.vjp("input")
def _(g, input_shape, tensor_indices_or_sections, dim):
    return _overlaid(g, input_shape, axis(int(dim), len(input_shape)), _by_tensor(tensor_indices_or_sections))


def _overlaid(g, shape, at, how):
    """Gradients of parts; positions out of order make overlapping parts, so they add up."""
    edges = [0, *numbers(how), None] if isinstance(how, (tuple, list)) else None
    if edges is None:
        return rejoined(g, shape, at, section_sizes(shape[at], int(how)))
    terms = [
        placed(part, shape, along(at, slice(a, b)))
        for part, a, b in zip(g, edges, edges[1:], strict=False)
        if part is not None
    ]
    return sum(terms[1:], terms[0])


def _nth_split(name: str, least: int, dim: int, input, how):
    """hsplit, vsplit, dsplit: refusals of their own, then tensor_split."""
    try:
        if input.ndim < least:
            raise Refused(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} "
                f"dimensions!"
            )
        at = min(dim, input.ndim - 1)
    except RankUnknown:
        return None
    if not isinstance(how, (tuple, list)):
        how = integer(how)
        require(divides(how, input.shape[at]), "torch." + name + " attempted to split along dimension {}, but the "
                                                                 "size of the dimension "
                "{} is not divisible by the split_size {}!", at, input.shape[at], how)  # fmt: skip
    return _tensor_split_rule(input, how, at)


@op(
    "torch.hsplit", "Tensor.hsplit",
    alias="multi_view", returns="tuple", grad_name="SliceBackward0",
    accepts=["hsplit(f32[2, 4], 2)", "hsplit(f32[4], (1, 2))", "hsplit(f32[2, 4], (1, 2))"],
    rejects={"hsplit(f32[3, 5], 2)": "torch.hsplit attempted to split along dimension 1, but the size of the dimension",
             "hsplit(f32[], 1)": "torch.hsplit requires a tensor with at least 1 dimension, but got a tensor with 0"},
)  # fmt: skip
def hsplit(xp, input: Tensor, indices_or_sections: Ints):
    """Parts of the columns (of a 1-d tensor: its elements)."""
    return _cut_by(input, min(1, input.ndim - 1), _by_tensor(indices_or_sections))


@hsplit.rule
def _(input, indices_or_sections):
    return _nth_split("hsplit", 1, 1, input, indices_or_sections)


@hsplit.vjp("input")
def _(g, input_shape, indices_or_sections):
    return _overlaid(g, input_shape, min(1, len(input_shape) - 1), _by_tensor(indices_or_sections))


@op(
    "torch.vsplit", "Tensor.vsplit",
    alias="multi_view", returns="tuple", grad_name="SliceBackward0",
    accepts=["vsplit(f32[4, 3], 2)", "vsplit(f32[4, 3], (1, 2))"],
    rejects={"vsplit(f32[4], 2)": "torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with 1"},
)  # fmt: skip
def vsplit(xp, input: Tensor, indices_or_sections: Ints):
    """Parts of the rows."""
    return _cut_by(input, 0, _by_tensor(indices_or_sections))


@vsplit.rule
def _(input, indices_or_sections):
    return _nth_split("vsplit", 2, 0, input, indices_or_sections)


@vsplit.vjp("input")
def _(g, input_shape, indices_or_sections):
    return _overlaid(g, input_shape, 0, _by_tensor(indices_or_sections))


@op(
    "torch.dsplit", "Tensor.dsplit",
    alias="multi_view", returns="tuple", grad_name="SliceBackward0",
    accepts=["dsplit(f32[2, 3, 4], 2)", "dsplit(f32[2, 3, 4], (1, 3))"],
    rejects={"dsplit(f32[2, 3], 1)": "torch.dsplit requires a tensor with at least 3 dimension, but got a tensor with"},
)  # fmt: skip
def dsplit(xp, input: Tensor, indices_or_sections: Ints):
    """Parts of the third dim."""
    return _cut_by(input, 2, _by_tensor(indices_or_sections))


@dsplit.rule
def _(input, indices_or_sections):
    return _nth_split("dsplit", 3, 2, input, indices_or_sections)


@dsplit.vjp("input")
def _(g, input_shape, indices_or_sections):
    return _overlaid(g, input_shape, 2, _by_tensor(indices_or_sections))
