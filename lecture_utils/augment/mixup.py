"""mixup (S05.3): train on blends of two pictures, with blends of their labels.

H. Zhang, M. Cissé, Y. N. Dauphin, D. Lopez-Paz, mixup: Beyond Empirical Risk Minimization, ICLR 2018:
x = λ x_a + (1 - λ) x_b, y = λ y_a + (1 - λ) y_b, λ ~ Beta(α, α).

The authors' code draws one λ for a whole batch; here each pair has its own, and one for all can be passed
too.

Shapes: B pictures, C channels, H and W height and width, K classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_images


def _log_gamma(shape: float, n: int, generator: torch.Generator) -> Tensor:
    """Logarithms (n,) of draws from the gamma distribution.

    G. Marsaglia, W. W. Tsang, A simple method for generating gamma variables, ACM TOMS 2000. The method
    needs a shape of 1 or more; a smaller one is drawn as Gamma(shape + 1) · U^(1 / shape), as they advise
    (section 6).
    """
    d = shape + 1 - 1 / 3
    out, todo = torch.zeros(n, dtype=torch.float64), torch.arange(n)
    while len(todo):
        normal = torch.randn(len(todo), generator=generator, dtype=torch.float64)
        u = torch.rand(len(todo), generator=generator, dtype=torch.float64)
        cube = (1 + normal / (9 * d) ** 0.5) ** 3
        log_cube = cube.clamp_min(1e-300).log()
        taken = (cube > 0) & (u.log() < normal**2 / 2 + d * (1 - cube + log_cube))
        out[todo[taken]] = (d * cube[taken]).log()
        todo = todo[~taken]
    return out + torch.rand(n, generator=generator, dtype=torch.float64).log() / shape


def sample_beta(alpha: float, n: int, generator: torch.Generator) -> Tensor:
    """Draw λ ~ Beta(α, α): g / (g + h) for two gamma draws, in logarithms so that a small α works.

    Parameters
    ----------
    alpha : float
        Positive. Far below 1: λ near 0 or 1, hardly any mixing; 1: every λ alike; far above 1: near 1/2.
    n : int
        How many.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor
        (n,) float32 in [0, 1].

    Raises
    ------
    ValueError
        If alpha is not positive.
    """
    if not alpha > 0:
        raise ValueError(f"alpha: got {alpha}, want a positive number")
    return torch.sigmoid(_log_gamma(alpha, n, generator) - _log_gamma(alpha, n, generator)).float()


def check_targets(targets: Tensor, batch: int) -> None:
    """Raise ValueError unless targets are (B, K) shares of the classes: not negative, each row with sum 1."""
    if targets.ndim != 2 or len(targets) != batch or not targets.is_floating_point():
        raise ValueError(
            f"targets: got {targets.dtype} {tuple(targets.shape)}, want floating point ({batch}, K); "
            "for class numbers use one_hot(labels, K)"
        )
    if bool((targets < 0).any()) or bool(((targets.sum(1) - 1).abs() > 1e-4).any()):
        raise ValueError(
            "targets: got a row that is negative or does not sum to 1, want shares of the classes"
        )


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Class numbers (B,) as targets (B, K): 1 for the class, else 0."""
    return F.one_hot(labels, classes).float()


def mixup(images: Tensor, targets: Tensor, lam: Tensor, partner: Tensor) -> tuple[Tensor, Tensor]:
    """Blend each picture, and its target, with that of its partner.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W), floating point.
    targets : Tensor
        (B, K) shares of the classes, see `one_hot`.
    lam : Tensor
        (B,) or (1,) λ in [0, 1]: the share of the first.
    partner : Tensor
        (B,) int64: with which picture of the batch.

    Returns
    -------
    images : Tensor, (B, C, H, W)
    targets : Tensor, (B, K)

    Raises
    ------
    ValueError
        For other shapes, or λ outside [0, 1].
    """
    check_images(images)
    check_targets(targets, len(images))
    if lam.ndim != 1 or len(lam) not in (1, len(images)) or not bool(((lam >= 0) & (lam <= 1)).all()):
        raise ValueError(f"lam: got {tuple(lam.shape)} {lam.tolist()[:8]}, want ({len(images)},) in [0, 1]")
    share = lam.to(images)[:, None]  # (B, 1)
    mixed = share[..., None, None] * images + (1 - share[..., None, None]) * images[partner]
    return mixed, share * targets + (1 - share) * targets[partner]


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -Σ target · log p for targets (B, K) that are shares of the classes; a scalar."""
    check_targets(targets, len(logits))
    return -(targets * logits.log_softmax(dim=1)).sum(1).mean()


def mixed_cross_entropy(logits: Tensor, a: Tensor, b: Tensor, lam: Tensor) -> Tensor:
    """λ CE(a) + (1 - λ) CE(b), mean over the batch: the same number as `soft_cross_entropy` of the blend.

    It is the same because cross-entropy is linear in the target: that is how implementations without soft
    targets do mixup. logits (B, K), a and b (B,) class numbers, lam (B,) or (1,).
    """
    loss_a, loss_b = (F.cross_entropy(logits, labels, reduction="none") for labels in (a, b))  # (B,)
    return (lam * loss_a + (1 - lam) * loss_b).mean()


def random_mixup(
    images: Tensor, targets: Tensor, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """mixup of a batch with itself in a random order: images, targets (B, K) and λ (B,)."""
    partner = torch.randperm(len(images), generator=generator).to(images.device)
    lam = sample_beta(alpha, len(images), generator).to(images.device)
    return *mixup(images, targets, lam, partner), lam
