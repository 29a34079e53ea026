"""Tensight's runtime: PyTorch's core on NumPy and CuPy."""
