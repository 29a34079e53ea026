"""Functions of matrices: powers, rank, condition, exponential, Vandermonde; tensor forms of solve and inv."""

from tensight_runtime.ops.linalg import adjoint
from tensight_runtime.ops.linalg_lstsq import threshold
from tensight_runtime.ops.linalg_solve import Square, floating, linalg_inv, linalg_solve, matrix, square
from tensight_runtime.ops.linalg_spectral import linalg_svdvals
from tensight_runtime.ops.linalg_triangular import _cat
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, ge, gt
from tensight_runtime.spec.dtype import int64
from tensight_runtime.spec.kind import Any, Bool, Int, OptInt, OptInts, OptTensorOrNum, Tensor, TensorOrNum, UnknownLike
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axis
from tensight_runtime.spec.size import product, smax, smin

# --- powers -----------------------------------------------------------------------------------------------------------


def power_dims(input, n):
    shape = matrix(input, "linalg.matrix_power")
    message = "linalg.matrix_power: A must be batches of square matrices, but they are {} by {} matrices"
    require(eq(shape[-1], shape[-2]), message, *shape[-2:])
    return shape


@op("torch.linalg.matrix_power", "torch.matrix_power", "Tensor.matrix_power", composite=True, shape=power_dims,
    dtype=promote.same(),
    accepts=["matrix_power(f64[3, 3], 5)", "matrix_power(f64[2, 3, 3], -2)", "matrix_power(f64[3, 3], 0)",
             "matrix_power(i64[2, 2], 3)"],
    rejects={"matrix_power(f32[2, 3], 2)": "linalg.matrix_power: A must be batches of square matrices, but they are 2"
             " by 3 matrices"})  # fmt: skip
def matrix_power(input: Square, n: Int):
    """The product of n copies of a square matrix; of its inverse if n is negative."""
    if n == 0:
        return (
            (input * 0).masked_fill(input.new_ones(input.shape[:-1]).diag_embed().bool(), 1)
            if input.numel()
            else input * 1
        )
    if n < 0:
        input, n = linalg_inv(input), -n
    result = None
    while n:
        if n & 1:
            result = input if result is None else result @ input
        n >>= 1
        if n:
            input = input @ input
    return result.clone() if result is input else result


# --- rank and condition -----------------------------------------------------------------------------------------------


def rank_dims(input):
    shape = input.shape
    if len(shape) < 2:
        raise Refused("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    if input.dtype and input.dtype.category < 2:
        raise Refused("This function doesn't handle types other than float and double")
    return shape[:-2]


def _rank(xp, input, atol, rtol, hermitian):
    S = xp.abs(xp.linalg.eigvalsh(input)) if hermitian else xp.linalg.svd(input, compute_uv=False)
    return (S > threshold(xp, S, input.shape, atol, rtol)).sum(axis=-1)


@op("torch.linalg.matrix_rank", shape=rank_dims, dtype=int64,
    accepts=["matrix_rank(f32[3, 4])", "matrix_rank(f64[5, 3, 3], atol=0.5)", "matrix_rank(f64[3, 3], rtol=0.5)"],
    rejects={"matrix_rank(f32[3])": "torch.linalg.matrix_rank: The input tensor input must have at least 2"
             " dimensions."})  # fmt: skip
def matrix_rank(
    xp, input: Tensor("... m n"), *, atol: OptTensorOrNum = None, rtol: OptTensorOrNum = None, hermitian: Bool = False
):
    """How many singular values lie above max(atol, rtol * the greatest)."""
    return _rank(xp, input, atol, rtol, hermitian)


@op(
    "torch.linalg.matrix_rank",
    name="matrix_rank",
    overload="tol",
    shape=rank_dims,
    dtype=int64,
    accepts=["matrix_rank(f32[3, 4], 0.5)"],
)
def matrix_rank_tol(xp, input: Tensor("... m n"), tol: TensorOrNum, hermitian: Bool = False):
    """How many singular values lie above tol."""
    return _rank(xp, input, tol, 0.0, hermitian)


def cond_dims(input, p=None):
    shape = input.shape
    if len(shape) < 2:
        raise Refused("linalg.cond: The input tensor must have at least 2 dimensions.")
    if isinstance(p, UnknownLike):
        raise RankUnknown
    if p not in (None, 2, -2):
        if p not in ("fro", "nuc", 1, -1, float("inf"), float("-inf")):
            raise Refused(f"linalg.cond got an invalid norm type: {p}")
        message = f"linalg.cond(ord={p}): A must be batches of square matrices, but they are {{}} by {{}} matrices"
        require(eq(shape[-1], shape[-2]), message, *shape[-2:])
    floating(input, "linalg.cond")
    return shape[:-2]


@op("torch.linalg.cond", composite=True, shape=cond_dims, dtype=lambda input: input.dtype and input.dtype.to_real(),
    accepts=["cond(f64[3, 3])", "cond(f64[2, 4, 3], -2)", "cond(f64[3, 3], 'fro')", "cond(f64[3, 3], 1)",
             "cond(f64[3, 3], 'nuc')"],
    rejects={"cond(f32[3])": "linalg.cond: The input tensor must have at least 2 dimensions.",
             "cond(f32[2, 3], 1)": "linalg.cond(ord=1): A must be batches of square matrices, but they are 2 by 3"
             " matrices"})  # fmt: skip
def cond(input: Tensor("... m n"), p: Any = None):
    """The condition number: the norm of a matrix times that of its inverse, or greatest over least singular value."""
    if p in (None, 2, -2):
        S = linalg_svdvals(input)
        return S[..., -1] / S[..., 0] if p == -2 else S[..., 0] / S[..., -1]
    return _norm(input, p) * _norm(linalg_inv(input), p)


def _norm(A, p):
    if p == "fro":
        return (A.abs() ** 2).sum((-2, -1)).sqrt()
    if p == "nuc":
        return linalg_svdvals(A).sum(-1)
    sums = A.abs().sum(-2 if abs(p) == 1 else -1)
    return sums.amax(-1) if p > 0 else sums.amin(-1)


# --- exponential ------------------------------------------------------------------------------------------------------

PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
        670442572800, 33522128640,
        1323241920, 40840800, 960960, 16380, 182, 1)  # fmt: skip


@op("torch.linalg.matrix_exp", "torch.matrix_exp", "Tensor.matrix_exp",
    shape=lambda input: square(input, "linalg.matrix_exp"), dtype=promote.same(),
    grad_name="LinalgMatrixExpBackward0", accepts=["matrix_exp(f64[3, 3])", "matrix_exp(f32[2, 2, 2])",
                                                   "matrix_exp(c128[2, 2])"],
    rejects={"matrix_exp(f32[2, 3])": "linalg.matrix_exp: A must be batches of square matrices, but they are 2 by 3"
             " matrices",
             "matrix_exp(i64[2, 2])": "linalg.matrix_exp: Expected a floating point or complex tensor as input. Got"
             " Long"})  # fmt: skip
def matrix_exp(xp, input: Square):
    """The sum of input^k / k!, by a Pade approximant of a scaled matrix (N. Higham, 2005)."""
    if input.size == 0:
        return input.copy()
    norm = float(xp.abs(input).sum(axis=-2).max())
    squarings = 0
    while norm > 5.37:
        norm, squarings = norm / 2, squarings + 1
    A = input.astype("complex128" if input.dtype.kind == "c" else "float64") / 2**squarings
    eye = xp.eye(A.shape[-1], dtype=A.dtype)
    square_ = xp.matmul(A, A)
    even, odd, power = eye * PADE[0], eye * PADE[1], square_
    for k in range(2, 14, 2):
        even = even + PADE[k] * power
        odd = odd + PADE[k + 1] * power
        power = xp.matmul(power, square_)
    odd = xp.matmul(A, odd)
    result = xp.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        result = xp.matmul(result, result)
    return result.astype(input.dtype)


@matrix_exp.vjp("input")
def _(g, input):
    """The exponential of [[A^H, g], [0, A^H]] has the gradient in its upper right corner."""
    A, n = adjoint(input), input.shape[-1]
    block = _cat([_cat([A, g], -1), _cat([A * 0, A], -1)], -2)
    return matrix_exp(block)[..., :n, n:]


# --- Vandermonde, and tensors as matrices -----------------------------------------------------------------------------


def vander_dims(x, N=None):
    shape = x.shape or (1,)
    count = shape[-1] if N is None else N
    require(gt(count, 1), "N must be greater than 1.")
    return (*shape, count)


@op("torch.linalg.vander", composite=True, shape=vander_dims,
    dtype=lambda x: int64 if x.dtype and x.dtype.category == 0 else x.dtype,
    accepts=["vander(f64[3])", "vander(f32[2, 3], N=4)", "vander(f32[], N=2)"],
    rejects={"vander(f32[2], N=1)": "N must be greater than 1."})  # fmt: skip
def vander(x: Tensor("... n"), *, N: OptInt = None):
    """Rows of powers: 1, x, x^2, ... up to N of them."""
    x = x.reshape(1) if x.dim() == 0 else x
    count = x.shape[-1] if N is None else N
    powers = x.unsqueeze(-1).expand(*x.shape, count - 1).cumprod(-1)
    return _cat([powers.new_ones((*x.shape, 1)), powers], -1)


def tensorsolve_dims(input, other, dims=None):
    if isinstance(dims, UnknownLike):
        raise RankUnknown
    shape = input.shape
    if dims is not None:
        moved = [d % len(shape) for d in ([dims] if isinstance(dims, int) else dims)]
        shape = tuple(s for i, s in enumerate(shape) if i not in moved) + tuple(shape[d] for d in moved)
    result = shape[len(other.shape) :]
    require(eq(product(result), product(other.shape)), "Expected self to satisfy the requirement"
            " prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got {} != {}",
            product(result), product(other.shape))  # fmt: skip
    return result


@op(
    "torch.linalg.tensorsolve",
    composite=True,
    shape=tensorsolve_dims,
    dtype=promote.same(),
    accepts=["tensorsolve(f64[2, 3, 6], f64[2, 3])"],
)
def tensorsolve(input: Tensor, other: Tensor, dims: OptInts = None):
    """X with tensordot(input, X, X.ndim) = other."""
    if dims is not None:
        moved = [d % input.dim() for d in ([dims] if isinstance(dims, int) else dims)]
        input = input.permute([i for i in range(input.dim()) if i not in moved] + moved)
    result = input.shape[other.dim() :]
    return linalg_solve(input.reshape(other.numel(), -1), other.reshape(-1)).reshape(result)


def tensorinv_dims(input, ind=2):
    if not isinstance(ind, int):
        raise RankUnknown
    if ind <= 0:
        raise Refused("Expected a strictly positive integer for 'ind'")
    shape = input.shape
    message = (
        "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {} != {}"
    )
    require(eq(product(shape[ind:]), product(shape[:ind])), message, product(shape[ind:]), product(shape[:ind]))
    return shape[ind:] + shape[:ind]


@op("torch.linalg.tensorinv", composite=True, shape=tensorinv_dims, dtype=promote.same(),
    accepts=["tensorinv(f64[2, 3, 6])", "tensorinv(f64[4, 2, 2], ind=1)"],
    rejects={"tensorinv(f64[2, 3, 6], ind=0)": "Expected a strictly positive integer for 'ind'"})  # fmt: skip
def tensorinv(input: Tensor, ind: Int = 2):
    """The inverse of tensordot by input, whose first `ind` dims are the rows."""
    rows = 1
    for size in input.shape[:ind]:
        rows *= size
    return linalg_inv(input.reshape(rows, -1)).reshape(*input.shape[ind:], *input.shape[:ind])


# --- products of reflections, and a diagonal --------------------------------------------------------------------------


def householder_dims(input, tau):
    shape = matrix(input, "torch.linalg.householder_product", "input")
    message = "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]"
    require(ge(shape[-2], shape[-1]), message)
    message = "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1]"
    require(ge(shape[-1], tau.shape[-1]), message)
    return shape


@op("torch.linalg.householder_product", "torch.orgqr", "Tensor.orgqr", composite=True, shape=householder_dims,
    dtype=promote.same(),
    accepts=["householder_product(f64[4, 3], f64[3])", "householder_product(f64[2, 4, 3], f64[2, 2])"],
    rejects={"householder_product(f32[3, 4], f32[3])": "torch.linalg.householder_product: input.shape[-2] must be"
             " greater than or equal"})  # fmt: skip
def householder_product(input: Tensor("... m n"), tau: Tensor("... k")):
    """The first columns of the product of reflections 1 - tau v v^H; the v are the columns below the diagonal."""
    m, n = input.shape[-2:]
    result = input.new_ones((n,)).diag_embed()
    if m > n:
        result = _cat([result, input.new_zeros((m - n, n))], -2)
    below = input.tril(-1) + result
    for i in reversed(range(tau.shape[-1])):
        v = below[..., i : i + 1]
        result = result - (tau[..., i, None, None] * v) @ (adjoint(v) @ result)
    return result if input.numel() and tau.shape[-1] else result.expand(input.shape) + input * 0


def diagonal_dims(A, offset=0, dim1=-2, dim2=-1):
    if not all(isinstance(v, int) for v in (offset, dim1, dim2)):
        raise RankUnknown
    shape = A.shape
    first, second = axis(dim1, len(shape)), axis(dim2, len(shape))
    rows, columns = shape[first] - max(-offset, 0), shape[second] - max(offset, 0)
    return (*(s for i, s in enumerate(shape) if i not in (first, second)), smax(smin(rows, columns), 0))


@op("torch.linalg.diagonal", name="linalg_diagonal", composite=True, in_order=False, shape=diagonal_dims,
    dtype=promote.same("A"),
    alias="view",
    accepts=["linalg_diagonal(f32[2, 3])", "linalg_diagonal(f32[2, 3, 4], offset=1, dim1=0, dim2=1)"],
    rejects={"linalg_diagonal(f32[3])": "Dimension out of range (expected to be in range of [-1, 0], but got"
             " -2)"})  # fmt: skip
def linalg_diagonal(A: Tensor("... m n"), *, offset: Int = 0, dim1: Int = -2, dim2: Int = -1):
    """The diagonals of matrices, a view; the last two dims unless told."""
    return A.diagonal(offset, dim1, dim2)
