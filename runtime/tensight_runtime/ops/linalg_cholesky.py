"""The Cholesky factorization, and what is solved with its factor.

Derivatives follow I. Murray, "Differentiation of the Cholesky decomposition" (2016).
"""

from tensight_runtime.ops.linalg import adjoint, agreed, scaled
from tensight_runtime.ops.linalg_solve import LinAlgError, batch_element, square
from tensight_runtime.ops.linalg_triangular import solve_triangular, substituted, triangle
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import int32
from tensight_runtime.spec.kind import Bool, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import broadcast_dims


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
        f"{name}: {where}The factorization could not be completed because the input is not positive-definite (the"
        f" leading minor of "
        f"order {order} is not positive-definite)."
    )


@op("torch.linalg.cholesky", name="linalg_cholesky", shape=lambda input: square(input, "linalg.cholesky"),
    dtype=promote.same(),
    grad_name="LinalgCholeskyExBackward0", accepts=["linalg_cholesky(f32[0, 0])", "linalg_cholesky(f64[2, 1, 1]{1..2})",
                                                    "linalg_cholesky(f64[2, 0, 0], upper=True)"],
    rejects={"linalg_cholesky(f32[2, 3])": "linalg.cholesky: A must be batches of square matrices, but they are 2 by"
             " 3 matrices",
             "linalg_cholesky(i64[2, 2])": "linalg.cholesky: Expected a floating point or complex tensor as input."
             " Got Long"})  # fmt: skip
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


@op("torch.linalg.cholesky_ex", name="linalg_cholesky_ex", shape=lambda input: [square(input, "linalg.cholesky_ex"),
    input.shape[:-2]],
    dtype=lambda input: (input.dtype, int32), outs=("L", "info"), grad_name="LinalgCholeskyExBackward0",
    accepts=["linalg_cholesky_ex(f32[0, 0])", "linalg_cholesky_ex(f64[1, 1]{1..2})"])  # fmt: skip
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


@op("torch.cholesky_solve", "Tensor.cholesky_solve", in_order=False, shape=cholesky_solve_dims, dtype=agreed("input",
    "input2"),
    accepts=["cholesky_solve(f64[3, 2], f64[3, 3])", "cholesky_solve(f64[3, 2], f64[2, 3, 3], upper=True)"],
    rejects={"cholesky_solve(f32[2, 3], f32[3, 3])": "Incompatible matrix sizes for cholesky_solve: each A matrix is"
             " 3 by 3 but each b matrix"
             " is 2 by 3",
             "cholesky_solve(f32[3], f32[3, 3])": "b should have at least 2 dimensions, but has 1 dimensions"
             " instead"})  # fmt: skip
def cholesky_solve(xp, input: Tensor("... n k"), input2: Tensor("... n n"), upper: Bool = False):
    """X with A X = input, where input2 is the Cholesky factor of A."""
    factor = triangle(xp, input2, upper, False)
    transposed = xp.conj(factor).swapaxes(-1, -2)
    lower, higher = (transposed, factor) if upper else (factor, transposed)
    return substituted(xp, higher, substituted(xp, lower, input, False), True)


@cholesky_solve.vjp("input")
def _(g, input, out, input2, upper):
    return cholesky_solve(g, input2, upper)


@cholesky_solve.vjp("input2")
def _(g, input, input2, out, upper):
    common = cholesky_solve(g, input2, upper) @ adjoint(out)
    common = common + adjoint(common)
    return -(input2 @ common) if upper else -(common @ input2)


@op("torch.cholesky_inverse", "Tensor.cholesky_inverse", shape=lambda input: square(input, "cholesky_inverse"),
    dtype=promote.same(),
    accepts=["cholesky_inverse(f64[3, 3])", "cholesky_inverse(f64[2, 3, 3], upper=True)"],
    rejects={"cholesky_inverse(f32[2, 3])": "cholesky_inverse: A must be batches of square matrices, but they are 2"
             " by 3 matrices"})  # fmt: skip
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


@op("torch.cholesky", "Tensor.cholesky", composite=True, shape=lambda input: square(input, "cholesky"),
    dtype=promote.same(),
    accepts=["cholesky(f32[0, 0])", "cholesky(f64[1, 1]{1..2})"])  # fmt: skip
def cholesky(input: Tensor("... n n"), upper: Bool = False):
    """`linalg.cholesky` under its older name."""
    return linalg_cholesky(input, upper=upper)
