"""Placement: where the objects stand, so that the nearer leave the farther in sight.

The camera is a level pinhole (focal length one image width) over flat ground: an object whose foot is
g below the horizon stands CAMERA_HEIGHT_M / g metres away, and its size in the picture is its size in camera
heights times g, so that nearer is lower and larger.

Legend: N scenes, K places for objects, T candidate places for each.
"""

import numpy as np

from lecture_utils.data.toyworld.checks import Range
from lecture_utils.data.toyworld.hashing import uniform
from lecture_utils.data.toyworld.names import CAMERA_HEIGHT_M

_TRIES = 8  # candidate places per object
_LOWEST = 0.97  # no foot is drawn below this


def place(
    key: np.ndarray, horizon: np.ndarray, unit: np.ndarray, size: Range, distance: Range
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stand the objects on the ground one by one, each at the first try that leaves the earlier in sight.

    Parameters
    ----------
    key : (N,) uint64
        The scenes' keys.
    horizon : (N,)
        y of the horizon, as a share of the image's side.
    unit : (N, K, 4)
        Each object's box for a radius of 1, relative to its centre.
    size : (float, float)
        Radius in camera heights.
    distance : (float, float)
        Metres from the camera.

    Returns
    -------
    centre : (N, K, 2)
        As shares of the image's side.
    radius : (N, K)
        Likewise.
    depth : (N, K)
        Metres.
    """
    x, y, radius, foot = _candidates(key, horizon, unit, size, distance)  # (N, K, T) each
    wanted = 0.75 + 0.45 * uniform(key, "crowding")
    n, places = unit.shape[:2]
    chosen = np.zeros((n, places, 4))  # x, y, radius, foot
    rows = np.arange(n)
    for k in range(places):
        gap = np.full((n, _TRIES), 9.0)
        for j in range(k):
            apart = np.hypot(x[:, k] - chosen[:, j, :1], y[:, k] - chosen[:, j, 1:2])
            gap = np.minimum(gap, apart / (radius[:, k] + chosen[:, j, 2:3]))
        good = gap >= wanted[:, None]
        best = np.where(good.any(1), good.argmax(1), gap.argmax(1))
        chosen[:, k] = np.stack([a[rows, k, best] for a in (x, y, radius, foot)], axis=1)
    return chosen[..., :2], chosen[..., 2], CAMERA_HEIGHT_M / np.maximum(chosen[..., 3], 1e-6)


def _candidates(
    key: np.ndarray, horizon: np.ndarray, unit: np.ndarray, size: Range, distance: Range
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """T places for each object: x, y, radius and foot below the horizon, (N, K, T) each."""
    places = unit.shape[1]
    # (N, 1): how far below the horizon a foot stands, at most and at least.
    drop = np.minimum(CAMERA_HEIGHT_M / distance[0], _LOWEST - horizon)[:, None]
    least = np.minimum(CAMERA_HEIGHT_M / distance[1], drop)
    share = uniform(key, "foot", places, _TRIES)
    foot = least[..., None] + (drop - least)[..., None] * share
    radius = (size[0] + (size[1] - size[0]) * uniform(key, "size", places))[..., None] * foot
    y = horizon[:, None, None] + foot - unit[..., 3:] * radius
    half = (unit[..., 2:3] - unit[..., 0:1]) / 2 * radius
    margin = np.minimum(0.85 * half, 0.5)  # a little of an object may leave the picture at the sides
    x = (
        margin
        + (1 - 2 * margin) * uniform(key, "x", places, _TRIES)
        - (unit[..., 2:3] + unit[..., 0:1]) / 2 * radius
    )
    return x, y, radius, foot
