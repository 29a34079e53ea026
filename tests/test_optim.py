"""Optimizers and schedulers against torch's: parameters after some steps, state, options, rates, complaints."""

import warnings

import numpy as np
import pytest
import tensight_runtime as ours

theirs = pytest.importorskip("torch", reason="torch is not installed")

OPTIMIZERS = """
SGD(p)
SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01)
SGD(p, lr=0.1, momentum=0.9, dampening=0.5, maximize=True)
SGD(p, lr=0.1, momentum=0.9, nesterov=True)
SGD([{"params": p[:1], "lr": 0.3}, {"params": p[1:]}], lr=0.1, momentum=0.5)
SGD(zip(["a", "b"], p), lr=0.1)
Adam(p)
Adam(p, lr=0.1, betas=(0.8, 0.9), weight_decay=0.1, amsgrad=True)
Adam(p, lr=torch.tensor(0.1), maximize=True)
Adam(p, foreach=True)
AdamW(p, lr=0.1)
AdamW(p, lr=0.1, amsgrad=True, eps=1e-3, weight_decay=0.3)
RMSprop(p, lr=0.1)
RMSprop(p, lr=0.1, centered=True, momentum=0.9, weight_decay=0.1)
Adagrad(p, lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5)
Adadelta(p, rho=0.8, weight_decay=0.1)
Adamax(p, lr=0.1, weight_decay=0.1)
NAdam(p, lr=0.1, weight_decay=0.1)
NAdam(p, lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)
RAdam(p, lr=0.1, weight_decay=0.1)
RAdam(p, lr=0.1, betas=(0.5, 0.6), weight_decay=0.1, decoupled_weight_decay=True)
ASGD(p, lr=0.1, weight_decay=0.1, t0=2)
Rprop(p, lr=0.1)
LBFGS(p, lr=0.5, max_iter=4)
LBFGS(p, line_search_fn="strong_wolfe", history_size=3)
Muon(p[:1], lr=0.1)
Muon(p[:1], lr=0.1, nesterov=False, adjust_lr_fn="match_rms_adamw")
""".strip().splitlines()


def parameters(torch, text: str = "") -> list:
    rng = np.random.default_rng(0)
    # where a rounding error would grow, double precision
    dtype = np.float64 if "LBFGS" in text or "centered" in text else np.float32
    return [torch.nn.Parameter(torch.tensor(rng.standard_normal(s).astype(dtype))) for s in [(3, 4), (4,)]]


def make(torch, text: str, p: list):
    return eval("torch.optim." + text, {"torch": torch, "p": p})


def as_plain(value):
    if isinstance(value, dict):
        return {k: as_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


def check_equal(a, b):
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            check_equal(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            check_equal(x, y)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-5)
    else:
        assert a == b


@pytest.mark.parametrize("text", OPTIMIZERS)
def test_optimizer(text):
    results = []
    for torch in (ours, theirs):
        p = parameters(torch, text)
        optimizer = make(torch, text, p)
        text_before = repr(optimizer)
        losses = []
        for i in range(5):

            def closure(optimizer=optimizer, p=p, i=i):
                optimizer.zero_grad()
                # the second parameter gets no gradient in the first round
                loss = ((p[0] - 1) ** 2).sum() + (0 if i == 0 else (p[0] @ p[1] - 2).cos().sum() + p[1].sin().sum())
                loss.backward()
                return loss

            losses.append(optimizer.step(closure).item())
            if i == 2:
                # a new optimizer goes on from the saved state
                state = optimizer.state_dict()
                optimizer = make(torch, text, p)
                optimizer.load_state_dict(state)
        results.append(
            [text_before, losses, [t.tolist() for t in p], as_plain(optimizer.state_dict()), repr(optimizer)]
        )
    mine, real = results
    assert mine[0] == real[0]
    check_equal(mine[1], real[1])
    for a, b in zip(mine[2], real[2], strict=True):
        loose = 2e-2 if "Muon" in text else 1e-5  # Muon computes in bfloat16
        np.testing.assert_allclose(a, b, rtol=loose, atol=loose / 10)
    if "LBFGS" in text:
        real[3]["state"][0].pop("al")  # torch's scratch memory
        assert sorted(mine[3]["state"][0]) == sorted(real[3]["state"][0])
    elif "Muon" not in text:
        check_equal(mine[3], real[3])


SCHEDULERS = """
StepLR(o, 2)
MultiStepLR(o, [2, 4, 4])
LambdaLR(o, lambda e: 0.9**e)
LambdaLR(o, [lambda e: 0.9**e, lambda e: e])
MultiplicativeLR(o, lambda e: 0.5)
CosineAnnealingLR(o, 5, eta_min=0.01)
CosineAnnealingWarmRestarts(o, 3, 2, 0.01)
OneCycleLR(o, 0.5, 20)
OneCycleLR(o, [0.5, 0.2], epochs=4, steps_per_epoch=5, anneal_strategy="linear", three_phase=True, pct_start=0.2)
CyclicLR(o, 0.1, 0.2, 4, 3)
CyclicLR(o, 0.1, 0.2, 4, mode="triangular2")
CyclicLR(o, 0.1, 0.2, 4, mode="exp_range", gamma=0.9, cycle_momentum=False)
CyclicLR(o, 0.1, 0.2, 4, scale_fn=lambda x: 0.8**x)
LinearLR(o)
LinearLR(o, 0.1, 0.8, 7)
ConstantLR(o, 0.2, 4)
PolynomialLR(o, 6, 2.0)
ExponentialLR(o, 0.9)
SequentialLR(o, [L.LinearLR(o), L.ConstantLR(o)], [3])
SequentialLR(o, [L.LinearLR(o, 0.1, total_iters=4), L.CosineAnnealingLR(o, 10), L.ExponentialLR(o, 0.9)], [4, 9])
SequentialLR(o, [L.LinearLR(o), L.CosineAnnealingWarmRestarts(o, 3)], [3])
SequentialLR(o, [L.SequentialLR(o, [L.LinearLR(o), L.StepLR(o, 2)], [3]), L.ExponentialLR(o, 0.9)], [5])
ChainedScheduler([L.LinearLR(o), L.ExponentialLR(o, 0.9)])
SWALR(o, 0.05, anneal_epochs=5)
SWALR(o, [0.05, 0.3], anneal_epochs=4, anneal_strategy="linear")
""".strip().splitlines()


def optimizer(torch, kind="SGD"):
    p = parameters(torch)
    options = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(torch.optim, kind)([{"params": p[:1]}, {"params": p[1:], "lr": 0.3}], lr=0.1, **options)


def schedule(torch, text: str, o):
    L = torch.optim.lr_scheduler
    home = "torch.optim.swa_utils." if "SWALR" in text else "L."
    return eval(home + text, {"torch": torch, "L": L, "o": o})


def plain_state(state: dict) -> dict:
    drop = ("_get_lr_called_within_step", "anneal_func", "_anneal_func")
    return {
        k: [plain_state(s) for s in v] if k == "_schedulers" else dict(v) if hasattr(v, "elements") else v
        for k, v in state.items()
        if k not in drop
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("text", SCHEDULERS)
def test_scheduler(text, kind):
    results = []
    for torch in (ours, theirs):
        o = optimizer(torch, kind)
        scheduler = schedule(torch, text, o)
        seen = []
        for _ in range(18):
            seen.append([g["lr"] for g in o.param_groups] + scheduler.get_last_lr())
            seen.append([g.get("momentum", g.get("betas")) for g in o.param_groups])
            scheduler.step()
        state = plain_state(scheduler.state_dict())
        if "SWALR" in text:
            state.pop("_anneal_strategy", None)
        results.append((seen, state))
    check_equal([list(x) for x in results[0][0]], [list(x) for x in results[1][0]])
    if "SWALR" not in text:
        assert sorted(results[0][1]) == sorted(results[1][1])


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau(mode, threshold_mode):
    results = []
    for torch in (ours, theirs):
        o = optimizer(torch)
        s = torch.optim.lr_scheduler.ReduceLROnPlateau(
            o, mode, 0.5, 1, threshold=0.1, threshold_mode=threshold_mode, cooldown=1, min_lr=[0.01, 0.02]
        )
        seen = []
        for metric in [3, 2, 1.95, 1.9, 1.9, 1.9, 1.0, 1.0, 1.0, 1.0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]:
            s.step(torch.tensor(metric) if metric == 2 else metric)
            seen.append(s.get_last_lr())
        results.append((seen, s.state_dict()))
    assert results[0] == results[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "text", [t for t in SCHEDULERS if not t.startswith(("Sequential", "Chained", "SWALR", "OneCycle"))]
)
def test_resumed_scheduler(text):
    """Made with `last_epoch`, and stepped to an epoch."""
    results = []
    for torch in (ours, theirs):
        o = optimizer(torch)
        for group in o.param_groups:
            group["initial_lr"] = group["lr"] * 2
            group["base_momentum"], group["max_momentum"] = 0.8, 0.9
        s = schedule(torch, text[:-1] + ", last_epoch=3)", o)
        seen = [s.get_last_lr()]
        for epoch in (None, None, 7, None):
            s.step(epoch) if epoch else s.step()
            seen.append(s.get_last_lr())
        results.append(seen)
    check_equal(results[0], results[1])


REFUSED = """
SGD([], lr=1)
SGD(p[0], lr=1)
SGD(p, lr=-1)
SGD(p, momentum=-1)
SGD(p, weight_decay=-1)
SGD(p, nesterov=True)
SGD([3])
SGD([p[0] * 2])
SGD([{"params": p}, {"params": p}])
SGD([{"a": p}])
SGD([{"params": set(p)}])
SGD({"params": p})
SGD(p).load_state_dict({})
SGD(p).load_state_dict({"param_groups": [], "state": {}})
SGD(p).load_state_dict({"param_groups": [{"params": [0, 1, 2]}], "state": {}})
SGD(p).add_param_group(3)
Adam(p, betas=(2, 2))
Adam(p, betas=(0.2, 2))
Adam(p, eps=-1)
Adam(p, weight_decay=-1)
Adam(p, fused=True, foreach=True)
RMSprop(p, alpha=-1)
Adagrad(p, lr_decay=-1)
Adagrad(p, initial_accumulator_value=-1)
Adadelta(p, rho=2)
NAdam(p, momentum_decay=-2)
Rprop(p, etas=(3, 2))
LBFGS([{"params": p[:1]}, {"params": p[1:]}])
Muon(p)
Optimizer(p, {"lr": 1}).foo
lr_scheduler.StepLR(3, 2)
lr_scheduler.LambdaLR(o, [lambda e: e] * 3)
lr_scheduler.StepLR(o, 2, last_epoch=3)
lr_scheduler.LinearLR(o, 2)
lr_scheduler.LinearLR(o, 0.2, 2)
lr_scheduler.ConstantLR(o, 2)
lr_scheduler.ReduceLROnPlateau(o, factor=2)
lr_scheduler.ReduceLROnPlateau(o, mode="x")
lr_scheduler.ReduceLROnPlateau(o, threshold_mode="x")
lr_scheduler.ReduceLROnPlateau(o, min_lr=[1, 2, 3])
lr_scheduler.ReduceLROnPlateau(o).step()
lr_scheduler.OneCycleLR(o, 0.1)
lr_scheduler.OneCycleLR(o, 0.1, -1)
lr_scheduler.OneCycleLR(o, 0.1, 10, pct_start=3)
lr_scheduler.OneCycleLR(o, 0.1, 10, anneal_strategy="x")
lr_scheduler.OneCycleLR(o, [0.1], 10)
lr_scheduler.OneCycleLR(Rprop(p), 0.1, 10)
lr_scheduler.CyclicLR(Rprop(p), 0.1, 10)
lr_scheduler.CyclicLR(o, 0.1, 0.2, mode="x")
lr_scheduler.CyclicLR(o, [0.1], 0.2)
lr_scheduler.SequentialLR(o, [], [3])
lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o)], [3])
lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o), lr_scheduler.LinearLR(SGD(p))], [3])
lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o), lr_scheduler.ReduceLROnPlateau(o)], [3])
lr_scheduler.ChainedScheduler([])
lr_scheduler.CosineAnnealingWarmRestarts(o, 0)
lr_scheduler.CosineAnnealingWarmRestarts(o, 2, 0.5)
lr_scheduler.CosineAnnealingWarmRestarts(o, 2).step(-3)
""".strip().splitlines()


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    said = []
    for torch in (theirs, ours):
        scope = {n: getattr(torch.optim, n) for n in dir(torch.optim) if n[0].isupper()}
        scope |= {"p": parameters(torch), "o": optimizer(torch), "lr_scheduler": torch.optim.lr_scheduler}
        with pytest.raises(Exception) as error, warnings.catch_warnings():  # noqa: B017
            warnings.simplefilter("ignore")
            eval(text, scope)
        said.append((error.type.__mro__[-3], str(error.value)))
    assert said[1] == said[0]


def test_averaged_model():
    results = []
    for torch in (ours, theirs):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
        utils = torch.optim.swa_utils
        mean = utils.AveragedModel(model)
        moving = utils.AveragedModel(model, multi_avg_fn=utils.get_ema_multi_avg_fn(0.9), use_buffers=True)
        for i in range(3):
            with torch.no_grad():
                model[0].weight.add_(i + 1)
                model(torch.ones(2, 3) * i)
            mean.update_parameters(model)
            moving.update_parameters(model)
        data = [torch.arange(6.0).reshape(2, 3), torch.ones(2, 3)]
        utils.update_bn(data, mean)
        results.append([as_plain(mean.state_dict()), as_plain(moving.state_dict())])
    check_equal(results[0], results[1])
