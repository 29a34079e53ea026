"""Tensors as objects: what they tell, convert to, print, refuse; files; the lazy package."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import tensight_runtime as ts
from snippets import agrees, cases, says


@pytest.mark.parametrize("program, expected", cases("engine_snippets.txt"))
def test_says_what_torch_says(program: str, expected: str):
    answer = says(program, ts)
    assert agrees(answer, expected), answer


@pytest.mark.parametrize("program, expected", cases("engine_snippets.txt"))
def test_torch_says_so(program: str, expected: str):
    torch = pytest.importorskip("torch")
    answer = says(program, torch)
    assert agrees(answer, expected), answer


def test_importing_the_package_loads_no_array_library():
    run("import sys, tensight_runtime, tensight_runtime.ops; assert 'numpy' not in sys.modules, 'numpy was loaded'")


def test_a_missing_name_says_whose_it_is():
    with pytest.raises(AttributeError, match="torch.nothing_of_the_kind is not in tensight_runtime"):
        ts.nothing_of_the_kind  # noqa: B018
    with pytest.raises(NotImplementedError):
        ts.nothing_of_the_kind  # noqa: B018
    assert getattr(ts, "nothing_of_the_kind", 3) == 3


def test_standin_makes_torch_mean_this_package():
    run(
        "from tensight_runtime import standin; standin.install();"
        "import torch, torch.autograd as a, tensight_runtime; from torch.autograd import functional;"
        "assert torch is tensight_runtime and a is torch.autograd and functional is a.functional"
    )


def run(program: str) -> None:
    """Run a program in an interpreter of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def everything(torch, parameter) -> dict:
    """One of each kind of value a checkpoint holds."""
    whole = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    return {
        "state": OrderedDict(
            whole=whole, part=whole[1:], turned=whole.t(), ints=torch.arange(3), flags=torch.tensor([True, False]),
            bf16=torch.tensor([1.5, 2.25]).to(torch.bfloat16), f16=torch.ones(2, dtype=torch.float16),
            empty=torch.zeros(0, 3), scalar=torch.tensor(2.5), complex=torch.ones(2, dtype=torch.complex64),
        ),
        "plain": [1, 2.5, "x", None, (1, 2), {3}, True, 2**40],
        "dtype": torch.float32, "size": whole.shape, "device": torch.device("cpu"),
        "leaf": torch.ones(2, requires_grad=True), "parameter": parameter(torch.ones(2)),
    }  # fmt: skip


def test_saved_objects_come_back():
    file = io.BytesIO()
    ts.save(everything(ts, ts.engine.Parameter), file)
    found = ts.load(file)
    assert repr(found) == repr(everything(ts, ts.engine.Parameter))
    found["state"]["whole"][1, 0] = -1.0
    assert found["state"]["part"][0, 0] == -1.0, "views share their storage again"


def test_real_torch_reads_our_files_and_we_read_its(tmp_path):
    torch = pytest.importorskip("torch")
    ours, theirs = everything(ts, ts.engine.Parameter), everything(torch, torch.nn.Parameter)
    ts.save(ours, tmp_path / "ours.pt")
    assert repr(torch.load(tmp_path / "ours.pt")) == repr(theirs)
    torch.save(theirs, tmp_path / "theirs.pt")
    assert repr(ts.load(tmp_path / "theirs.pt")) == repr(ours)


class Harmful:
    def __reduce__(self):
        return print, ("this must not be printed",)


def test_loading_runs_nothing_the_file_names(capsys):
    file = io.BytesIO()
    ts.save({"a": Harmful()}, file)
    with pytest.raises(Exception, match="Unsupported global: GLOBAL .*print was not an allowed global"):
        ts.load(file)
    assert capsys.readouterr().out == ""


def test_other_formats_are_refused():
    with pytest.raises(NotImplementedError, match="ZIP format only"):
        ts.load(io.BytesIO(b"not a checkpoint"))


def test_a_new_tensor_has_memory_of_its_own():
    a = ts.ones(3)
    for b in (a.clone(), a + 0, a.to(ts.float64), a.abs(), ts.cat([a])):
        assert not np.shares_memory(a.numpy(), b.numpy())


def test_plans_forget_the_old_default_dtype():
    a = ts.arange(3)
    assert (a * 0.5).dtype is ts.float32
    ts.set_default_dtype(ts.float64)
    try:
        assert (a * 0.5).dtype is ts.float64
    finally:
        ts.set_default_dtype(ts.float32)
    assert (a * 0.5).dtype is ts.float32


def test_printing_agrees_with_torch_on_random_tensors():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for shape in ((), (5,), (2, 0), (30,), (3, 40), (2, 3, 4), (1200,), (50, 50)):
        for scale in (1, 1e-5, 1e5, 1e9, 100):
            for dtype in ("float32", "float64", "int64", "float16", "complex64", "bool"):
                with np.errstate(all="ignore"):
                    array = np.asarray(np.asarray(rng.normal(size=shape) * scale).astype(dtype))
                assert repr(ts.from_numpy(array)) == repr(torch.from_numpy(array.copy()))


def test_the_stub_of_the_methods_is_fresh():
    from tensight_runtime.engine import stub

    committed = Path(stub.__file__).with_name("methods.pyi").read_text()
    assert committed == stub.stub(), "write what `python -m tensight_runtime.engine.stub` prints into methods.pyi"
