"""Figures of chapter 05's claims: every arm against what the claim was swept over, means and extremes.

A panel is (title, y label, {arm: (seeds, points) values}); the arms are the same in all panels of a figure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.style import INK

Panel = tuple[str, str, Mapping[str, Any]]


def arm_curves(panels_: Sequence[Panel], points: Sequence[float], xlabel: str, suptitle: str, *,
               log_x: bool = True) -> Figure:  # fmt: skip
    """Draw panels in a row: a line an arm, its mean over the seeds, and a band between the extremes.

    Where values fall below 0 (gains), a line is drawn at 0.
    """
    fig = Figure(figsize=(8, 3.0))
    axes = fig.subplots(1, len(panels_), squeeze=False)[0]
    for ax, (title, ylabel, arms) in zip(axes, panels_, strict=True):
        means = {name: (list(points), np.mean(values, axis=0)) for name, values in arms.items()}
        spread = {name: (np.min(values, axis=0), np.max(values, axis=0)) for name, values in arms.items()}
        curves(means, xlabel, ylabel, bands=spread, log_x=log_x, ax=ax)
        if min(np.min(low) for low, _ in spread.values()) < 0:
            ax.axhline(0, color=INK, linewidth=1, linestyle="--")
        ax.set_title(title, fontsize=10, fontweight="normal")
        ax.set_xticks(list(points), [f"{point:g}" for point in points])
        ax.minorticks_off()
        for name in (*ax.texts, ax.get_legend()):
            if name is not None:
                name.remove()
    lines, names = axes[0].get_legend_handles_labels()
    fig.legend(lines, names, loc="outside lower center", ncols=len(names), frameon=False)
    fig.suptitle(suptitle, x=0.01, ha="left")
    return fig


def light_panels(record: Any, worlds: Mapping[str, str]) -> tuple[list[Panel], list[float]]:
    """Arrange claim C05.1: accuracy by halvings of the light, 0 first; and the halvings."""
    swept = record.boundary["points"]
    stops = [0.0, *(float(point["at"]) for point in swept)]
    rows = [[row["light"] for row in record.figures]]
    rows += [[row["accuracy"] for row in point["figures"]] for point in swept]  # (stops, seeds)
    arms = {"bright": "bright pictures only", "photometric": "the same, recoloured"}

    def values(world: str, arm: str) -> np.ndarray:
        return np.array([[row[world][arm] for row in stop] for stop in rows]).T

    return [
        (title, "test accuracy", {name: values(world, arm) for arm, name in arms.items()})
        for world, title in worlds.items()
    ], stops


def mixing_panels(records: Mapping[str, Any]) -> tuple[list[Panel], list[float]]:
    """Arrange claims C05.2 and C05.3, {arm: record}: what each adds on digits, by their number."""
    points = next(iter(records.values())).boundary["points"]

    def swept(record: Any, figure: str) -> np.ndarray:
        return np.array([[row[figure] for row in at["figures"]] for at in record.boundary["points"]]).T

    panels_: list[Panel] = [
        (title, label, {arm: swept(record, figure) for arm, record in records.items()})
        for title, label, figure in (
            ("accuracy: above 0 is better", "with mixing minus without", "digits_gain"),
            ("calibration error: above 0 is better", "without mixing minus with", "digits_calibration"),
        )
    ]
    return panels_, [float(point["at"]) for point in points]


def paste_panels(record: Any) -> tuple[list[Panel], list[float]]:
    """Arrange claim C05.4: mean IoU of the arms on test scenes and on their own, by training steps."""
    swept = record.boundary["points"]
    arms = {"none": "no augmentation", "jitter": "flips and sizes", "copy-paste": "and copy-paste"}

    def values(arm: str, figure: str) -> np.ndarray:
        return np.array([[row["arms"][arm][figure] for row in at["figures"]] for at in swept]).T

    return [
        (title, "mean IoU", {name: values(arm, figure) for arm, name in arms.items()})
        for title, figure in (("on test scenes", "iou"), ("on the 32 scenes to learn from", "fits"))
    ], [float(at["at"]) for at in swept]
