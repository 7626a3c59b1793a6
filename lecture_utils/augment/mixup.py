"""mixup (S05.3): train on blends of two pictures, with blends of their labels.

H. Zhang, M. Cissé, Y. N. Dauphin, D. Lopez-Paz, mixup: Beyond Empirical Risk Minimization, ICLR 2018:
x = λ x_a + (1 - λ) x_b, y = λ y_a + (1 - λ) y_b, λ ~ Beta(α, α).

The authors' code draws one λ for a whole batch; here each pair has its own, and one for all can be passed
too.

Shapes: B pictures, C channels, H and W height and width, K classes.
"""

import math
import numbers

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_labels, check_number, check_tensor, check_whole

Number = float | Tensor  # one for all pictures, or (B,) one for each


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
        0: off, λ = 1, as in timm; nothing is drawn. Far below 1: λ near 0 or 1, hardly any mixing; 1: every λ
        alike; far above 1: near 1/2.
    n : int
        How many, 0 or more.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor
        (n,) float32 in [0, 1].

    Raises
    ------
    ValueError
        If alpha is negative or not finite.
    """
    check_number(alpha, "alpha", 0)
    if check_whole(n, "n", 0) == 0 or alpha == 0:
        return torch.ones(n)
    return torch.sigmoid(_log_gamma(alpha, n, generator) - _log_gamma(alpha, n, generator)).float()


def check_targets(targets: Tensor, batch: int, classes: int | None = None) -> None:
    """Raise ValueError unless targets are (B, K) shares of the classes: not negative, each row with sum 1."""
    fits = isinstance(targets, Tensor) and targets.ndim == 2 and len(targets) == batch
    if not fits or not targets.is_floating_point() or targets.shape[1] != (classes or targets.shape[1]):
        got = (
            f"{targets.dtype} {tuple(targets.shape)}"
            if isinstance(targets, Tensor)
            else type(targets).__name__
        )
        raise ValueError(
            f"targets: got {got}, want floating point ({batch}, {classes or 'K'}); "
            "for class numbers use one_hot(labels, K)"
        )
    slack = 1e-4 if targets.dtype in (torch.float32, torch.float64) else 1e-2
    if not bool((targets >= 0).all() & ((targets.sum(1) - 1).abs() <= slack).all()):  # NaN fails both
        raise ValueError(
            "targets: got a row that is negative, NaN or does not sum to 1, want shares of the classes"
        )


def check_lam(lam: Number, batch: int) -> Tensor:
    """Return λ as a tensor (1,) or (B,); raise ValueError unless it is that, or one number, in [0, 1]."""
    known = isinstance(lam, Tensor | np.ndarray | numbers.Real)
    values = torch.as_tensor(lam) if known else torch.full((1,), math.nan)
    values = values[None] if values.ndim == 0 else values
    if values.ndim != 1 or len(values) not in (1, batch) or not bool(((values >= 0) & (values <= 1)).all()):
        got = f"{tuple(values.shape)} {values.flatten().tolist()[:8]}" if known else type(lam).__name__
        raise ValueError(f"lam: got {got}, want one number or ({batch},), all in [0, 1]")
    return values


def check_partner(partner: Tensor, batch: int) -> None:
    """Raise ValueError unless `partner` is int64 (B,), places in the batch from 0 to B - 1."""
    check_tensor(partner, "partner", batch, kind="int")
    if partner.dtype != torch.int64 or not bool(((partner >= 0) & (partner < batch)).all()):
        got = f"{partner.dtype} {partner.tolist()[:8]}"
        raise ValueError(f"partner: got {got}, want int64 from 0 to {batch - 1}")


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Class numbers (B,) as targets (B, K) float32: 1 for the class, else 0.

    Whole numbers of any type will do, also from numpy.

    Raises
    ------
    ValueError
        For another shape or type, or a number outside 0 to K - 1.
    """
    check_whole(classes, "classes")
    given = torch.as_tensor(labels) if isinstance(labels, Tensor | np.ndarray) else labels
    if isinstance(given, Tensor) and given.dtype in (torch.int32, torch.int16, torch.int8, torch.uint8):
        given = given.long()
    check_labels(given, "labels", len(given) if getattr(given, "ndim", 0) else 1, classes)
    return F.one_hot(given, classes).float()


def mixup(images: Tensor, targets: Tensor, lam: Number, partner: Tensor) -> tuple[Tensor, Tensor]:
    """Blend each picture, and its target, with that of its partner.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W), floating point.
    targets : Tensor
        (B, K) shares of the classes, see `one_hot`.
    lam : float or Tensor (B,)
        λ in [0, 1]: the share of the first, for all pictures or for each.
    partner : Tensor
        (B,) int64: with which picture of the batch.

    Returns
    -------
    images : Tensor, (B, C, H, W)
    targets : Tensor, (B, K)

    Raises
    ------
    ValueError
        For other shapes, λ outside [0, 1], or a partner that is none of the batch.
    """
    check_images(images)
    check_targets(targets, len(images))
    check_partner(partner, len(images))
    share = check_lam(lam, len(images)).to(images)[:, None]  # (B, 1)
    mixed = share[..., None, None] * images + (1 - share[..., None, None]) * images[partner]
    return mixed, share * targets + (1 - share) * targets[partner]


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -Σ target · log p for targets (B, K) that are shares of the classes; a scalar."""
    check_tensor(logits, "logits", "B", "K", some=True)
    check_targets(targets, *logits.shape)
    return -(targets * logits.log_softmax(dim=1)).sum(1).mean()


def mixed_cross_entropy(logits: Tensor, a: Tensor, b: Tensor, lam: Number) -> Tensor:
    """λ CE(a) + (1 - λ) CE(b), mean over the batch: the same number as `soft_cross_entropy` of the blend.

    It is the same because cross-entropy is linear in the target: that is how implementations without soft
    targets do mixup. logits (B, K), a and b (B,) class numbers, lam one number or (B,) in [0, 1].

    Raises
    ------
    ValueError
        For other shapes or types, or numbers outside their range.
    """
    check_tensor(logits, "logits", "B", "K", some=True)
    for name, labels in (("a", a), ("b", b)):
        check_labels(labels, name, *logits.shape)
    lam = check_lam(lam, len(logits)).to(logits)
    loss_a, loss_b = (F.cross_entropy(logits, labels, reduction="none") for labels in (a, b))  # (B,)
    return (lam * loss_a + (1 - lam) * loss_b).mean()


def random_mixup(
    images: Tensor, targets: Tensor, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """mixup of a batch with itself in a random order: images, targets (B, K) and λ (B,); `alpha` 0: off."""
    check_images(images)
    partner = torch.randperm(len(images), generator=generator).to(images.device)
    lam = sample_beta(alpha, len(images), generator).to(images.device)
    return *mixup(images, targets, lam, partner), lam
