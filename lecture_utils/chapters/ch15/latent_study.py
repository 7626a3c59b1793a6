"""Chapter 15: what the notebook does with auto-encoders and VAEs: train, sweep, break, walk through codes.

The trainings are on the 8 × 8 digits and take 2 to 6 CPU seconds each; pictures of the narrow world come from
the shipped weights.

Shapes: N pictures, B batch, Z latent numbers, K samples, C colours, S side.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import digits
from lecture_utils.explain.pca import fit_pca
from lecture_utils.generative.autoencoder import AutoEncoder
from lecture_utils.generative.elbo import (
    importance_log_likelihood,
    kl_per_unit,
    kl_to_standard_normal,
    reparameterise,
)
from lecture_utils.generative.vae import VAE, importance_terms
from lecture_utils.metrics.psnr import psnr
from lecture_utils.recipes import _latent
from lecture_utils.recipes._judged import digit_fidelity
from lecture_utils.recipes.digits_vae import build_arm
from lecture_utils.training.loop import minibatches

Draw = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]  # mean, log_var, noise → z, KL (B,)
Importance = Callable[[Tensor, Tensor], Tensor]


def draw_latent(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Give z and the divergence, (B, Z) and (B,): what exercise 15.4 asks for."""
    return reparameterise(mean, log_var, noise), kl_to_standard_normal(mean, log_var)


def detached_latent(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The same, but z as a number that was drawn, and has no slope by mean and log_var."""
    return reparameterise(mean, log_var, noise).detach(), kl_to_standard_normal(mean, log_var)


@functools.lru_cache(maxsize=3)
def shipped_latent(name: str) -> AutoEncoder | VAE:
    """The course's own: "shapes_ae", "shapes_vae" or "digits_vae", in evaluation mode."""
    model = zoo.load(name)
    assert isinstance(model, AutoEncoder | VAE)
    return model.eval()


def train_digits(
    model: nn.Module, *, draw: Draw = draw_latent, beta: float = 1.0, steps: int = 600, seed: int = 0
) -> nn.Module:
    """Train an auto-encoder or a VAE of the digits, in place; `draw` is the learner's way to a latent code.

    About 6 milliseconds of processor time a step.
    """
    torch.manual_seed(seed)
    images, _ = digits.load(8, "train")
    batches = minibatches(images, images, batch_size=64, seed=seed)
    loss = bound_loss(draw, beta) if isinstance(model, VAE) else _latent.squared_error
    return _latent.trained(model, loss, seed, steps, type(model).__name__, batches=batches)[0]


def bound_loss(draw: Draw, beta: float = 1.0) -> _latent.Loss:
    """−ELBO over the number of values, with a learner's `draw`."""

    def loss(model: nn.Module, x: Tensor, _: Tensor) -> Tensor:
        assert isinstance(model, VAE)
        mean, log_var = model.encode(x)  # (B, Z)
        z, kl = draw(mean, log_var, torch.randn_like(mean))  # (B, Z), (B,)
        return -(model.log_likelihood(x, z) - beta * kl).mean() / x[0].numel()

    return loss


def new_arm(arm: str, latent: int, seed: int = 0) -> nn.Module:
    """An untrained "auto-encoder" or "VAE" of the digits."""
    torch.manual_seed(seed)
    return build_arm(arm, latent)


# --- what is learnt, in a few numbers -------------------------------------------------------------------
class Units(NamedTuple):
    """Divergence of each latent number (Z,) in nats; PSNR of reconstructions, from own and others' codes."""

    kl: Tensor
    psnr: float
    psnr_shuffled: float


@torch.no_grad()
def units(model: VAE, x: Tensor) -> Units:
    """What each latent number carries, and what a reconstruction loses when codes are shuffled."""
    mean, log_var = model.encode(x)
    shuffled = model.decode(mean.roll(1, 0))
    return Units(
        kl_per_unit(mean, log_var).mean(0),
        psnr(model.decode(mean), x).mean().item(),
        psnr(shuffled, x).mean().item(),
    )


def by_width(widths: Sequence[int] = (1, 2, 4, 8, 16, 32), steps: int = 400) -> dict[int, dict[str, float]]:
    """PSNR of test digits for auto-encoders of several widths, and for as many principal components."""
    train, test = digits.load(8, "train")[0], digits.load(8, "test")[0]
    found = {}
    for width in widths:
        pca = fit_pca(train.flatten(1), width)
        linear = pca.inverse(pca.transform(test.flatten(1))).clamp(0, 1).reshape_as(test)
        model = train_digits(new_arm("auto-encoder", width), steps=steps)
        found[width] = {
            "auto-encoder": _latent.reconstruction_psnr(model, test),
            "PCA": psnr(linear, test).mean().item(),
        }
    return found


def by_beta(
    betas: Sequence[float] = (0.03, 0.3, 1.0, 3.0, 30.0), latent: int = 8, steps: int = 400
) -> dict[float, dict[str, float]]:
    """What a VAE of the digits gives up and gains as its divergence weighs more."""
    test = digits.load(8, "test")[0]
    found = {}
    for beta in betas:
        model = train_digits(new_arm("VAE", latent), beta=beta, steps=steps)
        assert isinstance(model, VAE)
        said = units(model, test)
        found[beta] = {
            "psnr": said.psnr,
            "kl": said.kl.sum().item(),
            "active": float((said.kl > _latent.ACTIVE).sum()),
            "frechet": digit_fidelity(model.sample(300, seed=1))["frechet_digits"],
        }
    return found


@torch.no_grad()
def by_samples(
    model: VAE,
    x: Tensor,
    counts: Sequence[int] = (1, 2, 4, 16, 64, 256),
    *,
    importance: Importance = importance_log_likelihood,
    seed: int = 0,
) -> dict[int, float]:
    """The bound of log p(x), meaned over pictures, for several numbers K of samples; all draws are used."""
    most = max(counts)
    noise = torch.randn(most, len(x), model.latent, generator=torch.Generator().manual_seed(seed))
    terms = importance_terms(model, x, noise)  # (K, N) twice
    found = {}
    for count in counts:
        groups = zip(*(part[: most // count * count].split(count) for part in terms), strict=True)
        found[count] = torch.stack([importance(*group) for group in groups]).mean().item()
    return found


# --- two ways to break it -------------------------------------------------------------------------------
def broken(
    kind: str, *, latent: int = 8, steps: int = 600, beta: float = 100.0
) -> dict[str, tuple[VAE, Units]]:
    """Train a VAE of the digits rightly, and one with "z detached" or "beta too large".

    Returns both by name, each with what its latent numbers carry on test digits.

    Raises
    ------
    ValueError
        For another kind.
    """
    ways: dict[str, tuple[Draw, float]] = {
        "z detached": (detached_latent, 1.0),
        "beta too large": (draw_latent, beta),
    }
    if kind not in ways:
        raise ValueError(f"kind: got {kind!r}, want {' or '.join(map(repr, ways))}")
    test = digits.load(8, "test")[0]
    found: dict[str, tuple[VAE, Units]] = {}
    for name, (draw, weight) in {"as it should be": (draw_latent, 1.0), kind: ways[kind]}.items():
        model = train_digits(new_arm("VAE", latent), draw=draw, beta=weight, steps=steps)
        assert isinstance(model, VAE)
        found[name] = model, units(model, test)
    return found


# --- in the latent space --------------------------------------------------------------------------------
def walk(model: nn.Module, start: Tensor, end: Tensor, steps: int = 8) -> Tensor:
    """Pictures (steps, C, S, S) on the straight line between the codes of two pictures (C, S, S)."""
    a, b = _latent.codes(model, torch.stack([start, end]))
    share = torch.linspace(0, 1, steps)[:, None]
    return _latent.decoded(model, (1 - share) * a + share * b)


def pixel_mix(start: Tensor, end: Tensor, steps: int = 8) -> Tensor:
    """The same walk in pixels: two pictures laid over one another."""
    share = torch.linspace(0, 1, steps)[:, None, None, None]
    return (1 - share) * start + share * end


def traversal(
    model: VAE, picture: Tensor, units_: Sequence[int], values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3)
) -> Tensor:
    """One picture (C, S, S) with one latent number set to several values: (units, values, C, S, S)."""
    code = _latent.codes(model, picture[None])  # (1, Z)
    z = code.repeat(len(units_) * len(values), 1).reshape(len(units_), len(values), -1)
    for row, unit in enumerate(units_):
        z[row, :, unit] = torch.tensor([float(value) for value in values])
    return _latent.decoded(model, z.flatten(0, 1)).reshape(len(units_), len(values), *picture.shape)


@torch.no_grad()
def unsure(model: VAE, x: Tensor, pool: Tensor, count: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """For one picture (C, S, S): its decoded mean, the pool's pictures nearest in code, and their mean."""
    code = _latent.codes(model, x[None])
    rows = torch.cdist(code, _latent.codes(model, pool))[0].topk(count, largest=False).indices
    return model.decode(code)[0], pool[rows], pool[rows].mean(0)
