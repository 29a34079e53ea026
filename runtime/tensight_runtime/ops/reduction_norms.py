"""Norms of vectors and matrices, dist, renorm."""

from tensight_runtime.ops.reducing import apply, array_dtype, given_dtype, known, over, unreduced, wide
from tensight_runtime.ops.standardizing import dots
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import ge
from tensight_runtime.spec.kind import Bool, Int, Ints, Kind, Num, OptDtype, OptInts, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axes, axis, broadcast_dims, reduced

INF = float("inf")
Order = Kind("Scalar|str", lambda value: True if isinstance(value, str) else Num.admits(value), optional=True)


def norm_dtype(input, dtype):
    """Real, of the input's precision or `dtype`; integers are refused."""
    if input.dtype is not None and input.dtype.category < 2:
        raise Refused(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(input.dtype)}"
        )
    chosen = given_dtype(dtype, input.dtype)
    return chosen.to_real() if chosen else None


def vector_norm_dims(input, ord, dim, keepdim):
    dims = reduced(input, dim, keepdim)
    if isinstance(ord, (int, float)) and (ord < 0 or ord == INF):
        message = (
            "linalg.vector_norm cannot compute the {} norm on the dimension {}because this dimension is empty and the "
            "operation does not have an identity"
        )
        for d in axes(dim, len(input.shape)) if input.shape else ():
            require(ge(input.shape[d], 1), message, f"{ord:g}", d)
    return dims


@op(
    "torch.linalg.vector_norm",
    shape=vector_norm_dims, dtype=norm_dtype, autocast="fp32", grad_name="LinalgVectorNormBackward0",
    accepts=[
        "vector_norm(f32[2, 3])", "vector_norm(f32[2, 3], 1, dim=1)", "vector_norm(f32[2, 3], inf, (0, 1), True)",
        "vector_norm(f32[2, 3], 3.5, -1)", "vector_norm(f32[2, 3], 0, 0)", "vector_norm(f32[2, 3], -inf, 0)",
        "vector_norm(f32[4], 0.5)", "vector_norm(f32[4], dtype=torch.float64)", "vector_norm(f32[0, 3], dim=0)",
        "vector_norm(f32[3]{0..0})", "vector_norm(c64[3])",
    ],
    rejects={
        "vector_norm(i64[3])": "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long",
        "vector_norm(f32[0, 3], inf, 0)": "linalg.vector_norm cannot compute the inf norm on the dimension 0because",
    },
)  # fmt: skip
def vector_norm(xp, input: Tensor, ord: Num = 2, dim: OptInts = None, keepdim: Bool = False, *, dtype: OptDtype = None):
    """The p-norm over `dim` (None: of all elements): (sum |x|^ord)^(1/ord), max for inf, count for 0."""
    x = wide(input) if dtype is None else input.astype(array_dtype(dtype))
    at = over(x, dim)
    if ord == 2:
        if x.dtype.kind == "c":
            return xp.sqrt((x * x.conj()).real.sum(at, keepdims=keepdim))
        if at is None:
            return xp.sqrt(xp.square(x).sum(keepdims=keepdim))
        total = xp.sqrt(dots(xp, x, x, at if isinstance(at, tuple) else (at,)))
        return total if keepdim else xp.squeeze(total, at)
    size = xp.abs(x)
    if ord == INF:
        return size.max(at, keepdims=keepdim)
    if ord == -INF:
        return size.min(at, keepdims=keepdim)
    if ord == 0:
        return (x != 0).sum(at, keepdims=keepdim)
    if ord == 1:
        return size.sum(at, keepdims=keepdim)
    return (size**ord).sum(at, keepdims=keepdim) ** (1 / ord)


@vector_norm.vjp("input")
def _(g, input, out, ord, dim, keepdim):
    x = input
    if ord == 0:
        return x * 0
    g, norm = unreduced(g, x.shape, dim, keepdim), unreduced(out, x.shape, dim, keepdim)
    if ord == 1:
        return g * x.sgn()
    if ord == 2:
        return g * (x / norm).masked_fill(norm == 0, 0)
    if ord in (INF, -INF):
        chosen = x.abs() == norm
        count = chosen.sum(dim, True) if dim is not None else chosen.sum()
        return x.sgn() * (g / count) * chosen
    if ord < 1:
        return x.sgn() * x.abs().pow(ord - 1).masked_fill(x == 0, 0) * g * norm.pow(1 - ord)
    if ord < 2:
        return x.sgn() * x.abs().pow(ord - 1) * g * norm.pow(1 - ord)
    return x * x.abs().pow(ord - 2) * (g / norm.pow(ord - 1)).masked_fill(norm == 0, 0)


# -- matrix norms -----------------------------------------------------------------------------------------------------


def matrix_norm_dims(input, ord, dim, keepdim):
    known(dim)
    if len(input.shape) < 2:
        raise Refused("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if isinstance(dim, int) or len(dim) != 2:
        raise Refused(
            f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim if isinstance(dim, int) else ' '.join(map(str, dim))}"
        )
    if isinstance(ord, str):
        supported = ord in ("fro", "nuc")
    else:
        supported = not isinstance(ord, (int, float)) or abs(ord) in (1, 2, INF)
    if not supported:
        raise Refused(f"linalg.matrix_norm: Order {ord} not supported.")
    if axis(dim[0], len(input.shape)) == axis(dim[1], len(input.shape)):
        raise Refused(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return reduced(input, dim, keepdim)


def matrix_norm_dtype(input, dtype):
    if input.dtype is not None and input.dtype.category < 2:
        raise Refused(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {scalar_name(input.dtype)}"
        )
    return norm_dtype(input, dtype)


def as_dtype(x, dtype):
    return x if dtype is None else x.to(dtype)


@op(
    "torch.linalg.matrix_norm",
    composite=True, shape=matrix_norm_dims, dtype=matrix_norm_dtype,
    accepts=[
        "matrix_norm(f32[2, 3])", "matrix_norm(f32[4, 2, 3], 1)", "matrix_norm(f32[2, 3, 4], -inf, (0, 1), True)",
        "matrix_norm(f32[2, 3, 4], inf, (-1, 0))",
    ],
    rejects={
        "matrix_norm(f32[3])": "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.",
        "matrix_norm(f32[2, 3], 3)": "linalg.matrix_norm: Order 3 not supported.",
    },
)  # fmt: skip
def matrix_norm(
    input: Tensor, ord: Order = "fro", dim: Ints = (-2, -1), keepdim: Bool = False, *, dtype: OptDtype = None
):
    """The norm of the matrices in `dim`: "fro", "nuc", 1, inf (largest column, row sum), 2 (singular value)."""
    if ord == "fro":
        return vector_norm(input, 2, dim, keepdim, dtype=dtype)
    A = as_dtype(input, dtype)
    rows, columns = (d % A.dim() for d in dim)
    if ord in ("nuc", 2, -2):
        values = apply("torch.linalg.svdvals", A.movedim((rows, columns), (-2, -1)))
        result = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord > 0 else values.amin(-1)
        for d in sorted((rows, columns)) if keepdim else ():
            result = result.unsqueeze(d)
        return result
    added, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = A.abs().sum(added, True)
    result = sums.amax(compared, True) if ord > 0 else sums.amin(compared, True)
    return result if keepdim else result.squeeze(dim)


# -- the general forms ------------------------------------------------------------------------------------------------


def linalg_norm_dims(input, ord, dim, keepdim):
    known(dim, ord)
    if dim is None and ord is not None:
        if not 1 <= len(input.shape) <= 2:
            raise Refused(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {len(input.shape)}D."
            )
        dim = tuple(range(len(input.shape)))
    many = axes(dim, len(input.shape)) if dim is not None else ()
    if isinstance(ord, str) and len(many) != 2:
        raise Refused(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, many))}")
    if ord is not None and len(many) == 2:
        return matrix_norm_dims(input, ord, many, keepdim)
    return vector_norm_dims(input, 2 if ord is None else ord, dim, keepdim)


@op(
    "torch.linalg.norm",
    name="linalg_norm", composite=True, shape=linalg_norm_dims, dtype=norm_dtype,
    accepts=[
        "linalg_norm(f32[2, 3, 4])", "linalg_norm(f32[2, 3], 'fro')", "linalg_norm(f32[2, 3], 1)",
        "linalg_norm(f32[3], 3)", "linalg_norm(f32[2, 3, 4], dim=1)", "linalg_norm(f32[2, 3, 4], inf, (0, 2), True)",
        "linalg_norm(f32[2, 3], dim=(0, 1))", "linalg_norm(f32[2, 3], 2, 1, keepdim=True)",
    ],
    rejects={
        "linalg_norm(f32[2, 3], 3)": "linalg.matrix_norm: Order 3 not supported.",
        "linalg_norm(f32[2, 3, 4], 1)":
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got 3D.",
    },
)  # fmt: skip
def linalg_norm(
    input: Tensor, ord: Order = None, dim: OptInts = None, keepdim: Bool = False, *, dtype: OptDtype = None
):
    """input vector norm over one dim or all, a matrix norm over two dims if `ord` is given."""
    if ord is None:
        return vector_norm(input, 2, dim, keepdim, dtype=dtype)
    dims = tuple(range(input.dim())) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) == 2:
        return matrix_norm(input, ord, dims, keepdim, dtype=dtype)
    return vector_norm(input, ord, dims, keepdim, dtype=dtype)


def norm_dims(input, p, dim, keepdim):
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise Refused(f"linalg.matrix_norm: Order {p} not supported.")
    if p == "nuc":
        return matrix_norm_dims(input, p, tuple(range(len(input.shape))) if dim is None else dim, keepdim)
    return vector_norm_dims(input, 2 if p is None or p == "fro" else p, dim, keepdim)


@op(
    "torch.norm", "Tensor.norm",
    composite=True, shape=norm_dims, dtype=norm_dtype,
    accepts=[
        "norm(f32[2, 3])", "norm(f32[2, 3], 1)", "norm(f32[2, 3], dim=1)", "norm(f32[2, 3], 2, -1, True)",
        "norm(f32[2, 3], inf, (0, 1))", "norm(f32[2, 3], p='fro', dim=(0, 1), keepdim=True)",
        "norm(f32[3], dtype=torch.float64)", "norm(f32[3], None)",
    ],
    rejects={"norm(i64[3])": "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long"},
)  # fmt: skip
def norm(input: Tensor, p: Order = "fro", dim: OptInts = None, keepdim: Bool = False, dtype: OptDtype = None):
    """The p-norm over `dim` (None: of all elements); "fro" is the 2-norm, "nuc" a matrix norm."""
    if p == "nuc":
        return matrix_norm(input, p, tuple(range(input.dim())) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(input, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype)


def broadcast_all(input, other):
    broadcast_dims(input.shape, other.shape)
    return ()


@op(
    "torch.dist", "Tensor.dist",
    composite=True, shape=broadcast_all, dtype=promote.promoted(), autocast="fp32",
    accepts=["dist(f32[2, 3], f32[3])", "dist(f32[3], f32[3], 1)", "dist(f32[3], f32[3], p=inf)"],
    rejects={
        "dist(f32[2], f32[3])":
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
    },
)  # fmt: skip
def dist(input: Tensor, other: Tensor, p: Num = 2):
    """The p-norm of the difference."""
    return vector_norm(input - other, p)


def renorm_dims(input, dim):
    message = "renorm: input needs at least 2 dimensions, got {} dimensions"
    require(len(input.shape) > 1, message, len(input.shape))
    axis(dim, len(input.shape))
    return input.shape


@op(
    "torch.renorm", "Tensor.renorm",
    composite=True, inplace=True, shape=renorm_dims, dtype=promote.same(), autocast="fp32",
    accepts=["renorm(f32[2, 3], 2, 0, 1.0)", "renorm(f32[2, 3, 4], 1, -1, 0.5)"],
    rejects={
        "renorm(f32[3], 2, 0, 1.0)": "renorm: input needs at least 2 dimensions, got 1 dimensions",
        "renorm(f32[2, 3], 2, 2, 1.0)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
    },
)  # fmt: skip
def renorm(input: Tensor, p: Num, dim: Int, maxnorm: Num):
    """Slices along `dim` scaled down to a p-norm of at most `maxnorm`."""
    others = tuple(d for d in range(input.dim()) if d != dim % input.dim())
    size = vector_norm(input, p, others, True)
    big = size > maxnorm
    return input * (big * (maxnorm / (size + 1e-7)) + big.logical_not())
