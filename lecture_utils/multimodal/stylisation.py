"""CLIP-guided stylisation (S13.9): a picture is changed until CLIP finds that a text fits it.

G. Kwon, J. C. Ye, "CLIPstyler: Image Style Transfer with a Single Text Condition", CVPR 2022, section 3: the
directional loss of R. Gal et al. ("StyleGAN-NADA", 2022), the same over random patches with the patches that
are there already left out, a content loss and total variation. O. Patashnik et al., "StyleCLIP", ICCV 2021,
section 4 has the global loss, which is kept here to see what it does.

What is optimised is a `style`: any module that maps a picture to a picture, such as those of `styles`.

Simplified: content is compared by SSIM, where the paper compares VGG's features; patches are only cropped and
enlarged, not warped by a random perspective; the style is a small map, where the paper trains a U-Net.

Shapes: B pictures, S their side, P patches a picture, D width of the joint space.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_finite, check_number, check_rgb, check_sizes, check_tensor
from lecture_utils.ops.ssim import ssim

Encoder = Callable[[Tensor], Tensor]  # pictures (B, 3, S, S) → embeddings (B, D) of length 1


def global_loss(images: Tensor, text: Tensor) -> Tensor:
    """One less the cosine of pictures and texts (B, D) of length 1: (B,) (StyleCLIP, equation 1)."""
    check_pair(images, text)
    return 1 - (images * text).sum(-1)


def directional_loss(styled: Tensor, source: Tensor, target_text: Tensor, source_text: Tensor) -> Tensor:
    """One less the cosine of the pictures' change and the texts' change (CLIPstyler, equation 2).

    Parameters
    ----------
    styled, source : Tensor
        (B, D) embeddings of the changed and of the given pictures.
    target_text, source_text : Tensor
        (B, D) or (1, D) embeddings of what is wanted, and of what is there.

    Returns
    -------
    Tensor
        (B,) in [0, 2]; 1 where nothing has changed yet, and its gradient there is finite.

    Raises
    ------
    ValueError
        For shapes that do not fit, or two texts that are the same.
    """
    check_pair(styled, source)
    check_pair(target_text, source_text)
    wanted = target_text - source_text
    if bool((wanted.norm(dim=-1) < 1e-4).any()):
        raise ValueError("texts: got two that mean the same, want a source and another target")
    change = styled - source  # (B, D)
    return 1 - F.cosine_similarity(change, wanted.expand_as(change), dim=-1, eps=1e-4)


def patches(images: Tensor, count: int, *, share: float = 0.6, generator: torch.Generator) -> Tensor:
    """Cut random square patches, and enlarge them to the pictures' size: (B·P, 3, S, S).

    `share` is a patch's side over S, in (0, 1].
    """
    check_rgb(images)
    check_finite(images, "images")
    check_sizes("patches", count=count)
    check_number(share, "patches, share", 0, 1, above=True)
    side = max(1, round(share * images.shape[-1]))
    cut = []
    for _ in range(count):
        top, left = (
            int(torch.randint(images.shape[axis] - side + 1, (), generator=generator)) for axis in (2, 3)
        )
        cut.append(images[:, :, top : top + side, left : left + side])
    grown = F.interpolate(torch.cat(cut), size=images.shape[2:], mode="bilinear", align_corners=False)
    return grown.unflatten(0, (count, len(images))).transpose(0, 1).flatten(0, 1)  # (B·P, 3, S, S)


def patch_loss(each: Tensor, threshold: float) -> Tensor:
    """Mean over patches (B, P) of their losses, those below the threshold taken as 0 (equation 4): (B,)."""
    check_tensor(each, "patches", "B", "P", finite=True, some=True)
    check_number(threshold, "threshold")
    return torch.where(each > threshold, each, 0.0).mean(1)


def total_variation(images: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, down and across: (B,)."""
    check_rgb(images)
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().flatten(1).mean(1)
    across = (images[..., 1:] - images[..., :-1]).abs().flatten(1).mean(1)
    return down + across


@dataclass(frozen=True)
class StyleWeights:
    """What the terms of the loss count. Zero leaves a term out.

    Attributes
    ----------
    globally : float
        Of `global_loss`.
    direction : float
        Of `directional_loss`, of whole pictures.
    patch : float
        Of `directional_loss` over patches.
    content : float
        Of 1 - SSIM with the given picture.
    variation : float
        Of `total_variation`.
    """

    globally: float = 0.0
    direction: float = 1.0
    patch: float = 1.0
    content: float = 1.0
    variation: float = 0.1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_number(value, f"StyleWeights.{name}", 0)


@dataclass(frozen=True, eq=False)
class Styled:
    """What came of a stylisation.

    Attributes
    ----------
    images : Tensor
        (B, 3, S, S) in [0, 1].
    losses : list of float
        One a step.
    score : Tensor
        (B,) cosine of each picture with the target text, at the end.
    before : Tensor
        (B,) the same of the given pictures.
    structure : Tensor
        (B,) SSIM with the given pictures, at the end.
    """

    images: Tensor
    losses: list[float]
    score: Tensor
    before: Tensor
    structure: Tensor


def stylise(
    images: Tensor,
    encode: Encoder,
    source_text: Tensor,
    target_text: Tensor,
    style: nn.Module,
    *,
    weights: StyleWeights = StyleWeights(),
    steps: int = 100,
    rate: float = 0.02,
    count: int = 8,
    threshold: float = 0.7,
    seed: int = 0,
) -> Styled:
    """Optimise a style so that the pictures move in CLIP's space as the texts do.

    Parameters
    ----------
    images : Tensor
        (B, 3, S, S) in [0, 1]; S is 11 or more.
    encode : callable
        CLIP's image encoder. Its own weights get no gradient.
    source_text, target_text : Tensor
        (B, D) or (1, D), what is there and what is wanted.
    style : nn.Module
        `Pixels`, `ColourMap`, … Its parameters are changed in place.
    weights : StyleWeights
    steps : int
        Of Adam.
    rate : float
        Its learning rate.
    count : int
        P, patches a picture and step.
    threshold : float
        Patches whose loss is below it are left out.
    seed : int
        Of the patches.

    Returns
    -------
    Styled

    Raises
    ------
    ValueError
        For shapes, ranges or counts that do not fit.
    """
    check_rgb(images, unit_range=True)
    check_finite(images, "images")
    check_sizes("stylise", steps=steps, count=count)
    check_number(rate, "stylise, rate", 0, above=True)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(style.parameters(), lr=rate)
    with torch.no_grad():
        source = encode(images)  # (B, D)
    target, origin = (t.detach().expand_as(source) for t in (target_text, source_text))
    losses = []
    for _ in range(steps):
        styled = style(images)
        own = encode(styled)  # (B, D)
        loss = (
            weights.globally * global_loss(own, target)
            + weights.direction * directional_loss(own, source, target, origin)
            + weights.content * (1 - ssim(styled, images))
            + weights.variation * total_variation(styled)
        )  # (B,)
        if weights.patch:
            cut = encode(patches(styled, count, generator=generator)).unflatten(0, (len(images), count))
            many = (x[:, None].expand_as(cut).flatten(0, 1) for x in (source, target, origin))
            each = directional_loss(cut.flatten(0, 1), *many).unflatten(0, (len(images), count))
            loss = loss + weights.patch * patch_loss(each, threshold)
        optimizer.zero_grad()
        loss.sum().backward(inputs=list(style.parameters()))  # each picture for itself; CLIP stays as it is
        optimizer.step()
        losses.append(float(loss.mean().detach()))
    with torch.no_grad():
        styled = style(images)
        score, before = ((place * target).sum(-1) for place in (encode(styled), source))
    return Styled(styled, losses, score, before, ssim(styled, images))


def check_pair(a: Tensor, b: Tensor) -> None:
    """Raise ValueError unless these are embeddings (B, D) and (B, D), or one of them (1, D)."""
    check_tensor(a, "embeddings", "B", "D", some=True)
    check_tensor(b, "embeddings", "B", "D", some=True)
    if a.shape[1] != b.shape[1] or (a.shape[0] != b.shape[0] and 1 not in (a.shape[0], b.shape[0])):
        raise ValueError(
            f"embeddings: got {tuple(a.shape)} and {tuple(b.shape)}, want (B, D) each, or (1, D)"
        )
