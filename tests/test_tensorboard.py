"""SummaryWriter writes event files from tensors."""

import pytest
import tensight_runtime as torch

pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")


def test_events(tmp_path):
    from tensight_runtime.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "run") as writer:
        writer.add_scalar("loss", torch.tensor(3.0, requires_grad=True), 1)
        writer.add_scalars("both", {"a": 1, "b": torch.ones(())}, 2)
        writer.add_histogram("weights", torch.nn.Linear(2, 3).weight, 1)
        writer.add_text("note", "text")
        writer.add_hparams({"lr": 0.1}, {"accuracy": torch.tensor(0.5)})
    files = [path for path in (tmp_path / "run").rglob("events.out.tfevents.*")]
    assert files and all(path.stat().st_size > 0 for path in files)
    assert writer.get_logdir() == str(tmp_path / "run")
