"""The engine: Tensor over NumPy and CuPy arrays, and the tape.

Importing it loads NumPy and the operator table; `tensight_runtime` does so at the first use of a name that needs it.
"""

from tensight_runtime.engine.methods import install
from tensight_runtime.engine.tensor import Buffer, Parameter, Tensor, from_array

install()

__all__ = ["Buffer", "Parameter", "Tensor", "from_array"]
