"""Detections beside the truth: which are right, and rows of pictures that say so.

Shapes: G true boxes and D detections of a picture.
"""

from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.metrics.average_precision import match_detections
from lecture_utils.ops.boxes import box_iou

from .annotations import draw
from .images import panels
from .style import BLUE, INK, VERMILION

LEAST_IOU = 0.5  # with less, a detection has found nothing


def right_detections(truth: tuple[Tensor, Tensor], detections: Any, least: float = LEAST_IOU) -> Tensor:
    """Which detections of a picture are right, (D,) bool: class and box fit an object that no surer one took.

    Parameters
    ----------
    truth : (Tensor, Tensor)
        Boxes (G, 4) and classes (G,).
    detections : lecture_utils.detection.structures.Detections
        Anything with `boxes` (D, 4), `labels` and `scores` (D,).
    least : float
        IoU from which on a box fits.
    """
    order = detections.scores.argsort(descending=True, stable=True)
    iou = box_iou(detections.boxes[order], truth[0].to(detections.boxes))
    iou = iou * (detections.labels[order][:, None] == truth[1])
    right = torch.zeros(len(order), dtype=torch.bool)
    right[order] = match_detections(iou, torch.tensor([least]))[0] >= 0
    return right


def faults_in(truth: tuple[Tensor, Tensor], detections: Any) -> int:
    """How many objects of a picture were missed, and detections false, in all; as `right_detections`."""
    right = int(right_detections(truth, detections).sum())
    return len(truth[0]) - right + len(detections.boxes) - right


def detection_rows(
    pictures: Any,
    truths: Sequence[tuple[Tensor, Tensor]],
    detections: Sequence[Any],
    names: Sequence[str],
    title: str,
    *,
    columns: int = 4,
    size: float = 2.0,
) -> Figure:
    """Draw pictures with what is there (dashed) and what was found: right in blue, false in vermilion.

    Parameters
    ----------
    pictures : N images
    truths : sequence of (boxes (G, 4), classes (G,))
    detections : sequence of Detections
        As for `right_detections`.
    names : sequence of str
        Of the classes.
    title : str
    columns : int
        Pictures in a row.
    size : float
        Width of one picture, in inches.
    """
    fig, axes = panels(len(pictures), columns, size, suptitle=title)
    for ax, picture, truth, found in zip(axes, pictures, truths, detections, strict=True):
        draw(ax, picture, boxes=truth[0], colours=[INK] * len(truth[0]), dashed=True)
        colours = [BLUE if right else VERMILION for right in right_detections(truth, found)]
        said = [names[int(k)] for k in found.labels]
        draw(ax, None, boxes=found.boxes, labels=said, scores=found.scores, colours=colours)
    return fig
