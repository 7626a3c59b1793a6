"""A figure of a claim whose boundary was swept."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.experiments.record import derive_effect
from lecture_utils.plotting.style import BLUE, INK, QUIET


def gain_figure(
    record: Any, at: float, xlabel: str, ylabel: str, title: str, *, height: float = 3.4
) -> Figure:
    """Draw a claim's figure along its boundary's axis: a dot a seed, the means, and their 95 % intervals.

    Parameters
    ----------
    record : lecture_utils.experiments.ledger.Record
        With a boundary.
    at : float
        Where on the axis the claim itself was measured.
    xlabel, ylabel, title : str
    height : float
        In inches.
    """
    points = {at: record.figures} | {point["at"]: point["figures"] for point in record.boundary["points"]}
    places = sorted(points)
    effects = [derive_effect(record.rule, points[x]) for x in places]
    mean, low, high = (np.array([effect[name] for effect in effects]) for name in ("mean", "low", "high"))
    fig = Figure(figsize=(8, height), layout="constrained")
    ax = fig.subplots()
    ax.axhline(0, color=QUIET, linewidth=1)
    ax.fill_between(places, low, high, color=BLUE, alpha=0.18, linewidth=0)
    ax.plot(places, mean, "-o", color=BLUE, zorder=3)
    for x in places:
        ax.plot(
            [x] * len(points[x]), [own[record.rule.figure] for own in points[x]], ".", color=INK, zorder=4
        )
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    return fig
