"""The tape: gradients, hooks, in-place writes, views, and what torch refuses, in its words."""

from __future__ import annotations

import gc
import weakref

import pytest
import tensight_runtime as ts
from snippets import agrees, cases, says


@pytest.mark.parametrize("program, expected", cases("autograd_snippets.txt"))
def test_says_what_torch_says(program: str, expected: str):
    answer = says(program, ts)
    assert agrees(answer, expected), answer


@pytest.mark.parametrize("program, expected", cases("autograd_snippets.txt"))
def test_torch_says_so(program: str, expected: str):
    torch = pytest.importorskip("torch")
    answer = says(program, torch)
    assert agrees(answer, expected), answer


def test_a_graph_holds_no_cycles():
    x = ts.ones(3, requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        y = (x.exp() * 2).tanh().softmax(0)
        y += 1
        y[0].mul_(2)
        seen = weakref.ref(y)
        del y
        assert seen() is None, "memory must not wait for the garbage collector"
    finally:
        gc.enable()


def test_backward_releases_what_was_saved():
    x = ts.ones(3, requires_grad=True)
    middle = x * 2
    seen = weakref.ref(middle)
    loss = (middle * middle).sum()
    del middle
    assert seen() is not None
    loss.backward()
    assert seen() is None


@pytest.mark.parametrize("function", [
    lambda a, b: (a @ b.T).tanh().sum(1) * a[:, 0],
    lambda a, b: ts.cat([a, b]).softmax(1).log() * ts.stack([a, b]).mean(0).sum(),
    lambda a, b: (a / (b * b + 1)).exp().cumsum(0).prod(1),
    lambda a, b: a.clone().t().mul_(b.t()).add_(a.t()).t().sigmoid(),
])  # fmt: skip
def test_gradients_are_finite_differences(function):
    ts.manual_seed(0)
    a = ts.randn(2, 3, dtype=ts.float64, requires_grad=True)
    b = ts.randn(2, 3, dtype=ts.float64, requires_grad=True)
    assert ts.autograd.gradcheck(function, (a, b))
    assert ts.autograd.gradgradcheck(function, (a, b))


def test_gradcheck_finds_a_wrong_derivative():
    class Wrong(ts.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, g):
            return g * 2

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        ts.autograd.gradcheck(Wrong.apply, ts.ones(3, dtype=ts.float64, requires_grad=True))


def test_deep_graphs_need_no_recursion():
    x = y = ts.ones(2, requires_grad=True)
    for _ in range(30_000):
        y = y * 1.0
    y.sum().backward()
    del y
    assert x.grad.tolist() == [1.0, 1.0]
