"""Charts: curves with direct labels and bands, and a confusion matrix."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .images import to_array
from .style import INK, PALETTE


def curves(
    series: Mapping[str, Any],
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    *,
    bands: Mapping[str, Any] | None = None,
    log_x: bool = False,
    log_y: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Draw lines, each labelled at its end where the ends lie apart, else in a legend.

    Parameters
    ----------
    series : dict of name to y, or to (x, y)
        y (N,); x (N,) or 0..N-1 where not given. A pair of equally long sequences is read as (x, y).
    xlabel, ylabel, title : str
    bands : dict of name to (low, high), optional
        Shaded interval around the line of that name; low and high (N,).
    log_x, log_y : bool
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        On no series, or on x and y of different lengths.
    """
    if not series:
        raise ValueError("curves wants at least one series, got none")
    if ax is None:
        ax = Figure(figsize=(8, 4), layout="constrained").subplots()
    ends: list[tuple[float, float, str, str]] = []
    for i, (name, value) in enumerate(series.items()):
        x, y = _x_and_y(name, value)
        colour = PALETTE[i % len(PALETTE)]
        ax.plot(x, y, color=colour, label=name, marker="o" if len(y) <= 12 else None)
        if bands and name in bands:
            low, high = (to_array(edge).astype(float) for edge in bands[name])
            ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        if len(y) and np.isfinite(y[-1]):
            ends.append((float(x[-1]), float(y[-1]), name, colour))
    if log_x:
        ax.set_xscale("log")
    if log_y:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if len(series) > 1:
        _label_ends(ax, ends, len(series))
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    return figure


def _x_and_y(name: str, value: Any) -> tuple[np.ndarray, np.ndarray]:
    """Read one series, either y or the pair (x, y)."""
    if isinstance(value, tuple) and len(value) == 2 and np.ndim(value[1]) == 1:
        x, y = (to_array(v).astype(float) for v in value)
    else:
        y = to_array(value).astype(float)
        x = np.arange(len(y), dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"series {name!r} wants x and y of one length, got {x.shape} and {y.shape}")
    return x, y


def _label_ends(ax: Axes, ends: list[tuple[float, float, str, str]], count: int) -> None:
    """Write each line's name at its right end, or use a legend where two ends would collide."""
    ax.margins(x=0.02)
    ax.autoscale_view()
    to_unit = ax.transScale + ax.transLimits
    at = sorted(float(to_unit.transform((x, y))[1]) for x, y, _, _ in ends)
    same_x = len({x for x, _, _, _ in ends}) == 1
    apart = all(b - a > 0.065 for a, b in pairwise(at))
    if same_x and apart and len(ends) == count:
        for x, y, name, colour in ends:
            dark = _darkened(colour)
            ax.annotate(
                name,
                (x, y),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                color=dark,
                fontsize=9.5,
                fontweight="bold",
                annotation_clip=False,
            )
    else:
        ax.legend(loc="best")


def _darkened(colour: str) -> tuple[float, float, float]:
    """Darken a palette colour so that text in it stays readable on white."""
    from .style import rgb

    red, green, blue = rgb(colour)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    factor = min(1.0, 0.45 / max(light, 1e-6))
    return red * factor, green * factor, blue * factor


def confusion_matrix(counts: Any, names: Sequence[str], title: str = "") -> Figure:
    """Draw a confusion matrix: rows are the truth, columns the prediction, colour is the share of the row.

    Parameters
    ----------
    counts : (K, K) of non-negative numbers
    names : sequence of K str
    title : str

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If counts is not K × K for K names.
    """
    table = to_array(counts).astype(float)
    k = len(names)
    if table.shape != (k, k):
        raise ValueError(f"counts want shape ({k}, {k}) for {k} names, got {table.shape}")
    share = table / np.maximum(table.sum(1, keepdims=True), 1e-12)
    side = min(7.0, 2.2 + 0.5 * k)
    fig = Figure(figsize=(side + 1.0, side), layout="constrained")
    ax = fig.subplots()
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row in range(k):
        for column in range(k):
            if table[row, column]:
                ax.text(
                    column,
                    row,
                    f"{table[row, column]:.4g}",
                    ha="center",
                    va="center",
                    fontsize=8.5 if k <= 12 else 6.5,
                    color="white" if share[row, column] > 0.55 else INK,
                )
    ax.set_xticks(
        range(k),
        names,
        rotation=40 if max(map(len, names), default=0) > 3 else 0,
        ha="right" if max(map(len, names), default=0) > 3 else "center",
    )
    ax.set_yticks(range(k), names)
    ax.grid(False)
    ax.tick_params(length=0)
    ax.set(xlabel="predicted", ylabel="true", title=title)
    return fig
