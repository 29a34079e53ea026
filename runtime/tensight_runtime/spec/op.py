"""The operator record: one declaration that the runtime executes, the analyzer infers with, and docs and tests read.

    @op("torch.matmul", "Tensor.matmul", "Tensor.__matmul__",
        shape="... m k, ... k n -> ... m n",
        accepts=["matmul(f32[2, 3], f32[3, 5])"],
        rejects={"matmul(f32[2, 3], f32[4, 5])": "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"})
    def matmul(xp, input: Tensor, other: Tensor):
        '''Matrix product.  Leading axes broadcast.'''
        return xp.matmul(input, other)

    @matmul.vjp("input")                # the parameter names are what is saved for backward
    def _(g, other):
        return g @ other.mT

The decorated function is the kernel: after `xp` (NumPy or CuPy; then `rng`, a `torch.Generator`, where `random=`) its
parameters are torch's signature, annotated with argument kinds (`spec.kind`); tensors arrive as arrays.  The body of a
`composite=True` operator is written in other operators: it has no `xp` and receives tensors.  Rules (`shape=`,
`dtype=`, `@x.rule`) and derivatives name the parameters they need, in any order; a derivative may also name `out` (the
result; with several results, `outs`' names), `<param>_shape`, `<param>_dtype` (not saved), or one of `extras` (values
the kernel returns after its results).  What it names and does not use is there because torch saves it.
Overloads of one public name are separate operators that share the name; the first whose kinds admit the arguments wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tensight_runtime.spec import kind as kinds
from tensight_runtime.spec.device import CPU, Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Kind, TensorLike
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.selected import Selected, Vjp

REQUIRED: Final = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()


class Param:
    """One parameter of an operator's signature."""

    __slots__ = ("default", "keyword_only", "kind", "name")

    def __init__(self, name: str, kind: Kind, default: object, keyword_only: bool):
        self.name, self.kind, self.default, self.keyword_only = name, kind, default, keyword_only

    def __repr__(self) -> str:
        default = "" if self.default is REQUIRED else f"={self.default!r}"
        return f"{self.kind} {self.name}{default}"


class Op:
    """An operator.  Made by `op(...)`; the fields are those of the declaration."""

    def __init__(self, kernel: Callable, names: tuple[str, ...], **fields):
        self.kernel = kernel
        self.names = names
        self.overload: str = fields.pop("overload")
        self.base_name: str = kernel.__name__.rstrip("_") if not fields.get("name") else fields["name"]
        fields.pop("name")
        self.doc: str = kernel.__doc__ or ""
        self.params: tuple[Param, ...] = _params(kernel, 0 if fields["composite"] else 2 if fields["random"] else 1)
        self.index: dict[str, int] = {p.name: i for i, p in enumerate(self.params)}
        self.defaults: tuple = tuple(p.default for p in self.params)
        self.positional: int = sum(not p.keyword_only for p in self.params)
        self.alias = fields.pop("alias")
        self.mutates = fields.pop("mutates")
        self.random = fields.pop("random")
        self.outs: tuple[str, ...] = fields.pop("outs")
        self.extras: tuple[str, ...] = fields.pop("extras")
        self.composite: bool = fields.pop("composite")
        self.inplace: bool = fields.pop("inplace")
        self.interval = fields.pop("interval")
        self.autocast: str = fields.pop("autocast")
        self.syncs: bool = fields.pop("syncs")
        self.cost = fields.pop("cost")
        self.accepts: tuple[str, ...] = tuple(fields.pop("accepts"))
        self.rejects: dict[str, str] = dict(fields.pop("rejects"))
        self.varargs: str = fields.pop("varargs")
        self.any_device: bool = fields.pop("any_device")
        self.in_order: bool = fields.pop("in_order")
        self.returns: str = fields.pop("returns")
        self.grad_name: str | Callable = fields.pop("grad_name") or _camel(self.base_name) + "Backward0"
        self._shape = fields.pop("shape")
        self._dtype = fields.pop("dtype")
        self.vjps: dict[str, Vjp] = {}
        self._rule: Callable | None = None
        self._compiled: tuple | None = None
        assert not fields, f"unknown fields {list(fields)}"

    # -- declaration ------------------------------------------------------------------------------------------------

    def rule(self, fn: Callable) -> Callable:
        """The whole rule in one function: facts in, a fact (or a tuple of facts) out."""
        self._rule = fn
        return fn

    def vjp(self, *inputs: str) -> Callable[[Callable], Callable]:
        """Declare the derivative with respect to one input, or to several at once (a tuple comes back)."""

        def declare(fn: Callable) -> Callable:
            derivative = Vjp(fn, inputs)
            for name in inputs:
                if name not in self.index:
                    raise TypeError(f"{self.name} has no input {name!r}")
                self.vjps[name] = derivative
            return fn

        return declare

    @property
    def name(self) -> str:
        """Unique: `max.dim` is an overload of `max`."""
        return f"{self.base_name}.{self.overload}" if self.overload else self.base_name

    def node_name(self, values: Sequence) -> str:
        """torch's name of the node these bound arguments get."""
        name = self.grad_name
        return name if isinstance(name, str) else Selected(name, self.index)(values)

    @property
    def differentiable(self) -> bool:
        return bool(self.vjps) or self.composite

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Apply to tensors: each domain's tensors know how (`TensorLike.dispatch`)."""
        for value in (*args, *kwargs.values()):
            for item in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(item, TensorLike):
                    return item.dispatch(self, args, kwargs)
        raise TypeError(f"{self.base_name}(): no tensor among the arguments")

    # -- binding ----------------------------------------------------------------------------------------------------

    def bind(self, args: Sequence, kwargs: dict[str, object]) -> list | None:
        """The arguments in the order of `params`, defaults filled in; None if they do not fit this signature.

        A `varargs` parameter (`view(2, 3)`) gathers the positional arguments from its place on, unless one sequence
        stands there.
        """
        if self.varargs and len(args) > (at := self.index[self.varargs]):
            spread = args[at:]
            if len(spread) > 1 or True in (kinds.Int.admits(spread[0]), kinds.Tensor.admits(spread[0])):
                args = [*args[:at], tuple(spread)]
        if len(args) > self.positional:
            return None
        values = [*args, *self.defaults[len(args) :]]
        for name, value in kwargs.items():
            at = self.index.get(name, -1)
            if at < 0:
                at = self.index.get(_ALIASES.get(name, ""), -1)
            if at < len(args):
                return None
            values[at] = value
        for value in values:
            if value is REQUIRED:
                return None
        return values

    def admits(self, values: Sequence) -> bool | None:
        """Do the kinds fit?  None: an unknown value leaves it open."""
        answer: bool | None = True
        for param, value in zip(self.params, values, strict=True):
            if value is param.default:
                continue
            fits = param.kind.admits(value)
            if fits is False:
                return False
            if fits is None:
                answer = None
        return answer

    # -- inference --------------------------------------------------------------------------------------------------

    def infer(self, values: Sequence) -> Fact | tuple[Fact, ...] | list[Fact] | None:
        """The results' facts.  `values` are bound arguments with facts for tensors.

        Raises `Refused` for a broken requirement; undecided ones go to `require.collecting()`.  A list instead of a
        tuple means: at least these results; None: an unknown number of results.  A size or dtype nobody knows is
        unknown in the result.  Grad and leaf are not the rule's business.
        """
        shape, dtype, rule = self._compiled or self._compile()
        device = CPU if self.any_device else self._common_device(values)
        if rule is not None:
            try:
                found = rule(values)
            except RankUnknown:
                return self._unknown_result(values, dtype, device)
            if not self.in_order:
                for fact in found if isinstance(found, (tuple, list)) else (found,):
                    fact.contiguous = fact.contiguous and None
            return found
        dtypes = dtype(values)
        try:
            dims = shape(values)
        except RankUnknown:
            return self._unknown_result(values, dtype, device)
        if isinstance(dims, Fact):
            dims = dims.dims
        in_order = self._contiguous(values)
        if not self.outs:
            if isinstance(dims, list):
                return [Fact(dtypes, tuple(d), device, contiguous=in_order) for d in dims]
            return Fact(dtypes, dims, device, contiguous=in_order)
        many = dims if isinstance(dims, list) else [dims] * len(self.outs)
        each = dtypes if isinstance(dtypes, (tuple, list)) else [dtypes] * len(self.outs)
        return tuple(Fact(t, tuple(d), device, contiguous=in_order) for t, d in zip(each, many, strict=True))

    def _compile(self) -> tuple:
        shape = self._shape
        if isinstance(shape, str):
            from tensight_runtime.spec.shape import compile_pattern

            shape = compile_pattern(shape, self)
        elif hasattr(shape, "of_op"):
            shape = shape.of_op(self)
        elif shape is not None:
            shape = Selected(shape, self.index)
        dtype = self._dtype
        if isinstance(dtype, DType):
            constant = dtype
            dtype = lambda values: constant
        elif hasattr(dtype, "of_op"):
            dtype = dtype.of_op(self)
        elif dtype is not None:
            dtype = Selected(dtype, self.index)
        rule = Selected(self._rule, self.index) if self._rule else None
        if rule is None and (shape is None or dtype is None):
            raise TypeError(f"operator {self.name} declares no {'shape' if shape is None else 'dtype'} rule")
        self._compiled = shape, dtype, rule
        return self._compiled

    @property
    def compute_dtype(self) -> Callable[[Sequence], DType | None] | None:
        """The dtype the engine casts tensor operands to before the kernel runs; None: they are passed as they are."""
        dtype = self._dtype
        return dtype.compute_of(self) if hasattr(dtype, "compute_of") else None

    def _unknown_result(self, values: Sequence, dtype: Callable | None, device: Device | None):
        dtypes = dtype(values) if dtype is not None else None
        if not self.outs:
            return Fact(None if isinstance(dtypes, (tuple, list)) else dtypes, None, device, contiguous=None)
        each = dtypes if isinstance(dtypes, (tuple, list)) else [dtypes] * len(self.outs)
        return tuple(Fact(t, None, device, contiguous=None) for t in each)

    def _common_device(self, values: Sequence) -> Device | None:
        """One device for all tensors (0-dim CPU tensors may go anywhere), in torch's words if there are two."""
        found: Device | None = CPU
        seen = False
        small: Device | None = None
        for fact in self.tensors(values):
            fact = fact.fact
            device = fact.device
            if device is None:
                return None
            if fact.dims == () and device == CPU:
                small = small or device
                continue
            if not seen:
                found, seen = device, True
            elif device != found:
                if fact.dims is None and device == CPU:
                    continue  # may be 0-dim
                raise Refused(
                    "Expected all tensors to be on the same device, but found at least two devices, "
                    f"{found} and {device}!"
                )
        return found if seen or small is None else small

    def _contiguous(self, values: Sequence) -> bool | None:
        """A new result may lie in memory as its operands do: it is row-major for sure only if they are."""
        return True if self.in_order and all(t.fact.contiguous is True for t in self.tensors(values)) else None

    def tensors(self, values: Sequence) -> Iterable[TensorLike]:
        """The tensors among bound arguments, in order."""
        for param, value in zip(self.params, values, strict=True):
            if not param.kind.holds or value is None:
                continue
            if isinstance(value, TensorLike):
                yield value
            elif isinstance(value, (list, tuple)):
                for item in value:
                    if isinstance(item, TensorLike):
                        yield item


def op(
    *names: str,
    shape: str | Callable | None = None,
    dtype: DType | Callable | object | None = None,
    overload: str = "",
    name: str = "",
    alias: str | Callable = "new",
    mutates: tuple[str, ...] | Callable = (),
    random: bool | Callable = False,
    outs: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
    composite: bool = False,
    inplace: bool = False,
    interval: Callable | None = None,
    autocast: str = "none",
    syncs: bool = False,
    cost: Callable | None = None,
    accepts: Sequence[str] = (),
    rejects: dict[str, str] | Sequence[str] = (),
    varargs: str = "",
    any_device: bool = False,
    in_order: bool = True,
    returns: str = "tensor",
    grad_name: str | Callable = "",
) -> Callable[[Callable], Op]:
    """Declare an operator.

    names      public names: "torch.sum", "Tensor.sum", "torch.nn.functional.relu"
    shape      a pattern, or a function of named arguments (facts for tensors) giving dims; a list of dims for
               several results
    dtype      a DType, a rule of `spec.promote`, or a function of named arguments
    alias      "new", "view" (of the first tensor), "multi_view", "same:<param>" (the object itself), "maybe" (a view or
               new), or a function of named arguments giving one of these
    mutates    names of the parameters it writes to (a name with a "~" in front: without a version bump), or a function
    random     draws from the default generator (True, or a function of named arguments)
    outs       field names of a result tuple
    extras     values the kernel returns after its results, kept for backward
    composite  the body is written in other operators and receives tensors, `xp` is None; only the rule is needed
               besides
    inplace    also exists as `Tensor.<name>_`, derived
    interval   bounds of an integer result's values, a function of named arguments giving (low, high)
    autocast   "lower", "fp32", "promote" or "none": the operator's class under torch.autocast
    syncs      reads values on the host (item, nonzero)
    accepts    sample calls, `"sum(f32[2, 3], dim=1)"`;  rejects: sample call -> first words of torch's message
    varargs    the parameter that may be spread over the call
    any_device operands may lie on different devices
    in_order   the results of row-major operands are row-major
    returns    "tensor", "list" or "tuple" (of tensors, their number as the rule says; with `outs`, a tuple without
               names), or the kind of a host result, which the rule returns as it is: "int" (a size), "size" (a tuple of
               sizes), "bool", "scalar" (item), "host" (anything)
    grad_name  of the node: "AddBackward0"; made from the name if left out; or a function of named arguments
    """
    fields = dict(locals())
    fields.pop("names")

    def declare(kernel: Callable) -> Op:
        return Op(kernel, names, **fields)

    return declare


class InPlace:
    """`Tensor.add_`, derived from `add`: compute out of place, then write into the first operand.

    Where the base gives a view (`t_`, `squeeze_`) nothing is written: the operand itself takes the view's shape, which
    is what `reshapes` says.
    """

    def __init__(self, base: Op):
        self.base = base
        self.name = base.name + "_"
        self.params = base.params
        self.reshapes: bool = base.alias == "view"

    def check(self, target: Fact, result: Fact) -> None:
        """`target` is what is written to, `result` what the base operator would return.

        Raises in torch's words if the result has another shape or does not fit the target's dtype.
        """
        if self.reshapes:
            return
        if result.dims is not None and target.dims is not None:
            same = len(result.dims) == len(target.dims)
            message = "output with shape {} doesn't match the broadcast shape {}"
            require(same, message, target.dims, result.dims)
            from tensight_runtime.spec.cond import eq

            for have, want in zip(target.dims, result.dims, strict=True):
                require(eq(have, want), message, target.dims, result.dims)
        if result.dtype and target.dtype and result.dtype.category < target.dtype.category == 3:
            raise Refused(f"In-place {self.base.name} is not supported for complex tensors.")
        if result.dtype and target.dtype and result.dtype.category > target.dtype.category:
            raise Refused(
                f"result type {scalar_name(result.dtype)} can't be cast to the desired output type "
                f"{scalar_name(target.dtype)}"
            )

    def __repr__(self) -> str:
        return f"<op {self.name}>"


_SCALAR_NAMES: Final = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double",
    "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip


def scalar_name(dtype: DType) -> str:
    """torch's C++ name of a dtype, as its messages have it: Float, Long, ..."""
    return _SCALAR_NAMES[dtype.name]


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


# other spellings that torch accepts: NumPy's, and those of functions written in Python
_ALIASES: Final = {
    "axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other", "tensor": "input",
    "split_size_or_sections": "split_size",
}  # fmt: skip


def _params(kernel: Callable, skip: int) -> tuple[Param, ...]:
    code = kernel.__code__
    names = code.co_varnames[skip : code.co_argcount + code.co_kwonlyargcount]
    annotations = kernel.__annotations__
    defaults = dict(zip(names[: code.co_argcount - skip][::-1], (kernel.__defaults__ or ())[::-1], strict=False))
    defaults |= kernel.__kwdefaults__ or {}
    params = []
    for i, name in enumerate(names):
        kind = annotations.get(name)
        if isinstance(kind, str):  # `from __future__ import annotations`
            raise TypeError(f"{kernel.__qualname__}: operator files do without `from __future__ import annotations`")
        if not isinstance(kind, Kind):
            raise TypeError(f"{kernel.__qualname__}: parameter {name} needs a kind of spec.kind as its annotation")
        params.append(Param(name, kind, defaults.get(name, REQUIRED), i >= code.co_argcount - skip))
    return tuple(params)
