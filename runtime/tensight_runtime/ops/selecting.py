"""What stands between [ and ]: the rules of indexing, for facts and for arrays alike.  No operators here.

torch reads an index in two steps.  First ints, slices, None and Ellipsis give a view.  Then tensors, lists and masks,
the *advanced* entries, pick elements of that view.  NumPy counts an int beside a tensor as advanced, torch does not, so
the steps are kept apart here.  A bool is a new dim of size 1 that an advanced entry picks (True) or does not (False).
"""

from tensight_runtime.ops.layout import greater, integer, lesser
from tensight_runtime.spec.cond import eq, ge, lt
from tensight_runtime.spec.dtype import bool_, int64, uint8
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import TensorLike, UnknownLike
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import broadcast_dims, broadcastable
from tensight_runtime.spec.size import UNKNOWN, Expr, Unknown, ceil_div, lower


def entries(index, ndim: int) -> list[tuple[int, object]]:
    """The entries of an index with their numbers, one per dim of the input (but None and bools, which have none)."""
    items = list(index) if _is_tuple(index) else [index]
    used = sum(map(dims_taken, items))
    if used > ndim:
        raise Refused(
            (ndim == 0 and _scalar_index(index)) or f"too many indices for tensor of dimension {ndim}", IndexError
        )
    numbered = list(enumerate(items))
    at = next((i for i, item in enumerate(items) if item is ...), len(items))
    whole = [(at, slice(None))] * (ndim - used)
    return [entry for entry in (*numbered[:at], *whole, *numbered[at:]) if entry[1] is not ...]


def _scalar_index(index) -> str:
    """torch has words of its own for an int or a slice that a 0-dim tensor is given."""
    if type(index) is int and index == 0:
        return ("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                "convert a 0-dim tensor "
                "to a number")  # fmt: skip
    if is_int(index):
        return f"index {index} is out of bounds for dimension 0 with size 0"
    return "slice() cannot be applied to a 0-dim tensor." if isinstance(index, slice) else ""


def _is_tuple(index) -> bool:
    """Tuples are tuples of entries; so are lists that hold more than numbers, as they were in NumPy long ago."""
    if isinstance(index, tuple):
        return True
    if not isinstance(index, list) or len(index) >= 32:
        return False
    return any(
        item is None or item is ... or isinstance(item, (slice, list, tuple, range)) or is_tensor(item)
        for item in index
    )


def is_tensor(item) -> bool:
    return isinstance(item, TensorLike) or (hasattr(item, "shape") and hasattr(item, "dtype"))


def is_int(item) -> bool:
    if isinstance(item, bool):
        return False
    return isinstance(item, (int, Expr, Unknown)) or (isinstance(item, UnknownLike) and item.python_type is int)


def dims_taken(item) -> int:
    if item is None or item is ... or isinstance(item, bool):
        return 0
    if is_tensor(item):
        fact = item.fact if isinstance(item, TensorLike) else item
        mask = is_mask(fact)
        if mask is None:
            raise RankUnknown  # a mask takes as many dims as it has
        return len(fact.shape) if mask else 1
    if isinstance(item, UnknownLike) and item.python_type is not int:
        raise RankUnknown
    if isinstance(item, (int, Expr, Unknown, UnknownLike, slice, list, tuple, range)):
        return 1
    raise Refused("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                  f"(got {type(item).__name__})", IndexError)  # fmt: skip


def is_mask(tensor) -> bool | None:
    """Is it a mask (bool, or uint8 as in old code)?  A 1-d tensor of unknown dtype takes one dim either way."""
    if isinstance(tensor, Fact):
        if tensor.dtype is None:
            return None if tensor.ndim != 1 else False
        return tensor.dtype in (bool_, uint8)
    return is_tensor(tensor) and (tensor.dtype.kind == "b" or tensor.dtype.name == "uint8")


# --- the first step, on facts ----------------------------------------------------------------------------------------


def first_step(shape, strides, index) -> tuple[list, list | None, list]:
    """Dims and strides of the view, and the advanced entries as (dim of the view, fact, numbers in a list)."""
    dims: list = []
    steps: list = []
    advanced: list = []
    at = 0  # dim of the input
    for number, item in entries(index, len(shape)):
        taken = dims_taken(item)
        sizes, old = shape[at : at + taken], strides[at : at + taken] if strides else [UNKNOWN] * taken
        at += taken
        if item is None or isinstance(item, bool):
            if item is not None:
                advanced.append((len(dims), Fact(int64, (int(item),)), ()))
            dims.append(1)
            steps.append(strides[at] * shape[at] if strides and at < len(shape) else 1)
        elif isinstance(item, slice):
            dims.append(slice_size(sizes[0], item))
            steps.append(old[0] * (1 if item.step is None else integer(item.step)))
        elif is_int(item) or _is_number(item):
            in_range(integer(item) if is_int(item) else UNKNOWN, sizes[0], number)
        else:
            advanced.append((len(dims), *_as_fact(item, sizes[0] if sizes else None)))
            dims.extend(sizes if taken else (1,))
            steps.extend(old if taken else (UNKNOWN,))
    return dims, steps if strides is not None else None, advanced


def _is_number(item) -> bool:
    """A 0-dim integer tensor stands for its value."""
    return isinstance(item, TensorLike) and item.fact.dims == () and item.fact.dtype not in (None, bool_, uint8)


def in_range(index, size, dim: int) -> None:
    message = "index {} is out of bounds for dimension {} with size {}"
    low = lower(index)
    if index is UNKNOWN:
        require(ge(size, 1), message, index, dim, size, error=IndexError)
    elif type(index) is int and index < 0:
        require(ge(size, -index), message, index, dim, size, error=IndexError)
    else:
        require(lt(index, size), message, index, dim, size, error=IndexError)
        if low is None or low < 0:
            require(ge(index, -size), message, index, dim, size, error=IndexError)


def _as_fact(item, size) -> tuple[Fact, tuple]:
    """An advanced entry, a tensor or a (nested) list of ints or bools, as a fact, with the ints."""
    if isinstance(item, TensorLike):
        fact = item.fact
        if fact.dtype is not None and fact.dtype not in (bool_, uint8) and fact.dtype.short not in ("i32", "i64"):
            raise Refused("tensors used as indices must be long, int, byte or bool tensors", IndexError)
        return fact, ()
    dims = nested_dims(item)
    leaves = list(leaves_of(item))
    if leaves and all(isinstance(leaf, bool) for leaf in leaves):
        if len(dims) != 1:
            raise RankUnknown
        require(eq(dims[0], size), "The shape of the mask {} at index 0 does not match the shape of the indexed "
                                   "tensor at index 0", dims,
                error=IndexError)  # fmt: skip
        return Fact(int64, (sum(leaves),)), ()
    return Fact(int64, dims), tuple(integer(leaf) for leaf in leaves if is_int(leaf))


def nested_dims(item) -> tuple:
    if isinstance(item, UnknownLike) and item.python_type is not int:
        raise RankUnknown
    if not isinstance(item, (list, tuple, range)):
        return item.fact.shape if isinstance(item, TensorLike) else ()
    return (len(item), *nested_dims(item[0])) if len(item) else (0,)


def leaves_of(item):
    if isinstance(item, (list, tuple, range)):
        for part in item:
            yield from leaves_of(part)
    else:
        yield item


# --- slices ----------------------------------------------------------------------------------------------------------


def slice_size(size, part: slice):
    """How many elements of a dim of `size` a slice takes: exact, or UNKNOWN."""
    step = 1 if part.step is None else integer(part.step)
    if type(step) is int and step <= 0:
        raise Refused("step must be greater than zero" if step else "slice step cannot be zero", ValueError)
    if part.start is None and part.stop is None:
        count = size
    else:
        count = _between(
            size, 0 if part.start is None else integer(part.start), None if part.stop is None else integer(part.stop)
        )
    return count if type(step) is int and step == 1 else ceil_div(count, step) if ge(step, 1) is True else UNKNOWN


def _between(size, start, stop):
    """Elements from `start` up to `stop` (None: the end), counted as Python counts them."""
    if type(size) is int and type(start) is int and (stop is None or type(stop) is int):
        return len(range(*slice(start, stop).indices(size)))
    front, back = _from_front(size, start), None if stop is None else _from_front(size, stop)
    if front is None or (stop is not None and back is None):
        return UNKNOWN
    (from_end, start), (stop_from_end, stop) = front, back or (True, 0)
    if from_end and stop_from_end:
        return greater(lesser(stop - start, size + stop), 0)
    if from_end:
        return greater(lesser(stop, size) - greater(size + start, 0), 0)
    if stop_from_end:
        return greater(size + stop - start, 0)
    return greater(lesser(stop - start, size - start), 0)


def _from_front(size, bound):
    """(counted from the end?, bound), None if the sign of `bound` decides and is open."""
    if ge(bound, 0) is True:
        return False, bound
    if lt(bound, 0) is True:
        return True, bound
    behind = None if bound is UNKNOWN or size is UNKNOWN else size - bound
    if type(behind) is int and behind <= 2:  # T - 1 of T: where it is negative, the slice ends at 0 either way
        return False, greater(bound, 0)
    return None


# --- the second step, on facts ---------------------------------------------------------------------------------------


def second_step(dims, advanced) -> tuple:
    """The result's dims: advanced entries broadcast; side by side they stay in place, otherwise they go first."""
    picked, places = [], []
    for at, fact, _ in advanced:
        if fact.dtype in (bool_, uint8):
            for d, size in enumerate(fact.shape):
                require(eq(size, dims[at + d]), "The shape of the mask {} at index {} does not match the shape of "
                                                "the indexed tensor {} at "
                        "index {}", fact.shape, d, tuple(dims), at + d, error=IndexError)  # fmt: skip
            picked.append((UNKNOWN,))
            places.extend(range(at, at + max(fact.ndim, 1)))
        else:
            picked.append((UNKNOWN,) if fact.dtype is None else fact.shape)
            places.append(at)
    common = _together(picked)
    rest = [size for d, size in enumerate(dims) if d not in places]
    first = places[0] if places == list(range(places[0], places[0] + len(places))) else 0
    result = (*rest[:first], *common, *rest[first:])
    if not any(type(size) is int and size == 0 for size in result):  # nothing is read, nothing is checked
        for at, _, numbers in advanced:
            for number in numbers:
                in_range(number, dims[at], places.index(at))
    return result


def _together(shapes) -> tuple:
    for a in shapes:
        for b in shapes:
            for x, y in zip(reversed(a), reversed(b), strict=False):
                if a is not b and broadcastable(x, y) is False:
                    raise Refused("shape mismatch: indexing tensors could not be broadcast together with shapes "
                                  + ", ".join(f"[{', '.join(map(str, s))}]" for s in shapes), IndexError)  # fmt: skip
    return broadcast_dims(*shapes)


# --- both steps, on arrays -------------------------------------------------------------------------------------------

_PLAIN = frozenset({int, slice, type(None), type(...)})


def array_steps(xp, array, index) -> tuple:
    """The view of the first step, and the index NumPy needs for the second, None if there is none."""
    if type(index) is int or type(index) is slice:  # the rule has checked ints
        return array[index, ...], None
    if type(index) is tuple and all(type(item) in _PLAIN for item in index) and (points := index.count(...)) < 2:
        return array[index if points else (*index, ...)], None
    if is_tensor(index) and index.ndim and index.dtype.kind == "i":
        return array, (index,)
    basic: list = []
    advanced: list = []
    dim = 0
    for number, item in entries(index, array.ndim):
        if item is None:
            basic.append(None)
            dim += 1
        elif isinstance(item, slice):
            basic.append(slice(*(None if b is None else int(b) for b in (item.start, item.stop, item.step))))
            dim += 1
        elif isinstance(item, bool) or (is_tensor(item) and item.ndim == 0 and is_mask(item)):
            basic.append(None)
            advanced.append((dim, xp.arange(1 if bool(item) else 0)))
            dim += 1
        elif isinstance(item, int) or (is_tensor(item) and item.ndim == 0):
            basic.append(_checked(int(item), array.shape[len(basic) - basic.count(None)], number))
        else:
            entry = item if is_tensor(item) else _as_array(xp, item)
            entry = entry.astype(bool) if entry.dtype.name == "uint8" else entry
            taken = entry.ndim if entry.dtype.kind == "b" else 1
            basic.extend([slice(None)] * taken)
            advanced.append((dim, entry))
            dim += taken
    view = array[(*basic, ...)]
    if not advanced:
        return view, None
    full: list = []
    for at, entry in advanced:
        full.extend([slice(None)] * (at - _dims_in(full)))
        full.append(entry)
    return view, tuple(full)


def _checked(index: int, size: int, dim: int) -> int:
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")
    return index


def _as_array(xp, item):
    found = xp.asarray(item if not isinstance(item, range) else list(item))
    return found.astype("int64") if found.dtype.kind != "b" else found


def _dims_in(full) -> int:
    return sum(entry.ndim if is_mask(entry) else 1 for entry in full)
