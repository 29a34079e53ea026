"""The same elements with dims in another order: transpose, permute, movedim and the properties T, mT, H, mH."""

from tensight_runtime.ops.layout import numbers, strides_of, viewed
from tensight_runtime.spec import promote
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Int, Ints, Size, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused
from tensight_runtime.spec.shape import axis


def ordered(input: Fact, order) -> Fact:
    """The view whose dim i is the input's dim `order[i]`."""
    shape, strides = input.shape, strides_of(input)
    return viewed(input, [shape[d] for d in order], strides and [strides[d] for d in order])


def exchanged(ndim: int, dim0, dim1) -> list[int]:
    a, b = axis(dim0, ndim), axis(dim1, ndim)
    order = list(range(ndim))
    if order:
        order[a], order[b] = b, a
    return order


# --- two dims --------------------------------------------------------------------------------------------------------


@op(
    "torch.transpose", "Tensor.transpose",
    alias="view", dtype=promote.same(), inplace=True,
    accepts=["transpose(f32[2, 3], 0, 1)", "transpose(f32[2, 3, 4], -1, 0)", "transpose(f32[], 0, -1)",
             "transpose(f32[0, 3], 1, 1)"],
    rejects={"transpose(f32[2, 3], 0, 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def transpose(xp, input: Tensor, dim0: Int, dim1: Int):
    """Two dims exchanged."""
    return xp.transpose(input, exchanged(input.ndim, int(dim0), int(dim1)))


@transpose.rule
def _(input, dim0, dim1):
    return ordered(input, exchanged(input.ndim, dim0, dim1))


@transpose.vjp("input")
def _(g, dim0, dim1):
    return g.transpose(dim0, dim1)


@op(
    "torch.swapaxes", "Tensor.swapaxes",
    alias="view", dtype=promote.same(), inplace=True, grad_name="TransposeBackward0",
    accepts=["swapaxes(f32[2, 3], 0, 1)", "swapaxes(f32[2, 3, 4], axis0=-1, axis1=0)"],
    rejects={"swapaxes(f32[2, 3], 0, 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def swapaxes(xp, input: Tensor, axis0: Int, axis1: Int):
    """Two dims exchanged; NumPy's name for `transpose`."""
    return xp.transpose(input, exchanged(input.ndim, int(axis0), int(axis1)))


@swapaxes.rule
def _(input, axis0, axis1):
    return ordered(input, exchanged(input.ndim, axis0, axis1))


@swapaxes.vjp("input")
def _(g, axis0, axis1):
    return g.transpose(axis0, axis1)


@op(
    "torch.swapdims", "Tensor.swapdims",
    alias="view", dtype=promote.same(), inplace=True, grad_name="TransposeBackward0",
    accepts=["swapdims(f32[2, 3], 0, 1)", "swapdims(f32[2, 3, 4], -1, 0)"],
    rejects={"swapdims(f32[2, 3], 0, 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def swapdims(xp, input: Tensor, dim0: Int, dim1: Int):
    """Two dims exchanged; another name for `transpose`."""
    return xp.transpose(input, exchanged(input.ndim, int(dim0), int(dim1)))


@swapdims.rule
def _(input, dim0, dim1):
    return ordered(input, exchanged(input.ndim, dim0, dim1))


@swapdims.vjp("input")
def _(g, dim0, dim1):
    return g.transpose(dim0, dim1)


# --- matrices --------------------------------------------------------------------------------------------------------


def _matrix(input: Fact, name: str) -> Fact:
    """The last two dims exchanged; torch's refusal if there are fewer."""
    if input.ndim < 2:
        raise Refused(f"tensor.{name} is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor.")
    return ordered(input, exchanged(input.ndim, -2, -1))


@op(
    "torch.t", "Tensor.t",
    alias="view", dtype=promote.same(), inplace=True,
    accepts=["t(f32[2, 3])", "t(f32[2])", "t(f32[])"],
    rejects={"t(f32[2, 2, 2])": "t() expects a tensor with <= 2 dimensions, but self is 3D"},
)  # fmt: skip
def t(xp, input: Tensor):
    """A matrix transposed; tensors of fewer dims stay as they are."""
    return xp.transpose(input)


@t.rule
def _(input):
    if input.ndim > 2:
        raise Refused(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return ordered(input, range(input.ndim)[::-1])


@t.vjp("input")
def _(g):
    return g.t()


@op(
    "Tensor.T",
    name="T", alias="view", dtype=promote.same(), grad_name="PermuteBackward0",
    accepts=["T(f32[2, 3])", "T(f32[2, 3, 4])", "T(f32[2])"],
)  # fmt: skip
def reversed_dims(xp, input: Tensor):
    """The dims in reverse order: a property, `x.T`."""
    return xp.transpose(input)


@reversed_dims.rule
def _(input):
    return ordered(input, range(input.ndim)[::-1])


@reversed_dims.vjp("input")
def _(g):
    return g.T


@op(
    "Tensor.mT",
    name="mT", alias="view", dtype=promote.same(), grad_name="TransposeBackward0",
    accepts=["mT(f32[2, 3])", "mT(f32[2, 3, 4])"],
    rejects={"mT(f32[2])": "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor."},
)  # fmt: skip
def matrix_transposed(xp, input: Tensor):
    """The last two dims exchanged: a property, `x.mT`."""
    return xp.swapaxes(input, -2, -1)


@matrix_transposed.rule
def _(input):
    return _matrix(input, "mT")


@matrix_transposed.vjp("input")
def _(g):
    return g.mT


def _conjugated(xp, input):
    return xp.conj(input) if input.dtype.kind == "c" else input


def _conjugate_alias(input):
    """Conjugating copies; real tensors are viewed."""
    dtype = input.fact.dtype
    return "maybe" if dtype is None else "new" if dtype.is_complex else "view"


@op(
    "Tensor.H",
    name="H", alias=_conjugate_alias, dtype=promote.same(), grad_name="TransposeBackward0",
    accepts=["H(f32[2, 3])", "H(c64[2, 3])"],
    rejects={"H(f32[2])": "tensor.H is only supported on matrices (2-D tensors). Got 1-D tensor.",
             "H(f32[2, 3, 4])": "tensor.H is only supported on matrices (2-D tensors). Got 3-D tensor."
                                " For batches of matrices, consider using tensor.mH"},
)  # fmt: skip
def hermitian(xp, input: Tensor):
    """A matrix transposed and conjugated: a property, `x.H`."""
    return _conjugated(xp, xp.transpose(input))


@hermitian.rule
def _(input):
    if input.ndim not in (0, 2):
        hint = " For batches of matrices, consider using tensor.mH" if input.ndim > 2 else ""
        raise Refused(f"tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor.{hint}")
    return ordered(input, range(input.ndim)[::-1])


@hermitian.vjp("input")
def _(g):
    return g.H


@op(
    "Tensor.mH",
    name="mH", alias=_conjugate_alias, dtype=promote.same(), grad_name="TransposeBackward0",
    accepts=["mH(f32[4, 2, 3])", "mH(c64[2, 3])"],
    rejects={"mH(f32[2])": "tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor."},
)  # fmt: skip
def matrix_hermitian(xp, input: Tensor):
    """The last two dims exchanged and conjugated: a property, `x.mH`."""
    return _conjugated(xp, xp.swapaxes(input, -2, -1))


@matrix_hermitian.rule
def _(input):
    return _matrix(input, "mH")


@matrix_hermitian.vjp("input")
def _(g):
    return g.mH


@op(
    "torch.adjoint", "Tensor.adjoint",
    alias=_conjugate_alias, dtype=promote.same(), grad_name="TransposeBackward0",
    accepts=["adjoint(f32[4, 2, 3])", "adjoint(c64[2, 3])"],
    rejects={"adjoint(f32[2])": "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D"},
)  # fmt: skip
def adjoint(xp, input: Tensor):
    """The last two dims exchanged and conjugated."""
    return _conjugated(xp, xp.swapaxes(input, -2, -1))


@adjoint.rule
def _(input):
    return _matrix(input, "adjoint()")


@adjoint.vjp("input")
def _(g):
    return g.mH


# --- any order -------------------------------------------------------------------------------------------------------


def permutation(dims, ndim: int) -> tuple[int, ...]:
    if not isinstance(dims, (tuple, list)):
        dims = (dims,)
    if not all(isinstance(d, int) for d in dims):
        raise RankUnknown
    if len(dims) != ndim:
        raise Refused(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            "ordering of "
            f"dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = tuple(axis(d, ndim) for d in dims)
    if len(set(order)) < ndim:
        raise Refused("permute(): duplicate dims are not allowed.")
    return order


@op(
    "torch.permute", "Tensor.permute",
    alias="view", varargs="dims", dtype=promote.same(),
    accepts=["permute(f32[2, 3, 4], (2, 0, 1))", "permute(f32[2, 3, 4], (0, -1, -2))", "permute(f32[], ())"],
    rejects={"permute(f32[2, 3], (0,))": "permute(sparse_coo): number of dimensions in the tensor input does not match",
             "permute(f32[2, 3], (0, 0))": "permute(): duplicate dims are not allowed.",
             "permute(f32[2, 3], (0, 2))": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def permute(xp, input: Tensor, dims: Size):
    """The dims in the order `dims`."""
    return xp.transpose(input, numbers(dims))


@permute.rule
def _(input, dims):
    return ordered(input, permutation(dims, input.ndim))


@permute.vjp("input")
def _(g, dims):
    order = permutation(dims, g.dim())
    return g.permute(tuple(sorted(range(len(order)), key=order.__getitem__)))


def moved(ndim: int, source, destination) -> list[int]:
    """The order in which dims `source` stand at `destination` and the others keep theirs."""
    source = source if isinstance(source, (tuple, list)) else (source,)
    destination = destination if isinstance(destination, (tuple, list)) else (destination,)
    if len(source) != len(destination):
        raise Refused(
            f"movedim: Invalid source or destination dims: source ([{', '.join(map(str, source))}] dims) should "
            f"contain the same "
            f"number of dims as destination ([{', '.join(map(str, destination))}] dims)"
        )
    taken = [axis(d, ndim) for d in source]
    places = [axis(d, ndim) for d in destination]
    for name, given, dims in (("source", source, taken), ("destination", destination, places)):
        if len(set(dims)) < len(dims):
            raise Refused(f"movedim: repeated dim in `{name}` ([{', '.join(map(str, given))}])")
    rest = iter(d for d in range(ndim) if d not in taken)
    at = dict(zip(places, taken, strict=True))
    return [at[i] if i in at else next(rest) for i in range(ndim)]


@op(
    "torch.movedim", "Tensor.movedim",
    alias="view", dtype=promote.same(), grad_name="PermuteBackward0",
    accepts=["movedim(f32[2, 3, 4], 0, 2)", "movedim(f32[2, 3, 4], (0, 1), (-1, 0))", "movedim(f32[2, 3], (), ())"],
    rejects={"movedim(f32[2, 3], (0, 0), (0, 1))": "movedim: repeated dim in `source` ([0, 0])",
             "movedim(f32[2, 3], 0, 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def movedim(xp, input: Tensor, source: Ints, destination: Ints):
    """Dims `source` moved to the places `destination`; the others keep their order."""
    return xp.transpose(input, moved(input.ndim, numbers(source), numbers(destination)))


@movedim.rule
def _(input, source, destination):
    return ordered(input, moved(input.ndim, source, destination))


@movedim.vjp("input")
def _(g, source, destination):
    return g.movedim(destination, source)


@op(
    "torch.moveaxis", "Tensor.moveaxis",
    alias="view", dtype=promote.same(), grad_name="PermuteBackward0",
    accepts=["moveaxis(f32[2, 3, 4], 0, 2)"],
    rejects={"moveaxis(f32[2, 3], (1, 1), (0, 1))": "movedim: repeated dim in `source` ([1, 1])"},
)  # fmt: skip
def moveaxis(xp, input: Tensor, source: Ints, destination: Ints):
    """NumPy's name for `movedim`."""
    return xp.transpose(input, moved(input.ndim, numbers(source), numbers(destination)))


@moveaxis.rule
def _(input, source, destination):
    return ordered(input, moved(input.ndim, source, destination))


@moveaxis.vjp("input")
def _(g, source, destination):
    return g.movedim(destination, source)
