"""How generated pictures are judged: what they show, how near they are to real ones, whether they are copies.

Two judges say what a picture shows: ``shapes_judge``, which has learnt from bad pictures too, and
``shapes_resnet``, which has not. Fréchet distances (`metrics.frechet`, S15.7) are taken in two feature
spaces, and beside each stands that between two sets of real pictures, of the same numbers: a generator that
is as good as the world reaches it, and not 0.

Shapes: N pictures, M of a pool, F features.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture_utils import zoo
from lecture_utils.data import digits
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.hub.imagenet_features import imagenet_features
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, stage_features
from lecture_utils.metrics.nearest import nearest_rows
from lecture_utils.ops.checks import check_classes, check_images, check_whole
from lecture_utils.recipes.shapes_judge import answered
from lecture_utils.training.loop import predictions

DIGITS = 300  # of a digit split that nothing is trained on: the most that can be compared


@dataclass(frozen=True, eq=False)
class Judged:
    """What ``shapes_judge`` sees in N pictures; each (N,) int64, numbered as `captioned` numbers them.

    Attributes
    ----------
    class_id, colour_id : Tensor
        Into CLASSES and COLOURS.
    ground_id : Tensor
        Into STUFF: 1 to 3.
    """

    class_id: Tensor
    colour_id: Tensor
    ground_id: Tensor

    def __len__(self) -> int:
        return len(self.class_id)


@functools.cache
def judge(name: str = "shapes_judge") -> nn.Module:
    """A shipped judge, loaded once a session: "shapes_judge", "shapes_resnet" or "digits_judge"."""
    model = zoo.load(  # the names as texts that stand here: a claim's record says which weights it loads
        {"shapes_judge": "shapes_judge", "shapes_resnet": "shapes_resnet", "digits_judge": "digits_judge"}[
            name
        ]
    )
    return model.to(memory_format=torch.channels_last)


def judged(images: Tensor) -> Judged:
    """Let ``shapes_judge`` say what pictures (N, 3, 32, 32) in [0, 1] show."""
    check_images(images, 3, unit_range=True)
    class_id, colour_id, ground_id = answered(judge(), images).unbind(dim=1)
    return Judged(class_id, colour_id, ground_id + 1)


def conditional_accuracy(images: Tensor, class_id: Tensor, colour_id: Tensor) -> dict[str, float]:
    """Shares of pictures that show what was asked for.

    Parameters
    ----------
    images : Tensor, (N, 3, 32, 32)
        In [0, 1].
    class_id, colour_id : Tensor, (N,) int64
        What was asked for.

    Returns
    -------
    dict of str to float
        "class", "colour", "both" by ``shapes_judge``; "class_by_resnet" by ``shapes_resnet``, which noise
        that one hardly sees fools.

    Raises
    ------
    ValueError
        For what are no such pictures, or other numbers of classes and colours than pictures.
    """
    check_classes(class_id, "class_id", len(images), classes=len(CLASSES))
    check_classes(colour_id, "colour_id", len(images), classes=len(COLOURS))
    seen = judged(images)
    class_right, colour_right = seen.class_id == class_id, seen.colour_id == colour_id
    second = predictions(judge("shapes_resnet"), images).argmax(dim=1) == class_id
    parts = {
        "class": class_right,
        "colour": colour_right,
        "both": class_right & colour_right,
        "class_by_resnet": second,
    }
    return {name: right.float().mean().item() for name, right in parts.items()}


def course_features(images: Tensor) -> Tensor:
    """(N, 112): what the stages of ``shapes_resnet`` see on average, as in chapter 4."""
    return stage_features(judge("shapes_resnet"), images.contiguous(memory_format=torch.channels_last))


SPACES: dict[str, Callable[[Tensor], Tensor]] = {"course": course_features, "imagenet": imagenet_features}


@functools.cache
def real_pictures(n: int, seed: int, split: str) -> Tensor:
    """Pictures (n, 3, 32, 32) of the narrow world, of the seen pairs."""
    return captioned(n, seed=seed, split=split).image


@functools.cache
def real_fit(space: str, n: int, seed: int, split: str) -> tuple[Tensor, Tensor]:
    """The Gaussian of such pictures' features, kept for the session."""
    return gaussian_fit(SPACES[space](real_pictures(n, seed, split)))


def fidelity(
    images: Tensor,
    *,
    reference: str | Tensor = "test",
    n: int = 2000,
    spaces: tuple[str, ...] = tuple(SPACES),
) -> dict[str, float]:
    """Fréchet distances of generated pictures to real ones, beside those of as many other real ones.

    Parameters
    ----------
    images : Tensor, (N, 3, 32, 32)
        In [0, 1]. The distance falls as N grows: compare equal numbers only.
    reference : str or Tensor (M, 3, 32, 32)
        A split of the narrow world, of which `n` pictures are drawn; or real pictures of another world.
        Then there are no others to set beside, and the keys of real ones are left out.
    n : int
        How many are drawn.
    spaces : tuple of str
        "course" (112 features of ``shapes_resnet``) and "imagenet" (320 of EfficientNet-Lite0, 5 ms a
        picture).

    Returns
    -------
    dict of str to float
        "frechet_course", "frechet_course_real", "frechet_imagenet", "frechet_imagenet_real".

    Raises
    ------
    ValueError
        For what are no such pictures, another space, or fewer than two pictures.
    """
    check_images(images, 3, unit_range=True)
    check_whole(n, "n", 2)
    if unknown := set(spaces) - set(SPACES):
        raise ValueError(f"spaces: got {sorted(unknown)}, want some of {sorted(SPACES)}")
    found = {}
    for space in spaces:
        made = gaussian_fit(SPACES[space](images))
        if isinstance(reference, Tensor):
            found[f"frechet_{space}"] = frechet_distance(made, gaussian_fit(SPACES[space](reference)))
            continue
        real = real_fit(space, n, 0, reference)
        found[f"frechet_{space}"] = frechet_distance(made, real)
        found[f"frechet_{space}_real"] = frechet_distance(real_fit(space, len(images), 1, reference), real)
    return found


def nearest(images: Tensor, pool: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (N,) of each picture (N, C, S, S) to its nearest of a pool (M, C, S, S), and its index (N,).

    The distance is the root of the mean squared difference of pixels, in [0, 1]: 0 for a copy. It says "copy"
    only beside the distances of real pictures that are not in the pool.
    """
    check_images(images, maps=True)
    check_images(pool, images.shape[1], maps=True)
    distance, index = nearest_rows(images.flatten(1), pool.flatten(1))
    return distance / images[0].numel() ** 0.5, index


def eight(images: Tensor) -> Tensor:
    """Digits (N, 1, S, S), S a multiple of 8, brought to 8 × 8 by the mean over areas."""
    check_images(images, 1, unit_range=True, maps=True)
    if images.shape[-1] % 8 or images.shape[-2] != images.shape[-1]:
        raise ValueError(f"digits: got shape {tuple(images.shape)}, want (N, 1, S, S), S a multiple of 8")
    return F.adaptive_avg_pool2d(images, 8)


def digit_judge() -> nn.Module:
    """The judge of digits: (B, 1, 8, 8) in [0, 1] → scores (B, 10)."""
    return judge("digits_judge")


def digits_named(images: Tensor) -> Tensor:
    """Which digits the judge sees in pictures (N, 1, S, S) in [0, 1]: (N,) int64."""
    return predictions(digit_judge(), eight(images)).argmax(dim=1)


def digit_features(images: Tensor) -> Tensor:
    """(N, 84): what the stages of the judge of digits see on average."""
    return stage_features(digit_judge(), eight(images))


def digit_fidelity(images: Tensor, size: int | None = None) -> dict[str, float]:
    """Fréchet distance of generated digits to the 300 of the test split, beside that of as many real ones.

    Parameters
    ----------
    images : Tensor, (N, 1, S, S)
        In [0, 1], S a multiple of 8. Of more than 300 the first 300 count, since there are no more real ones.
    size : int, optional
        S, if it should be checked.

    Returns
    -------
    dict of str to float
        "frechet_digits", "frechet_digits_real" (digits of the validation split, as many as of the generated
        ones), and "n".

    Raises
    ------
    ValueError
        For what are no such digits, or fewer than two.
    """
    if size is not None and images.shape[-1] != size:
        raise ValueError(f"digits: got shape {tuple(images.shape)}, want {size} pixels a side")
    some = images[:DIGITS]
    side = images.shape[-1] if images.shape[-1] in digits.SIZES else 8
    real, other = (gaussian_fit(digit_features(x)) for x in _digit_splits(side, len(some)))
    made = gaussian_fit(digit_features(some))
    return {
        "frechet_digits": frechet_distance(made, real),
        "frechet_digits_real": frechet_distance(other, real),
        "n": float(len(some)),
    }


def _digit_splits(side: int, n: int) -> tuple[Tensor, Tensor]:
    return digits.load(side, "test")[0], digits.load(side, "val")[0][:n]
