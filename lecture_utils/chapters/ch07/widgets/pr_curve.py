"""Precision and recall: move the threshold of a simulated detector along its curve.

Objects get a detection with a high score or none at all; empty ground gets some too, with lower scores. How
far apart the two lie is how good the detector is.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.metrics.average_precision import RECALLS, average_precision, interpolate, precision_recall
from lecture_utils.plotting.style import BLUE, INK, ORANGE, QUIET, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

OBJECTS, FALSE = 60, 70
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"threshold": 0.5},
        "At 0.5: what is right of the line counts. AP, the area, does not depend on the threshold.",
    ),
    ({"threshold": 0.8}, "At 0.8 nearly all that is said is right, and most objects go unfound."),
    ({"threshold": 0.2}, "At 0.2 more is found, and more than half of what is said is false."),
    (
        {"threshold": 0.5, "quality": 2.6},
        "A better detector: the two heaps lie apart, the curve fills its corner.",
    ),
    (
        {"threshold": 0.5, "quality": 0.0},
        "Scores that say nothing: precision is the same at every threshold.",
    ),
    (
        {"threshold": 0.5, "doubles": True},
        "The same detector without NMS: every second object is told twice. Recall is as before, AP is not.",
    ),
    (
        {"threshold": 0.5, "missing": 0.5},
        "Half of the objects have no detection: the curve ends at recall 0.5.",
    ),
)


@lru_cache(maxsize=32)
def detector(quality: float, missing: float, doubles: bool) -> tuple[Tensor, Tensor]:
    """Scores (D,) in [0, 1] and hits (D,) of a simulated detector for OBJECTS objects."""
    rng = np.random.default_rng(5)
    found = rng.normal(quality / 2, 1, OBJECTS)[: OBJECTS - round(missing * OBJECTS)]
    wrong = rng.normal(-quality / 2, 1, FALSE)
    if doubles:  # the second box of an object is a little less sure, and finds nothing new
        wrong = np.concatenate([wrong, found[::2] - np.abs(rng.normal(0.2, 0.2, len(found[::2])))])
    scores = 1 / (1 + np.exp(-1.3 * np.concatenate([found, wrong])))
    hits = np.arange(len(scores)) < len(found)
    return torch.tensor(scores), torch.tensor(hits)


def at_threshold(scores: Tensor, hits: Tensor, threshold: float) -> tuple[float, float]:
    """Precision and recall of the detections with this score or more; NaN where there is none."""
    believed = hits[scores >= threshold].double()
    return float(believed.mean()), float(believed.sum()) / OBJECTS


def curve(threshold: float, quality: float, missing: float, doubles: bool) -> Figure:
    """Draw the scores of right and false detections, and precision against recall.

    Parameters
    ----------
    threshold : float
        Detections from this score on are believed.
    quality : float
        How far apart the scores of right and false detections lie.
    missing : float
        Share of the objects without any detection.
    doubles : bool
        Every second object is told twice.

    Returns
    -------
    Figure
    """
    scores, hits = detector(quality, missing, doubles)
    precision, recall = precision_recall(hits, scores, OBJECTS)
    now = at_threshold(scores, hits, threshold)
    fig = Figure(figsize=(8.0, 3.0))
    fig.set_layout_engine("none")
    left, right = fig.add_axes((0.065, 0.17, 0.4, 0.69)), fig.add_axes((0.56, 0.17, 0.42, 0.69))
    _heaps(left, scores, hits, threshold)
    right.plot(recall, precision, color=QUIET, linewidth=1.2, label="one detection more at a time")
    best = interpolate(precision, recall)
    right.step(RECALLS, best, color=BLUE, where="post", label="best from there on")
    right.fill_between(RECALLS, best, step="post", color=BLUE, alpha=0.15, linewidth=0)
    if now[0] == now[0]:
        right.plot(
            now[1], now[0], "o", color=ORANGE, markersize=9, markeredgecolor=INK, clip_on=False, zorder=4
        )
    right.legend(loc="lower left")
    right.set(xlim=(0, 1), ylim=(0, 1.04), xlabel="recall", ylabel="precision")
    right.set_title(
        f"AP {average_precision(precision, recall):.2f}, the blue area", fontsize=10.5, loc="left"
    )
    return fig


def _heaps(ax: Axes, scores: Tensor, hits: Tensor, threshold: float) -> None:
    """Histograms of the scores, the threshold, and what it lets in."""
    bins = np.linspace(0, 1, 21).tolist()
    believed = scores >= threshold
    ax.hist(
        [scores[hits], scores[~hits]], bins, stacked=True, color=[BLUE, VERMILION], label=["right", "false"]
    )
    ax.axvline(threshold, color=ORANGE, linewidth=2.5)
    ax.set(xlim=(0, 1), ylim=(0, 24), xlabel="score", ylabel="detections")
    ax.legend(loc="upper left" if threshold > 0.3 else "upper right")
    right, false = int((believed & hits).sum()), int((believed & ~hits).sum())
    share = f"{right / (right + false):.2f}" if right + false else "none"
    ax.set_title(
        f"{right} right, {false} false: precision {share}, recall {right / OBJECTS:.2f}",
        fontsize=10.5,
        loc="left",
    )


def pr_curve() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Precision, recall and the threshold",
        compute=curve,
        controls={
            "threshold": Slider(0.0, 0.95, 0.05, 0.5, label="threshold"),
            "quality": Slider(0.0, 4.0, 0.2, 1.4, label="quality of the scores"),
            "missing": Slider(0.0, 0.9, 0.1, 0.2, label="objects never found"),
            "doubles": Choice([("no", False), ("yes", True)], False, label="doubled boxes"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"quality": 4.0, "missing": 0.0},
        alt="Histograms of the scores of right and false detections, and precision against recall.",
    )
