"""Complex numbers: made of parts or of magnitude and angle, taken apart, seen as pairs of real numbers."""

from tensight_runtime.ops.elementwise import unary
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import DType, float16, float32, float64
from tensight_runtime.spec.kind import Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import broadcasted, same_shape


class _Pair(promote.DtypeRule):
    """Two real operands of one floating dtype make a complex result."""

    def __init__(self, *params: str):
        super().__init__(params, lambda d: d, lambda d: d and d.to_complex())

    def of_op(self, op):
        at = [op.index[p] for p in self.params]

        def dtype(values):
            first, second = (values[i].fact.dtype for i in at)
            if first is None or second is None:
                return (first or second) and (first or second).to_complex()
            if any(d not in (float16, float32, float64) for d in (first, second)):
                names = f"{scalar_name(first)} and {scalar_name(second)}"
                raise Refused(f"Expected both inputs to be Half, Float or Double tensors but got {names}")
            if first is not second:
                raise Refused(
                    f"Expected object of scalar type {scalar_name(first)} but got scalar type {scalar_name(second)} "
                    "for second argument"
                )
            return first.to_complex()

        return dtype


@op(
    "torch.complex",
    shape=broadcasted("real", "imag"),
    dtype=_Pair("real", "imag"),
    name="complex",
    accepts=["complex(f32[2, 3], f32[3])", "complex(f64[], f64[])"],
    rejects={
        "complex(f32[2], f64[2])": "Expected object of scalar type Float but got scalar type Double",
        "complex(i64[2], i64[2])": "Expected both inputs to be Half, Float or Double tensors but got Long and Long",
    },
)
def complex_(xp, real: Tensor, imag: Tensor):
    """Complex numbers from real and imaginary parts."""
    shape = xp.broadcast_shapes(real.shape, imag.shape)
    out = xp.empty(shape, "complex64" if real.dtype.itemsize <= 4 else "complex128")
    out.real, out.imag = real, imag
    return out


@complex_.vjp("real")
def _(g, real):
    return g.real


@complex_.vjp("imag")
def _(g, imag):
    return g.imag


@op("torch.polar", shape=broadcasted("abs", "angle"), dtype=_Pair("abs", "angle"),
    accepts=["polar(f32[2, 3]{0.1..2}, f32[3])"])  # fmt: skip
def polar(xp, abs: Tensor, angle: Tensor):
    """Complex numbers from magnitudes and angles."""
    return complex_.kernel(xp, abs * xp.cos(angle), abs * xp.sin(angle))


@polar.vjp("abs")
def _(g, out):
    return (g.conj() * out.sgn()).real


@polar.vjp("angle")
def _(g, out):
    return (g.conj() * (out * 1j)).real


@op(
    "torch.real",
    "Tensor.real",
    shape=same_shape,
    in_order=False,
    dtype=promote.DtypeRule(("input",), lambda d: d, lambda d: d and d.to_real(), casts=False),
    alias=lambda input: "maybe" if input.dtype is None else "view" if input.dtype.is_complex else "same:input",
    accepts=["real(c64[3])", "real(f32[2])"],
)
def real(xp, input: Tensor):
    """The real parts, in the same memory; a real tensor itself."""
    return input.real


@real.vjp("input")
def _(g):
    return g


def _imag_dtype(input) -> DType | None:
    if input.dtype is not None and not input.dtype.is_complex:
        raise Refused("imag is not implemented for tensors with non-complex dtypes.")
    return input.dtype and input.dtype.to_real()


@op("torch.imag", "Tensor.imag", shape=same_shape, in_order=False, dtype=_imag_dtype, alias="view",
    accepts=["imag(c64[3])"],
    rejects={"imag(f32[2])": "imag is not implemented for tensors with non-complex dtypes."})  # fmt: skip
def imag(xp, input: Tensor):
    """The imaginary parts, in the same memory."""
    return input.imag


@imag.vjp("input")
def _(g):
    return g * 1j


def _itself_if_real(input) -> str:
    return "maybe" if input.dtype is None else "new" if input.dtype.is_complex else "same:input"


@op("torch.conj", "Tensor.conj", shape=same_shape, dtype=promote.same(), alias=_itself_if_real,
    accepts=["conj(c64[3])", "conj(f32[2])"])  # fmt: skip
def conj(xp, input: Tensor):
    """Complex conjugates; a real tensor itself."""
    return xp.conj(input) if input.dtype.kind == "c" else input


@conj.vjp("input")
def _(g):
    return g.conj()


@op("torch.conj_physical", "Tensor.conj_physical", inplace=True, shape=same_shape, dtype=promote.same(),
    alias=_itself_if_real, accepts=["conj_physical(c64[3])", "conj_physical(f32[2])"])  # fmt: skip
def conj_physical(xp, input: Tensor):
    """Complex conjugates; a real tensor itself."""
    return xp.conj(input) if input.dtype.kind == "c" else input


@conj_physical.vjp("input")
def _(g):
    return g.conj()


angle = unary(
    "angle",
    "The angles of complex numbers; 0 or pi of real ones.",
    lambda xp, input: xp.where(input != input, input, xp.angle(input)) if input.dtype.kind == "f" else xp.angle(input),
    lambda g, input: _angle_grad(g, input),
    inplace=False,
    accepts=["angle(c64[3])", "angle(f32[3])"],
    dtype=promote.DtypeRule(None, promote.promoted_float().compute, lambda d: d and d.to_real()),
)


def _angle_grad(g, input):
    if not input.dtype.is_complex:
        return g.new_zeros(g.shape)
    size = input.abs()
    scaled = g / size
    return (input * 1j / size * scaled).masked_fill(size == 0, 0.0)


def _complex_dtype(input) -> DType | None:
    if input.dtype is not None and not input.dtype.is_complex:
        raise Refused("view_as_real is only supported for complex tensors")
    return input.dtype and input.dtype.to_real()


@op("torch.view_as_real", shape=lambda input: (*input.shape, 2), dtype=_complex_dtype, alias="view",
    accepts=["view_as_real(c64[2, 3])", "view_as_real(c128[])"],
    rejects={"view_as_real(f32[2])": "view_as_real is only supported for complex tensors"})  # fmt: skip
def view_as_real(xp, input: Tensor):
    """Real and imaginary parts along a new last dim of 2, in the same memory."""
    return input[..., None].view("float32" if input.dtype.itemsize == 8 else "float64")


@view_as_real.vjp("input")
def _(g):
    return view_as_complex(g.contiguous())


def _pair_dims(input):
    if not input.shape:
        raise Refused("Input tensor must have one or more dimensions")
    require(eq(input.shape[-1], 2), "Tensor must have a last dimension of size 2")
    return input.shape[:-1]


def _pair_dtype(input) -> DType | None:
    if input.dtype is not None and input.dtype.category != 2:
        raise Refused(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{scalar_name(input.dtype)}"
        )
    return input.dtype and input.dtype.to_complex()


@op(
    "torch.view_as_complex",
    shape=_pair_dims,
    dtype=_pair_dtype,
    alias="view",
    accepts=["view_as_complex(f32[3, 2])", "view_as_complex(f64[2])"],
    rejects={
        "view_as_complex(f32[3])": "Tensor must have a last dimension of size 2",
        "view_as_complex(i64[3, 2])": "view_as_complex is only supported for half, float and double tensors",
    },
)
def view_as_complex(xp, input: Tensor):
    """A last dim of 2 as complex numbers, in the same memory."""
    return input.view("complex64" if input.dtype.itemsize <= 4 else "complex128")[..., 0]


@view_as_complex.vjp("input")
def _(g):
    return view_as_real(g)
