"""What is heard and what is measured, with questions about it: the senses beside sight of chapter 14 (S14.6).

A struck object is heard: its sound tells the shape, and no colour. A depth sensor measures points: they tell
shapes, how many things there are and how they stand, and no colour. So all words are about shapes. Questions
about both at once ask about the things of both, as if they were told one after the other.

Shapes: N scenes, F mel bands, T frames, P points.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.asked import SIZE, asked_scenes
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.questions import Question, questions
from lecture_utils.data.toyworld.names import CAMERA_HEIGHT_M
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.senses import SECONDS, listened
from lecture_utils.data.toyworld.sound import impact
from lecture_utils.ops.checks import check_sizes, check_tensor

ABOUT = ("shape",)
ONE = ("exists", "what", "is")  # of a sound: counting one thing is no question
SEVERAL = ("exists", "count", "what", "is", "compare")
POINTS = 192
ABOVE_M = 0.04  # points nearer to the ground than this are the ground's, and left out


@dataclass(frozen=True, eq=False)
class Heard:
    """N struck objects.

    Attributes
    ----------
    mel : Tensor
        (N, 1, F, T) float32: log-mel spectrogram of half a second.
    shape_id : Tensor
        (N,) int64, into CLASSES.
    facts : tuple of N Facts
    questions : tuple of Question
    """

    mel: Tensor
    shape_id: Tensor
    facts: tuple[Facts, ...]
    questions: tuple[Question, ...]

    def __len__(self) -> int:
        return len(self.facts)


@dataclass(frozen=True, eq=False)
class Measured:
    """N clouds of points on one to three objects; the ground is taken out.

    Attributes
    ----------
    points : Tensor
        (N, P, 3) float32 metres: to the right, up from the ground, away from the camera.
    shape_id : Tensor
        (N, P) int64, into CLASSES: on which object each point lies.
    facts : tuple of N Facts
    questions : tuple of Question
    """

    points: Tensor
    shape_id: Tensor
    facts: tuple[Facts, ...]
    questions: tuple[Question, ...]

    def __len__(self) -> int:
        return len(self.facts)


def heard(count: int, *, seed: int = 0, split: str = "train", each: int = 3, telling: int = 0) -> Heard:
    """Strike the one object of N scenes, and ask about each; seed, split, each and telling as for `asked`."""
    scenes, told = asked_scenes(count, seed=seed, split=split, objects=1)
    put = questions(told, each, asked=ONE, hops=0, about=ABOUT, telling=telling)
    mel = torch.cat([listened(impact(scenes[i : i + 500], SECONDS)) for i in range(0, count, 500)])
    return Heard(mel, scenes.class_id[:, 0], tuple(told), tuple(put))


def measured(
    count: int,
    *,
    seed: int = 0,
    split: str = "train",
    objects: int | tuple[int, int] = (1, 3),
    each: int = 4,
    points: int = POINTS,
    telling: int = 0,
) -> Measured:
    """Measure N scenes, and ask about each; the arguments are those of `asked`, and how many points."""
    check_sizes("measured", points=points)
    scenes, told = asked_scenes(count, seed=seed, split=split, objects=objects)
    put = questions(told, each, asked=SEVERAL, hops=(0, 1), about=ABOUT, telling=telling)
    cloud, owner = lifted(scenes)
    chosen = _chosen(owner >= 0, points, seed)
    owner = owner.gather(1, chosen)  # (N, P)
    cloud = cloud.gather(1, chosen[..., None].expand(-1, -1, 3))
    return Measured(cloud, scenes.class_id.gather(1, owner), tuple(told), tuple(put))


def together(
    first: Heard | Measured, second: Heard | Measured, each: int = 3, *, telling: int = 0
) -> list[Question]:
    """Ask about the things of scene i of both, taken together; where things stand is not asked.

    Raises
    ------
    ValueError
        If there are not as many of both.
    """
    if len(first) != len(second):
        raise ValueError(f"together: got {len(first)} and {len(second)} scenes, want as many of both")
    both = [
        replace(one, key=one.key ^ other.key, things=(*one.things, *other.things))
        for one, other in zip(first.facts, second.facts, strict=True)
    ]
    return questions(both, each, asked=("exists", "count", "compare"), hops=0, about=ABOUT, telling=telling)


def lifted(scenes: Scenes, size: int = SIZE) -> tuple[Tensor, Tensor]:
    """Lift each pixel of a depth map to its point, and say whose it is.

    The camera is level, with a focal length of one image width, 1.5 m above the ground.

    Returns
    -------
    points : Tensor
        (N, size², 3) metres: right, up from the ground, away.
    owner : Tensor
        (N, size²) int64, the object's place in the scene; -1 for ground and sky.
    """
    made = render(scenes, size, only=("depth", "instance"))
    depth_m = made.depth.flatten(1)  # (N, size²)
    at = (torch.arange(size) + 0.5) / size
    v, u = (axis.flatten() for axis in torch.meshgrid(at, at, indexing="ij"))
    right = (u - 0.5) * depth_m
    up = CAMERA_HEIGHT_M - (v - scenes.horizon[:, None]) * depth_m
    points = torch.stack([right, up, depth_m], dim=-1)
    owner = made.instance.flatten(1) - 1
    return points, torch.where(points[..., 1] > ABOVE_M, owner, -1)


def _chosen(own: Tensor, points: int, seed: int) -> Tensor:
    """Draw so many places (N, P) of those that are True in a row (N, Q), none twice if there are enough."""
    check_tensor(own, "points", "N", "Q", kind="bool", some=True)
    order = torch.rand(own.shape, generator=torch.Generator().manual_seed(seed)) - own.float()
    order = order.argsort(dim=1)  # those that are wanted come first
    many = own.sum(dim=1, keepdim=True).clamp(min=1)  # (N, 1)
    return order.gather(1, torch.arange(points) % many)
