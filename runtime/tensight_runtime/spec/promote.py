"""dtype rules that many operators share.

A rule is an object with `of_op(op)` (the result's dtype, from the bound arguments) and, when the kernel wants its
operands
in one dtype, `compute_of(op)`.  `dtype=` also takes a plain function of named arguments or a DType.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tensight_runtime.spec.dtype import DType, bool_, defaults, int64, result_type
from tensight_runtime.spec.kind import TensorLike, UnknownLike
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.size import Expr


class DtypeRule:
    """`compute` maps the promoted dtype of the operands to the dtype the kernel works in, `result` that to the
    result's."""

    def __init__(self, params: tuple[str, ...] | None, compute: Callable, result: Callable, casts: bool = True):
        self.params = params
        self.compute = compute
        self.result = result
        self.casts = casts

    def of_op(self, op) -> Callable[[Sequence], DType | None]:
        promoted = self._promotion(op)
        compute, result = self.compute, self.result

        def dtype(values: Sequence) -> DType | None:
            return result(compute(promoted(values)))

        return dtype

    def compute_of(self, op) -> Callable[[Sequence], DType | None] | None:
        if not self.casts:
            return None
        promoted = self._promotion(op)
        compute = self.compute
        return lambda values: compute(promoted(values))

    def _promotion(self, op) -> Callable[[Sequence], DType | None]:
        """Promotion over the tensors and numbers among the operands (all tensor parameters, or those in `params`)."""
        positions = tuple(
            i
            for i, p in enumerate(op.params)
            if (p.name in self.params if self.params else p.kind.holds in ("one", "many"))
        )

        def promoted(values: Sequence) -> DType | None:
            tensors, numbers = [], []
            for i in positions:
                value = values[i]
                for item in value if isinstance(value, (list, tuple)) else (value,):
                    if isinstance(item, TensorLike):
                        fact = item.fact
                        tensors.append((fact.dtype, None if fact.dims is None else len(fact.dims)))
                    elif isinstance(item, UnknownLike) and item.python_type is None:
                        tensors.append((None, None))
                    elif item is not None:
                        numbers.append(item)
            return result_type(tensors, numbers)

        return promoted


def _same(dtype: DType | None) -> DType | None:
    return dtype


def _floating(dtype: DType | None) -> DType | None:
    return defaults.dtype if dtype is not None and dtype.category < 2 else dtype


def _summed(dtype: DType | None) -> DType | None:
    return int64 if dtype is not None and dtype.category < 2 else dtype


def _real(dtype: DType | None) -> DType | None:
    return dtype.to_real() if dtype else None


def promoted(*params: str) -> DtypeRule:
    """torch's promotion of all tensor operands (or those named), numbers included."""
    return DtypeRule(params or None, _same, _same)


def promoted_float(*params: str) -> DtypeRule:
    """Promotion, and integers become the default float: exp, div, sigmoid."""
    return DtypeRule(params or None, _floating, _same)


def compared(*params: str) -> DtypeRule:
    """Operands are promoted, the result is bool."""
    return DtypeRule(params or None, _same, lambda dtype: bool_)


def promoted_real(*params: str) -> DtypeRule:
    """Promotion, complex becomes the real part's dtype: abs, angle."""
    return DtypeRule(params or None, _same, _real)


def same(param: str = "input") -> DtypeRule:
    """The dtype of one operand, nothing is cast."""
    return DtypeRule((param,), _same, _same, casts=False)


def accumulated(input, dtype=None) -> DType | None:
    """Of sum, prod, cumsum: `dtype=` if given, int64 for integers and bool, else the input's."""
    return _summed(input.dtype) if dtype is None else _known(dtype)


def floating_mean(input, dtype=None) -> DType | None:
    """Of mean: `dtype=` if given, else the input's, which must be floating point or complex."""
    if dtype is not None:
        return _known(dtype)
    if input.dtype is not None and input.dtype.category < 2:
        from tensight_runtime.spec.op import scalar_name

        raise Refused(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {scalar_name(input.dtype)}"
        )
    return input.dtype


def created(dtype=None) -> DType | None:
    """Of zeros, rand: `dtype=` or the default."""
    return defaults.dtype if dtype is None else _known(dtype)


def _known(dtype: object) -> DType | None:
    """A `dtype=` that was given; None if nobody knows which."""
    return dtype if isinstance(dtype, DType) else None


def of_number(value) -> DType | None:
    """The dtype `torch.full` and `torch.tensor` give a Python number: bool, int64, the default float or its complex."""
    from tensight_runtime.spec.dtype import number_dtype

    return int64 if isinstance(value, Expr) else number_dtype(value)
