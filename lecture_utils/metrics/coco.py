"""The COCO benchmark (S07.3): average precision over ten IoUs, by size, and average recall.

T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the benchmark's page "Detection
Evaluation". Its tool, pycocotools, gives the same numbers.

Left out: crowds (regions in which several objects count as one), which the toy world has not.

Shapes: T IoU thresholds, D detections, G objects (ground truth), K classes, A ranges of area, M limits to the
number of detections, R = 101 recalls.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lecture_utils.metrics.average_precision import (
    RECALLS,
    as_array,
    interpolate,
    match_detections,
    precision_recall,
)
from lecture_utils.ops.boxes import box_area, box_iou, check_box_set
from lecture_utils.ops.checks import check_classes, check_number, check_tensor, check_whole, check_wholes

Found = Sequence[tuple[Tensor, Tensor, Tensor]]  # a picture: boxes (D, 4), classes (D,), scores (D,)
Truth = Sequence[tuple[Tensor, Tensor]]  # a picture: boxes (G, 4), classes (G,)
Areas = Mapping[str, tuple[float, float]]

COCO_IOUS = tuple(np.linspace(0.5, 0.95, 10).tolist())
COCO_AREAS: Areas = MappingProxyType(
    {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, math.inf)}
)  # square pixels of pictures about 640 wide; both ends belong to a range


class Evaluation(NamedTuple):
    """All that `coco_summary` takes means of; NaN where there is no object.

    Attributes
    ----------
    precision : Tensor
        (T, R, K, A) interpolated, double; A = 0 are objects of any size. `precision[0, :, k, 0]` is the curve
        of class k at the first IoU, and its mean the average precision.
    recall : Tensor
        (T, K, A, M) share of the objects found with so many detections a picture, double.
    """

    precision: Tensor
    recall: Tensor


def evaluate(
    found: Found,
    truth: Truth,
    *,
    classes: int,
    ious: Sequence[float] = COCO_IOUS,
    areas: Areas = COCO_AREAS,
    most: Sequence[int] = (1, 10, 100),
) -> Evaluation:
    """Precision and recall by IoU, class and size.

    Parameters
    ----------
    found : sequence of (boxes, labels, scores)
        For each picture (D, 4) x1, y1, x2, y2, (D,) class numbers and (D,).
    truth : sequence of (boxes, labels)
        For each picture (G, 4) and (G,). An object's size is the area of its box. (COCO takes its mask's.)
    classes : int
        K.
    ious : sequence of float
        The T least IoUs.
    areas : mapping of str to (float, float)
        Smallest and largest area of a range, in square pixels. Objects out of it, those who find them, and
        detections out of it that find nothing do not count.
    most : sequence of int
        Detections of a class that count in a picture, rising; the last is used for precision.

    Raises
    ------
    ValueError
        For other shapes or types, a number that is no class, NaN, or settings out of range.
    """
    check_found(found, truth, classes)
    check_settings(ious, areas, most)
    ranges = [(0, math.inf), *areas.values()]
    precision = torch.full((len(ious), len(RECALLS), classes, len(ranges)), math.nan, dtype=torch.float64)
    recall = torch.full((len(ious), classes, len(ranges), len(most)), math.nan, dtype=torch.float64)
    pictures = [_Picture(*found[i], *truth[i]) for i in range(len(truth))]
    thresholds = torch.tensor(ious, dtype=torch.float64)
    for k in range(classes):
        own = [picture.of_class(k, most[-1]) for picture in pictures if k in picture.present]
        for a, area in enumerate(ranges):
            positives = sum(int(part.counted(area).sum()) for part in own)
            if positives == 0:
                continue
            scores = np.concatenate([part.scores for part in own])  # of all pictures, (D,)
            place = np.concatenate([np.arange(len(part.scores)) for part in own])  # in its picture, (D,)
            judged = [part.judge(thresholds, area) for part in own]
            hits, counts = (np.concatenate(parts, axis=1) for parts in zip(*judged, strict=True))  # (T, D)
            for m, limit in enumerate(most):
                recall[:, k, a, m] = torch.from_numpy(hits[:, place < limit].sum(1) / positives)
            for t, kept in enumerate(counts):
                own_hits, own_scores = torch.from_numpy(hits[t, kept]), torch.from_numpy(scores[kept])
                curve = precision_recall(own_hits, own_scores, positives)
                precision[t, :, k, a] = interpolate(*curve)
    return Evaluation(precision, recall)


class _Picture:
    """What was found in one picture and what is there, as arrays in double precision."""

    def __init__(self, boxes: Tensor, labels: Tensor, scores: Tensor, truth: Tensor, classes: Tensor) -> None:
        boxes, truth = boxes.detach().cpu().double(), truth.cpu().double()
        self.labels, self.classes, self.scores = as_array(labels), as_array(classes), as_array(scores)
        self.ious = as_array(box_iou(boxes, truth))  # (D, G)
        self.areas, self.sizes = as_array(box_area(boxes)), as_array(box_area(truth))
        self.present = {*self.labels.tolist(), *self.classes.tolist()}

    def of_class(self, k: int, most: int) -> "_Part":
        """The best detections and the objects of this class."""
        own, there = np.flatnonzero(self.labels == k), self.classes == k
        own = own[np.argsort(-self.scores[own], kind="stable")[:most]]
        return _Part(self.scores[own], self.ious[own][:, there], self.areas[own], self.sizes[there])


class _Part:
    """The detections (D,) of one class in one picture, by falling score, and its objects (G,)."""

    def __init__(self, scores: np.ndarray, ious: np.ndarray, areas: np.ndarray, sizes: np.ndarray) -> None:
        self.scores, self.ious, self.areas, self.sizes = scores, ious, areas, sizes
        self.matched: dict[tuple[bool, ...], np.ndarray] = {}

    def counted(self, area: tuple[float, float]) -> np.ndarray:
        """Which objects are of this size, (G,)."""
        return (self.sizes >= area[0]) & (self.sizes <= area[1])

    def judge(self, ious: Tensor, area: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Which detections find an object that counts, and which count themselves, (T, D) both."""
        counted = self.counted(area)
        known = tuple(counted.tolist())  # ranges in which the same objects count have the same matching
        if known not in self.matched:
            own = match_detections(torch.from_numpy(self.ious), ious, torch.from_numpy(counted))
            self.matched[known] = own.numpy()
        matched = self.matched[known]
        found = matched >= 0
        hits = found & np.append(counted, False)[matched]  # -1 is the one added
        fits = (self.areas >= area[0]) & (self.areas <= area[1])  # (D,)
        return hits, hits | (~found & fits)


def coco_summary(
    found: Found,
    truth: Truth,
    *,
    classes: int,
    areas: Areas = COCO_AREAS,
    most: Sequence[int] = (1, 10, 100),
) -> dict[str, float]:
    """The twelve numbers of the COCO benchmark: means over the classes (and sizes) that occur in the truth.

    Parameters and errors as for `evaluate`.

    Returns
    -------
    dict of str to float
        "AP" over ten IoUs from 0.5 to 0.95, "AP50" and "AP75" at one of them, "AP_small" and so on; "AR1" and
        so on, the recall over the ten IoUs with so many detections of a class in a picture, "AR_small" and so
        on. NaN where there is no object to find. (pycocotools says -1.)
    """
    precision, recall = evaluate(found, truth, classes=classes, areas=areas, most=most)
    summary = {
        "AP": precision[..., 0],
        "AP50": precision[COCO_IOUS.index(0.5), ..., 0],
        "AP75": precision[COCO_IOUS.index(0.75), ..., 0],
        **{f"AP_{name}": precision[..., a] for a, name in enumerate(areas, 1)},
        **{f"AR{m}": recall[..., 0, i] for i, m in enumerate(most)},
        **{f"AR_{name}": recall[..., a, -1] for a, name in enumerate(areas, 1)},
    }
    return {name: float(values.nanmean()) for name, values in summary.items()}


def check_found(found: Found, truth: Truth, classes: int) -> None:
    """Raise ValueError unless there are (boxes, labels, scores) and (boxes, labels) for each picture."""
    check_whole(classes, "classes")
    for name, given, parts in (("found", found, 3), ("truth", truth, 2)):
        listed = isinstance(given, Sequence) and all(
            isinstance(x, Sequence) and len(x) == parts for x in given
        )
        if not listed or len(given) != len(truth) or len(truth) == 0:
            got = f"{len(given)} items" if isinstance(given, Sequence) else type(given).__name__
            want = "boxes, labels" + ", scores" * (parts - 2)
            raise ValueError(f"{name}: got {got}, want ({want}) for each picture of found and of truth")
    for boxes, labels, scores in found:
        check_box_set(boxes, "found boxes")
        check_classes(labels, "found labels", len(boxes), classes=classes)
        check_tensor(scores, "found scores", len(boxes), finite=True)
    for boxes, labels in truth:
        check_box_set(boxes, "true boxes")
        check_classes(labels, "true labels", len(boxes), classes=classes)


def check_settings(ious: Sequence[float], areas: Areas, most: Sequence[int]) -> None:
    """Raise ValueError unless IoUs lie in [0, 1], areas are pairs (low, high), and limits rise."""
    check_wholes(most, "most")
    if list(most) != sorted(most):
        raise ValueError(f"most: got {most!r}, want rising numbers")
    if not isinstance(ious, Sequence) or len(ious) == 0:
        raise ValueError(f"ious: got {ious!r}, want one number in [0, 1] or more")
    for iou in ious:
        check_number(iou, "ious", 0, 1)
    if not isinstance(areas, Mapping):
        raise ValueError(f"areas: got {type(areas).__name__}, want a mapping of a name to (low, high)")
    for name, area in areas.items():
        if not isinstance(area, Sequence) or len(area) != 2 or not 0 <= area[0] <= area[1]:
            raise ValueError(f"areas, {name}: got {area!r}, want (low, high) with 0 ≤ low ≤ high")
