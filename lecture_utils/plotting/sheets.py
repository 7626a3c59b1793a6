"""Sheets of samples: what a generator gives, uncurated, as one picture.

Each returns a Figure; the alt texts are the notebook's (`plotting.show(figure, alt)`).

Shapes: N pictures, S their side in pixels.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.images import bare, few, to_image
from lecture_utils.plotting.style import INK

GAP = 2  # pixels between pictures


def mosaic(images: Tensor, columns: int = 8) -> np.ndarray:
    """Pictures (N, 3 or 1, S, S) in [0, 1] side by side on white, row by row: (height, width, 3)."""
    if not isinstance(images, Tensor) or images.ndim != 4 or len(images) == 0 or columns < 1:
        got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images: got {got} in {columns} columns, want (N, 3 or 1, S, S), N and columns ≥ 1")
    columns = min(columns, len(images))
    rows, h, w = math.ceil(len(images) / columns), images.shape[2] + GAP, images.shape[3] + GAP
    sheet = np.ones((rows * h - GAP, columns * w - GAP, 3), dtype=np.float32)
    for i, image in enumerate(images):
        top, left = i // columns * h, i % columns * w
        sheet[top : top + h - GAP, left : left + w - GAP] = few(to_image(image), 32)
    return sheet


def sample_sheet(
    images: Tensor, title: str, *, columns: int = 8, rows: Sequence[str] = (), names: Sequence[str] = ()
) -> Figure:
    """Draw samples as they come.

    Parameters
    ----------
    images : Tensor, (N, 3 or 1, S, S)
        In [0, 1]. N = 64 for a sheet of the course; nothing chosen, nothing left out.
    title : str
        What the sheet says.
    columns : int
        Pictures in a row.
    rows, names : sequences of str
        What to write beside the rows, and above the columns (none: nothing).

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        For what are no pictures.
    """
    sheet = mosaic(images, columns)
    height, width = sheet.shape[:2]
    wide = 4.4
    fig = Figure(figsize=(wide + 0.8 * bool(rows), wide * height / width + 0.45), layout="constrained")
    ax = fig.subplots()
    _draw(ax, sheet)
    step = width / min(columns, len(images)), height / math.ceil(len(images) / columns)
    for i, text in enumerate(rows):
        ax.text(-GAP, (i + 0.5) * step[1], text, ha="right", va="center", fontsize=9, color=INK)
    for i, text in enumerate(names):
        ax.text((i + 0.5) * step[0], -GAP, text, ha="center", va="bottom", fontsize=9, color=INK)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def sample_sheets(sheets: Mapping[str, Tensor], title: str, *, columns: int = 8) -> Figure:
    """Draw several sheets side by side, each under its name: `sheets` is name → images (N, 3 or 1, S, S)."""
    made = {name: mosaic(images, columns) for name, images in sheets.items()}
    if not made:
        raise ValueError("sheets: got none, want one or more")
    tallest = max(sheet.shape[0] / sheet.shape[1] for sheet in made.values())
    wide = min(3.6, 9.6 / len(made))
    fig = Figure(figsize=(wide * len(made), wide * tallest + 0.5), layout="constrained")
    for ax, (name, sheet) in zip(fig.subplots(1, len(made), squeeze=False)[0], made.items(), strict=True):
        _draw(ax, sheet)
        ax.set_title(name, fontsize=9.5, loc="left", color=INK)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def _draw(ax: Axes, sheet: np.ndarray) -> None:
    """Put a mosaic on bare axes."""
    bare(ax).imshow(sheet, interpolation="nearest", extent=(0, sheet.shape[1], sheet.shape[0], 0))
