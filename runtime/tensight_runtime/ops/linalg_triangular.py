"""Triangular systems and the LU factorization with partial pivoting."""

from tensight_runtime.ops.linalg import adjoint, agreed
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, le
from tensight_runtime.spec.dtype import int32
from tensight_runtime.spec.kind import Bool, Int, Tensor, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require, shown
from tensight_runtime.spec.shape import broadcast_dims
from tensight_runtime.spec.size import smin

# --- triangular systems -----------------------------------------------------------------------------------------------


def solve_triangular_dims(input, B, left=True):
    name = "linalg.solve_triangular"
    a, b = input.shape, B.shape
    for letter, shape in (("A", a), ("B", b)):
        if len(shape) < 2:
            raise Refused(f"{name}: The input tensor {letter} must have at least 2 dimensions.")
    require(eq(a[-1], a[-2]), name + ": A must be batches of square matrices, but they are {} by {} matrices", *a[-2:])
    if isinstance(left, UnknownLike):
        raise RankUnknown
    letters = "AX" if left else "XA"
    message = f"{name}: Incompatible shapes of A and B for the equation {letters} = B ({{}}x{{}} and {{}}x{{}})"
    require(eq(a[-2], b[-2]) if left else eq(a[-1], b[-1]), message, *a[-2:], *b[-2:])
    if input.dtype and B.dtype and input.dtype is not B.dtype:
        raise Refused(
            f"{name}: Expected A and B to have the same dtype, but found A of type {scalar_name(input.dtype)} and B"
            f" of type "
            f"{scalar_name(B.dtype)} instead"
        )
    return (*broadcast_dims(b[:-2], a[:-2]), *b[-2:])


def triangle(xp, A, upper: bool, unit: bool):
    """The triangle that counts, with ones on the diagonal if `unit`."""
    if not unit:
        return xp.triu(A) if upper else xp.tril(A)
    rest = xp.triu(A, 1) if upper else xp.tril(A, -1)
    return rest + xp.eye(A.shape[-1], dtype=A.dtype)


def substituted(xp, A, B, upper: bool):
    """X with A X = B for triangular A, row by row; zeros on the diagonal give infinities, as in torch."""
    n = A.shape[-1]
    batch = broadcast_dims(A.shape[:-2], B.shape[:-2])
    X = xp.array(xp.broadcast_to(B, (*batch, *B.shape[-2:])))
    for i in reversed(range(n)) if upper else range(n):
        X[..., i, :] /= A[..., i, i, None]
        rest = slice(0, i) if upper else slice(i + 1, n)
        X[..., rest, :] -= A[..., rest, i, None] * X[..., i, None, :]
    return X


def _solved(xp, A, B, upper: bool):
    if A.shape[-1] <= 16:
        return substituted(xp, A, B, upper)
    batch = broadcast_dims(A.shape[:-2], B.shape[:-2])
    try:
        return xp.linalg.solve(xp.broadcast_to(A, (*batch, *A.shape[-2:])), xp.broadcast_to(B, (*batch, *B.shape[-2:])))
    except xp.linalg.LinAlgError:
        return substituted(xp, A, B, upper)


@op("torch.linalg.solve_triangular", in_order=False, shape=solve_triangular_dims, dtype=agreed("input", "B"),
    grad_name="LinalgSolveTriangularBackward0",
    accepts=["solve_triangular(f64[3, 3], f64[3, 2], upper=True)",
             "solve_triangular(f64[3, 3], f64[2, 4, 3], upper=False, left=False)",
             "solve_triangular(f64[2, 3, 3], f64[3, 1], upper=False, unitriangular=True)",
             "solve_triangular(c128[2, 2], c128[2, 2], upper=True)"],
    rejects={"solve_triangular(f32[2, 3], f32[2, 1], upper=True)": "linalg.solve_triangular: A must be batches of"
             " square matrices, but they are 2 by 3",
             "solve_triangular(f32[3, 3], f32[2, 1], upper=True)": "linalg.solve_triangular: Incompatible shapes of A"
             " and B for the equation AX = B"
             " (3x3 and 2x1)",
             "solve_triangular(f32[3, 3], f32[3], upper=True)": "linalg.solve_triangular: The input tensor B must"
             " have at least 2"})  # fmt: skip
def solve_triangular(
    xp, input: Tensor("... n n"), B: Tensor("... n k"), *, upper: Bool, left: Bool = True, unitriangular: Bool = False
):
    """X with A X = B (X A = B if not left); only the upper or lower triangle of A counts."""
    A = triangle(xp, input, upper, unitriangular)
    if left:
        return _solved(xp, A, B, upper)
    return _solved(xp, A.swapaxes(-1, -2), B.swapaxes(-1, -2), not upper).swapaxes(-1, -2)


@solve_triangular.vjp("input")
def _(g, input, out, upper, left, unitriangular):
    b = solve_triangular(adjoint(input), g, upper=not upper, left=left, unitriangular=unitriangular)
    full = -(b @ adjoint(out)) if left else -(adjoint(out) @ b)
    return full.triu(int(unitriangular)) if upper else full.tril(-int(unitriangular))


@solve_triangular.vjp("B")
def _(g, out, input, upper, left, unitriangular):
    return solve_triangular(adjoint(input), g, upper=not upper, left=left, unitriangular=unitriangular)


def triangular_solve_dims(input, A):
    b, a = input.shape, A.shape
    for letter, shape in (("b", b), ("A", a)):
        if len(shape) < 2:
            raise Refused(
                f"torch.triangular_solve: Expected {letter} to have at least 2 dimensions, but it has"
                f" {len(shape)} dimensions instead"
            )
    message = "Incompatible matrix sizes for triangular_solve: each A matrix is {} by {} but each b matrix is {} by {}"
    require(eq(a[-1], b[-2]), message, a[-1], a[-1], *b[-2:])
    batch = broadcast_dims(b[:-2], a[:-2])
    return [(*batch, *b[-2:]), (*batch, *a[-2:])]


@op("torch.triangular_solve", "Tensor.triangular_solve", composite=True, in_order=False, shape=triangular_solve_dims,
    dtype=lambda input: (input.dtype, input.dtype),
    outs=("solution", "cloned_coefficient"), accepts=["triangular_solve(f64[3, 2], f64[3, 3])",
                                                      "triangular_solve(f64[3, 2], f64[2, 3, 3], False, True)"],
    rejects={"triangular_solve(f32[2, 1], f32[3, 3])": "Incompatible matrix sizes for triangular_solve: each A matrix"
             " is 3 by 3 but each b matrix is"
             " 2 by 1"})  # fmt: skip
def triangular_solve(
    input: Tensor("... n k"),
    A: Tensor("... n n"),
    upper: Bool = True,
    transpose: Bool = False,
    unitriangular: Bool = False,
):
    """The older form of `linalg.solve_triangular`: the solution, and a copy of A."""
    matrix = A.mT if transpose else A
    solution = solve_triangular(matrix, input, upper=upper != transpose, unitriangular=unitriangular)
    return solution, A.expand(*solution.shape[:-2], *A.shape[-2:]).clone()


# --- LU ---------------------------------------------------------------------------------------------------------------


def factored(xp, A, pivot: bool = True):
    """(LU, pivots): both factors in one array, and per step the row that was swapped in, counted from 1."""
    m, n = A.shape[-2:]
    lu = xp.array(A).reshape(-1, m, n)
    count, k = lu.shape[0], min(m, n)
    pivots = xp.broadcast_to(xp.arange(1, k + 1, dtype="int32"), (count, k)).copy()
    samples = xp.arange(count)
    for i in range(k):
        if pivot:
            best = i + _size(xp, lu[:, i:, i]).argmax(axis=1)
            pivots[:, i] = best + 1
            upper, lower = lu[samples, i].copy(), lu[samples, best].copy()
            lu[samples, best], lu[samples, i] = upper, lower
        divisor = lu[:, i, i]
        safe = xp.where(divisor == 0, 1, divisor)
        lu[:, i + 1 :, i] /= safe[:, None]
        lu[:, i + 1 :, i + 1 :] -= lu[:, i + 1 :, i, None] * lu[:, i, None, i + 1 :]
    return lu.reshape(A.shape), pivots.reshape(*A.shape[:-2], k)


def _size(xp, x):
    """By what LAPACK compares pivots."""
    return xp.abs(x.real) + xp.abs(x.imag) if x.dtype.kind == "c" else xp.abs(x)


def first_zero_pivot(xp, matrix) -> int:
    """The place (from 1) of the first zero on the diagonal of U, 0 if there is none."""
    lu, _ = factored(xp, matrix)
    for i in range(min(matrix.shape)):
        if lu[i, i] == 0:
            return i + 1
    return 0


def permutation(xp, pivots, m: int):
    """The permutation matrices P with A = P L U."""
    flat = pivots.reshape(-1, pivots.shape[-1])
    order = xp.broadcast_to(xp.arange(m), (flat.shape[0], m)).copy()
    samples = xp.arange(flat.shape[0])
    for i in range(flat.shape[1]):
        other = flat[:, i] - 1
        upper, lower = order[samples, i].copy(), order[samples, other].copy()
        order[samples, i], order[samples, other] = lower, upper
    P = xp.arange(m)[None, :, None] == order[:, None, :]
    return P.reshape(*pivots.shape[:-1], m, m)


def _least(A):
    m, n = A.shape[-2:]
    smaller = le(m, n)
    return m if smaller is True else n if smaller is False else smin(m, n)


def lu_dims(A):
    if len(A.shape) < 2:
        raise Refused(f"linalg.lu: Expected tensor with 2 or more dimensions. Got size: {shown(A.shape)} instead")
    m, n, k = *A.shape[-2:], _least(A)
    batch = A.shape[:-2]
    return [(*batch, m, m), (*batch, m, k), (*batch, k, n)]


def lu_gradient(gL, gU, L, U):
    """The gradient of P^T A = L U, from those of the factors; tall and wide matrices have a square part first."""
    k = U.shape[-2]
    zero_L, zero_U = L * 0 if gL is None else gL, U * 0 if gU is None else gU
    L1, U1 = L[..., :k, :], U[..., :, :k]
    inner = (adjoint(L1) @ zero_L[..., :k, :]).tril(-1) + (zero_U[..., :, :k] @ adjoint(U1)).triu()
    if U.shape[-1] > k:
        rest, rest_U = zero_U[..., :, k:], U[..., :, k:]
        inner = inner - (rest @ adjoint(rest_U)).tril(-1)
        inner = solve_triangular(adjoint(U1), inner, upper=False, left=False)
        both = _cat([inner, rest], -1)
        return solve_triangular(adjoint(L1), both, upper=True, unitriangular=True)
    if L.shape[-2] > k:
        rest, rest_L = zero_L[..., k:, :], L[..., k:, :]
        inner = inner - (adjoint(rest_L) @ rest).triu()
        inner = solve_triangular(adjoint(L1), inner, upper=True, unitriangular=True)
        return solve_triangular(adjoint(U), _cat([inner, rest], -2), upper=False, left=False)
    inner = solve_triangular(adjoint(L1), inner, upper=True, unitriangular=True)
    return solve_triangular(adjoint(U1), inner, upper=False, left=False)


def _cat(tensors, dim: int):
    from tensight_runtime.ops.joining import cat

    return cat(tensors, dim)


def lu_factor_dims(A):
    if len(A.shape) < 2:
        raise Refused(f"torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: {shown(A.shape)} instead")
    return [A.shape, (*A.shape[:-2], _least(A))]


@op("torch.linalg.lu_factor", name="linalg_lu_factor", in_order=False, shape=lu_factor_dims,
    dtype=lambda A: (A.dtype, int32),
    outs=("LU", "pivots"),
    grad_name="LinalgLuFactorExBackward0", accepts=["linalg_lu_factor(f64[3, 3])", "linalg_lu_factor(f64[2, 4, 3])"],
    rejects={"linalg_lu_factor(f32[3])": "torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: [3]"
             " instead"})  # fmt: skip
def linalg_lu_factor(xp, A: Tensor("... m n"), *, pivot: Bool = True):
    """L and U in one matrix, and the pivots, as `linalg.lu_solve` takes them."""
    if not pivot and xp.__name__ == "numpy":
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return factored(xp, A, pivot)


@linalg_lu_factor.vjp("A")
def _(g, LU, pivots):
    P, L, U = lu_unpack(LU, pivots)
    k = U.shape[-2]
    gL, gU = g[0][..., :, :k].tril(-1), g[0][..., :k, :].triu()
    return P @ lu_gradient(gL, gU, L, U)


@op("torch.linalg.lu_factor_ex", name="linalg_lu_factor_ex", composite=True, in_order=False,
    shape=lambda A: [*lu_factor_dims(A), A.shape[:-2]],
    dtype=lambda A: (A.dtype, int32, int32), outs=("LU", "pivots", "info"),
    accepts=["linalg_lu_factor_ex(f64[3, 3])"])  # fmt: skip
def linalg_lu_factor_ex(A: Tensor("... m n"), *, pivot: Bool = True, check_errors: Bool = False):
    """`linalg.lu_factor`, and per matrix 0 or the place of the first zero pivot."""
    LU, pivots = linalg_lu_factor(A, pivot=pivot)
    diagonal = LU.detach().diagonal(0, -2, -1)
    zero = (diagonal == 0).int()
    first = (zero.cumsum(-1) == 0).sum(-1) + 1
    return LU, pivots, (first * (zero.sum(-1) > 0)).int()


@op("torch.lu_unpack", composite=True, shape=lambda LU_data: lu_dims(LU_data),
    dtype=lambda LU_data: (LU_data.dtype,) * 3, outs=("P", "L", "U"),
    accepts=["lu_unpack(f64[3, 3], i32[3]{3..3})"])  # fmt: skip
def lu_unpack(LU_data: Tensor("... m n"), LU_pivots: Tensor, unpack_data: Bool = True, unpack_pivots: Bool = True):
    """P, L and U of what `linalg.lu_factor` gives."""
    k = min(LU_data.shape[-2:])
    diagonal = LU_data.new_ones((k,)).diag_embed()
    left = LU_data[..., :, :k].tril(-1)
    if LU_data.shape[-2] > k:
        diagonal = _cat([diagonal, LU_data.new_zeros((LU_data.shape[-2] - k, k))], 0)
    return pivots_matrix(LU_pivots, LU_data.shape[-2]).to(LU_data.dtype), left + diagonal, LU_data[..., :k, :].triu()


@op("torch.linalg.lu", name="linalg_lu", composite=True, in_order=False, shape=lu_dims, dtype=lambda A: (A.dtype,) * 3,
    outs=("P", "L", "U"),
    accepts=["linalg_lu(f64[3, 3])", "linalg_lu(f64[2, 4, 3])", "linalg_lu(f64[2, 3, 5])"],
    rejects={"linalg_lu(f32[3])": "linalg.lu: Expected tensor with 2 or more dimensions. Got size: [3]"
             " instead"})  # fmt: skip
def linalg_lu(A: Tensor("... m n"), *, pivot: Bool = True):
    """P, L, U with A = P L U: a permutation, unit lower and upper triangular."""
    return lu_unpack(*linalg_lu_factor(A, pivot=pivot))


@op(
    shape=lambda pivots, size: (*pivots.shape[:-1], size, size), dtype=int32, accepts=["pivots_matrix(i32[3]{3..3}, 3)"]
)
def pivots_matrix(xp, pivots: Tensor, size: Int):
    """The permutation matrices that pivots stand for."""
    return permutation(xp, pivots, size).astype("int32")


def lu_solve_dims(LU, B, left=True):
    if isinstance(left, UnknownLike):
        raise RankUnknown
    a, b = LU.shape, B.shape
    message = (
        f"linalg.lu_solve: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B ({{}}x{{}} "
        f"and {{}}x{{}})"
    )
    require(eq(a[-2], b[-2]) if left else eq(a[-1], b[-1]), message, *a[-2:], *b[-2:])
    return (*broadcast_dims(b[:-2], a[:-2]), *b[-2:])


@op("torch.linalg.lu_solve", name="linalg_lu_solve", composite=True, in_order=False, shape=lu_solve_dims,
    dtype=promote.same("B"),
    accepts=["linalg_lu_solve(f64[3, 3], i32[3]{3..3}, f64[3, 2])",
             "linalg_lu_solve(f64[3, 3], i32[3]{3..3}, f64[2, 3], left=False)",
             "linalg_lu_solve(f64[3, 3], i32[3]{3..3}, f64[3, 2], adjoint=True)"])  # fmt: skip
def linalg_lu_solve(
    LU: Tensor("... n n"), pivots: Tensor, B: Tensor("... n k"), *, left: Bool = True, adjoint: Bool = False
):
    """X with A X = B (X A = B if not left; A^H if adjoint), from the factors of A."""
    if not left:
        return linalg_lu_solve(LU, pivots, B.mH, left=True, adjoint=not adjoint).mH
    P = pivots_matrix(pivots, LU.shape[-1]).to(LU.dtype)
    if adjoint:
        X = solve_triangular(LU.mH, solve_triangular(LU.mH, B, upper=False), upper=True, unitriangular=True)
        return P @ X
    return solve_triangular(LU, solve_triangular(LU, P.mT @ B, upper=False, unitriangular=True), upper=True)


@op("torch.lu_solve", "Tensor.lu_solve", composite=True, shape=lambda input, LU_data: lu_solve_dims(LU_data, input),
    dtype=promote.same(),
    accepts=["lu_solve(f64[3, 2], f64[3, 3], i32[3]{3..3})"])  # fmt: skip
def lu_solve(input: Tensor("... n k"), LU_data: Tensor("... n n"), LU_pivots: Tensor):
    """`linalg.lu_solve` under its older name, right side first."""
    return linalg_lu_solve(LU_data, LU_pivots, input)


@op("torch.lu", "Tensor.lu", composite=True, in_order=False, returns="tuple",
    accepts=["lu(f64[3, 3])", "lu(f64[3, 3], get_infos=True)"])  # fmt: skip
def lu(A: Tensor("... m n"), pivot: Bool = True, get_infos: Bool = False):
    """`linalg.lu_factor` under its older name, with infos if asked for."""
    found = linalg_lu_factor_ex(A, pivot=pivot)
    return found if get_infos else tuple(found[:2])


@lu.rule
def _(A, get_infos):
    if not isinstance(get_infos, bool):
        raise RankUnknown
    dims = [*lu_factor_dims(A), A.shape[:-2]]
    dtypes = (A.dtype, int32, int32)
    return tuple(A.like(dtype=t, shape=s) for t, s in zip(dtypes[: 2 + get_infos], dims, strict=False))
