"""Square matrices: inverse, determinant, linear systems, Cholesky.

Derivatives follow M. Giles, "Collected matrix derivative results for forward and reverse mode AD" (2008), and I. Murray,
"Differentiation of the Cholesky decomposition" (2016).
"""

from tensight_runtime.ops.linalg import adjoint, conj, scaled
from tensight_runtime.ops.linalg_triangular import first_zero_pivot, solve_triangular, substituted, triangle
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import int32
from tensight_runtime.spec.kind import Bool, Kind, Tensor, UnknownLike
from tensight_runtime.spec.op import Op, op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import broadcast_dims

# --- shared by the operators of torch.linalg --------------------------------------------------------------------------


class LinAlgError(RuntimeError):
    """torch.linalg.LinAlgError: a matrix that has no inverse, or no factorization."""


def floating(A, name: str, low_precision: bool = False) -> None:
    if A.dtype and A.dtype.category < 2:
        raise Refused(f"{name}: Expected a floating point or complex tensor as input. Got {scalar_name(A.dtype)}")
    if A.dtype and A.dtype.bits == 16 and not low_precision:
        raise Refused(f"{name}: Low precision dtypes not supported. Got {scalar_name(A.dtype)}")


def matrix(A, name: str, letter: str = "A"):
    """The shape of (a batch of) matrices."""
    if len(A.shape) < 2:
        raise Refused(f"{name}: The input tensor {letter} must have at least 2 dimensions.")
    return A.shape


def square(A, name: str):
    """The shape of (a batch of) square matrices of floats."""
    shape = matrix(A, name)
    require(eq(shape[-1], shape[-2]), name + ": A must be batches of square matrices, but they are {} by {} matrices", *shape[-2:])
    floating(A, name)
    return shape


def batch_element(xp, A, failed) -> str:
    """`(Batch element 3): ` for the first matrix of a batch that `failed` says yes to."""
    if A.ndim == 2:
        return ""
    flat = A.reshape(-1, *A.shape[-2:])
    at = next((i for i in range(len(flat)) if failed(flat[i])), 0)
    return f"(Batch element {at}): "


def singular(xp, A, name: str) -> LinAlgError:
    where = batch_element(xp, A, lambda m: first_zero_pivot(xp, m))
    flat = A.reshape(-1, *A.shape[-2:])
    pivot = next((p for p in (first_zero_pivot(xp, m) for m in flat) if p), 1)
    return LinAlgError(
        f"{name}: {where}The diagonal element {pivot} is zero, the inversion could not be completed because the input matrix is singular."
    )


# --- inverse and determinant -------------------------------------------------------------------------------------------


@op("torch.linalg.inv", name="linalg_inv", shape=lambda A: square(A, "linalg.inv"), dtype=promote.same("A"), grad_name="LinalgInvExBackward0",
    accepts=["linalg_inv(f32[3, 3])", "linalg_inv(f64[2, 3, 3])", "linalg_inv(c64[2, 2])", "linalg_inv(f32[0, 0])"],
    rejects={"linalg_inv(f32[2, 3])": "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices",
             "linalg_inv(f32[3])": "linalg.inv: The input tensor A must have at least 2 dimensions.",
             "linalg_inv(i64[3, 3])": "linalg.inv: Expected a floating point or complex tensor as input. Got Long"})  # fmt: skip
def linalg_inv(xp, A: Tensor("... n n")):
    """The inverse of square matrices (..., n, n); LinAlgError if one has none."""
    try:
        return xp.linalg.inv(A)
    except xp.linalg.LinAlgError:
        raise singular(xp, A, "linalg.inv") from None


@linalg_inv.vjp("A")
def _(g, out):
    t = adjoint(out)
    return -(t @ g @ t)


@op("torch.linalg.inv_ex", name="linalg_inv_ex", shape=lambda A: [square(A, "linalg.inv"), A.shape[:-2]],
    dtype=lambda A: (A.dtype, int32), outs=("inverse", "info"), grad_name="LinalgInvExBackward0",
    accepts=["linalg_inv_ex(f32[3, 3])", "linalg_inv_ex(f32[2, 3, 3], check_errors=True)"])  # fmt: skip
def linalg_inv_ex(xp, A: Tensor("... n n"), *, check_errors: Bool = False):
    """The inverse, and per matrix 0 or the place of the first zero pivot."""
    try:
        return xp.linalg.inv(A), xp.zeros(A.shape[:-2], dtype="int32")
    except xp.linalg.LinAlgError:
        if check_errors:
            raise singular(xp, A, "linalg.inv") from None
        return _each_inverse(xp, A)


def _each_inverse(xp, A):
    flat = A.reshape(-1, *A.shape[-2:])
    info = [first_zero_pivot(xp, m) for m in flat]
    each = [xp.full_like(m, xp.inf) if bad else xp.linalg.inv(m) for m, bad in zip(flat, info, strict=True)]
    return xp.stack(each).reshape(A.shape), xp.asarray(info, dtype="int32").reshape(A.shape[:-2])


@linalg_inv_ex.vjp("A")
def _(g, inverse):
    t = adjoint(inverse)
    return -(t @ g[0] @ t)


@op("torch.linalg.det", name="linalg_det", shape=lambda A: square(A, "linalg.det")[:-2], dtype=promote.same("A"), grad_name="LinalgDetBackward0",
    accepts=["linalg_det(f32[3, 3])", "linalg_det(f64[2, 2, 2])", "linalg_det(c64[2, 2])", "linalg_det(f32[0, 0])"],
    rejects={"linalg_det(f32[2, 3])": "linalg.det: A must be batches of square matrices, but they are 2 by 3 matrices",
             "linalg_det(i64[3, 3])": "linalg.det: Expected a floating point or complex tensor as input. Got Long"})  # fmt: skip
def linalg_det(xp, A: Tensor("... n n")):
    """The determinant of square matrices."""
    return xp.linalg.det(A)


@linalg_det.vjp("A")
def _(g, out, A):
    if bool((out == 0).any()):
        return (g.unsqueeze(-1).unsqueeze(-1)) * cofactors(A)
    return (g * conj(out)).unsqueeze(-1).unsqueeze(-1) * adjoint(linalg_inv(A))


def cofactors(A):
    """det(A) A^-H, which also singular matrices have: products of all singular values but one."""
    from tensight_runtime.ops.linalg_spectral import linalg_svd

    U, S, Vh = linalg_svd(A)
    same = S.new_ones((S.shape[-1],)).diag_embed().bool()
    others = S.unsqueeze(-2).expand(A.shape).masked_fill(same, 1).prod(-1)
    phase = conj(linalg_det(U) * linalg_det(Vh))
    return phase.unsqueeze(-1).unsqueeze(-1) * ((U * others.unsqueeze(-2)) @ Vh)


@op("torch.linalg.slogdet", name="linalg_slogdet", shape=lambda A: square(A, "linalg.slogdet")[:-2],
    dtype=lambda A: (A.dtype, A.dtype and A.dtype.to_real()), outs=("sign", "logabsdet"), grad_name="LinalgSlogdetBackward0",
    accepts=["linalg_slogdet(f32[3, 3])", "linalg_slogdet(f64[2, 2, 2])"],
    rejects={"linalg_slogdet(f32[2, 3])": "linalg.slogdet: A must be batches of square matrices, but they are 2 by 3 matrices"})  # fmt: skip
def linalg_slogdet(xp, A: Tensor("... n n")):
    """Sign and logarithm of the absolute value of the determinant; 0 and -inf for a singular matrix."""
    sign, logabsdet = xp.linalg.slogdet(A)
    return sign, logabsdet


@linalg_slogdet.vjp("A")
def _(g, A, sign):
    total = g[1]
    if sign.dtype.is_complex and g[0] is not None:
        turn = (g[0] * sign.conj()).imag
        total = turn * 1j if total is None else total + turn * 1j
    if total is None:
        return A * 0
    return total.unsqueeze(-1).unsqueeze(-1) * adjoint(linalg_inv(A))


@op("torch.logdet", "Tensor.logdet", composite=True, shape=lambda input: square(input, "logdet")[:-2], dtype=promote.same(),
    accepts=["logdet(f32[3, 3])", "logdet(f64[2, 2, 2])"],
    rejects={"logdet(f32[2, 3])": "logdet: A must be batches of square matrices, but they are 2 by 3 matrices"})  # fmt: skip
def logdet(input: Tensor("... n n")):
    """The logarithm of the determinant; nan if it is negative, -inf if it is 0."""
    sign, logabsdet = linalg_slogdet(input)
    return sign.log() + logabsdet if sign.dtype.is_complex else logabsdet.masked_fill(sign == -1, float("nan"))


# --- linear systems ----------------------------------------------------------------------------------------------------


def _is_vector(A, B) -> bool:
    """torch takes B as vectors if it is 1-d, or has A's batch dims and one more."""
    if len(B) == 1:
        return True
    if len(A) - 1 != len(B):
        return False
    same = [eq(a, b) for a, b in zip(A[:-1], B, strict=True)]
    if False in same:
        return False
    if all(s is True for s in same):
        return True
    raise RankUnknown


def solve_dims(A, B, left=True):
    a, b = square(A, "linalg.solve"), B.shape
    if isinstance(left, UnknownLike):
        raise RankUnknown
    if A.dtype and B.dtype and A.dtype is not B.dtype:
        raise Refused(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {scalar_name(A.dtype)} and B of type "
            f"{scalar_name(B.dtype)} instead"
        )
    vector = _is_vector(a, b)
    columns = (*b, 1) if vector else b
    if vector and not left:
        raise Refused("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)")
    incompatible(a, columns, left, "linalg.solve")
    batch = broadcast_dims(columns[:-2], a[:-2])
    return (*batch, columns[-2]) if vector else (*batch, *columns[-2:])


def incompatible(a, b, left, name: str) -> None:
    letters = "AX" if left else "XA"
    message = name + ": Incompatible shapes of A and B for the equation " + letters + " = B ({}x{} and {}x{})"
    require(eq(a[-2], b[-2]) if left else eq(a[-1], b[-1]), message, *a[-2:], *b[-2:])


@op("torch.linalg.solve", name="linalg_solve", shape=solve_dims, dtype=promote.same("A"), grad_name="LinalgSolveExBackward0",
    accepts=["linalg_solve(f32[3, 3], f32[3, 2])", "linalg_solve(f64[3, 3], f64[3])", "linalg_solve(f64[2, 3, 3], f64[2, 3])",
             "linalg_solve(f64[2, 3, 3], f64[3, 2])", "linalg_solve(f64[3, 3], f64[2, 3], left=False)", "linalg_solve(c64[2, 2], c64[2, 1])"],
    rejects={"linalg_solve(f32[2, 3], f32[2])": "linalg.solve: A must be batches of square matrices, but they are 2 by 3 matrices",
             "linalg_solve(f32[3, 3], f32[2, 2])": "linalg.solve: Incompatible shapes of A and B for the equation AX = B (3x3 and 2x2)",
             "linalg_solve(f32[3, 3], f64[3, 2])": "linalg.solve: Expected A and B to have the same dtype, but found A of type Float"})  # fmt: skip
def linalg_solve(xp, A: Tensor("... n n"), B: Tensor, *, left: Bool = True):
    """X with A X = B, or X A = B if not left.  B is a matrix, or vectors where it has one dim less than A."""
    vector = _is_vector(A.shape, B.shape)
    try:
        if vector:
            return _solved(xp, A, B[..., None])[..., 0]
        return _solved(xp, A, B) if left else _solved(xp, A.swapaxes(-1, -2), B.swapaxes(-1, -2)).swapaxes(-1, -2)
    except xp.linalg.LinAlgError:
        where = batch_element(xp, A, lambda m: first_zero_pivot(xp, m))
        raise LinAlgError(f"torch.linalg.solve: {where}The solver failed because the input matrix is singular.") from None


def _solved(xp, A, B):
    if B.ndim < A.ndim:
        B = xp.broadcast_to(B, (*A.shape[:-2], *B.shape[-2:]))
    return xp.linalg.solve(A, B)


@linalg_solve.vjp("A")
def _(g, A, B, out, left):
    b = linalg_solve(adjoint(A), g, left=left)
    if _is_vector(tuple(A.shape), tuple(B.shape)):
        return -(b.unsqueeze(-1) * conj(out).unsqueeze(-2))
    return -(b @ adjoint(out)) if left else -(adjoint(out) @ b)


@linalg_solve.vjp("B")
def _(g, A, left):
    return linalg_solve(adjoint(A), g, left=left)


@op("torch.linalg.solve_ex", name="linalg_solve_ex", composite=True, shape=lambda A, B, left: [solve_dims(A, B, left), A.shape[:-2]],
    dtype=lambda A: (A.dtype, int32), outs=("result", "info"), accepts=["linalg_solve_ex(f32[3, 3], f32[3, 2])"])  # fmt: skip
def linalg_solve_ex(A: Tensor("... n n"), B: Tensor, *, left: Bool = True, check_errors: Bool = False):
    """`linalg.solve`, and 0 per matrix."""
    return linalg_solve(A, B, left=left), A.new_zeros(A.shape[:-2]).int()


# --- Cholesky ----------------------------------------------------------------------------------------------------------


def _cholesky(xp, A, upper: bool):
    if not upper:
        return xp.linalg.cholesky(A)
    return xp.conj(xp.linalg.cholesky(xp.conj(A).swapaxes(-1, -2))).swapaxes(-1, -2)


def _minor(xp, m) -> int:
    """The order of the first leading minor that is not positive definite, 0 if all are."""
    for k in range(1, m.shape[-1] + 1):
        try:
            xp.linalg.cholesky(m[:k, :k])
        except xp.linalg.LinAlgError:
            return k
    return 0


def _not_definite(xp, A, name: str) -> LinAlgError:
    where = batch_element(xp, A, lambda m: _minor(xp, m))
    order = next((k for k in (_minor(xp, m) for m in A.reshape(-1, *A.shape[-2:])) if k), 1)
    return LinAlgError(
        f"{name}: {where}The factorization could not be completed because the input is not positive-definite (the leading minor of "
        f"order {order} is not positive-definite)."
    )


@op("torch.linalg.cholesky", name="linalg_cholesky", shape=lambda input: square(input, "linalg.cholesky"), dtype=promote.same(),
    grad_name="LinalgCholeskyExBackward0", accepts=["linalg_cholesky(f32[0, 0])", "linalg_cholesky(f64[2, 0, 0], upper=True)"],
    rejects={"linalg_cholesky(f32[2, 3])": "linalg.cholesky: A must be batches of square matrices, but they are 2 by 3 matrices",
             "linalg_cholesky(i64[2, 2])": "linalg.cholesky: Expected a floating point or complex tensor as input. Got Long"})  # fmt: skip
def linalg_cholesky(xp, input: Tensor("... n n"), *, upper: Bool = False):
    """L with L L^H = A, lower triangular (U with U^H U = A if upper); only that triangle of A is read."""
    try:
        return _cholesky(xp, input, upper)
    except xp.linalg.LinAlgError:
        raise _not_definite(xp, input, "linalg.cholesky") from None


def _cholesky_gradient(g, factor, upper: bool):
    if upper:
        g, factor = adjoint(g), adjoint(factor)
    p = (adjoint(factor) @ g).tril()
    p = scaled(p + adjoint(p.tril(-1)), 0.5)
    p = solve_triangular(adjoint(factor), p, upper=True)
    return solve_triangular(factor, p, upper=False, left=False)


@linalg_cholesky.vjp("input")
def _(g, out, upper):
    return _cholesky_gradient(g, out, upper)


@op("torch.linalg.cholesky_ex", name="linalg_cholesky_ex", shape=lambda input: [square(input, "linalg.cholesky_ex"), input.shape[:-2]],
    dtype=lambda input: (input.dtype, int32), outs=("L", "info"), grad_name="LinalgCholeskyExBackward0",
    accepts=["linalg_cholesky_ex(f32[0, 0])"])  # fmt: skip
def linalg_cholesky_ex(xp, input: Tensor("... n n"), *, upper: Bool = False, check_errors: Bool = False):
    """The factor, and per matrix 0 or the order of the first minor that is not positive definite."""
    try:
        return _cholesky(xp, input, upper), xp.zeros(input.shape[:-2], dtype="int32")
    except xp.linalg.LinAlgError:
        if check_errors:
            raise _not_definite(xp, input, "linalg.cholesky_ex") from None
    flat = input.reshape(-1, *input.shape[-2:])
    info = [_minor(xp, m) for m in flat]
    each = [xp.tril(m) if bad else _cholesky(xp, m, upper) for m, bad in zip(flat, info, strict=True)]
    return xp.stack(each).reshape(input.shape), xp.asarray(info, dtype="int32").reshape(input.shape[:-2])


@linalg_cholesky_ex.vjp("input")
def _(g, L, upper):
    return _cholesky_gradient(g[0], L, upper)


def cholesky_solve_dims(input, input2):
    for letter, side in (("b", input), ("u", input2)):
        if len(side.shape) < 2:
            raise Refused(f"{letter} should have at least 2 dimensions, but has {len(side.shape)} dimensions instead")
    b, a = input.shape, input2.shape
    message = "Incompatible matrix sizes for cholesky_solve: each A matrix is {} by {} but each b matrix is {} by {}"
    require(eq(a[-1], b[-2]), message, a[-1], a[-1], *b[-2:])
    return (*broadcast_dims(b[:-2], a[:-2]), *b[-2:])


@op("torch.cholesky_solve", "Tensor.cholesky_solve", shape=cholesky_solve_dims, dtype=promote.same(),
    accepts=["cholesky_solve(f64[3, 2], f64[3, 3])", "cholesky_solve(f64[3, 2], f64[2, 3, 3], upper=True)"],
    rejects={"cholesky_solve(f32[2, 3], f32[3, 3])": "Incompatible matrix sizes for cholesky_solve: each A matrix is 3 by 3 but each b matrix"
             " is 2 by 3",
             "cholesky_solve(f32[3], f32[3, 3])": "b should have at least 2 dimensions, but has 1 dimensions instead"})  # fmt: skip
def cholesky_solve(xp, input: Tensor("... n k"), input2: Tensor("... n n"), upper: Bool = False):
    """X with A X = input, where input2 is the Cholesky factor of A."""
    factor = triangle(xp, input2, upper, False)
    transposed = xp.conj(factor).swapaxes(-1, -2)
    lower, higher = (transposed, factor) if upper else (factor, transposed)
    return substituted(xp, higher, substituted(xp, lower, input, False), True)


@cholesky_solve.vjp("input")
def _(g, input2, upper):
    return cholesky_solve(g, input2, upper)


@cholesky_solve.vjp("input2")
def _(g, input2, out, upper):
    common = cholesky_solve(g, input2, upper) @ adjoint(out)
    common = common + adjoint(common)
    return -(input2 @ common) if upper else -(common @ input2)


@op("torch.cholesky_inverse", "Tensor.cholesky_inverse", shape=lambda input: square(input, "cholesky_inverse"), dtype=promote.same(),
    accepts=["cholesky_inverse(f64[3, 3])", "cholesky_inverse(f64[2, 3, 3], upper=True)"],
    rejects={"cholesky_inverse(f32[2, 3])": "cholesky_inverse: A must be batches of square matrices, but they are 2 by 3 matrices"})  # fmt: skip
def cholesky_inverse(xp, input: Tensor("... n n"), upper: Bool = False):
    """The inverse of A from its Cholesky factor."""
    factor = triangle(xp, input, upper, False)
    if upper:
        factor = xp.conj(factor).swapaxes(-1, -2)
    half = substituted(xp, factor, xp.eye(input.shape[-1], dtype=input.dtype), False)
    return xp.matmul(xp.conj(half).swapaxes(-1, -2), half)


@cholesky_inverse.vjp("input")
def _(g, input, out, upper):
    common = out @ (g + adjoint(g)) @ out
    return -(input @ common) if upper else -(common @ input)


# --- the same under torch's older names, where the operand is called input ---------------------------------------------

Square = Tensor("... n n")


def renamed(of: Op, name: str, *names: str, shape, accepts, kind: Kind = Square, **fields) -> Op:
    """`torch.<name>(input)` for an operator of torch.linalg."""

    def body(input: kind):
        return of(input)

    body.__doc__ = of.doc
    return op(*names, name=name, composite=True, shape=shape, accepts=accepts, **fields)(body)


inverse = renamed(linalg_inv, "inverse", "torch.inverse", "Tensor.inverse", shape=lambda input: square(input, "linalg.inv"),
                  dtype=promote.same(), accepts=["inverse(f32[3, 3])"])  # fmt: skip
det = renamed(linalg_det, "det", "torch.det", "Tensor.det", shape=lambda input: square(input, "linalg.det")[:-2], dtype=promote.same(),
              accepts=["det(f32[3, 3])"])  # fmt: skip
slogdet = renamed(linalg_slogdet, "slogdet", "torch.slogdet", "Tensor.slogdet", shape=lambda input: square(input, "linalg.slogdet")[:-2],
                  dtype=lambda input: (input.dtype, input.dtype and input.dtype.to_real()), outs=("sign", "logabsdet"),
                  accepts=["slogdet(f32[3, 3])"])  # fmt: skip


@op("torch.cholesky", "Tensor.cholesky", composite=True, shape=lambda input: square(input, "cholesky"), dtype=promote.same(),
    accepts=["cholesky(f32[0, 0])"])  # fmt: skip
def cholesky(input: Tensor("... n n"), upper: Bool = False):
    """`linalg.cholesky` under its older name."""
    return linalg_cholesky(input, upper=upper)
