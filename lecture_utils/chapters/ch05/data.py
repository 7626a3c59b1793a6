"""Chapter 05's worlds: pictures by daylight and in the dark, and scenes with instance masks.

Pictures come from the toy world and from the handwritten digits.

Shapes: N pictures, K places for objects, S pixels a side.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.augment.copy_paste import Instances
from lecture_utils.data import digits, toyworld
from lecture_utils.training.kit import Data

BRIGHT = (0.8, 1.2)  # light let in by day
DARK = 3  # halvings of the light: an eighth
TOY_SIZE = 32  # pixels a side, as rendered
SCENE_CLASSES = 4  # of the toy world's eight the first four


@dataclass(frozen=True)
class World:
    """A source of labelled pictures: its name, channels and number of classes."""

    name: str
    channels: int
    classes: int


WORLDS = (World("toy", 3, len(toyworld.CLASSES)), World("digits", 1, 10))


def exposure(halvings: float) -> tuple[float, float]:
    """The light let in, from and to, when that of the day is halved so many times."""
    return BRIGHT[0] / 2**halvings, BRIGHT[1] / 2**halvings


def exposed(images: Tensor, light: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Pictures with each its own amount of light e: x becomes x √e, as values are square roots of light here.

    That is the toy world's own rule: it renders linear light times the exposure, then takes the root.
    """
    low, high = light
    e = low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=generator)
    return (images * e.sqrt()).clamp(0, 1)


def toy_pictures(n: int, *, split: str, seed: int, light: tuple[float, float] = BRIGHT) -> Data:
    """Near and large toy objects, one each: pictures (n, 3, 16, 16) in [0, 1] and labels (n,)."""
    scenes = toyworld.sample_scenes(
        n,
        seed=seed,
        split=split,
        light=toyworld.Light(brightness=light),
        objects=toyworld.Objects(count=1, size=(0.46, 0.56), distance=(2.2, 2.8)),
    )
    sample = toyworld.render(scenes, TOY_SIZE, only=("image", "class_id"))
    return F.avg_pool2d(sample.image, 2), sample.class_id[:, 0]


def digit_pictures(n: int, *, seed: int, light: tuple[float, float] = BRIGHT) -> tuple[Data, Data]:
    """As many of each digit, n together, and all other digits: pictures (…, 1, 8, 8) and labels."""
    images, labels = digits.load(8, "all")
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    place = torch.zeros_like(labels)  # the how-manieth of its digit each is, in this order
    for digit in range(10):
        mine = order[labels[order] == digit]
        place[mine] = torch.arange(len(mine))
    taught, images = place < n // 10, exposed(images, light, generator)
    return (images[taught], labels[taught]), (images[~taught], labels[~taught])


def lessons(world: World, n: int, *, seed: int, light: tuple[float, float] = BRIGHT) -> Data:
    """Labelled pictures to learn from: toy objects of 16 × 16 pixels, or digits of 8 × 8.

    Parameters
    ----------
    world : World
    n : int
        How many; of the digits a multiple of 10, as many of each.
    seed : int
        Draws the scenes, or which digits.
    light : (float, float)
        Between which the light let in is drawn for each picture, see `exposure`.
    """
    if world.name == "toy":
        return toy_pictures(n, split="train", seed=seed, light=light)
    return digit_pictures(n, seed=seed, light=light)[0]


def questions(
    world: World, n: int, *, seed: int, light: tuple[float, float] = BRIGHT, asked: int = 1000
) -> Data:
    """Labelled pictures to be asked about, none of which is among the `lessons` of the same n and seed.

    `asked` is how many toy pictures; of the digits it is all that are left.
    """
    if world.name == "toy":
        return toy_pictures(asked, split="test", seed=seed, light=light)
    return digit_pictures(n, seed=seed, light=light)[1]


def toy_scenes(n: int, *, split: str, seed: int) -> Instances:
    """Toy scenes of one to three objects of four classes, 32 × 32 pixels, with the visible pixels of each."""
    classes = toyworld.CLASSES[:SCENE_CLASSES]
    scenes = toyworld.sample_scenes(
        n,
        seed=seed,
        split=split,
        objects=toyworld.Objects(count=(1, 3), classes=classes, size=(0.36, 0.56), distance=(2.2, 4.2)),
    )
    sample = toyworld.render(scenes, TOY_SIZE, only=("image", "class_id", "instance"))
    masks = sample.instance[:, None] == torch.arange(1, 4)[:, None, None]
    return Instances(sample.image, masks, torch.where(masks.flatten(2).any(2), sample.class_id, -1))
