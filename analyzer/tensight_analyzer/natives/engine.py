"""The engine under torch, as the abstract domain sees it.

Operators are the table's, layers and optimizers are source.  What is left is what touches the engine itself: tensors'
own methods, gradients, modes, devices, saving, random state.  Nothing here knows an operator, a layer or an optimizer.
"""

from __future__ import annotations

from tensight_runtime.spec import dtype as dtypes
from tensight_runtime.spec.device import Device, parse_device
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.size import Expr
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp.values import (
    MISSING,
    Instance,
    ListValue,
    Native,
    TensorValue,
    Unknown,
)

# -- classes -------------------------------------------------------------------------------------------------------------


def make_tensor(m, args, kwargs, at):
    """`torch.Tensor(...)`: sizes, or data; the default dtype."""
    if len(args) == 1 and isinstance(m.resolve(args[0]), (ListValue, tuple)):
        ops = m.table.lookup("torch.tensor")
        from tensight_analyzer.interp.values import OpFunction

        return m.call(OpFunction("torch.tensor", ops), args, {"dtype": dtypes.defaults.dtype}, at)
    sizes = tuple(m.domain.operand(a) for a in args)
    if all(isinstance(s, (int, Expr, UnknownSize)) for s in sizes):
        return m.domain.make(Fact(dtypes.defaults.dtype, sizes if sizes else (0,)))
    if len(sizes) == 1 and isinstance(sizes[0], TensorValue):
        return sizes[0]
    return m.domain.make(Fact(dtypes.defaults.dtype, None))


def typed_tensor(dtype):
    """`torch.LongTensor(...)`."""

    def call(m, args, kwargs, at):
        made = make_tensor(m, args, kwargs, at)
        fact = made.fact
        return m.domain.make(Fact(dtype, fact.dims, fact.device))

    return call


def make_parameter(m, args, kwargs, at):
    data = m.resolve(args[0] if args else kwargs.get("data", MISSING))
    requires = args[1] if len(args) > 1 else kwargs.get("requires_grad", True)
    fact = m.domain.fact(data) if isinstance(data, TensorValue) else Fact(None, None, None)
    if data is MISSING or data is None:
        fact = Fact(dtypes.defaults.dtype, (0,))
    flag = requires if isinstance(requires, bool) else None
    storage = data.fields.get("storage", MISSING) if isinstance(data, TensorValue) else MISSING
    made = m.domain.make(Fact(fact.dtype, fact.dims, fact.device, flag, True, fact.contiguous), storage,
                         m.project.parameter_class)  # fmt: skip
    made.fields["made at"] = at
    return made


def make_buffer(m, args, kwargs, at):
    data = m.resolve(args[0])
    fact = m.domain.fact(data) if isinstance(data, TensorValue) else Fact(None, None, None)
    return m.domain.make(fact.with_grad(False, True), cls=m.project.buffer_class)


def make_device(m, args, kwargs, at):
    value = m.resolve(args[0] if args else kwargs.get("type"))
    index = m.resolve(args[1] if len(args) > 1 else kwargs.get("index"))
    try:
        if isinstance(value, (str, int, Device)):
            device = parse_device(value)
            return Device(device.type, index) if isinstance(index, int) else device
    except (Refused, RuntimeError, TypeError) as error:
        return m.fail("RuntimeError", str(error))
    return Unknown("a device that depends on the run")


# -- functions of torch that are no operators -----------------------------------------------------------------------------


def grad(m, args, kwargs, at):
    """`torch.autograd.grad`: one gradient for each input."""
    names = ("outputs", "inputs", "grad_outputs", "retain_graph", "create_graph")
    bound = dict(zip(names, args, strict=False)) | kwargs
    inputs = m.resolve(bound.get("inputs"))
    plan = (inputs,) if isinstance(inputs, TensorValue) else m.iterate(inputs)
    create = m.resolve(bound.get("create_graph", False))
    outputs = m.resolve(bound.get("outputs"))
    roots = (outputs,) if isinstance(outputs, TensorValue) else m.iterate(outputs)
    retain = m.resolve(bound.get("retain_graph"))
    for root in roots if isinstance(roots, tuple) else ():
        if isinstance(root, TensorValue) and m.domain.start_backward(root, m.resolve(bound.get("grad_outputs")), at):
            m.domain.walk(root, retain is True or create is True, at)
    made = []
    for one in plan if isinstance(plan, tuple) else ():
        one = m.resolve(one)
        if not isinstance(one, TensorValue):
            made.append(Unknown("a gradient"))
            continue
        fact = m.domain.fact(one)
        requires = {True: None, False: False}.get(create) if isinstance(create, bool) else None
        made.append(
            m.domain.make(Fact(fact.dtype, fact.dims, fact.device, requires, None if requires is None else True))
        )
    if not isinstance(plan, tuple):
        return Unknown("gradients of unknown inputs", tuple)
    return tuple(made)


def autograd_backward(m, args, kwargs, at):
    roots = m.resolve(args[0] if args else kwargs.get("tensors"))
    for root in (roots,) if isinstance(roots, TensorValue) else m.iterate(roots):
        if isinstance(root, TensorValue):
            m.domain.backward(
                root, kwargs.get("grad_tensors"), kwargs.get("retain_graph"), kwargs.get("create_graph"), at
            )


def set_grad(m, args, kwargs, at):
    flag = m.resolve(args[0])
    m.trail.set(m.state, "grad", flag if isinstance(flag, bool) else None)


def is_grad(m, args, kwargs, at):
    mode = m.state["grad"]
    return Unknown("the grad mode", bool) if mode is None else mode


def is_inference(m, args, kwargs, at):
    mode = m.state["inference"]
    return Unknown("the inference mode", bool) if mode is None else mode


def set_inference(m, args, kwargs, at):
    flag = m.resolve(args[0])
    m.trail.set(m.state, "inference", flag if isinstance(flag, bool) else None)
    if flag is True:
        m.trail.set(m.state, "grad", False)


def is_tensor(m, args, kwargs, at):
    return m.isinstance_of(args[0], m.project.tensor_class)


def set_default_dtype(m, args, kwargs, at):
    dtype = m.resolve(args[0])
    dtypes.defaults.dtype = dtype if isinstance(dtype, dtypes.DType) else None


def is_available(m, args, kwargs, at):
    return Unknown("depends on the machine", bool)


def load(m, args, kwargs, at):
    m.uncertain += 1
    return Unknown("read from a file")


def save(m, args, kwargs, at):
    return None


def transparent(m, args, kwargs, at):
    """A decorator or wrapper that leaves what it wraps as it is."""
    if args:
        return args[0]
    return Native("decorator", lambda m, args, kwargs, at: args[0])


def functional_jacobian(m, args, kwargs, at):
    """jacobian(f, x): the output's dims followed by the input's."""
    function, inputs = args[0], m.resolve(args[1])
    if not isinstance(inputs, TensorValue):
        return Unknown("a jacobian of several inputs")
    x = m.domain.fact(inputs)
    made = m.call(function, (m.domain.make(x.with_grad(True, False)),), {}, at)
    if isinstance(made, TensorValue) and made.fact.dims is not None and x.dims is not None:
        return m.domain.make(Fact(x.dtype, m.domain.fact(made).dims + x.dims, x.device))
    return Unknown("a jacobian")


def functional_hessian(m, args, kwargs, at):
    inputs = m.resolve(args[1])
    if not isinstance(inputs, TensorValue):
        return Unknown("a hessian of several inputs")
    x = m.domain.fact(inputs)
    m.call(args[0], (m.domain.make(x.with_grad(True, False)),), {}, at)
    return m.domain.make(Fact(x.dtype, x.dims + x.dims if x.dims is not None else None, x.device))


def finfo(m, args, kwargs, at):
    dtype = m.resolve(args[0]) if args else dtypes.defaults.dtype
    fields = m.trail.names()
    known = {"bits": getattr(dtype, "bits", None)}
    for name in ("eps", "max", "min", "tiny", "smallest_normal", "resolution"):
        fields[name] = Unknown(f"{name} of a dtype", float)
    fields.update({k: v for k, v in known.items() if v is not None})
    return Instance(fields, m.types["object"])


def iinfo(m, args, kwargs, at):
    dtype = m.resolve(args[0])
    fields = m.trail.names()
    bits = getattr(dtype, "bits", 64)
    signed = getattr(dtype, "signed", True)
    fields.update(bits=bits, max=(1 << (bits - signed)) - 1, min=-(1 << (bits - 1)) if signed else 0)
    return Instance(fields, m.types["object"])


def nothing(m, args, kwargs, at):
    return None


def unknown_of(kind: type | None, why: str = "depends on the machine"):
    return lambda m, args, kwargs, at: m.fresh_int("n", 0) if kind is int else Unknown(why, kind)


def make_generator(m, args, kwargs, at):
    fields = m.trail.names()
    made = Instance(fields, m.types["object"])
    for name in ("manual_seed", "set_state"):
        fields[name] = Native(name, lambda m, args, kwargs, at: made)
    for name in ("seed", "initial_seed"):
        fields[name] = Native(name, unknown_of(int))
    fields["get_state"] = Native("get_state", lambda m, args, kwargs, at: m.domain.make(Fact(dtypes.uint8, (5056,))))
    return made


def rng_state(m, args, kwargs, at):
    return m.domain.make(Fact(dtypes.uint8, (5056,)))


FUNCTIONS = {
    "torch": {
        "is_tensor": is_tensor, "is_grad_enabled": is_grad, "set_default_dtype": set_default_dtype,
        "get_default_dtype": lambda m, a, k, at: dtypes.defaults.dtype or Unknown("the default dtype"),
        "set_default_device": nothing, "manual_seed": make_generator, "seed": unknown_of(int), "initial_seed": unknown_of(int),
        "get_rng_state": rng_state, "set_rng_state": nothing, "save": save, "load": load, "compile": transparent,
        "set_printoptions": nothing, "use_deterministic_algorithms": nothing, "set_num_threads": nothing,
        "set_float32_matmul_precision": nothing, "get_num_threads": unknown_of(int), "finfo": finfo, "iinfo": iinfo,
        "Generator": make_generator, "set_default_tensor_type": nothing, "is_inference_mode_enabled": is_inference,
        "typename": unknown_of(str), "is_deterministic_algorithms_enabled": unknown_of(bool),
    },
    "torch.autograd": {"grad": grad, "backward": autograd_backward},
    "torch.autograd.functional": {"jacobian": functional_jacobian, "hessian": functional_hessian},
    "torch.cuda": {
        "is_available": is_available, "device_count": unknown_of(int), "manual_seed": nothing, "manual_seed_all": nothing,
        "empty_cache": nothing, "synchronize": nothing, "set_device": nothing, "current_device": unknown_of(int),
        "max_memory_allocated": unknown_of(int), "memory_allocated": unknown_of(int), "get_device_name": unknown_of(str),
        "reset_peak_memory_stats": nothing, "is_bf16_supported": is_available,
    },
    "torch.backends.mps": {"is_available": is_available, "is_built": is_available},
    "torch.mps": {"is_available": is_available, "empty_cache": nothing, "manual_seed": nothing},
    "torch.accelerator": {"is_available": is_available,
                          "current_accelerator": unknown_of(None, "depends on the machine")},
    "torch.xpu": {"is_available": is_available},
    "torch.jit": {"script": transparent, "trace": transparent, "ignore": transparent, "export": transparent,
                  "is_scripting": lambda m, a, k, at: False, "is_tracing": lambda m, a, k, at: False,
                  "unused": transparent, "script_method": transparent},
    "torch.random": {"manual_seed": make_generator, "get_rng_state": rng_state, "set_rng_state": nothing,
                     "seed": unknown_of(int)},
    "torch.compiler": {"disable": transparent, "is_compiling": lambda m, a, k, at: False},
    "torch.distributed": {"is_available": is_available, "is_initialized": lambda m, a, k, at: False},
    "torch.backends": {}, "torch.backends.cudnn": {}, "torch.backends.cuda": {}, "torch.version": {}, "torch.fx": {
        "wrap": transparent},
    "torch.multiprocessing": {}, "torch.testing": {"assert_close": nothing}, "torch.types": {}, "torch.hub": {},
    "torch.profiler": {}, "torch.onnx": {}, "torch.overrides": {}, "torch.library": {}, "torch._dynamo": {"disable": transparent},
}  # fmt: skip
ENGINE = {
    "_set_grad_enabled": set_grad, "is_grad_enabled": is_grad, "_set_inference_mode": set_inference,
    "is_inference_mode_enabled": is_inference, "set_default_dtype": set_default_dtype, "grad": grad,
    "backward": autograd_backward,
}  # fmt: skip
LAZY = {
    "no_grad": "modes", "enable_grad": "modes", "set_grad_enabled": "modes", "inference_mode": "modes",
}  # fmt: skip
CONSTANTS = {
    "inf": float("inf"), "nan": float("nan"), "pi": 3.141592653589793, "e": 2.718281828459045, "newaxis": None,
    "__version__": "2.13.0",
}  # fmt: skip
TYPED = {
    "FloatTensor": dtypes.float32, "DoubleTensor": dtypes.float64, "HalfTensor": dtypes.float16, "LongTensor": dtypes.int64,
    "IntTensor": dtypes.int32, "ShortTensor": dtypes.int16, "ByteTensor": dtypes.uint8, "CharTensor": dtypes.int8,
    "BoolTensor": dtypes.bool_, "BFloat16Tensor": dtypes.bfloat16,
}  # fmt: skip


def name_in(public: str, name: str, machine) -> object | None:
    """A name of the engine in torch's module `public`; None if the engine has none of that name."""
    functions = FUNCTIONS.get(public)
    if functions is not None and name in functions:
        return Native(f"{public}.{name}", functions[name])
    if public == "torch" or public.startswith("torch.engine"):
        if name in LAZY and public != f"torch.engine.{LAZY[name]}":
            return machine.import_from("tensight_runtime.engine." + LAZY[name], name, None)
    if public in ("torch", "torch.engine.tensor", "torch.types"):
        classes = {"Tensor": machine.project.tensor_class, "Parameter": machine.project.parameter_class,
                   "Buffer": machine.project.buffer_class}  # fmt: skip
        if name in classes:
            return classes[name]
    if public == "torch":
        if name in dtypes.BY_NAME:
            return dtypes.BY_NAME[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in TYPED:
            return Native(f"torch.{name}", typed_tensor(TYPED[name]))
        if name == "device":
            return machine.types["device"]
        if name == "dtype":
            return machine.types["dtype"]
        if name == "Size":
            return machine.types["tuple"]
        if name in ("strided", "contiguous_format", "channels_last", "preserve_format", "sparse_coo"):
            return Unknown(f"torch.{name}", None, name)
    if public == "torch.autograd" and name in ("no_grad", "enable_grad", "set_grad_enabled", "inference_mode"):
        return name_in("torch", name, machine)
    if public == "torch.autograd" and name == "Variable":
        return Native("Variable", lambda m, args, kwargs, at: args[0])
    if public.startswith("torch.engine") and name in ENGINE:
        return Native(name, ENGINE[name])
    return None


def module_contents(name: str, machine) -> dict | None:
    """The globals a natively modelled module of torch starts with."""
    machine.types["device"].new = make_device
    return {"__name__": name}
