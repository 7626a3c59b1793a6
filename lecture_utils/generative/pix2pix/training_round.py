"""One round of Pix2Pix's game: a step of the discriminator, then one of the generator (S15.5).

P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks",
CVPR 2017, section 3.3. The comparison of section 4.2 leaves one part out at a time: the game, the
discriminator's sight of the input, or the L1 distance.

Shapes: B batch, C channels, H × W picture.
"""

from torch import Tensor, nn
from torch.optim import Optimizer

from lecture_utils.generative.gan_loss import r1_penalty
from lecture_utils.generative.pix2pix.losses import discriminator_loss, generator_objective, l1_loss
from lecture_utils.generative.pix2pix.patchgan import PatchGAN
from lecture_utils.ops.checks import check_number


def play_round(
    generator: nn.Module,
    discriminator: PatchGAN,
    given: Tensor,
    target: Tensor,
    *,
    generator_optimizer: Optimizer,
    discriminator_optimizer: Optimizer,
    weight: float = 100.0,
    r1: float = 0.0,
) -> dict[str, float]:
    """Let the discriminator learn to tell these pairs from generated ones, then the generator to pass.

    Parameters
    ----------
    generator : nn.Module
        Inputs (B, C, H, W) → pictures.
    discriminator : PatchGAN
        Sees the input beside the picture if it has a `condition`; else the picture alone.
    given, target : Tensor, (B, C, H, W)
        Inputs and the real pictures that belong to them, both in [0, 1].
    weight : float
        λ of the L1 distance; 0 leaves it out.
    r1 : float
        Weight of the gradient penalty R1 (`gan_loss.r1_penalty`) on the mean score of each real picture; not
        in the paper, and left out at 0.

    Returns
    -------
    dict
        "discriminator", "generator" (the objective) and "l1", before the updates.

    Raises
    ------
    ValueError
        For negative weights, or targets of another shape than the generated pictures.
    """
    check_number(weight, "weight", 0)
    check_number(r1, "r1", 0)
    beside = given if discriminator.condition else None
    fake = generator(given)  # (B, C, H, W), used twice
    l1 = l1_loss(fake.detach(), target)  # refuses other shapes
    target = target.detach().requires_grad_(r1 > 0)
    scores = discriminator(target, beside)  # (B, 1, h, w)
    loss_d = discriminator_loss(scores, discriminator(fake.detach(), beside))
    penalty = r1 * r1_penalty(scores.mean(dim=(1, 2, 3)), target) if r1 > 0 else 0.0
    discriminator_optimizer.zero_grad()
    (loss_d + penalty).backward()
    discriminator_optimizer.step()

    discriminator.requires_grad_(False)  # the generator's gradient passes through; D's own is not needed
    loss_g = generator_objective(discriminator(fake, beside), fake, target.detach(), weight=weight)
    generator_optimizer.zero_grad()
    loss_g.backward()
    generator_optimizer.step()
    discriminator.requires_grad_(True)
    return {"discriminator": loss_d.item(), "generator": loss_g.item(), "l1": l1.item()}
