"""What the auto-encoders' recipes and claim share: nets, pictures, losses, measures (S15.2, S15.3).

The auto-encoder and the variational one of the narrow world have the same convolutions and as many numbers in
the code, see the same pictures in the same order, for as many steps. What differs is the loss, and that the
variational encoder gives a mean and a log variance for each number.

Shapes: N pictures, B batch, Z latent numbers, K samples a picture.
"""

import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.generative.autoencoder import AutoEncoder, Decoder, Encoder, reconstruction_loss
from lecture_utils.generative.elbo import importance_log_likelihood, kl_per_unit
from lecture_utils.generative.vae import VAE, elbo, importance_terms
from lecture_utils.metrics.psnr import psnr
from lecture_utils.ops.checks import check_images, check_whole
from lecture_utils.recipes._judged import fidelity, judge, nearest
from lecture_utils.training.one_cycle import one_cycle

LATENT, DEVIATION = 32, 0.2
BATCH, RATE, PORTION = 32, 4e-3, 3200
SURE = 0.9  # the judge is sure of a class that it gives this probability or more
ACTIVE = 0.05  # nats: a latent number whose divergence is less carries nothing

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def build_autoencoder(latent: int = LATENT) -> AutoEncoder:
    """An auto-encoder of the narrow world, untrained: (B, 3, 32, 32) → (B, Z) → (B, 3, 32, 32)."""
    return AutoEncoder(Encoder(latent), Decoder(latent))


def build_vae(latent: int = LATENT, deviation: float = DEVIATION) -> VAE:
    """A VAE of the narrow world, untrained, with the same convolutions."""
    return VAE(Encoder(2 * latent), Decoder(latent), deviation=deviation)


def fresh_batches(seed: int, batch: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of pictures (B, 3, 32, 32) that never repeat; each is its own target."""
    for portion in itertools.count(1000 * seed):
        for x in captioned(PORTION, seed=portion).image.split(batch):
            yield x, x


def squared_error(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """The auto-encoder's loss: mean squared error of a value."""
    return reconstruction_loss(model(x), target).mean() / x[0].numel()


def negative_elbo(beta: float = 1.0) -> Loss:
    """The VAE's loss: −ELBO, its divergence times beta, over the number of values; noise is drawn anew."""

    def loss(model: nn.Module, x: Tensor, _: Tensor) -> Tensor:
        assert isinstance(model, VAE)
        noise = torch.randn(len(x), model.latent)
        return -elbo(model, x, noise, beta=beta).value.mean() / x[0].numel()

    return loss


def trained(
    model: nn.Module, loss: Loss, seed: int, steps: int, label: str, *, batches: Iterator | None = None
) -> tuple[nn.Module, dict[str, float]]:
    """Train by one cycle of AdamW on fresh pictures; return the model and steps, seconds, last loss."""
    return one_cycle(
        model, fresh_batches(seed) if batches is None else batches, loss=loss, label=label,
        optimizer=torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.0, fused=True),
        steps=steps, warm_up=0.1, cycle_momentum=False,
    )  # fmt: skip


# --- codes, and pictures from noise -------------------------------------------------------------------
@torch.no_grad()
def codes(model: nn.Module, x: Tensor) -> Tensor:
    """The codes (N, Z) of pictures; of a VAE the means."""
    parts = [model.encode(part) for part in x.split(256)]  # type: ignore[operator]
    return torch.cat([part[0] if isinstance(part, tuple) else part for part in parts])


@torch.no_grad()
def decoded(model: nn.Module, z: Tensor) -> Tensor:
    """The pictures of codes (N, Z)."""
    return torch.cat([model.decode(part) for part in z.split(500)])  # type: ignore[operator]


def reconstructed(model: nn.Module, x: Tensor) -> Tensor:
    """Pictures (N, C, S, S) through the code and back; a VAE's from the means."""
    return decoded(model, codes(model, x))


def standard_noise(n: int, latent: int, seed: int) -> Tensor:
    """Draw n codes (n, Z) from N(0, I)."""
    check_whole(n, "n")
    return torch.randn(n, latent, generator=torch.Generator().manual_seed(seed))


def fitted_noise(z: Tensor, n: int, seed: int) -> Tensor:
    """Draw n codes (n, Z) from the Gaussian with mean and covariance of given codes (N, Z)."""
    z = z.double()
    values, vectors = torch.linalg.eigh(torch.cov(z.T))  # a root of the covariance, also of a flat one
    root = vectors * values.clamp(min=0).sqrt()
    return (standard_noise(n, z.shape[1], seed).double() @ root.T + z.mean(0)).float()


def cloud_noise(model: VAE, x: Tensor, n: int, seed: int) -> Tensor:
    """Draw n codes (n, Z) from the Gaussian fitted to a VAE's drawn codes of pictures (N, …)."""
    with torch.no_grad():
        mean, log_var = (torch.cat(parts) for parts in zip(*map(model.encode, x.split(256)), strict=True))
    drawn = mean + (log_var / 2).exp() * standard_noise(len(mean), model.latent, seed + 1)
    return fitted_noise(drawn, n, seed)


# --- measures -----------------------------------------------------------------------------------------
def reconstruction_psnr(model: nn.Module, x: Tensor) -> float:
    """Mean PSNR of reconstructed pictures, in dB; a VAE's from the means."""
    return psnr(reconstructed(model, x), x).mean().item()


def sure_share(images: Tensor) -> float:
    """The share of pictures (N, 3, 32, 32) of whose class ``shapes_judge`` is sure."""
    check_images(images, 3, unit_range=True)
    scores = torch.cat([judge()(part)["class_id"].softmax(1).amax(1).detach() for part in images.split(500)])
    return (scores >= SURE).float().mean().item()


def sample_measures(images: Tensor, pool: Tensor, fresh: Tensor) -> dict[str, float]:
    """What is said of a sheet of samples: Fréchet distances, the judge, the nearest training picture.

    Parameters
    ----------
    images, pool, fresh : Tensor
        Samples, training pictures, and as many real pictures that are neither.
    """
    return fidelity(images, n=len(images)) | {
        "sure": sure_share(images),
        "sure_of_real": sure_share(fresh),
        "nearest": nearest(images, pool)[0].mean().item(),
        "nearest_of_real": nearest(fresh, pool)[0].mean().item(),
    }


@torch.no_grad()
def bound_measures(model: VAE, x: Tensor, *, samples: int = 16, seed: int = 0) -> dict[str, float]:
    """ELBO, its terms, and the bound from K samples, in nats a picture; units that carry something."""
    noise = torch.randn(samples, len(x), model.latent, generator=torch.Generator().manual_seed(seed))
    mean, log_var = model.encode(x)
    units = kl_per_unit(mean, log_var).mean(0)  # (Z,)
    joint, posterior = importance_terms(model, x, noise)
    likelihood = torch.stack([model.log_likelihood(x, z) for z in mean + (log_var / 2).exp() * noise[:4]])
    return {
        "elbo": (likelihood.mean() - units.sum()).item(),
        "log_likelihood": likelihood.mean().item(),
        "kl": units.sum().item(),
        "importance": importance_log_likelihood(joint, posterior).mean().item(),
        "active": float((units > ACTIVE).sum()),
    }
