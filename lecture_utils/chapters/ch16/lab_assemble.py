"""Chapter 16's lab, step 1: the usual mistakes of `lab_ddpm.DigitDDPM`, each with its hint."""

from typing import Any

import torch
from torch import Tensor

from lecture_utils.chapters.ch16.lab_another import Another, nets
from lecture_utils.chapters.ch16.lab_ddpm import DigitDDPM, use_ddpm
from lecture_utils.chapters.ch16.lab_samples import SAMPLES
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["STEP_1"]


# --- the schedule ---------------------------------------------------------------------------------------
@mistake("Your f is a cosine that is not squared. It is ᾱ that falls so, and √ᾱ is what stands at a picture.")
class _NotSquared(Another):
    def bent(self, angle: Tensor) -> Tensor:
        return angle.cos()


@mistake(
    "Your cosine comes without its offset of 0.008, so that the first β are smaller than they should be."
)
class _NoOffset(Another):
    def kept(self, share: Tensor) -> Tensor:
        return super().kept(share * 1.008 - 0.008)


@mistake("Your last β is 1: nothing of the picture is left and ᾱ ends at 0. Hold each β at 0.999 or below.")
class _Unlimited(Another):
    def limit(self, beta: Tensor) -> Tensor:
        return beta


@mistake("Your ᾱ is 1 minus the sum of all β up to t. What is left after each step is multiplied.")
class _Summed(Another):
    def product(self, beta: Tensor) -> Tensor:
        return 1 - beta.cumsum(0)


@mistake("Your alpha_bar holds each step's own 1 - β. Wanted is their product up to t.")
class _OwnStep(Another):
    def product(self, beta: Tensor) -> Tensor:
        return 1 - beta


@mistake(
    "Your ᾱ is f(t) / f(0), so that it ends at 0: the cap of 0.999 has not reached it. It holds the products "
    "of 1 - β, of the β that you have held."
)
class _WithoutCap(Another):
    def __init__(self, net: Any, steps: int) -> None:
        super().__init__(net, steps)
        f = self.kept(torch.arange(steps + 1, dtype=torch.float64) / steps)
        self.alpha_bar = f / f[0]


# --- the loss -------------------------------------------------------------------------------------------
@mistake("The roots are missing where you add noise: √ᾱ stands at the picture, √(1 - ᾱ) at the noise.")
class _NoRoots(Another):
    def noised(self, x0: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        return kept * x0 + (1 - kept) * noise


@mistake("Picture and noise have exchanged their weights: at small t there should be hardly any noise.")
class _Exchanged(Another):
    def noised(self, x0: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        return super().noised(noise, x0, kept)


@mistake("You hold what the network says against the noise. What this one says is the velocity.")
class _NoiseAsTarget(Another):
    def target(self, x0: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        return noise


@mistake("You hold what the network says against the clean picture. What this one says is the velocity.")
class _PictureAsTarget(Another):
    def target(self, x0: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        return x0


@mistake("Your velocity has its sign turned: the noise comes with a plus, the picture with a minus.")
class _TurnedTarget(Another):
    def target(self, x0: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        return -super().target(x0, noise, kept)


@mistake("Your loss is a sum. Wanted is the mean over all pixels of all pictures.")
class _Sum(Another):
    def cost(self, away: Tensor) -> Tensor:
        return away.square().sum()


@mistake("Your loss takes distances as they are. Wanted is the mean of their squares.")
class _Absolute(Another):
    def cost(self, away: Tensor) -> Tensor:
        return away.abs().mean()


@mistake("Your network is shown the clean picture in training. It is to see the noised one, x_t.")
class _SeesClean(Another):
    def noised(self, x0: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        return x0.clone()


@mistake("Your network hears t - 1, as if steps began at 0. Here the first step is 1: hand t on as it is.")
class _FromZero(Another):
    def said(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        return super().said(x, t - 1, labels)


@mistake("All pictures of your batch are noised to the step of the first one. Each has a step of its own.")
class _OneStepForAll(Another):
    def at(self, t: Tensor, x: Tensor) -> Tensor:
        return super().at(t[:1].expand_as(t), x)


# --- a step ---------------------------------------------------------------------------------------------
@mistake("You take the velocity for the noise. The picture that v means is √ᾱ x_t - √(1 - ᾱ) v.")
class _VelocityAsNoise(Another):
    def guess(self, said: Tensor, x: Tensor, now: Tensor) -> Tensor:
        return (x - (1 - now).sqrt() * said) / now.sqrt()


@mistake("You take the velocity for the clean picture. What picture do x_t and v mean together?")
class _VelocityAsPicture(Another):
    def guess(self, said: Tensor, x: Tensor, now: Tensor) -> Tensor:
        return said


@mistake("Your guess for x_0 may leave [-1, 1], where no picture is. Hold it there before you go on.")
class _NotHeld(Another):
    def held(self, x0: Tensor) -> Tensor:
        return x0


@mistake("In your posterior mean ᾱ_t stands where ᾱ_{t-1} belongs.")
class _MeanOfNow(Another):
    def mean(self, x0: Tensor, x: Tensor, beta: Tensor, now: Tensor, before: Tensor) -> Tensor:
        return super().mean(x0, x, beta, now, now)


@mistake("The two weights of your posterior mean are exchanged: √ᾱ_{t-1} β_t belongs to the guess for x_0.")
class _MeanExchanged(Another):
    def mean(self, x0: Tensor, x: Tensor, beta: Tensor, now: Tensor, before: Tensor) -> Tensor:
        return super().mean(x, x0, beta, now, before)


@mistake("Noise is multiplied with a deviation. You multiply it with a variance: a root is missing.")
class _Variance(Another):
    def spread(self, beta: Tensor, now: Tensor, before: Tensor) -> Tensor:
        return super().spread(beta, now, before).square()


@mistake(
    "Your variance is β_t, which is too large where the picture is known, and leaves noise on the last one. "
    "Wanted is the posterior's."
)
class _Beta(Another):
    def spread(self, beta: Tensor, now: Tensor, before: Tensor) -> Tensor:
        return beta.sqrt()


@mistake("Your step adds no noise: it always takes the posterior's mean.")
class _NoNoise(Another):
    def spread(self, beta: Tensor, now: Tensor, before: Tensor) -> Tensor:
        return 0 * beta


@mistake(
    "In your step the network hears t - 1, though in the loss it hears t. It is asked about the picture that "
    "you hand over, which is x_t."
)
class _StepFromZero(Another):
    def heard(self, t: int) -> int:
        return t - 1


WRONG: Any = (  # `mistake` has made a Mistake of each class
    _NotSquared, _NoOffset, _Unlimited, _Summed, _OwnStep, _WithoutCap, _NoRoots, _Exchanged, _NoiseAsTarget,
    _PictureAsTarget, _TurnedTarget, _Sum, _Absolute, _SeesClean, _FromZero, _OneStepForAll,
    _VelocityAsNoise, _VelocityAsPicture, _NotHeld, _MeanOfNow, _MeanExchanged, _Variance, _Beta, _NoNoise,
    _StepFromZero, *SAMPLES,
)  # fmt: skip
STEP_1 = Exercise(
    "16.L1",
    "A diffusion model of your own",
    DigitDDPM,
    nets,
    difficulty=3,
    minutes=15,
    use=use_ddpm,
    hints=(
        "Go in the order of the docstrings: schedule, loss, step, samples. beta has T + 1 entries, of which "
        "the first is 0, and alpha_bar is the running product of 1 - beta. Two small parts need care: which "
        "ᾱ belongs to which picture of the batch, and which of ᾱ_t and ᾱ_{t-1} stands where.",
        "torch.arange(steps + 1, dtype=torch.float64) / steps is t/T; f[1:] / f[:-1] are neighbours' "
        "quotients; clamp and cumprod do the rest. Your noised and Rotation know how a picture is noised and "
        "what a velocity means. In a batch ᾱ needs the shape (B, 1, 1, 1).",
        "A step: the network says v at t for all pictures (torch.full((len(x),), t)); Rotation.from_velocity "
        "makes x_0 of it; clamp; then mean and root of the variance as the docstring has them. Samples: "
        "begin with noise[0], walk t from T to 1, and take noise[1], noise[2] and so on.",
    ),
    mistakes=WRONG,
)
