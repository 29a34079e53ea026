"""x[...] and x[...] = value, and `index_put`."""

import re

from tensight_runtime.ops.expanding import expanded
from tensight_runtime.ops.layout import strides_of, viewed
from tensight_runtime.ops.selecting import array_steps, entries, first_step, is_int, is_mask, is_tensor, second_step
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Bool, Index, Ints, Tensor, TensorOrNum, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.size import UNKNOWN

# --- x[index] --------------------------------------------------------------------------------------------------------


def _getitem_alias(input, index):
    """A view if nothing advanced is in the index."""
    try:
        items = entries(index, input.fact.ndim)
    except RankUnknown:
        return "maybe"
    for _, item in items:
        if isinstance(item, (bool, list, tuple, range)):
            return "new"
        if is_tensor(item):
            fact = item.fact
            if fact.dims != () or (fact.dtype is not None and fact.dtype.category == 0):
                return "new"
    return "view"


_WHOLE = slice(None)


def _getitem_name(index) -> str:
    """The last step of an index that gives a view, as torch takes it apart."""
    items = index if isinstance(index, tuple) else (index,)
    if any(isinstance(item, (bool, list)) or hasattr(item, "fact") for item in items):
        return "IndexBackward0"
    steps = [item for item in items if item is not Ellipsis and (item != _WHOLE or item is index)]
    if not steps:
        return "AliasBackward0"
    return (
        "UnsqueezeBackward0"
        if steps[-1] is None
        else "SliceBackward0"
        if isinstance(steps[-1], slice)
        else "SelectBackward0"
    )


@op(
    "Tensor.__getitem__",
    name="getitem", alias=_getitem_alias, dtype=promote.same(), any_device=True, grad_name=_getitem_name,
    accepts=["getitem(f32[3, 5], 1)", "getitem(f32[3, 5], (slice(None), -1))",
             "getitem(f32[4, 3, 5], (..., slice(1, 4, 2), None))",
             "getitem(f32[3, 5], (0, 0))", "getitem(f32[3, 5], i64[4]{0..2})",
             "getitem(f32[3, 5], (slice(None), [0, 2, -1]))",
             "getitem(f32[3, 5], bool[3, 5])", "getitem(f32[5, 6, 7], (0, slice(None), [0, 1, 2]))",
             "getitem(f32[5, 6, 7], ([0, 1], None, [0, 1]))",
             "getitem(f32[3, 5], (i64[]{1..1}, i64[2]{0..4}))", "getitem(f32[3, 5], None)", "getitem(f32[3, 5], True)",
             "getitem(f32[0, 3], slice(0, 2))",
             "getitem(f32[4, 3, 5], (slice(None), bool[3, 5], None))", "getitem(f32[3, 5], (bool[3], 0))",
             "getitem(f32[], ())",
             "getitem(f32[3, 5], [[0, 1], [1, 0]])", "getitem(f32[3, 5], [True, False, True])",
             "getitem(f32[3, 5], (slice(None), None, True))"],
    rejects={"getitem(f32[3, 5], 5)": "index 5 is out of bounds for dimension 0 with size 3",
             "getitem(f32[3, 5], (None, -4))": "index -4 is out of bounds for dimension 1 with size 3",
             "getitem(f32[3, 5], (0, 0, 0))": "too many indices for tensor of dimension 2",
             "getitem(f32[], 0)": "invalid index of a 0-dim tensor.",
             "getitem(f32[3, 5], slice(None, None, -1))": "step must be greater than zero",
             "getitem(f32[3, 5], bool[4])": "The shape of the mask [4] at index 0 does not match the shape of the",
             "getitem(f32[3, 5], (i64[2]{0..1}, i64[3]{0..1}))": "shape mismatch: indexing tensors could not be",
             "getitem(f32[3, 5], f32[2])": "tensors used as indices must be long, int, byte or bool tensors",
             "getitem(f32[3, 5], 1.5)": "only integers, slices (`:`), ellipsis (`...`), None and long or byte",
             "getitem(f32[3, 5], (slice(None), i64[1]{7..7}))": "index 7 is out of bounds for dimension 0 with size 5"},
)  # fmt: skip
def getitem(xp, input: Tensor, index: Index):
    """x[index].  A view for ints, slices, None and `...`; a copy for tensors, lists and masks.

    An int beside tensors selects first, unlike in NumPy.  Tensors apart from each other put their dims first.
    """
    view, advanced = array_steps(xp, input, index)
    return view if advanced is None else picked(xp, view, advanced)


def picked(xp, view, advanced):
    """The elements an advanced index picks, in torch's words if there is no such element."""
    try:
        *before, last = advanced
        if last.dtype.kind != "b" and view.size and all(isinstance(entry, slice) for entry in before):
            return xp.take(view, last, axis=len(before))  # one tensor: faster, and row-major
        return xp.ascontiguousarray(view[advanced])
    except IndexError as error:
        raise in_torchs_words(error, advanced) from None


def in_torchs_words(error: IndexError, advanced) -> IndexError:
    """ "index 7 is out of bounds for axis 1 with size 5": torch counts the tensors, not the dims."""
    if "could not be broadcast" in str(error):
        shapes = [
            list(where.shape)
            for e in advanced
            if not isinstance(e, slice)
            for where in (e.nonzero() if e.dtype == bool else (e,))
        ]
        return IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes "
            f"{', '.join(map(str, shapes))}"
        )
    found = re.search(r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", str(error))
    if found is None or found[3] == "0":
        return IndexError("index is out of bounds for dimension with size 0")
    before, number = 0, 0
    for entry in advanced:
        if before >= int(found[2]):
            break
        taken = 1 if isinstance(entry, slice) or entry.dtype != bool else entry.ndim
        before, number = before + taken, number + (0 if isinstance(entry, slice) else taken)
    return IndexError(f"index {found[1]} is out of bounds for dimension {number} with size {found[3]}")


def indexed(input: Fact, index) -> Fact:
    """What x[index] is."""
    if isinstance(index, UnknownLike) and not is_int(index):
        raise RankUnknown
    same_place(input, index)
    dims, strides, advanced = first_step(input.shape, strides_of(input), index)
    if not advanced:
        return viewed(input, dims, strides)
    contiguous = True if input.contiguous is True else None
    return Fact(input.dtype, second_step(dims, advanced), input.device, contiguous=contiguous, interval=input.interval)


def same_place(input: Fact, index) -> None:
    for item in index if isinstance(index, (tuple, list)) else (index,):
        device = item.fact.device if is_tensor(item) else None
        if device and input.device and device.type != "cpu" and device != input.device:
            raise Refused(
                f"indices should be either on cpu or on the same device as the indexed tensor ({input.device})"
            )


@getitem.rule
def _(input, index):
    return indexed(input, index)


@getitem.vjp("input")
def _(g, input_shape, index):
    return getitem_backward(g, input_shape, index)


@op(
    name="getitem_backward", dtype=promote.same(), shape=lambda shape: tuple(shape), any_device=True,
    grad_name="IndexPutBackward0",
    accepts=["getitem_backward(f32[2, 5], (3, 5), i64[2]{0..2})"],
)  # fmt: skip
def getitem_backward(xp, input: Tensor, shape: Ints, index: Index):
    """Zeros of `shape` with `input` added at the places of an index, as often as it names them."""
    out = xp.zeros(tuple(shape), input.dtype)
    view, advanced = array_steps(xp, out, index)
    if advanced is None:
        view[...] = input
    else:
        add_at(xp, view, advanced, input)
    return out


def add_at(xp, array, advanced, values) -> None:
    """Add in place; an element named twice gets both."""
    if len(advanced) == 1 and is_mask(advanced[0]):
        array[advanced] += values  # a mask names nothing twice
    else:
        xp.add.at(array, advanced, values)


@getitem_backward.vjp("input")
def _(g, index):
    return g[index]


# --- x[index] = value ------------------------------------------------------------------------------------------------


@op(
    "Tensor.__setitem__",
    name="setitem", alias="same:input", mutates=("input",), dtype=promote.same(), any_device=True,
    grad_name="IndexPutBackward0",
    accepts=["setitem(f32[3, 5], 0, f32[5])", "setitem(f32[3, 5], (slice(None), 0), 2.0)",
             "setitem(f32[3, 5], bool[3, 5], 0)",
             "setitem(f32[3, 5], ([0, 1], [1, 0]), f32[2])", "setitem(i64[3, 5], slice(0, 2), f32[1, 1, 5])",
             "setitem(f32[], (), f32[])",
             "setitem(f32[3, 5], [0, 2], f32[1, 2, 5])", "setitem(f32[3, 5], (..., None), f32[])",
             "setitem(f32[3, 5], (0, 0), f64[1])"],
    rejects={"setitem(f32[3, 5], 0, f32[4])": "The expanded size of the tensor (5) must match the existing size (4) at",
             "setitem(f32[3, 5], 0, f32[2, 5])": "expand(torch.FloatTensor{[2, 5]}, size=[5]): the number of sizes",
             "setitem(f32[3, 5], [0, 1], f32[3])": "shape mismatch: value tensor of shape [3] cannot be broadcast to",
             "setitem(f32[3, 5], [0], f64[5])": "Index put requires the source and destination dtypes match, got Float",
             "setitem(f32[3, 5], 5, 1.0)": "index 5 is out of bounds for dimension 0 with size 3"},
)  # fmt: skip
def setitem(xp, input: Tensor, index: Index, value: TensorOrNum):
    """x[index] = value: the value is broadcast to what x[index] is, and cast to its dtype."""
    view, advanced = array_steps(xp, input, index)
    try:
        _assign(view, ... if advanced is None else advanced, value)
    except IndexError as error:
        raise in_torchs_words(error, advanced) from None
    return input


def _assign(view, where, value):
    while getattr(value, "ndim", 0) and value.shape[0] == 1:
        value = value.reshape(value.shape[1:])
    try:
        view[where] = value
    except ValueError:  # sizes that only the values of a mask tell
        found = view[where]
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {list(found.shape)}"
        ) from None


@setitem.rule
def _(input, index, value):
    if isinstance(index, UnknownLike) and not is_int(index):
        return input.with_dims(input.dims)
    if input.dims is not None:
        try:
            check_value(input, index, value)
        except RankUnknown:
            pass
    return Fact(input.dtype, input.dims, input.device, contiguous=input.contiguous)


def check_value(input: Fact, index, value) -> None:
    """Refuse a value that does not fit x[index]."""
    same_place(input, index)
    dims, _, advanced = first_step(input.shape, None, index)
    target = second_step(dims, advanced) if advanced else tuple(dims)
    fact = getattr(value, "fact", None)
    if fact is None:
        return
    if advanced and fact.dims and fact.dtype and input.dtype and fact.dtype is not input.dtype:
        raise Refused(
            f"Index put requires the source and destination dtypes match, got {scalar_name(input.dtype)} for the "
            f"destination and "
            f"{scalar_name(fact.dtype)} for the source."
        )
    shape = fact.shape
    while shape and eq(shape[0], 1) is True:
        shape = shape[1:]
    if not advanced:
        extra = len(shape) - len(target)
        if extra > 0 and all(eq(size, 1) is not False for size in shape[:extra]):
            shape = shape[extra:]
        expanded(shape, target)
        return
    message = "shape mismatch: value tensor of shape {} cannot be broadcast to indexing result of shape {}"
    if len(shape) > len(target):
        for size in shape[: len(shape) - len(target)]:
            require(eq(size, 1), message, shape, target)
    for have, want in zip(reversed(shape), reversed(target), strict=False):
        if eq(have, 1) is False:
            require(eq(have, want) if want is not UNKNOWN else True, message, shape, target)


@setitem.vjp("input")
def _(g, index):
    return with_zeros(g, index)


@setitem.vjp("value")
def _(g, index, value_shape):
    part = g[index]
    return part.reshape(value_shape) if len(value_shape) > part.dim() else part


@op(
    name="with_zeros",
    dtype=promote.same(),
    shape=lambda input: input.shape,
    any_device=True,
    accepts=["with_zeros(f32[3, 5], 1)"],
)
def with_zeros(xp, input: Tensor, index: Index):
    """A copy with zeros at the places of an index: what flows past an assignment."""
    out = input.copy()
    view, advanced = array_steps(xp, out, index)
    view[... if advanced is None else advanced] = 0
    return out


@with_zeros.vjp("input")
def _(g, index):
    return with_zeros(g, index)


# --- index_put -------------------------------------------------------------------------------------------------------


@op(
    "torch.index_put", "Tensor.index_put",
    dtype=promote.same(), inplace=True, any_device=True,
    accepts=["index_put(f32[3, 5], (i64[2]{0..2},), f32[5])",
             "index_put(f32[3, 5], (i64[4]{0..2}, i64[4]{0..4}), f32[4], True)",
             "index_put(f32[3, 5], [bool[3, 5]], f32[])"],
    rejects={"index_put(f32[3, 5], (i64[2]{0..2},), f64[5])": "Index put requires the source and destination dtypes",
             "index_put(f32[3, 5], (i64[2]{0..2},), f32[3])": "shape mismatch: value tensor of shape [3] cannot be"},
)  # fmt: skip
def index_put(xp, input: Tensor, indices: Index, values: Tensor, accumulate: Bool = False):
    """A copy with `values` at the places that the tensors `indices` name, or added there; None leaves a dim alone."""
    out = input.copy()
    view, advanced = array_steps(xp, out, _whole_dims(indices))
    try:
        if accumulate:
            xp.add.at(view, advanced, values)
        else:
            view[advanced] = values
    except IndexError as error:
        raise in_torchs_words(error, advanced) from None
    return out


def _whole_dims(indices) -> tuple:
    return tuple(slice(None) if i is None else i for i in indices)


@index_put.rule
def _(input, indices, values):
    if input.dims is not None and not isinstance(indices, UnknownLike):
        try:
            if values.dtype and input.dtype and values.dtype is not input.dtype:
                raise Refused(
                    f"Index put requires the source and destination dtypes match, got {scalar_name(input.dtype)} for "
                    f"the "
                    f"destination and {scalar_name(values.dtype)} for the source."
                )
            check_value(input, _whole_dims(indices), values)
        except RankUnknown:
            pass
    return input.like()


@index_put.vjp("input")
def _(g, indices, accumulate):
    return g if accumulate else with_zeros(g, _whole_dims(indices))


@index_put.vjp("values")
def _(g, indices, values_shape):
    part = g[_whole_dims(indices)]
    return part.reshape(values_shape) if len(values_shape) > part.dim() else part
