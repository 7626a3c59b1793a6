"""Drawing what explanations give: a heat map on its picture, a mask as a spotlight, points in their colours.

Shape letters: H, W pixels of the picture, N points.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from lecture_utils.plotting.images import bare, to_array, to_image
from lecture_utils.plotting.style import BLUE, INK, PALETTE, VERMILION, rgb

# Ten colours for ten digits: the style's eight, and two more that stay apart from them in grey as well.
TEN = (*PALETTE[:6], "#B8A800", "#000000", "#8C8C8C", "#7F3C8D")


LEVELS = 16  # shades a channel: few enough for a small file, enough for the eye


def few(image: Any, levels: int = LEVELS) -> np.ndarray:
    """Round a picture (3, H, W) to so many levels a channel, (H, W, 3): a third of the bytes as a PNG."""
    return np.round(to_image(image) * (levels - 1)) / np.float32(levels - 1)


def grey(image: Any) -> np.ndarray:
    """Turn a picture (3, H, W) into its luma in a few levels, (H, W, 3) with three equal channels."""
    luma = to_image(image) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return few(luma)


def heat(image: Any, values: Any, limit: float | None = None) -> np.ndarray:
    """Lay a map over a picture: the picture in grey, and the brighter the colour, the larger the value.

    Parameters
    ----------
    image : (3, H, W) or (H, W, 3) in [0, 1]
    values : (H, W)
        Values below 0 count as 0.
    limit : float, optional
        What gets the brightest colour; the map's own largest value where not given.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]

    Raises
    ------
    ValueError
        If the map has not the picture's size.
    """
    share = _fitting(image, values).clip(0)
    share = (share / (limit or share.max() or 1.0)).clip(0, 1)
    share = np.round(share * (LEVELS - 1)) / (LEVELS - 1)
    strength = (0.12 + 0.68 * share)[..., None]
    coloured = colormaps["inferno"](share)[..., :3]
    return ((1 - strength) * grey(image) + strength * coloured).astype(np.float32)


def signed_heat(image: Any, values: Any, limit: float | None = None) -> np.ndarray:
    """Lay a signed map (H, W) over a picture in grey: vermilion where it is positive, blue where negative."""
    array = _fitting(image, values)
    share = (array / (limit or np.abs(array).max() or 1.0)).clip(-1, 1)[..., None]
    share = np.round(share * (LEVELS - 1)) / (LEVELS - 1)
    colour = np.where(share > 0, rgb(VERMILION), rgb(BLUE))
    strength = 0.85 * np.abs(share)
    return ((1 - strength) * (0.35 + 0.65 * grey(image)) + strength * colour).astype(np.float32)


def spotlight(image: Any, mask: Any, dark: float = 0.25) -> np.ndarray:
    """Keep a picture bright where the mask (H, W) is true, and darken the rest to a share of `dark`."""
    keep = _fitting(image, mask)[..., None]
    return (few(image) * (dark + (1 - dark) * keep)).astype(np.float32)


def _fitting(image: Any, values: Any) -> np.ndarray:
    array = to_array(values).astype(np.float32)
    if array.shape != to_image(image).shape[:2]:
        raise ValueError(f"the map wants the picture's shape {to_image(image).shape[:2]}, got {array.shape}")
    return array


def outline(ax: Axes, mask: Any, colour: str = VERMILION, width: float = 1.6) -> None:
    """Draw the border of a mask (H, W); nothing where it is empty or everything."""
    array = np.pad(to_array(mask).astype(float), 1)
    if array.any():
        span = [np.arange(n) - 1.0 for n in array.shape]
        ax.contour(span[1], span[0], array, levels=[0.5], colors=[colour], linewidths=width)


def points(
    ax: Axes,
    xy: Any,
    labels: Any,
    names: Sequence[str],
    title: str = "",
    *,
    size: float = 9,
    named: bool = True,
) -> None:
    """Draw points (N, 2) in the colours of their labels, each label's name written at its median point.

    Raises
    ------
    ValueError
        On other shapes, or a label without a name.
    """
    at, which = to_array(xy).astype(float), to_array(labels).astype(int)
    if at.ndim != 2 or at.shape != (len(which), 2):
        raise ValueError(f"points want (N, 2) with N labels, got {at.shape} and {which.shape}")
    if which.size and (which.min() < 0 or which.max() >= len(names)):
        raise ValueError(f"labels want 0 to {len(names) - 1}, got {which.min()} to {which.max()}")
    colours = np.array([rgb(TEN[k % len(TEN)]) for k in which])
    ax.scatter(at[:, 0], at[:, 1], s=size, c=colours, linewidths=0)
    for k in np.unique(which) if named else ():
        x, y = np.median(at[which == k], axis=0)
        halo = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
        ax.text(x, y, names[k], fontsize=9, fontweight="bold", ha="center", va="center", color=INK, bbox=halo)
    bare(ax, title)
    ax.set_aspect("equal", adjustable="datalim")
