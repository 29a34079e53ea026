"""Python data as a tensor's contents: the shape and dtype of nested sequences, and the array they make."""

from tensight_runtime.ops.elementwise import np_name
from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.dtype import BY_NAME, DType, bool_, defaults, int64, number_dtype, promote_types
from tensight_runtime.spec.kind import TensorLike, UnknownLike
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.size import Expr, Size, Unknown

NOT_SET = object()  # the dtype of no elements at all


def described(data: object) -> tuple[tuple[Size, ...] | None, DType | None]:
    """Shape and dtype that `torch.tensor(data)` would have; None where unknown.

    Raises Refused in torch's words for ragged sequences and for what is no number.
    """
    dims, dtype = _describe(data, nested=False)
    return dims, defaults.dtype if dtype is NOT_SET else dtype


def _describe(data: object, nested: bool):
    if isinstance(data, TensorLike):
        fact = data.fact
        if nested and fact.dims:
            for size in fact.dims:
                if type(size) is int and size != 1:
                    raise Refused("only one element tensors can be converted to Python scalars", ValueError)
        return (() if nested else fact.dims), fact.dtype
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        name = getattr(data.dtype, "name", str(data.dtype))
        dims = data.shape if isinstance(data.shape, tuple) else None
        return dims, BY_NAME.get(name)
    if isinstance(data, (bool, Cond)):
        return (), bool_
    if isinstance(data, (int, Expr, Unknown)):
        return (), int64
    if isinstance(data, (float, complex)):
        return (), number_dtype(data)
    if isinstance(data, UnknownLike):
        dtype = number_dtype(data)
        return (() if data.python_type in (bool, int, float, complex) else None), dtype
    if isinstance(data, (list, tuple, range)):
        return _sequence(data)
    if data is None:
        raise Refused("Could not infer dtype of NoneType")
    if isinstance(data, str):
        if nested:
            raise Refused("too many dimensions 'str'", ValueError)
        raise Refused("new(): invalid data type 'str'", TypeError)
    return None, None


def _sequence(data):
    if isinstance(data, range):
        return (len(data),), int64 if len(data) else NOT_SET
    dims: tuple | None = ()
    dtype: object = NOT_SET
    for i, item in enumerate(data):
        kind = type(item)
        if kind is float or kind is int or kind is bool:  # the usual leaves, quickly
            inner, found = (), defaults.dtype if kind is float else int64 if kind is int else bool_
        else:
            inner, found = _describe(item, nested=True)
        if i == 0:
            dims, dtype = inner, found
            continue
        if dims is not None and inner is not None:
            _same_lengths(dims, inner)
        else:
            dims = None
        if found is not dtype:
            dtype = found if dtype is NOT_SET else dtype if found is NOT_SET else promote_types(dtype, found)
    return (None if dims is None else (len(data), *dims)), dtype


def _same_lengths(first: tuple, other: tuple) -> None:
    for dim, (a, b) in enumerate(zip(first, other, strict=False), 1):
        if type(a) is int and type(b) is int and a != b:
            raise Refused(f"expected sequence of length {a} at dim {dim} (got {b})", ValueError)
    if len(first) != len(other):
        message = "not a sequence" if len(first) > len(other) else "'list' object cannot be interpreted as an integer"
        raise Refused(message, TypeError)


def array_of(xp, data: object, dtype: DType | None, copy: bool):
    """The array of `data`, in `dtype` or in the dtype that `described` gives."""
    if hasattr(data, "dtype") and hasattr(data, "shape") and not isinstance(data, TensorLike):
        return (
            xp.array(data, dtype=dtype and np_name(dtype)) if copy else xp.asarray(data, dtype=dtype and np_name(dtype))
        )
    wanted = dtype or described(data)[1]
    plain = _plain(data)
    name = np_name(wanted)
    try:
        array = xp.asarray(plain, dtype=name)
    except OverflowError:
        array = _wrapped(xp, plain, name)
    except TypeError:  # complex numbers where real ones are wanted
        raise Refused(f"value cannot be converted to type {name} without overflow") from None
    if array.size == 0:
        dims, _ = described(data)
        array = array.reshape(dims)
    return array


def _wrapped(xp, plain, name: str):
    """Negative numbers in an unsigned dtype wrap around; what is too large either way is refused."""
    array = xp.asarray(plain)
    bits = xp.dtype(name).itemsize * 8
    if (
        array.dtype.kind in "iu"
        and name.startswith("u")
        and (array > -(1 << bits)).all()
        and (array < (1 << bits)).all()
    ):
        return array.astype(name)
    raise Refused(f"value cannot be converted to type {name}_t without overflow")


def _plain(data: object) -> object:
    """Nested sequences with their tensors and scalars replaced by numbers."""
    if isinstance(data, (list, tuple)):
        return [item if type(item) in _NUMBERS else _plain(item) for item in data]
    if isinstance(data, TensorLike):
        return data.item() if hasattr(data, "item") else data
    return data


_NUMBERS = frozenset((int, float, bool, complex))
