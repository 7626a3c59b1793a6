"""Pictures in figures: arrays and tensors to RGB, grids, coloured maps, feature maps and filters.

Shape letters: H, W height and width in pixels, C channels, N pictures, K things.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BLUE, INK, VERMILION, label_palette, rgb


def to_array(t: Any) -> np.ndarray:
    """Turn a tensor (on any device, with or without gradient) or anything array-like into a NumPy array."""
    if hasattr(t, "detach"):
        t = t.detach().cpu().numpy()
    return np.asarray(t)


def to_image(t: Any) -> np.ndarray:
    """Turn a tensor or array into a picture that matplotlib can draw.

    Parameters
    ----------
    t : Tensor or ndarray, (3, H, W), (1, H, W), (H, W, 3), (H, W, 1) or (H, W)
        Values in [0, 1] (values at most 1e-3 outside are clipped); uint8 is taken as 0..255.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]

    Raises
    ------
    ValueError
        On another shape, on NaN, or on values outside [0, 1].
    """
    image = to_array(t)
    if image.dtype == np.uint8:
        image = image / np.float32(255)
    image = image.astype(np.float32)
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[-1] not in (1, 3):
        image = np.moveaxis(image, 0, -1)
    elif image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[1] > 3:
        image = np.moveaxis(image, 0, -1)  # (3, H, 3) or (1, H, 1): channels first is the course's convention
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or 0 in image.shape:
        raise ValueError(
            f"an image wants shape (3, H, W), (H, W, 3) or (H, W), got {tuple(to_array(t).shape)}"
        )
    if not np.isfinite(image).all():
        raise ValueError("an image wants finite values, got NaN or infinity")
    low, high = float(image.min()), float(image.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(f"an image wants values in [0, 1], got {low:.3g} to {high:.3g}")
    return np.ascontiguousarray(np.broadcast_to(image.clip(0, 1), (*image.shape[:2], 3)))  # (H, W, 3)


def few(image: Any, levels: int = 16) -> np.ndarray:
    """Round a picture (3, H, W) to so many levels a channel, (H, W, 3): a third of the bytes as a PNG."""
    return np.round(to_image(image) * (levels - 1)) / np.float32(levels - 1)


def grey(image: Any) -> np.ndarray:
    """Turn a picture (3, H, W) into its luma in a few levels, (H, W, 3) with three equal channels."""
    return few(to_image(image) @ np.array([0.299, 0.587, 0.114], dtype=np.float32))


def bare(ax: Axes, title: str | None = None) -> Axes:
    """Take ticks, grid and frame from an axes that shows a picture, and set its title."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title, fontsize=9, fontweight="normal", loc="center", pad=4, color=INK)
    return ax


def panels(
    count: int,
    columns: int,
    size: float,
    aspect: float = 1.0,
    titled: bool = False,
    suptitle: str | None = None,
) -> tuple[Figure, list[Axes]]:
    """Make a figure of `count` bare axes, rows of `columns`, each `size` × `size / aspect` inches."""
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    height = rows * (size / aspect + (0.28 if titled else 0.08)) + (0.35 if suptitle else 0)
    fig = Figure(figsize=(columns * size + 0.1, height), layout="constrained")
    grid = fig.subplots(rows, columns, squeeze=False).ravel().tolist()
    for ax in grid[count:]:
        ax.set_visible(False)
    if suptitle:
        fig.suptitle(suptitle, x=0.01, ha="left", fontsize=11)
    return fig, [bare(ax) for ax in grid[:count]]


def image_grid(
    images: Any,
    titles: Sequence[str] | None = None,
    columns: int = 4,
    size: float = 1.8,
    suptitle: str | None = None,
) -> Figure:
    """Draw pictures in a grid.

    Parameters
    ----------
    images : sequence of images, or Tensor (N, 3, H, W)
        Each one as `to_image` takes it.
    titles : sequence of str, optional
        One per picture.
    columns : int
        Pictures in a row.
    size : float
        Width of one picture, in inches.
    suptitle : str, optional
        The claim that the figure makes.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        On no pictures, or on another number of titles than pictures.
    """
    arrays = [to_image(image) for image in images]
    if not arrays:
        raise ValueError("image_grid wants at least one picture, got none")
    if titles is not None and len(titles) != len(arrays):
        raise ValueError(
            f"image_grid wants one title a picture, got {len(titles)} titles for {len(arrays)} pictures"
        )
    aspect = float(np.median([a.shape[1] / a.shape[0] for a in arrays]))
    fig, axes = panels(len(arrays), columns, size, aspect, bool(titles), suptitle)
    for i, (ax, image) in enumerate(zip(axes, arrays, strict=True)):
        ax.imshow(image, interpolation="nearest" if min(image.shape[:2]) < 100 else "antialiased")
        bare(ax, titles[i] if titles else None)
    return fig


def colour_labels(labels: Any, palette: np.ndarray | None = None) -> np.ndarray:
    """Colour a label map (H, W) by a table (labels, 3), giving (H, W, 3); negative labels become white."""
    array = to_array(labels).astype(int)
    if array.ndim != 2:
        raise ValueError(f"label map: got shape {array.shape}, want (H, W)")
    table = label_palette(max(int(array.max()) + 1, 1)) if palette is None else palette
    return np.where(array[..., None] < 0, np.float32(1), table[array.clip(0) % len(table)])


def mask_overlay(image: Any, mask: Any, alpha: float = 0.55, palette: np.ndarray | None = None) -> np.ndarray:
    """Lay coloured masks over a picture.

    Parameters
    ----------
    image : (3, H, W) or (H, W, 3) in [0, 1]
    mask : (H, W), bool or int
        Zero is left as it is; every other label gets its own colour.
    alpha : float
        Weight of the colour, 0 to 1.
    palette : ndarray (labels, 3), optional
        Colour of label k in row k - 1.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]
    """
    base, labels = to_image(image), to_array(mask).astype(int)
    if labels.shape != base.shape[:2]:
        raise ValueError(f"mask wants the image's shape {base.shape[:2]}, got {labels.shape}")
    colours = colour_labels(labels - 1, palette)
    return np.where(labels[..., None] > 0, (1 - alpha) * base + alpha * colours, base).astype(np.float32)


def signed_image(values: Any, limit: float | None = None) -> np.ndarray:
    """Map signed values (H, W) to colours (H, W, 3): blue below zero, white at zero, vermilion above."""
    array = to_array(values).astype(np.float32)
    limit = float(np.abs(array).max()) if limit is None else limit
    scaled = (array / (limit or 1.0)).clip(-1, 1)[..., None]
    up, down = rgb(VERMILION), rgb(BLUE)
    return (1 - np.abs(scaled) * (1 - np.where(scaled > 0, up, down))).astype(np.float32)


def feature_maps(
    maps: Any, columns: int = 8, limit: int = 32, size: float = 0.95, suptitle: str | None = None
) -> Figure:
    """Draw at most `limit` channels of an activation (C, H, W), each stretched to its own range."""
    array = to_array(maps).astype(np.float32)
    if array.ndim != 3:
        raise ValueError(f"feature maps want shape (C, H, W), got {array.shape}")
    low, high = array.min((1, 2), keepdims=True), array.max((1, 2), keepdims=True)
    scaled = (array - low) / np.maximum(high - low, 1e-12)
    return image_grid(list(scaled[:limit]), columns=columns, size=size, suptitle=suptitle)


def filters(
    weight: Any, columns: int = 8, limit: int = 64, size: float = 0.95, suptitle: str | None = None
) -> Figure:
    """Draw kernels (O, C, kh, kw): in colour for three channels, else the first channel, signed."""
    array = to_array(weight).astype(np.float32)
    if array.ndim != 4:
        raise ValueError(f"filters want shape (O, C, kh, kw), got {array.shape}")
    limit_value = float(np.abs(array).max()) or 1.0
    if array.shape[1] == 3:
        pictures = [0.5 + 0.5 * np.moveaxis(w, 0, -1) / limit_value for w in array[:limit]]
    else:
        pictures = [signed_image(w[0], limit_value) for w in array[:limit]]
    return image_grid(pictures, columns=columns, size=size, suptitle=suptitle)
