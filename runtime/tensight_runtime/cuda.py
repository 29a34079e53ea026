"""torch.cuda over CuPy: unavailable, and saying so, where CuPy finds no device."""

from __future__ import annotations

from tensight_runtime.spec.device import Device, parse_device


def is_available() -> bool:
    """Whether CuPy is installed and finds a GPU."""
    return device_count() > 0


def device_count() -> int:
    """The number of GPUs."""
    cupy = _cupy()
    return 0 if cupy is None else cupy.cuda.runtime.getDeviceCount()


def is_initialized() -> bool:
    """Whether a GPU is in use."""
    return is_available()


def init() -> None:
    """Nothing to do."""


def current_device() -> int:
    """The index of the GPU that is used."""
    return _required().cuda.Device().id


def set_device(device: object) -> None:
    """Use this GPU from now on."""
    index = device if isinstance(device, int) else parse_device(device).index or 0
    if index >= 0:
        _required().cuda.Device(index).use()


def get_device_name(device: object = None) -> str:
    """The GPU's name."""
    return _required().cuda.runtime.getDeviceProperties(_index(device))["name"].decode()


def get_device_capability(device: object = None) -> tuple[int, int]:
    """Major and minor number of what the GPU can do."""
    found = _required().cuda.Device(_index(device)).compute_capability
    return int(found[:-1]), int(found[-1])


def synchronize(device: object = None) -> None:
    """Wait for the GPU."""
    cupy = _cupy()
    if cupy is not None:
        cupy.cuda.Device(_index(device)).synchronize()


def empty_cache() -> None:
    """Give unused memory back to the GPU."""
    cupy = _cupy()
    if cupy is not None:
        cupy.get_default_memory_pool().free_all_blocks()


def memory_allocated(device: object = None) -> int:
    """Bytes in use on the GPU."""
    cupy = _cupy()
    return 0 if cupy is None else cupy.get_default_memory_pool().used_bytes()


def memory_reserved(device: object = None) -> int:
    """Bytes held on the GPU."""
    cupy = _cupy()
    return 0 if cupy is None else cupy.get_default_memory_pool().total_bytes()


def max_memory_allocated(device: object = None) -> int:
    """Bytes in use on the GPU; the maximum is not recorded."""
    return memory_allocated(device)


def max_memory_reserved(device: object = None) -> int:
    """Bytes held on the GPU; the maximum is not recorded."""
    return memory_reserved(device)


def reset_peak_memory_stats(device: object = None) -> None:
    """Nothing is recorded."""


def manual_seed(seed: int) -> None:
    """Random numbers are drawn on the CPU: torch.manual_seed covers the GPUs."""


manual_seed_all = manual_seed


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """bfloat16 is carried by float32 everywhere."""
    return is_available()


class device:
    """`with torch.cuda.device(1):` uses that GPU inside."""

    def __init__(self, device: object):
        self.index = _index(device)

    def __enter__(self) -> None:
        self.previous = current_device() if is_available() else -1
        if self.previous >= 0:
            set_device(self.index)

    def __exit__(self, kind, value, traceback) -> None:
        if self.previous >= 0:
            set_device(self.previous)


def _index(device: object) -> int:
    if device is None:
        cupy = _cupy()
        return 0 if cupy is None else cupy.cuda.Device().id
    if isinstance(device, int):
        return device
    found: Device = parse_device(device)
    return found.index or 0


def _cupy():
    from tensight_runtime.engine.arrays import cupy_or_none

    return cupy_or_none()


def _required():
    cupy = _cupy()
    if cupy is None:
        raise AssertionError("Torch not compiled with CUDA enabled")
    return cupy


def __getattr__(name: str):
    if name == "amp":
        from tensight_runtime import amp

        return amp
    raise AttributeError(f"module 'torch.cuda' has no attribute '{name}'")
