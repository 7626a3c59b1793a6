"""Chapter 16, part b: how often the latent model's pictures are what was asked for, and how they fail.

All pictures are made by the shipped model in 20 steps of DDIM, with guidance 3.

Shapes: N pictures, S side.
"""

import functools
from typing import NamedTuple

from torch import Tensor

from lecture_utils import zoo
from lecture_utils.chapters.ch16.guidance_study import shipped_scenes
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.metrics.segmentation import confusion
from lecture_utils.ops.boxes import box_iou
from lecture_utils.recipes._judged import judged, nearest
from lecture_utils.recipes._latent_diffusion import asked, found_boxes, found_things, painted, places
from lecture_utils.recipes.shapes_latent_diffusion import SCALES


def sweep() -> dict[float, dict[str, float]]:
    """Guidance scale → shares that are right, as the shipped card has them (512 sentences, 256 boxes)."""
    metrics = zoo.card("shapes_latent_diffusion").metrics
    names = ("class", "class_by_resnet", "colour", "ground", "box_iou")
    return {scale: {name: metrics[f"{name}_at_{scale:g}"] for name in names} for scale in SCALES}


class Tried(NamedTuple):
    """Pictures (N, 3, S, S) with what was asked for, what the judge saw (N,), and how many things (N,)."""

    image: Tensor
    some: Captioned
    class_id: Tensor
    colour_id: Tensor
    things: Tensor

    @property
    def table(self) -> Tensor:
        """Classes asked for by classes seen, (8, 8)."""
        return confusion(self.class_id, self.some.class_id, len(CLASSES))

    @property
    def wrong(self) -> Tensor:
        """Where the class, the colour or the number of things is not what was asked for, (N,) bool."""
        right = (self.class_id == self.some.class_id) & (self.colour_id == self.some.colour_id)
        return ~right | (self.things != 1)


@functools.lru_cache(maxsize=2)
def tried(n: int = 256, seed: int = 9, *, held_out: bool = False) -> Tried:
    """Ask for the classes and colours of test scenes, "a photo of a red ball", and look what comes."""
    some = captioned(n, seed=seed, split="test", held_out=held_out)
    image = painted(shipped_scenes(), asked(some.class_id, some.colour_id), seed=seed)
    seen = judged(image)
    return Tried(image, some, seen.class_id, seen.colour_id, found_things(image))


class Placed(NamedTuple):
    """Shares of pictures: on the side asked for, larger of two as asked, IoU; and the same by chance."""

    side: float
    larger: float
    iou: float
    iou_of_another: float


def placed(n: int = 128, seed: int = 10) -> Placed:
    """Ask for boxes of test scenes: is it left or right as told, and larger than another as told?"""
    some = captioned(n, seed=seed, split="test")
    box, class_id = places(some)
    image = painted(shipped_scenes(), asked(some.class_id, some.colour_id), box, class_id, seed=seed)
    found, box = found_boxes(image), box[:, 0]
    middle, area = (found[:, 0] + found[:, 2]) / 2, (found[:, 2:] - found[:, :2]).prod(1)
    told, size = (box[:, 0] + box[:, 2]) / 2, (box[:, 2:] - box[:, :2]).prod(1)
    iou = box_iou(found, box)
    return Placed(
        side=((middle > 0.5) == (told > 0.5)).float().mean().item(),
        larger=((area > area.roll(1)) == (size > size.roll(1))).float().mean().item(),
        iou=iou.diagonal().mean().item(),
        iou_of_another=iou.roll(1, 0).diagonal().mean().item(),
    )


def neighbours(n: int = 8, pool: int = 2000, seed: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    """Made pictures (n, 3, S, S), the nearest of so many training pictures, and their distance (n,)."""
    made, known = tried(seed=seed).image[:n], captioned(pool, seed=0).image
    distance, index = nearest(made, known)
    return made, known[index], distance
