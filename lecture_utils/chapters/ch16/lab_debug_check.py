"""Chapter 16's lab, step 2: inputs for `lab_debug.Diagnosis`, and its usual mistakes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from lecture_utils.chapters.ch16.lab_debug import Diagnosis, step_faulty
from lecture_utils.chapters.ch16.lab_letters import LETTERS
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas

__all__ = ["STEP_2"]

FITS = "fits the figures"


def _walks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield ("first",)
    yield ("second",)
    for pictures, side, steps, t, s in (
        (1, 1, 8, 4, 3),  # a single step: the fault is asleep
        (1, 1, 12, 5, 3),
        (2, 2, 12, 5, 0),
        (2, 2, 50, 20, 10),
        (2, 2, 10, 10, 5),
        (3, 2, 50, 40, 20),
        (2, 3, 100, 55, 50),
    ):
        schedule = NoiseSchedule(cosine_betas(steps))
        shape = pictures, 1, side, side
        x, v = floats(rng.uniform(-2, 2, shape)), normal(rng, *shape, scale=0.8)
        yield "step", x, v, t, s, schedule.beta, schedule.alpha_bar, normal(rng, *shape)


def _use(diagnosis: Any, what: str, *given: Any) -> Any:
    """The first letter that does not fit; where both do, the step that was mended."""
    made = diagnosis() if isinstance(diagnosis, type) else diagnosis
    for name in ("first", "second"):
        letter = str(getattr(made, name)).strip().upper()
        if letter != getattr(Diagnosis, name):
            return f"{name}: {letter}"
        if name == what:
            break
    return made.step(*given) if what == "step" else FITS


class _Another(Diagnosis):
    """A diagnosis in parts, of which one is exchanged."""

    def guess(self, x: Tensor, v: Tensor, now: Tensor) -> Tensor:
        return now.sqrt() * x - (1 - now).sqrt() * v

    def held(self, x0: Tensor) -> Tensor:
        return x0.clamp(-1, 1)

    def before(self, t: int, s: int, alpha_bar: Tensor) -> Tensor:
        return alpha_bar[s]

    def of_mean(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        """β that the mean takes."""
        return 1 - alpha_bar[t] / self.before(t, s, alpha_bar)

    def of_noise(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        """β that the noise takes."""
        return self.of_mean(t, s, beta, alpha_bar)

    def spread(self, beta: Any, now: Tensor, before: Tensor) -> Any:
        return (beta * (1 - before) / (1 - now)) ** 0.5

    def last(self, s: int) -> bool:
        return s == 0

    def step(
        self, x: Tensor, v: Tensor, t: int, s: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor
    ) -> Tensor:
        now, before = alpha_bar[t], self.before(t, s, alpha_bar)
        x0, own = self.held(self.guess(x, v, now)), self.of_mean(t, s, beta, alpha_bar)
        mean = (before.sqrt() * own * x0 + (1 - own) ** 0.5 * (1 - before) * x) / (1 - now)
        fresh = self.spread(self.of_noise(t, s, beta, alpha_bar), now, before) * noise
        return mean if self.last(s) else mean + fresh


@mistake(
    "The fault is still there. From t down to s the picture loses what all steps between lose together. "
    "What does beta[t] know of them? Print t, s and the two figures of fresh noise."
)
class _Kept(Diagnosis):
    def step(self, *given: Any) -> Tensor:
        return step_faulty(*given)


@mistake(
    "Now the picture before is that of t - 1, and not that of s: your walk hands it to the network as x_s, "
    "with hardly any noise taken off."
)
class _Neighbour(_Another):
    def before(self, t: int, s: int, alpha_bar: Tensor) -> Tensor:
        return alpha_bar[max(t - 1, 0)]


@mistake("You multiply β_t with the number of steps. The β between are not equal, and 1 - β are multiplied.")
class _Times(_Another):
    def of_mean(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        return (beta[t] * (t - s)).clamp(max=1)


@mistake("You add up the β from s to t. What is left after all those steps is the product of the 1 - β.")
class _Added(_Another):
    def of_mean(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        return beta[s + 1 : t + 1].sum()  # beyond 1 a root of less than 0: nan


@mistake("Your product of 1 - β runs over beta[s:t]. The step into s is done already, the one from t is not.")
class _OneOff(_Another):
    def of_mean(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        return 1 - (1 - beta[s:t]).prod()


@mistake("Your β is a difference of two ᾱ. What is left from s to t is a share: a quotient.")
class _Difference(_Another):
    def of_mean(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        return alpha_bar[s] - alpha_bar[t]


@mistake("Your β is what is left from s to t. β is what is lost: 1 minus that.")
class _Left(_Another):
    def of_mean(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        return alpha_bar[t] / alpha_bar[s]


@mistake("Your mean is mended. The fresh noise still takes the β of a single step.")
class _MeanOnly(_Another):
    def of_noise(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        return beta[t]


@mistake("Your fresh noise is mended. The mean still takes the β of a single step.")
class _NoiseOnly(_Another):
    def of_mean(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        return beta[t]

    def of_noise(self, t: int, s: int, beta: Tensor, alpha_bar: Tensor) -> Any:
        return super().of_mean(t, s, beta, alpha_bar)


@mistake("Only the weight of x_0 takes the whole β with you. The weight of x_t is √(1 - β), of the same β.")
class _HalfMean(_Another):
    def step(
        self, x: Tensor, v: Tensor, t: int, s: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor
    ) -> Tensor:
        right = super().step(x, v, t, s, beta, alpha_bar, noise)
        now, before = alpha_bar[t], alpha_bar[s]
        wrong = (1 - beta[t]).sqrt() - (now / before).sqrt()
        return right + wrong * (1 - before) / (1 - now) * x


@mistake("Your deviation is a variance: its root got lost while you mended.")
class _NoRoot(_Another):
    def spread(self, beta: Any, now: Tensor, before: Tensor) -> Any:
        return beta * (1 - before) / (1 - now)


@mistake(
    "Your variance is β of the jump alone. Where x_0 is guessed, it is smaller by (1 - ᾱ_s) / (1 - ᾱ_t)."
)
class _Large(_Another):
    def spread(self, beta: Any, now: Tensor, before: Tensor) -> Any:
        return beta**0.5


@mistake("Your guess for x_0 is not held in [-1, 1] any more.")
class _NotHeld(_Another):
    def held(self, x0: Tensor) -> Tensor:
        return x0


@mistake("You have taken v for the noise. This network says velocities; that line of hers was right.")
class _VelocityAsNoise(_Another):
    def guess(self, x: Tensor, v: Tensor, now: Tensor) -> Tensor:
        return (x - (1 - now).sqrt() * v) / now.sqrt()


WRONG: Any = (
    _Kept, _Neighbour, _Times, _Added, _OneOff, _Difference, _Left, _MeanOnly, _NoiseOnly, _HalfMean, _NoRoot,
    _Large, _NotHeld, _VelocityAsNoise, *LETTERS,
)  # fmt: skip
STEP_2 = Exercise(
    "16.L2",
    "Two walks that skip steps",
    Diagnosis,
    _walks,
    difficulty=2,
    minutes=12,
    use=_use,
    hints=(
        "Letters are looked at before the step: `first` for the code that is shown, `second` for the table "
        "alone. Once both fit, mend the step. With all thousand steps nothing is wrong there. Which quantity "
        "in the code belongs to a pair of steps, and is looked up at one?",
        "ᾱ_t is the product of all 1 - β up to t, and ᾱ_s of those up to s. What product is left between? "
        "For the second letter: set his fresh noise beside the wanted one, and try a square and a root.",
        "The β of the jump from t to s is one minus the quotient of ᾱ_t and ᾱ_s. It stands at three places.",
    ),
    mistakes=WRONG,
)
