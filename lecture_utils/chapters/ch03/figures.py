"""Diagrams of chapter 03 from live pictures: a masked auto-encoder's steps, DINO's branches, attention.

Shape letters: H, W height and width, P patch side, h and w patches along the sides, N = h · w.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.plotting.blocks import arrow, box, page
from lecture_utils.plotting.images import bare, to_array, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION, rgb

HIDDEN = (0.84, 0.85, 0.87)  # the grey of a patch that nobody sees
TOKEN = rgb(ORANGE)  # a mask token


def hide_patches(image: Any, mask: Any, colour: Sequence[float] = HIDDEN) -> np.ndarray:
    """Paint hidden patches over.

    Parameters
    ----------
    image : (3, H, W) or (H, W, 3) in [0, 1]
    mask : (N,) bool
        True where hidden; N square patches in reading order, a square number of them.
    colour : three floats
        What a hidden patch is painted with.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]
    """
    picture, hidden = to_image(image), to_array(mask).astype(bool)
    side = round(len(hidden) ** 0.5)
    if side * side != len(hidden) or picture.shape[0] % side or picture.shape[1] % side:
        raise ValueError(
            f"mask wants a square grid that divides {picture.shape[:2]}, got {len(hidden)} patches"
        )
    block = np.ones((picture.shape[0] // side, picture.shape[1] // side), dtype=bool)
    covered = np.kron(hidden.reshape(side, side), block)[..., None]  # (H, W, 1)
    return np.where(covered, np.asarray(colour, np.float32), picture).astype(np.float32)


def picture_rows(
    rows: Mapping[str, Sequence[Any]],
    titles: Sequence[str] | None = None,
    *,
    size: float = 1.68,
    suptitle: str = "",
) -> Figure:
    """Draw pictures of the same things in several rows, each row named at its left.

    Parameters
    ----------
    rows : dict of name to pictures
        Rows of one length; pictures as `to_image` takes them.
    titles : sequence of str, optional
        One a column, above the first row.
    size : float
        Of a picture, in inches.
    suptitle : str
    """
    lengths = {len(pictures) for pictures in rows.values()}
    if len(lengths) != 1 or (titles is not None and {len(titles)} != lengths):
        raise ValueError(f"rows want one length and a title a column, got {sorted(lengths)} and {titles}")
    fig = Figure()
    fig.set_layout_engine("none")
    columns, dots = lengths.pop(), fig.dpi
    first = to_image(next(iter(rows.values()))[0])
    half = len(first) / 2  # figures are saved at twice the dots, so half a dot a pixel is a whole one there
    side = round(max(1, round(size * dots / half)) * half) if len(first) < 100 else round(size * dots)
    gap, label = 5, round(0.85 * dots)  # whole dots throughout: small pictures are enlarged without a seam
    top = round((0.3 if suptitle else 0.03) * dots) + (round(0.2 * dots) if titles else 0)
    width, height = label + columns * (side + gap), top + len(rows) * (side + gap)
    fig.set_size_inches(width / dots, height / dots)
    for r, (name, pictures) in enumerate(rows.items()):
        low = height - top - side - r * (side + gap)
        fig.text((label - 8) / width, (low + side / 2) / height, name, ha="right", va="center", fontsize=9)
        for c, picture in enumerate(pictures):
            place = ((label + c * (side + gap)) / width, low / height, side / width, side / height)
            ax = bare(fig.add_axes(place), titles[c] if titles and r == 0 else None)
            ax.imshow(to_image(picture), interpolation="nearest")
    if suptitle:
        fig.text(0.01, 1 - 0.14 * dots / height, suptitle, va="center", fontsize=11, fontweight="bold")
    return fig


def mae_steps(image: Any, mask: Any, restore: Any, filled: Any, title: str = "") -> Figure:
    """Draw how a masked auto-encoder treats one image, from its live tensors.

    Parameters
    ----------
    image, filled : (3, H, W) in [0, 1]
        What went in and what came out.
    mask : (N,) bool
        True where hidden.
    restore : (N,) int
        Place of each patch in the shuffled list, visible ones first.
    title : str
    """
    picture, hidden, places = to_image(image), to_array(mask).astype(bool), to_array(restore).astype(int)
    side = round(len(hidden) ** 0.5)
    p = picture.shape[0] // side
    patches = picture.reshape(side, p, side, p, 3).swapaxes(1, 2).reshape(-1, p, p, 3)  # (N, P, P, 3)
    fig = Figure(figsize=(8, 2.55))
    fig.set_layout_engine("none")
    low, wide = 0.12, 0.2
    tall = wide * 8 / 2.55
    boxes = [(0.005, "1  cut, hide"), (0.435, "4  put back in order"), (0.795, "6  gaps filled in")]
    third = hide_patches(picture, hidden, TOKEN)
    for (left, name), shown in zip(
        boxes, (hide_patches(picture, hidden), third, to_image(filled)), strict=True
    ):
        ax = bare(fig.add_axes((left, low, wide, tall)))
        ax.imshow(shown, interpolation="nearest")
        grid_lines(ax, side, p)
        ax.set_title(name, fontsize=9, fontweight="normal", loc="center", pad=4)
    order = np.argsort(places)[: int((~hidden).sum())]
    columns = 4
    rows = -(-len(order) // columns)
    strip = np.ones((rows * (p + 1) + 1, columns * (p + 1) + 1, 3), dtype=np.float32)
    for k, patch in enumerate(patches[order]):
        top, left = 1 + (k // columns) * (p + 1), 1 + (k % columns) * (p + 1)
        strip[top : top + p, left : left + p] = patch
    middle, narrow = low + tall / 2, 0.085
    high = narrow * 8 / 2.55 * strip.shape[0] / strip.shape[1]
    ax = bare(fig.add_axes((0.235, middle - high / 2, narrow, high)))
    ax.imshow(strip, interpolation="nearest")
    ax.set_title("2  visible only", fontsize=9, fontweight="normal", loc="center", pad=4)
    sheet = fig.add_axes((0, 0, 1, 1))
    sheet.set(xlim=(0, 1), ylim=(0, 1))
    sheet.axis("off")
    sheet.patch.set_alpha(0)
    for x, name, colour in ((0.378, "3\nencoder", BLUE), (0.715, "5\ndecoder", GREEN)):
        plate = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": colour, "lw": 1.8}
        sheet.text(x, middle, name, ha="center", va="center", fontsize=9, color=INK, bbox=plate)
    for start, end in ((0.208, 0.233), (0.322, 0.34), (0.416, 0.433), (0.64, 0.676), (0.754, 0.792)):
        arrow(sheet, (start, middle), (end, middle))
    sheet.text(0.535, 0.05, "orange: one learned mask token, repeated", ha="center", fontsize=8.5, color=INK)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def grid_lines(ax: Axes, side: int, patch: int) -> None:
    """Draw the borders of side × side patches over a picture, thin and white."""
    for k in range(1, side):
        ax.axhline(k * patch - 0.5, color="white", linewidth=0.5)
        ax.axvline(k * patch - 0.5, color="white", linewidth=0.5)


def dino_branches(large: Sequence[Any], small: Sequence[Any], title: str = "") -> Figure:
    """Draw DINO's two branches with live crops of one image.

    Parameters
    ----------
    large : two pictures (3, H, W)
        The global views.
    small : pictures (3, H, W)
        The local views, up to four are drawn.
    title : str
    """
    fig, sheet = page(8, 3.5)
    for k, view in enumerate(large[:2]):
        ax = bare(fig.add_axes(((0.1 + 0.78 * k) / 8, 1.98 / 3.5, 0.72 / 8, 0.72 / 3.5)))
        ax.imshow(to_image(view), interpolation="nearest")
    for k, view in enumerate(small[:4]):
        ax = bare(fig.add_axes(((0.1 + 0.39 * k) / 8, 0.92 / 3.5, 0.34 / 8, 0.34 / 3.5)))
        ax.imshow(to_image(view), interpolation="nearest")
    sheet.text(0.85, 2.8, "two large views", ha="center", fontsize=9, color=INK)
    sheet.text(0.87, 1.34, "small views", ha="center", fontsize=9, color=INK)
    rows = ((2.35, "teacher", ORANGE, "− centre, ÷ 0.03"), (0.95, "student", BLUE, "÷ 0.1"))
    for y, name, colour, scaled in rows:
        box(sheet, (3.05, y), name, colour, width=1.15)
        box(sheet, (4.95, y), f"{scaled}\nsoftmax", width=1.5)
        arrow(sheet, (3.65, y), (4.18, y))
        arrow(sheet, (5.73, y), (6.5, 1.75 if name == "teacher" else 1.55))
    arrow(sheet, (1.75, 2.35), (2.45, 2.35))
    arrow(sheet, (1.75, 2.2), (2.45, 1.1))
    arrow(sheet, (1.75, 1.05), (2.45, 0.95))
    box(sheet, (7.1, 1.65), "cross-\nentropy", VERMILION, width=1.15)
    arrow(sheet, (2.85, 1.25), (2.85, 2.05), GREEN, 2.0)
    sheet.text(2.97, 1.62, "moving average of the weights", fontsize=9, va="center", color=INK)
    sheet.text(6.28, 2.34, "no gradient", fontsize=9, ha="left", color=VERMILION)
    sheet.plot([6.02, 6.18], [2.0, 2.26], color=VERMILION, linewidth=2.5)
    sheet.text(6.28, 0.92, "gradient", fontsize=9, ha="left", color=INK)
    sheet.text(3.05, 0.42, "sees all views", fontsize=9, ha="center", color=QUIET)
    sheet.text(3.05, 2.8, "sees large views only", fontsize=9, ha="center", color=QUIET)
    sheet.text(0.08, 3.28, title, fontsize=11, fontweight="bold", va="center")
    return fig
