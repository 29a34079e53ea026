"""Kinds of arguments: the annotations of an operator's signature.

They bind (which overload do these arguments mean?) and say what the engine must unwrap.  Two marker classes let one
signature serve the runtime's tensors and the analyzer's: whatever is a `TensorLike` is a tensor, whatever is an
`UnknownLike` may be anything that its `python_type` allows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.size import Expr, Unknown


class TensorLike:
    """A tensor of some domain.  `fact` describes it; `dispatch(op, args, kwargs)` applies an operator."""

    __slots__ = ()


class UnknownLike:
    """A value nobody knows; `python_type` is its type where that is known."""

    __slots__ = ()
    python_type: type | None = None


class Kind:
    """An argument kind.

    `admits(value)` is True, False, or None when an unknown value leaves it open.  `holds` is "one", "many" or "" and
    says where tensors are.  Calling a tensor kind gives it dimension patterns, the most usual first:
    `Tensor("N C H W", "C H W")`; they name the dims of an operand of which nothing is known.
    """

    __slots__ = ("holds", "name", "optional", "patterns", "test")

    def __init__(self, name: str, test: Callable[[object], bool | None], optional: bool = False, holds: str = "",
                 patterns: tuple[tuple[str, ...], ...] = ()):  # fmt: skip
        self.name = name
        self.test = test
        self.optional = optional
        self.holds = holds
        self.patterns = patterns

    def __call__(self, *patterns: str) -> Kind:
        return Kind(self.name, self.test, self.optional, self.holds, tuple(tuple(p.split()) for p in patterns))

    def admits(self, value: object) -> bool | None:
        if value is None:
            return self.optional
        return self.test(value)

    def __repr__(self) -> str:
        return self.name + ("?" if self.optional else "")


def _is(*types: type) -> Callable[[object], bool | None]:
    def test(value: object) -> bool | None:
        if isinstance(value, types):
            return True
        if isinstance(value, UnknownLike):
            known = value.python_type
            return None if known is None or any(issubclass(known, t) for t in types if isinstance(t, type)) else False
        return False

    return test


def _int(value: object) -> bool | None:
    if isinstance(value, int):
        return not isinstance(value, bool)
    if isinstance(value, (Expr, Unknown)):
        return True
    if isinstance(value, TensorLike):
        fact = value.fact
        return True if fact.dims == () and (fact.dtype is None or fact.dtype.category == 1) else False
    return (None if value.python_type in (None, int) else False) if isinstance(value, UnknownLike) else False


def _number(value: object) -> bool | None:
    if isinstance(value, (int, float, complex, Expr, Unknown, Cond)):
        return True
    if isinstance(value, UnknownLike):
        return None if value.python_type in (None, int, float, bool, complex) else False
    return False


def _sequence_of(test: Callable[[object], bool | None]) -> Callable[[object], bool | None]:
    def of_all(value: object) -> bool | None:
        if isinstance(value, UnknownLike):
            return None if value.python_type in (None, tuple, list) else False
        if not isinstance(value, (tuple, list)):
            return False
        answers = {test(item) for item in value}
        return False if False in answers else None if None in answers else True

    return of_all


def _either(*tests: Callable[[object], bool | None]) -> Callable[[object], bool | None]:
    def test(value: object) -> bool | None:
        answers = {t(value) for t in tests}
        return True if True in answers else None if None in answers else False

    return test


_tensor = _is(TensorLike)
_ints = _either(_sequence_of(_int), _int)

Tensor: Final = Kind("Tensor", _tensor, holds="one")
OptTensor: Final = Kind("Tensor", _tensor, optional=True, holds="one")
Tensors: Final = Kind("Tensor[]", _sequence_of(_tensor), holds="many")
OptTensors: Final = Kind("Tensor[]", _sequence_of(_tensor), optional=True, holds="many")
TensorOrNum: Final = Kind("Tensor|Scalar", _either(_tensor, _number), holds="one")
OptTensorOrNum: Final = Kind("Tensor|Scalar", _either(_tensor, _number), optional=True, holds="one")
Int: Final = Kind("int", _int)
OptInt: Final = Kind("int", _int, optional=True)
Ints: Final = Kind("int[]", _ints)
OptInts: Final = Kind("int[]", _ints, optional=True)
Size: Final = Kind("int[]", _ints)  # may be spread over the call: view(2, 3) and view((2, 3))
Num: Final = Kind("Scalar", _number)
OptNum: Final = Kind("Scalar", _number, optional=True)
Nums: Final = Kind("Scalar[]", _either(_sequence_of(_number), _number))
OptNums: Final = Kind("Scalar[]", _either(_sequence_of(_number), _number), optional=True)
Bool: Final = Kind("bool", _is(bool, Cond))
OptBool: Final = Kind("bool", _is(bool, Cond), optional=True)
Str: Final = Kind("str", _is(str))
OptStr: Final = Kind("str", _is(str), optional=True)
IntsOrStr: Final = Kind("int[]|str", _either(_ints, _is(str)))
OptDtype: Final = Kind("dtype", _is(DType), optional=True)
DtypeKind: Final = Kind("dtype", _is(DType))
OptDevice: Final = Kind("device", _is(Device, str, int), optional=True)
Any: Final = Kind("any", lambda value: True, optional=True)
# numbers, nested sequences, arrays: the argument of torch.tensor
Data: Final = Kind("data", lambda value: True, optional=True)
Index: Final = Kind("index", lambda value: True, optional=True, holds="index")  # what may stand between [ and ]
