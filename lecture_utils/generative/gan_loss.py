"""The losses of a generative adversarial network, and one round of the game.

I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014: equation 1 and, for the generator, the
non-saturating form of section 3. The gradient penalty R1: L. Mescheder, A. Geiger, S. Nowozin, "Which
Training Methods for GANs do actually Converge?", ICML 2018, equation 9; applied only every few steps, and
then as many times stronger, as in T. Karras et al., "Analyzing and Improving the Image Quality of StyleGAN",
CVPR 2020, appendix B ("lazy regularisation").

Scores are logits: D = sigmoid(score) is the probability that a picture is real.
Shapes: B batch, S side of the picture.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_images, check_number, check_tensor


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of -log D(x) - log(1 - D(G(z))): scores (B,) of real and of generated pictures → scalar.

    -log sigmoid(s) = softplus(-s), which does not overflow.
    """
    check_scores(real, fake)
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Mean of -log D(G(z)): scores (B,) → scalar.

    Not log(1 - D(G(z))): that is flat just where the generator is bad and needs a slope.
    """
    check_scores(fake)
    return F.softplus(-fake).mean()


def saturating_generator_loss(fake: Tensor) -> Tensor:
    """Mean of log(1 - D(G(z))), the generator's side of equation 1: scores (B,) → scalar.

    Its slope is -D(G(z)): next to nothing where the discriminator is sure that a picture is generated. Shown
    to be compared with `generator_loss`, whose slope there is -(1 - D(G(z))).
    """
    check_scores(fake)
    return -F.softplus(fake).mean()


def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """D* = p / (p + q), the best answer to a fixed generator (proposition 1).

    Parameters
    ----------
    p, q : Tensor
        Densities of real and generated data at the same places, of one shape, 0 or more.

    Returns
    -------
    Tensor
        In [0, 1]; one half where neither density is above 0.

    Raises
    ------
    ValueError
        For negative or infinite densities, or two shapes.
    """
    check_densities(p, q)
    return torch.where(p + q > 0, p / (p + q).clamp(min=torch.finfo(p.dtype).tiny), 0.5)


def game_value(d: Tensor, p: Tensor, q: Tensor, *, cell: float) -> Tensor:
    """V(D, G) = ∫ p log D + q log(1 - D), as a sum over the cells of a grid (equation 1 and theorem 1).

    At D* it is -log 4 + 2 JSD(p, q), so never less than -log 4, which it is where p = q.

    Parameters
    ----------
    d : Tensor
        D at each place, in [0, 1].
    p, q : Tensor
        Densities there, which sum to 1 / cell.
    cell : float
        Length (area, …) of a cell.

    Raises
    ------
    ValueError
        For three shapes, negative densities, D outside [0, 1], or a cell that is not above 0.
    """
    check_densities(p, q)
    check_tensor(d, "d", *p.shape, finite=True)
    if bool(((d < 0) | (d > 1)).any()):
        raise ValueError(f"d: got values from {float(d.min())} to {float(d.max())}, want 0 to 1")
    check_number(cell, "cell", 0, above=True)
    return (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum() * cell


def r1_penalty(score: Tensor, images: Tensor) -> Tensor:
    """Half the squared length of the score's gradient by the real pictures, meaned over the batch → scalar.

    Parameters
    ----------
    score : Tensor, (B,)
        Of `images`, with its graph.
    images : Tensor, (B, C, S, S)
        Real pictures that require gradients.

    Raises
    ------
    ValueError
        If the pictures require none, the lengths differ, or the scores are not computed from the pictures.
    """
    check_scores(score)
    check_images(images)
    if not images.requires_grad or len(score) != len(images):
        raise ValueError(
            f"r1_penalty: got {len(score)} scores and {len(images)} images with requires_grad="
            f"{images.requires_grad}, want as many scores as images, and images.requires_grad_() before them"
        )
    if not score.requires_grad:
        raise ValueError("r1_penalty: got scores without a graph, want them computed from the images")
    (slope,) = torch.autograd.grad(score.sum(), images, create_graph=True, allow_unused=True)  # (B, C, S, S)
    if slope is None:
        raise ValueError("r1_penalty: got scores of other images, want them computed from these")
    return slope.square().sum(dim=(1, 2, 3)).mean() / 2


def play_round(
    generator: nn.Module,
    discriminator: nn.Module,
    real: Tensor,
    z: Tensor,
    *,
    generator_optimizer: torch.optim.Optimizer,
    discriminator_optimizer: torch.optim.Optimizer,
    r1: float = 0.0,
) -> tuple[float, float]:
    """One step of the discriminator, then one of the generator on the same latent numbers.

    Parameters
    ----------
    generator, discriminator : nn.Module
        (B, Z) → (B, C, S, S), and (B, C, S, S) → (B,) scores.
    real : Tensor, (B, C, S, S)
        Real pictures.
    z : Tensor, (B, Z)
        Latent numbers.
    r1 : float
        Weight of the gradient penalty in this round; 0 leaves it out.

    Returns
    -------
    float, float
        The discriminator's loss (without the penalty) and the generator's, before their updates.

    Raises
    ------
    ValueError
        For real pictures of another shape than the generated ones, or a negative weight.
    """
    check_images(real)
    check_number(r1, "r1", 0)
    fake = generator(z)  # (B, C, S, S), used twice
    if fake.shape[1:] != real.shape[1:]:
        got = f"real pictures {tuple(real.shape)} and generated {tuple(fake.shape)}"
        raise ValueError(f"play_round: got {got}, want the same (C, S, S)")
    real = real.detach().requires_grad_(r1 > 0)
    score = discriminator(real)  # (B,)
    loss_d = discriminator_loss(score, discriminator(fake.detach()))
    penalty = r1 * r1_penalty(score, real) if r1 > 0 else 0.0
    discriminator_optimizer.zero_grad()
    (loss_d + penalty).backward()
    discriminator_optimizer.step()

    discriminator.requires_grad_(False)  # the generator's gradient passes through; D's own is not needed
    loss_g = generator_loss(discriminator(fake))
    generator_optimizer.zero_grad()
    loss_g.backward()
    generator_optimizer.step()
    discriminator.requires_grad_(True)
    return loss_d.item(), loss_g.item()


def check_densities(p: Tensor, q: Tensor) -> None:
    """Raise ValueError unless both are finite, floating point, of one shape, and nowhere negative."""
    check_tensor(p, "p", "…", finite=True, some=True)
    check_tensor(q, "q", *p.shape, finite=True)
    for density, name in ((p, "p"), (q, "q")):
        if bool((density < 0).any()):
            raise ValueError(f"{name}: got a density of {float(density.min())}, want 0 or more")


def check_scores(*scores: Tensor) -> None:
    """Raise ValueError unless all are floating-point vectors with at least one score."""
    for score in scores:
        if not isinstance(score, Tensor):
            raise ValueError(f"scores: got {type(score).__name__}, want a torch.Tensor (B,)")
        if score.ndim != 1 or len(score) == 0 or not score.is_floating_point():
            raise ValueError(
                f"scores: got shape {tuple(score.shape)} of {score.dtype}, want (B,) floating point, B ≥ 1"
            )
