"""Nodes of the graph: an operator's application, what it saved, and where its gradients go.

An *edge* is a node, a (node, output number) pair when that number is not 0, the leaf tensor itself, or None.
"""

from __future__ import annotations

import re
import weakref
from collections import OrderedDict
from collections.abc import Callable
from itertools import count

from tensight_runtime.engine.hooks import RemovableHandle
from tensight_runtime.engine.meta import Meta
from tensight_runtime.engine.state import modes
from tensight_runtime.engine.tensor import Tensor, wrap
from tensight_runtime.spec.op import scalar_name

sequence = count()  # a node comes after the nodes of its inputs

Edge = object


class Node:
    """One application of an operator.  Subclasses are named as torch names them: AddBackward0.

    `recipe` says which derivatives to call with which of the `saved` values; `versions` are those of the saved tensors,
    None if all were 0.
    """

    __slots__ = ("__dict__", "__weakref__", "edges", "recipe", "saved", "seq")

    versions: list[int] | None = None
    width = 1  # how many results
    packed = False  # whether saved_tensors_hooks keep what is saved
    hooked = False  # whether any of the hooks below are there
    tensor_hooks: dict[int, OrderedDict] | None = None
    hooks: OrderedDict | None = None
    prehooks: OrderedDict | None = None
    _metadata: dict | None = None

    def apply(self, g: object) -> list[Tensor | None]:
        """The gradients along `edges`, given those of the results (a tuple if there are several)."""
        recipe = self.recipe
        if recipe.simple_calls is not None:
            return self._apply_simple(g, recipe)
        values = self.unpacked()
        values += recipe.constants
        if recipe.packs and type(g) is not tuple:
            g = (g,)
        metas = recipe.metas
        grads: list = [None] * len(metas)
        for derivative, reads, targets in recipe.calls:
            found = derivative(g, *[values[i] for i in reads])
            for which, slot, many in targets:
                grad = found if which is None else None if found is None else found[which]
                if grad is None:
                    continue
                if many is None:
                    grads[slot] = grad if getattr(grad, "_meta", None) is metas[slot] else fit(grad, metas[slot])
                else:
                    for k, item in enumerate(grad):
                        if item is not None and metas[slot + k] is not None:
                            grads[slot + k] = item if item._meta is metas[slot + k] else fit(item, metas[slot + k])
        return grads

    def _apply_simple(self, g: Tensor, recipe) -> list[Tensor | None]:
        """`apply` where each derivative gives one gradient of one tensor."""
        values = self.saved
        if values is None:
            raise RuntimeError(SECOND_TIME)
        versions = self.versions
        if versions is None:
            for k in recipe.tensor_slots:
                counter = values[k]._vc
                if counter is not None and counter[0]:
                    self.unpacked()  # raises
        if versions is not None or self.packed or (recipe.out_slots and modes.grad):
            values = self.unpacked()
        if recipe.constants:
            values = values + recipe.constants
        metas = recipe.metas
        grads: list = [None] * len(metas)
        for derivative, reads, slot in recipe.simple_calls:
            if not reads:
                grad = derivative(g)
            elif len(reads) == 1:
                grad = derivative(g, values[reads[0]])
            else:
                grad = derivative(g, *[values[i] for i in reads])
            if grad is not None:
                if grad.__class__ is not Tensor or grad._meta is not metas[slot]:
                    grad = fit(grad, metas[slot])
                grads[slot] = grad
        return grads

    def unpacked(self) -> list:
        """The saved values, after a check that they are still what they were."""
        saved = self.saved
        if saved is None:
            raise RuntimeError(SECOND_TIME)
        recipe = self.recipe
        versions = self.versions
        for at, k in enumerate(recipe.tensor_slots):
            counter = saved[k]._vc
            if counter is not None and counter[0] != (versions[at] if versions is not None else 0):
                raise RuntimeError(modified(saved[k], self._origin(k), versions[at] if versions is not None else 0))
        saved = list(saved)
        if self.packed:
            saved = [value.unpack(value.packed) if isinstance(value, Packed) else value for value in saved]
        if recipe.list_slots:
            for k in recipe.list_slots:
                for item, then in zip(saved[k][0], saved[k][1], strict=True):
                    if isinstance(item, Tensor) and item._vc is not None and item._vc[0] != then:
                        raise RuntimeError(
                            modified(item, (item.grad_fn.name() if item.grad_fn else "", item._nr), then)
                        )
                saved[k] = saved[k][0]
        if modes.grad:  # derivatives of this derivative: saved results are results of this node again
            for k, nr in recipe.out_slots:
                result = wrap(saved[k]._array, saved[k]._meta)
                result._vc, result._requires, result._node, result._nr = saved[k]._vc, True, self, nr
                saved[k] = result
        return saved

    def release(self) -> None:
        """Forget what was saved, if it holds tensors."""
        if self.recipe is not None and self.recipe.frees:
            self.saved = None

    def _origin(self, slot: int) -> tuple[str, int]:
        """The node that made the value in this slot of `saved` as it is now, and which of its results it is."""
        for k, nr in self.recipe.out_slots:
            if k == slot:
                return self.name(), nr
        node = self.saved[slot].grad_fn
        return ("", 0) if node is None else (type(node).__name__, self.saved[slot]._nr)

    @property
    def out_metas(self) -> tuple[Meta, ...]:
        return self.recipe.out_metas if self.recipe is not None else ()

    # -- torch's face -----------------------------------------------------------------------------------------------

    def name(self) -> str:
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        return tuple(edge_pair(edge) for edge in self.edges)

    @property
    def metadata(self) -> dict:
        if self._metadata is None:
            self._metadata = {}
        return self._metadata

    requires_grad = property(lambda self: True)

    def _sequence_nr(self) -> int:
        return self.seq

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """`hook(grad_inputs, grad_outputs)` runs after this node; what it returns replaces grad_inputs."""
        self.hooked = True
        if self.hooks is None:
            self.hooks = OrderedDict()
        return RemovableHandle(self.hooks, hook)

    def register_prehook(self, hook: Callable) -> RemovableHandle:
        """`hook(grad_outputs)` runs before this node; what it returns replaces them."""
        self.hooked = True
        if self.prehooks is None:
            self.prehooks = OrderedDict()
        return RemovableHandle(self.prehooks, hook)

    def register_tensor_hook(self, nr: int, hook: Callable) -> RemovableHandle:
        """`hook(grad)` for one result of this node."""
        self.hooked = True
        if self.tensor_hooks is None:
            self.tensor_hooks = {}
        return RemovableHandle(self.tensor_hooks.setdefault(nr, OrderedDict()), hook)

    def retain(self, tensor: Tensor) -> None:
        """Keep the gradient of this result in the tensor's `grad`."""
        kept = weakref.ref(tensor)

        def keep(grad: Tensor) -> None:
            owner = kept()
            if owner is not None:
                owner._grad = grad if owner._grad is None else owner._grad + grad

        self.hooked = True
        hooks = self.tensor_hooks = self.tensor_hooks or {}
        hooks.setdefault(tensor._nr, OrderedDict())["retain"] = keep

    def __call__(self, *grads: Tensor) -> object:
        found = self.apply(grads[0] if self.width == 1 else grads)
        return found[0] if len(found) == 1 else tuple(found)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_saved_") and self.recipe is not None:
            wanted = name.removeprefix("_saved_")
            wanted = {"self": "input", "result": "out"}.get(wanted, wanted)
            if wanted in self.recipe.saved_names:
                if self.saved is None:
                    raise RuntimeError(SECOND_TIME)
                return self.saved[self.recipe.saved_names.index(wanted)]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class Packed:
    """A saved tensor as a pack hook left it."""

    _vc = None
    _inference = False

    def __init__(self, packed: object, unpack: Callable):
        self.packed, self.unpack = packed, unpack


class SpecialNode(Node):
    """A node that is no operator's: it has no recipe and defines `apply`."""

    recipe = None
    edges: list[Edge] = ()
    saved = ()
    seq = 0


class AccumulateGrad(SpecialNode):
    """The end of the graph at a leaf; made only when somebody looks at it."""

    def __init__(self, variable: Tensor):
        self.variable = variable

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self.variable):#x}>"

    def apply(self, g: Tensor) -> list:
        from tensight_runtime.engine.tape import accumulate

        accumulate(self.variable, g, modes.grad)
        return []

    def register_hook(self, hook: Callable) -> RemovableHandle:
        return self.variable.register_post_accumulate_grad_hook(lambda variable: hook((), (variable.grad,)))

    def register_prehook(self, hook: Callable) -> RemovableHandle:
        def before(grad: Tensor) -> Tensor | None:
            found = hook((grad,))
            return found[0] if isinstance(found, tuple) else found

        return self.variable.register_hook(before)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and self.variable is other.variable

    def __hash__(self) -> int:
        return id(self.variable)


def edge_of(tensor: Tensor) -> Edge:
    """Where the gradient of this tensor goes."""
    if not tensor._requires:
        return None
    node = tensor._node
    if node is None:
        return tensor
    return node if tensor._nr == 0 else (node, tensor._nr)


def edge_pair(edge: Edge) -> tuple[Node | None, int]:
    """An edge as torch shows it."""
    if edge is None:
        return None, 0
    if isinstance(edge, Tensor):
        return AccumulateGrad(edge), 0
    return edge if type(edge) is tuple else (edge, 0)


def fit(grad: Tensor, meta: Meta) -> Tensor:
    """A gradient in the shape and dtype of what it is the gradient of: broadcast dims are summed."""
    from tensight_runtime.engine import internal

    if not isinstance(grad, Tensor):  # a derivative that is a plain number
        from tensight_runtime.engine.tensor import from_array

        grad = from_array(meta.array_dtype.type(grad).reshape(()), meta.dtype)
    if grad._meta.shape != meta.shape:
        grad = internal.sum_to(grad, meta.shape)
    if grad._meta.dtype is not meta.dtype:
        grad = internal.cast(grad, meta.dtype)
    if grad._meta.device != meta.device:
        grad = grad.to(meta.device)
    return grad


def modified(tensor: Tensor, origin: tuple[str, int], then: int) -> str:
    """The message about a saved tensor that was written to."""
    place = "torch.cuda" if tensor.is_cuda else "torch"
    what = f"[{place}.{scalar_name(tensor.dtype)}Tensor {list(tensor.shape)}]"
    made = f", which is output {origin[1]} of {short_name(origin[0])}," if origin[0] else ""
    return (
        f"one of the variables needed for gradient computation has been modified by an inplace operation: {what}{made} "
        f"is at "
        f"version {tensor._vc[0]}; expected version {then} instead. Hint: enable anomaly detection to find the "
        f"operation that "
        "failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def short_name(name: str) -> str:
    """`ExpBackward0` as messages call it: Exp."""
    return re.sub(r"Backward\d*$", "", name)


SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after "
    "calling backward."
)
