"""Charts of chapter 03: what a softmax makes of logits, curves side by side, bars with a dot a seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.special import softmax

from lecture_utils.chapters.ch03.figures import picture_rows
from lecture_utils.plotting.annotations import outline
from lecture_utils.plotting.images import bare, to_array, to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE, INK, ORANGE, PALETTE, SKY


def softmax_bars(logits: Any, treatments: Mapping[str, tuple[Any, float]], title: str = "") -> Figure:
    """Draw softmax((logits - centre) / temperature) as bars, one panel a treatment, with its entropy.

    Parameters
    ----------
    logits : (K,)
    treatments : dict of name to (centre, temperature)
        centre a number or (K,).
    title : str
    """
    fig = Figure(figsize=(8, 2.5), layout="constrained")
    axes = fig.subplots(1, len(treatments), sharey=True, squeeze=False)[0]
    for ax, (name, (centre, temperature)) in zip(axes, treatments.items(), strict=True):
        shares = softmax((to_array(logits).astype(float) - to_array(centre)) / temperature)
        ax.bar(range(1, len(shares) + 1), shares, color=BLUE)
        nats = -(shares * np.log(np.maximum(shares, 1e-300))).sum()
        ax.set_title(f"{name}\nentropy {nats:.2f}", fontsize=10, fontweight="normal")
        ax.set(xlabel="prototype", xticks=range(1, len(shares) + 1))
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def softened(
    picture: Any, logits: Any, names: Sequence[str], temperatures: Sequence[float], title: str = ""
) -> Figure:
    """Draw a picture (3, H, W), and beside it softmax(logits / T) over the K names for several T."""
    fig = Figure(figsize=(8, 2.5), layout="constrained")
    axes = fig.subplots(1, 1 + len(temperatures), width_ratios=[0.8] + [1] * len(temperatures))
    bare(axes[0]).imshow(to_image(picture), interpolation="nearest")
    for k, (ax, temperature) in enumerate(zip(axes[1:], temperatures, strict=True)):
        ax.barh(names, softmax(to_array(logits).astype(float) / temperature), color=ORANGE)
        ax.set_title(f"T = {temperature:g}", fontsize=10, fontweight="normal")
        ax.tick_params(axis="y", labelleft=k == 0)
        ax.set(xlim=(0, 1), xticks=(0, 0.5, 1))
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def curve_panels(
    panels: Mapping[str, Mapping[str, Any]],
    title: str = "",
    *,
    xlabel: str = "step",
    bands: Mapping[str, Mapping[str, Any]] | None = None,
    height: float = 2.5,
) -> Figure:
    """Draw several charts of lines side by side.

    Parameters
    ----------
    panels : dict of the y-axis's name to series
        A series is a dict of name to y, or to (x, y); colours follow the order.
    title, xlabel : str
    bands : dict of the y-axis's name to bands, optional
    height : float
        In inches.
    """
    fig = Figure(figsize=(8, height), layout="constrained")
    axes = fig.subplots(1, len(panels), squeeze=False)[0]
    named: set[str] = set()
    for ax, (ylabel, series) in zip(axes, panels.items(), strict=True):
        shaded = (bands or {}).get(ylabel, {})
        for k, (name, line) in enumerate(series.items()):
            x, y = line if isinstance(line, tuple) else (range(len(line)), line)
            ax.plot(x, y, color=PALETTE[k], label=name, marker="o" if len(y) <= 12 else None, markersize=4)
            if name in shaded:
                ax.fill_between(x, *shaded[name], color=PALETTE[k], alpha=0.18, linewidth=0)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if len(series) > 1 and not named.issuperset(series):  # once is enough
            ax.legend(loc="best", fontsize=8.5)
            named.update(series)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def seed_bars(values: Mapping[str, Sequence[float]], xlabel: str, title: str = "", first: str = "") -> Figure:
    """Draw the mean of each row of values as a bar, a dot for every seed; `first` is set off by colour."""
    fig = Figure(figsize=(7, 0.8 + 0.4 * len(values)), layout="constrained")
    ax = fig.subplots()
    for k, (name, row) in enumerate(values.items()):
        ax.barh(k, float(np.mean(row)), color=BLUE if name == first else SKY)
        ax.plot(row, [k] * len(row), ".", color=INK, markersize=4)
        ax.text(max(row), k, f"  {np.mean(row):.2f}", va="center", fontsize=9, color=INK)
    ax.set(yticks=range(len(values)), yticklabels=list(values), xlabel=xlabel)
    ax.set_xlim(0, 1.12 * max(max(row) for row in values.values()))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_title(title)
    return fig


def looked_at(
    images: Any, weights: Any, outlines: Any, rows: Mapping[str, Sequence[int]], title: str = ""
) -> Figure:
    """Draw pictures with the heat of their weights (h, w), each with the true outline (H, W) of its object.

    Parameters
    ----------
    images, weights, outlines : (N, 3, H, W), (N, h, w) and (N, H, W)
    rows : dict of name to numbers of pictures
        Rows of one length.
    title : str
    """
    hot = {name: [heat_overlay(images[k], weights[k]) for k in chosen] for name, chosen in rows.items()}
    fig = picture_rows(hot, suptitle=title)
    for ax, k in zip(fig.axes, (k for chosen in rows.values() for k in chosen), strict=True):
        outline(ax, outlines[k], SKY, 1.4)
    return fig
