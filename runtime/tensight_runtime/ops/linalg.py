"""Products of matrices and linear algebra."""

from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import OptTensor, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import broadcast_dims


def same_dtype(a: Fact, b: Fact) -> None:
    """Products do not promote: "expected m1 and m2 to have the same dtype, but got: float != double"."""
    if a.dtype and b.dtype and a.dtype is not b.dtype:
        raise Refused(
            f"expected m1 and m2 to have the same dtype, but got: {_cpp(a.dtype)} != {_cpp(b.dtype)}"
        )


def _cpp(dtype) -> str:
    names = {"float32": "float", "float64": "double", "int64": "long long", "int32": "int", "bool": "bool"}
    return names.get(dtype.name, f"c10::{scalar_name(dtype)}")


def matmul_dims(input, other):
    """(..., m, k) @ (..., k, n): 1-d operands are a row or a column, leading dims broadcast."""
    a, b = input.shape, other.shape
    if not a or not b:
        raise Refused(
            f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D"
        )
    same_dtype(input, other)
    if len(a) == 1 and len(b) == 1:
        require(
            eq(a[0], b[0]),
            "inconsistent tensor size, expected tensor [{}] and src [{}] to have the same number of elements, but got {} and {}"
            " elements respectively",
            a[0], b[0], a[0], b[0],
        )  # fmt: skip
        return ()
    if len(b) == 1:
        if len(a) == 2:
            require(eq(a[-1], b[0]), "size mismatch, got input ({}), mat ({}x{}), vec ({})", a[0], a[0], a[1], b[0])
        else:
            _inner(a, (b[0], 1))
        return a[:-1]
    if len(a) == 1:
        _inner((1, a[0]), b)
        return (*b[:-2], b[-1])
    _inner(a, b)
    return (*broadcast_dims(a[:-2], b[:-2]), a[-2], b[-1])


def _inner(a, b) -> None:
    rows = a[-2]
    for size in a[:-2]:  # torch folds the leading dims of the left operand into its rows
        rows = rows * size
    if len(b) == 2:
        require(eq(a[-1], b[-2]), "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})", rows, a[-1], b[-2], b[-1])
    else:
        require(
            eq(a[-1], b[-2]),
            "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].",
            b[0], a[-1], b[0], b[-2],
        )  # fmt: skip


@op(
    "torch.matmul", "Tensor.matmul", "Tensor.__matmul__", "torch.linalg.matmul",
    shape=matmul_dims,
    dtype=promote.same("input"),
    autocast="lower",
    accepts=["matmul(f32[2, 3], f32[3, 5])", "matmul(f32[7, 1, 2, 3], f32[4, 3, 5])", "matmul(f32[3], f32[3])",
             "matmul(f32[4, 2, 3], f32[3])", "matmul(f32[3], f32[4, 3, 2])"],
    rejects={"matmul(f32[2, 3], f32[4, 5])": "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
             "matmul(f32[2, 3], f64[3, 5])": "expected m1 and m2 to have the same dtype, but got: float != double"},
)  # fmt: skip
def matmul(xp, input: Tensor, other: Tensor):
    """Matrix product; 1-d operands are a row or a column, leading dims broadcast."""
    return xp.matmul(input, other)


@matmul.vjp("input")
def _(g, other, input_shape):
    if len(input_shape) == 1 and other.dim() == 1:
        return g * other
    if other.dim() == 1:
        return g.unsqueeze(-1) * other
    if len(input_shape) == 1:
        g = g.unsqueeze(-2)
    left = g @ other.mT
    return left.squeeze(-2) if len(input_shape) == 1 else left


@matmul.vjp("other")
def _(g, input, other_shape):
    if len(other_shape) == 1 and input.dim() == 1:
        return g * input
    if input.dim() == 1:
        return input.unsqueeze(-1) * g.unsqueeze(-2)
    if len(other_shape) == 1:
        right = input.mT @ g.unsqueeze(-1)
        return right.squeeze(-1)
    return input.mT @ g


def linear_dims(input, weight, bias=None):
    x, w = input.shape, weight.shape
    if not x:
        raise Refused("both arguments to linear need to be at least 1D, but they are 0D and 2D")
    rows = 1
    for size in x[:-1]:
        rows = rows * size
    require(eq(x[-1], w[-1]), "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})", rows, x[-1], w[-1], w[0])
    if input.dtype and weight.dtype and input.dtype is not weight.dtype:
        raise Refused(f"mat1 and mat2 must have the same dtype, but got {scalar_name(input.dtype)} and {scalar_name(weight.dtype)}")
    return x[:-1] + w[:-1]


@op(
    "torch.nn.functional.linear",
    shape=linear_dims,
    dtype=promote.same("input"),
    autocast="lower",
    accepts=["linear(f32[4, 3], f32[5, 3], f32[5])", "linear(f32[2, 4, 3], f32[5, 3])", "linear(f32[3], f32[5, 3], f32[5])"],
    rejects={"linear(f32[4, 2], f32[5, 3], f32[5])": "mat1 and mat2 shapes cannot be multiplied (4x2 and 3x5)"},
)  # fmt: skip
def linear(xp, input: Tensor("... in"), weight: Tensor("out in"), bias: OptTensor = None):
    """y = x A^T + b."""
    y = xp.matmul(input, weight.T)
    return y if bias is None else y + bias


@linear.vjp("input")
def _(g, weight):
    return g @ weight


@linear.vjp("weight")
def _(g, input):
    rows = g.reshape(-1, g.shape[-1])
    return rows.mT @ input.reshape(-1, input.shape[-1])


@linear.vjp("bias")
def _(g):
    return g
