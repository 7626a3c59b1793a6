"""Solid textures: the colour of a point inside a solid, so that no seam shows wherever it is cut.

D. Peachey, "Solid texturing of complex surfaces", SIGGRAPH 1985.

Legend: P points, in a solid's own axes and unit unless said otherwise.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.hashing import scene_keys, uniform
from lecture_utils.data.toyworld.names import MATERIALS
from lecture_utils.data.toyworld.solids.scene import SolidScene

_TABLE = 32  # the random numbers repeat after so many cells
_CELLS_M = (0.018, 0.045, 0.11)  # sizes of the speckle's cells, in metres
_SOFT = 0.06  # of a period: how wide an edge of a pattern is
_GROUND = (0.80, 0.77, 0.70)  # sRGB


def albedo(scene: SolidScene, points: Tensor, k: int) -> Tensor:
    """Colour (P, 3), linear light, of points of solid k in its own axes: the pattern's, or its own."""
    share = pattern(points, scene.pattern[k], float(scene.frequency[k]), int(scene.material_id[k]))
    own, other = scene.rgb[k].square(), scene.second[k].square()  # a gamma of 2, as in the flat world
    colour = own + share[:, None] * (other - own)
    return colour * speckle(points * scene.scale[k], scene.speckle)[:, None]


def ground_albedo(scene: SolidScene, points: Tensor) -> Tensor:
    """Colour (P, 3), linear light, of points of the ground (P, 3) in the world."""
    colour = points.new_tensor(_GROUND).square()
    return colour * speckle(points, scene.speckle)[:, None]


def pattern(points: Tensor, pose: Tensor, frequency: float, material_id: int) -> Tensor:
    """Share (P,) of the pattern's colour at points (P, 3), in [0, 1]; 0 everywhere for plain things.

    Parameters
    ----------
    points : Tensor
        (P, 3).
    pose : Tensor
        (4,): the direction of stripes, and the phase in periods.
    frequency : float
        Periods in one unit.
    material_id : int
        Index into MATERIALS.
    """
    phase = pose[3]
    match MATERIALS[material_id]:
        case "plain":
            return points.new_zeros(len(points))
        case "striped":
            return _edge(torch.sin(2 * math.pi * (frequency * (points @ pose[:3]) + phase)))
        case "checked":  # three square waves: black where an odd number of them is up
            waves = torch.sin(math.pi * (2 * frequency * points + 0.5 + 0.2 * phase))
            return _edge(waves.prod(-1) * 2.0)
        case _:  # dotted: balls on a cubic lattice with every second place free
            at = 1.6 * frequency * points + phase
            even = (at - at.round()).square().sum(-1)
            odd = (at - 0.5 - (at - 0.5).round()).square().sum(-1)
            return _edge(2.5 * (0.34 - torch.minimum(even, odd).sqrt()))


def speckle(points: Tensor, strength: float) -> Tensor:
    """Fine random brightness (P,) of points (P, 3) in metres, in [1 - `strength`, 1]: value noise."""
    if strength == 0:
        return points.new_ones(len(points))
    table = _table().to(points.device)
    noise = torch.stack([_value_noise(points / cell + 7.3, table) for cell in _CELLS_M])
    mixed = ((noise - 0.5).sum(0) * 1.6 + 0.5).clamp(0, 1)
    return 1 - strength * mixed


def _edge(wave: Tensor) -> Tensor:
    """0 where the wave is negative, 1 where it is positive, with a soft edge between."""
    return (0.5 + wave / (2 * math.pi * _SOFT)).clamp(0, 1)


@lru_cache(maxsize=1)
def _table() -> Tensor:
    numbers = uniform(scene_keys(0, 0, 1), "solid speckle", _TABLE, _TABLE, _TABLE)[0]
    return torch.from_numpy(np.ascontiguousarray(numbers, dtype=np.float32))


def _value_noise(at: Tensor, table: Tensor) -> Tensor:
    """Random numbers at whole places, mixed in between (P,)."""
    low = at.floor()
    t = at - low
    t = t * t * (3 - 2 * t)
    cell = low.long() % _TABLE
    following = (cell + 1) % _TABLE
    total = at.new_zeros(len(at))
    for corner in range(8):
        up = [(corner >> axis) & 1 for axis in range(3)]
        index = [(following if u else cell)[:, axis] for axis, u in enumerate(up)]
        weight = torch.stack([t[:, a] if u else 1 - t[:, a] for a, u in enumerate(up)]).prod(0)
        total += weight * table[index[0], index[1], index[2]]
    return total
