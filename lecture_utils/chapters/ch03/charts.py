"""Charts of chapter 03: what a softmax makes of logits, curves side by side, bars with a dot a seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.special import softmax

from lecture_utils.chapters.ch03.figures import picture_rows
from lecture_utils.plotting.annotations import outline
from lecture_utils.plotting.images import bare, grey, to_array, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, PALETTE, QUIET, SKY, VERMILION, rgb


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
    picture: Any,
    logits: Any,
    names: Sequence[str],
    temperatures: Sequence[float],
    title: str = "",
    best: int | None = None,
) -> Figure:
    """Draw a picture (3, H, W), and beside it softmax(logits / T) over the K names for several T.

    With `best` there are only so many of the likeliest, and the softmax is over those.
    """
    scores = to_array(logits).astype(float)
    first = np.arange(len(scores)) if best is None else np.argsort(-scores)[:best]
    names = [names[k] for k in first]
    fig = Figure(figsize=(7.4, 2.1), layout="constrained")
    axes = fig.subplots(1, 1 + len(temperatures), width_ratios=[0.8] + [1] * len(temperatures))
    bare(axes[0]).imshow(to_image(picture), interpolation="nearest")
    for k, (ax, temperature) in enumerate(zip(axes[1:], temperatures, strict=True)):
        ax.barh(names, softmax(scores[first] / temperature), color=ORANGE)
        if best is not None and not ax.yaxis_inverted():
            ax.invert_yaxis()
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
    height: float = 2.0,
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
    fig = Figure(figsize=(min(3.4 * len(panels) + 0.2, 8), height), layout="constrained")
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


def collapse_panels(
    runs: Sequence[Mapping[str, Mapping[str, Any]]], kinds: Mapping[str, str], title: str = ""
) -> Figure:
    """Draw several seeds' runs of C03.4 as mean and range, one panel a kind of curve.

    Parameters
    ----------
    runs : sequence of dict of setting to curves
        As `collapse.collapse_run` returns them, of one length.
    kinds : dict of curve to its name on the axis
    title : str
    """
    panels: dict[str, dict[str, Any]] = {}
    bands: dict[str, dict[str, Any]] = {}
    for kind, label in kinds.items():
        several = {name: np.array([run[name][kind] for run in runs]) for name in runs[0]}  # (seeds, steps)
        panels[label] = {name: (runs[0][name]["steps"], row.mean(0)) for name, row in several.items()}
        bands[label] = {name: (row.min(0), row.max(0)) for name, row in several.items()}
    return curve_panels(panels, title, bands=bands)


def heated(picture: Any, weights: Any) -> np.ndarray:
    """Lay attention over a picture: pale grey where there is none, the more orange the more.

    Parameters
    ----------
    picture : (3, H, W) or (H, W, 3) in [0, 1]
    weights : (h, w)
        One a patch, 0 or more; the largest gets the full colour. h divides H, w divides W.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]
    """
    base, share = to_image(picture), to_array(weights).astype(float)
    share = np.round(8 * share / max(share.max(), 1e-12)) / 8  # few shades: a small file
    block = np.ones((base.shape[0] // share.shape[0], base.shape[1] // share.shape[1]))
    strength = 0.9 * np.kron(share, block)[..., None]
    hot = np.asarray(rgb(VERMILION))
    return ((1 - strength) * (0.3 + 0.7 * grey(base)) + strength * hot).astype(np.float32)


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
    hot = {name: [heated(images[k], weights[k]) for k in chosen] for name, chosen in rows.items()}
    fig = picture_rows(hot, suptitle=title)
    for ax, k in zip(fig.axes, (k for chosen in rows.values() for k in chosen), strict=True):
        outline(ax, outlines[k], BLUE, 1.8)
    return fig


def answer_bars(panels: Mapping[str, Any], right: int, title: str = "", ylabel: str = "") -> Figure:
    """Draw how often each class was said, one panel a speaker; the right class is set off by colour.

    Parameters
    ----------
    panels : dict of name to (K,)
        Shares, which sum to 1.
    right : int
        From 0.
    title, ylabel : str
    """
    fig = Figure(figsize=(7.4, 2.1), layout="constrained")
    axes = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (name, shares) in zip(axes, panels.items(), strict=True):
        values = to_array(shares)
        colours = [GREEN if k == right else QUIET for k in range(len(values))]
        ax.bar(range(len(values)), values, color=colours)
        ax.set_title(f"{name}\n{values[right]:.0%} right", fontsize=10, fontweight="normal")
        ax.set(xticks=range(len(values)), ylim=(0, 1))
    axes[0].set_ylabel(ylabel)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def distillation_panels(
    gains: Mapping[float, Sequence[float]], temperatures: Mapping[str, float], levels: Mapping[str, float],
    title: str = "",
) -> Figure:  # fmt: skip
    """Draw C03.6: what the teacher adds by number of labels (a dot a seed), and accuracy by temperature.

    Parameters
    ----------
    gains : dict of number of labels to points of a hundred, one a seed
    temperatures : dict of temperature to mean accuracy in %
    levels : dict of name to accuracy in %
        Drawn as level lines.
    title : str
    """
    fig = Figure(figsize=(7, 2.3), layout="constrained")
    left, right = fig.subplots(1, 2)
    for count, points in gains.items():
        left.plot([count] * len(points), points, "o", color=SKY, markersize=4)
    left.plot(list(gains), [float(np.mean(points)) for points in gains.values()], "-o", color=BLUE)
    left.axhline(0, color=INK, linewidth=0.8)
    left.set(xscale="log", xlabel="labelled digits", ylabel="points gained")
    left.set_xticks(list(gains), [f"{count:g}" for count in gains])
    left.minorticks_off()
    t = [float(name) for name in temperatures]
    right.plot(t, list(temperatures.values()), "-o", color=BLUE, label="with the teacher")
    for (name, level), style in zip(levels.items(), ("-", "--", ":"), strict=False):
        right.axhline(level, color=ORANGE, linestyle=style, label=name)
    right.set(xscale="log", xlabel="temperature T", ylabel="test accuracy (%)")
    right.set_xticks(t, [f"{x:g}" for x in t])
    right.minorticks_off()
    right.legend(fontsize=8.5)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig
