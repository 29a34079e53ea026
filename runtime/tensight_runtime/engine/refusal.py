"""What torch says to arguments that fit no signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tensight_runtime.engine.tensor import Parameter, Tensor
from tensight_runtime.spec.op import REQUIRED, Op

if TYPE_CHECKING:
    from tensight_runtime.engine.plan import Entry


def no_fit(entry: Entry, args: Sequence, kwargs: dict) -> TypeError:
    """The TypeError for this call; with one signature it names the argument at fault."""
    label = entry.label
    ops = [getattr(o, "base", o) for o in entry.overloads]
    if len(ops) == 1:
        return TypeError(_fault(label, ops[0], args, kwargs, int(entry.method)))
    skip = int(entry.method)
    got = ", ".join([_type_name(a) for a in args[skip:]] + [f"{k}={_type_name(v)}" for k, v in kwargs.items()])
    signatures = "".join(f"\n * {_signature(op, skip)}" for op in ops)
    return TypeError(
        f"{label}() received an invalid combination of arguments - got ({got}{', ' if kwargs else ''}), but expected "
        f"one of:"
        f"{signatures}\n"
    )


def _fault(label: str, op: Op, args: Sequence, kwargs: dict, skip: int) -> str:
    """`skip` is 1 for a method, whose own tensor does not count."""
    if op.varargs and len(args) > (at := op.index[op.varargs]):
        for k, item in enumerate(args[at:]):
            if isinstance(item, str) or item is None:
                return (
                    f"{label}(): argument '{op.varargs}' failed to unpack the object at pos {k + 1} with error "
                    f'"type must be tuple of ints,but got {_type_name(item)}"'
                )
    if len(args) > op.positional and not op.varargs:
        n = op.positional - skip
        return f"{label}() takes {n} positional argument{'s' if n != 1 else ''} but {len(args) - skip} were given"
    bound = op.bind(args, kwargs)
    if bound is None:
        for name in kwargs:
            if name not in op.index:
                return f"{label}() got an unexpected keyword argument '{name}'"
            if op.index[name] < len(args):
                return f"{label}() got multiple values for argument '{name}'"
        missing = [p.name for p in op.params[len(args) :] if p.default is REQUIRED and p.name not in kwargs]
        return f"{label}() missing {len(missing)} required positional arguments: " + ", ".join(
            f'"{m}"' for m in missing
        )
    for at, (param, value) in enumerate(zip(op.params, bound, strict=True)):
        if value is not param.default and param.kind.admits(value) is False:
            where = f" (position {at + 1 - skip})" if at < len(args) else ""
            wanted = _KIND_NAMES.get(param.kind.name, param.kind.name)
            if param.kind.holds == "many" and isinstance(value, (list, tuple)):
                bad = next((k for k, item in enumerate(value) if not isinstance(item, Tensor)), 0)
                return (
                    f"expected Tensor as element {bad} in argument {at}, but got {_type_name(value[bad])}"
                    if value
                    else f"{label}(): argument '{param.name}'{where} must be tuple of Tensors, not {_type_name(value)}"
                )
            return f"{label}(): argument '{param.name}'{where} must be {wanted}, not {_type_name(value)}"
    return f"{label}(): invalid arguments"


def _signature(op: Op, skip: int) -> str:
    parts, star = [], False
    for at, param in enumerate(op.params):
        if at < skip:
            continue
        if at >= op.positional and not star:
            parts.append("*")
            star = True
        kind = _KIND_NAMES.get(param.kind.name, param.kind.name)
        default = "" if param.default is REQUIRED else f" = {param.default}"
        parts.append(f"{kind} {param.name}{default}")
    return f"({', '.join(parts)})"


def _type_name(value: object) -> str:
    if isinstance(value, Parameter):
        return "Parameter"
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        inner = ", ".join(_type_name(v) for v in value[:3])
        return (
            f"{type(value).__name__}"
            if not value
            else f"{type(value).__name__} of ({inner})"
            if type(value) is tuple
            else "list"
        )
    name = type(value).__name__
    if type(value).__module__ == "numpy":
        return f"numpy.{name}"
    return {"DType": "torch.dtype", "Device": "torch.device"}.get(name, name)


_KIND_NAMES = {
    "int[]": "tuple of ints", "Tensor[]": "tuple of Tensors", "Scalar": "Number", "dtype": "torch.dtype",
    "device": "torch.device", "Tensor|Scalar": "Tensor", "Scalar[]": "tuple of Scalars",
}  # fmt: skip
