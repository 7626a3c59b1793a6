"""Maps laid over pictures, one convention everywhere: the picture in grey, and hot is high.

Shape letters: H, W pixels of the picture, h, w cells of the map (h divides H and w divides W).
"""

from typing import Any

import numpy as np
from matplotlib import colormaps

from .images import few, grey, to_array, to_image
from .style import BLUE, VERMILION, rgb

LEVELS = 16  # shades of a map: few enough for a small file, enough for the eye


def heat_overlay(picture: Any, values: Any, limit: float | None = None) -> np.ndarray:
    """Lay a map over a picture: grey where it is nothing, and the hotter the colour, the larger the value.

    Parameters
    ----------
    picture : (3, H, W) or (H, W, 3) in [0, 1]
    values : (h, w)
        One value a pixel, or one a cell of a grid (attention of patches). Values below 0 count as 0.
    limit : float, optional
        What gets the hottest colour; the map's own largest value where not given. Give one to compare maps.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]

    Raises
    ------
    ValueError
        If the map's cells do not tile the picture, or hold NaN or infinity.
    """
    share = _fitted(picture, values).clip(0)
    share = _levels((share / (limit or share.max() or 1.0)).clip(0, 1))
    strength = (0.85 * np.sqrt(share))[..., None]
    # Inferno from its purple on: on a pale grey, its black would read as a mark of its own.
    colours = colormaps["inferno"](0.25 + 0.75 * share)[..., :3]
    return ((1 - strength) * 0.75 * grey(picture) + strength * colours).astype(np.float32)


def signed_overlay(picture: Any, values: Any, limit: float | None = None) -> np.ndarray:
    """Lay a signed map over a picture in pale grey: vermilion where it is positive, blue where negative.

    Parameters
    ----------
    picture : (3, H, W) or (H, W, 3) in [0, 1]
    values : (h, w)
        As in `heat_overlay`.
    limit : float, optional
        The size that gets the full colour; the map's own largest where not given.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]
    """
    array = _fitted(picture, values)
    share = _levels((array / (limit or np.abs(array).max() or 1.0)).clip(-1, 1))[..., None]
    colour = np.where(share > 0, rgb(VERMILION), rgb(BLUE))
    strength = 0.85 * np.abs(share)
    return ((1 - strength) * (0.35 + 0.65 * grey(picture)) + strength * colour).astype(np.float32)


def dim_outside(picture: Any, mask: Any, dark: float = 0.25) -> np.ndarray:
    """Keep a picture where a mask is true, and darken the rest to a share of `dark`.

    Parameters
    ----------
    picture : (3, H, W) or (H, W, 3) in [0, 1]
    mask : (h, w) of bool
    dark : float
        What is left of the light outside, 0 to 1.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]
    """
    keep = _fitted(picture, mask)[..., None]
    return (few(picture) * (dark + (1 - dark) * keep)).astype(np.float32)


def _levels(share: np.ndarray) -> np.ndarray:
    """Round to a few levels, so that the PNG stays small."""
    return np.round(share * (LEVELS - 1)) / (LEVELS - 1)


def _fitted(picture: Any, values: Any) -> np.ndarray:
    """Read a map and repeat its cells until it has the picture's size, (H, W) float32."""
    array, (height, width) = to_array(values).astype(np.float32), to_image(picture).shape[:2]
    if array.ndim != 2 or 0 in array.shape or height % array.shape[0] or width % array.shape[1]:
        raise ValueError(
            f"map: got shape {array.shape}, want the picture's ({height}, {width}) or a grid that divides it"
        )
    if not np.isfinite(array).all():
        raise ValueError("map: got NaN or infinity, want finite values")
    return array.repeat(height // array.shape[0], 0).repeat(width // array.shape[1], 1)
