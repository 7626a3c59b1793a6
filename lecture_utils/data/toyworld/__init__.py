"""The toy world (S00.3): one small world, drawn from a seed, in which every annotation is exact."""

import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import MAX_OBJECTS
from lecture_utils.data.toyworld.names import (
    CLASSES,
    COLOUR_RGB,
    COLOURS,
    HELD_OUT,
    KEYPOINTS,
    MATERIALS,
    SEMANTIC,
    SPLITS,
    STUFF,
)
from lecture_utils.data.toyworld.render import FIELDS, Sample, render
from lecture_utils.data.toyworld.sampling import sample_scenes
from lecture_utils.data.toyworld.scene import Scenes

__all__ = [
    "CLASSES",
    "COLOURS",
    "COLOUR_RGB",
    "FIELDS",
    "HELD_OUT",
    "KEYPOINTS",
    "MATERIALS",
    "MAX_OBJECTS",
    "SEMANTIC",
    "SPLITS",
    "STUFF",
    "Sample",
    "Scenes",
    "classification",
    "render",
    "sample_scenes",
]


def classification(
    n: int,
    *,
    size: int = 32,
    split: str = "train",
    seed: int = 0,
    device: torch.device | str | None = None,
    held_out: bool = False,
) -> tuple[Tensor, Tensor]:
    """Pictures of one object each, with its class.

    Parameters
    ----------
    n, split, seed, held_out : as in `sample_scenes`. size : pixels a side. device : where the pictures are
        made and stay (default CPU).

    Returns
    -------
    images (n, 3, size, size) float32 in [0, 1]; labels (n,) int64 index into CLASSES.
    """
    scenes = sample_scenes(
        n, seed=seed, split=split, objects=1, held_out=held_out, size=(0.36, 0.56), distance=(2.2, 4.2)
    )
    sample = render(scenes, size, device, only=("image", "class_id"))
    return sample.image, sample.class_id[:, 0]
