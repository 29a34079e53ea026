"""Factorizations: QR, singular values, eigenvalues.

Derivatives follow M. Giles (2008) and, for QR, M. Seeger et al., "Auto-differentiating linear algebra" (2017).
"""

from tensight_runtime.ops.linalg import adjoint, scaled
from tensight_runtime.ops.linalg_solve import floating, linalg_solve, matrix, square
from tensight_runtime.ops.linalg_triangular import _cat, _least, solve_triangular
from tensight_runtime.spec.kind import Bool, OptStr, Str, Tensor, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused

# --- QR ---------------------------------------------------------------------------------------------------------------


def qr_dims(A, mode="reduced"):
    shape = matrix(A, "linalg.qr")
    floating(A, "linalg.qr")
    if isinstance(mode, UnknownLike):
        raise RankUnknown
    if mode not in ("reduced", "complete", "r"):
        raise Refused(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    batch, m, n = shape[:-2], *shape[-2:]
    k = m if mode == "complete" else _least(A)
    return [(0,) if mode == "r" else (*batch, m, k), (*batch, k, n)]


@op("torch.linalg.qr", name="linalg_qr", in_order=False, shape=qr_dims, dtype=lambda A: (A.dtype, A.dtype),
    outs=("Q", "R"),
    grad_name="LinalgQrBackward0",
    accepts=["linalg_qr(f64[3, 3])", "linalg_qr(f64[2, 4, 3])", "linalg_qr(f64[3, 5])",
             "linalg_qr(f32[4, 3], mode='complete')", "linalg_qr(f32[4, 3], mode='r')",
             "linalg_qr(c128[3, 2])"],
    rejects={"linalg_qr(f32[3])": "linalg.qr: The input tensor A must have at least 2 dimensions.",
             "linalg_qr(f32[3, 2], mode='foo')": "qr received unrecognized mode 'foo' but expected one of 'reduced'"
             " (default), 'r', or 'complete'",
             "linalg_qr(i64[2, 3])": "linalg.qr: Expected a floating point or complex tensor as input. Got"
             " Long"})  # fmt: skip
def linalg_qr(xp, A: Tensor("... m n"), mode: Str = "reduced"):
    """Q with orthonormal columns and upper triangular R, A = Q R.  "complete" makes Q square, "r" leaves it out."""
    if mode == "r":
        return xp.empty(0, dtype=A.dtype), xp.linalg.qr(A, mode="r")
    Q, R = xp.linalg.qr(A, mode=mode)
    return Q, R


@linalg_qr.vjp("A")
def _(g, Q, R, mode):
    if mode == "r":
        raise RuntimeError(
            "linalg_qr_backward: The QR decomposition is not differentiable when mode='r'. Please use"
            " torch.linalg.qr(..., mode='reduced')"
        )
    m, n = Q.shape[-2], R.shape[-1]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "linalg_qr_backward: The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    gQ, gR = g
    if m >= n:
        return _square_qr(gQ, gR, Q, R)
    R1, rest = R[..., :m], R[..., m:]
    gR1 = None if gR is None else gR[..., :m]
    if gR is None:
        return _cat([_square_qr(gQ, None, Q, R1), Q @ (rest * 0)], -1)
    more = (Q @ R)[..., m:] @ adjoint(gR[..., m:])
    return _cat([_square_qr(more if gQ is None else gQ + more, gR1, Q, R1), Q @ gR[..., m:]], -1)


def _square_qr(gQ, gR, Q, R):
    inner = None if gR is None else gR @ adjoint(R)
    if gQ is not None:
        inner = -(adjoint(Q) @ gQ) if gR is None else inner - adjoint(Q) @ gQ
    inner = inner.triu()
    diagonal = inner.diagonal(0, -2, -1)
    if diagonal.dtype.is_complex:
        diagonal = diagonal.real.to(diagonal.dtype)
    inner = inner + adjoint(inner) - diagonal.diag_embed()
    total = Q @ inner
    return solve_triangular(adjoint(R), total if gQ is None else total + gQ, upper=False, left=False)


@op("torch.qr", "Tensor.qr", composite=True, in_order=False,
    shape=lambda input, some: qr_dims(input, "reduced" if some is True else "complete"),
    dtype=lambda input: (input.dtype, input.dtype), outs=("Q", "R"),
    accepts=["qr(f64[4, 3])", "qr(f32[4, 3], some=False)"])  # fmt: skip
def qr(input: Tensor("... m n"), some: Bool = True):
    """`linalg.qr` under its older name."""
    return linalg_qr(input, "reduced" if some else "complete")


# --- singular values --------------------------------------------------------------------------------------------------


def svd_dims(A, full_matrices=True):
    shape = matrix(A, "linalg.svd")
    floating(A, "linalg.svd", low_precision=True)
    if A.dtype and A.dtype.bits == 16:
        raise Refused(f"\"linalg_svd_cpu\" not implemented for '{scalar_name(A.dtype)}'", NotImplementedError)
    if isinstance(full_matrices, UnknownLike):
        raise RankUnknown
    batch, m, n, k = shape[:-2], *shape[-2:], _least(A)
    return [(*batch, m, m if full_matrices else k), (*batch, k), (*batch, n if full_matrices else k, n)]


@op("torch.linalg.svd", name="linalg_svd", in_order=False, shape=svd_dims, dtype=lambda A: (A.dtype,
    A.dtype and A.dtype.to_real(),
    A.dtype), outs=("U", "S", "Vh"),
    grad_name="LinalgSvdBackward0",
    accepts=["linalg_svd(f64[3, 3])", "linalg_svd(f64[2, 4, 3], full_matrices=False)", "linalg_svd(f64[2, 4])",
             "linalg_svd(f32[0, 3], False)"],
    rejects={"linalg_svd(f32[3])": "linalg.svd: The input tensor A must have at least 2 dimensions.",
             "linalg_svd(i64[2, 2])": "linalg.svd: Expected a floating point or complex tensor as input. Got"
             " Long"})  # fmt: skip
def linalg_svd(xp, A: Tensor("... m n"), full_matrices: Bool = True, *, driver: OptStr = None):
    """A = U diag(S) Vh; S is real and falls.  full_matrices=False leaves out what multiplies no singular value."""
    U, S, Vh = xp.linalg.svd(A, full_matrices=full_matrices)
    return U, S, Vh


@linalg_svd.vjp("A")
def _(g, U, S, Vh):
    k = S.shape[-1]
    gU, gS, gVh = g
    U, Vh = U[..., :k], Vh[..., :k, :]
    gU = None if gU is None else gU[..., :k]
    gVh = None if gVh is None else gVh[..., :k, :]
    return svd_gradient(gU, gS, gVh, U, S, Vh)


def svd_gradient(gU, gS, gVh, U, S, Vh):
    m, k, n = U.shape[-2], S.shape[-1], Vh.shape[-1]
    if gU is None and gVh is None:
        return (U * gS.unsqueeze(-2)) @ Vh
    squares = S * S
    gaps = squares.unsqueeze(-2) - squares.unsqueeze(-1) + S.new_ones((k,)).diag_embed()
    inner = None
    if gU is not None:
        left = adjoint(U) @ gU
        inner = (left - adjoint(left)) / gaps * S.unsqueeze(-2)
    if gVh is not None:
        right = Vh @ adjoint(gVh)
        part = (right - adjoint(right)) / gaps * S.unsqueeze(-1)
        inner = part if inner is None else inner + part
    if gS is not None:
        inner = inner + gS.to(inner.dtype).diag_embed()
    if gU is not None and gVh is not None and U.dtype.is_complex:
        inner = inner + (left.diagonal(0, -2, -1).imag * 1j / S).diag_embed()
    total = (U @ inner) @ Vh
    if m > k and gU is not None:
        total = total + ((gU - U @ left) / S.unsqueeze(-2)) @ Vh
    if n > k and gVh is not None:
        total = total + (U / S.unsqueeze(-2)) @ (gVh - (gVh @ adjoint(Vh)) @ Vh)
    return total


def _values_dims(A):
    shape = matrix(A, "linalg.svd")
    floating(A, "linalg.svd")
    return (*shape[:-2], _least(A))


@op("torch.linalg.svdvals", name="linalg_svdvals", composite=True, shape=_values_dims,
    dtype=lambda A: A.dtype and A.dtype.to_real(),
    accepts=["linalg_svdvals(f64[3, 4])", "linalg_svdvals(c128[2, 3, 2])"],
    rejects={"linalg_svdvals(f32[3])": "linalg.svd: The input tensor A must have at least 2 dimensions."})  # fmt: skip
def linalg_svdvals(A: Tensor("... m n"), *, driver: OptStr = None):
    """The singular values, falling."""
    return linalg_svd(A, False)[1] if A.requires_grad else singular_values(A)


@op(name="singular_values", shape=_values_dims, dtype=lambda A: A.dtype and A.dtype.to_real(),
    accepts=["singular_values(f64[3, 4])"])  # fmt: skip
def singular_values(xp, A: Tensor("... m n")):
    """The singular values alone, without a derivative."""
    return xp.linalg.svd(A, compute_uv=False)


def old_svd_dims(input, some=True, compute_uv=True):
    if isinstance(some, UnknownLike) or isinstance(compute_uv, UnknownLike):
        raise RankUnknown
    U, S, Vh = svd_dims(input, not (some and compute_uv))
    return [U, S, (*Vh[:-2], Vh[-1], Vh[-2])]


@op("torch.svd", "Tensor.svd", composite=True, in_order=False, shape=old_svd_dims,
    dtype=lambda input: (input.dtype, input.dtype and input.dtype.to_real(), input.dtype),
    outs=("U", "S", "V"), accepts=["svd(f64[4, 3])", "svd(f64[2, 4], some=False)",
                                   "svd(f64[2, 4], compute_uv=False)"])  # fmt: skip
def svd(input: Tensor("... m n"), some: Bool = True, compute_uv: Bool = True):
    """The older form of `linalg.svd`: reduced by default, and V instead of its conjugate transpose."""
    if not compute_uv:
        m, n = input.shape[-2:]
        batch = input.shape[:-2]
        return input.new_zeros((*batch, m, m)), linalg_svdvals(input), input.new_zeros((*batch, n, n))
    U, S, Vh = linalg_svd(input, not some)
    return U, S, adjoint(Vh)


# --- eigenvalues ------------------------------------------------------------------------------------------------------


def _uplo(UPLO) -> None:
    if isinstance(UPLO, str) and UPLO.upper() not in ("L", "U"):
        raise Refused(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")


def eigh_dims(input, UPLO="L"):
    shape = square(input, "linalg.eigh")
    _uplo(UPLO)
    return [shape[:-1], shape]


@op("torch.linalg.eigh", name="linalg_eigh", shape=eigh_dims,
    dtype=lambda input: (input.dtype and input.dtype.to_real(), input.dtype),
    outs=("eigenvalues", "eigenvectors"), grad_name="LinalgEighBackward0",
    accepts=["linalg_eigh(f64[3, 3])", "linalg_eigh(f64[2, 3, 3], UPLO='U')", "linalg_eigh(f32[0, 0])"],
    rejects={"linalg_eigh(f32[2, 3])": "linalg.eigh: A must be batches of square matrices, but they are 2 by 3"
             " matrices",
             "linalg_eigh(f32[2, 2], UPLO='X')": "Expected UPLO argument to be 'L' or 'U', but got X"})  # fmt: skip
def linalg_eigh(xp, input: Tensor("... n n"), UPLO: Str = "L"):
    """Real eigenvalues, rising, and eigenvectors (columns) of symmetric or Hermitian matrices; one triangle is read."""
    values, vectors = xp.linalg.eigh(input, UPLO=UPLO.upper())
    return values, vectors


@linalg_eigh.vjp("input")
def _(g, eigenvalues, eigenvectors):
    values, V = eigenvalues, eigenvectors
    gL, gV = g
    if gV is None:
        return (V * gL.unsqueeze(-2)) @ adjoint(V)
    inner = adjoint(V) @ gV
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1) + values.new_ones((values.shape[-1],)).diag_embed()
    off = scaled(inner - adjoint(inner), 0.5) / gaps
    off = off - off.diagonal(0, -2, -1).diag_embed()
    if gL is not None:
        off = off + gL.to(off.dtype).diag_embed()
    return V @ off @ adjoint(V)


def _eigvalsh_dims(input, UPLO="L"):
    shape = square(input, "linalg.eigh")
    _uplo(UPLO)
    return shape[:-1]


@op("torch.linalg.eigvalsh", name="linalg_eigvalsh", composite=True, shape=_eigvalsh_dims,
    dtype=lambda input: input.dtype and input.dtype.to_real(),
    accepts=["linalg_eigvalsh(f64[3, 3])", "linalg_eigvalsh(c128[2, 2])"],
    rejects={"linalg_eigvalsh(f32[2, 3])": "linalg.eigh: A must be batches of square matrices, but they are 2 by 3"
             " matrices"})  # fmt: skip
def linalg_eigvalsh(input: Tensor("... n n"), UPLO: Str = "L"):
    """The real eigenvalues of symmetric or Hermitian matrices, rising."""
    return linalg_eigh(input, UPLO)[0] if input.requires_grad else real_eigenvalues(input, UPLO)


@op(name="real_eigenvalues", shape=_eigvalsh_dims, dtype=lambda input: input.dtype and input.dtype.to_real(),
    accepts=["real_eigenvalues(f64[3, 3])"])  # fmt: skip
def real_eigenvalues(xp, input: Tensor("... n n"), UPLO: Str = "L"):
    """The eigenvalues alone, without a derivative."""
    return xp.linalg.eigvalsh(input, UPLO=UPLO.upper())


@op("torch.linalg.eig", name="linalg_eig", shape=lambda input: [square(input, "linalg.eig")[:-1], input.shape],
    dtype=lambda input: (input.dtype and input.dtype.to_complex(),) * 2, outs=("eigenvalues", "eigenvectors"),
    grad_name="LinalgEigBackward0",
    accepts=["linalg_eig(f64[3, 3])", "linalg_eig(c128[2, 3, 3])"],
    rejects={"linalg_eig(f32[2, 3])": "linalg.eig: A must be batches of square matrices, but they are 2 by 3"
             " matrices"})  # fmt: skip
def linalg_eig(xp, input: Tensor("... n n")):
    """Complex eigenvalues, in no order, and eigenvectors (columns, of length 1) of square matrices."""
    values, vectors = xp.linalg.eig(input)
    return _complex(xp, values), _complex(xp, vectors)


def _complex(xp, x):
    return x if x.dtype.kind == "c" else x.astype("complex64" if x.dtype == "float32" else "complex128")


@linalg_eig.vjp("input")
def _(g, input_dtype, eigenvalues, eigenvectors):
    values, V = eigenvalues, eigenvectors
    gL, gV = g
    if gV is None:
        inner = gL.diag_embed()
    else:
        inner = adjoint(V) @ gV
        lengths = inner.diagonal(0, -2, -1).real
        inner = inner - adjoint(V) @ (V * lengths.unsqueeze(-2))
        gaps = (values.unsqueeze(-2) - values.unsqueeze(-1)).conj() + lengths.new_ones((values.shape[-1],)).diag_embed()
        inner = inner / gaps
        inner = inner - inner.diagonal(0, -2, -1).diag_embed()
        if gL is not None:
            inner = inner + gL.diag_embed()
    result = linalg_solve(adjoint(V), inner @ adjoint(V))
    return result if input_dtype.is_complex else result.real


@op("torch.linalg.eigvals", name="linalg_eigvals", composite=True,
    shape=lambda input: square(input, "linalg.eigvals")[:-1],
    dtype=lambda input: input.dtype and input.dtype.to_complex(), accepts=["linalg_eigvals(f64[3, 3])"],
    rejects={"linalg_eigvals(f32[2, 3])": "linalg.eigvals: A must be batches of square matrices, but they are 2 by 3"
             " matrices"})  # fmt: skip
def linalg_eigvals(input: Tensor("... n n")):
    """The complex eigenvalues of square matrices, in no order."""
    return linalg_eig(input)[0]
