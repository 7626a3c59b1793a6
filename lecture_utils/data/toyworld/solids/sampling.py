"""Drawing solid scenes from a seed, and one scene arranged by hand to be looked at.

Every random number is a function of seed, split and the number's name (`toyworld.hashing`), as in the flat
world: the splits of one seed share no scene.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import allowed_pairs, check_request, count_range, known_ids
from lecture_utils.data.toyworld.hashing import between, pick, scene_keys, uniform
from lecture_utils.data.toyworld.names import CLASSES, COLOUR_RGB, COLOURS, MATERIALS, SPLITS
from lecture_utils.data.toyworld.sampling.paint import draw_paint
from lecture_utils.data.toyworld.solids import shapes
from lecture_utils.data.toyworld.solids.scene import SolidScene
from lecture_utils.ops.checks import check_number
from lecture_utils.ops.rotation import axis_angle_to_matrix

GROUND_Z = -0.35
GROUND_M = 0.86  # the disc's rim lies in the ball of radius 1 around the origin
_SCALE = (0.30, 0.42)  # metres for one unit
_TRIES = 64


def sample_solid(
    seed: int = 0,
    *,
    split: str = "train",
    count: int | tuple[int, int] = (1, 3),
    classes: Sequence[str] | None = None,
    colours: Sequence[str] | None = None,
    materials: Sequence[str] | None = None,
    ground: bool = True,
    max_tilt_deg: float = 15.0,
    specular: float = 0.0,
    frequency: float = 1.0,
    speckle: float = 0.0,
    background: str = "white",
) -> SolidScene:
    """Draw a scene of a few solids within 1 m of the origin.

    Parameters
    ----------
    seed, split
        0 to 2**63 - 1; "train", "val" or "test".
    count : int or (int, int)
        How many solids, or a range, within 1..8.
    classes, colours, materials : sequence of str, optional
        Draw only from these names; from all where not given.
    ground : bool
        Stand them upright and apart on a disc of ground; else they float, tilted by up to `max_tilt_deg`.
    specular, speckle, background
        As `SolidScene` has them.
    frequency : float
        Multiplies how fine the patterns are.

    Returns
    -------
    SolidScene

    Raises
    ------
    ValueError
        On anything out of range or an unknown name.
    """
    check_request(1, seed, split)
    check_number(max_tilt_deg, "max_tilt_deg", 0, 180)
    check_number(frequency, "frequency", 0, above=True)
    low, places = count_range("count", count)
    if low < 1:
        raise ValueError(f"count: got {count!r}, want 1 or more")
    key = scene_keys(seed, SPLITS.index(split), 1)
    number = low + int(uniform(key, "solid count")[0] * (places - low + 1))
    tilt = 0.0 if ground else max_tilt_deg
    parts = draw_solids(key, number, classes, colours, materials, tilt, frequency)
    scale = between(key, "solid scale", _SCALE, places)[0, :number]
    if number == 1:
        scale = scale * 1.4
    centre, scale = _stand(key, parts["class_id"].numpy(), scale) if ground else _float(key, scale)
    return SolidScene(
        **parts,
        centre=_tensor(centre),
        scale=_tensor(scale),
        sun=sun_at(float(between(key, "sun turn", (-math.pi, math.pi))[0])),
        specular=specular,
        speckle=speckle,
        background=background,
        ground_m=GROUND_M if ground else 0.0,
        ground_z=GROUND_Z,
    )


def draw_solids(
    key: np.ndarray,
    number: int,
    classes: Sequence[str] | None,
    colours: Sequence[str] | None,
    materials: Sequence[str] | None,
    max_tilt_deg: float,
    frequency: float,
) -> dict[str, Any]:
    """Draw what `number` solids of one scene are and how they are turned: fields of `SolidScene`."""
    pairs = allowed_pairs(
        known_ids("classes", classes, CLASSES), known_ids("colours", colours, COLOURS), held_out=False
    )
    class_id = pick(uniform(key, "solid class", number)[0], np.flatnonzero(pairs.any(1)))
    allowed = np.argsort(~pairs, axis=1, kind="stable")
    which = (uniform(key, "solid colour", number)[0] * pairs.sum(1)[class_id]).astype(int)
    colour_id = allowed[class_id, which]
    paint = draw_paint(key, colour_id[None])
    material = pick(
        uniform(key, "solid material", number)[0], np.array(known_ids("materials", materials, MATERIALS))
    )
    return {
        "class_id": torch.from_numpy(class_id),
        "colour_id": torch.from_numpy(colour_id),
        "material_id": torch.from_numpy(material),
        "rotation": draw_rotation(key, number, max_tilt_deg),
        "rgb": _tensor(paint["rgb"][0]),
        "second": _tensor(paint["second"][0]),
        "pattern": _tensor(
            np.concatenate([_directions(key, number), uniform(key, "solid phase", number, 1)[0]], axis=1)
        ),
        "frequency": _tensor(frequency * between(key, "solid frequency", (1.5, 2.2), number)[0]),
    }


def draw_rotation(key: np.ndarray, number: int, max_tilt_deg: float) -> Tensor:
    """Rotations (number, 3, 3): a whole turn about z, then a tilt about a level axis, both even in angle."""
    yaw = between(key, "solid yaw", (-math.pi, math.pi), number)[0]
    tilt = np.radians(max_tilt_deg) * uniform(key, "solid tilt", number)[0]
    axis = between(key, "solid tilt axis", (-math.pi, math.pi), number)[0]
    turn = np.stack([0 * yaw, 0 * yaw, yaw], axis=1)
    lean = np.stack([tilt * np.cos(axis), tilt * np.sin(axis), 0 * tilt], axis=1)
    return (
        axis_angle_to_matrix(torch.from_numpy(lean)) @ axis_angle_to_matrix(torch.from_numpy(turn))
    ).float()


def showpiece(
    *, shiny: float = 0.0, fine: bool = False, speckle: float = 0.0, ground: bool = True
) -> SolidScene:
    """Return the course's scene of four solids, arranged by hand within 1 m of the origin.

    Parameters
    ----------
    shiny : float
        Strength of the highlights, 0 or more; 0.6 is glossy. They move with the camera.
    fine : bool
        Patterns three times as fine, on all four.
    speckle : float
        Strength in [0, 1] of a random texture, for matching corners.
    ground : bool
        With the disc that they stand on.
    """
    names = ("ring", "square", "heart", "ball")
    colour = np.array([COLOURS.index(c) for c in ("blue", "yellow", "red", "green")])
    material = (
        ("striped", "checked", "dotted", "striped") if fine else ("striped", "checked", "plain", "dotted")
    )
    yaw = torch.tensor([0.35, 0.5, -0.25, 0.0])
    scale = torch.tensor([0.42, 0.29, 0.34, 0.26])
    level = torch.tensor([[-0.22, 0.36], [0.48, 0.12], [-0.36, -0.38], [0.22, -0.46]])
    class_id = torch.tensor([CLASSES.index(n) for n in names])
    low = torch.tensor([shapes.box_of(int(c))[0][2] for c in class_id])
    rgb = COLOUR_RGB[colour]
    light = np.array([0.98, 0.95, 0.88])
    return SolidScene(
        class_id=class_id,
        colour_id=torch.from_numpy(colour),
        material_id=torch.tensor([MATERIALS.index(m) for m in material]),
        centre=torch.cat([level, (GROUND_Z - low * scale)[:, None]], dim=1),
        rotation=axis_angle_to_matrix(torch.stack([0 * yaw, 0 * yaw, yaw], dim=1)),
        scale=scale,
        rgb=_tensor(rgb),
        second=_tensor(0.1 * rgb + 0.9 * light),
        pattern=torch.tensor([[1.0, 0, 0, 0.1], [0, 0, 1, 0.0], [0.6, 0, 0.8, 0.0], [0, 0.6, 0.8, 0.3]]),
        frequency=torch.tensor([2.0, 1.2, 1.6, 1.7]) * (3.0 if fine else 1.0),
        sun=sun_at(-0.9),
        speckle=speckle,
        specular=shiny,
        ground_m=GROUND_M if ground else 0.0,
        ground_z=GROUND_Z,
    )


def _stand(key: np.ndarray, class_id: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (K, 3) on the ground where no two balls around solids meet; the scales, smaller if need be."""
    reach = np.array([shapes.reach(int(c)) for c in class_id])
    low = np.array([shapes.box_of(int(c))[0][2] for c in class_id])
    u = uniform(key, "solid place", len(scale), _TRIES, 2)[0]  # (K, tries, 2)
    while True:
        placed: list[np.ndarray] = []
        for k, s in enumerate(scale):
            room = max(GROUND_M - s * reach[k], 0.0) if len(scale) > 1 else 0.0
            way, turn = room * np.sqrt(u[k, :, 0]), 2 * math.pi * u[k, :, 1]
            tries = np.stack([way * np.cos(turn), way * np.sin(turn)], axis=1)
            apart = [
                np.linalg.norm(tries - p, axis=1) > s * reach[k] + scale[j] * reach[j]
                for j, p in enumerate(placed)
            ]
            free = np.flatnonzero(np.all(apart, axis=0)) if apart else np.zeros(1, dtype=int)
            if not len(free):
                break
            placed.append(tries[free[0]])
        if len(placed) == len(scale):
            height = GROUND_Z - low * scale
            return np.concatenate([np.array(placed), height[:, None]], axis=1), scale
        scale = 0.9 * scale


def _float(key: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (K, 3) apart from one another around the origin; one solid stands at the origin."""
    if len(scale) == 1:
        return np.zeros((1, 3)), scale
    turn = 2 * math.pi * (np.arange(len(scale)) / len(scale) + uniform(key, "solid ring")[0])
    size = min(1.0, 0.95 * math.sin(math.pi / len(scale)) / (1 + math.sin(math.pi / len(scale))) / 0.5)
    scale = scale * size
    way = 1 - 1.2 * scale.max()
    height = 0.15 * (2 * uniform(key, "solid height", len(scale))[0] - 1)
    way = np.minimum(way, 0.55)
    return np.stack([way * np.cos(turn), way * np.sin(turn), height], axis=1), scale


def _directions(key: np.ndarray, number: int) -> np.ndarray:
    up = 2 * uniform(key, "pattern up", number)[0] - 1
    turn = between(key, "pattern turn", (-math.pi, math.pi), number)[0]
    level = np.sqrt(1 - up**2)
    return np.stack([level * np.cos(turn), level * np.sin(turn), up], axis=1)


def sun_at(turn: float) -> Tensor:
    """Return the way to a sun 55° above the horizon."""
    high = math.radians(55)
    return torch.tensor([math.cos(high) * math.cos(turn), math.cos(high) * math.sin(turn), math.sin(high)])


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
