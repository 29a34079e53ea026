"""Tensors of evenly spaced numbers, of indices and of windows: arange, linspace, tril_indices, hann_window."""

from math import ceil, isfinite, pi

from tensight_runtime.ops.creation import chosen, default_name, made
from tensight_runtime.ops.elementwise import fact_of, host, np_name
from tensight_runtime.spec.cond import Cond, ge
from tensight_runtime.spec.dtype import bool_, defaults, int64
from tensight_runtime.spec.kind import Any, Bool, Int, Num, OptDevice, OptDtype, TensorOrNum, UnknownLike
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.size import UNKNOWN, Expr, Size, Unknown, ceil_div

# --- arange ----------------------------------------------------------------------------------------------------------


def _category(value: object) -> int | None:
    """1 for what counts as an integer, 2 for a float, None if unknown."""
    fact = fact_of(value)
    if fact is not None:
        return None if fact.dtype is None else max(fact.dtype.category, 1)
    if isinstance(value, (int, Expr, Unknown, Cond)):
        return 1
    if isinstance(value, float):
        return 2
    kind = getattr(value, "python_type", None)
    return {int: 1, bool: 1, float: 2}.get(kind)


def _range_fact(start, end, step, dtype, device):
    for value in (start, end, step):
        if isinstance(value, complex):
            raise Refused("value cannot be converted to type double without overflow")
    categories = [_category(v) for v in (start, end, step)]
    natural = None if None in categories else defaults.dtype if 2 in categories else int64
    if chosen(dtype, natural) is bool_:
        raise Refused("\"arange_cpu\" not implemented for 'Bool'", NotImplementedError)
    found = chosen(dtype, natural)
    if found is not None and found.category == 1:  # torch counts in the result's dtype
        start, end, step = (int(v) if isinstance(v, float) and isfinite(v) else v for v in (start, end, step))
    return made((_count(start, end, step) if found is not None else UNKNOWN,), found, device)


def _count(start, end, step) -> Size:
    """How many numbers from start up to, not including, end."""
    if not all(isinstance(v, (int, float, Expr)) for v in (start, end, step)):
        return UNKNOWN
    if isinstance(step, Expr):
        return UNKNOWN
    if step == 0:
        raise Refused("step must be nonzero")
    if any(isinstance(v, float) for v in (start, end, step)):
        if any(isinstance(v, Expr) for v in (start, end)):
            return UNKNOWN
        if not isfinite(start) or not isfinite(end):
            raise Refused(f"unsupported range: {start} -> {end}")
        _consistent((end >= start) if step > 0 else (end <= start))
        return ceil((end - start) / step)
    _consistent(ge(end, start) if step > 0 else ge(start, end))
    return ceil_div(end - start, step) if step > 0 else ceil_div(start - end, -step)


def _consistent(cond) -> None:
    require(cond, "upper bound and lower bound inconsistent with step sign")


def _range(xp, start, end, step, dtype):
    start, end, step = host(start), host(end), host(step)
    whole = all(isinstance(v, int) for v in (start, end, step))
    name = np_name(dtype or (int64 if whole else defaults.dtype))
    if not whole and xp.dtype(name).kind in "iu":
        start, end, step, whole = int(start), int(end), int(step), True
    if whole:
        return xp.arange(start, end, step).astype(name, copy=False)
    count = max(ceil((end - start) / step), 0)
    return (start + step * xp.arange(count, dtype="float64")).astype(name)


def _bounds(start, end):
    if isinstance(start, (int, Expr)) and isinstance(end, (int, Expr)):
        return start, end
    return None


@op("torch.arange", interval=lambda end: _bounds(0, end),
    accepts=["arange(5)", "arange(2.5)", "arange(3, dtype=torch.float32)", "arange(i64[]{3..9})"],
    rejects={"arange(-1)": "upper bound and lower bound inconsistent with step sign",
             "arange(3, dtype=torch.bool)": "\"arange_cpu\" not implemented for 'Bool'"})  # fmt: skip
def arange(xp, end: TensorOrNum, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
           pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """0, 1, ... below `end`: int64 for integers, the default float otherwise."""
    return _range(xp, 0, end, 1, dtype)


arange.rule(lambda end, dtype, device: _range_fact(0, end, 1, dtype, device))


@op(
    "torch.arange",
    name="arange",
    overload="start",
    interval=lambda start, end, step: _bounds(start, end) if step == 1 else None,
    accepts=[
        "arange(2, 5)",
        "arange(0, 10, 3)",
        "arange(5, 0, -2)",
        "arange(0, 1, 0.1)",
        "arange(1, 2, 0.3, dtype=torch.float64)",
    ],
    rejects={
        "arange(0, 5, 0)": "step must be nonzero",
        "arange(5, 0)": "upper bound and lower bound inconsistent with step sign",
    },
)
def arange_start(
    xp,
    start: TensorOrNum,
    end: TensorOrNum,
    step: TensorOrNum = 1,
    *,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """start, start + step, ... below `end`."""
    return _range(xp, start, end, step, dtype)


arange_start.rule(_range_fact)

# --- linspace --------------------------------------------------------------------------------------------------------


def _spaced(xp, start, end, steps, dtype, final: str):
    """Steps from both ends, each computed from the nearer one, as torch does."""
    start, end, steps = host(start), host(end), int(steps)
    if steps == 1:
        return xp.full((1,), start, final)
    wide = "float64" if final in ("float64", "complex128") else "float32"
    scalar = xp.dtype("complex128" if isinstance(start, complex) or isinstance(end, complex) else wide).type
    if final in ("int8", "int16", "int32", "int64", "uint8"):
        scalar = xp.dtype("float32").type
    step = (scalar(end) - scalar(start)) / scalar(max(steps - 1, 1))
    at = xp.arange(steps)
    forward = scalar(start) + step * at.astype(step.dtype)
    backward = scalar(end) - step * (steps - 1 - at).astype(step.dtype)
    return xp.where(at < steps // 2, forward, backward).astype(final)


def _spaced_fact(name: str, start, end, steps, dtype, device):
    ranks = [0 if fact_of(v) is None or fact_of(v).dims is None else len(fact_of(v).dims) for v in (start, end)]
    if any(ranks):
        raise Refused(
            f"{name} only supports 0-dimensional start and end tensors, but got start with {ranks[0]} dimension(s) and "
            f"end with {ranks[1]} dimension(s)."
        )
    require(
        ge(steps, 0) if not isinstance(steps, UnknownLike) and fact_of(steps) is None else True,
        "number of steps must be non-negative",
    )
    return made((steps,), chosen(dtype, defaults.dtype), device)


@op(
    "torch.linspace",
    accepts=["linspace(0, 1, 5)", "linspace(0, 10, 5, dtype=torch.int64)", "linspace(-1, 1, 8, dtype=torch.float64)"],
    rejects={"linspace(0, 1, -3)": "number of steps must be non-negative"},
)
def linspace(xp, start: TensorOrNum, end: TensorOrNum, steps: Int, *, dtype: OptDtype = None, layout: Any = None,
             device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """`steps` numbers from start to end, both included."""
    return _spaced(xp, start, end, steps, dtype, default_name(dtype))


@linspace.rule
def _(start, end, steps, dtype, device):
    return _spaced_fact("linspace", start, end, steps, dtype, device)


@op("torch.logspace", accepts=["logspace(0, 2, 5)", "logspace(0, 3, 4, 2.0)"],
    rejects={"logspace(0, 1, -3)": "number of steps must be non-negative"})  # fmt: skip
def logspace(
    xp,
    start: TensorOrNum,
    end: TensorOrNum,
    steps: Int,
    base: Num = 10.0,
    *,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Powers of `base`, their exponents evenly spaced from start to end."""
    return xp.power(float(base), _spaced(xp, start, end, steps, dtype, "float64")).astype(default_name(dtype))


@logspace.rule
def _(start, end, steps, dtype, device):
    return _spaced_fact("logspace", start, end, steps, dtype, device)


# --- indices of triangles --------------------------------------------------------------------------------------------


def _triangle_fact(row, col, offset, dtype, device, lower: bool):
    for name, size in (("row", row), ("col", col)):
        require(ge(size, 0), f"{name} must be non-negative, got" + "{}", size)
    count: Size = UNKNOWN
    if all(isinstance(v, int) for v in (row, col, offset)):
        count = (
            sum(min(max(r + offset + 1, 0), col) for r in range(row))
            if lower
            else sum(col - min(max(r + offset, 0), col) for r in range(row))
        )
    return made((2, count), chosen(dtype, int64), device)


@op("torch.tril_indices", accepts=["tril_indices(3, 3)", "tril_indices(4, 2, -1)", "tril_indices(2, 5, offset=2)"],
    rejects={"tril_indices(-3, 3)": "row must be non-negative, got-3"})  # fmt: skip
def tril_indices(
    xp,
    row: Int,
    col: Int,
    offset: Int = 0,
    *,
    dtype: OptDtype = None,
    device: OptDevice = None,
    layout: Any = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Row and column numbers of the lower triangle, (2, n) int64."""
    return xp.stack(xp.tril_indices(row, offset, col)).astype(np_name(dtype or int64))


@tril_indices.rule
def _(row, col, offset, dtype, device):
    return _triangle_fact(row, col, offset, dtype, device, lower=True)


@op("torch.triu_indices", accepts=["triu_indices(3, 3)", "triu_indices(4, 2, -1)", "triu_indices(2, 5, offset=2)"])
def triu_indices(
    xp,
    row: Int,
    col: Int,
    offset: Int = 0,
    *,
    dtype: OptDtype = None,
    device: OptDevice = None,
    layout: Any = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Row and column numbers of the upper triangle, (2, n) int64."""
    return xp.stack(xp.triu_indices(row, offset, col)).astype(np_name(dtype or int64))


@triu_indices.rule
def _(row, col, offset, dtype, device):
    return _triangle_fact(row, col, offset, dtype, device, lower=False)


# --- windows ---------------------------------------------------------------------------------------------------------


def _window_fact(name: str):
    def rule(window_length, dtype, device):
        found = chosen(dtype, defaults.dtype)
        if found is not None and found.category < 2:
            raise Refused(f"{name} expects floating point dtypes, got: TensorOptions(dtype=")
        require(
            ge(window_length, 0),
            f"{name} requires non-negative window_length, got window_length=" + "{}",
            window_length,
        )
        return made((window_length,), found, device)

    return rule


def _window(xp, length, periodic, dtype, shape):
    if length <= 1:
        return xp.ones(length, default_name(dtype))
    angles = xp.arange(length, dtype="float64") * (2 * pi / (length if periodic else length - 1))
    return shape(xp, angles).astype(default_name(dtype))


@op("torch.hann_window", accepts=["hann_window(5)", "hann_window(6, periodic=False)"])
def hann_window(xp, window_length: Int, periodic: Bool = True, *, dtype: OptDtype = None, layout: Any = None,
                device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Hann's window."""
    return _window(xp, window_length, periodic, dtype, lambda xp, x: 0.5 - 0.5 * xp.cos(x))


@op("torch.hamming_window", accepts=["hamming_window(5)", "hamming_window(6, periodic=False)"])
def hamming_window(
    xp,
    window_length: Int,
    periodic: Bool = True,
    alpha: Num = 0.54,
    beta: Num = 0.46,
    *,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Hamming's window."""
    return _window(xp, window_length, periodic, dtype, lambda xp, x: alpha - beta * xp.cos(x))


@op("torch.blackman_window", accepts=["blackman_window(5)", "blackman_window(6, periodic=False)"])
def blackman_window(xp, window_length: Int, periodic: Bool = True, *, dtype: OptDtype = None, layout: Any = None,
                    device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Blackman's window."""
    return _window(xp, window_length, periodic, dtype, lambda xp, x: 0.42 - 0.5 * xp.cos(x) + 0.08 * xp.cos(2 * x))


@op("torch.bartlett_window", accepts=["bartlett_window(5)", "bartlett_window(6, periodic=False)"])
def bartlett_window(xp, window_length: Int, periodic: Bool = True, *, dtype: OptDtype = None, layout: Any = None,
                    device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Bartlett's triangle."""
    return _window(xp, window_length, periodic, dtype, lambda xp, x: 1 - xp.abs(x / pi - 1))


hann_window.rule(_window_fact("hann_window"))
hamming_window.rule(_window_fact("hamming_window"))
blackman_window.rule(_window_fact("blackman_window"))
bartlett_window.rule(_window_fact("bartlett_window"))
