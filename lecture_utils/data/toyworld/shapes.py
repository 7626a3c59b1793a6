"""The eight shapes, in their own frame: x to the right, y down, about one unit from the centre to the outline.

Every shape is a core (a polygon, a segment, a circle or a point) thickened by a radius, so that its corners are round and its
bounding box at any angle has a closed form: the box of a few circles.
"""

import math

import numpy as np

from lecture_utils.data.toyworld.names import CLASSES


def _ngon(angles: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Polygon vertices (E, 2) at clockwise angles from "up", with the given distances from the centre."""
    return np.stack([radii * np.sin(angles), -radii * np.cos(angles)], axis=1)


def _star() -> np.ndarray:
    angles = np.arange(10) * math.pi / 5
    return _ngon(angles, np.where(np.arange(10) % 2 == 0, 0.98, 0.50))


def _heart() -> np.ndarray:
    arc = np.linspace(-0.75 * math.pi, 0.25 * math.pi, 10)  # clockwise on screen, from the cleft over the lobe to the flank
    right = np.stack([0.40 + 0.40 * math.sqrt(2) * np.cos(arc), -0.33 + 0.40 * math.sqrt(2) * np.sin(arc)], axis=1)
    left = right[::-1][:-1] * [-1.0, 1.0]
    return np.concatenate([right, [[0.0, 0.87]], left])


def _cross() -> np.ndarray:
    a, b = 0.25, 0.82
    return np.array([[-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a]])


_half = 0.62
POLYGONS: dict[str, np.ndarray] = {
    "square": np.array([[-_half, -_half], [_half, -_half], [_half, _half], [-_half, _half]]),
    "triangle": _ngon(np.arange(3) * 2 * math.pi / 3, np.full(3, 0.96)) + [0.0, 0.16],
    "star": _star(),
    "heart": _heart(),
    "cross": _cross(),
}
# Radius by which the core is thickened.
ROUNDING = {"disk": 0.84, "square": 0.12, "triangle": 0.13, "star": 0.08, "heart": 0.07, "cross": 0.10, "ring": 0.22, "capsule": 0.44}
RING_RADIUS = 0.72
CAPSULE_HALF = 0.62
# Width of the rounded rim that makes a flat outline look solid.
BEVEL = {"disk": 0.60, "square": 0.50, "triangle": 0.42, "star": 0.36, "heart": 0.46, "cross": 0.35, "ring": 0.22, "capsule": 0.44}
# Largest turn, in degrees, that leaves the names of the keypoints unambiguous (a disk's turn cannot be seen: 0).
TURN_LIMIT = {"disk": 0.0, "square": 38.0, "triangle": 45.0, "star": 30.0, "heart": 50.0, "cross": 38.0, "ring": 0.0, "capsule": 75.0}


def _core_circles(name: str) -> np.ndarray:
    """Centres and radii (V, 3) of circles whose joint bounding box is the shape's, whatever its turn."""
    if name in POLYGONS:
        points = POLYGONS[name]
    elif name == "capsule":
        points = np.array([[-CAPSULE_HALF, 0.0], [CAPSULE_HALF, 0.0]])
    else:
        points = np.zeros((1, 2))
    radius = ROUNDING[name] + (RING_RADIUS if name == "ring" else 0.0)
    return np.concatenate([points, np.full((len(points), 1), radius)], axis=1)


def _stack_circles() -> np.ndarray:
    tables = [_core_circles(name) for name in CLASSES]
    most = max(len(t) for t in tables)
    return np.stack([np.concatenate([t, np.repeat(t[:1], most - len(t), axis=0)]) for t in tables])


CIRCLES = _stack_circles()  # (classes, V, 3): x, y, radius; short lists repeat their first circle


def _keypoints() -> np.ndarray:
    up5 = np.arange(5) * 2 * math.pi / 5
    plus = np.array([[0, 0], [0, -1], [1, 0], [0, 1], [-1, 0]], dtype=float)
    diagonal = np.array([[0, 0], [-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=float)
    apex, right, left = POLYGONS["triangle"]
    table = {
        "disk": plus * 0.72,
        "square": diagonal * _half,
        "triangle": np.array([[0, 0.16], apex, right, (right + left) / 2, left]),
        "star": _ngon(up5, np.full(5, 0.94)),
        "heart": np.array([[0, 0], [0, -0.66], [0.62, -0.52], [0, 0.85], [-0.62, -0.52]]),
        "cross": plus * 0.80,
        "ring": _ngon(up5, np.full(5, RING_RADIUS)),
        "capsule": np.array([[0, 0], [0.96, 0], [0.48, 0], [-0.48, 0], [-0.96, 0]]),
    }
    return np.stack([table[name] for name in CLASSES])


KEYPOINT_XY = _keypoints()  # (classes, 5, 2), in the shape's own frame


def extents(class_id: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Bounding box of a unit shape turned clockwise by `turn`, from its circles.

    Parameters
    ----------
    class_id : (...) integer. turn : (...) radians.

    Returns
    -------
    (..., 4) float64: left, top, right, bottom in the shape's units, relative to its centre.
    """
    circles = CIRCLES[class_id]  # (..., V, 3)
    c, s = np.cos(turn)[..., None], np.sin(turn)[..., None]
    x = c * circles[..., 0] - s * circles[..., 1]
    y = s * circles[..., 0] + c * circles[..., 1]
    r = circles[..., 2]
    return np.stack([(x - r).min(-1), (y - r).min(-1), (x + r).max(-1), (y + r).max(-1)], axis=-1)
