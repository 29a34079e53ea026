"""Products added to a tensor: addmm and its relatives, beta * input + alpha * product."""

from tensight_runtime.ops.linalg import (
    add_scaled,
    adjoint,
    agreed,
    conj,
    cpp_name,
    expands_to,
    multiply,
    not_bool,
    same_dtype,
    scaled,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.kind import Num, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require


def addmm_dims(input, mat1, mat2):
    a, b = mat1.shape, mat2.shape
    for name, shape in (("mat1", a), ("mat2", b)):
        if len(shape) != 2:
            raise Refused(f"{name} must be a matrix, got {len(shape)}-D tensor")
    same_dtype(input, mat2, "self and mat2 must have the same dtype, but got {} and {}", scalar_name)
    same_dtype(mat1, mat2, "mat1 and mat2 must have the same dtype, but got {} and {}", scalar_name)
    require(eq(a[1], b[0]), "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})", *a, *b)
    expands_to(input.shape, (a[0], b[1]))
    not_bool(mat1, "addmm_impl_cpu_")
    return (a[0], b[1])


@op("torch.addmm", "Tensor.addmm", shape=addmm_dims, dtype=agreed("mat1", "mat2", "input"), autocast="lower",
    inplace=True,
    accepts=["addmm(f32[5], f32[2, 3], f32[3, 5])", "addmm(f32[2, 5], f32[2, 3], f32[3, 5], beta=0.5, alpha=2)",
             "addmm(f32[], f32[2, 0], f32[0, 5])"],
    rejects={"addmm(f32[3], f32[2, 3], f32[3, 5])": "The expanded size of the tensor (5) must match the existing size"
             " (3)",
             "addmm(f32[5], f32[2, 3], f32[4, 5])": "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
             "addmm(f32[5], f32[2, 3, 2], f32[3, 5])": "mat1 must be a matrix, got 3-D tensor"})  # fmt: skip
def addmm(xp, input: Tensor, mat1: Tensor("n m"), mat2: Tensor("m p"), *, beta: Num = 1, alpha: Num = 1):
    """beta * input + alpha * (mat1 @ mat2); input is expanded to the product's shape."""
    return add_scaled(xp, input, multiply(xp, mat1, mat2), beta, alpha)


@addmm.vjp("mat1")
def _(g, mat2, alpha):
    return scaled(g @ adjoint(mat2), alpha)


@addmm.vjp("mat2")
def _(g, mat1, alpha):
    return scaled(adjoint(mat1) @ g, alpha)


def addmv_dims(input, mat, vec):
    a, b = mat.shape, vec.shape
    if len(a) != 2 or len(b) != 1 or len(input.shape) > 1:
        raise Refused(f"vector + matrix @ vector expected, got {len(input.shape)}, {len(a)}, {len(b)}")
    have = input.shape[0] if input.shape else 1
    message = "size mismatch, got input ({}), mat ({}x{}), vec ({})"
    require(eq(a[1], b[0]), message, have, *a, *b)
    if eq(have, 1) is not True:
        expands_to(input.shape, a[:1])
    return a[:1]


@op("torch.addmv", "Tensor.addmv", shape=addmv_dims, dtype=agreed("mat", "vec", "input"), autocast="lower",
    inplace=True,
    accepts=["addmv(f32[2], f32[2, 3], f32[3])", "addmv(f32[], f32[2, 3], f32[3], beta=2, alpha=0.5)"],
    rejects={"addmv(f32[2], f32[2, 3], f32[2])": "size mismatch, got input (2), mat (2x3), vec (2)"})  # fmt: skip
def addmv(xp, input: Tensor, mat: Tensor("n m"), vec: Tensor("m"), *, beta: Num = 1, alpha: Num = 1):
    """beta * input + alpha * (mat @ vec)."""
    return add_scaled(xp, input, multiply(xp, mat, vec), beta, alpha)


@addmv.vjp("mat")
def _(g, vec, alpha):
    return scaled(g.unsqueeze(-1) * conj(vec), alpha)


@addmv.vjp("vec")
def _(g, mat, alpha):
    return scaled(adjoint(mat) @ g, alpha)


def _batches(batch1, batch2):
    a, b = batch1.shape, batch2.shape
    for shape, name in ((a, "batch1"), (b, "batch2")):
        if len(shape) != 3:
            raise Refused(f"{name} must be a 3D tensor")
    message = "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}]."
    for have, want in ((b[0], a[0]), (b[1], a[2])):
        require(eq(have, want), message, a[0], a[2], b[0], b[1])
    return (a[0], a[1], b[2])


def baddbmm_dims(input, batch1, batch2):
    dims = _batches(batch1, batch2)
    expands_to(input.shape, dims)
    found = [t.dtype for t in (input, batch1, batch2)]
    if all(found) and len(set(found)) > 1:
        names = tuple(cpp_name(dtype) for dtype in found)
        raise Refused("Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}".format(*names))
    return dims


@op("torch.baddbmm", "Tensor.baddbmm", shape=baddbmm_dims, dtype=agreed("batch1", "batch2", "input"), autocast="lower",
    inplace=True,
    accepts=["baddbmm(f32[4], f32[2, 3, 5], f32[2, 5, 4])",
             "baddbmm(f32[2, 3, 4], f32[2, 3, 5], f32[2, 5, 4], beta=0, alpha=2)"],
    rejects={"baddbmm(f32[3], f32[2, 3, 4], f32[2, 4, 4])": "The expanded size of the tensor (4) must match the"
             " existing size (3)"})  # fmt: skip
def baddbmm(xp, input: Tensor, batch1: Tensor("b n m"), batch2: Tensor("b m p"), *, beta: Num = 1, alpha: Num = 1):
    """beta * input + alpha * (batch1 @ batch2), matrix by matrix."""
    return add_scaled(xp, input, multiply(xp, batch1, batch2), beta, alpha)


@baddbmm.vjp("batch1")
def _(g, batch2, alpha):
    return scaled(g @ adjoint(batch2), alpha)


@baddbmm.vjp("batch2")
def _(g, batch1, alpha):
    return scaled(adjoint(batch1) @ g, alpha)


def addbmm_dims(input, batch1, batch2):
    dims = _batches(batch1, batch2)[1:]
    expands_to(input.shape, dims)
    same_dtype(input, batch1, "expected scalar type {} but found {}", scalar_name)
    same_dtype(batch1, batch2, "expected scalar type {} but found {}", scalar_name)
    return dims


@op("torch.addbmm", "Tensor.addbmm", shape=addbmm_dims, dtype=agreed("batch1", "batch2", "input"), autocast="lower",
    inplace=True,
    accepts=["addbmm(f32[3, 4], f32[2, 3, 5], f32[2, 5, 4])",
             "addbmm(f32[4], f32[2, 3, 5], f32[2, 5, 4], beta=2, alpha=0.5)"],
    rejects={"addbmm(f32[2, 4], f32[2, 3, 4], f32[2, 4, 4])": "The expanded size of the tensor (3) must match the"
             " existing size (2)"})  # fmt: skip
def addbmm(xp, input: Tensor, batch1: Tensor("b n m"), batch2: Tensor("b m p"), *, beta: Num = 1, alpha: Num = 1):
    """beta * input + alpha * the sum of the products batch1[i] @ batch2[i]."""
    total = multiply(xp, batch1, batch2).sum(axis=0, dtype=batch1.dtype)
    return add_scaled(xp, input, total, beta, alpha)


@addbmm.vjp("batch1")
def _(g, batch2, alpha):
    return scaled(g @ adjoint(batch2), alpha)


@addbmm.vjp("batch2")
def _(g, batch1, alpha):
    return scaled(adjoint(batch1) @ g, alpha)


def addr_dims(input, vec1, vec2):
    for name, vec in (("vec1", vec1), ("vec2", vec2)):
        if len(vec.shape) != 1:
            raise Refused(f"addr: Expected 1-D argument {name}, but got {len(vec.shape)}-D")
    dims = (vec1.shape[0], vec2.shape[0])
    expands_to(input.shape, dims)
    return dims


@op("torch.addr", "Tensor.addr", shape=addr_dims, dtype=promote.promoted("input", "vec1", "vec2"), inplace=True,
    accepts=["addr(f32[2, 4], f32[2], f32[4])", "addr(f32[4], f32[2], f32[4], beta=0.5, alpha=2)"],
    rejects={"addr(f32[3], f32[2], f32[4])": "The expanded size of the tensor (4) must match the existing size (3)",
             "addr(f32[3], f32[2, 2], f32[4])": "addr: Expected 1-D argument vec1, but got 2-D"})  # fmt: skip
def addr(xp, input: Tensor, vec1: Tensor("n"), vec2: Tensor("m"), *, beta: Num = 1, alpha: Num = 1):
    """beta * input + alpha * the outer product of two vectors."""
    return add_scaled(xp, input, vec1[:, None] * vec2, beta, alpha)


@addr.vjp("vec1")
def _(g, vec2, alpha):
    return scaled(g @ conj(vec2), alpha)


@addr.vjp("vec2")
def _(g, vec1, alpha):
    return scaled(g.mT @ conj(vec1), alpha)


for _sum in (addmm, addmv, baddbmm, addbmm, addr):

    @_sum.vjp("input")
    def _(g, beta):
        return scaled(g, beta)
