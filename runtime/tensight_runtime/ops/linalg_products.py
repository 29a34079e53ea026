"""Products beyond matrix times matrix: outer, inner, kron, cross, tensordot, bilinear, chains."""

from math import prod

from tensight_runtime.ops.linalg import agreed, conj, same_dtype
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.kind import Any, Int, OptInt, OptTensor, Tensor, Tensors, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axis, broadcast_dims, broadcastable


def outer_dims(input, vec2):
    for name, vec in (("self", input), ("vec2", vec2)):
        if len(vec.shape) != 1:
            raise Refused(f"outer: Expected 1-D argument {name}, but got {len(vec.shape)}-D")
    return (input.shape[0], vec2.shape[0])


@op("torch.outer", "Tensor.outer", "torch.ger", "Tensor.ger", shape=outer_dims, dtype=promote.promoted(),
    grad_name="MulBackward0",
    accepts=["outer(f32[2], f32[3])", "outer(i64[2], f32[0])"],
    rejects={"outer(f32[2, 3], f32[2])": "outer: Expected 1-D argument self, but got 2-D"})  # fmt: skip
def outer(xp, input: Tensor("n"), vec2: Tensor("m")):
    """All products of an element of one vector with one of the other, (n, m); dtypes are promoted."""
    return input[:, None] * vec2


@outer.vjp("input")
def _(g, vec2):
    return (g * conj(vec2)).sum(-1)


@outer.vjp("vec2")
def _(g, input):
    return (g * conj(input).unsqueeze(-1)).sum(0)


def inner_dims(input, other):
    a, b = input.shape, other.shape
    if not a or not b:
        return a or b
    message = "inner() the last dimension must match on both input tensors but got shapes {} and {}"
    require(eq(a[-1], b[-1]), message, a, b)
    same_dtype(input, other, "both inputs should have same dtype")
    return a[:-1] + b[:-1]


@op("torch.inner", "Tensor.inner", composite=True, shape=inner_dims, dtype=promote.promoted(),
    accepts=["inner(f32[3], f32[3])", "inner(f32[2, 3], f32[4, 3])", "inner(f32[], f32[2])"],
    rejects={"inner(f32[2, 3], f32[2, 4])": "inner() the last dimension must match on both input tensors but got shapes"
             " [2, 3] and [2, 4]"})  # fmt: skip
def inner(input: Tensor, other: Tensor):
    """Sum over the last dim of both: (..., k) and (*, k) give (..., *).  A scalar multiplies."""
    if input.dim() == 0 or other.dim() == 0:
        return input * other
    return tensordot(input, other, dims=([-1], [-1]))


def _contracted(dims, a: int, b: int):
    """The axes of tensordot's `dims`, of both operands."""
    if isinstance(dims, UnknownLike):
        raise RankUnknown
    if isinstance(dims, int):
        if dims < 0:
            raise Refused(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a, b):
            raise Refused(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(a - dims, a)), list(range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(first) != len(second):
        raise Refused("both dimension lists should have same length")
    return [axis(d, a) for d in first], [axis(d, b) for d in second]


def tensordot_dims(a, b, dims=2):
    first, second = _contracted(dims, a.ndim, b.ndim)
    named = (list(range(-dims, 0)), list(range(dims))) if isinstance(dims, int) else dims
    message = "contracted dimensions need to match, but first has size {} in dim {} and second has size {} in dim {}"
    for i, (p, q) in enumerate(zip(first, second, strict=True)):
        sizes = a.shape[p], b.shape[q]
        shown = (named[0][i], named[1][i]) if isinstance(named[0], (list, tuple)) else named
        require(broadcastable(*sizes), message, sizes[0], shown[0], sizes[1], shown[1])  # torch sums beside a 1
    same_dtype(a, b, "both inputs should have same dtype")
    rest_a = tuple(s for i, s in enumerate(a.shape) if i not in first)
    return rest_a + tuple(s for i, s in enumerate(b.shape) if i not in second)


@op("torch.tensordot", composite=True, shape=tensordot_dims, dtype=agreed("a", "b"),
    accepts=["tensordot(f32[2, 3], f32[3, 5], 1)", "tensordot(f32[2, 3], f32[2, 3])",
             "tensordot(f32[2, 3, 4], f32[4, 2], ([0, 2], [1, 0]))",
             "tensordot(f32[2, 1], f32[3, 5], ([1], [0]))", "tensordot(f32[2], f32[3], 0)"],
    rejects={"tensordot(f32[2, 3], f32[4, 5], 1)": "contracted dimensions need to match, but first has size 3 in dim"
             " -1 and"
             " second has size 4 in dim 0",
             "tensordot(f32[2, 3], f32[4, 5], 3)": "tensordot expects dims < ndim_a or ndim_b, but got"
             " dims=3"})  # fmt: skip
def tensordot(a: Tensor, b: Tensor, dims: Any = 2):
    """Sum of products over several dims at once: the last `dims` of a with the first of b, or two lists of dims."""
    first, second = _contracted(dims, a.dim(), b.dim())
    for p, q in zip(first, second, strict=True):
        if a.shape[p] != b.shape[q]:
            a, b = (a.sum(p, keepdim=True), b) if b.shape[q] == 1 else (a, b.sum(q, keepdim=True))
    rest_a = [i for i in range(a.dim()) if i not in first]
    rest_b = [i for i in range(b.dim()) if i not in second]
    inner = _count(a, first)
    shape = [a.shape[i] for i in rest_a] + [b.shape[i] for i in rest_b]
    left = a.permute(*rest_a, *first).reshape(_count(a, rest_a), inner) if a.dim() else a.reshape(1, 1)
    right = b.permute(*second, *rest_b).reshape(inner, _count(b, rest_b)) if b.dim() else b.reshape(1, 1)
    return (left @ right).reshape(shape)


def _count(tensor, dims) -> int:
    return prod(tensor.shape[dim] for dim in dims)


def kron_dims(input, other):
    a, b = input.shape, other.shape
    width = max(len(a), len(b))
    a, b = (1,) * (width - len(a)) + a, (1,) * (width - len(b)) + b
    return tuple(p * q for p, q in zip(a, b, strict=True))


@op("torch.kron", "Tensor.kron", composite=True, shape=kron_dims, dtype=promote.promoted(),
    accepts=["kron(f32[2, 3], f32[4, 5])", "kron(f32[2], f32[4, 5])", "kron(i64[2], f32[])"])  # fmt: skip
def kron(input: Tensor, other: Tensor):
    """Kronecker product: every element of input times the whole of other."""
    width = max(input.dim(), other.dim())
    a = (1,) * (width - input.dim()) + tuple(input.shape)
    b = (1,) * (width - other.dim()) + tuple(other.shape)
    spread_a = [s for size in a for s in (size, 1)]
    spread_b = [s for size in b for s in (1, size)]
    return (input.reshape(spread_a) * other.reshape(spread_b)).reshape([p * q for p, q in zip(a, b, strict=True)])


def _first_of_three(shape):
    """The dim torch.cross takes when none is given: None while sizes leave it open."""
    for i, size in enumerate(shape):
        three = eq(size, 3)
        if three is True:
            return i
        if three is not False:
            return None
    raise Refused("no dimension of size 3 in input")


def cross_dims(input, other, dim=-1):
    a, b = input.shape, other.shape
    if len(a) != len(b):
        raise Refused("linalg.cross: inputs must have the same number of dimensions.")
    if not isinstance(dim, UnknownLike) and dim is not None:
        at = axis(dim, len(a))
        for size in (a[at], b[at]):
            message = "linalg.cross: inputs dimension {} must have length 3. Got {} and {}"
            require(eq(size, 3), message, dim, a[at], b[at])
    same_dtype(input, other, "expected scalar type {} but found {}", scalar_name)
    return broadcast_dims(a, b)


def _cross(xp, input, other, dim):
    def part(x, i):
        return xp.take(x, xp.asarray([i % 3, (i + 1) % 3, (i + 2) % 3]), axis=dim)

    return part(input, 1) * part(other, 2) - part(input, 2) * part(other, 1)


@op("torch.linalg.cross", name="linalg_cross", shape=cross_dims, dtype=agreed("input", "other"),
    grad_name="LinalgCrossBackward0",
    accepts=["linalg_cross(f32[2, 3], f32[2, 3])", "linalg_cross(f32[3, 1], f32[3, 4], dim=0)"],
    rejects={"linalg_cross(f32[2, 4], f32[2, 4])": "linalg.cross: inputs dimension -1 must have length 3. Got 4 and 4",
             "linalg_cross(f32[2, 3], f32[3])": "linalg.cross: inputs must have the same number of"
             " dimensions."})  # fmt: skip
def linalg_cross(xp, input: Tensor, other: Tensor, *, dim: Int = -1):
    """Cross product of 3-vectors along `dim`; other dims broadcast."""
    return _cross(xp, input, other, dim)


@linalg_cross.vjp("input")
def _(g, other, dim):
    return linalg_cross(conj(other).expand_as(g), g, dim=dim)


@linalg_cross.vjp("other")
def _(g, input, dim):
    return linalg_cross(g, conj(input).expand_as(g), dim=dim)


def cross_dims_of_any(input, other, dim=None):
    return cross_dims(input, other, _first_of_three(input.shape) if dim is None else dim)


@op("torch.cross", "Tensor.cross", composite=True, shape=cross_dims_of_any, dtype=agreed("input", "other"),
    accepts=["cross(f32[2, 3], f32[2, 3])", "cross(f32[3, 3], f32[3, 3], dim=1)"],
    rejects={"cross(f32[2, 4], f32[2, 4])": "no dimension of size 3 in input"})  # fmt: skip
def cross(input: Tensor, other: Tensor, dim: OptInt = None):
    """Cross product along `dim`, by default the first dim of size 3."""
    return linalg_cross(input, other, dim=_first_of_three(input.shape) if dim is None else dim)


def vecdot_dims(x, y, dim=-1):
    dims = broadcast_dims(x.shape, y.shape)
    at = axis(dim, len(dims))
    return dims[:at] + dims[at + 1 :]


@op("torch.linalg.vecdot", composite=True, shape=vecdot_dims, dtype=promote.promoted(),
    accepts=["vecdot(f32[2, 3], f32[3])", "vecdot(f32[2, 3], f32[2, 3], dim=0)"],
    rejects={"vecdot(f32[2, 3], f32[4])": "The size of tensor a (3) must match the size of tensor b (4)"
             " at"})  # fmt: skip
def vecdot(x: Tensor, y: Tensor, *, dim: Int = -1):
    """Sum of products along one dim, the first operand conjugated; other dims broadcast."""
    return (conj(x) * y).sum(dim)


def bilinear_dims(input1, input2, weight, bias=None):
    a, b, w = input1.shape, input2.shape, weight.shape
    if len(a) != len(b):
        raise Refused(f"bilinear(): input dimensions do not match: got {len(a)} and {len(b)}")
    for i in range(len(a) - 1):
        message = "bilinear(): input batch dimensions do not match at dim {}: got {} and {}"
        require(eq(a[i], b[i]), message, i, a[i], b[i])
    for name, size, want in (("input1", a[-1], w[1]), ("input2", b[-1], w[2])):
        require(
            eq(size, want),
            f"bilinear(): {name} size does not match weight size: got {{}} but expected {{}}",
            size,
            want,
        )
    if bias is not None:
        have = bias.shape[0] if bias.shape else 1
        require(eq(have, w[0]), "bilinear(): bias size does not match weight size: got {} but expected {}", have, w[0])
    return (*a[:-1], w[0])


@op("torch.nn.functional.bilinear", "torch.bilinear", shape=bilinear_dims, dtype=agreed("input1", "input2", "weight"),
    autocast="lower",
    grad_name="TrilinearBackward0",
    accepts=["bilinear(f32[2, 3], f32[2, 4], f32[5, 3, 4])",
             "bilinear(f32[2, 6, 3], f32[2, 6, 4], f32[5, 3, 4], f32[5])",
             "bilinear(f32[3], f32[4], f32[5, 3, 4])"],
    rejects={"bilinear(f32[2, 3], f32[2, 4], f32[5, 3, 3])": "bilinear(): input2 size does not match weight size: got"
             " 4 but"
             " expected 3"})  # fmt: skip
def bilinear(
    xp, input1: Tensor("... in1"), input2: Tensor("... in2"), weight: Tensor("out in1 in2"), bias: OptTensor = None
):
    """y[o] = x1^T A[o] x2 + b[o]; weight is (out, in1, in2)."""
    y = xp.einsum("...i,oij,...j->...o", input1, weight, input2, optimize=True)
    return y if bias is None else y + bias


@bilinear.vjp("input1")
def _(g, weight, input2):
    return (g.unsqueeze(-1) * (weight @ input2.unsqueeze(-2).unsqueeze(-1)).squeeze(-1)).sum(-2)


@bilinear.vjp("input2")
def _(g, weight, input1):
    return (g.unsqueeze(-1) * (input1.unsqueeze(-2).unsqueeze(-2) @ weight).squeeze(-2)).sum(-2)


@bilinear.vjp("weight")
def _(g, input1, input2):
    rows1, rows2 = input1.reshape(-1, input1.shape[-1]), input2.reshape(-1, input2.shape[-1])
    pairs = (rows1.unsqueeze(-1) * rows2.unsqueeze(-2)).flatten(1)
    return (g.reshape(-1, g.shape[-1]).mT @ pairs).reshape(g.shape[-1], rows1.shape[-1], rows2.shape[-1])


@bilinear.vjp("bias")
def _(g):
    return g


def chain_dims(tensors):
    if isinstance(tensors, UnknownLike):
        raise RankUnknown
    count = len(tensors)
    if count < 2:
        raise Refused(f"multi_dot(): expected at least 2 tensors but got {count}")
    for i, t in enumerate(tensors):
        if i in (0, count - 1):
            if t.ndim not in (1, 2):
                name = "first" if i == 0 else "last"
                raise Refused(f"multi_dot(): the {name} tensor must be 1D or 2D but got {t.ndim}D")
        elif t.ndim != 2:
            raise Refused(f"multi_dot(): tensor {i} must be 2D but got {t.ndim}D")
    message = "multi_dot(): tensors {} and {} with shapes {} and {} cannot be multiplied"
    for i, (a, b) in enumerate(zip(tensors, tensors[1:], strict=False)):
        require(eq(a.shape[-1], b.shape[0]), message, i, i + 1, a.shape, b.shape)
        same_dtype(
            a, b, "multi_dot(): all tensors must have be the same dtype but tensor 0 is {} and tensor 1 {}", scalar_name
        )
    return tensors[0].shape[:-1] + tensors[-1].shape[1:]


def _chain(tensors):
    result = tensors[0]
    for tensor in tensors[1:]:
        result = result @ tensor
    return result


@op("torch.linalg.multi_dot", composite=True, shape=chain_dims, dtype=promote.promoted(),
    accepts=["multi_dot([f32[2, 3], f32[3, 4], f32[4, 5]])", "multi_dot([f32[3], f32[3, 2], f32[2]])"],
    rejects={"multi_dot([f32[2, 3], f32[4, 5]])": "multi_dot(): tensors 0 and 1 with shapes [2, 3] and [4, 5] cannot"
             " be multiplied",
             "multi_dot([f32[3]])": "multi_dot(): expected at least 2 tensors but got 1"})  # fmt: skip
def multi_dot(tensors: Tensors):
    """Product of a chain of matrices; the first and the last may be vectors."""
    return _chain(tensors)


@op("torch.chain_matmul", composite=True, shape=lambda matrices: chain_dims(matrices), dtype=promote.promoted(),
    varargs="matrices",
    accepts=["chain_matmul(f32[2, 3], f32[3, 4], f32[4, 5])"],
    rejects={"chain_matmul(f32[2, 3], f32[4, 5])": "multi_dot(): tensors 0 and 1 with shapes [2, 3] and [4, 5] cannot"
             " be"})  # fmt: skip
def chain_matmul(matrices: Tensors):
    """Product of a chain of matrices; `linalg.multi_dot` is its successor."""
    return _chain(matrices)
