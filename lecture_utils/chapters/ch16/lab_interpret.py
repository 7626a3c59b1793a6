"""Chapter 16's lab, step 3: four calls of the network for a digit; how are they spent best?

The steps that are kept: S. Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed", WACV
2024, table 2; η: J. Song, C. Meng, S. Ermon, "Denoising Diffusion Implicit Models", ICLR 2021, equation 16;
guidance: J. Ho, T. Salimans, "Classifier-Free Diffusion Guidance", arXiv 2207.12598. A guided step calls the
network twice.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils.chapters.ch16.lab_debug import PICTURES, SIDE, asked_of, says
from lecture_utils.data import digits
from lecture_utils.exercises.exercise import Exercise, Mistake
from lecture_utils.generative.diffusion.samplers import ddim_sample, spaced_steps
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit
from lecture_utils.recipes._judged import digit_features, digits_named

__all__ = ["BAR", "CALLS", "SEEDS", "STEP_3", "Reading", "nearness", "reading"]

CALLS = 4
SEEDS = {"val": (1, 2), "test": (11, 12)}  # of the noise, for each split its own
BAR = 0.4


class Reading(NamedTuple):
    """What 600 digits are like that were drawn with some settings.

    Attributes
    ----------
    distance, real : float
        Fréchet distance to the digits of a split, in the mean over two seeds; that of other real digits.
    accuracy : float
        Share of digits that the judge names as they were asked for.
    calls : int
        Of the network, for each digit.
    """

    distance: float
    real: float
    accuracy: float
    calls: int


def reading(settings: Mapping[str, Any], split: str = "val") -> Reading:
    """Draw digits with settings `steps`, `spacing`, `eta` and `scale`, and judge them by a split.

    Raises
    ------
    ValueError
        For other settings, or if they call the network more than four times.
    """
    return _read(*_told(settings), split)


def nearness(settings: Any) -> float:
    """How near the digits come on validation: 1 is as near as other real digits."""
    found = reading(settings)
    return found.real / found.distance


def _told(settings: Any) -> tuple[int, str, float, float]:
    """Steps, spacing, η and the scale."""
    if not isinstance(settings, Mapping) or set(settings) != {"steps", "spacing", "eta", "scale"}:
        raise ValueError(f"settings: got {settings!r}, want steps, spacing, eta and scale")
    steps, spacing = int(settings["steps"]), str(settings["spacing"])
    eta, scale = float(settings["eta"]), float(settings["scale"])
    if steps < 1 or calls(steps, scale) > CALLS:
        raise ValueError(f"settings: got {calls(steps, scale)} calls of the network, want 1 to {CALLS}")
    return steps, spacing, eta, scale


def calls(steps: int, scale: float) -> int:
    """Calls of the network for one picture: guided steps call it twice."""
    return steps if scale in (0, 1) else 2 * steps


@lru_cache(maxsize=2)
def _real(split: str) -> tuple[Tensor, Tensor]:
    return gaussian_fit(digit_features(digits.load(SIDE, split)[0]))


@lru_cache(maxsize=64)
def _read(steps: int, spacing: str, eta: float, scale: float, split: str) -> Reading:
    schedule, asked = asked_of()[0].schedule, torch.arange(10).repeat(PICTURES // 10)
    times, distances, right = spaced_steps(schedule.steps, steps, spacing), [], []
    for seed in SEEDS[split]:
        draw = torch.Generator().manual_seed(seed)
        x = torch.randn(PICTURES, 1, SIDE, SIDE, generator=draw)
        with torch.no_grad():
            x = ddim_sample(says(scale), schedule, x, times, kind="v", eta=eta, clip=1.0, draw=draw)
        images = ((x + 1) / 2).clamp(0, 1)
        distances.append(frechet_distance(gaussian_fit(digit_features(images)), _real(split)))
        right.append(float((digits_named(images) == asked).float().mean()))
    real = frechet_distance(_real("val"), _real("test"))
    return Reading(sum(distances) / len(distances), real, sum(right) / len(right), calls(steps, scale))


def _shows(is_so: Callable[[int, str, float, float], bool]) -> Callable[[Any], bool]:
    return lambda settings: is_so(*_told(settings))


STEP_3 = Exercise(
    "16.L3",
    "Four calls for a digit",
    {"steps": 4, "spacing": "trailing", "eta": 0.0, "scale": 1.0},
    None,
    difficulty=2,
    minutes=10,
    hints=(
        "Change one setting at a time, and read both figures: which digits are seen, and how near they all "
        "are to real ones. Where does the walk begin, at pure noise or after it?",
        "Accuracy is not the trouble in any setting that hears the labels. Ask of each setting what it does "
        "with your four calls, and of the spacing what x is at its first step.",
    ),
    mistakes=(
        Mistake(
            {"steps": 4, "spacing": "trailing", "eta": 0.0, "scale": 0.0},
            "With a scale of 0 the network is not told which digit is wanted. Look at the accuracy.",
            when=_shows(lambda steps, spacing, eta, scale: scale == 0),
        ),
        Mistake(
            {"steps": 2, "spacing": "trailing", "eta": 0.0, "scale": 2.0},
            "Your digits are guided: each is the one asked for, but they grow alike, and half of your calls "
            "went into the second prediction. Is accuracy what was missing?",
            when=_shows(lambda steps, spacing, eta, scale: scale not in (0, 1)),
        ),
        Mistake(
            {"steps": 4, "spacing": "leading", "eta": 0.0, "scale": 1.0},
            "Your walk begins at step 751 of 1,000. What x should be there has a shadow of a digit in it; "
            "what you hand in is pure noise. Which spacing begins where noise is right?",
            when=_shows(lambda steps, spacing, eta, scale: spacing == "leading" and steps == CALLS),
        ),
        Mistake(
            {"steps": 2, "spacing": "trailing", "eta": 0.0, "scale": 1.0},
            "You have calls left: without guidance a step costs only one of them.",
            when=_shows(lambda steps, spacing, eta, scale: steps < CALLS),
        ),
    ),
    measure=nearness,
    bar=BAR,
)
