"""Chapter 05's worlds: pictures by daylight and in the dark, scenes with instance masks, exact motion pairs.

Everything comes twice where it can: from the toy world and from the handwritten digits.

Shapes: N pictures, K places for objects, S pixels a side.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.augment.copy_paste import Instances
from lecture_utils.data import digits, toyworld
from lecture_utils.training.kit import Data

EXPOSURE = {"bright": (0.8, 1.2), "dark": (0.1, 0.15)}  # light let in; dark is bright / 8, three stops less
DIGITS_SIZE, TOY_SIZE = 16, 32
SCENE_CLASSES = {"toy": 4, "digits": 10}  # of the toy world's eight the first four


@dataclass(frozen=True)
class World:
    """A source of labelled pictures: its name, channels and number of classes."""

    name: str
    channels: int
    classes: int


WORLDS = (World("toy", 3, len(toyworld.CLASSES)), World("digits", 1, 10))


def exposed(images: Tensor, exposure: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Pictures with each its own amount of light e: x becomes x √e, as values are square roots of light here.

    That is the toy world's own rule: it renders linear light times the exposure, then takes the root.
    """
    low, high = exposure
    e = low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=generator)
    return (images * e.sqrt()).clamp(0, 1)


def pictures(world: World, n: int, *, split: str, seed: int, light: str = "bright") -> Data:
    """Labelled pictures of one object each, by daylight or in the dark.

    Parameters
    ----------
    world : World
        The toy world's objects of 32 × 32 pixels, or the digits, 16 × 16.
    n : int
        How many; of the digits at most as many as the split has (train 1,197, val and test 300).
    split : str
        "train", "val" or "test".
    seed : int
        Draws the scenes, or which digits.
    light : str
        "bright" or "dark".

    Returns
    -------
    pictures (n, C, S, S) in [0, 1]; labels (n,).
    """
    if world.name == "toy":  # near and large
        scenes = toyworld.sample_scenes(
            n,
            seed=seed,
            split=split,
            light=toyworld.Light(brightness=EXPOSURE[light]),
            objects=toyworld.Objects(count=1, size=(0.46, 0.56), distance=(2.2, 2.8)),
        )
        sample = toyworld.render(scenes, TOY_SIZE, only=("image", "class_id"))
        return sample.image, sample.class_id[:, 0]
    images, labels = digits.load(size=DIGITS_SIZE, split=split)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(labels), generator=generator)[:n]
    return exposed(images[chosen], EXPOSURE[light], generator), labels[chosen]


def toy_scenes(n: int, *, split: str, seed: int) -> Instances:
    """Toy scenes of one to three objects of four classes, 32 × 32 pixels, with the visible pixels of each."""
    classes = toyworld.CLASSES[: SCENE_CLASSES["toy"]]
    scenes = toyworld.sample_scenes(
        n,
        seed=seed,
        split=split,
        objects=toyworld.Objects(count=(1, 3), classes=classes, size=(0.36, 0.56), distance=(2.2, 4.2)),
    )
    sample = toyworld.render(scenes, TOY_SIZE, only=("image", "class_id", "instance"))
    masks = sample.instance[:, None] == torch.arange(1, 4)[:, None, None]
    return Instances(sample.image, masks, torch.where(masks.flatten(2).any(2), sample.class_id, -1))


def digit_scenes(n: int, *, split: str, seed: int) -> Instances:
    """Scenes of one to three digits, 16 × 16 pixels each, on a cloudy ground of 32 × 32 pixels.

    A pixel belongs to a digit where its ink is above one half; later digits cover earlier ones.
    """
    images, labels = digits.load(size=DIGITS_SIZE, split=split)
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 1, 5, 5, generator=generator)
    canvas = 0.6 * F.interpolate(coarse, (TOY_SIZE, TOY_SIZE), mode="bicubic").clamp(0, 1)
    chosen = torch.randint(len(labels), (n, 3), generator=generator)
    count = torch.randint(1, 4, (n, 1), generator=generator)
    corner = torch.randint(TOY_SIZE - DIGITS_SIZE + 1, (n, 3, 2), generator=generator)
    masks = torch.zeros(n, 3, TOY_SIZE, TOY_SIZE, dtype=torch.bool)
    present = torch.arange(3) < count  # (n, 3)
    for i, k in present.nonzero().tolist():
        x, y = corner[i, k].tolist()
        rows, columns = slice(y, y + DIGITS_SIZE), slice(x, x + DIGITS_SIZE)
        ink = images[chosen[i, k], 0]
        canvas[i, 0, rows, columns] = torch.lerp(canvas[i, 0, rows, columns], torch.ones(()), ink)
        masks[i, :k, rows, columns] &= ink <= 0.5
        masks[i, k, rows, columns] = ink > 0.5
    return Instances(canvas, masks, torch.where(masks.flatten(2).any(2), labels[chosen], -1))


def scenes(world: World, n: int, *, split: str, seed: int) -> Instances:
    """Scenes of up to three objects of a world, with their masks."""
    return (toy_scenes if world.name == "toy" else digit_scenes)(n, split=split, seed=seed)
