"""Rooms: solids standing on a floor, as points with labels and boxes (S18.3).

Legend: K solids, P points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import check_integer, check_request, count_range
from lecture_utils.data.toyworld.hashing import between, scene_keys, uniform
from lecture_utils.data.toyworld.names import CLASSES, SPLITS
from lecture_utils.data.toyworld.solids import shapes, textures
from lecture_utils.data.toyworld.solids.boxes import boxes_of
from lecture_utils.data.toyworld.solids.points import area, generator_of, surface_points
from lecture_utils.data.toyworld.solids.sampling import draw_solids, sun_at
from lecture_utils.data.toyworld.solids.scene import SolidScene
from lecture_utils.ops.checks import check_number

ROOM_LABELS = ("floor", *CLASSES)
FLOOR_M = 2.0  # radius of the floor
_SCALE = (0.26, 0.44)
_TRIES = 64
_NEAR = 0.6  # share of solids that stand next to one that is there


@dataclass(frozen=True, eq=False)
class Room:
    """One room. The floor is the disc z = 0 of radius 2 m around the z axis.

    Attributes
    ----------
    points, normals, colours : Tensor
        (P, 3): metres, of length 1, sRGB in [0, 1] without light and shadow.
    semantic : Tensor
        (P,) int64, index into `ROOM_LABELS`: 0 for the floor, then the classes.
    instance : Tensor
        (P,) int64: which solid, -1 for the floor.
    boxes : Tensor
        (K, 7) x, y, z, length, width, height, yaw, as `solids.boxes` says; exact.
    class_id : Tensor
        (K,) int64, index into CLASSES.
    scene : SolidScene
        To render it.
    """

    points: Tensor
    normals: Tensor
    colours: Tensor
    semantic: Tensor
    instance: Tensor
    boxes: Tensor
    class_id: Tensor
    scene: SolidScene


def room(
    seed: int = 0,
    points: int = 4096,
    *,
    split: str = "train",
    count: int | tuple[int, int] = (5, 8),
    classes: Sequence[str] | None = None,
    noise_m: float = 0.0,
) -> Room:
    """Draw a room, some of its solids close to one another, none touching.

    Parameters
    ----------
    seed, split
        0 to 2**63 - 1; "train", "val" or "test": different splits of one seed share no room.
    points : int
        P, 64 or more, spread evenly by area over floor and solids. The floor has none under a solid that
        touches it.
    count : int or (int, int)
        How many solids, or a range, within 1..8.
    classes : sequence of str, optional
        Draw only from these.
    noise_m : float
        Standard deviation of the sensor's noise on each coordinate.

    Returns
    -------
    Room

    Raises
    ------
    ValueError
        On anything out of range or an unknown name.
    """
    check_request(1, seed, split)
    check_integer("points", points, 64, 2**24)
    check_number(noise_m, "noise_m", 0)
    low, places = count_range("count", count)
    if low < 1:
        raise ValueError(f"count: got {count!r}, want 1 or more")
    key = scene_keys(seed, SPLITS.index(split), 1)
    number = low + int(uniform(key, "room count")[0] * (places - low + 1))
    scene = _furnished(key, number, classes)
    generator = generator_of(seed, SPLITS.index(split), "room")
    on_solids = sum(float(area(int(c)) * s**2) for c, s in zip(scene.class_id, scene.scale, strict=True))
    most = round(points * on_solids / (on_solids + math.pi * FLOOR_M**2))
    solids = surface_points(scene, most, int(torch.randint(2**31, (1,), generator=generator)))
    floor = _floor_points(scene, points - most, generator)
    up = torch.tensor([0.0, 0.0, 1.0]).expand_as(floor)
    paint = textures.ground_albedo(scene, floor).sqrt()
    none = torch.full((len(floor),), -1)
    at = torch.cat([solids.points, floor])
    order = torch.randperm(points, generator=generator)
    return Room(
        points=(at + noise_m * torch.randn(at.shape, generator=generator))[order],
        normals=torch.cat([solids.normals, up])[order],
        colours=torch.cat([solids.colours, paint])[order],
        semantic=torch.cat([solids.class_id, none])[order] + 1,
        instance=torch.cat([solids.solid, none])[order],
        boxes=boxes_of(scene.class_id, scene.scale[:, None].expand(-1, 3), scene.rotation, scene.centre),
        class_id=scene.class_id,
        scene=scene,
    )


def _furnished(key: np.ndarray, number: int, classes: Sequence[str] | None) -> SolidScene:
    """Draw solids and put them on the floor, apart from one another."""
    parts = draw_solids(key, number, classes, None, None, 0.0, 1.0)
    class_id = parts["class_id"].numpy()
    scale = between(key, "room scale", _SCALE, number)[0]
    corner = [np.abs(np.array(shapes.box_of(int(c)))[:, :2]).max(0) for c in class_id]
    wide = np.linalg.norm(corner, axis=1)  # radius of an upright cylinder around each, in units
    while (level := _places(key, wide * scale)) is None:
        scale = 0.93 * scale
    low = np.array([shapes.box_of(int(c))[0][2] for c in class_id]) * scale
    return SolidScene(
        **parts,
        centre=torch.from_numpy(np.concatenate([level, -low[:, None]], axis=1)).float(),
        scale=torch.from_numpy(scale).float(),
        sun=sun_at(float(between(key, "sun turn", (-math.pi, math.pi))[0])),
        ground_m=FLOOR_M,
        background="sky",
    )


def _places(key: np.ndarray, wide: np.ndarray) -> np.ndarray | None:
    """Places (K, 2) of cylinders of these radii (K,): on the floor, apart, many close; None: it is full."""
    k = len(wide)
    u = uniform(key, "room place", k, _TRIES, 2)[0]
    near = uniform(key, "room near", k)[0] < _NEAR
    friend, gap = uniform(key, "room friend", k)[0], between(key, "room gap", (0.03, 0.12), k)[0]
    at = np.zeros((0, 2))
    for i in range(k):
        turn = 2 * math.pi * u[i, :, 1]
        around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        tries = (FLOOR_M - wide[i]) * np.sqrt(u[i, :, :1]) * around
        if near[i] and i:
            j = int(friend[i] * i)
            tries[: _TRIES // 2] = at[j] + (wide[i] + wide[j] + gap[i]) * around[: _TRIES // 2]
        inside = np.linalg.norm(tries, axis=1) <= FLOOR_M - wide[i]
        space = np.linalg.norm(tries[:, None] - at[None], axis=2) - wide[:i] - wide[i]  # (tries, i)
        clear = np.where(inside, space.min(1, initial=np.inf), -np.inf)
        free = np.flatnonzero(clear >= 0.02)
        if not len(free):
            return None
        at = np.concatenate([at, tries[free[:1]]])
    return at


def _floor_points(scene: SolidScene, count: int, generator: torch.Generator) -> Tensor:
    """Points (count, 3) evenly from the floor, but not where a solid touches it."""
    found = torch.zeros(0, 3)
    while len(found) < count:
        way, turn = torch.rand(2, count + 64, generator=generator)
        way, turn = FLOOR_M * way.sqrt(), 2 * math.pi * turn
        at = torch.stack([way * turn.cos(), way * turn.sin(), 0 * way], dim=1)
        found = torch.cat([found, at[scene.distance(at) > 0.005]])
    return found[:count]
