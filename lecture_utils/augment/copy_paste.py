"""Copy-paste (S05.5): objects cut out of one picture along their masks and pasted onto another.

G. Ghiasi, Y. Cui, A. Srinivas, R. Qian, T.-Y. Lin, E. D. Cubuk, Q. V. Le, B. Zoph, Simple Copy-Paste is a
Strong Data Augmentation Method for Instance Segmentation, CVPR 2021 (section 3): both pictures are flipped
at random and jittered in scale, a random subset of one's objects is pasted onto the other, and whatever
they cover loses those pixels: its mask and its box shrink, and what has vanished is dropped from the
annotations.

Simplified: nothing is smoothed before a picture is made smaller. Departures: a shrunken picture lands
anywhere in the frame (torchvision's reference fills up at the lower right); of the paper's two halves only
the augmentation is here, not the self-training on unlabelled pictures.

Shapes: B pictures, C channels, H and W height and width, K places for objects.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.augment.annotations import boxes_from_masks
from lecture_utils.augment.geometric import check_factors
from lecture_utils.augment.photometric import gaussian_blur
from lecture_utils.augment.warp import flip_matrix, scaling, translation, warp_image
from lecture_utils.ops.checks import check_images, check_number, check_tensor, check_whole


@dataclass(frozen=True, eq=False)
class Instances:
    """Pictures with the visible pixels and the class of each object.

    Attributes
    ----------
    image : (B, C, H, W) floating point.
    masks : (B, K, H, W) bool, visible pixels, so no pixel in two masks of a picture; empty where a place is.
    labels : (B, K) int64 class of each object, -1 where a place is empty.
    """

    image: Tensor
    masks: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        check_images(self.image)
        b, _, h, w = self.image.shape
        check_tensor(self.masks, "masks", b, "K", h, w, kind="bool")
        k = self.masks.shape[1]
        check_tensor(self.labels, "labels", b, k, kind="int")
        if self.labels.dtype != torch.int64 or bool((self.labels < -1).any()):
            got = f"{self.labels.dtype} {self.labels.flatten().tolist()[:8]}"
            raise ValueError(f"labels: got {got}, want int64, class numbers or -1")
        if k and bool((self.masks.sum(1) > 1).any()):
            raise ValueError("masks: got a pixel in two of them, want each object's visible pixels only")

    @property
    def boxes(self) -> Tensor:
        """(B, K, 4) x1, y1, x2, y2 around the visible pixels, zeros for an empty place."""
        return boxes_from_masks(self.masks)

    def semantic(self, background: Tensor | int = 0) -> Tensor:
        """(B, H, W) int64: 1 + class where an object is, else `background`, a number or a (B, H, W) map."""
        if isinstance(background, Tensor):
            b, _, h, w = self.image.shape
            check_tensor(background, "background", b, h, w, kind="int")
        else:
            check_whole(background, "background", None)
        value = (self.masks * (self.labels + 1)[..., None, None]).sum(1)  # (B, H, W), no two masks overlap
        return torch.where(self.masks.any(1), value, background)


def paste(
    target: Instances, source: Instances, chosen: Tensor, *, min_area: int = 1, softness: float = 0.0
) -> Instances:
    """Paste chosen objects of one batch onto another, and bring the annotations up to date.

    Parameters
    ----------
    target, source : Instances
        Of the same batch and picture size, K and K' places.
    chosen : Tensor
        (B, K') bool: which objects of the source.
    min_area : int
        An object with fewer visible pixels than this is dropped: mask empty, label -1, box zeros.
    softness : float
        Sigma of a blur of the seam, in pixels; the masks stay sharp. 0: none, as good in the paper.

    Returns
    -------
    Instances
        With K + K' places: the target's, then the source's.

    Raises
    ------
    ValueError
        If the batches do not fit each other, or a setting is out of its range.
    """
    check_paste(target, source, chosen)
    check_whole(min_area, "min_area", 0)
    check_number(softness, "softness", 0)
    pasted = source.masks & chosen[..., None, None]  # (B, K', H, W)
    over = pasted.any(1, keepdim=True)  # (B, 1, H, W) what is covered now
    share = over.to(target.image)
    share = gaussian_blur(share, softness) if softness else share
    image = share * source.image + (1 - share) * target.image
    masks = torch.cat([target.masks & ~over, pasted], dim=1)  # (B, K + K', H, W)
    labels = torch.cat([target.labels, torch.where(chosen, source.labels, -1)], dim=1)
    kept = masks.sum((-2, -1)) >= max(min_area, 1)  # (B, K + K')
    return Instances(image, masks & kept[..., None, None], torch.where(kept, labels, -1))


def scale_jitter(
    sample: Instances,
    generator: torch.Generator,
    *,
    scale: tuple[float, float] = (0.1, 2.0),
    flip: bool = True,
    fill: float = 0.5,
) -> Instances:
    """Large-scale jitter: enlarge and cut out, or shrink and surround with grey; half of them mirrored.

    Parameters
    ----------
    sample : Instances
        Masks move with the pictures.
    generator : torch.Generator
        Source of the random numbers.
    scale : tuple of float
        Between which the factor is drawn evenly; the paper's large jitter, against (0.8, 1.25) as the usual.
    flip : bool
        Mirror each picture with probability 1/2.
    fill : float
        Colour around a shrunken picture.

    Returns
    -------
    Instances
        Of the same size; what has left the picture is an empty place.

    Raises
    ------
    ValueError
        For factors that are not positive or not in order.
    """
    check_instances(sample)
    check_factors(scale)
    check_number(fill, "fill")
    (height, width), n = sample.image.shape[-2:], len(sample.image)
    u = torch.rand(n, 4, generator=generator)
    factor = scale[0] + (scale[1] - scale[0]) * u[:, 0]
    spare = 1 - factor  # above 0: room around the picture; below 0: what is cut away
    matrix = translation(u[:, 1] * spare * width, u[:, 2] * spare * height) @ scaling(factor, factor)
    if flip:
        mirror = (u[:, 3] < 0.5)[:, None, None]
        matrix = torch.where(mirror, flip_matrix(width) @ matrix, matrix)
    image = warp_image(sample.image, matrix, fill=fill)
    masks = warp_image(sample.masks, matrix, nearest=True)
    return Instances(image, masks, torch.where(masks.flatten(2).any(2), sample.labels, -1))


def random_copy_paste(
    batch: Instances,
    generator: torch.Generator,
    *,
    scale: tuple[float, float] = (0.1, 2.0),
    share: float = 0.5,
    flip: bool = True,
    min_area: int = 1,
) -> Instances:
    """Jitter a batch, and paste objects of its own pictures, in a random order and jittered anew, onto it.

    Parameters
    ----------
    batch : Instances
        With K places.
    generator : torch.Generator
        Source of the random numbers.
    scale, flip
        As in `scale_jitter`.
    share : float
        With which probability each object is pasted.
    min_area : int
        As in `paste`.

    Returns
    -------
    Instances
        With 2 K places.

    Raises
    ------
    ValueError
        As `scale_jitter` and `paste`, and for a share outside [0, 1].
    """
    check_instances(batch)
    check_number(share, "share", 0, 1)
    partner = torch.randperm(len(batch.image), generator=generator).to(batch.image.device)
    source = Instances(batch.image[partner], batch.masks[partner], batch.labels[partner])
    target = scale_jitter(batch, generator, scale=scale, flip=flip)
    source = scale_jitter(source, generator, scale=scale, flip=flip)
    lot = torch.rand(source.labels.shape, generator=generator).to(batch.image.device)
    return paste(target, source, (lot < share) & (source.labels >= 0), min_area=min_area)


def check_instances(sample: Instances) -> None:
    """Raise ValueError unless it is an `Instances`."""
    if not isinstance(sample, Instances):
        raise ValueError(f"sample: got {type(sample).__name__}, want Instances(image, masks, labels)")


def check_paste(target: Instances, source: Instances, chosen: Tensor) -> None:
    """Raise ValueError unless the two batches are of the same pictures, and `chosen` is bool (B, K')."""
    check_instances(target)
    check_instances(source)
    (one, other) = (f"{s.image.dtype} {tuple(s.image.shape)}" for s in (target, source))
    if one != other:
        raise ValueError(f"got pictures {one} and {other}, want equal pictures")
    check_tensor(chosen, "chosen", *source.labels.shape, kind="bool")
