"""The toy world (S00.3): one small world, drawn from a seed, in which every annotation is exact."""

from dataclasses import replace

import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import MAX_OBJECTS
from lecture_utils.data.toyworld.clip_rendering import CLIP_FIELDS, ClipSample, render_clips
from lecture_utils.data.toyworld.clips import Clips, sample_clips
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
from lecture_utils.data.toyworld.sampling import Ground, Light, Objects, sample_scenes
from lecture_utils.data.toyworld.sampling.motion import Motion
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.ops.checks import check_number

__all__ = [
    "CLASSES",
    "CLIP_FIELDS",
    "COLOURS",
    "COLOUR_RGB",
    "FIELDS",
    "HELD_OUT",
    "KEYPOINTS",
    "MATERIALS",
    "MAX_OBJECTS",
    "ONE_OBJECT",
    "SEMANTIC",
    "SPLITS",
    "STUFF",
    "ClipSample",
    "Clips",
    "Ground",
    "Light",
    "Motion",
    "Objects",
    "Sample",
    "Scenes",
    "classification",
    "detection",
    "instances",
    "render",
    "render_clips",
    "sample_clips",
    "sample_scenes",
    "segmentation",
    "video",
]


# The objects of `classification`: one a picture, near enough to be told at 32 × 32 pixels.
ONE_OBJECT = Objects(count=1, size=(0.36, 0.56), distance=(2.2, 4.2))


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
    n, split, seed
        As in `sample_scenes`.
    size : int
        Pixels a side, 8 to 4096.
    device : torch.device or str, optional
        Where the pictures are made and stay; the CPU where not given.
    held_out : bool
        As in `Objects`.

    Returns
    -------
    images : Tensor (n, 3, size, size)
        float32 in [0, 1].
    labels : Tensor (n,)
        int64, index into CLASSES.
    """
    scenes = sample_scenes(n, seed=seed, split=split, objects=replace(ONE_OBJECT, held_out=held_out))
    sample = render(scenes, size, device, only=("image", "class_id"))
    return sample.image, sample.class_id[:, 0]


def segmentation(
    n: int,
    *,
    size: int = 96,
    split: str = "train",
    seed: int = 0,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    """Pictures of one to four objects, as near as those of `classification`, with the class of every pixel.

    Parameters
    ----------
    n, split, seed
        As in `sample_scenes`.
    size : int
        Pixels a side, 8 to 4096.
    device : torch.device or str, optional
        Where the pictures are made and stay; the CPU where not given.

    Returns
    -------
    images : Tensor (n, 3, size, size)
        float32 in [0, 1].
    labels : Tensor (n, size, size)
        int64, index into SEMANTIC: four kinds of stuff, then eight classes of objects.
    """
    scenes = sample_scenes(n, seed=seed, split=split, objects=replace(ONE_OBJECT, count=(1, 4)))
    sample = render(scenes, size, device, only=("image", "semantic"))
    return sample.image, sample.semantic


def detection(
    n: int,
    *,
    size: int = 64,
    split: str = "train",
    seed: int = 0,
    least_seen: float = 0.25,
    device: torch.device | str | None = None,
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Pictures of one to four objects, with the boxes and classes of those that can be seen.

    Boxes are those of what shows of an object: hidden and cut-off parts do not count.

    Parameters
    ----------
    n, split, seed
        As in `sample_scenes`.
    size : int
        Pixels a side, 8 to 4096.
    least_seen : float
        Share of an object that must show, in [0, 1], or it is left out.
    device : torch.device or str, optional
        Where the pictures are made and stay; the CPU where not given.

    Returns
    -------
    images : Tensor (n, 3, size, size)
        float32 in [0, 1].
    targets : list of (Tensor, Tensor)
        A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, float32, and classes (G,) int64, index into CLASSES.
        G may be 0.

    Raises
    ------
    ValueError
        As `sample_scenes`, and for a share outside [0, 1].
    """
    check_number(least_seen, "least_seen", 0, 1)
    scenes = sample_scenes(n, seed=seed, split=split, objects=Objects(count=(1, 4)))
    sample = render(scenes, size, device, only=("image", "class_id", "boxes", "visibility"))
    places = zip(sample.boxes, sample.class_id, sample.visibility, strict=True)
    seen = [(boxes, classes, (shares >= least_seen) & (shares > 0)) for boxes, classes, shares in places]
    return sample.image, [(boxes[own], classes[own]) for boxes, classes, own in seen]


def instances(
    n: int,
    *,
    size: int = 64,
    split: str = "train",
    seed: int = 0,
    least_seen: float = 0.25,
    device: torch.device | str | None = None,
) -> tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]:
    """The pictures of `detection`, with a mask for each object besides its box and class.

    Parameters and errors are those of `detection`.

    Returns
    -------
    images : Tensor (n, 3, size, size)
        float32 in [0, 1].
    targets : list of (Tensor, Tensor, Tensor)
        A picture: boxes (G, 4) x1, y1, x2, y2 in pixels, float32, classes (G,) int64, index into CLASSES, and
        masks (G, size, size) bool of the pixels that show each object. G may be 0.
    """
    check_number(least_seen, "least_seen", 0, 1)
    scenes = sample_scenes(n, seed=seed, split=split, objects=Objects(count=(1, 4)))
    fields = ("image", "class_id", "boxes", "visibility", "instance")
    sample = render(scenes, size, device, only=fields)
    targets = []
    for boxes, classes, shares, instance in zip(
        sample.boxes, sample.class_id, sample.visibility, sample.instance, strict=True
    ):
        seen = ((shares >= least_seen) & (shares > 0)).nonzero()[:, 0]  # (G,) places
        targets.append((boxes[seen], classes[seen], instance == (seen + 1)[:, None, None]))
    return sample.image, targets


def video(
    n: int,
    frames: int = 8,
    *,
    size: int = 64,
    split: str = "train",
    seed: int = 0,
    device: torch.device | str | None = None,
) -> ClipSample:
    """Clips of two to four objects that move, cross and hide one another, with everything known about them.

    Parameters
    ----------
    n, frames, split, seed
        As in `sample_clips`.
    size : int
        Pixels a side, 8 to 4096.
    device : torch.device or str, optional
        Where the pictures are made and stay; the CPU where not given.

    Returns
    -------
    ClipSample
        All of its fields.

    Raises
    ------
    ValueError
        As `sample_clips` and `render_clips`.
    """
    return render_clips(sample_clips(n, frames, seed=seed, split=split), size, device)
