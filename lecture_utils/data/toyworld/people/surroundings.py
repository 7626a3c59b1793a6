"""What is behind people: a floor, a wall, the sky, and the shade that people cast where they stand.

The textures are photographs of brick, grass and gravel from the scikit-image wheel; pictures on a wall are
those of the two wheels without people in them.

Shapes: H × W pixels, Q joints.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lecture_utils.data import photographs
from lecture_utils.data.toyworld.people.scene import FLOORS, WALLS, Surroundings
from lecture_utils.ops.camera import Cameras, rays
from lecture_utils.rendering.rasteriser.shading import sample_texture

ON_WALLS = ("china", "flower", "coffee", "rocket", "hubble", "motorcycle")
TILE_M = 1.3  # metres of a texture's side
PICTURE_M = 3.2  # of a photograph's on a wall
SKIRTING_M = 0.09
FADE_M = 5.0  # over so many metres a floor's pattern loses most of its contrast


@lru_cache
def texture(name: str) -> Tensor:
    """A photograph (3, 128, 128), in colours; those of materials about a mean of 1."""
    picture = photographs.load(name, 128)
    return picture if name in ON_WALLS else picture / picture.mean()


@dataclass(frozen=True, eq=False)
class Seen:
    """What the rays of one view meet, apart from people.

    Attributes
    ----------
    directions, points : Tensor
        (H·W, 3), the rays' directions, and where they end; the camera's place for the sky.
    distance : Tensor
        (H·W,) along the ray, in metres; inf in the sky.
    floor : Tensor
        (H·W,) bool: it is the floor.
    """

    directions: Tensor
    points: Tensor
    distance: Tensor
    floor: Tensor


def trace(around: Surroundings, camera: Cameras) -> Seen:
    """Meet the rays of one camera with the floor and the wall of the first scene."""
    origins, directions = (r[0].reshape(-1, 3) for r in rays(camera))
    down, forth = directions[:, 2], directions[:, 1]
    to_floor = torch.where(down < -1e-6, -origins[:, 2] / down, torch.inf)
    to_wall = torch.where(forth > 1e-6, (around.wall_m[0] - origins[:, 1]) / forth, torch.inf)
    height = origins[:, 2] + to_wall * down
    to_wall = torch.where((height >= 0) & (height <= around.wall_height_m[0]), to_wall, torch.inf)
    distance = torch.minimum(to_floor, to_wall)
    points = origins + torch.where(distance.isfinite(), distance, 0.0)[:, None] * directions
    return Seen(directions, points, distance, (to_floor <= to_wall) & distance.isfinite())


def painted(around: Surroundings, seen: Seen) -> Tensor:
    """Return the colours (H·W, 3) of the first scene's floor, wall and sky in plain light, sRGB."""
    colour = _sky(around.sky_colour[0], seen.directions)
    wall = seen.distance.isfinite() & ~seen.floor
    colour[seen.floor] = _floor(around, seen.points[seen.floor], seen.distance[seen.floor])
    colour[wall] = _wall(around, seen.points[wall], seen.distance[wall])
    return colour


def shade_on_floor(seen: Seen, joints: Tensor) -> Tensor:
    """Return how much light people leave to what is seen (H·W,), in [0, 1]; all but the floor has 1.

    Parameters
    ----------
    seen : Seen
    joints : Tensor
        (Q, 3) in the world, in metres: each hides some of the sky, the more, the lower it is.
    """
    away = (seen.points[seen.floor][:, None, :2] - joints[:, :2]).square().sum(-1)  # (pixels, Q)
    square = (0.09 + 0.25 * joints[:, 2].clamp_min(0)).square()  # m²: high things give wide, faint shade
    hidden = (0.012 / square).clamp_max(0.5) * torch.exp(-away / (2 * square))
    light = torch.ones_like(seen.distance)
    light[seen.floor] = (1 - hidden).prod(1).clamp_min(0.3)
    return light


def _sky(colour: Tensor, directions: Tensor) -> Tensor:
    up = directions[:, 2:].clamp(0, 0.6) / 0.6
    return (1 - up) * (0.5 + 0.5 * colour) + up * colour  # paler at the horizon


def _tiled(name: str, xy: Tensor) -> Tensor:
    """Look a texture up, mirrored at each edge, so that no seam is seen."""
    return sample_texture(texture(name), 1 - (xy / TILE_M).remainder(2).sub(1).abs())


def _floor(around: Surroundings, points: Tensor, distance: Tensor) -> Tensor:
    kind, xy = FLOORS[int(around.floor[0])], points[:, :2]
    if kind in ("grass", "gravel"):
        pattern = _tiled(kind, xy)
    elif kind == "tiles":
        joint = ((xy / 0.4).remainder(1) < 0.04).any(1)
        check = (xy / 0.4).floor().sum(1).remainder(2)
        pattern = torch.where(joint, 0.6, 0.93 + 0.14 * check)[:, None].expand(-1, 3)
    else:  # planks, each of its own brightness, laid towards the wall
        column = (xy[:, 0] / 0.14).floor()
        own = (column * 12.9898 + ((xy[:, 1] + 0.37 * column) / 1.1).floor() * 78.233).sin().mul(43758.5)
        gap = (xy[:, 0] / 0.14).remainder(1) < 0.06
        pattern = torch.where(gap, 0.7, 0.88 + 0.24 * own.remainder(1))[:, None].expand(-1, 3)
    return around.floor_colour[0] * _faded(pattern, distance)


def _faded(pattern: Tensor, distance: Tensor) -> Tensor:
    """Take contrast from what is so far away that pixels could not show it."""
    return 1 + torch.exp(-distance / FADE_M).mul(1.6).clamp_max(1)[:, None] * (pattern - 1)


def _wall(around: Surroundings, points: Tensor, distance: Tensor) -> Tensor:
    kind, colour = WALLS[int(around.wall[0])], around.wall_colour[0]
    xz = points[:, [0, 2]]
    if kind == "photograph":
        which, left, low = around.crop[0]
        name = ON_WALLS[min(int(which * len(ON_WALLS)), len(ON_WALLS) - 1)]
        turned = torch.stack([xz[:, 0], -xz[:, 1]], dim=1) / PICTURE_M + torch.stack([left, low])
        paint = sample_texture(texture(name), 1 - turned.remainder(2).sub(1).abs())
    elif kind == "brick":
        paint = colour * _faded(_tiled("brick", xz.flip(1)), distance)
    else:
        paint = colour * (0.92 + 0.05 * points[:, 2:].clamp(0, 2.5))
    skirting = (points[:, 2] < SKIRTING_M)[:, None] & (kind != "brick")
    return torch.where(skirting, 0.35 * colour, paint)
