"""Diagrams of chapter 01, drawn from the numbers themselves: windows, taps, matrix products, fields, blocks.

Shape letters: H, W height and width; h, w those of a kernel or an output; L window positions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lecture_utils.plotting.blocks import arrow, box, page, way_round
from lecture_utils.plotting.images import to_array
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION

PALE_BLUE, PALE_ORANGE, PALE = "#CFE3F1", "#FBE3B8", "#F4F5F7"


def number_grid(ax: Axes, values: Any, title: str = "", fill: Any = None, size: float = 9.0) -> None:
    """Draw a matrix as boxes with numbers.

    Parameters
    ----------
    ax : Axes
    values : (H, W)
        NaN leaves a box empty.
    title : str
    fill : (H, W) of colours, optional
    size : float
        Of the digits, in points.
    """
    table = to_array(values).astype(float)
    for i, j in np.ndindex(*table.shape):
        colour = fill[i][j] if fill is not None else "white"
        ax.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, edgecolor="#B8BEC6", linewidth=0.8))
        if np.isfinite(table[i, j]):
            ax.text(j + 0.5, i + 0.5, f"{table[i, j]:g}", ha="center", va="center", fontsize=size, color=INK)
    ax.set(xlim=(-0.05, table.shape[1] + 0.05), ylim=(table.shape[0] + 0.05, -0.05), aspect="equal")
    ax.axis("off")
    ax.set_title(title, fontsize=10, loc="center", fontweight="normal", pad=4)


def sliding_window(image: Any, kernel: Any, places: Sequence[tuple[int, int]], title: str = "") -> Figure:
    """Draw a kernel at several places of an image, and the output as far as it is computed by then.

    Parameters
    ----------
    image : (H, W)
    kernel : (h, w)
    places : sequence of (row, column)
        Of the output, in reading order.
    title : str
    """
    x, k = to_array(image).astype(float), to_array(kernel).astype(float)
    h, w = k.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (h, w))  # (H-h+1, W-w+1, h, w)
    out = (windows * k).sum((2, 3))
    fig = Figure(figsize=(8, 4.3), layout="constrained")
    axes = fig.subplots(2, len(places) + 1, height_ratios=[x.shape[0], out.shape[0] + 1])
    number_grid(axes[0, 0], k, "kernel", [[PALE_BLUE] * w] * h)
    axes[1, 0].axis("off")
    for column, (i, j) in enumerate(places, start=1):
        inside = [[i <= r < i + h and j <= c < j + w for c in range(x.shape[1])] for r in range(x.shape[0])]
        number_grid(
            axes[0, column], x, "", [[PALE_BLUE if hit else "white" for hit in row] for row in inside]
        )
        done = np.arange(out.size).reshape(out.shape) <= i * out.shape[1] + j
        fill = [
            [PALE_ORANGE if (r, c) == (i, j) else PALE for c in range(out.shape[1])] for r in range(len(out))
        ]
        number_grid(axes[1, column], np.where(done, out, np.nan), f"out[{i}, {j}] = {out[i, j]:g}", fill)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def taps(settings: Sequence[dict[str, int]], size: int = 7, kernel: int = 3) -> Figure:
    """Draw which pixels the first two outputs of a row read, for several settings of a convolution.

    Parameters
    ----------
    settings : sequence of dict
        With any of stride, padding, dilation.
    size, kernel : int
        Pixels along the image's side and taps along the kernel's.
    """
    fig = Figure(figsize=(8, 2.75), layout="constrained")
    for ax, setting in zip(fig.subplots(1, len(settings)), settings, strict=True):
        stride, padding, dilation = (
            setting.get(key, default) for key, default in (("stride", 1), ("padding", 0), ("dilation", 1))
        )
        for i, j in np.ndindex(size + 2 * padding, size + 2 * padding):
            border = not (padding <= i < size + padding and padding <= j < size + padding)
            face, line = ("white", ":") if border else (PALE, "-")
            ax.add_patch(
                Rectangle((j, i), 1, 1, facecolor=face, edgecolor="#B8BEC6", linewidth=0.7, linestyle=line)
            )
        for place, (colour, marker, area) in enumerate(((BLUE, "s", 46), (ORANGE, "o", 26))):
            rows, columns = np.mgrid[0:kernel, 0:kernel] * dilation
            ax.scatter(
                columns + place * stride + 0.5, rows + 0.5, s=area, marker=marker, color=colour, linewidths=0
            )
        out = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        total = size + 2 * padding
        ax.set(xlim=(-0.1, total + 0.1), ylim=(total + 0.1, -0.1), aspect="equal")
        ax.axis("off")
        name = ", ".join(f"{key} {value}" for key, value in setting.items()) or "stride 1"
        ax.set_title(f"{name}\n{size}×{size} → {out}×{out}", fontsize=9.5, fontweight="normal", loc="center")
    return fig


def matrix_product(left: Any, right: Any, names: tuple[str, str, str], title: str = "") -> Figure:
    """Draw left @ right = product with all the numbers; the first row, column and result are marked."""
    a, b = to_array(left).astype(float), to_array(right).astype(float)
    product = a @ b
    fig = Figure(figsize=(8, 2.9), layout="constrained")
    axes = fig.subplots(1, 3, width_ratios=[a.shape[1], b.shape[1], product.shape[1]])
    marks = (
        [[PALE_BLUE if i == 0 else "white"] * a.shape[1] for i in range(a.shape[0])],
        [[PALE_BLUE if j == 0 else "white" for j in range(b.shape[1])] for _ in range(b.shape[0])],
        [[PALE_ORANGE if i + j == 0 else "white" for j in range(b.shape[1])] for i in range(a.shape[0])],
    )
    for ax, values, name, fill in zip(axes, (a, b, product), names, marks, strict=True):
        number_grid(ax, values, name, fill)
    for ax, sign in ((axes[1], "@"), (axes[2], "=")):
        ax.text(-0.08, 0.5, sign, transform=ax.transAxes, fontsize=15, ha="center", va="center", color=QUIET)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def field_chain(layers: Sequence[tuple[str, int, int]], title: str = "") -> Figure:
    """Draw, along one axis, which units of each layer one output sees, down to the pixels.

    Parameters
    ----------
    layers : sequence of (name, kernel, stride)
        From the input up, without padding.
    title : str
    """
    widths, jumps = [1], []  # units seen, from the output down
    for _, kernel, stride in reversed(layers):
        widths.append((widths[-1] - 1) * stride + kernel)
    for level in range(len(layers) + 1):
        jumps.append(int(np.prod([stride for _, _, stride in layers[:level]])))
    fig = Figure(figsize=(8, 0.75 * len(layers) + 1.0), layout="constrained")
    ax = fig.subplots()
    seen, places = widths[::-1], []
    start = 0.0
    for level, width in enumerate(seen):
        if level:
            start += (layers[level - 1][1] - 1) / 2 * jumps[level - 1]
        places.append(start + np.arange(width) * jumps[level])
    for level, (_, kernel, stride) in enumerate(layers):
        for unit in range(seen[level + 1]):
            for tap in range(kernel):
                x = [places[level][unit * stride + tap], places[level + 1][unit]]
                ax.plot(x, [level, level + 1], color="#B8BEC6", linewidth=1.0, zorder=1)
    names = ["input", *(name for name, _, _ in layers)]
    for level, xs in enumerate(places):
        ax.scatter(
            xs, [level] * len(xs), s=110, color=BLUE if level == 0 else ORANGE, zorder=2, edgecolor="white"
        )
        ax.text(-1.1, level, f"{names[level]}: {len(xs)}", ha="right", va="center", fontsize=9.5)
    ax.set(xlim=(-1.0, seen[0] - 0.4), ylim=(-0.4, len(layers) + 0.4), title=title)
    ax.axis("off")
    return fig


def residual_block() -> Figure:
    """Draw a plain and a residual block side by side: the same two layers, with and without a way round."""
    fig, ax = page(8, 3.2)
    for x, shortcut in ((1.7, False), (5.5, True)):
        name = (
            "Residual: learn the difference F, add x back" if shortcut else "Plain: learn the whole mapping H"
        )
        ax.text(x - 1.5, 3.0, name, fontsize=11, fontweight="bold", va="center")
        ax.text(x + 0.1, 2.72, "x", fontsize=12, style="italic")
        for start, end in ((2.8, 2.32), (1.82, 1.52), (1.02, 0.7 if shortcut else 0.4)):
            arrow(ax, (x, start), (x, end), INK)
        box(ax, (x, 2.07), "3×3 conv, batch norm, ReLU", BLUE, width=2.6, face=PALE_BLUE)
        box(ax, (x, 1.27), "3×3 conv, batch norm", BLUE, width=2.6, face=PALE_BLUE)
        if shortcut:
            way_round(ax, (x, 2.6), (x, 0.6), x + 1.6)
            ax.text(x + 1.66, 1.6, "x, as\nit is", fontsize=9.5, color=VERMILION, va="center")
            ax.text(x - 0.12, 0.84, "F(x)", fontsize=10, ha="right", style="italic", va="center")
            arrow(ax, (x, 0.5), (x, 0.28), INK)
        result, colour = ("ReLU(F(x) + x)", GREEN) if shortcut else ("ReLU(H(x))", INK)
        at = 0.14 if shortcut else 0.26
        ax.text(x, at, result, fontsize=10.5, ha="center", va="center", style="italic", color=colour)
    return fig
