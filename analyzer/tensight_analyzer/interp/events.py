"""What the interpreter tells the rules: plain records, no syntax trees."""

from __future__ import annotations

from dataclasses import dataclass

from tensight_runtime.spec.op import InPlace, Op

from tensight_analyzer.interp.values import TensorValue


@dataclass(slots=True)
class Step:
    """An operator was applied: `bound` are its arguments in the order of its parameters, `at` is (node, frame)."""

    op: Op | InPlace
    bound: list
    result: object
    at: tuple

    def arg(self, name: str) -> object:
        base = self.op.base if isinstance(self.op, InPlace) else self.op
        return self.bound[base.index[name]] if name in base.index else None


@dataclass(slots=True)
class Refusal:
    """An operator does not take its arguments.  `facet` is shape, dtype, device; `message` is torch's.

    `supposed`: the arguments are one combination of alternatives that a join left, and may never meet.
    """

    op: Op | InPlace
    bound: list
    message: str
    error: type[Exception]
    at: tuple
    facet: str
    path: object
    supposed: bool = False


@dataclass(slots=True)
class GradEvent:
    """Something in autograd will go wrong.

    kind       leaf-in-place | saved-modified | freed | no-graph | not-scalar | numpy | accumulated
    tensor     the tensor concerned, `message` torch's words, `other` the second place if any (node, frame)
    """

    kind: str
    tensor: TensorValue | None
    message: str
    at: tuple
    other: tuple | None = None
    detail: str = ""
