"""A claim's figure: what every seed measured, the effect with its interval, and the rule set beforehand."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BLUE, GREEN, INK, QUIET, VERMILION


def claim_figure(record: Any) -> Figure:
    """Draw a claim: a dot a seed, the mean with its 95 % interval, and the rule's threshold.

    Parameters
    ----------
    record : lecture_utils.experiments.ledger.Record
        Anything with `id`, `rule` (figure, above, below, equals), `figures` (a dict a seed), `effect` (mean,
        low, high, n) and `holds`. Where a claim has several rules, the first is drawn. Numbers may be None.

    Returns
    -------
    Figure
        The shaded side is where the interval must lie for the claim to hold.
    """
    rule, effect = record.rule, record.effect
    measured = [figures.get(rule.figure) for figures in record.figures]
    values = np.array([float(v) for v in measured if v is not None and math.isfinite(v)])
    interval = [effect.get(key) for key in ("low", "mean", "high")]
    known = [float(v) for v in interval if v is not None and math.isfinite(v)]
    bounds = [getattr(rule, side, None) for side in ("above", "below", "equals")]
    above, below, equals = (None if v is None else float(v) for v in bounds)

    fig = Figure(figsize=(8, 2.5), layout="constrained")
    ax = fig.subplots()
    _set_range(ax, [*values, *known, *(float(v) for v in bounds if v is not None)])
    _draw_rule(ax, above, below, equals)
    spread = np.linspace(-0.16, 0.16, len(values)) if len(values) > 1 else np.zeros(len(values))
    ax.plot(values, 1 + spread, "o", color=BLUE, markersize=6.5, markeredgecolor="white", zorder=3)
    if len(known) == 3:
        ax.plot([known[0], known[2]], [0, 0], color=INK, linewidth=3, zorder=3)
        ax.plot([known[1]], [0], "D", color=INK, markersize=7, zorder=3)
    missing = len(measured) - len(values)
    seeds = "each seed" + (f"\n({missing} without a number)" if missing else "")
    ax.set_yticks([0, 1], [f"mean, 95 % interval\n(n = {effect.get('n', len(values))})", seeds])
    rules = len(getattr(record, "rules", (rule,)))
    ax.set_xlabel(
        str(rule.figure).replace("_", " ") + (f" (the first of {rules} rules)" if rules > 1 else "")
    )
    title = f"{record.id} " + ("holds" if record.holds else "not reproduced")
    if len(known) == 3:
        title += f": {known[1]:.3g}, 95 % interval {known[0]:.3g} to {known[2]:.3g}".replace("-", "−")
    ax.set_title(title, color=INK if record.holds else QUIET)
    return fig


def _set_range(ax: Axes, values: list[float]) -> None:
    """Give an axes a range that holds all values, and take from it what a dot chart does not need."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    pad = 0.08 * ((high - low) or abs(low) or 1.0)
    ax.set(xlim=(low - pad, high + pad), ylim=(-0.55, 1.8))
    ax.tick_params(axis="y", length=0, labelsize=9)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)


def _draw_rule(ax: Axes, above: float | None, below: float | None, equals: float | None) -> None:
    """Draw the thresholds, and shade where the interval has to lie."""
    left, right = ax.get_xlim()
    if above is not None or below is not None:
        start, end = left if above is None else above, right if below is None else below
        ax.axvspan(start, end, color=GREEN, alpha=0.12, linewidth=0)
    for side, value, align in (
        ("above", above, "left"),
        ("below", below, "right"),
        ("equals", equals, "left"),
    ):
        if value is None:
            continue
        ax.axvline(value, color=VERMILION, linewidth=1.6, linestyle="--")
        shift = 4 if align == "left" else -4
        ax.annotate(
            f"rule: {side} {value:g}".replace("-", "−"),
            (value, 1.62),
            xytext=(shift, 0),
            textcoords="offset points",
            ha=align,
            va="center",
            fontsize=8.5,
            color=VERMILION,
            annotation_clip=False,
        )
