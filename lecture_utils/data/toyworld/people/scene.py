"""Scenes with people: parameters only, from which `render` makes pictures and everything known about them.

A scene's world has z up; the floor is z = 0, and a wall may stand behind the people, where y is large. The
cameras stand where y is negative. Bodies are those of an SMPL, which is not part of the scene: each function
takes it as an argument.

Shapes: N scenes (or the frames of a video), P people in each, J joints, K shape components.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, UPRIGHT
from lecture_utils.body.smpl import SMPL, Posed
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_tensor
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle

COLOURED = ("skin", "hair", "shirt", "pattern", "trousers", "shoes")
PATTERNS = ("plain", "stripes", "pinstripes", "checks", "dots")
FLOORS = ("planks", "tiles", "grass", "gravel")
WALLS = ("paint", "brick", "photograph")


@dataclass(frozen=True, eq=False)
class Clothes:
    """How people look.

    Attributes
    ----------
    colour : Tensor
        (N, P, 6, 3), sRGB in [0, 1], of the things in `COLOURED`.
    pattern : Tensor
        (N, P) int64, the shirt's, a place in `PATTERNS`.
    period_m : Tensor
        (N, P), from one stripe to the next, in metres.
    sleeve, leg : Tensor
        (N, P), how far down the arm (shoulder to wrist) and the leg (hip to ankle) the clothes reach.
    hairline : Tensor
        (N, P), how far up the brow the hair begins, as a share of the head: 1 is bald.
    """

    colour: Tensor
    pattern: Tensor
    period_m: Tensor
    sleeve: Tensor
    leg: Tensor
    hairline: Tensor


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Floor, wall, sky and light.

    Attributes
    ----------
    floor, wall : Tensor
        (N,) int64, places in `FLOORS` and `WALLS`.
    floor_colour, wall_colour, sky_colour : Tensor
        (N, 3), sRGB in [0, 1].
    wall_m, wall_height_m : Tensor
        (N,): the wall's y, and how high it is. Above it is the sky.
    crop : Tensor
        (N, 3), in [0, 1]: which photograph is on the wall, and where it begins.
    to_light : Tensor
        (N, 3), the direction to the light, of length 1.
    ambient : Tensor
        (N,), light from all sides, in [0, 1].
    """

    floor: Tensor
    wall: Tensor
    floor_colour: Tensor
    wall_colour: Tensor
    sky_colour: Tensor
    wall_m: Tensor
    wall_height_m: Tensor
    crop: Tensor
    to_light: Tensor
    ambient: Tensor


@dataclass(frozen=True, eq=False)
class PeopleScene:
    """N scenes, each with P people and one camera. `scene[2:5]` are three of them, `scene[3]` is one, N = 1.

    Attributes
    ----------
    shape : Tensor
        β (N, P, K), in standard deviations.
    pose : Tensor
        θ (N, P, 24, 3), axis-angles in radians. The root's rotation contains `UPRIGHT` and the heading.
    translation : Tensor
        (N, P, 3), in metres, with the lowest vertex on the floor.
    clothes : Clothes
    surroundings : Surroundings
    cameras : Cameras
        N of them.

    Raises
    ------
    ValueError
        For parts that do not fit one another, or values that are not finite.
    """

    shape: Tensor
    pose: Tensor
    translation: Tensor
    clothes: Clothes
    surroundings: Surroundings
    cameras: Cameras

    def __post_init__(self) -> None:
        check_tensor(self.shape, "shape", "N", "P", "K", finite=True, some=True)
        count, people = self.shape.shape[:2]
        check_tensor(self.pose, "pose", count, people, len(JOINTS), 3, finite=True)
        check_tensor(self.translation, "translation", count, people, 3, finite=True)
        check_tensor(self.clothes.colour, "clothes", count, people, len(COLOURED), 3, finite=True)
        check_tensor(self.surroundings.crop, "surroundings", count, 3, finite=True)
        if len(self.cameras) != count:
            raise ValueError(f"cameras: got {len(self.cameras)}, want {count}, one a scene")

    def __len__(self) -> int:
        return len(self.shape)

    @property
    def people(self) -> int:
        """P, how many people each scene has."""
        return self.shape.shape[1]

    def __getitem__(self, which: int | slice | Sequence[int] | Tensor) -> "PeopleScene":
        if isinstance(which, int):
            if not -len(self) <= which < len(self):  # IndexError: what ends a `for` loop
                raise IndexError(f"scene: got index {which}, want one of {len(self)}")
            which = [which]
        picked: PeopleScene = _picked(self, which)
        return picked


def _picked(parts: Any, which: Any) -> Any:
    """Take some rows of every tensor of a record, and of the records in it."""
    if isinstance(parts, Tensor | Cameras):
        return parts[which]
    assert is_dataclass(parts) and not isinstance(parts, type)
    return type(parts)(**{f.name: _picked(getattr(parts, f.name), which) for f in fields(parts)})


def placed(model: SMPL, scene: PeopleScene, *, correctives: bool = True) -> Posed:
    """Pose the people of all scenes: vertices (N·P, V, 3), joints (N·P, J, 3) in the world, in metres."""
    flat = (x.flatten(0, 1) for x in (scene.shape, scene.pose, scene.translation))
    shape, pose, translation = flat
    with torch.no_grad():
        posed: Posed = model(shape, pose, translation, correctives=correctives)
    return posed


def upright(pose: Tensor, yaw: Tensor) -> Tensor:
    """Stand bodies up in a scene, turned by `yaw` about the vertical.

    Parameters
    ----------
    pose : Tensor
        (…, 24, 3), axis-angles in radians, with the root about 0.
    yaw : Tensor
        (…), in radians: at 0 they face -y, where the cameras are; at π/2 they face +x.

    Returns
    -------
    Tensor
        (…, 24, 3).
    """
    check_tensor(pose, "pose", "…", len(JOINTS), 3, finite=True)
    check_tensor(yaw, "yaw", *pose.shape[:-2], finite=True)
    about_z = torch.stack([torch.zeros_like(yaw), torch.zeros_like(yaw), yaw], dim=-1)
    stand = axis_angle_to_matrix(pose.new_tensor(UPRIGHT))
    root = axis_angle_to_matrix(about_z) @ stand @ axis_angle_to_matrix(pose[..., 0, :])
    return torch.cat([matrix_to_axis_angle(root)[..., None, :], pose[..., 1:, :]], dim=-2)


def on_the_floor(model: SMPL, shape: Tensor, pose: Tensor, place: Tensor) -> Tensor:
    """Return translations (B, 3) that bring bodies' pelvises above `place` (B, 2), and their feet to z = 0.

    Parameters
    ----------
    model : SMPL
    shape : Tensor
        (B, K).
    pose : Tensor
        (B, 24, 3), upright.
    place : Tensor
        (B, 2), x and y on the floor, in metres.
    """
    check_tensor(place, "place", len(shape), 2, finite=True)
    with torch.no_grad():
        posed = model(shape, pose)
    low = posed.vertices[..., 2].amin(1)  # (B,)
    return torch.cat([place - posed.joints[:, 0, :2], -low[:, None]], dim=1)
