"""The checkerboard in the shadow, after E. H. Adelson's (1995): a floor's paint, the light on it.

A camera sends one ray through the middle of every pixel. Where a ray meets the floor, the picture is paint
times light; where it meets the green cylinder, it is that. The cylinder is only an excuse for the shadow.

Shapes: H × W pixels; the floor's coordinates are x to the right and z away, in squares.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SUN = np.array([0.8, 0.6])  # from where the light comes
FOOT = np.array([1.68, 1.26])  # where the cylinder stands
RADIUS, HEIGHT = 0.85, 1.55
DARK, LIGHT, AROUND = 0.35, 0.70, 0.80  # shares of the light that the paints return
A, B = (490, 410), (305, 480)  # row and column of a point in each of the two squares


class Board(NamedTuple):
    """The floor's paint and the light on it, (H, W) each, and the finished picture (H, W, 3), all 0 to 1."""

    paint: Array
    light: Array
    picture: Array


def checkerboard(shade: float = 0.5) -> Board:
    """Draw the board (620 × 960 pixels); `shade` is the share of the light that is left in the shadow."""
    eye, rays = camera_rays(960, 620, focal=1260, distance=10, tilt=36, turn=-35)
    paint, light = paint_and_light(eye, rays, shade)
    picture = np.repeat((paint * light)[..., None], 3, -1)
    return Board(paint, light, _with_cylinder(picture, eye, rays))


def camera_rays(
    width: int, height: int, *, focal: float, distance: float, tilt: float, turn: float
) -> tuple[Array, Array]:
    """The eye (3,) of a camera that looks at the origin, and a ray (H, W, 3) through each pixel's centre."""
    row, column = np.mgrid[:height, :width] + 0.5
    rays = np.stack([(column - width / 2) / focal, (height / 2 - row) / focal, np.ones_like(row)], -1)
    (ct, st), (cy, sy) = ((np.cos(a), np.sin(a)) for a in np.deg2rad([tilt, turn]))
    about_x = np.array([[1, 0, 0], [0, ct, -st], [0, st, ct]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rotation = about_y @ about_x
    return rotation @ np.array([0.0, 0.0, -distance]), rays @ rotation.T


def paint_and_light(eye: Array, rays: Array, shade: float = 0.5) -> tuple[Array, Array]:
    """The floor's two ingredients, each (H, W): painted squares, and the light on them with a soft shadow."""
    floor = (eye - rays * (eye[1] / rays[..., 1:2]))[..., [0, 2]]  # (H, W, 2): where rays meet the ground
    dark = np.floor(floor + 0.5).sum(-1) % 2 == 1
    paint = np.where(abs(floor).max(-1) > 2.5, AROUND, np.where(dark, DARK, LIGHT))
    behind, aside = (FOOT - floor) @ SUN, abs((FOOT - floor) @ np.array([-SUN[1], SUN[0]]))
    return paint, 1 - (1 - shade) * ramp(RADIUS - aside) * ramp(behind) * ramp(4 - behind)


def ramp(t: Array, width: float = 0.3) -> Array:
    """Rise from 0 to 1 across a soft edge around t = 0."""
    return np.clip(t / width + 0.5, 0, 1)


def _with_cylinder(picture: Array, eye: Array, rays: Array) -> Array:
    """A green cylinder over a picture (H, W, 3): find where each ray comes within RADIUS of the axis."""
    start, step = eye[[0, 2]] - FOOT, rays[..., [0, 2]]
    a, b = (step * step).sum(-1), step @ start
    c = start @ start - RADIUS**2  # a t² + 2 b t + c = 0
    near = (-b - np.sqrt(np.maximum(b * b - a * c, 0))) / a
    height = eye[1] + near * rays[..., 1]
    wall = (b * b > a * c) & (height > 0) & (height < HEIGHT)
    facing = (start + near[..., None] * step) @ SUN / RADIUS  # 1 where the wall looks at the sun
    lid = np.linalg.norm(start + step * (HEIGHT - eye[1]) / rays[..., 1:2], axis=-1) < RADIUS
    picture[wall] = ((0.45 + 0.55 * ramp(facing, 2))[..., None] * [0.25, 0.70, 0.55])[wall]
    picture[lid] = [0.33, 0.91, 0.72]
    return picture
