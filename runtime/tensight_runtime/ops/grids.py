"""Several tensors brought to one shape: broadcast_tensors, meshgrid, atleast_2d; and products of their elements."""

from itertools import combinations as choices
from itertools import combinations_with_replacement as repeated_choices
from math import comb

from tensight_runtime.ops.expanding import expanded_fact
from tensight_runtime.ops.joining import at_least, facts_of, grown, stack
from tensight_runtime.ops.layout import integer, regrouped, strides_of, viewed
from tensight_runtime.spec import promote
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Bool, Int, OptStr, Tensor, Tensors, UnknownLike
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused
from tensight_runtime.spec.shape import broadcast_dims
from tensight_runtime.spec.size import UNKNOWN, product


@op(
    "torch.broadcast_tensors",
    composite=True, alias="view", varargs="tensors", returns="tuple", any_device=True,
    accepts=["broadcast_tensors(f32[2, 1], i64[3], f32[])", "broadcast_tensors(f32[2, 1], f32[1, 3])"],
    rejects={"broadcast_tensors(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3) at"},
)  # fmt: skip
def broadcast_tensors(tensors: Tensors):
    """All tensors expanded to their common shape, as a tuple of views."""
    dims = broadcast_dims(*(tuple(t.shape) for t in tensors))
    return tuple(t.expand(dims) for t in tensors)


@broadcast_tensors.rule
def _(tensors):
    if isinstance(tensors, UnknownLike):
        return None
    facts = facts_of(tensors)
    if any(f.dims is None for f in facts):
        return tuple(Fact(f.dtype, None, f.device, contiguous=None) for f in facts)
    dims = broadcast_dims(*(f.dims for f in facts))
    return tuple(expanded_fact(f, dims) for f in facts)


def _grid_order(count, indexing):
    if indexing not in (None, "ij", "xy"):
        raise Refused(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    order = list(range(count))
    if indexing == "xy" and count > 1:
        order[:2] = [1, 0]
    return order


@op(
    "torch.meshgrid",
    composite=True, alias="view", varargs="tensors", returns="tuple",
    accepts=["meshgrid(f32[2], f32[3], indexing='ij')", "meshgrid([i64[2], i64[3], i64[4]], indexing='xy')",
             "meshgrid(f32[2], f32[])"],
    rejects={"meshgrid(f32[2], f64[3])": "meshgrid expects all tensors to have the same dtype",
             "meshgrid(f32[2], f32[3, 2])": "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got:",
             "meshgrid(f32[2], f32[3], indexing='zz')": 'torch.meshgrid: indexing must be one of "xy" or "ij"'},
)  # fmt: skip
def meshgrid(tensors: Tensors, *, indexing: OptStr = None):
    """Coordinate grids, views: result i has `tensors[i]` along dim i ("xy": the first two dims are exchanged)."""
    order = _grid_order(len(tensors), indexing)
    sizes = [t.numel() for t in tensors]
    dims = [sizes[i] for i in order]
    alone = lambda at: [-1 if d == at else 1 for d in range(len(order))]
    return tuple(t.reshape(alone(order.index(i))).expand(dims) for i, t in enumerate(tensors))


@meshgrid.rule
def _(tensors, indexing):
    if isinstance(tensors, UnknownLike):
        return None
    facts = facts_of(tensors)
    if not facts:
        raise Refused("meshgrid expects a non-empty TensorList")
    dtypes = {f.dtype for f in facts if f.dtype}
    if len(dtypes) > 1:
        raise Refused("meshgrid expects all tensors to have the same dtype")
    for fact in facts:
        if fact.dims is not None and len(fact.dims) > 1:
            raise Refused("torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: ")
    sizes = [UNKNOWN if f.dims is None else product(f.dims) for f in facts]
    if isinstance(indexing, UnknownLike):
        return tuple(Fact(f.dtype, (UNKNOWN,) * len(sizes), f.device, contiguous=None) for f in facts)
    dims = tuple(sizes[i] for i in _grid_order(len(sizes), indexing))
    return tuple(
        Fact(f.dtype, dims, f.device, contiguous=True if len(facts) == 1 else None, interval=f.interval) for f in facts
    )


def _vector_sizes(facts):
    for fact in facts:
        if len(fact.shape) != 1:
            raise Refused(f"Expect a 1D vector, but got shape [{', '.join(map(str, fact.shape))}]")
    if len({f.dtype for f in facts if f.dtype}) > 1:
        raise Refused("meshgrid expects all tensors to have the same dtype")
    return [f.shape[0] for f in facts]


def _product_dims(tensors):
    sizes = _vector_sizes(facts_of(tensors))
    return tuple(sizes) if len(sizes) == 1 else (product(sizes), len(sizes))


@op(
    "torch.cartesian_prod",
    composite=True, varargs="tensors", dtype=promote.promoted(), shape=_product_dims,
    accepts=["cartesian_prod(f32[2], f32[3])", "cartesian_prod(i64[2], i64[3], i64[2])"],
    rejects={"cartesian_prod(f32[2], f32[3, 2])": "Expect a 1D vector, but got shape [3, 2]"},
)  # fmt: skip
def cartesian_prod(tensors: Tensors):
    """All tuples with one element of each vector, as rows; of one vector: itself."""
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(list(tensors), indexing="ij")
    return stack(list(grids), -1).reshape((-1, len(tensors)))


def _choice_dims(input, r, with_replacement):
    (size,), count = _vector_sizes([input]), integer(r)
    if type(count) is not int or not isinstance(with_replacement, bool):
        raise RankUnknown
    if count < 0:
        raise Refused(f"Expect a non-negative number, but got {count}")
    if count == 0:
        return (0,)
    if type(size) is not int:
        return (UNKNOWN if count > 1 else size, count)
    return (comb(size + count - 1 if with_replacement and size else size, count), count)


@op(
    "torch.combinations",
    composite=True, dtype=promote.same(), shape=_choice_dims,
    accepts=["combinations(f32[4])", "combinations(i64[4], 3, True)", "combinations(f32[2], 3)",
             "combinations(f32[4], r=1)"],
    rejects={"combinations(f32[4, 2])": "Expect a 1D vector, but got shape [4, 2]",
             "combinations(f32[4], -1)": "Expect a non-negative number, but got -1"},
)  # fmt: skip
def combinations(input: Tensor, r: Int = 2, with_replacement: Bool = False):
    """All choices of `r` elements of a vector, as rows."""
    chosen = list((repeated_choices if with_replacement else choices)(range(input.shape[0]), r))
    if not r:
        return input.new_zeros((0,))
    return stack([input[[c[i] for c in chosen]] for i in range(r)], 1)


# --- atleast ---------------------------------------------------------------------------------------------------------


def _grown_fact(fact: Fact, ndim: int) -> Fact:
    if fact.dims is None:
        return Fact(fact.dtype, None, fact.device, contiguous=None)
    if len(fact.dims) >= ndim:
        return viewed(fact, fact.dims, strides_of(fact))
    dims = at_least(fact.dims, ndim)
    return Fact(fact.dtype, dims, fact.device, contiguous=regrouped(fact, dims) or None, interval=fact.interval)


def atleast(ndim: int, name: str):
    """`atleast_1d` and so on: of a tensor (the tensor itself if it has the dims), or of several as a tuple."""

    def alias(input):
        dims = input.fact.dims
        return "maybe" if dims is None else "view" if len(dims) < ndim else "same:input"

    @op(
        f"torch.{name}", name=name, alias=alias, dtype=promote.same(), grad_name="ViewBackward0",
        accepts=[f"{name}(f32[])", f"{name}(f32[3])", f"{name}(f32[2, 3])", f"{name}(f32[2, 3, 4, 5])"],
    )  # fmt: skip
    def one(xp, input: Tensor):
        """The tensor with dims of size 1 added until there are enough."""
        return input.reshape(at_least(input.shape, ndim))

    @one.rule
    def _(input):
        return _grown_fact(input, ndim)

    @one.vjp("input")
    def _(g, input_shape):
        return g.reshape(input_shape)

    @op(
        f"torch.{name}", name=name, overload="many", composite=True, alias="maybe", varargs="tensors", returns="tuple",
        any_device=True,
        accepts=[f"{name}(f32[], f32[2, 3])", f"{name}([f32[3], i64[]])"],
    )  # fmt: skip
    def many(tensors: Tensors):
        """Each of the tensors with dims of size 1 added until there are enough, as a tuple."""
        return tuple(grown(t, ndim) for t in tensors)

    @many.rule
    def _(tensors):
        return None if isinstance(tensors, UnknownLike) else tuple(_grown_fact(t.fact, ndim) for t in tensors)

    return one, many


atleast_1d, atleast_1d_many = atleast(1, "atleast_1d")
atleast_2d, atleast_2d_many = atleast(2, "atleast_2d")
atleast_3d, atleast_3d_many = atleast(3, "atleast_3d")
