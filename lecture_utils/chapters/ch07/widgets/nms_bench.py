"""NMS bench: candidates crowd around each object; which threshold keeps one box an object?

The candidates are simulated: boxes drawn around each true box, the surer the better they fit, most of them
with the right class, and a few boxes on empty ground.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.metrics.average_precision import match_detections
from lecture_utils.ops.boxes import box_iou, clip_boxes
from lecture_utils.ops.nms import batched_nms, nms
from lecture_utils.plotting.annotations import draw
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import BLUE, INK, ORANGE, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIZE = 240  # pixels a side
SEED = 1
A_CROWD = 9  # candidates of each object
PLACES = (0.01, 0.09, 0.21, 0.37, 0.505)  # of the words below the pictures
LEAST_IOU = 0.5  # a box with less finds nothing
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"threshold": 0.3, "classes": "all together"},
        "All classes together at 0.3: objects close to a surer one are suppressed with its doubles.",
    ),
    (
        {"threshold": 0.3, "classes": "each by itself"},
        "Each class by itself at 0.3: neighbours of another class are safe now.",
    ),
    (
        {"threshold": 0.5, "classes": "each by itself"},
        "Each class at 0.5: the usual setting.",
    ),
    (
        {"threshold": 0.7, "classes": "each by itself"},
        "0.7: loose doubles stay. Every one of them is a false alarm.",
    ),
    (
        {"threshold": 0.05, "classes": "all together"},
        "0.05: whatever touches a surer box goes.",
    ),
    (
        {"threshold": 0.5, "classes": "each by itself", "least": 0.6},
        "Doubtful boxes left out beforehand: fewer false alarms, and some objects are lost with them.",
    ),
)


class Crowd(NamedTuple):
    """A scene with its objects and the candidates of a simulated detector."""

    image: Tensor  # (3, SIZE, SIZE)
    truth: Tensor  # (G, 4)
    truth_class: Tensor  # (G,)
    boxes: Tensor  # (N, 4)
    classes: Tensor  # (N,)
    scores: Tensor  # (N,)


@lru_cache(maxsize=1)
def crowd() -> Crowd:
    """Render a crowded scene, and draw candidates around its objects."""
    from lecture_utils.data.toyworld import CLASSES, Objects, render, sample_scenes

    objects = Objects(count=6, size=(0.44, 0.56), distance=(2.2, 3.6))
    drawn = render(
        sample_scenes(1, seed=SEED, split="val", objects=objects), SIZE, only=("image", "class_id", "boxes")
    )
    sides = drawn.boxes[0, :, 2:] - drawn.boxes[0, :, :2]
    seen = (sides > 24).all(dim=1)
    truth, kind = drawn.boxes[0][seen].float(), drawn.class_id[0][seen]
    rng = np.random.default_rng(1)
    boxes, classes, scores = [], [], []
    for box, label in zip(truth.numpy(), kind.tolist(), strict=True):
        side = np.tile(box[2:] - box[:2], 2)
        wobble = rng.normal(size=(A_CROWD, 4)) * np.linspace(0.02, 0.13, A_CROWD)[:, None]
        boxes.append(box + wobble * side)
        wrong = rng.uniform(size=A_CROWD) < 0.08
        classes.append(np.where(wrong, rng.integers(0, len(CLASSES), A_CROWD), label))
        scores.append(
            rng.uniform(0.85, 0.99) - np.linspace(0, 0.4, A_CROWD) + rng.normal(size=A_CROWD) * 0.03
        )
    corner, side = rng.uniform(0, SIZE - 70, (4, 2)), rng.uniform(30, 70, (4, 2))
    boxes.append(np.concatenate([corner, corner + side], axis=1))
    classes.append(rng.integers(0, len(CLASSES), 4))
    scores.append(rng.uniform(0.3, 0.55, 4))
    found = torch.tensor(np.concatenate(boxes), dtype=torch.float32)
    return Crowd(
        drawn.image[0],
        truth,
        kind,
        clip_boxes(found, SIZE, SIZE),
        torch.tensor(np.concatenate(classes)),
        torch.tensor(np.concatenate(scores), dtype=torch.float32).clamp(0.05, 0.99),
    )


def kept(threshold: float, classes: str, least: float) -> Tensor:
    """Indices (K,) of the candidates that NMS keeps, by falling score."""
    scene = crowd()
    sure = (scene.scores >= least).nonzero()[:, 0]
    boxes, scores = scene.boxes[sure], scene.scores[sure]
    if classes == "all together":
        return sure[nms(boxes, scores, threshold)]
    return sure[batched_nms(boxes, scores, scene.classes[sure], threshold)]


def judged(indices: Tensor) -> tuple[Tensor, Tensor]:
    """Say of each kept candidate whether it is right, and of each object whether it was missed.

    A candidate is right if it has the class of an object that it covers with an IoU of 0.5 or more, and no
    surer one took this object; a double if a surer one did.

    Parameters
    ----------
    indices : Tensor
        (K,), by falling score.

    Returns
    -------
    verdict : Tensor
        (K,) 1 right, 0 a double, -1 false.
    missed : Tensor
        (G,) bool.
    """
    scene = crowd()
    iou = box_iou(scene.boxes[indices], scene.truth)  # (K, G)
    iou = iou * (scene.classes[indices][:, None] == scene.truth_class)
    taken = match_detections(iou, torch.tensor([LEAST_IOU]))[0]  # (K,)
    verdict = torch.where(taken >= 0, 1, torch.where((iou >= LEAST_IOU).any(1), 0, -1))
    missed = (taken[:, None] != torch.arange(len(scene.truth))).all(0)
    return verdict, missed


def bench(threshold: float, classes: str, least: float) -> Figure:
    """Draw the candidates, and what NMS leaves of them.

    Parameters
    ----------
    threshold : float
        IoU above which the less sure box goes.
    classes : "all together" or "each by itself"
    least : float
        Candidates below this score are left out beforehand.

    Returns
    -------
    Figure
    """
    scene, indices = crowd(), kept(threshold, classes, least)
    verdict, missed = judged(indices)
    sure = scene.scores >= least
    fig = Figure(figsize=(6.0, 3.5))
    fig.set_layout_engine("none")
    axes = [bare(fig.add_axes((left, 0.075, 0.49, 0.49 * 6.0 / 3.5))) for left in (0.005, 0.505)]
    draw(axes[0], scene.image)
    for x1, y1, x2, y2 in (scene.boxes[sure] - 0.5).tolist():
        thin = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=INK, linewidth=0.9, alpha=0.8)
        axes[0].add_patch(thin)
    axes[0].set_title(f"{int(sure.sum())} candidates", fontsize=10)
    colours = [(VERMILION, ORANGE, BLUE)[int(v) + 1] for v in verdict]
    draw(axes[1], scene.image, boxes=scene.boxes[indices], colours=colours)
    if bool(missed.any()):
        draw(axes[1], None, boxes=scene.truth[missed], colours=[INK] * int(missed.sum()), dashed=True)
    lost = f"{int(missed.sum())} of {len(missed)} objects missed"
    axes[1].set_title(f"{len(indices)} kept: {lost}", fontsize=10)
    told = [
        f"{int((verdict == k).sum())} {name}" for k, name in ((1, "right"), (0, "doubles"), (-1, "false"))
    ]
    words = ("kept:", *told, "missed object: broken line")
    for text, colour, x in zip(words, (INK, BLUE, ORANGE, VERMILION, INK), PLACES, strict=True):
        fig.text(x, 0.025, text, color=colour, fontsize=9.5, fontweight="bold")
    return fig


def nms_bench() -> Widget:
    """Make the NMS bench.

    Returns
    -------
    Widget
    """
    return Widget(
        title="NMS bench",
        compute=bench,
        controls={
            "threshold": Slider(0.05, 0.95, 0.05, 0.5, label="IoU threshold"),
            "classes": Choice(["all together", "each by itself"], "all together", label="classes"),
            "least": Slider(0.05, 0.9, 0.05, 0.05, label="least score"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"threshold": 0.95},
        alt="A crowded scene with all candidate boxes, and with those that non-maximum suppression keeps.",
    )
