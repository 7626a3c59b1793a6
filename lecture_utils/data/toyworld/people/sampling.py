"""Drawing scenes with people from a seed, and a video of two who pass one another.

Every random number is a function of seed, split and the number's name (`toyworld.hashing`): scene i does not
depend on how many are drawn, and the splits of one seed share none.
"""

import math

import numpy as np
import torch
from torch import Tensor

from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.checks import check_request
from lecture_utils.data.toyworld.hashing import between, scene_keys, uniform
from lecture_utils.data.toyworld.names import COLOUR_RGB, SPLITS
from lecture_utils.data.toyworld.people.poses import sample_poses, sample_shapes, walk
from lecture_utils.data.toyworld.people.scene import (
    FLOORS,
    PATTERNS,
    WALLS,
    Clothes,
    PeopleScene,
    Surroundings,
    on_the_floor,
    upright,
)
from lecture_utils.ops.camera import Cameras, look_at
from lecture_utils.ops.checks import check_number, check_size, check_tensor, check_whole

SKINS = ((0.36, 0.22, 0.15), (0.55, 0.36, 0.25), (0.76, 0.55, 0.42), (0.89, 0.70, 0.58), (0.95, 0.80, 0.70))
HAIRS = ((0.08, 0.06, 0.05), (0.25, 0.15, 0.08), (0.45, 0.28, 0.14), (0.72, 0.55, 0.28), (0.62, 0.60, 0.58))
TROUSERS = (
    (0.14, 0.18, 0.32),
    (0.22, 0.22, 0.24),
    (0.45, 0.38, 0.28),
    (0.30, 0.42, 0.62),
    (0.25, 0.30, 0.22),
)
SHOES = ((0.10, 0.09, 0.09), (0.85, 0.85, 0.83), (0.40, 0.24, 0.14), (0.70, 0.15, 0.15))
FLOOR_RGB = {"planks": (0.66, 0.48, 0.31), "tiles": (0.74, 0.72, 0.68), "grass": (0.40, 0.56, 0.24),
    "gravel": (0.60, 0.56, 0.50)}  # fmt: skip
ON_A_FLOOR = 1.75  # metres: about as tall as people are
GAP_M = (0.55, 0.95)  # from one person to the next, to the side


def sample_people(
    people: int,
    seed: int,
    model: SMPL,
    *,
    split: str = "train",
    count: int = 1,
    poses: Tensor | None = None,
    shapes: Tensor | None = None,
    size: tuple[int, int] = (128, 128),
) -> PeopleScene:
    """Draw scenes of people who stand on a floor, each scene with one camera 2.5 to 5 m away.

    Parameters
    ----------
    people : int
        P, how many people each scene has.
    seed, split
        0 to 2**63 - 1; "train", "val" or "test".
    model : SMPL
        Their bodies; it says where the feet are.
    count : int
        N, how many scenes.
    poses : Tensor, optional
        (N, P, 24, 3), axis-angles with the root about 0; drawn by `sample_poses` where not given.
    shapes : Tensor, optional
        (N, P, K); drawn by `sample_shapes` where not given.
    size : (int, int)
        Of the pictures. `render_people` may be asked for another.

    Returns
    -------
    PeopleScene
        People face anywhere. They stand in a row, 0.55 to 0.95 m apart, some nearer and some further away, so
        that they hide parts of one another.
    """
    check_whole(people, "people")
    check_whole(count, "count")
    check_request(count, seed, split)
    keys = scene_keys(seed, SPLITS.index(split), count)
    if poses is None:
        poses = sample_poses(count * people, seed, split).unflatten(0, (count, people))
    check_tensor(poses, "poses", count, people, 24, 3, finite=True)
    if shapes is None:
        numbers = min(10, model.shape_directions.shape[-1])
        shapes = sample_shapes(count * people, seed, split)[:, :numbers].unflatten(0, (count, people))
    check_tensor(shapes, "shapes", count, people, "K", finite=True)
    gap = _t(between(keys, "gap", GAP_M))[:, None] * (torch.arange(people) - (people - 1) / 2)  # (N, P)
    order = np.argsort(uniform(keys, "order", people), axis=1)
    aside = gap.gather(1, torch.from_numpy(order)) + _t(between(keys, "aside", (-0.1, 0.1), people))
    away = _t(between(keys, "away", (-0.45, 0.45), people)) * (1.0 if people > 1 else 0.4)
    yaw = _t(between(keys, "yaw", (-math.pi, math.pi), people))
    pose = upright(poses, yaw)
    place = torch.stack([aside, away], dim=-1)  # (N, P, 2)
    low = on_the_floor(model, shapes.flatten(0, 1), pose.flatten(0, 1), place.flatten(0, 1))
    return PeopleScene(
        shapes, pose, low.unflatten(0, (count, people)),
        _clothes(keys, people), _surroundings(keys), _cameras(keys, people, check_size(size)),
    )  # fmt: skip


def crossing(
    seed: int,
    model: SMPL,
    *,
    split: str = "train",
    frames: int = 24,
    fps: float = 15.0,
    size: tuple[int, int] = (128, 128),
) -> PeopleScene:
    """Draw a video of two people who walk past one another, so that one is hidden for a while.

    Parameters
    ----------
    seed, split
        0 to 2**63 - 1; "train", "val" or "test".
    model : SMPL
    frames : int
        N. They pass in the middle.
    fps : float
        Frames a second: the more, the longer in frames one is hidden.
    size : (int, int)
        Of the pictures.

    Returns
    -------
    PeopleScene
        N frames in one place, with a camera that stands still, and P = 2: person 0 walks to the right and is
        further away, person 1 walks to the left. Shapes and clothes stay the same.
    """
    check_whole(frames, "frames")
    check_number(fps, "fps", 0, above=True)
    check_request(1, seed, split)
    key = scene_keys(seed, SPLITS.index(split), 1)
    speed, phase = between(key, "speed", (0.9, 1.2), 2)[0], between(key, "phase", (0, 2 * math.pi), 2)[0]
    slant, depth = between(key, "slant", (-12, 12), 2)[0], between(key, "depth", (0.32, 0.5), 2)[0]
    seconds = (torch.arange(frames) - (frames - 1) / 2) / fps
    poses, places = [], []
    for person, way in enumerate((1.0, -1.0)):
        angle = math.radians(slant[person])
        heading = torch.tensor([way * math.cos(angle), math.sin(angle)], dtype=torch.float32)
        middle = torch.tensor([0.0, way * depth[person]], dtype=torch.float32)
        places.append(middle + float(speed[person]) * seconds[:, None] * heading)  # (N, 2)
        yaw = torch.atan2(heading[0], -heading[1]).expand(frames)
        steps = walk(frames, float(phase[person]), float(speed[person]), fps=fps)
        poses.append(upright(steps, yaw))
    pose, place = torch.stack(poses, dim=1), torch.stack(places, dim=1)  # (N, 2, …)
    numbers = min(10, model.shape_directions.shape[-1])
    shape = sample_shapes(2, seed, split)[:, :numbers].expand(frames, 2, numbers)
    low = on_the_floor(model, shape.flatten(0, 1), pose.flatten(0, 1), place.flatten(0, 1))
    one = np.repeat(key, frames)
    eye = torch.tensor([[0.0, -float(between(key, "distance", (3.2, 3.6))[0]), 1.3]])
    rotation, translation = look_at(eye, torch.tensor([0.0, 0.0, 0.92]))
    intrinsics = _pinhole(torch.tensor([48.0]), check_size(size))
    cameras = Cameras(rotation, translation, intrinsics, check_size(size))
    return PeopleScene(
        shape, pose, low.unflatten(0, (frames, 2)),
        _clothes(one, 2), _surroundings(one), cameras[[0] * frames],
    )  # fmt: skip


def _clothes(keys: np.ndarray, people: int) -> Clothes:
    """Draw clothes (N, P, …). Two people of a scene have shirts of different colours."""

    def paints(name: str, options: tuple | np.ndarray) -> np.ndarray:
        table = np.array(options)
        chosen = table[(uniform(keys, name, people) * len(table)).astype(int)]
        return (chosen * between(keys, f"{name} tone", (0.85, 1.12), people, 1)).clip(0, 1)

    first = (uniform(keys, "shirt") * len(COLOUR_RGB)).astype(int)[:, None]
    shirt = COLOUR_RGB[(first + 3 * np.arange(people)) % len(COLOUR_RGB)]  # 3 and 8 have no common factor
    pale = np.where(uniform(keys, "pale", people, 1) < 0.6, 0.93, 0.12)  # the pattern: nearly white or black
    shirt = (shirt * between(keys, "shirt tone", (0.8, 1.1), people, 1)).clip(0, 1)
    colour = np.stack(
        [paints("skin", SKINS), paints("hair", HAIRS), shirt, np.broadcast_to(pale, shirt.shape),
         paints("trousers", TROUSERS), paints("shoes", SHOES)], axis=2
    )  # (N, P, 6, 3)  # fmt: skip
    sleeve, leg = uniform(keys, "sleeve", people), uniform(keys, "leg", people)
    bald = uniform(keys, "bald", people) < 0.06
    pattern = (uniform(keys, "pattern", people) * (len(PATTERNS) + 1)).astype(int) % len(PATTERNS)
    return Clothes(
        colour=_t(colour),
        pattern=torch.from_numpy(pattern),
        period_m=_t(between(keys, "period", (0.09, 0.15), people)),
        sleeve=_t(np.where(sleeve < 0.5, 0.12 + 0.6 * sleeve, 0.97)),
        leg=_t(np.where(leg < 0.25, 0.42 + 0.4 * leg, 1.2)),
        hairline=_t(np.where(bald, 1.0, between(keys, "hairline", (0.66, 0.8), people))),
    )


def _surroundings(keys: np.ndarray) -> Surroundings:
    """Draw floors, walls and light (N, …): a room, or a place in the open with a wall some metres behind."""
    room = uniform(keys, "room") < 0.6
    inside, outside = (uniform(keys, "floor") * 2).astype(int), 2 + (uniform(keys, "ground") * 2).astype(int)
    floor = np.where(room, inside, outside)
    wall = np.where(room, (uniform(keys, "wall") * 3).astype(int), WALLS.index("brick"))
    own = np.array([FLOOR_RGB[name] for name in FLOORS])[floor]
    brick = between(keys, "brick", (0.45, 0.8), 1) * np.array([1.0, 0.72, 0.6])
    paint = between(keys, "paint", (0.45, 0.92), 3)
    azimuth, height = between(keys, "light", (-1.2, 1.2)), between(keys, "height", (0.5, 1.2))
    light = np.stack(
        [np.sin(azimuth) * np.cos(height), -np.cos(azimuth) * np.cos(height), np.sin(height)], axis=1
    )
    return Surroundings(
        floor=torch.from_numpy(floor),
        wall=torch.from_numpy(wall),
        floor_colour=_t((own * between(keys, "floor tone", (0.75, 1.2), 1)).clip(0, 1)),
        wall_colour=_t(np.where((wall == WALLS.index("brick"))[:, None], brick, paint)),
        sky_colour=_t(np.array([0.45, 0.66, 0.92]) * between(keys, "sky", (0.8, 1.05), 1)),
        wall_m=_t(np.where(room, between(keys, "near", (0.9, 2.2)), between(keys, "far", (4.0, 9.0)))),
        wall_height_m=_t(np.where(room, 9.0, between(keys, "wall height", (0.8, 2.2)))),
        crop=_t(uniform(keys, "crop", 3)),
        to_light=_t(light),
        ambient=_t(between(keys, "ambient", (0.35, 0.6))),
    )


def _cameras(keys: np.ndarray, people: int, size: tuple[int, int]) -> Cameras:
    """Draw cameras that see all of the people, most of the time."""
    angle = between(keys, "field of view", (38, 50))
    share = between(keys, "share", (0.68, 0.88))  # of the picture's height that a person takes
    half = np.tan(np.radians(angle) / 2) * size[0] / size[1]
    distance = np.maximum(ON_A_FLOOR / (2 * half * share), 0.55 * (people * GAP_M[1] + 0.6) / half)
    distance = distance.clip(2.5, 5.0)
    aside = np.radians(between(keys, "azimuth", (-18, 18)))
    height = between(keys, "camera height", (1.0, 1.7))
    eye = np.stack([distance * np.sin(aside), -distance * np.cos(aside), height], axis=1)
    aim = between(keys, "aim", (-0.1, 0.1), 3) * np.array([1.0, 0.0, 0.6]) + np.array([0, 0, 0.86])
    rotation, translation = look_at(_t(eye), _t(aim))
    return Cameras(rotation, translation, _pinhole(_t(angle), size), size)


def _pinhole(field_of_view_deg: Tensor, size: tuple[int, int]) -> Tensor:
    """As `ops.camera.pinhole`, for many horizontal fields of view (N,) at once: (N, 3, 3)."""
    focal = size[1] / 2 / torch.tan(torch.deg2rad(field_of_view_deg) / 2)
    intrinsics = torch.eye(3).repeat(len(focal), 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    intrinsics[:, :2, 2] = torch.tensor([size[1] / 2, size[0] / 2])
    return intrinsics


def _t(x: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
