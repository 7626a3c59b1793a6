"""The losses of CycleGAN: least squares for the game, there and back again, leave alone what fits (S15.6).

J.-Y. Zhu, T. Park, P. Isola, A. Efros, ICCV 2017: equations 2 and 3, the identity loss of section 5.2, the
weights of section 4. Least squares instead of the logarithms of equation 1: X. Mao, Q. Li, H. Xie,
R. Lau, Z. Wang, S. Smolley, "Least Squares Generative Adversarial Networks", ICCV 2017, equation 9.

Pictures lie in [0, 1] here and in [-1, 1] in the paper: the same distance counts half as much.

Shapes: B batch, h × w places that a PatchGAN scores, C × H × W picture.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.generative.pix2pix.losses import check_score_maps
from lecture_utils.ops.checks import check_images, check_number

CYCLE, IDENTITY = 10.0, 5.0  # λ, and 0.5 λ
Translator = Callable[[Tensor], Tensor]


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """½ mean (D(real) - 1)² + ½ mean D(fake)²: maps of scores (B, 1, h, w) → scalar.

    The half makes D learn more slowly than the generator (CycleGAN's appendix 7.1, and Mao's equation 9).
    """
    check_score_maps(real, fake)
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_generator(fake: Tensor) -> Tensor:
    """Mean of (D(fake) - 1)²: maps of scores (B, 1, h, w) → scalar."""
    check_score_maps(fake)
    return (fake - 1).square().mean()


def distance(images: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of two batches (B, C, H, W) → scalar.

    Raises
    ------
    ValueError
        For different shapes, which would be broadcast, or what are no pictures.
    """
    check_images(images)
    check_images(target)
    if images.shape != target.shape:
        raise ValueError(f"images: got {tuple(images.shape)} and {tuple(target.shape)}, want the same shape")
    return (images - target).abs().mean()


def cycle_loss(a: Tensor, b: Tensor, to_b: Translator, to_a: Translator) -> Tensor:
    """There and back again, from both sides (equation 2): pictures (B, C, H, W) of each domain → scalar."""
    return distance(to_a(to_b(a)), a) + distance(to_b(to_a(b)), b)


def identity_loss(a: Tensor, b: Tensor, to_b: Translator, to_a: Translator) -> Tensor:
    """What is of a domain already is to be left alone (section 5.2): pictures of each domain → scalar."""
    return distance(to_b(b), b) + distance(to_a(a), a)


def generator_objective(
    a: Tensor,
    b: Tensor,
    to_b: Translator,
    to_a: Translator,
    discriminator_a: Translator,
    discriminator_b: Translator,
    *,
    cycle: float = CYCLE,
    identity: float = IDENTITY,
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """All that both generators are trained for (equation 3, and the identity loss).

    Parameters
    ----------
    a, b : Tensor
        (B, C, H, W) pictures of the two domains, in [0, 1]; which a meets which b means nothing.
    to_b, to_a : callable
        The generators: pictures → pictures.
    discriminator_a, discriminator_b : callable
        The discriminators: pictures → maps of scores (B, 1, h, w); 1 is real.
    cycle, identity : float
        Weights, 0 or more; a term of weight 0 is not computed.

    Returns
    -------
    dict
        "adversarial", "cycle", "identity" (weighted) and "loss", their sum: scalars.
    Tensor, Tensor
        What was made: of domain B from `a`, and of domain A from `b`.

    Raises
    ------
    ValueError
        For negative weights, or what are no pictures.
    """
    check_number(cycle, "cycle", 0)
    check_number(identity, "identity", 0)
    fake_b, fake_a = to_b(a), to_a(b)
    fooled_b = least_squares_generator(discriminator_b(fake_b))
    fooled_a = least_squares_generator(discriminator_a(fake_a))
    terms = {"adversarial": fooled_b + fooled_a}
    if cycle:
        terms["cycle"] = cycle * (distance(to_a(fake_b), a) + distance(to_b(fake_a), b))
    if identity:
        terms["identity"] = identity * identity_loss(a, b, to_b, to_a)
    terms["loss"] = torch.stack(list(terms.values())).sum()
    return terms, fake_b, fake_a
