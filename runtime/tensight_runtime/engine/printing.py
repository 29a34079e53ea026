"""How tensors print: as torch prints them, number by number."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.tensor import Tensor
from tensight_runtime.spec.device import CPU
from tensight_runtime.spec.dtype import bool_, complex64, defaults, float32, int64


class Options:
    """What `set_printoptions` sets."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        self.precision, self.threshold, self.edgeitems, self.linewidth = 4, 1000, 3, 80
        self.sci_mode: bool | None = None


options = Options()
_PROFILES: Final = {
    "default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80),
}  # fmt: skip


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
) -> None:
    """torch.set_printoptions."""
    if profile is not None:
        options.precision, options.threshold, options.edgeitems, options.linewidth = _PROFILES[profile]
    for name, value in (
        ("precision", precision),
        ("threshold", threshold),
        ("edgeitems", edgeitems),
        ("linewidth", linewidth),
    ):
        if value is not None:
            setattr(options, name, value)
    options.sci_mode = sci_mode


def show(tensor: Tensor) -> str:
    """`tensor([1., 2.], grad_fn=<MulBackward0>)`."""
    own = type(tensor).__name__
    prefix = "tensor(" if own in ("Tensor", "Parameter") else f"{own}("
    array = arrays.on_device(tensor._array, CPU)
    suffixes = []
    if tensor.device.type not in ("cpu", "meta"):
        suffixes.append(f"device='{tensor.device}'")
    dtype = tensor.dtype
    usual = dtype in (defaults.dtype or float32, int64, bool_)
    usual = usual or (dtype is complex64 and (defaults.dtype or float32) is float32)
    if tensor.device.type == "meta":
        suffixes += [f"size={tuple(tensor.shape)}", f"dtype={dtype}"]
        body = "..."
        suffixes.insert(0, "device='meta'")
    elif array.size == 0:
        if array.ndim != 1:
            suffixes.append(f"size={tuple(tensor.shape)}")
        if dtype is not (defaults.dtype or float32):
            suffixes.append(f"dtype={dtype}")
        body = "[]"
    else:
        if not usual:
            suffixes.append(f"dtype={dtype}")
        body = _body(array, len(prefix))
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{type(tensor.grad_fn).__name__}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + body, suffixes, len(prefix))


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    parts = [text]
    last = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if last + len(suffix) + 2 > options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            last = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            last += len(suffix) + 2
    return "".join(parts) + ")"


def _body(array: np.ndarray, indent: int) -> str:
    summarize = array.size > options.threshold
    shown = _edges(array) if summarize else array
    if array.dtype.kind == "c":
        formatter = (_Format(shown.real.ravel()), _Format(shown.imag.ravel()))
    else:
        formatter = _Format(shown.ravel())
    return _nested(array, indent, summarize, formatter)


class _Format:
    """The common width and notation of the numbers that are printed."""

    def __init__(self, values: np.ndarray):
        self.floating = values.dtype.kind == "f"
        self.whole = True
        self.scientific = False
        self.width = 1
        if not self.floating:
            texts = [str(v) for v in values.tolist()]
            self.width = max([1, *map(len, texts)])
            return
        values = values.astype(np.float64)
        finite = values[np.isfinite(values) & (values != 0)]
        if finite.size == 0:
            return
        sizes = np.abs(finite)
        low, high = sizes.min(), sizes.max()
        self.whole = bool((finite == np.ceil(finite)).all())
        self.scientific = bool(high / low > 1000.0 or high > 1.0e8 or (not self.whole and low < 1.0e-4))
        if options.sci_mode is not None:
            self.scientific = options.sci_mode
        if self.whole and not self.scientific:
            self.width = max(self.width, max(len(f"{v:.0f}") for v in finite) + 1)
        else:
            notation = "e" if self.scientific else "f"
            self.width = max(self.width, max(len(f"{v:.{options.precision}{notation}}") for v in finite))

    def __call__(self, value: object) -> str:
        if self.floating:
            if self.scientific:
                text = f"{{:{self.width}.{options.precision}e}}".format(value)
            elif self.whole:
                text = f"{value:.0f}"
                if math.isfinite(value):
                    text += "."
            else:
                text = f"{value:.{options.precision}f}"
        else:
            text = str(value)
        return text.rjust(self.width)


def _number(value: object, formatter: object) -> str:
    if not isinstance(formatter, tuple):
        return formatter(value)
    real, imaginary = formatter[0](value.real), formatter[1](value.imag).lstrip()
    return real + ("" if imaginary.startswith("-") else "+") + imaginary + "j"


def _nested(array: np.ndarray, indent: int, summarize: bool, formatter: object) -> str:
    if array.ndim == 0:
        return _number(array.item(), formatter)
    edge = options.edgeitems
    if array.ndim == 1:
        return _row(array, indent, summarize, formatter)
    if summarize and array.shape[0] > 2 * edge:
        parts = [_nested(array[i], indent + 1, summarize, formatter) for i in range(edge)]
        parts.append("...")
        parts += [_nested(array[i], indent + 1, summarize, formatter) for i in range(len(array) - edge, len(array))]
    else:
        parts = [_nested(item, indent + 1, summarize, formatter) for item in array]
    separator = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def _row(array: np.ndarray, indent: int, summarize: bool, formatter: object) -> str:
    edge = options.edgeitems
    if isinstance(formatter, tuple):
        width = formatter[0].width + formatter[1].width + 3
    else:
        width = formatter.width + 2
    per_line = max(1, math.floor((options.linewidth - indent) / width))
    if summarize and not edge:
        texts = ["..."]
    elif summarize and array.shape[0] > 2 * edge:
        texts = [_number(v, formatter) for v in array[:edge].tolist()] + [" ..."]
        texts += [_number(v, formatter) for v in array[-edge:].tolist()]
    else:
        texts = [_number(v, formatter) for v in array.tolist()]
    lines = [texts[i : i + per_line] for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines) + "]"


def _edges(array: np.ndarray) -> np.ndarray:
    """The elements that are printed of a large tensor."""
    edge = options.edgeitems
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            array = np.take(array, [*range(edge), *range(size - edge, size)], axis=axis)
    return array
