"""Methods of tensors that are no operators: they touch the engine itself."""

from __future__ import annotations

from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.interp.values import (
    MISSING,
    Bound,
    DictValue,
    Instance,
    ListValue,
    Seq,
    TensorValue,
    Unknown,
)

# attributes that nothing but a tensor has: reading one makes an unknown value a tensor
TENSOR_ONLY = frozenset(
    "view permute unsqueeze contiguous detach cuda requires_grad_ requires_grad backward unbind masked_fill gather scatter_ "
    "view_as expand expand_as is_cuda grad_fn index_select masked_select narrow bmm matmul softmax log_softmax sigmoid relu "
    "new_zeros new_ones new_full new_tensor type_as numel unfold chunk topk".split()
)  # fmt: skip


# -- methods of tensors that are no operators -----------------------------------------------------------------------------


def backward(m, args, kwargs, at):
    root, *rest = (m.resolve(a) for a in args)
    gradient = rest[0] if rest else m.resolve(kwargs.get("gradient"))
    retain = rest[1] if len(rest) > 1 else m.resolve(kwargs.get("retain_graph"))
    create = rest[2] if len(rest) > 2 else m.resolve(kwargs.get("create_graph", False))
    if isinstance(root, TensorValue):
        m.domain.backward(root, gradient, retain, create, at)


def requires_grad_(m, args, kwargs, at):
    tensor = m.resolve(args[0])
    flag = m.resolve(args[1] if len(args) > 1 else kwargs.get("requires_grad", True))
    fact = tensor.fact
    if flag is True and fact.is_leaf is not False:
        m.domain.set_fact(tensor, fact.with_grad(True, True))
    elif flag is False and fact.is_leaf is not False:
        m.domain.set_fact(tensor, fact.with_grad(False, True))
    elif not isinstance(flag, bool):
        m.domain.set_fact(tensor, fact.with_grad(None, fact.is_leaf))
    return tensor


def retain_grad(m, args, kwargs, at):
    tensor = m.resolve(args[0])
    node = tensor.fields.get("node")
    if node is not None:
        m.trail.set(m.state, "retained", True)
        m.trail.set(node.fields, "retain", tensor)


def detach_(m, args, kwargs, at):
    tensor = m.resolve(args[0])
    m.domain.set_fact(tensor, tensor.fact.with_grad(False, True))
    m.trail.set(tensor.fields, "node", None)
    return tensor


def to_numpy(m, args, kwargs, at):
    tensor = m.resolve(args[0])
    force = m.resolve(kwargs.get("force", False))
    if tensor.fact.requires_grad is True and force is not True:
        message = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        m.domain.complain(GradEvent("numpy", tensor, message, at))
    unknown = Unknown("a NumPy array", None, "array")
    m.trail.set(unknown.fields, ("array of"), tensor.fact)
    return unknown


def tolist(m, args, kwargs, at):
    """Nested lists of numbers whose lengths are the tensor's dims."""
    tensor = m.resolve(args[0])
    fact = m.domain.fact(tensor)
    if fact.dims is None:
        return Unknown("the contents of a tensor of unknown rank")
    kinds = {0: bool, 1: int, 2: float, 3: complex}

    def number() -> object:
        kind = kinds.get(fact.dtype.category) if fact.dtype else None
        low = fact.interval[0] if fact.interval and isinstance(fact.interval[0], int) else None
        return m.fresh_int("n", low) if kind is int else Unknown("a value read from a tensor", kind)

    def nested(dims: tuple) -> object:
        if not dims:
            return number()
        length = dims[0]
        if isinstance(length, int) and length <= 16:
            return m.new_list(tuple(nested(dims[1:]) for _ in range(length)))
        return m.new_list(Seq(nested(dims[1:]), length))

    return nested(fact.dims)


def register_hook(m, args, kwargs, at):
    return Unknown("a handle of a hook")


def share(m, args, kwargs, at):
    return m.resolve(args[0])


def deep_copy_method(m, args, kwargs, at):
    return copy_value(m, args[0], {})


def apply_function(m, args, kwargs, at):
    """`tensor.apply_`, `map_`: values change, facts do not."""
    return m.resolve(args[0])


TENSOR_METHODS = {
    "backward": backward, "tolist": tolist, "requires_grad_": requires_grad_, "retain_grad": retain_grad, "detach_": detach_,
    "numpy": to_numpy,
    "register_hook": register_hook, "register_post_accumulate_grad_hook": register_hook, "share_memory_": share,
    "pin_memory": share, "__deepcopy__": deep_copy_method, "apply_": apply_function, "map_": apply_function,
    "data_ptr": lambda m, a, k, at: Unknown("an address", int), "coalesce": share, "to_dense": share,
    "__array__": to_numpy, "__hash__": lambda m, a, k, at: Unknown("a hash", int), "record_stream": lambda m, a, k, at: None,
    "is_pinned": lambda m, a, k, at: False, "storage": lambda m, a, k, at: Unknown("a storage"),
    "untyped_storage": lambda m, a, k, at: Unknown("a storage"), "__repr__": lambda m, a, k, at: Unknown("text", str),
    "__format__": lambda m, a, k, at: Unknown("text", str),
}  # fmt: skip


# -- copies ---------------------------------------------------------------------------------------------------------------


def copy_value(m, value: object, memo: dict) -> object:
    """`copy.deepcopy`: new objects, tensors with their facts (leaves stay leaves)."""
    value = m.resolve(value)
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, TensorValue):
        made = m.domain.copied(value)
        memo[id(value)] = made
        return made
    if isinstance(value, Instance):
        hook = value.cls.lookup("__deepcopy__")
        if hook is not MISSING:
            return m.call(hook, (value, DictValue(m.trail.fields(items={}))), {}, (None, None))
        made = Instance(m.trail.names(), value.cls, None)
        memo[id(value)] = made
        made.payload = copy_value(m, value.payload, memo) if value.payload is not None else None
        for key, item in list(value.fields.items()):
            made.fields[key] = copy_value(m, item, memo)
        return made
    if isinstance(value, (ListValue, DictValue)):
        made = type(value)(m.trail.fields())
        memo[id(value)] = made
        items = value.fields["items"]
        if isinstance(items, dict):
            made.fields["items"] = {k: copy_value(m, v, memo) for k, v in items.items()}
        elif isinstance(items, Seq):
            made.fields["items"] = items
        else:
            made.fields["items"] = tuple(copy_value(m, v, memo) for v in items)
        return made
    if type(value) is tuple:
        return tuple(copy_value(m, v, memo) for v in value)
    if isinstance(value, Bound) and isinstance(value.self, (Instance, TensorValue)):
        return Bound(value.function, copy_value(m, value.self, memo))
    return value
