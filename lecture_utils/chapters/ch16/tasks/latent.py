"""Chapter 16, exercise 16.7: codes, drawn and scaled (reference: `latent_solutions.Latent`)."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from lecture_utils.chapters.ch16.latent_solutions import Latent
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _codes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    two = floats([1.0, 3.0, 7.0, 10.0]).view(1, 2, 1, 2)
    yield two, floats([[[[1.0]]]]), floats([[[[0.0]]]]), floats([[[[0.5]]]]), 2.0
    yield two, floats([[[[0.0]]]]), floats([[[[1.0]]]]), floats([[[[2.0]]]]), 0.5
    yield two, floats([[[[2.0]]]]), floats([[[[-2.0]]]]), floats([[[[1.0]]]]), 3.0
    for batch, channels, side, scale in ((2, 2, 2, 0.3), (3, 4, 2, 1.7), (5, 3, 3, 0.18)):
        shape = (batch, channels, side, side)
        wide = floats(rng.uniform(0.3, 4, size=(1, channels, 1, 1)))
        place = 2 * normal(rng, 1, channels, 1, 1) + 1
        yield (
            normal(rng, *shape) * wide + place,
            normal(rng, *shape),
            normal(rng, *shape),
            normal(rng, *shape),
            scale,
        )


def _use(answer: Any, codes: Tensor, mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Any:
    """The scale, over N - 1 or over N as the learner likes, and the scaled draw."""
    made = answer.latent_scale(codes)
    if isinstance(made, Tensor) and made.numel() == 1:
        made = float(made)
    if isinstance(made, float | int):
        right = [float(1 / codes.std(correction=c)) for c in (1, 0)]
        made = right[0] if any(math.isclose(made, r, rel_tol=1e-4) for r in right) else float(made)
    return {"latent_scale": made, "to_latent": answer.to_latent(mean, log_var, noise, scale)}


@mistake(
    "Your scale is the deviation itself. Codes are multiplied by it: which number makes the deviation 1?"
)
class DeviationItself(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(codes.std())


@mistake(
    "Your scale is 1 over the variance. Numbers are multiplied by it, so it is 1 over the variance's root."
)
class OneOverVariance(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(1 / codes.var())


@mistake("Your scale is 1 over the root of the deviation. torch's std has taken the root already.")
class RootOfDeviation(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(1 / codes.std().sqrt())


@mistake("You have a scale for each channel. One number is wanted, of all numbers of all codes together.")
class PerChannel(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return 1 / codes.std(dim=(0, 2, 3))


@mistake(
    "You average the channels' deviations. Wanted is the deviation of all numbers together, in which the "
    "channels' different means count as well."
)
class MeanOfChannels(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(1 / codes.std(dim=(0, 2, 3)).mean())


@mistake("You average the scales of single channels. One deviation of all numbers together is wanted.")
class MeanOfChannelScales(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float((1 / codes.std(dim=(0, 2, 3))).mean())


@mistake("You average the deviations of single codes. Wanted is that of all numbers together, from one mean.")
class MeanOfPictures(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(1 / codes.flatten(1).std(dim=1).mean())


@mistake("You measure the first code alone. All of them together tell the deviation.")
class FirstPicture(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(1 / (codes[:1] * 1.0).std())


@mistake(
    "You measure how far numbers are from 0, the root of their mean square. A deviation is from their mean."
)
class AboutZero(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(1 / codes.square().mean().sqrt())


@mistake(
    "Your scale is 1 over the mean of absolute values. A deviation is the root of the mean square, from "
    "the mean."
)
class MeanSize(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(1 / codes.abs().mean())


@mistake(
    "You bring the largest number to 1. Codes have no bounds as pixels have; it is the deviation that is "
    "to be 1."
)
class Largest(Latent):
    @staticmethod
    def latent_scale(codes: Tensor) -> Any:
        return float(1 / codes.abs().max())


@mistake("In the draw exp(log_var) is the variance. Noise is stretched by the deviation, its root.")
class VarianceForDeviation(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return (mean + log_var.exp() * noise) * scale


@mistake("In the draw noise is multiplied by log_var itself. It is a logarithm: it has to go through exp.")
class LogForDeviation(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return (mean + log_var * noise) * scale


@mistake(
    "In the draw noise is multiplied by half of log_var. That is the logarithm of the deviation: exp is "
    "missing."
)
class HalfLog(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return (mean + log_var / 2 * noise) * scale


@mistake("In the draw you take the root of log_var. It is a logarithm: exp comes first, and then the root.")
class RootOfLog(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return (mean + log_var.sqrt() * noise) * scale


@mistake("You halve after exp: half of the variance. The half belongs into the exponent.")
class LogOfDeviation(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return (mean + log_var.exp() / 2 * noise) * scale


@mistake("Your exponent has a minus: a large log_var is to give a wide draw.")
class MinusHalf(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return (mean + (-log_var / 2).exp() * noise) * scale


@mistake("You scale the mean alone. The noise in the draw belongs to the code: all of it is multiplied.")
class MeanScaledAlone(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return mean * scale + (log_var / 2).exp() * noise


@mistake("You scale the noise alone. The mean is most of the code: all of it is multiplied.")
class NoiseScaledAlone(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return mean + (log_var / 2).exp() * noise * scale


@mistake("Your draw is not scaled. The schedule is made for numbers of deviation 1.")
class NotScaled(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return mean + (log_var / 2).exp() * noise


@mistake(
    "You divide by the scale. That is the way back, to the decoder; into the latent space it is multiplied."
)
class DividedByScale(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return (mean + (log_var / 2).exp() * noise) / scale


@mistake("You return the mean, scaled. The auto-encoder was trained with draws, and so the code is a draw.")
class MeanAlone(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return mean * scale


@mistake("Your noise comes in whole. The encoder says with log_var how far a draw may be from the mean.")
class BareNoise(Latent):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return (mean + noise) * scale


WRONG: Any = (
    DeviationItself, OneOverVariance, RootOfDeviation, PerChannel, MeanOfChannels, MeanOfChannelScales,
    MeanOfPictures, FirstPicture, AboutZero, MeanSize, Largest, VarianceForDeviation, LogForDeviation,
    HalfLog, LogOfDeviation, MinusHalf, MeanScaledAlone, NoiseScaledAlone, NotScaled, DividedByScale,
    MeanAlone, BareNoise, RootOfLog,
)  # fmt: skip
EXERCISE = Exercise(
    "16.7",
    "A code of deviation 1",
    Latent,
    _codes,
    difficulty=1,
    minutes=6,
    use=_use,
    hints=(
        "Two small steps. By which number does one multiply numbers of deviation 4 to have deviation 1? "
        "And what is drawn first, from mean, log_var and noise, before that number comes in?",
        "codes.std() is the deviation of all numbers together. A draw is the mean plus the deviation times "
        "the noise, and the deviation is exp(log_var / 2).",
        "1 / codes.std(), as a float; and (mean + (log_var / 2).exp() * noise) * scale.",
    ),
    mistakes=WRONG,
)
