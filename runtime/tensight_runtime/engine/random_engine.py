"""The engine under random.py's Generator: MT19937 with torch's seeding, state bytes and raw outputs."""

from __future__ import annotations

import math
import operator
import os
from typing import Self

import numpy as np

Shape = int | tuple[int, ...]

DEFAULT_SEED = 67280421310721


class Engine:
    """Seeding and state of torch.Generator, and the draws that its distributions are made of."""

    def __init__(self, device: str = "cpu") -> None:
        if str(device) != "cpu":
            raise RuntimeError(f"Device type {device} is not supported for torch.Generator() api.")
        self.device = "cpu"
        self._bits = np.random.MT19937(0)
        self.manual_seed(DEFAULT_SEED)

    # State

    def manual_seed(self, seed: int) -> Self:
        """Restarts the sequence from `seed`, an int in [-2**63, 2**64) (negative: + 2**64); returns the generator.

        Only the lowest 32 bits reach the engine, as in torch. ValueError outside the range, RuntimeError for a
        value that is not an int.
        """
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        seed = operator.index(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = seed % 2**64
        # RandomState's own seeding is torch's; it works on the bit generator it is given.
        np.random.RandomState(self._bits).seed(self._seed & 0xFFFFFFFF)
        self._next_normal: float | None = None
        return self

    def seed(self) -> int:
        """Restarts from a seed of the operating system's randomness; returns that seed (64 bits)."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed last set, in [0, 2**64)."""
        return self._seed

    def get_state(self) -> np.ndarray:
        """The state as torch lays it out: uint8 array of shape (5056,)."""
        engine = self._bits.state["state"]
        key, position = engine["key"], engine["pos"]
        state = np.zeros(1, _STATE)
        state["seed"] = self._seed
        state["seeded"] = 1
        state["left"] = 625 - position
        # NumPy's position is 624 both just after seeding and when all words are used; torch says 0 and 624. The
        # words still follow the seeding recurrence only in the first case.
        first = int(key[0])
        fresh = position == 624 and int(key[1]) == (1812433253 * (first ^ (first >> 30)) + 1) & 0xFFFFFFFF
        state["next"] = 0 if fresh else position
        state["words"] = key
        if self._next_normal is not None:
            state["normal_y"] = self._next_normal
            state["normal_is_valid"] = 1
        return state.view(np.uint8)

    def set_state(self, new_state: np.ndarray) -> None:
        """Takes over a state from get_state (torch's or this one's): uint8 array of shape (5056,).

        TypeError for anything but a uint8 array, RuntimeError for a wrong size or an impossible engine state.
        """
        if not isinstance(new_state, np.ndarray):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        if new_state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if new_state.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the input RNG state size to be "
                f"{new_state.size}"
            )
        state = np.ascontiguousarray(new_state).reshape(-1).view(_STATE)[0]
        if not (state["seeded"] == 1 and 0 < state["left"] <= 624 and state["next"] <= 624):
            raise RuntimeError("Invalid mt19937 state")
        self._seed = int(state["seed"])
        words = state["words"].astype(np.uint32)
        self._bits.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": 625 - int(state["left"])}}
        self._next_normal = float(state["normal_y"]) if state["normal_is_valid"] else None

    def clone_state(self) -> Self:
        """A new generator in the same state."""
        clone = type(self)()
        clone.set_state(self.get_state())
        return clone

    # Draws, for the distributions

    def _draws32(self, n: int) -> np.ndarray:
        """n 32-bit outputs, as uint64."""
        return self._bits.random_raw(n)

    def _draws24(self, n: int) -> np.ndarray:
        """The lowest 24 bits of n outputs, as uint64."""
        draws = self._bits.random_raw(n)
        draws &= _MASK_24
        return draws

    def _draws64(self, n: int) -> np.ndarray:
        """n 64-bit values, the earlier output in the high half."""
        halves = self._bits.random_raw(2 * n)
        values = halves[::2] << _THIRTY_TWO
        values |= halves[1::2]
        return values

    def _uniform24(self, n: int) -> np.ndarray:
        """n multiples of 2**-24 in [0, 1), float32, one output each."""
        values = self._draws24(n).astype(np.float32)
        values *= _SCALE_24
        return values

    def _uniform53(self, n: int) -> np.ndarray:
        """n multiples of 2**-53 in [0, 1), float64, two outputs each."""
        draws = self._draws64(n)
        draws &= _MASK_53
        values = draws.astype(np.float64)
        values *= _SCALE_53
        return values

    def _in_passes(self, n: int, dtype: np.dtype, draw) -> np.ndarray:
        """draw(n) as a flat array, over as many passes as keep the work arrays in a core's caches."""
        if n <= _PASS:
            return draw(n).astype(dtype, copy=False)
        values = np.empty(n, dtype)
        for start in range(0, n, _PASS):
            stop = min(start + _PASS, n)
            values[start:stop] = draw(stop - start)
        return values


def count(shape: Shape) -> int:
    """The number of elements of a shape."""
    return math.prod(shape) if isinstance(shape, tuple) else shape


# torch's state bytes (little endian); the fields left out stay zero.
_STATE = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "words", "normal_y", "normal_is_valid"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", 624), "<f8", "<i4"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040],
        "itemsize": 5056,
    }
)
_PASS = 1 << 15
_MASK_24, _MASK_53, _THIRTY_TWO = (np.array(value, np.uint64) for value in (2**24 - 1, 2**53 - 1, 32))
_SCALE_24, _SCALE_53 = np.array(2.0**-24, np.float32), np.array(2.0**-53)
