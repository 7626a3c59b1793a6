"""Chapter 15, part b: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `generative.gan_loss`,
`metrics.frechet`, `generative.pix2pix`, `generative.cyclegan`. The tests hold each of these equal to its
counterpart there; the papers are named there too.

Shapes: B pictures, C colours, S side, h × w scores of a PatchGAN, N and M pictures of two sets, F features.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["cycle_objective", "frechet", "gan_losses", "generator_objective", "receptive_field"]


def gan_losses(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """What the discriminator and what the generator make small, two scalars.

    `real` and `fake` (B,) are the discriminator's scores of real and of generated pictures: its probability
    that a picture is real is D = sigmoid(score). The discriminator's loss is the mean of -log D over the real
    pictures and that of -log(1 - D) over the generated ones, added up. The generator's is the mean of -log D
    over the generated ones (not saturating). Both stay right where scores are as large as ±100.
    """
    loss_d = F.softplus(-real).mean() + F.softplus(fake).mean()  # -log sigmoid(s) = softplus(-s)
    return loss_d, F.softplus(-fake).mean()


def frechet(features_a: Tensor, features_b: Tensor) -> float:
    """The Fréchet distance of two sets of pictures by their features, (N, F) and (M, F).

    A Gaussian is fitted to each: the mean, and the covariance (unbiased, over N - 1). The distance is
    ‖μ_a - μ_b‖² + tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½). The last trace is the sum of the roots of the eigenvalues
    of √Σ_a Σ_b √Σ_a, which is symmetric. Counted in float64; an eigenvalue below 0 is rounding, and counts
    as 0.
    """
    a, b = features_a.double(), features_b.double()
    cov_a, cov_b = a.T.cov(), b.T.cov()  # (F, F)
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T  # √Σ_a
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return float(apart + cov_a.trace() + cov_b.trace() - 2 * cross)


def receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """How many pixels wide the patch is that one score is made of.

    `layers` are (kernel, stride) of the convolutions from the picture to the scores. Without any, a score is
    one pixel.
    """
    field, step = 1, 1  # of one number: its width, and how far apart two neighbours are, in pixels
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step *= stride
    return field


def generator_objective(scores: Tensor, fake: Tensor, target: Tensor, weight: float = 100.0) -> Tensor:
    """What the generator of Pix2Pix makes small, a scalar.

    `scores` (B, 1, h, w) are what the discriminator says of each patch of the generated pictures, as logits;
    `fake` and `target` (B, C, S, S) are these pictures and those that they should be. The mean of -log D over
    all patches, and `weight` times the mean of all absolute differences.
    """
    return F.softplus(-scores).mean() + weight * (fake - target).abs().mean()


def cycle_objective(
    a: Tensor,
    b: Tensor,
    to_b: Callable[[Tensor], Tensor],
    to_a: Callable[[Tensor], Tensor],
    cycle: float = 10.0,
    identity: float = 5.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """CycleGAN's two terms that need no discriminator, a scalar; and what was made of b's domain, and of a's.

    `a` and `b` (B, C, S, S) are pictures of two domains, which need not belong together; `to_b` makes of a
    picture one of domain b, `to_a` one of domain a. There and back again a picture should come out as it was
    (times `cycle`, both ways round); and a picture that is in the wanted domain already should stay as it is
    (times `identity`, both generators). All distances are means of absolute differences. `to_b(a)` and
    `to_a(b)` are returned too, since the discriminators are going to judge them.
    """
    fake_b, fake_a = to_b(a), to_a(b)
    back = (to_a(fake_b) - a).abs().mean() + (to_b(fake_a) - b).abs().mean()
    same = (to_b(b) - b).abs().mean() + (to_a(a) - a).abs().mean()
    return cycle * back + identity * same, fake_b, fake_a
