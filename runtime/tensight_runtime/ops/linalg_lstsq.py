"""The pseudoinverse and least squares, by singular values.

Derivatives follow G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
problems" (1973).
"""

from tensight_runtime.ops.linalg import adjoint
from tensight_runtime.ops.linalg_spectral import linalg_svdvals
from tensight_runtime.ops.linalg_triangular import _least
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, gt
from tensight_runtime.spec.dtype import int64
from tensight_runtime.spec.kind import Bool, OptNum, OptStr, OptTensorOrNum, Tensor, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import broadcast_dims


def threshold(xp, S, shape, atol, rtol):
    """Below which a singular value counts as 0: max(atol, rtol * the greatest); (*batch, 1)."""
    if rtol is None:
        absolute = atol is not None and bool(xp.all(xp.asarray(atol) > 0))
        rtol = 0.0 if absolute else float(xp.finfo(S.dtype).eps) * max(shape[-2:])
    top = S.max(axis=-1, keepdims=True) if S.shape[-1] else xp.zeros((*S.shape[:-1], 1), dtype=S.dtype)
    spread = lambda t: t[..., None] if hasattr(t, "ndim") else t
    return xp.maximum(spread(0.0 if atol is None else atol), spread(rtol) * top)


def pinv_dims(input):
    shape = input.shape
    if len(shape) < 2 or (input.dtype and (input.dtype.category < 2 or input.dtype.bits == 16)):
        kind = scalar_name(input.dtype) if input.dtype else "Float"
        raise Refused(
            f"linalg.pinv({kind}{{[{', '.join(map(str, shape))}]}}): expected a tensor with 2 or more dimensions of"
            f" float, double, cfloat or "
            "cdouble types"
        )
    return (*shape[:-2], shape[-1], shape[-2])


@op(
    shape=pinv_dims,
    dtype=promote.same(),
    accepts=["pseudoinverse(f64[4, 3], None, None, False)"],
    grad_name="LinalgPinvBackward0",
)
def pseudoinverse(xp, input: Tensor("... m n"), atol: OptTensorOrNum, rtol: OptTensorOrNum, hermitian: Bool):
    """The pseudoinverse by singular values; those below max(atol, rtol * greatest) count as 0."""
    if input.shape[-1] == 0 or input.shape[-2] == 0:
        return xp.zeros((*input.shape[:-2], input.shape[-1], input.shape[-2]), dtype=input.dtype)
    if hermitian:
        S, U = xp.linalg.eigh(input)
        size, Vh = xp.abs(S), xp.conj(U).swapaxes(-1, -2)
    else:
        U, S, Vh = xp.linalg.svd(input, full_matrices=False)
        size = S
    keep = size > threshold(xp, size, input.shape, atol, rtol)
    inverse = xp.where(keep, 1 / xp.where(keep, S, 1), 0).astype(S.dtype)
    return xp.matmul(xp.conj(Vh).swapaxes(-1, -2) * inverse[..., None, :], xp.conj(U).swapaxes(-1, -2))


@pseudoinverse.vjp("input")
def _(g, input, out):
    return pinv_gradient(g, input, out)


def pinv_gradient(g, A, P):
    Ph, gh = adjoint(P), adjoint(g)
    first = -(Ph @ g @ Ph)
    more = gh @ P @ Ph
    also = Ph @ P @ gh
    return first + more - A @ (P @ more) + also - (also @ P) @ A


@op("torch.linalg.pinv", name="linalg_pinv", composite=True, shape=pinv_dims, dtype=promote.same(),
    accepts=["linalg_pinv(f64[4, 3])", "linalg_pinv(f64[2, 3, 4], rtol=0.1)", "linalg_pinv(f32[0, 3])"],
    rejects={"linalg_pinv(f32[3])": "linalg.pinv(Float{[3]}): expected a tensor with 2 or more dimensions of float,"
             " double, cfloat or cdouble types"})  # fmt: skip
def linalg_pinv(
    input: Tensor("... m n"), *, atol: OptTensorOrNum = None, rtol: OptTensorOrNum = None, hermitian: Bool = False
):
    """The pseudoinverse (..., n, m)."""
    return pseudoinverse(input, atol, rtol, hermitian)


@op("torch.linalg.pinv", name="linalg_pinv", overload="rcond", composite=True, shape=pinv_dims, dtype=promote.same(),
    accepts=["linalg_pinv(f64[4, 3], 0.1)"])  # fmt: skip
def linalg_pinv_rcond(input: Tensor("... m n"), rcond: OptTensorOrNum, hermitian: Bool = False):
    """The pseudoinverse with a relative threshold."""
    return pseudoinverse(input, 0.0, rcond, hermitian)


@op(
    "torch.pinverse",
    "Tensor.pinverse",
    composite=True,
    shape=pinv_dims,
    dtype=promote.same(),
    accepts=["pinverse(f64[4, 3])"],
)
def pinverse(input: Tensor("... m n"), rcond: OptNum = 1e-15):
    """`linalg.pinv` under its older name."""
    return pseudoinverse(input, 0.0, rcond, False)


DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq_dims(input, b, driver=None):
    a, shape = input.shape, b.shape
    if len(a) < 2:
        raise Refused("torch.linalg.lstsq: input must have at least 2 dimensions.")
    if len(shape) < 1:
        raise Refused("torch.linalg.lstsq: other must have at least 1 dimension.")
    if not 0 <= len(a) - len(shape) <= 1:
        raise Refused(
            "torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() -"
            " other.dim()) <= 1"
        )
    if isinstance(driver, UnknownLike):
        raise RankUnknown
    if driver is not None and driver not in DRIVERS:
        raise Refused("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    if input.dtype and b.dtype and input.dtype is not b.dtype:
        raise Refused(
            f"torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype"
            f" {scalar_name(input.dtype)} and other's "
            f"dtype {scalar_name(b.dtype)}"
        )
    vector = len(shape) < len(a)
    columns = (*shape, 1) if vector else shape
    name = "other.size(-1)" if vector else "other.size(-2)"
    require(eq(a[-2], columns[-2]), "torch.linalg.lstsq: input.size(-2) should match " + name)
    batch = broadcast_dims(columns[:-2], a[:-2])
    solution = (*batch, a[-1]) if vector else (*batch, a[-1], columns[-1])
    residuals = (0,)
    if driver in ("gels", "gelsd", "gelss"):
        tall = gt(a[-2], a[-1])
        if tall is not False:
            residuals = (*batch, columns[-1]) if tall is True and driver == "gels" else None
    rank = (0,) if driver == "gels" else a[:-2]
    values = (*a[:-2], _least(input)) if driver in ("gelsd", "gelss") else (0,)
    return [solution, residuals, rank, values]


def _epsilon(dtype) -> float:
    return 2.0**-23 if dtype.itemsize == 4 else 2.0**-52


def _lstsq_rule(input, b, driver):
    real = input.dtype and input.dtype.to_real()
    dims = lstsq_dims(input, b, driver)
    return tuple(input.like(dtype=t, shape=s) for t, s in zip((input.dtype, real, int64, real), dims, strict=True))


@op("torch.linalg.lstsq", name="linalg_lstsq", composite=True,
    outs=("solution", "residuals", "rank", "singular_values"),
    accepts=["linalg_lstsq(f64[3, 2], f64[3, 4])", "linalg_lstsq(f64[2, 4, 3], f64[2, 4])",
             "linalg_lstsq(f64[3, 2], f64[3, 4], driver='gelsd')",
             "linalg_lstsq(f64[2, 3], f64[2, 1])", "linalg_lstsq(f64[3, 2], f64[3, 4], driver='gels')"],
    rejects={"linalg_lstsq(f32[3, 2], f32[2, 1])": "torch.linalg.lstsq: input.size(-2) should match other.size(-2)",
             "linalg_lstsq(f32[3], f32[2, 1])": "torch.linalg.lstsq: input must have at least 2"
             " dimensions."})  # fmt: skip
def linalg_lstsq(input: Tensor("... m n"), b: Tensor, rcond: OptNum = None, *, driver: OptStr = None):
    """X that makes the norm of A X - B least, with residuals, rank and singular values where the driver gives them."""
    vector = b.dim() < input.dim()
    B = b.unsqueeze(-1) if vector else b
    X = least_squares(input, B, rcond)
    S = linalg_svdvals(input.detach())
    m, n = input.shape[-2:]
    cut = S.amax(-1, keepdim=True) * (rcond if rcond is not None else _epsilon(S.dtype) * max(m, n)) if min(m, n) else S
    rank = (S > cut).sum(-1)
    residuals = X.abs().reshape(-1)[:0]
    if driver in ("gels", "gelsd", "gelss") and m > n and (driver == "gels" or bool((rank == n).all())):
        residuals = (input @ X - B).abs().square().sum(-2)
    values = S if driver in ("gelsd", "gelss") else S.new_zeros((0,))
    return X.squeeze(-1) if vector else X, residuals, rank.new_zeros((0,)) if driver == "gels" else rank, values


linalg_lstsq.rule(_lstsq_rule)


@op(shape=lambda input, b: (*broadcast_dims(b.shape[:-2], input.shape[:-2]), input.shape[-1], b.shape[-1]),
    dtype=promote.same(),
    grad_name="LinalgLstsqBackward0", accepts=["least_squares(f64[3, 2], f64[3, 4], None)"])  # fmt: skip
def least_squares(xp, input: Tensor("... m n"), b: Tensor("... m k"), rcond: OptNum):
    """The solution of `linalg.lstsq`, by singular values."""
    U, S, Vh = xp.linalg.svd(input, full_matrices=False)
    kept = S > threshold(xp, S, input.shape, None, rcond)
    inverse = xp.where(kept, 1 / xp.where(kept, S, 1), 0).astype(S.dtype)
    half = xp.matmul(xp.conj(U).swapaxes(-1, -2), b) * inverse[..., None]
    return xp.matmul(xp.conj(Vh).swapaxes(-1, -2), half)


@least_squares.vjp("input", "b")
def _(g, input, b):
    P = pseudoinverse(input, None, None, False)
    return pinv_gradient(g @ adjoint(b), input, P), adjoint(P) @ g
