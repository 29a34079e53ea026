"""A value as the editor shows it: like `print(x)`, preceded by what the numbers are like.

Everything here is text: min, max, mean, standard deviation of the finite values, counts of what is not finite, and a
histogram of ten bars where it says something.
"""

from __future__ import annotations

import numpy as np
from tensight_analyzer.interp.values import DictValue, ListValue, Seq, TensorValue, Unknown
from tensight_runtime.engine import Tensor, printing
from tensight_runtime.engine.tensor import wrap
from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType

FEW = 10  # elements of which the values say more than statistics
MANY = 1_000_000  # elements from which on statistics are those of a sample
BARS = "▁▂▃▄▅▆▇█"
LINES = 24  # of one value
WIDEST = 400  # characters of a text


def lines_of(value: object, arrays: list | None = None) -> list[str]:
    """A value in lines; `arrays` are copies of the values of its tensors, in order, where they have changed since."""
    copies = iter(arrays) if arrays is not None else None
    return cut(_lines(value, copies))


def _lines(value: object, copies) -> list[str]:
    if isinstance(value, TensorValue):
        return tensor_lines(as_it_was(value.fields.tensor, copies))
    items = value
    if isinstance(value, (ListValue, DictValue)):
        items = value.fields["items"]
    if isinstance(items, (tuple, dict)) and any(isinstance(v, TensorValue) for v in _values(items)):
        labels = list(items) if isinstance(items, dict) else range(len(items))
        found = []
        for label, item in list(zip(labels, _values(items), strict=True))[:FEW]:
            head, *rest = _lines(item, copies)
            found += [f"{label!r}: {head}", *("   " + line for line in rest)]
        return found if len(items) <= FEW else [*found, f"… {len(items) - FEW} more"]
    return [short(value)]


def _values(items: object) -> list:
    return list(items.values()) if isinstance(items, dict) else list(items)


def as_it_was(tensor: Tensor, copies) -> Tensor:
    """The tensor with the values it had."""
    array = next(copies, None) if copies is not None else None
    if array is None or array.shape != tensor._array.shape:
        return tensor
    made = wrap(array, tensor._meta)
    made._requires, made._node = tensor.requires_grad, tensor.grad_fn
    return made


def short(value: object) -> str:
    """A plain value on one line."""
    if isinstance(value, (ListValue, tuple, DictValue)):
        items = value if isinstance(value, tuple) else value.fields["items"]
        if isinstance(items, Seq):
            return "…"
        if isinstance(items, dict):
            inside = ", ".join(f"{k!r}: {short(v)}" for k, v in list(items.items())[:FEW])
        else:
            inside = ", ".join(map(short, items[:FEW]))
        more = ", …" if len(items) > FEW else "," if isinstance(value, tuple) and len(items) == 1 else ""
        opening, closing = "[]" if isinstance(value, ListValue) else "()" if isinstance(value, tuple) else "{}"
        return opening + inside + more + closing
    if isinstance(value, TensorValue):
        return f"tensor {value.fact}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4000:
        return f"an int of {value.bit_length():,} bits"
    if isinstance(value, (bool, int, float, complex, str, bytes, DType, Device, type(None))):
        text = repr(value)
        return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
    return "?" if isinstance(value, Unknown) else "…"


def cut(lines: list[str]) -> list[str]:
    flat = [part for line in lines for part in line.split("\n")]
    return flat if len(flat) <= LINES else [*flat[: LINES - 4], "…", *flat[-3:]]


# -- tensors -----------------------------------------------------------------------------------------------------------


def tensor_lines(tensor: Tensor) -> list[str]:
    text = printing.show(tensor)
    found = statistics(tensor._array) if tensor.device.type != "meta" else []
    return [*found, *text.split("\n")]


def statistics(array: np.ndarray) -> list[str]:
    """What the numbers are like, in a line or two; nothing where the numbers themselves are few."""
    if array.size <= FEW:
        return warnings_of(array)
    sample, note = sampled(array)
    kind = sample.dtype.kind
    if kind == "b":
        true = int(np.count_nonzero(sample))
        return [f"true {true:,}, false {sample.size - true:,}{note}"]
    if kind in "iu":
        line = f"min {sample.min()}, max {sample.max()}, {len(np.unique(sample)):,} distinct"
        return [constant(sample) or line + note]
    if kind == "c":
        return warnings_of(array)
    return float_statistics(sample.astype(np.float64, copy=False), note)


def float_statistics(values: np.ndarray, note: str) -> list[str]:
    finite = values[np.isfinite(values)]
    odd = oddities(values)
    if finite.size == 0:
        return [odd]
    if not odd and (same := constant(values)):
        return [same + note]
    low, high = finite.min(), finite.max()
    line = f"min {number(low)}, max {number(high)}, mean {number(finite.mean())}, std {number(deviation(finite))}"
    zeros = int(np.count_nonzero(finite == 0))
    parts = [p for p in (odd, line, f"{zeros:,} zeros" if zeros else "") if p]
    bars = histogram(finite)
    return [", ".join(parts) + note, *([bars] if bars else [])]


def deviation(values: np.ndarray) -> float:
    """As `Tensor.std`: divided by n - 1."""
    return float(values.std(ddof=1)) if values.size > 1 else float("nan")


def oddities(values: np.ndarray) -> str:
    """`3 NaN, 1 +Inf`: first, since nothing is as important."""
    counts = {"NaN": np.isnan(values), "+Inf": values == np.inf, "-Inf": values == -np.inf}
    return ", ".join(f"{int(np.count_nonzero(where)):,} {name}" for name, where in counts.items() if where.any())


def warnings_of(array: np.ndarray) -> list[str]:
    found = oddities(array.real) if array.dtype.kind == "c" else oddities(array) if array.dtype.kind == "f" else ""
    return [found] if found else []


def constant(values: np.ndarray) -> str:
    """Said in words."""
    first = values.flat[0]
    if not (values == first).all():
        return ""
    return "all zeros" if first == 0 else f"all {number(float(first)) if values.dtype.kind == 'f' else first}"


def histogram(finite: np.ndarray) -> str:
    """Ten bars from min to max, where there are enough values to tell; zeros apart where they are most of them."""
    if finite.size <= 50:
        return ""
    share = np.count_nonzero(finite == 0) / finite.size
    drawn = finite[finite != 0] if share > 0.5 else finite
    low, high = drawn.min(), drawn.max()
    if not low < high or high / 2 - low / 2 > np.finfo(np.float64).max / 2:
        return ""
    counts, _ = np.histogram(drawn, bins=10, range=(low, high))
    top = counts.max()
    bars = "".join(" " if n == 0 else BARS[min(int(n * len(BARS) / top), len(BARS) - 1)] for n in counts.tolist())
    prefix = f"{share:.0%} zeros; the rest " if share > 0.5 else ""
    return f"{prefix}{number(low)} |{bars}| {number(high)}"


def sampled(array: np.ndarray) -> tuple[np.ndarray, str]:
    """The elements, or evenly spaced ones of a large tensor, and a note that says so."""
    if array.size <= MANY:
        return array.reshape(-1), ""
    step = -(-array.size // MANY)
    shape = np.arange(0, array.size, step)
    picked = array[np.unravel_index(shape, array.shape)]
    return picked, f" (of a sample of {picked.size:,})"


def number(value: float) -> str:
    return f"{value:.4g}"
