"""The losses of Pix2Pix: the adversarial game on maps of scores, and the L1 distance (S15.5).

P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks",
CVPR 2017: equations 1 to 4, with λ = 100; the generator maximises log D (section 3.3, as Goodfellow et al.
2014), and the discriminator's loss is halved, "which slows down the rate at which D learns relative to G".

Scores are logits: sigmoid(score) is the probability that a patch is real. A mean over the map is a mean over
patches: every patch is judged, and all judgements weigh the same.

Shapes: B batch, C channels, H × W picture, h × w map of scores.
"""

import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_number, check_tensor


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Half the mean of -log D(real) and of -log(1 - D(fake)): maps of scores (B, 1, h, w) → scalar."""
    check_score_maps(real, fake)
    return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2


def adversarial_loss(fake: Tensor) -> Tensor:
    """Mean of -log D(fake), what the generator wants small: a map of scores (B, 1, h, w) → scalar."""
    check_score_maps(fake)
    return F.softplus(-fake).mean()


def l1_loss(fake: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of two batches of pictures (B, C, H, W) → scalar."""
    check_images(fake, maps=True)
    check_tensor(target, "target", *fake.shape)
    return (fake - target).abs().mean()


def generator_objective(scores: Tensor, fake: Tensor, target: Tensor, *, weight: float = 100.0) -> Tensor:
    """Equation 4: the adversarial loss plus `weight` times the L1 distance → scalar.

    Parameters
    ----------
    scores : Tensor, (B, 1, h, w)
        Of the generated pictures.
    fake, target : Tensor, (B, C, H, W)
        Generated pictures and those that belong to the same inputs. In [0, 1] an L1 distance is half of what
        it is in the paper's [−1, 1].
    weight : float
        λ of the paper; 0 leaves the distance out.

    Raises
    ------
    ValueError
        For maps or pictures of other shapes, or a negative weight.
    """
    check_number(weight, "weight", 0)
    return adversarial_loss(scores) + weight * l1_loss(fake, target)


def check_score_maps(*scores: Tensor) -> None:
    """Raise ValueError unless all are floating-point maps of scores (B, 1, h, w), not empty."""
    for score in scores:
        check_tensor(score, "scores", "B", 1, "h", "w", some=True)
