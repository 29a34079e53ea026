"""Signatures of the operator table beside torch's own, as far as torch tells them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from tensight_runtime.spec.op import REQUIRED, Op

Signature = dict[str, tuple[bool, str]]  # parameter -> keyword-only, default


def fits(mine: Signature, theirs: Signature, ours: list[Signature], known: list[Signature]) -> bool:
    if [n for n in theirs if n in mine] != list(mine):
        return False
    for name, (keyword_only, default) in theirs.items():
        if name not in mine:
            if default == REQUIRED or not any(name in other for other in ours):
                return False
        elif mine[name][0] != keyword_only:
            return False
        elif mine[name][1] != default:
            made_up_for = any(other.get(name, (keyword_only, default))[1] == default for other in ours)
            if not made_up_for and not (default == REQUIRED and any(name not in other for other in known)):
                return False
    return True


# what all creation operators or all random ones have and torch's schemas leave out, and what does nothing
TAIL = {"out", "generator", "dtype", "layout", "device", "pin_memory", "requires_grad", "memory_format",
        "cudnn_enable", "cudnn_enabled"}  # fmt: skip


def signature(op: Op, name: str) -> Signature:
    written = name.endswith("_") and not name.endswith("__")  # those may be told so again, inplace=True
    params = [p for p in op.params if p.name not in TAIL and not (written and p.name == "inplace")]
    return _told((p.name, p.keyword_only, p.default) for p in params)


def torch_signatures(function: object, name: str) -> Iterator[Signature]:
    """The signatures torch tells: of functions written in Python, else the schemas of its operators."""
    import torch

    owner, _, last = name.rpartition(".")
    branches = torch._jit_internal.boolean_dispatched.get(function) if inspect.isfunction(function) else None
    found = False
    for branch in (branches["if_true"], branches["if_false"]) if branches else (function,):
        try:
            parameters = inspect.signature(branch).parameters.values()
        except (ValueError, TypeError):
            continue
        if not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY) for p in parameters):
            default = lambda p: REQUIRED if p.default is p.empty else p.default
            yield _told((p.name, p.kind is p.KEYWORD_ONLY, default(p)) for p in parameters)
            found = True
    family = {"torch.linalg": "linalg_", "torch.special": "special_", "torch.fft": "fft_"}.get(owner, "")
    packet = getattr(torch.ops.aten, family + last, None)
    for overload in packet.overloads() if hasattr(packet, "overloads") and not found else ():
        arguments = [a for a in getattr(packet, overload)._schema.arguments if not a.is_out]
        default = lambda a: a.default_value if a.has_default_value() else REQUIRED
        told = _told((a.name, a.kwarg_only, default(a)) for a in arguments)
        if owner == "Tensor" and "input" in told:  # a method of it
            told = {"input": told.pop("input"), **told}
        yield told


def _told(parameters) -> Signature:
    return {
        "input" if name == "self" else name.rstrip("_"): (keyword_only, shown(default))
        for name, keyword_only, default in parameters
        if name not in TAIL
    }


def shown(default: object) -> str:
    """Defaults as they compare: 1 and 1.0 and [1, 1] are one default, and so are None and []."""
    if default is REQUIRED:
        return REQUIRED
    if isinstance(default, (list, tuple)):
        if len(set(default)) > 1:
            return f"[{', '.join(map(shown, default))}]"
        return shown(default[0] if default else None)
    return f"{default:g}" if isinstance(default, (float, int)) and not isinstance(default, bool) else repr(default)
