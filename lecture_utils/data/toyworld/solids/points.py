"""Points on the surfaces of solids: spread evenly by area, with normals, colours and labels (S18.1, S18.3).

Where a sample comes from: points are drawn evenly from a box, those within δ of the surface are kept, each
goes to the surface along the distance's gradient. A shell of constant thickness holds as much volume as
surface, up to δ² times the product of the principal curvatures (J. Steiner, 1840).

Legend: P points, K solids.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import check_integer
from lecture_utils.data.toyworld.hashing import scene_keys
from lecture_utils.data.toyworld.solids import shapes, textures
from lecture_utils.data.toyworld.solids.scene import SolidScene
from lecture_utils.ops.checks import check_number, check_whole

_SHELL = 0.015  # δ, in units
POOL = 8192  # points of each class that are kept


@dataclass(frozen=True, eq=False)
class SolidPoints:
    """P points on the surfaces of a scene.

    Attributes
    ----------
    points, normals : Tensor
        (P, 3) in metres, and of length 1, in the world's axes.
    colours : Tensor
        (P, 3) sRGB in [0, 1]: the paint, without light and shadow.
    part, solid, class_id : Tensor
        (P,) int64: index into `PARTS`, which solid of the scene, index into CLASSES.
    """

    points: Tensor
    normals: Tensor
    colours: Tensor
    part: Tensor
    solid: Tensor
    class_id: Tensor


def surface_points(scene: SolidScene, count: int, seed: int = 0, *, noise_m: float = 0.0) -> SolidPoints:
    """Draw points evenly by area from the surfaces of a scene's solids; the ground has none.

    Parameters
    ----------
    scene : SolidScene
    count : int
        P, 1 or more. What lies inside another solid is left out.
    seed : int
        0 or more.
    noise_m : float
        Standard deviation of the sensor's noise, in metres, on each coordinate.

    Returns
    -------
    SolidPoints
        Without noise at most 1e-4 units from a surface.
    """
    check_whole(count, "count")
    check_integer("seed", seed, 0, 2**63 - 1)
    check_number(noise_m, "noise_m", 0)
    generator = generator_of(seed, 0, "surface points")
    areas = torch.stack([area(int(c)) * s**2 for c, s in zip(scene.class_id, scene.scale.cpu(), strict=True)])
    points, solid = torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    while len(points) < count:
        drawn = torch.multinomial(areas, count, replacement=True, generator=generator)
        on = torch.zeros(count, 3)
        for k in range(len(scene)):
            here = drawn == k
            own = on_surface(int(scene.class_id[k]), int(here.sum()), generator)
            on[here] = scene.scale[k].cpu() * own @ scene.rotation[k].cpu().mT + scene.centre[k].cpu()
        seen = scene.to("cpu").distance(on) > -1e-3
        points, solid = torch.cat([points, on[seen]]), torch.cat([solid, drawn[seen]])
    points, solid = points[:count], solid[:count]
    normal, part, colour = _labels(scene.to("cpu"), points, solid)
    points = points + noise_m * torch.randn(points.shape, generator=generator)
    found = SolidPoints(points, normal, colour, part, solid, scene.class_id.cpu()[solid])
    device = scene.centre.device
    return SolidPoints(**{name: value.to(device) for name, value in vars(found).items()})


def on_surface(class_id: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw points (count, 3) evenly by area from a class's surface, in its own axes."""
    found = [torch.zeros(0, 3)]
    while sum(len(f) for f in found) < count:
        at = _shell(class_id, 12 * max(count, 64), generator)[0]
        for _ in range(3):  # the surface is where the distance is 0
            slope = shapes.normals(at, class_id)
            at = at - shapes.distance(at, class_id)[:, None] * slope
        found.append(at[shapes.distance(at, class_id).abs() < 1e-4])
    return torch.cat(found)[:count]


def _shell(class_id: int, tries: int, generator: torch.Generator) -> tuple[Tensor, float]:
    """Points within δ of a surface, of `tries` drawn from its box; the box's volume in cubed units."""
    low, high = (torch.tensor(corner) for corner in shapes.box_of(class_id))
    low, high = low - _SHELL, high + _SHELL
    at = low + (high - low) * torch.rand(tries, 3, generator=generator)
    return at[shapes.distance(at, class_id).abs() < _SHELL], float((high - low).prod())


@lru_cache(maxsize=16)
def area(class_id: int) -> Tensor:
    """Surface area of a class in squared units: the share of its box that the shell takes, to about 0.5 %."""
    tries = 1 << 19
    at, volume = _shell(class_id, tries, generator_of(0, class_id, "area"))
    return torch.tensor(len(at) / tries * volume / (2 * _SHELL))


@lru_cache(maxsize=16)
def pool(class_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points (8192, 3), normals (8192, 3) and parts (8192,) of a class, evenly by area, in its own axes."""
    points = on_surface(class_id, POOL, generator_of(0, class_id, "pool"))
    return points, shapes.normals(points, class_id), shapes.part_of(points, class_id)


def generator_of(seed: int, stream: int, name: str) -> torch.Generator:
    """Return a generator that depends on a seed, a stream (such as the split) and a name alone."""
    letters = int.from_bytes(name.encode()[-7:], "little")
    key = scene_keys(seed, stream, 1) ^ scene_keys(letters, 0, 1)
    return torch.Generator().manual_seed(int(key[0] >> np.uint64(2)))


def _labels(scene: SolidScene, points: Tensor, solid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    normal, colour = torch.zeros_like(points), torch.zeros_like(points)
    part = torch.zeros_like(solid)
    for k in range(len(scene)):
        here = (solid == k).nonzero()[:, 0]
        class_id, own = int(scene.class_id[k]), scene.to_own(points[here], k)
        normal[here] = shapes.normals(own, class_id) @ scene.rotation[k].mT
        part[here] = shapes.part_of(own, class_id)
        colour[here] = textures.albedo(scene, own, k).clamp(0, 1).sqrt()
    return normal, part, colour
