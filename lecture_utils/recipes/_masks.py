"""What the recipes of instance and panoptic segmentation share: scenes with their masks, a backbone, scores.

Objects of which less than a quarter shows are no truth, as in chapter 07: neither learned nor asked for, and
void in panoptic maps.

Shapes: B pictures of 64 × 64, G objects of a picture, K = 8 classes.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.backbones.resnet import BasicBlock, init_residual_, make_stage
from lecture_utils.data import toyworld
from lecture_utils.detection.fpn import FPN
from lecture_utils.metrics.keypoints import pck
from lecture_utils.metrics.mask_precision import mask_summary
from lecture_utils.metrics.panoptic import panoptic_quality
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.boxes import box_iou
from lecture_utils.recipes._detection import CLASSES, SIZE, SmallBackbone
from lecture_utils.segmentation.panoptic_codes import VOID
from lecture_utils.segmentation.structures import Instances
from lecture_utils.segmentation.yolact_edge import StagedPyramid
from lecture_utils.training.loop import in_evaluation

PORTION = 800  # scenes rendered at a time
LEAST_SEEN = 0.25
FIELDS = ("image", "class_id", "boxes", "visibility", "instance", "keypoints", "semantic", "panoptic")

STUFF = len(toyworld.STUFF)
THINGS = range(STUFF, len(toyworld.SEMANTIC))

MaskTarget = tuple[Tensor, Tensor, Tensor]  # boxes (G, 4) in pixels, classes (G,), masks (G, 64, 64) bool


class Truth(NamedTuple):
    """What is in B pictures.

    Attributes
    ----------
    targets : list of (Tensor, Tensor, Tensor)
        A picture: boxes (G, 4), classes (G,) and masks (G, 64, 64) bool.
    keypoints : list of Tensor
        A picture: (G, 5, 3) x, y in pixels, and 1 where it can be seen.
    semantic : Tensor
        (B, 64, 64) int64, index into `toyworld.SEMANTIC`; VOID where too little shows of an object.
    panoptic : Tensor
        (B, 64, 64) int64, class · 1000 + instance; VOID where too little shows of an object.
    """

    targets: list[MaskTarget]
    keypoints: list[Tensor]
    semantic: Tensor
    panoptic: Tensor

    def part(self, start: int, stop: int) -> "Truth":
        """Pictures `start` to `stop`."""
        return Truth(*(own[start:stop] for own in self))  # type: ignore[arg-type]


class TwoLevels(StagedPyramid):
    """The small backbone, a late stage at half its resolution, and a pyramid on both: strides 4 and 8.

    The late stage is about half of the work, so that a video may skip it.

    Parameters
    ----------
    width, blocks : int
        Of the late stage.
    channels : int
        Of the pyramid.
    """

    def __init__(self, *, width: int = 96, blocks: int = 4, channels: int = 48) -> None:
        small, norm = SmallBackbone(), FusedBatchNorm2d
        inputs = small.channels
        late = make_stage(BasicBlock, inputs, width, blocks, stride=2, shortcut="projection", norm=norm)
        init_residual_(late)
        super().__init__(small, [late], FPN((inputs, width), channels=channels, extra=False))


def labelled(n: int, *, seed: int, split: str = "train") -> tuple[Tensor, Truth]:
    """Pictures (n, 3, 64, 64) of one to four objects, and all that is known of them."""
    scenes = toyworld.sample_scenes(n, seed=seed, split=split, objects=toyworld.Objects(count=(1, 4)))
    return known(toyworld.render(scenes, SIZE, None, only=FIELDS))


def known(sample: toyworld.Sample) -> tuple[Tensor, Truth]:
    """What is asked for in rendered scenes."""
    seen = (sample.visibility >= LEAST_SEEN) & (sample.visibility > 0)  # (B, K)
    places = torch.arange(1, seen.shape[1] + 1)
    targets, keypoints = [], []
    for own, box, label, instance, points in zip(
        seen, sample.boxes, sample.class_id, sample.instance, sample.keypoints, strict=True
    ):
        targets.append((box[own], label[own], instance == places[own, None, None]))
        keypoints.append(points[own])
    shown = torch.cat([seen.new_ones(len(seen), 1), seen], dim=1)  # stuff is always asked for
    asked = shown.gather(1, sample.instance.flatten(1)).view_as(sample.instance)
    semantic, panoptic = (torch.where(asked, own, VOID) for own in (sample.semantic, sample.panoptic))
    return sample.image, Truth(targets, keypoints, semantic, panoptic)


def fresh_batches(seed: int, batch: int) -> Iterator[tuple[Tensor, Truth]]:
    """Batches of pictures that never repeat, and what is in them."""
    for portion in itertools.count(1000 * seed):
        images, truth = labelled(PORTION, seed=portion)
        for start in range(0, PORTION, batch):
            yield images[start : start + batch], truth.part(start, start + batch)


def panoptic_score(found: Sequence[Tensor], truth: Tensor) -> dict[str, float]:
    """PQ, SQ and RQ, means over the classes, of panoptic maps (H, W) and what is so, (n, H, W)."""
    quality = panoptic_quality(found, list(truth), classes=len(toyworld.SEMANTIC), things=THINGS)
    return {"PQ": quality.all.pq, "SQ": quality.all.sq, "RQ": quality.all.rq}


def mask_score(found: Sequence[Instances], targets: Sequence[MaskTarget]) -> dict[str, float]:
    """AP, AP50 and AP75 of masks."""
    given = [(own.masks >= 0.5, own.labels, own.scores) for own in found]
    truth = [(masks, labels) for _, labels, masks in targets]
    return mask_summary(given, truth, classes=CLASSES)


def found_in(
    model: nn.Module,
    images: Tensor,
    *,
    segment: Callable[[Any, Tensor], list[Any]] | None = None,
    batch: int = 50,
) -> list[Any]:
    """What a model finds in each picture, in evaluation mode and without gradients."""

    def run(model: nn.Module) -> list[Any]:
        see = segment or (lambda model, x: model(x))
        return [own for x in images.split(batch) for own in see(model, x)]

    return in_evaluation(model, run)


def pck_score(found: Sequence[Instances], truth: Truth) -> float:
    """PCK at 0.1 over all true objects: read from the surest detection of the class with an IoU of 0.5.

    The keypoints of an object that was not found count as wrong.
    """
    points, wanted, around = [], [], []
    for own, (boxes, labels, _), keypoints in zip(found, truth.targets, truth.keypoints, strict=True):
        fits = (box_iou(boxes, own.boxes) >= 0.5) & (labels[:, None] == own.labels)  # (G, D), best first
        assert own.keypoints is not None
        best = own.keypoints.new_full((len(boxes), keypoints.shape[1], 2), math.nan)
        for g, fit in enumerate(fits):
            if bool(fit.any()):
                best[g] = own.keypoints[int(fit.int().argmax()), :, :2]
        points.append(best)
        wanted.append(keypoints)
        around.append(boxes)
    return pck(torch.cat(points), torch.cat(wanted), torch.cat(around))
