"""Chapter 16, exercise 16.5: picture and noise turned by an angle (reference: `solutions.Rotation`)."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch16.solutions import Rotation
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Pair = tuple[Tensor, Tensor]


def _angles(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[2.0]]), floats([[1.0]]), torch.tensor(0.64)
    yield floats([[2.0]]), floats([[-1.0]]), torch.tensor(0.36)
    for shape in ((2, 2), (2, 1, 2, 2), (3, 2, 2)):
        kept = floats(rng.uniform(0.1, 0.9, size=(shape[0], *[1] * (len(shape) - 1))))
        yield normal(rng, *shape), normal(rng, *shape), kept
    for end in (1.0, 0.0):  # the picture alone, and the noise alone
        yield normal(rng, 2, 2), normal(rng, 2, 2), torch.tensor(end)


def _use(answer: Any, x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Any:
    """The velocity; and what is made of the right velocity and x_t: the picture and the noise again."""
    v = answer.velocity(x0, noise, alpha_bar_t)
    right = Rotation.velocity(x0, noise, alpha_bar_t)
    x = alpha_bar_t.sqrt() * x0 + (1 - alpha_bar_t).sqrt() * noise
    back = answer.from_velocity(right, x, alpha_bar_t)
    if not isinstance(back, tuple | list) or len(back) != 2:
        return {"velocity": v, "x0 of from_velocity": back, "noise of from_velocity": back}
    return {"velocity": v, "x0 of from_velocity": back[0], "noise of from_velocity": back[1]}


def _cos_sin(alpha_bar_t: Tensor) -> Pair:
    return alpha_bar_t.sqrt(), (1 - alpha_bar_t).sqrt()


@mistake("Your velocity has its sign turned: cosine times noise, minus sine times picture.")
class SignOfVelocity(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        cos, sin = _cos_sin(alpha_bar_t)
        return sin * x0 - cos * noise


@mistake("In your velocity sine and cosine are exchanged: the cosine, √ᾱ, goes with the noise there.")
class VelocityExchanged(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        cos, sin = _cos_sin(alpha_bar_t)
        return sin * noise - cos * x0


@mistake("Your velocity has picture and noise exchanged: this would be the cosine of the picture.")
class PictureForNoise(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        cos, sin = _cos_sin(alpha_bar_t)
        return cos * x0 - sin * noise


@mistake("Your velocity is a sum. It is at right angles to x_t: one of its two parts has a minus.")
class VelocitySum(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        cos, sin = _cos_sin(alpha_bar_t)
        return cos * noise + sin * x0


@mistake("This is x_t, the noised picture itself, and not the velocity, which is at right angles to it.")
class NoisedPicture(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        cos, sin = _cos_sin(alpha_bar_t)
        return cos * x0 + sin * noise


@mistake("Your velocity takes ᾱ and 1 - ᾱ for cosine and sine. These are their squares: take the roots.")
class VelocityWithoutRoots(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        return alpha_bar_t * noise - (1 - alpha_bar_t) * x0


@mistake(
    "Your velocity is noise minus picture, whatever the step. That is another method's (flow matching); here "
    "each part has its share."
)
class StraightLine(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        return noise - x0


@mistake("Your sine is 1 - √ᾱ in the velocity. It is the squares of both that sum to 1.")
class VelocityBlend(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        cos = alpha_bar_t.sqrt()
        return cos * noise - (1 - cos) * x0


@mistake("On the way back you return the noise first. The picture comes first.")
class BackInTheOtherOrder(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        x0, noise = Rotation.from_velocity(v, x, alpha_bar_t)
        return noise, x0


@mistake(
    "On the way back you turn further in place of back: both signs of the sine are turned. The picture is "
    "where the velocity is taken away from x_t."
)
class TurnedFurther(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        cos, sin = _cos_sin(alpha_bar_t)
        return cos * x + sin * v, cos * v - sin * x


@mistake("The picture that you get back has a wrong sign in it: sine times velocity is taken away.")
class PictureSum(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        cos, sin = _cos_sin(alpha_bar_t)
        return cos * x + sin * v, sin * x + cos * v


@mistake("The noise that you get back has a wrong sign in it: both of its parts have a plus.")
class NoiseDifference(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        cos, sin = _cos_sin(alpha_bar_t)
        return cos * x - sin * v, cos * v - sin * x


@mistake("On the way back you have exchanged v and x: the velocity is the first argument.")
class ArgumentsExchanged(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        return Rotation.from_velocity(x, v, alpha_bar_t)


@mistake(
    "On the way back sine and cosine are exchanged with you: the picture is mostly x_t where ᾱ is near 1."
)
class BackExchanged(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        return Rotation.from_velocity(v, x, 1 - alpha_bar_t)


@mistake("On the way back you take ᾱ and 1 - ᾱ for cosine and sine. These are squares: roots are missing.")
class BackWithoutRoots(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        return alpha_bar_t * x - (1 - alpha_bar_t) * v, (1 - alpha_bar_t) * x + alpha_bar_t * v


@mistake(
    "You work the noise out from x_t by dividing by the sine. Where ᾱ is 1 that is 0 / 0; the turn back "
    "needs no division."
)
class NoiseByDivision(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        cos, sin = _cos_sin(alpha_bar_t)
        x0 = cos * x - sin * v
        return x0, (x - cos * x0) / sin


@mistake(
    "You work the picture out from x_t by dividing by the cosine. Where ᾱ is 0 that is 0 / 0, and there the "
    "velocity was made for it: the turn back needs no division."
)
class PictureByDivision(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        cos, sin = _cos_sin(alpha_bar_t)
        noise = sin * x + cos * v
        return (x - sin * noise) / cos, noise


@mistake("You take the network's v for the noise on the way back: the formula of ε, which v is not.")
class VelocityForNoise(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        cos, sin = _cos_sin(alpha_bar_t)
        return (x - sin * v) / cos, v


_HALVES: Any = VelocityWithoutRoots, BackWithoutRoots  # `mistake` has made a Mistake of each class


@mistake("The roots are missing in both methods: ᾱ and 1 - ᾱ are the squares of cosine and sine.")
class WithoutRoots(Rotation):
    velocity = staticmethod(_HALVES[0].wrong.velocity)
    from_velocity = staticmethod(_HALVES[1].wrong.from_velocity)


@mistake("The noise that you get back has a minus in it: sine times x_t, cosine times v, both with a plus.")
class NoiseTurned(Rotation):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        cos, sin = _cos_sin(alpha_bar_t)
        return cos * x - sin * v, sin * x - cos * v


@mistake("You reshape ᾱ, to (B, 1, 1, 1) perhaps. It comes in a shape that fits the pictures as it is.")
class Reshaped(Rotation):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        return Rotation.velocity(x0, noise, alpha_bar_t.view(-1, 1, 1, 1))

    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> Pair:
        return Rotation.from_velocity(v, x, alpha_bar_t.view(-1, 1, 1, 1))


WRONG: Any = (
    SignOfVelocity, VelocityExchanged, PictureForNoise, VelocitySum, NoisedPicture, VelocityWithoutRoots,
    StraightLine, VelocityBlend, BackInTheOtherOrder, TurnedFurther, PictureSum, NoiseDifference,
    ArgumentsExchanged, BackExchanged, BackWithoutRoots, NoiseByDivision, PictureByDivision, VelocityForNoise,
    WithoutRoots, NoiseTurned, Reshaped,
)  # fmt: skip
EXERCISE = Exercise(
    "16.5",
    "Turned by an angle",
    Rotation,
    _angles,
    difficulty=2,
    minutes=8,
    use=_use,
    hints=(
        "Draw picture and noise as two axes at right angles. x_t is the picture's axis turned by an angle "
        "towards the noise; v is the noise's axis turned by the same. How does one turn back?",
        "cos and sin are alpha_bar_t.sqrt() and (1 - alpha_bar_t).sqrt(). The velocity is cos * noise - "
        "sin * x0. To solve for picture and noise, multiply both by cos or sin, and add or take away.",
        "Back: cos * x - sin * v is the picture, sin * x + cos * v the noise.",
    ),
    mistakes=WRONG,
)
