"""Distributions against torch's: draws from one seed, densities, entropies, gradients, divergences, complaints."""

import numpy as np
import pytest
import tensight_runtime as ours

theirs = pytest.importorskip("torch", reason="torch is not installed")

DISTRIBUTIONS = """
Normal(0.0, 1.0)
Normal(torch.zeros(3), torch.tensor([1.0, 2.0, 0.5]))
Normal(torch.zeros(2, 1), torch.ones(3))
LogNormal(torch.zeros(3), 0.5)
Uniform(torch.zeros(3), 2.0)
Exponential(torch.tensor([0.5, 2.0]))
Laplace(torch.zeros(3), 2.0)
Categorical(torch.tensor([0.2, 0.3, 0.5]))
Categorical(logits=torch.arange(6.0).reshape(2, 3))
Bernoulli(torch.tensor([0.2, 0.7]))
Bernoulli(logits=torch.tensor([0.2, -0.7]))
Bernoulli(0.3)
Independent(Normal(torch.zeros(2, 3), 1.5), 1)
Independent(Bernoulli(torch.full((2, 3), 0.3)), 2)
""".strip().splitlines()


def scope(torch) -> dict:
    return {n: getattr(torch.distributions, n) for n in dir(torch.distributions) if n[0].isupper()} | {
        "torch": torch,
        "kl_divergence": torch.distributions.kl_divergence,
    }


@pytest.mark.parametrize("text", DISTRIBUTIONS)
def test_distribution(text):
    results = []
    for torch in (ours, theirs):
        d = eval(text, scope(torch))
        torch.manual_seed(3)
        x = d.sample((4,))
        facts = [repr(d), tuple(d.batch_shape), tuple(d.event_shape), d.has_rsample, str(x.dtype), x.requires_grad]
        if hasattr(d, "probs"):
            facts.append(repr(d))
        values = [x, d.sample(), d.log_prob(x), d.entropy(), d.mean, d.variance, d.stddev]
        if d.has_rsample:
            values.append(d.rsample((2,)))
        if text.startswith(("Normal", "Uniform", "Exp", "Laplace")):
            values += [d.cdf(x), d.icdf(torch.tensor(0.3))]
        if text.startswith(("Cat", "Bern")):
            values += [d.probs, d.logits]
        results.append((facts, [v.numpy() for v in values]))
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


EXPRESSIONS = """
kl_divergence(Normal(a, 1.0), Normal(0.5, b))
kl_divergence(Categorical(logits=a), Categorical(b))
kl_divergence(Bernoulli(logits=a), Bernoulli(torch.sigmoid(b)))
kl_divergence(Laplace(a, 1.0), Laplace(0.5, b))
kl_divergence(Exponential(b), Exponential(b * 2))
kl_divergence(Uniform(a, a + 1), Uniform(a - 1, a + b + 2))
kl_divergence(Independent(Normal(a, 1.0), 1), Independent(Normal(0.5, b), 1))
Normal(a, b).rsample((5,))
Normal(a, b).log_prob(b)
Normal(a, b).expand((2, 3)).log_prob(torch.ones(3)).sum(0)
Categorical(logits=a).log_prob(torch.tensor([0, 2, 2]))
Categorical(logits=a).expand((4,)).entropy()
Bernoulli(logits=a).log_prob(torch.ones(3))
Uniform(a, a + b).rsample((2,))
Laplace(a, b).rsample((2,))
Exponential(b).rsample((2,))
""".strip().splitlines()


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_gradient(text):
    results = []
    for torch in (ours, theirs):
        torch.manual_seed(0)
        a = torch.tensor([0.3, -1.0, 2.0], requires_grad=True)
        b = torch.tensor([0.5, 1.5, 1.0], requires_grad=True)
        value = eval(text, scope(torch) | {"a": a, "b": b})
        (value * torch.arange(value.numel()).reshape(value.shape).cos()).sum().backward()
        grads = [None if t.grad is None else t.grad.tolist() for t in (a, b)]
        results.append((value.tolist(), [g if g is None else pytest.approx(g, abs=1e-5) for g in grads], grads))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-5)
    assert results[0][2] == results[1][1]


REFUSED = """
Normal(0.0, -1.0)
Normal(torch.zeros(2), torch.tensor([1.0, float("nan")]))
Uniform(1.0, 0.0)
Categorical()
Categorical(torch.tensor(0.5))
Categorical(torch.tensor([-0.5, 1.5]))
Bernoulli(torch.tensor([1.5]))
Normal(0.0, 1.0).log_prob(3)
Normal(torch.zeros(3), 1.0).log_prob(torch.ones(2))
Categorical(torch.ones(3)).log_prob(torch.tensor(3))
Bernoulli(0.5).log_prob(torch.tensor(0.5))
Bernoulli(0.5).rsample()
Independent(Normal(torch.zeros(3), 1.0), 2)
Independent(Normal(torch.zeros(3), 1.0), 1).log_prob(torch.ones(2))
kl_divergence(Normal(0.0, 1.0), Categorical(torch.ones(2)))
""".strip().splitlines()


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    said = []
    for torch in (theirs, ours):
        with pytest.raises(Exception) as error:  # noqa: B017
            eval(text, scope(torch))
        said.append((error.type.__name__, str(error.value)))
    assert said[1] == said[0]
