"""CutMix (S05.4): replace a box of one picture by the same box of another, with labels by area.

S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo, CutMix: Regularization Strategy to Train Strong
Classifiers with Localizable Features, ICCV 2019 (section 3.1). It takes the box from cutout and the labels
from mixup.

λ ~ Beta(α, α) is the share that the first picture keeps. The box has the sides W √(1 - λ) and H √(1 - λ)
about a centre drawn anywhere, and is cut off at the edge: it covers less than 1 - λ there. So λ is computed
anew from the box that was cut.

Each pair has its own λ and box (the authors' code: one for the batch).

Shapes: B pictures, C channels, H and W height and width, K classes.
"""

import torch
from torch import Tensor

from lecture_utils.augment.mixup import Number, check_lam, check_partner, check_targets, sample_beta
from lecture_utils.augment.photometric import box_mask
from lecture_utils.ops.checks import check_boxes, check_images, check_size, check_tensor


def cut_boxes(lam: Number, centre: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes of the share 1 - λ of a picture's area about given centres, cut off at the edge.

    Parameters
    ----------
    lam : float or Tensor (B,)
        λ in [0, 1], for all or for each.
    centre : Tensor
        (B, 2) integers x, y in pixels, in the picture.
    size : tuple of int
        (H, W).

    Returns
    -------
    Tensor
        (B, 4) int64 x1, y1, x2, y2.

    Raises
    ------
    ValueError
        For other shapes, λ outside [0, 1], or a centre outside the picture.
    """
    check_centre(centre, size)
    lam = check_lam(lam, len(centre)).to(centre.device)
    limit = torch.tensor([size[1], size[0]], device=lam.device)  # (2,) W, H
    side = (limit * (1 - lam[:, None]).sqrt()).long()  # (B or 1, 2) whole pixels
    low = centre - side // 2
    return torch.cat([low, low + side], dim=1).clamp_min(0).minimum(limit.repeat(2))


def kept_share(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """λ computed anew, (B,) float32: the share of the picture outside the box (B, 4) of whole numbers."""
    check_cut(boxes, len(boxes), size)
    x1, y1, x2, y2 = boxes.unbind(1)
    return 1 - ((x2 - x1) * (y2 - y1)).float() / (size[0] * size[1])


def cutmix(images: Tensor, targets: Tensor, boxes: Tensor, partner: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Replace a box of each picture by its partner's, and blend the targets by the areas.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W), floating point.
    targets : Tensor
        (B, K) shares of the classes.
    boxes : Tensor
        (B, 4) integers x1, y1, x2, y2 within the picture.
    partner : Tensor
        (B,) int64: from which picture of the batch.

    Returns
    -------
    images : Tensor, (B, C, H, W)
    targets : Tensor, (B, K)
    lam : Tensor, (B,)
        The share that each picture kept.

    Raises
    ------
    ValueError
        For other shapes, a box that leaves the picture, or a partner that is none of the batch.
    """
    check_images(images)
    check_targets(targets, len(images))
    check_partner(partner, len(images))
    size = (images.shape[-2], images.shape[-1])
    check_cut(boxes, len(images), size)
    mixed = torch.where(box_mask(boxes, size), images[partner], images)
    lam = kept_share(boxes, size).to(images)
    return mixed, lam[:, None] * targets + (1 - lam[:, None]) * targets[partner], lam


def random_cutmix(
    images: Tensor, targets: Tensor, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """CutMix of a batch with itself in a random order: images, targets (B, K), λ (B,) and boxes (B, 4).

    `alpha` as in `sample_beta`; 0 is off.
    """
    check_images(images)
    size = (images.shape[-2], images.shape[-1])
    partner = torch.randperm(len(images), generator=generator)
    lam = sample_beta(alpha, len(images), generator)
    limit = torch.tensor([size[1], size[0]])
    centre = (torch.rand(len(images), 2, generator=generator) * limit).long()
    boxes = cut_boxes(lam, centre, size).to(images.device)
    return *cutmix(images, targets, boxes, partner.to(images.device)), boxes


def check_centre(centre: Tensor, size: tuple[int, int]) -> None:
    """Raise ValueError unless centres (B, 2) are whole numbers x, y within (H, W)."""
    height, width = check_size(size)
    check_tensor(centre, "centre", "B", 2, kind="int")
    if len(centre) and not bool(((centre >= 0) & (centre <= centre.new_tensor([width, height]))).all()):
        raise ValueError(f"centre: got up to {centre.amax(0).tolist()}, want x, y within {width} × {height}")


def check_cut(boxes: Tensor, batch: int, size: tuple[int, int]) -> None:
    """Raise ValueError unless boxes (B, 4) are whole numbers x1, y1, x2, y2 within (H, W)."""
    height, width = check_size(size)
    check_tensor(boxes, "boxes", batch, 4, kind="int")
    check_boxes(boxes, batch)
    if not bool(((boxes >= 0) & (boxes <= boxes.new_tensor([width, height, width, height]))).all()):
        raise ValueError(f"boxes: got one that leaves the picture, want each within {size}")
