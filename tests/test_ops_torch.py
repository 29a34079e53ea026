"""Every operator of the table on every one of its samples, beside torch: equal values and dtypes, equal signatures,
equal refusals, and the same tensors saved for backward.

No operator is named here; what differs for a reason stands in `DIFFERS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np
import pytest
import tensight_runtime as ts
from support.samples import Call, Given, leaves, mapped, read
from support.signatures import fits, signature, torch_signatures
from support.verdict import judge
from tensight_runtime.ops import table
from tensight_runtime.spec.op import Op

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # of both libraries, about the samples

OPS = [op for op in table().ops if op.names]
every_operator = pytest.mark.parametrize("op", OPS, ids=[op.name for op in OPS])
ANY_REFUSAL = (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError, AssertionError)

BOTH = "one operator takes what two of torch's overloads take"
AS_F = "takes the parameter that torch.nn.functional has, besides"
SCHEMA = "the documented names, and those of its argument parser; the schema has others for each kind"
COMPOSED = "made of other operators here, and these keep other things than torch's one node, or its other ones"
LIST = "the list of operands is kept as a whole; torch keeps for each operand the others"
INDICES = "return_indices has the default False under torch's longer names too, where it is not read"
GAUGE = "singular vectors are determined up to their signs"
DIFFERS: dict[tuple[str, str], str] = {
    ("value", "dropout1d(f32[4, 5], 0.3, False)"): "torch gives a view of all of it, we the tensor itself",
    ("value", "linalg_svd(f64[2, 4, 3], full_matrices=False)"): GAUGE,
    ("value", "linalg_svd(f64[2, 4])"): GAUGE,
    ("value", "svd(f64[4, 3])"): GAUGE,
    ("value", "svd(f64[2, 4], some=False)"): GAUGE,
    ("in place", "cumsum(f32[2, 3], dim=0, dtype=torch.float64)"): "torch refuses a dtype= of its own in place",
    ("saved", "dist"): COMPOSED,
    ("saved", "soft_margin_loss"): COMPOSED,
    ("saved", "multi_margin_loss"): COMPOSED,
    ("saved", "multilabel_margin_loss"): COMPOSED,
    ("saved", "combinations"): COMPOSED,
    ("saved", "triangular_solve"): COMPOSED,
    ("saved", "linalg_lu"): COMPOSED,
    ("saved", "linalg_lu_solve"): COMPOSED,
    ("saved", "lu_solve"): COMPOSED,
    ("saved", "linalg_lstsq"): COMPOSED,
    ("saved", "householder_product"): COMPOSED,
    ("saved", "grid_sample"): COMPOSED,
    ("saved", "scaled_dot_product_attention"): COMPOSED,
    ("saved", "embedding_bag"): COMPOSED,
    ("saved", "lstm"): COMPOSED,
    ("saved", "lstm.data"): COMPOSED,
    ("saved", "gru"): COMPOSED,
    ("saved", "gru.data"): COMPOSED,
    ("saved", "rnn_tanh"): COMPOSED,
    ("saved", "rnn_tanh.data"): COMPOSED,
    ("saved", "rnn_relu"): COMPOSED,
    ("saved", "rnn_relu.data"): COMPOSED,
    ("saved", "lstm_cell"): COMPOSED,
    ("saved", "gru_cell"): COMPOSED,
    ("saved", "bernoulli.tensor"): "torch has a node of zeros",
    ("saved", "ndtr"): "torch keeps a scaled copy; ours can be differentiated again",
    ("saved", "rms_norm"): "torch keeps the normalized input; ours can be differentiated again",
    ("saved", "dropout1d(f32[4, 5], 0.3, False)"): "no node of ours",
    ("saved", "smooth_l1_loss(f32[3], f32[3], beta=0.0)"): "torch calls l1_loss, which keeps the difference",
    ("saved", "ctc_loss(f32[6, 2, 4], i64[3]{1..3}, [6, 5], [2, 1], reduction='none')"): "its result is not read",
    ("saved", "tensor_split.tensor"): "torch keeps numbers",
    ("saved", "getitem(f32[3, 5], (i64[]{1..1}, i64[2]{0..4}))"): "torch reads an index without dims as a number",
    ("saved", "take_along_dim(f32[3, 5], i64[3, 1]{0..4}, 1)"): "torch keeps a copy of the expanded index",
    ("saved", "take_along_dim(f32[3, 5], i64[1, 2]{0..4}, dim=-1)"): "torch keeps a copy of the expanded index",
    ("saved", "matmul(f32[7, 1, 2, 3], f32[4, 3, 5])"): "torch multiplies copies of operands that it expands",
    ("saved", "matmul(f32[3], f32[4, 3, 2])"): "torch multiplies copies of operands that it expands",
    ("saved", "einsum"): LIST,
    ("saved", "einsum.sublist"): LIST,
    ("saved", "conv1d(f32[2, 4, 9], f32[6, 4, 2], padding='same')"): "torch keeps a padded copy",
    ("saved", "conv2d(f32[1, 2, 6, 5], f32[3, 2, 2, 3], padding='same')"): "torch keeps a padded copy",
    ("saved", "pad"): "only modes that copy the border keep the input in torch, though none needs it",
    ("saved", "interpolate(f32[1, 2, 4, 5], size=(2, 3), mode='area')"): "torch calls adaptive_avg_pool2d",
    ("signature", "cuda"): SCHEMA,
    ("signature", "max_pool1d.with_indices"): INDICES,
    ("signature", "max_pool2d.with_indices"): INDICES,
    ("signature", "max_pool3d.with_indices"): INDICES,
    ("signature", "adaptive_max_pool1d.with_indices"): INDICES,
    ("signature", "adaptive_max_pool2d.with_indices"): INDICES,
    ("signature", "adaptive_max_pool3d.with_indices"): INDICES,
    ("signature", "fractional_max_pool2d.with_indices"): INDICES,
    ("signature", "fractional_max_pool3d.with_indices"): INDICES,
    ("signature", "Tensor.__rsub__"): "also takes alpha=, as rsub does",
    ("signature", "torch.nn.functional.elu_"): "torch shows two factors that only its own derivative uses",
    ("signature", "torch.selu"): AS_F,
    ("signature", "torch.celu"): AS_F,
    ("signature", "torch.threshold"): AS_F,
    ("signature", "std"): BOTH,
    ("signature", "var"): BOTH,
    ("signature", "std_mean"): BOTH,
    ("signature", "var_mean"): BOTH,
    ("signature", "sort"): BOTH,
    ("signature", "argsort"): BOTH,
    ("signature", "mse_loss.weighted"): "the weight by keyword only, after four deprecated parameters",
    ("signature", "huber_loss.weighted"): "the weight by keyword only",
    ("signature", "Tensor.expand"): "implicit= is an internal of torch",
    ("signature", "torch.split"): "its names tensor and split_size_or_sections are taken as synonyms",
    ("signature", "tensor_split"): SCHEMA,
    ("signature", "hsplit"): SCHEMA,
    ("signature", "vsplit"): SCHEMA,
    ("signature", "dsplit"): SCHEMA,
    ("signature", "getitem"): SCHEMA,
    ("signature", "nonzero"): SCHEMA,
    ("signature", "nonzero.tuple"): SCHEMA,
    ("signature", "Tensor.lu"): "the same names in torch.lu and in the method",
    ("signature", "householder_product"): "the same names under its older name",
    ("signature", "einsum.alone"): "operands in a row, which a signature of ours does not say",
    ("signature", "einsum"): "operands in a row, which a signature of ours does not say",
    ("signature", "einsum.sublist"): "operands in a row, which a signature of ours does not say",
    ("signature", "torch.max_pool1d"): AS_F,
    ("signature", "torch.max_pool2d"): AS_F,
    ("signature", "torch.max_pool3d"): AS_F,
}


@every_operator
def test_values_and_dtypes_are_torchs(op: Op):
    judge(DIFFERS, "value", op, op.accepts, equal_to_torch)


@every_operator
def test_written_in_place_as_torch_does(op: Op):
    judge(DIFFERS, "in place", op, op.accepts if op.inplace else (), equal_in_place)


@every_operator
def test_signatures_are_torchs(op: Op):
    judge(DIFFERS, "signature", op, op.names, equal_signature)


@every_operator
def test_torch_refuses_the_same(op: Op):
    judge(DIFFERS, "refused", op, op.rejects, torch_refuses)


@every_operator
def test_saves_what_torch_saves(op: Op):
    judge(DIFFERS, "saved", op, op.accepts if op.differentiable else (), saved_as_torch)


# --- both sides ------------------------------------------------------------------------------------------------------


class Side:
    """torch or our runtime: a call of a sample under a public name."""

    def __init__(self, module):
        self.module = module

    def function(self, name: str):
        """What a public name means: a function that takes the tensor first, also for methods and attributes."""
        owner, _, last = name.rpartition(".")
        if owner == "Tensor":
            found = inspect.getattr_static(self.module.Tensor, last)
            return getattr(self.module.Tensor, last) if callable(found) else found.__get__
        found = self.module
        for part in name.split(".")[1:]:
            found = getattr(found, part)
        return found

    def tensor(self, given: Given):
        made = self.module.from_numpy(np.array(given.array))
        return made.to(getattr(self.module, given.dtype.name))

    def arguments(self, call: Call) -> tuple[tuple, dict]:
        return call.filled(self.tensor, lambda dtype: getattr(self.module, dtype.name))

    def run(self, name: str, args: tuple, kwargs: dict):
        """(result, None) or (None, refusal)."""
        self.module.manual_seed(7)
        try:
            return self.function(name)(*args, **kwargs), None
        except ANY_REFUSAL as refusal:
            return None, refusal


OURS, TORCHS = Side(ts), Side(torch)


# --- values ----------------------------------------------------------------------------------------------------------


def equal_to_torch(op: Op, sample: str) -> str | None:
    """Under every public name: the result, and the operands after it."""
    names = op.names if sample == op.accepts[0] else op.names[:1]
    for name in names:
        found = differs_under(name, read(sample))
        if found and (name is names[0] or not found.startswith("torch refuses")):  # a sample is one of the first name
            return f"{name}: {found}"
    return None


def differs_under(name: str, call: Call) -> str | None:
    mine, theirs = OURS.arguments(call), TORCHS.arguments(call)
    want, refusal = TORCHS.run(name, *theirs)
    if refusal is not None:
        return f"torch refuses it: {refusal}"
    got, refusal = OURS.run(name, *mine)
    if refusal is not None:
        return f"refused: {type(refusal).__name__}: {refusal}"
    found = unequal(got, want) or unequal(mine, theirs)
    if found or want is None:
        return found
    same = [i for i, v in enumerate(leaves(theirs)) if v is want and isinstance(v, torch.Tensor)]
    mine_same = [i for i, v in enumerate(leaves(mine)) if v is got and isinstance(v, ts.Tensor)]
    return None if same == mine_same else f"gives operand {same} itself in torch, {mine_same} here"


def unequal(got: object, want: object) -> str | None:
    """What differs between two results; statements give none in torch."""
    if want is None:
        return None
    if isinstance(want, torch.Tensor):
        if not isinstance(got, ts.Tensor):
            return f"{type(got).__name__} instead of a tensor"
        if str(got.dtype) != str(want.dtype) or tuple(got.shape) != tuple(want.shape):
            return f"{got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
        return None if close(got, want) else f"{got.tolist()} instead of {want.tolist()}"
    if isinstance(want, (list, tuple)):
        named = type(want).__module__ == "torch.return_types"
        fields = [n for n in dir(want) if not n.startswith("_")] if named else []
        same_kind = isinstance(got, list if isinstance(want, list) else tuple)
        if not same_kind or len(got) != len(want):
            return f"{got!r} instead of {want!r}"
        if missing := [n for n in fields if not hasattr(got, n)]:
            return f"no fields {missing}"
        return next((found for g, w in zip(got, want, strict=True) if (found := unequal(g, w))), None)
    if isinstance(want, dict):
        return unequal(list(got.values()), list(want.values()))
    if isinstance(want, np.ndarray):
        return None if got.dtype == want.dtype and np.allclose(got, want) else f"{got} instead of {want}"
    if isinstance(want, (torch.dtype, torch.device)):
        return None if str(got) == str(want) else f"{got} instead of {want}"
    if isinstance(want, float) and isinstance(got, float):
        return None if np.isclose(got, want, rtol=1e-6, equal_nan=True) else f"{got} instead of {want}"
    return None if type(got) is type(want) and got == want else f"{got!r} instead of {want!r}"


TOLERANCE = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 1e-5, "complex64": 1e-5, "float64": 1e-9, "complex128": 1e-9}


def close(got, want) -> bool:
    a = got.detach()._array
    b = want.detach().resolve_conj().resolve_neg()
    b = (b.float() if b.dtype is torch.bfloat16 else b).numpy()
    by = TOLERANCE.get(str(want.dtype).removeprefix("torch."))
    return np.array_equal(a, b) if by is None else np.allclose(a, b, rtol=by, atol=by, equal_nan=True)


def equal_in_place(op: Op, sample: str) -> str | None:
    """The derived `Tensor.<name>_`: the same values, or a refusal on both sides."""
    for name in op.names:
        owner, _, last = name.rpartition(".")
        if owner != "Tensor" or last.startswith("__"):
            continue
        mine, theirs = OURS.arguments(read(sample)), TORCHS.arguments(read(sample))
        got, refused = OURS.run(name + "_", *mine)
        want, refusal = TORCHS.run(name + "_", *theirs)
        if (refused is None) != (refusal is None):
            return f"{name}_: {refused or 'accepted'}; torch: {refusal or 'accepted'}"
        found = None if refusal else unequal(got, want) or unequal(mine, theirs)
        if found or (refusal is None and got is not mine[0][0]):
            return f"{name}_: {found or 'another object'}"
    return None


# --- signatures ------------------------------------------------------------------------------------------------------


def equal_signature(op: Op, name: str) -> str | None:
    """One of torch's signatures of the name has these names, defaults and keyword-only parameters.

    Overloads share the work differently: where a parameter is missing, or needed, or has another default, another
    overload of the same side has to make up for it.
    """
    known = list(torch_signatures(TORCHS.function(name), name))
    mine = signature(op, name)
    ours = [signature(getattr(o, "base", o), name) for o in table().lookup(name)]
    if not known or any(fits(mine, theirs, ours, known) for theirs in known):
        return None
    return f"{mine}\n   torch: " + "\n          ".join(map(str, known))


# --- refusals --------------------------------------------------------------------------------------------------------


def torch_refuses(op: Op, sample: str) -> str | None:
    call, words = read(sample), op.rejects[sample]
    result, refusal = TORCHS.run(op.names[0], *TORCHS.arguments(call))
    if refusal is None:
        return f"torch accepts it: {result}"
    if not str(refusal).startswith(words):
        return f"torch says {refusal}"
    _, mine = OURS.run(op.names[0], *OURS.arguments(call))
    same = type(mine).__mro__[:-1] and isinstance(mine, type(refusal))
    return None if same else f"{type(mine).__name__} instead of {type(refusal).__name__}"


# --- saved for backward ----------------------------------------------------------------------------------------------


def saved_as_torch(op: Op, sample: str) -> str | None:
    """With one input requiring grad at a time: which inputs, and whether the results, are kept by the graph."""
    call = read(sample)
    for which, given in enumerate(call.givens):
        if not given.dtype.differentiable or not given.array.size:
            continue
        theirs = kept(TORCHS, op.names[0], call, which)
        mine = kept(OURS, op.names[0], call, which)
        if theirs is not None and mine != theirs:
            return f"for tensor {which}: {sorted(mine) if mine is not None else 'no graph'} instead of {sorted(theirs)}"
    return None


def kept(side: Side, name: str, call: Call, which: int) -> set[str] | None:
    """Names of the operands and results whose memory some node between result and input keeps; None: no graph."""
    tensors = side.module.Tensor
    args, kwargs = side.arguments(call)
    given = [v for v in leaves((args, kwargs)) if isinstance(v, tensors)]
    if len(given) != len(call.givens):
        return None
    leaf = given[which].requires_grad_()
    if (name.endswith("_") and not name.endswith("__")) or "inplace=True" in call.text or name.endswith("setitem__"):
        moved = leaf * 1
        swap = lambda v: moved if v is leaf else v
        args, kwargs, given = mapped(args, swap), mapped(kwargs, swap), [swap(v) for v in given]
        stop = moved.grad_fn
    else:
        stop = None
    result, refusal = side.run(name, args, kwargs)
    outs = [r for r in leaves(result if result is not None else given[0]) if isinstance(r, tensors)]
    if refusal is not None or not any(r.grad_fn is not None for r in outs):
        return None
    places = [*((f"operand {i}", [t]) for i, t in enumerate(given)), ("result", outs)]
    found: set[str] = set()
    for value in saved_tensors([r.grad_fn for r in outs if r.grad_fn is not None], stop, tensors):
        if value.numel():
            found |= {place for place, there in places for t in there if value.data_ptr() == t.data_ptr()}
    return found


def saved_tensors(nodes: list, stop: object, tensors: type) -> Iterator:
    """What the nodes from these on keep."""
    seen: list = []
    while nodes:
        node = nodes.pop()
        if node is None or node is stop or node in seen:
            continue
        seen.append(node)
        if tensors is ts.Tensor:
            values = [item[0] if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], list) else item
                      for item in (node.saved or ())]  # fmt: skip
        else:
            values = [saved(node, name) for name in dir(node) if name.startswith("_saved_")]
        yield from (v for v in leaves(list(values)) if isinstance(v, tensors))
        nodes.extend(n for n, _ in node.next_functions)


def saved(node, name: str):
    try:
        return getattr(node, name)
    except RuntimeError:  # written to since
        return None
