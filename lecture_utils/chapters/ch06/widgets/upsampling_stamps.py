"""Up-sampling stamps: what a transposed convolution makes of a small picture, and how often it hits a pixel.

Every input value stamps its kernel into the output, `stride` pixels apart. Two inputs and their stamps are
framed. Where the kernel is no multiple of the stride, the stamps overlap unevenly.
"""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.ops.upsampling import conv_transpose2d, overlaps
from lecture_utils.plotting.style import HAIRLINE, INK, PALETTE
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

PICTURES = {
    "all ones": torch.ones(5, 5),
    "a heart": 0.25 + 0.75 * torch.tensor(
        [[0.0, 1, 0, 1, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]]
    ),
}  # fmt: skip
WRITTEN = 14  # pixels a side up to which a number can be read in each
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"kernel": 3, "stride": 2},
        "Kernel 3, stride 2: every other row and column is stamped twice. From all ones, a pattern.",
    ),
    (
        {"kernel": 4, "stride": 2},
        "Kernel 4, stride 2: a multiple. Away from the border, four stamps fall on every pixel.",
    ),
    (
        {"kernel": 4, "stride": 2, "weights": "tent"},
        "The same with a tent of weights, the kernel of bilinear up-sampling: inside, they add up to one.",
    ),
    (
        {"kernel": 4, "stride": 2, "weights": "tent", "picture": "a heart"},
        "The same tent on a heart: twice the size, and the values between are mixed.",
    ),
    (
        {"kernel": 3, "stride": 2, "weights": "tent", "picture": "a heart"},
        "Counts are not all: a tent of 3 at stride 2 overlaps unevenly, and its weights make up for it.",
    ),
    (
        {"kernel": 5, "stride": 3, "weights": "random"},
        "Random weights, as a network has them before it is trained: kernel 5, stride 3, a coarse pattern.",
    ),
    (
        {"kernel": 2, "stride": 4, "picture": "a heart"},
        "Kernel 2, stride 4: stamps with gaps between them, where the output stays 0.",
    ),
    (
        {"kernel": 2, "stride": 2, "picture": "a heart"},
        "Kernel 2, stride 2, ones: each value is repeated. No overlap, no gap, nothing mixed.",
    ),
)


def kernel_of(kind: str, size: int) -> Tensor:
    """Weights (size, size): all ones, a tent along both axes, or random ones from 0 to 1, always the same."""
    if kind == "tent":
        middle, reach = (size - 1) / 2, (size + 1) // 2
        along = 1 - (torch.arange(size) - middle).abs() / reach  # 0 where the next stamp has its top
        return along[:, None] * along
    if kind == "random":
        return torch.rand(size, size, generator=torch.Generator().manual_seed(size))
    return torch.ones(size, size)


def stamped(kernel: int, stride: int, weights: str, picture: str) -> tuple[Tensor, Tensor, Tensor]:
    """Input (5, 5), output (n, n) and the number of stamps on each output pixel (n, n)."""
    x = PICTURES[picture]
    out = conv_transpose2d(x[None, None], kernel_of(weights, kernel)[None, None], stride=stride)[0, 0]
    return x, out, overlaps(len(x), kernel, stride)


def stamps(kernel: int = 3, stride: int = 2, weights: str = "ones", picture: str = "all ones") -> Figure:
    """Draw a small input, its transposed convolution, and the number of stamps on each output pixel.

    Parameters
    ----------
    kernel : int
        Pixels a side.
    stride : int
        Pixels from stamp to stamp.
    weights : "ones", "tent" or "random"
    picture : str
        In `PICTURES`.

    Returns
    -------
    Figure
    """
    x, out, counts = stamped(kernel, stride, weights, picture)
    inside = counts[kernel - 1 : len(counts) - kernel + 1, kernel - 1 : len(counts) - kernel + 1]
    seen = sorted(set((inside if inside.numel() else counts).flatten().tolist()))
    many = ", ".join(map(str, seen[:-1])) + f" or {seen[-1]}" if len(seen) > 1 else f"{seen[0]}"
    fits = f"{kernel} is {'a' if kernel % stride == 0 else 'no'} multiple of {stride}"
    foot = f"Kernel and stride: {fits}. Away from the border {many} stamp{'s' * (seen[-1] > 1)} a pixel."
    fig, axes = strip([2.2] * 3, 2.2, foot=foot)
    _grid(axes[0], x, f"input, {len(x)} × {len(x)}", "gray", 1.0)
    for side in np.arange(-0.5, len(x)):  # its pixels can be told apart where all are white
        axes[0].plot([-0.5, len(x) - 0.5], [side, side], color=HAIRLINE, linewidth=0.8, zorder=1)
        axes[0].plot([side, side], [-0.5, len(x) - 0.5], color=HAIRLINE, linewidth=0.8, zorder=1)
    _grid(axes[1], out, f"output, {len(out)} × {len(out)}: {_range(out)}", "gray", float(out.max()))
    _grid(axes[2], counts, f"stamps on a pixel: {_range(counts)}", "Blues", 1.6 * float(counts.max()))
    for place, colour in ((1, PALETTE[5]), (2, PALETTE[1])):
        frame(axes[0], place, 2, 1, colour)
        for ax in axes[1:]:
            frame(ax, place * stride, 2 * stride, kernel, colour)
    return fig


def _range(values: Tensor) -> str:
    low, high = float(values.min()), float(values.max())
    shown = [f"{value:.2f}".rstrip("0").rstrip(".") for value in (low, high)]
    return " to ".join(shown) if shown[0] != shown[1] else shown[0]


def _grid(ax: Axes, values: Tensor, title: str, colours: str, top: float) -> None:
    """Draw a small map with its numbers where they can be read."""
    table = values.numpy()
    ax.imshow(table, cmap=colours, vmin=0, vmax=top or 1.0, interpolation="nearest")
    ax.set_title(title, fontsize=9.5, loc="center", pad=3, color=INK)
    if len(table) > WRITTEN or (colours == "gray" and len(table) > 9):
        return
    size = min(10.0, 95 / len(table))
    for (row, column), value in np.ndenumerate(table):
        pale = colours == "Blues" or value > 0.55 * top
        text = f"{value:.2f}".rstrip("0").rstrip(".").lstrip("0") or "0"
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=INK if pale else "white")


def frame(ax: Axes, row: int, column: int, size: int, colour: str) -> None:
    """Frame `size` × `size` pixels from their upper left one on."""
    ax.add_patch(
        Rectangle((column - 0.5, row - 0.5), size, size, fill=False, edgecolor=colour, linewidth=2.2)
    )


def upsampling_stamps() -> Widget:
    """Make the widget of stamps.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Stamps of a transposed convolution",
        compute=stamps,
        controls={
            "kernel": Slider(2, 6, 1, 3, label="kernel (pixels)"),
            "stride": Slider(1, 4, 1, 2, label="stride (pixels)"),
            "weights": Choice(["ones", "tent", "random"], "ones", label="weights"),
            "picture": Choice(list(PICTURES), "all ones", label="input"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"kernel": 2, "stride": 2},
        alt="A small input, the larger output of a transposed convolution, and the number of stamps a pixel.",
    )
