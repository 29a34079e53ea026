"""Square matrices: inverse, determinant, linear systems.

Derivatives follow M. Giles, "Collected matrix derivative results for forward and reverse mode AD" (2008).
"""

from tensight_runtime.ops.linalg import adjoint, agreed, conj
from tensight_runtime.ops.linalg_triangular import first_zero_pivot
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
    require(
        eq(shape[-1], shape[-2]),
        name + ": A must be batches of square matrices, but they are {} by {} matrices",
        *shape[-2:],
    )
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
        f"{name}: {where}The diagonal element {pivot} is zero, the inversion could not be completed because the input"
        f" matrix is singular."
    )


# --- inverse and determinant ------------------------------------------------------------------------------------------


@op("torch.linalg.inv", name="linalg_inv", shape=lambda A: square(A, "linalg.inv"), dtype=promote.same("A"),
    grad_name="LinalgInvExBackward0",
    accepts=["linalg_inv(f32[3, 3])", "linalg_inv(f64[2, 3, 3])", "linalg_inv(c64[2, 2])", "linalg_inv(f32[0, 0])"],
    rejects={"linalg_inv(f32[2, 3])": "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices",
             "linalg_inv(f32[3])": "linalg.inv: The input tensor A must have at least 2 dimensions.",
             "linalg_inv(i64[3, 3])": "linalg.inv: Expected a floating point or complex tensor as input. Got"
             " Long"})  # fmt: skip
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


@op("torch.linalg.det", name="linalg_det", shape=lambda A: square(A, "linalg.det")[:-2], dtype=promote.same("A"),
    grad_name="LinalgDetBackward0",
    accepts=["linalg_det(f32[3, 3])", "linalg_det(f64[2, 2, 2])", "linalg_det(c64[2, 2])", "linalg_det(f32[0, 0])"],
    rejects={"linalg_det(f32[2, 3])": "linalg.det: A must be batches of square matrices, but they are 2 by 3 matrices",
             "linalg_det(i64[3, 3])": "linalg.det: Expected a floating point or complex tensor as input. Got"
             " Long"})  # fmt: skip
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
    dtype=lambda A: (A.dtype, A.dtype and A.dtype.to_real()), outs=("sign", "logabsdet"),
    grad_name="LinalgSlogdetBackward0",
    accepts=["linalg_slogdet(f32[3, 3])", "linalg_slogdet(f64[2, 2, 2])"],
    rejects={"linalg_slogdet(f32[2, 3])": "linalg.slogdet: A must be batches of square matrices, but they are 2 by 3"
             " matrices"})  # fmt: skip
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


@op("torch.logdet", "Tensor.logdet", composite=True, shape=lambda input: square(input, "logdet")[:-2],
    dtype=promote.same(),
    accepts=["logdet(f32[3, 3])", "logdet(f64[2, 2, 2])"],
    rejects={"logdet(f32[2, 3])": "logdet: A must be batches of square matrices, but they are 2 by 3"
             " matrices"})  # fmt: skip
def logdet(input: Tensor("... n n")):
    """The logarithm of the determinant; nan if it is negative, -inf if it is 0."""
    sign, logabsdet = linalg_slogdet(input)
    return sign.log() + logabsdet if sign.dtype.is_complex else logabsdet.masked_fill(sign == -1, float("nan"))


# --- linear systems ---------------------------------------------------------------------------------------------------


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
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {scalar_name(A.dtype)} and B"
            f" of type "
            f"{scalar_name(B.dtype)} instead"
        )
    vector = _is_vector(a, b)
    columns = (*b, 1) if vector else b
    if vector and not left:
        raise Refused(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In"
            " this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    incompatible(a, columns, left, "linalg.solve")
    batch = broadcast_dims(columns[:-2], a[:-2])
    return (*batch, columns[-2]) if vector else (*batch, *columns[-2:])


def incompatible(a, b, left, name: str) -> None:
    letters = "AX" if left else "XA"
    message = name + ": Incompatible shapes of A and B for the equation " + letters + " = B ({}x{} and {}x{})"
    require(eq(a[-2], b[-2]) if left else eq(a[-1], b[-1]), message, *a[-2:], *b[-2:])


@op("torch.linalg.solve", name="linalg_solve", in_order=False, shape=solve_dims, dtype=agreed("A", "B"),
    grad_name="LinalgSolveExBackward0",
    accepts=["linalg_solve(f32[3, 3], f32[3, 2])", "linalg_solve(f64[3, 3], f64[3])",
             "linalg_solve(f64[2, 3, 3], f64[2, 3])",
             "linalg_solve(f64[2, 3, 3], f64[3, 2])", "linalg_solve(f64[3, 3], f64[2, 3], left=False)",
             "linalg_solve(c64[2, 2], c64[2, 1])"],
    rejects={"linalg_solve(f32[2, 3], f32[2])": "linalg.solve: A must be batches of square matrices, but they are 2"
             " by 3 matrices",
             "linalg_solve(f32[3, 3], f32[2, 2])": "linalg.solve: Incompatible shapes of A and B for the equation AX"
             " = B (3x3 and 2x2)",
             "linalg_solve(f32[3, 3], f64[3, 2])": "linalg.solve: Expected A and B to have the same dtype, but found"
             " A of type Float"})  # fmt: skip
def linalg_solve(xp, A: Tensor("... n n"), B: Tensor, *, left: Bool = True):
    """X with A X = B, or X A = B if not left.  B is a matrix, or vectors where it has one dim less than A."""
    vector = _is_vector(A.shape, B.shape)
    try:
        if vector:
            return _solved(xp, A, B[..., None])[..., 0]
        return _solved(xp, A, B) if left else _solved(xp, A.swapaxes(-1, -2), B.swapaxes(-1, -2)).swapaxes(-1, -2)
    except xp.linalg.LinAlgError:
        where = batch_element(xp, A, lambda m: first_zero_pivot(xp, m))
        message = f"torch.linalg.solve: {where}The solver failed because the input matrix is singular."
        raise LinAlgError(message) from None


def _solved(xp, A, B):
    if B.ndim < A.ndim:
        B = xp.broadcast_to(B, (*A.shape[:-2], *B.shape[-2:]))
    return xp.linalg.solve(A, B)


@linalg_solve.vjp("A")
def _(g, A, B_shape, out, left):
    b = linalg_solve(adjoint(A), g, left=left)
    if _is_vector(tuple(A.shape), tuple(B_shape)):
        return -(b.unsqueeze(-1) * conj(out).unsqueeze(-2))
    return -(b @ adjoint(out)) if left else -(adjoint(out) @ b)


@linalg_solve.vjp("B")
def _(g, out, A, left):
    return linalg_solve(adjoint(A), g, left=left)


@op("torch.linalg.solve_ex", name="linalg_solve_ex", composite=True,
    shape=lambda A, B, left: [solve_dims(A, B, left), A.shape[:-2]],
    dtype=lambda A: (A.dtype, int32), outs=("result", "info"),
    accepts=["linalg_solve_ex(f32[3, 3], f32[3, 2])"])  # fmt: skip
def linalg_solve_ex(A: Tensor("... n n"), B: Tensor, *, left: Bool = True, check_errors: Bool = False):
    """`linalg.solve`, and 0 per matrix."""
    return linalg_solve(A, B, left=left), A.new_zeros(A.shape[:-2]).int()


# --- the same under torch's older names, where the operand is called input --------------------------------------------

Square = Tensor("... n n")


def renamed(of: Op, name: str, *names: str, shape, accepts, kind: Kind = Square, **fields) -> Op:
    """`torch.<name>(input)` for an operator of torch.linalg."""

    def body(input: kind):
        return of(input)

    body.__doc__ = of.doc
    return op(*names, name=name, composite=True, shape=shape, accepts=accepts, **fields)(body)


inverse = renamed(linalg_inv, "inverse", "torch.inverse", "Tensor.inverse",
                  shape=lambda input: square(input, "linalg.inv"),
                  dtype=promote.same(), accepts=["inverse(f32[3, 3])"])  # fmt: skip
det = renamed(linalg_det, "det", "torch.det", "Tensor.det", shape=lambda input: square(input, "linalg.det")[:-2],
              dtype=promote.same(),
              accepts=["det(f32[3, 3])"])  # fmt: skip
slogdet = renamed(linalg_slogdet, "slogdet", "torch.slogdet", "Tensor.slogdet",
                  shape=lambda input: square(input, "linalg.slogdet")[:-2],
                  dtype=lambda input: (input.dtype, input.dtype and input.dtype.to_real()), outs=("sign", "logabsdet"),
                  accepts=["slogdet(f32[3, 3])"])  # fmt: skip
