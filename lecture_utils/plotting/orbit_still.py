"""The first view of what `orbit.js` shows, as a picture: by the painter's algorithm, from far to near.

Shapes: P points or vertices, F triangles, L lines, all in the unit ball.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from .display import pixels
from .style import INK

SHARP = 2  # dots drawn for every dot shown
DPI = 100
LAYERS, PIECES = 24, 16  # depths that are painted one over the other; pieces of a line, each at its own depth
View = tuple[float, float, float, float]  # azimuth, elevation (radians), distance, focal length


def project(places: np.ndarray, view: View, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return where places (…, 3) fall, (…, 2) in pixels, and how near they are (…): as `spot` in orbit.js."""
    azimuth, elevation, distance, focal = view
    ca, sa, ce, se = math.cos(azimuth), math.sin(azimuth), math.cos(elevation), math.sin(elevation)
    focal *= min(size) / 2
    near = 1 / np.maximum(distance - places @ np.array([ce * ca, ce * sa, se]), 0.05)
    right, up = places @ np.array([-sa, ca, 0]), places @ np.array([-se * ca, -se * sa, ce])
    height, width = size
    return np.stack([width / 2 + focal * near * right, height / 2 - focal * near * up], axis=-1), near


def draw_still(
    places: np.ndarray,
    colours: np.ndarray,
    faces: np.ndarray,
    ends: np.ndarray,
    line_colours: np.ndarray,
    words: Sequence[tuple[str, np.ndarray]],
    view: View,
    radius_px: float,
    size: tuple[int, int],
) -> np.ndarray:
    """Draw points (P, 3), or a mesh where there are faces (F, 3), and lines (L, 2, 3).

    Returns
    -------
    ndarray (2 H, 2 W, 3), uint8
    """
    height, width = size
    fig = Figure(figsize=(width / DPI, height / DPI), dpi=DPI * SHARP, facecolor="white")
    fig.set_layout_engine("none")  # whatever style is in force
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    spots, near = project(places, view, size)
    if len(faces):
        light = 0.35 + 0.65 * _facing(places, faces, view)
        shapes, shades = spots[faces], (colours * light[:, None])[faces].mean(1)
        depth = near[faces].mean(1)
    else:
        shapes, shades, depth = spots, colours, near
    pieces, piece_near, piece_colours = _pieces(ends, line_colours, view, size)
    lowest, highest = 1 / (view[2] + 1.01), 1 / (view[2] - 1.01)
    bounds = np.linspace(lowest, highest, LAYERS + 1)
    piece_near = piece_near.clip(lowest, 0.999 * highest)  # axes may leave the ball
    for layer, (low, high) in enumerate(pairwise(bounds)):
        chosen = np.flatnonzero((depth >= low) & (depth < high))
        chosen = chosen[np.argsort(depth[chosen], kind="stable")]
        if len(faces):
            tints = shades[chosen]
            ax.add_collection(
                PolyCollection(
                    shapes[chosen], facecolors=tints, edgecolors=tints, linewidths=0.2, zorder=layer
                )
            )
        else:
            wide = 2 * radius_px * depth[chosen] * view[2] * 72 / DPI  # points of 1 / 72 inch
            x, y = shapes[chosen].T
            ax.scatter(x, y, s=wide**2, c=shades[chosen], linewidths=0, zorder=layer)
        own = (piece_near >= low) & (piece_near < high)
        strokes = LineCollection(pieces[own], colors=piece_colours[own], linewidths=1.0, zorder=layer)
        ax.add_collection(strokes)
    for word, place in words:
        x, y = project(place, view, size)[0]
        ax.text(x, y, word, color=INK, fontsize=9, zorder=LAYERS)
    return pixels(fig)


def _facing(places: np.ndarray, faces: np.ndarray, view: View) -> np.ndarray:
    """How much the surface at each vertex faces the eye, (V,): the absolute cosine."""
    azimuth, elevation = view[:2]
    a, b, c = (places[faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    normal = np.zeros_like(places)
    for k in range(3):
        np.add.at(normal, faces[:, k], across)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    level = math.cos(elevation)
    eye = np.array([level * math.cos(azimuth), level * math.sin(azimuth), math.sin(elevation)])
    return np.abs(normal @ eye)


def _pieces(
    ends: np.ndarray, colours: np.ndarray, view: View, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut lines into pieces: their ends in the picture (K, 2, 2), nearness (K,) and colours (K, 3)."""
    share = np.linspace(0, 1, PIECES + 1)[None, :, None]
    along = ends[:, :1] * (1 - share) + ends[:, 1:] * share  # (L, PIECES + 1, 3)
    spots, near = project(along, view, size)
    pieces = np.stack([spots[:, :-1], spots[:, 1:]], axis=2).reshape(-1, 2, 2)
    return pieces, ((near[:, :-1] + near[:, 1:]) / 2).reshape(-1), np.repeat(colours, PIECES, axis=0)
