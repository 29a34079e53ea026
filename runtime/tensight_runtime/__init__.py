"""Tensight's runtime: PyTorch's core on NumPy and CuPy.

    import tensight_runtime as torch

Names are found at their first use, so that importing the package loads neither NumPy nor the engine: the analyzer reads
`tensight_runtime.spec` and `.ops` through it.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "2.13.0+tensight"

# where names are that are neither operators nor submodules
_MODULES = {
    "engine.tensor": "Tensor",
    "engine.meta": "Size",
    "engine.layout": """
        strided sparse_coo sparse_csr contiguous_format preserve_format channels_last channels_last_3d layout
        memory_format
    """,
    "engine.modes": "no_grad enable_grad set_grad_enabled inference_mode",
    "engine.state": """
        is_grad_enabled is_inference_mode_enabled is_autocast_enabled get_default_dtype set_default_dtype
        get_default_device
    """,
    "engine.random": "Generator default_generator seed initial_seed",
    "engine.printing": "set_printoptions",
    "engine.serialization": "save load",
    "engine.info": "finfo iinfo",
    "engine.core": """
        manual_seed get_rng_state set_rng_state is_tensor is_storage is_floating_point is_complex is_signed is_conj
        is_inference is_nonzero numel can_cast promote_types result_type broadcast_shapes from_numpy typename compile
        vmap dtype device set_default_device set_default_tensor_type get_num_threads set_num_threads
        get_num_interop_threads
        set_num_interop_threads use_deterministic_algorithms are_deterministic_algorithms_enabled
        is_deterministic_algorithms_warn_only_enabled set_float32_matmul_precision get_float32_matmul_precision
        set_flush_denormal FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor
        CharTensor ByteTensor BoolTensor
    """,
    "amp": "autocast",
}
_HOMES = {name: f"tensight_runtime.{module}" for module, names in _MODULES.items() for name in names.split()}
_DTYPES = (
    "uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 half float double short int "
    "long cfloat "
    "cdouble bool"
).split()
_CONSTANTS = {
    "inf": float("inf"),
    "nan": float("nan"),
    "pi": 3.141592653589793,
    "e": 2.718281828459045,
    "newaxis": None,
}
_SUBMODULES = frozenset(
    "amp autograd backends cuda distributions engine fft func jit linalg mps nn ops optim random return_types "
    "serialization "
    "special spec testing types utils version".split()
)


def __getattr__(name: str) -> object:
    found = _find(name)
    globals()[name] = found
    return found


def _find(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _DTYPES:
        return import_module("tensight_runtime.spec.dtype").BY_NAME[name]
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in _SUBMODULES:
        try:
            return import_module(f"tensight_runtime.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"tensight_runtime.{name}":
                raise
            raise _missing(name) from None
    if name.startswith("__"):
        raise AttributeError(f"module 'tensight_runtime' has no attribute '{name}'")
    import_module("tensight_runtime.engine")
    function = import_module("tensight_runtime.engine.methods").function(f"torch.{name}")
    if function is None:
        raise _missing(name)
    return function


def _missing(name: str) -> AttributeError:
    return import_module("tensight_runtime.engine.missing").Missing(f"torch.{name} is not in tensight_runtime")


def __dir__() -> list[str]:
    table = import_module("tensight_runtime.ops").table()
    names = {*globals(), *_HOMES, *_DTYPES, *_CONSTANTS, *_SUBMODULES, *table.members("torch")}
    return sorted(n for n in names if not n.startswith("_") or n == "__version__")
