"""The eight shapes, in their own frame: x to the right, y down, about one unit from centre to outline.

Every shape is a core (a polygon, a segment, a circle or a point) thickened by a radius, so that its corners
are round and its bounding box at any angle has a closed form: the box of a few circles.
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


def _cross() -> np.ndarray:
    a, b = 0.25, 0.82
    return np.array(
        [
            [-a, -b],
            [a, -b],
            [a, -a],
            [b, -a],
            [b, a],
            [a, a],
            [a, b],
            [-a, b],
            [-a, a],
            [-b, a],
            [-b, -a],
            [-a, -a],
        ]
    )


_half = 0.62
POLYGONS: dict[str, np.ndarray] = {
    "square": np.array([[-_half, -_half], [_half, -_half], [_half, _half], [-_half, _half]]),
    "triangle": _ngon(np.arange(3) * 2 * math.pi / 3, np.full(3, 0.96)) + np.array([0.0, 0.16]),
    "star": _star(),
    "cross": _cross(),
}
# Radius by which the core is thickened.
ROUNDING = {
    "ball": 0.84,
    "square": 0.12,
    "triangle": 0.13,
    "star": 0.08,
    "heart": 0.07,
    "cross": 0.10,
    "ring": 0.22,
    "capsule": 0.44,
}
RING_RADIUS = 0.72
CAPSULE_HALF = 0.62
# A heart is a square on its corner with a half disk on each upper side: half diagonal, y of its middle.
HEART_HALF, HEART_MIDDLE = 0.80, 0.07
# Width of the rounded rim that makes a flat outline look solid.
BEVEL = {
    "ball": 0.84,
    "square": 0.50,
    "triangle": 0.42,
    "star": 0.36,
    "heart": 0.46,
    "cross": 0.35,
    "ring": 0.22,
    "capsule": 0.44,
}
# Largest turn, in degrees, that leaves the names of the keypoints unambiguous; a ball's turn cannot be seen.
TURN_LIMIT = {
    "ball": 0.0,
    "square": 38.0,
    "triangle": 45.0,
    "star": 30.0,
    "heart": 50.0,
    "cross": 38.0,
    "ring": 0.0,
    "capsule": 75.0,
}


def _core_circles(name: str) -> np.ndarray:
    """Centres and radii (V, 3) of circles whose joint bounding box is the shape's, whatever its turn."""
    if name in POLYGONS:
        points = POLYGONS[name]
    elif name == "capsule":
        points = np.array([[-CAPSULE_HALF, 0.0], [CAPSULE_HALF, 0.0]])
    elif name == "heart":
        h, lobe = HEART_HALF, HEART_HALF / math.sqrt(2)
        circles = [
            [h / 2, HEART_MIDDLE - h / 2, lobe],
            [-h / 2, HEART_MIDDLE - h / 2, lobe],
            [0.0, HEART_MIDDLE + h, 0.0],
        ]
        return np.array(circles) + np.array([0.0, 0.0, ROUNDING[name]])
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
        "ball": plus * 0.72,
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
    class_id : (...) of integers
    turn : (...)
        Radians.

    Returns
    -------
    (..., 4) float64
        Left, top, right, bottom in the shape's units, relative to its centre.
    """
    circles = CIRCLES[class_id]  # (..., V, 3)
    c, s = np.cos(turn)[..., None], np.sin(turn)[..., None]
    x = c * circles[..., 0] - s * circles[..., 1]
    y = s * circles[..., 0] + c * circles[..., 1]
    r = circles[..., 2]
    return np.stack([(x - r).min(-1), (y - r).min(-1), (x + r).max(-1), (y + r).max(-1)], axis=-1)
