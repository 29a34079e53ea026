"""Backward: gradients walk the graph from results to leaves.

Nodes run in the reverse order of their making, which is a topological order, so no pass over the graph comes first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

import numpy as np

from tensight_runtime.engine import arrays, internal
from tensight_runtime.engine.meta import Meta
from tensight_runtime.engine.node import Edge, Node, edge_of, fit
from tensight_runtime.engine.state import modes
from tensight_runtime.engine.tensor import Tensor, wrap
from tensight_runtime.spec.dtype import bfloat16
from tensight_runtime.spec.op import scalar_name

__all__ = ["accumulate", "backward", "cpp_name", "grad", "scalar_name"]


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None
) -> None:
    """Add the gradients of `tensors` to the `grad` of the leaves (or of `inputs`)."""
    tensors = _sequence(tensors)
    if not tensors:
        raise RuntimeError("backward() called with no tensors")
    if inputs is not None:
        inputs = _sequence(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    grads = _output_grads(tensors, grad_variables if grad_tensors is None else grad_tensors)
    keep = create_graph if retain_graph is None else retain_graph
    roots = _roots(tensors, grads)
    if inputs is None:
        walk(roots, keep, create_graph)
        return
    for k, tensor in enumerate(inputs):
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        if tensor._node is not None and tensor.is_leaf:
            raise RuntimeError(f"One of the differentiated Tensors given as inputs[{k}] is not a leaf Tensor")
    for tensor, found in zip(inputs, walk(roots, keep, create_graph, inputs), strict=True):
        if found is not None:
            accumulate(tensor, found, create_graph)


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True, allow_unused=None,
         is_grads_batched=False, materialize_grads=False) -> tuple[Tensor | None, ...]:  # fmt: skip
    """The gradients of `outputs` with respect to `inputs`, which keep their `grad` as it is."""
    if allow_unused is None:
        allow_unused = materialize_grads
    elif materialize_grads and not allow_unused:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if is_grads_batched:
        return _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    grads = _output_grads(outputs, grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    roots = _roots(outputs, grads)
    for tensor in inputs:
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    found = walk(roots, keep, create_graph, inputs)
    if not allow_unused:
        for k, value in enumerate(found):
            if value is None:
                raise RuntimeError(
                    f"The differentiated Tensor at index {k} appears to not have been used in the graph. Set "
                    f"allow_unused=True "
                    "if this is the desired behavior."
                )
    if materialize_grads:
        found = [zeros(t._meta) if value is None else value for value, t in zip(found, inputs, strict=True)]
    return tuple(found)


def walk(roots: list[tuple[Edge, Tensor]], keep: bool, create: bool, inputs: Sequence[Tensor] | None = None) -> list:
    """Send the gradients of `roots` through the graph.

    Without `inputs` they end in the leaves' `grad`; with them, those that reach the inputs are returned, else None.
    """
    walker = _Walk(keep, create)
    if inputs is not None:
        walker.watch(inputs, [edge for edge, _ in roots])
    before, modes.grad = modes.grad, create
    try:
        for edge, g in roots:
            walker.send(edge, g)
        del roots
        walker.run()
        if inputs is None:
            walker.finish_leaves()
            return []
        return [walker.captured(tensor) for tensor in inputs]
    finally:
        modes.grad = before


class _Walk:
    """One walk: the nodes that wait, by age, with the gradients that have arrived at them."""

    def __init__(self, keep: bool, create: bool):
        self.keep, self.create = keep, create
        self.waiting: list[tuple[int, Node]] = []
        self.arrived: dict[Node, object] = {}
        self.leaves: dict[Tensor, Tensor] = {}
        self.owned: set = set()  # sums this walk made, which it may add to in place
        self.only: set[Node] | None = None
        self.watched: dict[Node, dict[int, Tensor | None]] = {}

    def send(self, edge: Edge, g: Tensor) -> None:
        """A gradient arrives along an edge."""
        if type(edge) is tuple:
            node, nr = edge
        elif isinstance(edge, Tensor):
            have = self.leaves.pop(
                edge, None
            )  # put back at the end: leaves are finished in the order they become ready
            self.leaves[edge] = g if have is None else self.total(edge, have, g)
            return
        else:
            node, nr = edge, 0
        arrived = self.arrived
        have = arrived.get(node)
        if have is None:
            heappush(self.waiting, (-node.seq, node))
            if node.width == 1:
                arrived[node] = g
            else:
                grads = arrived[node] = [None] * node.width
                grads[nr] = g
        elif node.width == 1:
            arrived[node] = self.total(node, have, g)
        else:
            have[nr] = g if have[nr] is None else self.total((node, nr), have[nr], g)

    def total(self, place: object, have: Tensor, g: Tensor) -> Tensor:
        """The sum of two gradients of one tensor."""
        if self.create or have._meta is not g._meta or have._meta.dtype is bfloat16:
            return internal.add(have, fit(g, have._meta))
        if place in self.owned:
            have._array += g._array
            return have
        self.owned.add(place)
        total = have._array + g._array
        return wrap(total if arrays.is_array(total) else np.asarray(total), have._meta)

    def run(self) -> None:
        waiting, arrived, owned, send, watched = self.waiting, self.arrived, self.owned, self.send, self.watched
        keep = self.keep
        while waiting:
            node = heappop(waiting)[1]
            g = arrived.pop(node)
            if owned:
                owned.discard(node)
            if node.width != 1:
                g = tuple(g)
            if node.hooked and node.tensor_hooks is not None:
                g = _run_tensor_hooks(node, g)
            if self.only is not None:
                if node in watched:
                    for nr in watched[node]:
                        watched[node][nr] = g if node.width == 1 else g[nr]
                if node not in self.only:
                    continue
            if node.hooked:
                grads = _apply_hooked(node, g)
            else:
                grads = node.apply(g)
            edges = node.edges
            if not keep:
                node.release()
            g = None
            for edge, found in zip(edges, grads, strict=False):
                if found is None or edge is None:
                    continue
                if isinstance(edge, Node) and edge.width == 1 and edge not in arrived:
                    heappush(waiting, (-edge.seq, edge))
                    arrived[edge] = found
                else:
                    send(edge, found)
            found = grads = None

    def finish_leaves(self) -> None:
        """Run the leaves' hooks and add to their `grad`."""
        leaves = self.leaves
        while leaves:
            leaf = next(iter(leaves))
            g = leaves.pop(leaf)
            if not leaf._requires:
                continue
            if leaf._hooks is not None:
                g = run_hooks(leaf._hooks, g)
            if leaf._grad is None and not self.create and _unshared(g):
                leaf._grad = g
            else:
                accumulate(leaf, g, self.create)
            if leaf._post_hooks is not None:
                for hook in list(leaf._post_hooks.values()):
                    hook(leaf)

    def watch(self, inputs: Sequence[Tensor], roots: list[Edge]) -> None:
        """Keep what arrives at `inputs`, and run only the nodes that lead there."""
        leaves = {tensor for tensor in inputs if tensor._node is None}
        for tensor in inputs:
            if tensor._node is not None:
                self.watched.setdefault(tensor._node, {})[tensor._nr] = None
        seen: set[Node] = set()
        stack = [edge for edge in roots]
        while stack:
            edge = stack.pop()
            node = edge[0] if type(edge) is tuple else edge
            if node is None or isinstance(node, Tensor) or node in seen:
                continue
            seen.add(node)
            stack.extend(node.edges)
        self.only = set()
        for node in sorted(seen, key=lambda node: node.seq):
            for edge in node.edges:
                target = edge[0] if type(edge) is tuple else edge
                if isinstance(target, Tensor):
                    if target in leaves:
                        self.only.add(node)
                elif target is not None and (target in self.only or target in self.watched):
                    self.only.add(node)

    def captured(self, tensor: Tensor) -> Tensor | None:
        """What arrived at one of the watched inputs."""
        if tensor._node is not None:
            return self.watched[tensor._node][tensor._nr]
        g = self.leaves.get(tensor)
        if g is not None and tensor._hooks is not None:
            g = run_hooks(tensor._hooks, g)
        return g


def accumulate(leaf: Tensor, g: Tensor, create: bool) -> None:
    """Add a gradient to a tensor's `grad`."""
    have = leaf._grad
    if have is None:
        leaf._grad = g if create else internal.clone(g.detach() if g._requires else g)
    elif create or have._meta is not g._meta or have._meta.dtype is bfloat16 or not arrays.writable(have._array):
        leaf._grad = internal.add(have, fit(g, have._meta))
    else:
        have._array += g._array
        have._bump()


def zeros(meta: Meta) -> Tensor:
    """A gradient of zeros."""
    return wrap(arrays.xp_for(meta.device).zeros(meta.shape, meta.array_dtype), meta)


def run_hooks(hooks: dict, g: Tensor) -> Tensor:
    """Call hooks one after the other; what one returns goes on in the gradient's place."""
    for hook in list(hooks.values()):
        found = hook(g)
        if found is not None:
            g = found
    return g


def _unshared(g: Tensor) -> bool:
    """Whether nobody else holds this gradient, so that a leaf may keep it.  (Caller's variable, argument, the count's "
    "own.)"""
    array = g._array
    return (
        isinstance(array, np.ndarray) and sys.getrefcount(g) <= 3 and sys.getrefcount(array) <= 3
        and array.base is None and array.flags.c_contiguous and g._base is None and not g._requires
    )  # fmt: skip


def _run_tensor_hooks(node: Node, g: object) -> object:
    for nr, hooks in node.tensor_hooks.items():
        one = g if node.width == 1 else g[nr]
        if one is None:
            continue
        one = run_hooks({k: h for k, h in hooks.items() if k != "retain"}, one)
        if "retain" in hooks:
            hooks["retain"](one)
        g = one if node.width == 1 else (*g[:nr], one, *g[nr + 1 :])
    return g


def _apply_hooked(node: Node, g: object) -> list:
    if node.prehooks is not None:
        g = _run_prehooks(node, g)
    grads = node.apply(g)
    return grads if node.hooks is None else _run_hooks(node, grads, g)


def _run_prehooks(node: Node, g: object) -> object:
    grads = g if isinstance(g, tuple) else (g,)
    for hook in list(node.prehooks.values()):
        found = hook(grads)
        if found is not None:
            grads = found if isinstance(found, tuple) else (found,)
    return grads if isinstance(g, tuple) else grads[0]


def _run_hooks(node: Node, grads: list, g: object) -> list:
    outputs = g if isinstance(g, tuple) else (g,)
    for hook in list(node.hooks.values()):
        found = hook(tuple(grads), outputs)
        if found is not None:
            grads = list(found) if isinstance(found, (tuple, list)) else [found]
    return grads


def _roots(tensors: Sequence[Tensor], grads: list[Tensor]) -> list[tuple[Edge, Tensor]]:
    roots = []
    for k, (tensor, g) in enumerate(zip(tensors, grads, strict=True)):
        if not tensor.requires_grad:
            raise RuntimeError(f"element {k} of tensors does not require grad and does not have a grad_fn")
        roots.append((edge_of(tensor), g))
    return roots


def _output_grads(tensors: Sequence[Tensor], grads: object) -> list[Tensor]:
    """One gradient per result, ones for scalars that have none."""
    given = [None] * len(tensors) if grads is None else _sequence(grads)
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
    found = []
    for k, (tensor, g) in enumerate(zip(tensors, given, strict=True)):
        if g is None:
            if tensor.requires_grad:
                if tensor.numel() != 1:
                    raise RuntimeError("grad can be implicitly created only for scalar outputs")
                if tensor.dtype.category != 2:
                    raise RuntimeError(
                        f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype}"
                    )
            xp = arrays.xp_for(tensor.device)
            g = wrap(xp.ones(tensor.shape, tensor._meta.array_dtype), tensor._meta)
        elif not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g.shape != tensor.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{k}] has a shape of {g.shape} and output[{k}] has a shape of "
                f"{tensor.shape}."
            )
        elif (g.dtype.category == 3) != (tensor.dtype.category == 3):
            raise RuntimeError(
                f"For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
                f"dtype: "
                f"grad_output[{k}] has a dtype of {g.dtype} and output[{k}] has a dtype of {tensor.dtype}."
            )
        elif g._meta is not tensor._meta:
            g = fit(g, tensor._meta)
        found.append(g)
    return found


def _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads) -> tuple:
    """`is_grads_batched`: the first dim of each grad_output counts independent gradients."""
    from tensight_runtime.engine.methods import function

    grad_outputs = _sequence(grad_outputs)
    rows = []
    for row in range(grad_outputs[0].shape[0]):
        rows.append(grad(outputs, inputs, [g[row] for g in grad_outputs], True, create_graph, True, allow_unused,
                         False, materialize_grads))  # fmt: skip
    stack: Callable = function("torch.stack")
    return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))


def _sequence(value: object) -> tuple:
    return (value,) if isinstance(value, Tensor) else tuple(value) if value is not None else ()


_CPP_NAMES = {
    "float32": "float", "float64": "double", "int64": "long int", "int32": "int", "int16": "short",
    "int8": "signed char", "uint8": "unsigned char", "bool": "bool", "float16": "c10::Half",
    "bfloat16": "c10::BFloat16", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def cpp_name(dtype) -> str:
    """C++'s name of a dtype, as some messages have it."""
    return _CPP_NAMES[dtype.name]
