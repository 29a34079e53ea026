"""Products of matrices and vectors; what they share: dtypes are never promoted, leading dims are batches."""

from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.kind import OptTensor, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import broadcast_dims, broadcastable
from tensight_runtime.spec.size import product

# --- shared by the operators of linear algebra ------------------------------------------------------------------------


def adjoint(matrix):
    """The conjugate transpose, as derivatives need it."""
    return matrix.mH if matrix.dtype.is_complex else matrix.mT


def conj(tensor):
    return tensor.conj() if tensor.dtype.is_complex else tensor


def scaled(tensor, number):
    """A gradient times a factor of the forward pass."""
    if isinstance(number, complex):
        number = number.conjugate()
    return tensor if isinstance(number, int) and number == 1 else tensor * number


_CPP = {"bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
        "int64": "long int", "float32": "float", "float64": "double", "complex64": "c10::complex<float>",
        "complex128": "c10::complex<double>"}  # fmt: skip


def cpp_name(dtype: DType) -> str:
    """torch's C++ type of a dtype, as some messages have it: long int, c10::Half."""
    return _CPP.get(dtype.name, f"c10::{scalar_name(dtype)}")


def same_dtype(a, b, message="expected m1 and m2 to have the same dtype, but got: {} != {}", name=cpp_name) -> None:
    """Products do not promote."""
    if a.dtype and b.dtype and a.dtype is not b.dtype:
        raise Refused(message.format(name(a.dtype), name(b.dtype)))


class agreed:
    """A dtype rule for operands that must have one dtype: that of the first whose dtype is known."""

    def __init__(self, *params: str):
        self.params = params

    def of_op(self, op):
        positions = [op.index[p] for p in self.params]

        def dtype(values):
            for i in positions:
                value = values[i]
                for fact in value if isinstance(value, (list, tuple)) else (value,):
                    found = getattr(fact, "dtype", None)
                    if found is not None:
                        return found
            return None

        return dtype


def not_bool(fact, kernel: str) -> None:
    if fact.dtype and fact.dtype.category == 0:
        raise Refused(f"\"{kernel}\" not implemented for 'Bool'", NotImplementedError)


def expands_to(shape, target) -> None:
    """A summand that is expanded to the shape of a product, in torch's words if it cannot be."""
    if len(shape) > len(target):
        raise Refused(
            f"expand(torch.FloatTensor{{{_listed(shape)}}}, size={_listed(target)}): the number of sizes provided "
            f"({len(target)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    offset = len(target) - len(shape)
    for i, have in enumerate(shape):
        want = target[offset + i]
        require(
            eq(have, 1) if eq(want, 1) is True else broadcastable(have, want),
            "The expanded size of the tensor ({}) must match the existing size ({}) at non-singleton dimension {}.  "
            "Target sizes: {}.  Tensor sizes: {}",
            want, have, offset + i, target, shape,
        )  # fmt: skip


def _listed(shape) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def multiply(xp, a, b):
    """`a @ b`; half precision is summed in float32, as torch does."""
    if a.dtype.char == "e":
        return xp.matmul(a.astype("float32"), b.astype("float32")).astype("float16")
    return xp.matmul(a, b)


def add_scaled(xp, input, product, beta, alpha):
    """beta * input + alpha * product; with beta 0 the input is not looked at, so its NaNs do not count."""
    if product.dtype.kind in "iu":  # torch cuts the factors of integers
        beta, alpha = int(beta), int(alpha)
    if alpha != 1:
        product = (product * alpha).astype(product.dtype, copy=False)
    if beta == 0:
        return product
    return product + (input if beta == 1 else (input * beta).astype(input.dtype, copy=False))


# --- matmul and linear ------------------------------------------------------------------------------------------------


def _product_name(input, other) -> str:
    """The last of the operators that torch makes the product of."""
    names = {(1, 1): "DotBackward0", (1, 2): "SqueezeBackward4", (2, 1): "MvBackward0", (2, 2): "MmBackward0"}
    return names.get((input.ndim, other.ndim), "UnsafeViewBackward0")


def matmul_dims(input, other):
    """(..., m, k) @ (..., k, n): 1-d operands are a row or a column, leading dims broadcast."""
    a, b = input.shape, other.shape
    if not a or not b:
        raise Refused(f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D")
    if len(a) == 1 and len(b) == 1:
        return dot_dims(input, other)
    if len(b) == 1:
        rows = product(a[:-1])
        require(eq(a[-1], b[0]), "size mismatch, got input ({}), mat ({}x{}), vec ({})", rows, rows, a[-1], b[0])
        _same_as_vector(input, other)
        return a[:-1]
    row = len(a) == 1
    left = (1, *a) if row else a
    batch = broadcast_dims(left[:-2], b[:-2])
    if len(b) == 2:
        message, values = (
            "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})",
            (product(left[:-1]), left[-1], *b),
        )
        kernel = "addmm_impl_cpu_"
    else:
        message = "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}]."
        values, kernel = (product(batch), left[-1], product(batch), b[-2]), "bmm"
    require(eq(left[-1], b[-2]), message, *values)
    if kernel == "bmm":
        same_dtype(input, other, "expected scalar type {} but found {}", scalar_name)
    same_dtype(input, other)
    not_bool(input, kernel)
    return (*batch, b[-1]) if row else (*batch, a[-2], b[-1])


def _same_as_vector(mat, vec) -> None:
    if mat.dtype and vec.dtype and mat.dtype is not vec.dtype:
        names = [scalar_name(t.dtype) for t in (vec, mat, vec)]
        raise Refused("addmv input tensors must have the same dtype, but got {}, {}, and {}".format(*names))


@op(
    "torch.matmul", "Tensor.matmul", "Tensor.__matmul__", "torch.linalg.matmul",
    shape=matmul_dims, grad_name=_product_name,
    dtype=agreed("input", "other"),
    autocast="lower",
    accepts=["matmul(f32[2, 3], f32[3, 5])", "matmul(f32[7, 1, 2, 3], f32[4, 3, 5])", "matmul(f32[3], f32[3])",
             "matmul(f32[4, 2, 3], f32[3])", "matmul(f32[3], f32[4, 3, 2])", "matmul(f32[4, 2, 3], f32[3, 2])",
             "matmul(f32[0, 3], f32[3, 2])", "matmul(i64[2, 3], i64[3, 2])", "matmul(c64[2, 3], c64[3, 2])"],
    rejects={"matmul(f32[2, 3], f32[4, 5])": "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
             "matmul(f32[2, 3], f64[3, 5])": "expected m1 and m2 to have the same dtype, but got: float != double",
             "matmul(f32[5, 2, 3], f32[5, 4, 3])": "Expected size for first two dimensions of batch2 tensor to be:"
             " [5, 3]",
             "matmul(f32[2, 3], f32[4])": "size mismatch, got input (2), mat (2x3), vec (4)",
             "matmul(f32[], f32[3])": "both arguments to matmul need to be at least 1D"},
)  # fmt: skip
def matmul(xp, input: Tensor, other: Tensor):
    """Matrix product of the last two dims; leading dims broadcast.  1-d operands lose their dim again."""
    return multiply(xp, input, other)


@op("Tensor.__rmatmul__", name="__rmatmul__", composite=True, shape=lambda input, other: matmul_dims(other, input),
    dtype=agreed("input", "other"),
    accepts=["__rmatmul__(f32[3, 5], f32[2, 3])"])  # fmt: skip
def rmatmul(input: Tensor, other: Tensor):
    """`other @ input`."""
    return matmul(other, input)


@matmul.vjp("input")
def _(g, other, input_shape):
    if len(input_shape) == 1 and other.dim() == 1:
        return g * conj(other)
    if other.dim() == 1:
        return g.unsqueeze(-1) * conj(other)
    if len(input_shape) == 1:
        return (g.unsqueeze(-2) @ adjoint(other)).squeeze(-2)
    return g @ adjoint(other)


@matmul.vjp("other")
def _(g, input, other_shape):
    if len(other_shape) == 1 and input.dim() == 1:
        return g * conj(input)
    if input.dim() == 1:
        return conj(input).unsqueeze(-1) * g.unsqueeze(-2)
    if len(other_shape) == 1:
        return (adjoint(input) @ g.unsqueeze(-1)).squeeze(-1)
    if len(other_shape) == 2 and input.dim() > 2:  # one product instead of a batch that would be summed
        return adjoint(input.reshape(-1, input.shape[-1])) @ g.reshape(-1, g.shape[-1])
    return adjoint(input) @ g


def _linear_name(input, weight, bias) -> str:
    if bias is None:
        return _product_name(input, weight)
    return "AddmmBackward0" if input.ndim == 2 else "ViewBackward0"


def linear_dims(input, weight, bias=None):
    x, w = input.shape, weight.shape
    if not x or not w:
        raise Refused(f"both arguments to linear need to be at least 1D, but they are {len(x)}D and {len(w)}D")
    if len(w) > 2:
        raise Refused(f"t() expects a tensor with <= 2 dimensions, but self is {len(w)}D")
    if len(w) == 1:
        if bias is not None:
            raise Refused("mat2 must be a matrix, got 1-D tensor")
        return matmul_dims(input, weight)
    rows = product(x[:-1])
    require(eq(x[-1], w[-1]), "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})", rows, x[-1], w[-1], w[0])
    same_dtype(input, weight)
    not_bool(input, "addmm_impl_cpu_")
    if bias is not None:
        if bias.dims is not None:
            expands_to(bias.dims, (rows, w[0]))
        same_dtype(bias, weight, "self and mat2 must have the same dtype, but got {} and {}", scalar_name)
    return (*x[:-1], w[0])


@op(
    "torch.nn.functional.linear",
    shape=linear_dims, grad_name=_linear_name,
    dtype=agreed("input", "weight"),
    autocast="lower",
    accepts=["linear(f32[4, 3], f32[5, 3], f32[5])", "linear(f32[2, 4, 3], f32[5, 3])",
             "linear(f32[3], f32[5, 3], f32[5])",
             "linear(f32[2, 3], f32[3])", "linear(f32[2, 4, 3], f32[5, 3], f32[1])",
             "linear(f32[0, 3], f32[5, 3], f32[5])"],
    rejects={"linear(f32[4, 2], f32[5, 3], f32[5])": "mat1 and mat2 shapes cannot be multiplied (4x2 and 3x5)",
             "linear(f32[2, 3], f32[5, 3], f32[4])": "The expanded size of the tensor (5) must match the existing"
             " size (4)",
             "linear(i64[2, 3], f32[5, 3])": "expected m1 and m2 to have the same dtype, but got: long int != float"},
)  # fmt: skip
def linear(xp, input: Tensor("... in"), weight: Tensor("out in"), bias: OptTensor = None):
    """y = x A^T + b over the last dim; weight is (out, in)."""
    y = multiply(xp, input, weight.T)
    if bias is None:
        return y
    if bias.ndim < 2:
        y += bias
        return y
    return (y.reshape(-1, y.shape[-1]) + bias).reshape(y.shape)


@linear.vjp("input")
def _(g, weight):
    return g.unsqueeze(-1) * conj(weight) if weight.dim() == 1 else g @ conj(weight)


@linear.vjp("weight")
def _(g, input, weight_shape):
    rows = input.reshape(-1, input.shape[-1])
    if len(weight_shape) == 1:
        return conj(rows).mT @ g.reshape(-1)
    return g.reshape(-1, g.shape[-1]).mT @ conj(rows)


@linear.vjp("bias")
def _(g):
    return g


# --- products of a fixed rank -----------------------------------------------------------------------------------------


def mm_dims(input, mat2):
    a, b = input.shape, mat2.shape
    if len(a) != 2:
        raise Refused("self must be a matrix")
    if len(b) != 2:
        raise Refused("mat2 must be a matrix")
    require(eq(a[1], b[0]), "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})", *a, *b)
    same_dtype(input, mat2)
    not_bool(input, "addmm_impl_cpu_")
    return (a[0], b[1])


@op("torch.mm", "Tensor.mm", shape=mm_dims, dtype=agreed("input", "mat2"), autocast="lower",
    accepts=["mm(f32[2, 3], f32[3, 5])", "mm(f64[0, 3], f64[3, 5])", "mm(i64[2, 3], i64[3, 1])"],
    rejects={"mm(f32[2, 3], f32[4, 5])": "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
             "mm(f32[3], f32[3, 5])": "self must be a matrix", "mm(f32[2, 3], f32[3])": "mat2 must be a matrix",
             "mm(bool[2, 3], bool[3, 5])": "\"addmm_impl_cpu_\" not implemented for 'Bool'"})  # fmt: skip
def mm(xp, input: Tensor("n m"), mat2: Tensor("m p")):
    """Product of two matrices; nothing broadcasts."""
    return multiply(xp, input, mat2)


@mm.vjp("input")
def _(g, mat2):
    return g @ adjoint(mat2)


@mm.vjp("mat2")
def _(g, input):
    return adjoint(input) @ g


def bmm_dims(input, mat2):
    a, b = input.shape, mat2.shape
    for shape, name in ((a, "batch1"), (b, "batch2")):
        if len(shape) != 3:
            raise Refused(f"{name} must be a 3D tensor")
    message = "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}]."
    for have, want in ((b[0], a[0]), (b[1], a[2])):
        require(eq(have, want), message, a[0], a[2], b[0], b[1])
    same_dtype(input, mat2, "expected scalar type {} but found {}", scalar_name)
    not_bool(input, "bmm")
    return (a[0], a[1], b[2])


@op("torch.bmm", "Tensor.bmm", shape=bmm_dims, dtype=agreed("input", "mat2"), autocast="lower",
    accepts=["bmm(f32[2, 3, 4], f32[2, 4, 5])", "bmm(f32[0, 3, 4], f32[0, 4, 5])"],
    rejects={"bmm(f32[2, 3], f32[2, 3, 4])": "batch1 must be a 3D tensor",
             "bmm(f32[2, 3, 4], f32[3, 4, 4])": "Expected size for first two dimensions of batch2 tensor to be: [2,"
             " 4] but"
             " got: [3, 4]."})  # fmt: skip
def bmm(xp, input: Tensor("b n m"), mat2: Tensor("b m p")):
    """Products of two batches of matrices; nothing broadcasts."""
    return multiply(xp, input, mat2)


@bmm.vjp("input")
def _(g, mat2):
    return g @ adjoint(mat2)


@bmm.vjp("mat2")
def _(g, input):
    return adjoint(input) @ g


def mv_dims(input, vec):
    a, b = input.shape, vec.shape
    if len(a) != 2 or len(b) != 1:
        raise Refused(f"vector + matrix @ vector expected, got 1, {len(a)}, {len(b)}")
    require(eq(a[1], b[0]), "size mismatch, got input ({}), mat ({}x{}), vec ({})", a[0], a[0], a[1], b[0])
    _same_as_vector(input, vec)
    return a[:1]


@op("torch.mv", "Tensor.mv", shape=mv_dims, dtype=agreed("input", "vec"), autocast="lower",
    accepts=["mv(f32[2, 3], f32[3])", "mv(f32[0, 3], f32[3])"],
    rejects={"mv(f32[2, 3], f32[4])": "size mismatch, got input (2), mat (2x3), vec (4)"})  # fmt: skip
def mv(xp, input: Tensor("n m"), vec: Tensor("m")):
    """Matrix times vector."""
    return multiply(xp, input, vec)


@mv.vjp("input")
def _(g, vec):
    return g.unsqueeze(-1) * conj(vec)


@mv.vjp("vec")
def _(g, input):
    return adjoint(input) @ g


def dot_dims(input, other):
    a, b = input.shape, other.shape
    if len(a) != 1 or len(b) != 1:
        raise Refused(f"1D tensors expected, but got {len(a)}D and {len(b)}D tensors")
    same_dtype(input, other, "dot : expected both vectors to have same dtype, but found {} and {}", scalar_name)
    message = ("inconsistent tensor size, expected tensor [{}] and src [{}] to have the same number of elements, "
               "but got {} and {} elements respectively")  # fmt: skip
    require(eq(a[0], b[0]), message, a[0], b[0], a[0], b[0])
    not_bool(input, "dot")
    return ()


_DOT_REJECTS = {
    "(f32[2], f32[3])": "inconsistent tensor size, expected tensor [2] and src [3] to have the same number of elements",
    "(f32[2, 2], f32[3])": "1D tensors expected, but got 2D and 1D tensors",
}


@op("torch.dot", "Tensor.dot", shape=lambda input, tensor: dot_dims(input, tensor), dtype=agreed("input", "tensor"),
    accepts=["dot(f32[3], f32[3])", "dot(f32[0], f32[0])", "dot(i64[3], i64[3])", "dot(c64[3], c64[3])"],
    rejects={"dot" + call: words for call, words in _DOT_REJECTS.items()})  # fmt: skip
def dot(xp, input: Tensor("n"), tensor: Tensor("n")):
    """Sum of the products of two 1-d tensors."""
    return multiply(xp, input, tensor)


@dot.vjp("input")
def _(g, tensor):
    return g * conj(tensor)


@dot.vjp("tensor")
def _(g, input):
    return g * conj(input)


@op("torch.vdot", "Tensor.vdot", shape=dot_dims, dtype=agreed("input", "other"),
    accepts=["vdot(f32[3], f32[3])", "vdot(c64[3], c64[3])"],
    rejects={"vdot" + call: words for call, words in _DOT_REJECTS.items()})  # fmt: skip
def vdot(xp, input: Tensor("n"), other: Tensor("n")):
    """`dot` with the first operand conjugated."""
    return multiply(xp, xp.conj(input) if input.dtype.kind == "c" else input, other)


@vdot.vjp("input")
def _(g, other):
    return conj(g) * other


@vdot.vjp("other")
def _(g, input):
    return g * input
