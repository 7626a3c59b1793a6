"""VAE: bound and gradients against a twin on torch.distributions; what the encoder learns through z."""

from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from lecture_utils.generative import autoencoder, elbo, vae
from tests.mutants import planted
from tests.parity import liven, parity_gap

pytestmark = pytest.mark.system("S15.3")
SIZES = {"size": 8, "channels": 2, "widths": (5, 7)}
LATENT, BATCH = 3, 4


def small(module: ModuleType = vae, **settings) -> nn.Module:
    torch.manual_seed(0)
    encoder, decoder = autoencoder.Encoder(2 * LATENT, **SIZES), autoencoder.Decoder(LATENT, **SIZES)
    return module.VAE(encoder, decoder, **settings)


def drawn() -> tuple[Tensor, Tensor, Tensor]:
    """Two batches of pictures and noise for one, float64."""
    made = torch.Generator().manual_seed(1)
    x, other = torch.rand(2, BATCH, 2, 8, 8, generator=made, dtype=torch.float64)
    return x, other, torch.randn(BATCH, LATENT, generator=made, dtype=torch.float64)


def twin(model: nn.Module, x: Tensor, noise: Tensor, beta: float) -> tuple[Tensor, Tensor, Tensor]:
    """The bound and its terms (B,) from torch's layers and distributions, with this model's weights."""
    down, head = model.encoder.convs, model.encoder.head
    outputs = nn.Sequential(down[0], nn.SiLU(), down[1], nn.SiLU(), nn.Flatten(), head)(x)
    q = Independent(Normal(outputs[:, :LATENT], (0.5 * outputs[:, LATENT:]).exp()), 1)
    z = q.base_dist.loc + q.base_dist.scale * noise
    up, stem = model.decoder.convs, model.decoder.stem
    logits = nn.Sequential(stem, nn.Unflatten(1, (7, 2, 2)), nn.SiLU(), up[0], nn.SiLU(), up[1])(z)
    if model.likelihood == "bernoulli":
        p = Independent(Bernoulli(logits=logits, validate_args=False), 3)
    else:
        p = Independent(Normal(torch.sigmoid(logits), model.deviation), 3)
    prior = Independent(Normal(torch.zeros(LATENT, dtype=x.dtype), torch.ones(LATENT, dtype=x.dtype)), 1)
    kl = kl_divergence(q, prior)
    return p.log_prob(x) - beta * kl, p.log_prob(x), kl


def assert_like_twin(module: ModuleType, likelihood: str, beta: float) -> None:
    """Assert the bound, its terms and all gradients; two pictures must differ, and each weight count."""
    x, other, noise = drawn()
    model = small(module, likelihood=likelihood, deviation=0.4).double()
    model.noise = noise
    liven(_Terms(module, model, noise, beta), x, other)
    parameters = list(model.parameters())
    for ours, theirs in zip(
        module.elbo(model, x, noise, beta=beta), twin(model, x, noise, beta), strict=True
    ):
        assert parity_gap(ours, theirs) < 1e-9
        got = torch.autograd.grad(ours.sum(), parameters, retain_graph=True, allow_unused=True)
        want = torch.autograd.grad(theirs.sum(), parameters, retain_graph=True, allow_unused=True)
        for one, other_one in zip(got, want, strict=True):
            assert (one is None) == (other_one is None)
            assert one is None or parity_gap(one, other_one) < 1e-7
    means, _ = model.encode(x)
    torch.testing.assert_close(model(x, noise), model.decode(elbo.reparameterise(means, _, noise)))


class _Terms(nn.Module):
    """A VAE as a map from pictures to the two terms of its bound, to be made lively."""

    def __init__(self, module: ModuleType, model: nn.Module, noise: Tensor, beta: float) -> None:
        super().__init__()
        self.model, self.noise, self.module, self.beta = model, noise, module, beta

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(self.module.elbo(self.model, x, self.noise, beta=self.beta)[1:])


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_bound_and_gradients_are_those_of_the_twin(likelihood, beta):
    assert_like_twin(vae, likelihood, beta)


@pytest.mark.parametrize(
    "fault",
    [
        ("log_likelihood - beta * kl", "log_likelihood - kl"),
        (
            "z = reparameterise(mean, log_var, noise)  # (B, Z)\n    log_likelihood",
            "z = reparameterise(mean, log_var, noise).detach()\n    log_likelihood",
        ),
        (
            "z = reparameterise(mean, log_var, noise)  # (B, Z)\n    log_likelihood",
            "z = reparameterise(mean, log_var.detach(), noise)\n    log_likelihood",
        ),
        ("kl_to_standard_normal(mean, log_var)  #", "kl_to_standard_normal(mean, 0 * log_var)  #"),
        (
            "mean, log_var = self.encoder(x).chunk(2, dim=1)",
            "log_var, mean = self.encoder(x).chunk(2, dim=1)",
        ),
        ("gaussian_log_likelihood(x, self.decode(z)", "gaussian_log_likelihood(x, self.decoder.logits(z)"),
    ],
)
def test_a_planted_fault_is_seen(fault):
    with pytest.raises(AssertionError):
        assert_like_twin(planted("lecture_utils.generative.vae", fault), "gaussian", 3.0)


def encoder_gradient(module: ModuleType) -> float:
    """The largest gradient that the likelihood alone sends to the encoder."""
    x, _, noise = drawn()
    model = small(module).double()
    module.elbo(model, x, noise, beta=0.0).value.sum().backward()
    return max(float(p.grad.abs().max()) if p.grad is not None else 0.0 for p in model.encoder.parameters())


def test_the_likelihood_reaches_the_encoder_through_z_alone():
    assert encoder_gradient(vae) > 1e-3
    fault = ("z = reparameterise(mean, log_var, noise)  # (B, Z)\n    log_likelihood",
             "z = reparameterise(mean, log_var, noise).detach()\n    log_likelihood")  # fmt: skip
    assert encoder_gradient(planted("lecture_utils.generative.vae", fault)) == 0.0


def test_the_moved_noise_gives_the_gradient_of_the_expectation():
    """The mean gradient over many draws is that of the score function (REINFORCE), with far less spread."""
    x, _, _ = drawn()
    model = small(deviation=1.0).double()
    with torch.no_grad():
        model.decoder.stem.weight.mul_(5)
    mean, log_var = (part.detach()[:1].requires_grad_() for part in model.encode(x))
    noise = torch.randn(20_000, LATENT, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = mean + (log_var / 2).exp() * noise  # (K, Z): one picture, many draws
    through = model.log_likelihood(x[:1].expand(len(z), -1, -1, -1), z)  # (K,)
    (moved,) = torch.autograd.grad(through.sum(), z)  # = d/d mean of each draw, (K, Z)
    centred = (through - through.mean()).detach()[:, None]
    score = centred * ((z - mean) / log_var.exp()).detach()  # (K, Z)
    error = (score.var(0) / len(z) + moved.var(0) / len(z)).sqrt()
    assert ((moved.mean(0) - score.mean(0)).abs() < 5 * error).all()
    assert (moved.mean(0).abs() > 5 * moved.std(0) / len(z) ** 0.5).any()  # there is something to agree on
    assert (moved.var(0) < score.var(0) / 3).all()


# --- the bound from several samples --------------------------------------------------------------------
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_bound_lies_below_the_importance_sampled_likelihood_which_rises(likelihood):
    x, _, _ = drawn()
    model = small(likelihood=likelihood, deviation=0.4).double().eval()
    noise = torch.randn(512, BATCH, LATENT, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(2.5 if weight.ndim > 1 else 1.0)  # so that z counts
        joint, posterior = vae.importance_terms(model, x, noise)
        single = torch.stack([vae.elbo(model, x, one).value for one in noise])  # (K, B)
    bound = single.mean(0)

    def sampled(k: int) -> Tensor:
        groups = [
            elbo.importance_log_likelihood(a, b)
            for a, b in zip(joint.split(k), posterior.split(k), strict=True)
        ]
        return torch.stack(groups).mean(0)

    values = [sampled(k) for k in (1, 8, 64, 512)]
    error = single.std(0) / 512**0.5
    assert ((values[0] - bound).abs() < 5 * (error + (joint - posterior).std(0) / 512**0.5)).all()
    assert (torch.stack(values).diff(dim=0) > 0).all()
    assert (values[-1] > bound).all() and (values[-1] - bound).mean() > 0.05


def test_the_importance_terms_are_densities_of_the_twin():
    x, _, noise = drawn()
    model = small(deviation=0.4).double()
    joint, posterior = vae.importance_terms(model, x, noise[None])
    _, likelihood, _ = twin(model, x, noise, 1.0)
    mean, log_var = model.encode(x)
    z = mean + (log_var / 2).exp() * noise
    torch.testing.assert_close(joint[0], likelihood + Normal(0.0, 1.0).log_prob(z).sum(1))
    torch.testing.assert_close(posterior[0], Normal(mean, (log_var / 2).exp()).log_prob(z).sum(1))


def test_one_batch_is_learned():
    torch.manual_seed(0)
    sizes = {"size": 8, "channels": 1, "widths": (16, 32)}
    model = vae.VAE(autoencoder.Encoder(8, **sizes), autoencoder.Decoder(4, **sizes), deviation=0.1)
    x = torch.rand(4, 1, 8, 8)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    first = vae.elbo(model, x, torch.zeros(4, 4)).value.mean().item()
    for _ in range(150):
        optimizer.zero_grad()
        bound = vae.elbo(model, x, torch.randn(4, 4)).value.mean()
        (-bound).backward()
        optimizer.step()
    model.eval()
    error = (model.decode(model.encode(x)[0]) - x).square().mean()
    assert bound.item() > first + 100
    assert error < 0.1 * (x.mean(0) - x).square().mean()


def test_samples_are_pictures_and_the_same_for_the_same_seed():
    model = small()
    a, b, c = model.sample(3, seed=1), model.sample(3, seed=1), model.sample(3, seed=2)
    assert a.shape == (3, 2, 8, 8) and a.min() >= 0 and a.max() <= 1 and not a.requires_grad
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert model.sample(501, seed=1).shape == (501, 2, 8, 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: vae.VAE(autoencoder.Encoder(3, **SIZES), autoencoder.Decoder(3, **SIZES)),
            "want twice as many",
        ),
        (lambda: small(likelihood="poisson"), "want 'gaussian' or 'bernoulli'"),
        (lambda: small(deviation=0.0), "deviation: got 0.0"),
        (lambda: vae.elbo(small(), torch.rand(4, 2, 8, 8), torch.zeros(4, 3), beta=-1), "beta: got -1"),
        (lambda: vae.elbo(small(), torch.rand(4, 2, 8, 8), torch.zeros(3, 3)), "noise: got"),
        (lambda: vae.elbo(small(), torch.rand(4, 2, 8, 8), torch.zeros(2, 4, 3)), "noise: got"),
        (
            lambda: vae.elbo(small(likelihood="bernoulli"), 9 * torch.rand(4, 2, 8, 8), torch.zeros(4, 3)),
            r"in \[0, 1\]",
        ),
        (lambda: vae.importance_terms(small(), torch.rand(4, 2, 8, 8), torch.zeros(4, 3)), "noise: got"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
