"""Lines in space, to be seen among points or a mesh: cameras, boxes, axes.

Shapes: L lines, N cameras.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_numbers

from .images import to_array
from .style import INK, rgb


class Lines(NamedTuple):
    """Lines of one colour: their ends (L, 2, 3), in metres."""

    ends: Any
    colour: str = INK


def camera_lines(cameras: Cameras, depth_m: float = 0.3, colour: str = INK) -> Lines:
    """Draw each camera as the pyramid that it sees up to `depth_m`: four edges and the picture's frame."""
    h, w = cameras.size
    corners = np.array([[0, 0, 1], [w, 0, 1], [w, h, 1], [0, h, 1]], dtype=np.float64)  # u, v, 1
    ends = []
    for k in range(len(cameras)):
        rotation, inverse = to_array(cameras.rotation[k]), np.linalg.inv(to_array(cameras.intrinsics[k]))
        eye = to_array(cameras.centre[k])
        frame = eye + depth_m * (corners @ inverse.T) @ rotation  # Rᵀ K⁻¹ (u, v, 1)
        ends += [(eye, corner) for corner in frame] + list(
            zip(frame, np.roll(frame, -1, axis=0), strict=True)
        )
    return Lines(np.array(ends), colour)


def box_lines(lower: Sequence[float], upper: Sequence[float], colour: str = INK) -> Lines:
    """Draw the twelve edges of a box along the axes, between two opposite corners (x, y, z)."""
    check_numbers(lower, "lower", 3)
    check_numbers(upper, "upper", 3)
    a, b = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    bits = np.array([[k & 1, k >> 1 & 1, k >> 2] for k in range(8)])  # the eight corners: lower or upper
    corner = a + bits * (b - a)
    pairs = [(k, k | 1 << axis) for k in range(8) for axis in range(3) if not k >> axis & 1]
    return Lines(corner[np.array(pairs)], colour)


def line_ends(lines: Sequence[Lines]) -> tuple[np.ndarray, np.ndarray]:
    """All lines' ends (L, 2, 3) and colours (L, 3)."""
    ends, colours = [np.zeros((0, 2, 3))], [np.zeros((0, 3))]
    for part in lines:
        own = to_array(part.ends)
        if own.ndim != 3 or own.shape[1:] != (2, 3) or not np.isfinite(own).all():
            raise ValueError(f"lines: got ends of shape {own.shape}, want finite (L, 2, 3)")
        ends.append(own.astype(np.float64))
        colours.append(np.tile(rgb(part.colour), (len(own), 1)))
    return np.concatenate(ends), np.concatenate(colours)


def axis_ends(places: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The ends of the three axes with their names; their length is a round one, and is told."""
    spread = max(float(np.linalg.norm(places - places.mean(0), axis=1).max()), 1e-6)
    ten = 10.0 ** math.floor(math.log10(spread))
    reach = max(min(1.1 * float(places.max()), 1.5 * spread), 0.5 * spread)  # beyond the points, not far
    steps = (ten * step for ten in (ten, 10 * ten) for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8))
    length = next(step for step in (ten / 2, *steps) if step >= reach)
    names = (f"x ({length:g})", "y", "z")
    return [(name, length * np.eye(3)[k]) for k, name in enumerate(names)]
