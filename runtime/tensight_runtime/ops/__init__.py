"""The operator table: every operator once, a file per family.

`table()` is a value: name -> overloads, in the order they are tried.  Importing a family registers nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Final

from tensight_runtime.spec.op import InPlace, Op

FAMILIES: Final = (
    "creation", "creation_like", "ranges", "random", "random_distributions", "random_fill", "conversion", "writing",
    "inquiry", "pointwise", "pointwise_powers", "pointwise_extremes", "pointwise_unary", "pointwise_select",
    "pointwise_combine", "pointwise_logic", "complex_numbers", "pointwise_special", "activation",
    "activation_learned", "comparison", "reduction", "reduction_extremes", "reduction_ranks", "reduction_moments",
    "reduction_norms", "reduction_scans", "reduction_counts", "softmax", "normalization", "normalization_last",
    "dropout", "loss",
    "loss_more", "loss_classes", "loss_pairs", "loss_ctc", "view", "expanding", "permuting", "slicing",
    "splitting", "sectioning", "arranging",
    "indexing", "gathering", "scattering", "placing", "overwriting", "joining", "grids", "sorting", "linalg",
    "linalg_add",
    "linalg_products", "linalg_solve", "linalg_triangular", "linalg_spectral", "linalg_cholesky",
    "linalg_lstsq", "linalg_functions", "einsum",
    "convolution", "unfolding", "pooling", "adaptive", "fractional", "padding", "resize", "grid_sampling",
    "attention", "embedding",
    "recurrent_cells", "recurrent",
)  # fmt: skip

# operators of "Tensor" that are read as attributes, `x.T`
PROPERTIES: Final = frozenset({"T", "mT", "H", "mH", "real", "imag"})

# `a += b` writes into `a` where `a + b` also exists in place
AUGMENTED: Final = frozenset(
    f"__{name}__" for name in "add sub mul truediv floordiv mod pow and or xor lshift rshift".split()
)


class Table:
    """Public names -> operators.  A name declared twice by different plugins is an error that gives both."""

    def __init__(self, ops: Iterable[Op]):
        self.ops: tuple[Op, ...] = tuple(ops)
        self.by_name: dict[str, tuple[Op | InPlace, ...]] = {}
        for op in self.ops:
            for name in op.names:
                self.by_name[name] = (*self.by_name.get(name, ()), op)
        for name, ops_ in list(self.by_name.items()):
            owner, _, last = name.rpartition(".")
            derived = tuple(InPlace(o) for o in ops_ if isinstance(o, Op) and o.inplace)
            if derived and owner == "Tensor" and not last.startswith("__"):
                self.by_name.setdefault(f"Tensor.{last}_", derived)
            elif len(derived) == len(ops_) and last in AUGMENTED and owner == "Tensor":
                self.by_name.setdefault(f"Tensor.__i{last[2:]}", derived)

    def lookup(self, name: str) -> tuple[Op | InPlace, ...]:
        """The overloads of a public name, none if the table has no such operator."""
        return self.by_name.get(name, ())

    def members(self, owner: str) -> dict[str, tuple[Op | InPlace, ...]]:
        """What `owner` ("torch", "Tensor", "torch.nn.functional") has: last name -> overloads."""
        return _members(self)[owner] if owner in _members(self) else {}


@lru_cache(maxsize=8)
def _members(table: Table) -> dict[str, dict[str, tuple[Op | InPlace, ...]]]:
    owners: dict[str, dict] = {}
    for name, ops in table.by_name.items():
        owner, _, last = name.rpartition(".")
        owners.setdefault(owner, {})[last] = ops
    return owners


def builtin_ops() -> tuple[Op, ...]:
    """All operators of the families, in declaration order."""
    found: list[Op] = []
    for family in FAMILIES:
        try:
            module = import_module(f"tensight_runtime.ops.{family}")
        except ModuleNotFoundError as error:
            if error.name != f"tensight_runtime.ops.{family}":
                raise
            continue
        found.extend(v for v in vars(module).values() if isinstance(v, Op) and v.kernel.__module__ == module.__name__)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1)
def table() -> Table:
    """The table of the operators that come with Tensight."""
    return Table(builtin_ops())
