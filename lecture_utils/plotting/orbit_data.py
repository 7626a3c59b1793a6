"""Points and colours as `orbit.js` reads them, few bytes each, and what is checked before."""

from typing import Any

import numpy as np

from .images import to_array
from .style import BLUE, rgb


def places_of(points: Any, name: str) -> np.ndarray:
    """Points as (P, 3) float64."""
    places = to_array(points)
    if places.ndim != 2 or places.shape[1] != 3 or not len(places) or places.dtype.kind not in "fiu":
        raise ValueError(f"{name}: got {places.dtype} {places.shape}, want (P, 3) numbers, one point or more")
    if not np.isfinite(places).all():
        raise ValueError(f"{name}: got NaN or infinite values, want finite ones")
    return places.astype(np.float64)


def colours_of(colours: Any, count: int) -> np.ndarray:
    """Colours as (count, 3) in [0, 1]."""
    if colours is None or isinstance(colours, str):
        return np.tile(rgb(colours or BLUE), (count, 1))
    table = to_array(colours)
    if table.shape != (count, 3) or table.dtype.kind != "f":
        raise ValueError(f"colours: got {table.dtype} {table.shape}, want floating point ({count}, 3)")
    if not (table.min() >= -1e-3 and table.max() <= 1 + 1e-3):
        raise ValueError(f"colours: got {table.min():.3g} to {table.max():.3g}, want all in [0, 1]")
    return table.astype(np.float64).clip(0, 1)


def sixteen_bits(places: np.ndarray) -> np.ndarray:
    """Places in [-1, 1] in 16 bits: a step is 1 / 32767."""
    return np.rint(places * 32767).clip(-32767, 32767).astype("<i2")


def colour_bits(colours: np.ndarray) -> np.ndarray:
    """Colours in 16 bits: 5 of red, 6 of green, 5 of blue."""
    red, green, blue = np.rint(colours * [31, 63, 31]).astype("<u2").T
    return red << 11 | green << 5 | blue
