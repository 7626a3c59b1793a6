"""Network dissection: which concept, if any, does a single unit respond to?

D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba, "Network Dissection: Quantifying Interpretability of Deep
Visual Representations", CVPR 2017, section 2 (equation 1). A unit is one channel of a layer. It is said to
fire where its map is above the level that only the top 0.5 % of its values, over the whole data set, exceed.
Where it fires is compared with where each concept is.

Simplified: concepts are given for every pixel of every image (the paper's sets each label some). And a map is
stretched over the whole image by plain bilinear interpolation, where the paper (section 2.3) anchors each
value at the centre of its receptive field. On the course's layer that is 1.5 of 48 pixels off, and changes no
unit's concept.

Shapes: N images, C units, h × w of a layer's maps, K concepts, H × W of the masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_finite, check_images, check_number, check_size, check_whole


class UnitLabel(NamedTuple):
    """A unit, the concept that it detects best, and how well."""

    unit: int
    concept: str
    iou: float


@dataclass(frozen=True)
class Dissection:
    """What a layer's units respond to.

    Attributes
    ----------
    iou : Tensor
        (C, K), intersection over union of where a unit fires and where a concept is, over all images.
    thresholds : Tensor
        (C,), above which a unit fires.
    names : tuple of str
        Of the K concepts.
    """

    iou: Tensor
    thresholds: Tensor
    names: tuple[str, ...]

    def labels(self, minimum: float = 0.04) -> list[UnitLabel]:
        """Name each unit by its best concept; only units with an IoU above `minimum`, the best first."""
        check_number(minimum, "minimum")
        values, concepts = (part.tolist() for part in self.iou.max(1))
        found = [
            UnitLabel(unit, self.names[concept], iou)
            for unit, (iou, concept) in enumerate(zip(values, concepts, strict=True))
            if iou > minimum
        ]
        return sorted(found, key=lambda label: -label.iou)

    def detectors(self, minimum: float = 0.04) -> dict[str, list[int]]:
        """Return the units of each concept that has any: its length is the number of unique detectors."""
        found: dict[str, list[int]] = {}
        for label in self.labels(minimum):
            found.setdefault(label.concept, []).append(label.unit)
        return found


def unit_thresholds(maps: Tensor, share: float = 0.005) -> Tensor:
    """Level T of each unit with P(activation > T) = `share` over all images and places, (C,).

    Parameters
    ----------
    maps : Tensor
        (N, C, h, w), a layer's activations over a data set.
    share : float
        Strictly between 0 and 1.

    Raises
    ------
    ValueError
        For other shapes or shares, values that are not finite, or so few that the share is less than one.
    """
    check_images(maps)
    check_finite(maps, "maps")
    check_number(share, "share")
    values = maps.transpose(0, 1).flatten(1)  # (C, N·h·w)
    above = int(share * values.shape[1])  # how many values may exceed T
    if not 0 < share < 1 or above < 1:
        got = f"{share} of {values.shape[1]} values a unit"
        raise ValueError(f"share: got {got}, want a share between 0 and 1 that makes at least one value")
    return values.topk(above + 1, dim=1).values[:, -1]


def unit_masks(maps: Tensor, thresholds: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Where each unit fires: its maps, up-sampled bilinearly to the masks' size, above its threshold.

    Parameters
    ----------
    maps : Tensor
        (N, C, h, w).
    thresholds : Tensor
        (C,).
    size : int or (H, W)
        Of the result.

    Returns
    -------
    Tensor
        (N, C, H, W) bool.

    Raises
    ------
    ValueError
        If shapes do not fit together, or a value is not finite.
    """
    check_images(maps)
    check_finite(maps, "maps")
    check_finite(thresholds, "thresholds")
    if thresholds.shape != (maps.shape[1],):
        raise ValueError(f"thresholds: got {tuple(thresholds.shape)}, want ({maps.shape[1]},), one a unit")
    size = check_size((size, size) if not isinstance(size, Sequence) else size)
    large = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)  # (N, C, H, W)
    return large > thresholds[:, None, None]


def dissect(
    maps: Tensor,
    concepts: Tensor,
    names: Sequence[str],
    *,
    share: float = 0.005,
    thresholds: Tensor | None = None,
    batch: int = 64,
) -> Dissection:
    """Compare where every unit fires with where every concept is (equation 1).

    IoU = Σ |M ∩ L| / Σ |M ∪ L|, both sums over the whole data set; M is the unit's mask, L the concept's.

    Parameters
    ----------
    maps : Tensor
        (N, C, h, w), activations.
    concepts : Tensor
        (N, K, H, W) bool.
    names : sequence of str
        K names.
    share : float
        How much of its values a unit fires on.
    thresholds : Tensor, optional
        (C,), where they come from other images; else from these, by `share`.
    batch : int
        Images at a time.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a value is not finite.
    """
    check_images(maps)
    check_finite(maps, "maps")
    check_whole(batch, "batch")
    if not isinstance(concepts, Tensor):
        raise ValueError(f"concepts: got {type(concepts).__name__}, want a torch.bool Tensor (N, K, H, W)")
    if (
        concepts.dtype != torch.bool
        or concepts.ndim != 4
        or len(concepts) != len(maps)
        or 0 in concepts.shape
    ):
        got = f"{concepts.dtype} {tuple(concepts.shape)}"
        raise ValueError(f"concepts: got {got}, want torch.bool ({len(maps)}, K, H, W), one for each image")
    if len(names) != concepts.shape[1]:
        raise ValueError(f"names: got {len(names)} names, want {concepts.shape[1]}, one a concept")
    if thresholds is None:
        thresholds = unit_thresholds(maps, share)
    units, count = maps.shape[1], concepts.shape[1]
    both = torch.zeros(units, count, dtype=torch.float64)  # pixels in the unit's and the concept's mask
    fired, there = torch.zeros(units, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    for part, truth in zip(maps.split(batch), concepts.split(batch), strict=True):
        fires = unit_masks(part, thresholds, (truth.shape[2], truth.shape[3]))
        m, concept = (mask.transpose(0, 1).flatten(1).float() for mask in (fires, truth))  # (C or K, b·H·W)
        both += (m @ concept.T).cpu()
        fired += m.sum(1).cpu()
        there += concept.sum(1).cpu()
    union = fired[:, None] + there - both  # (C, K)
    return Dissection((both / union.clamp_min(1)).float(), thresholds, tuple(names))
