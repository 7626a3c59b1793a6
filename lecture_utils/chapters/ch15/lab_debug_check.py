"""Chapter 15's lab, step 2: inputs for `lab_debug.training_loss`, and its usual mistakes."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch15.lab_debug import WARM_UP, training_loss, training_loss_faulty
from lecture_utils.exercises.draws import floats, normal, with_gradients
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["STEP_2"]


def _steps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[[[1.0]]]]), floats([[[[1.0]]]]), floats([2.0]), 150, 1.0  # one pixel: one fault is asleep
    yield floats([[[[0.5]]]]), floats([[[[0.0]]]]), floats([2.0]), 600, 1.0
    for batch, side, step, most in ((1, 2, 30, 1.0), (2, 2, 0, 1.0), (3, 2, 299, 4.0), (2, 3, 900, 1.0),
                                    (4, 3, 1400, 0.25), (3, 4, 300, 1.0)):  # fmt: skip
        x = floats(rng.integers(0, 2, (batch, 1, side, side)))
        yield normal(rng, batch, 1, side, side), x, floats(rng.uniform(0.5, 6, batch)), step, most


def _use(answer: Callable[..., Any], logits: Tensor, x: Tensor, kl: Tensor, step: int, most: float) -> Any:
    """The loss, and its gradients by what was decoded and by the divergences."""
    return with_gradients(answer, (logits, x, kl, step, most), of=(0, 2))


def _each(logits: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _loss(
    logits: Tensor,
    x: Tensor,
    kl: Tensor,
    step: int,
    most: float,
    *,
    over_pixels: Callable[[Tensor], Tensor] = lambda cost: cost.flatten(1).sum(1).mean(),
    weight: Callable[[int, float], float] = lambda step, most: most * min(1.0, step / WARM_UP),
    over_clouds: Callable[[Tensor], Tensor] = torch.mean,
    together: Callable[[Tensor, Tensor], Tensor] = torch.add,
) -> Tensor:
    """The loss with one part exchanged."""
    return together(over_pixels(_each(logits, x)), weight(step, most) * over_clouds(kl))


@mistake(
    "Both faults are still there. Write the bound of one picture of 64 pixels down: which of its two terms "
    "is smaller here than it should be, and by what factor? And what is the weight at step 1,500?"
)
def _both_kept(*given: Any) -> Tensor:
    return training_loss_faulty(*given)


@mistake(
    "The weight stays where it should now. But your cross-entropy is still a mean over the pixels, 64 times "
    "too small beside a divergence that is a sum."
)
def _mean_kept(*given: Any) -> Tensor:
    return _loss(*given, over_pixels=torch.mean)


@mistake(
    "The pixels are added up now. But your weight goes on growing after the warm-up: at step 1,500 it is "
    "five times too large."
)
def _growth_kept(*given: Any) -> Tensor:
    return _loss(*given, weight=lambda step, most: most * step / WARM_UP)


@mistake("You add up over the batch as well. A mean over pictures of the sum over pixels is wanted.")
def _sum_of_all(*given: Any) -> Tensor:
    return _loss(*given, over_pixels=torch.sum)


@mistake("You add up over the batch in both terms. The mean over pictures is wanted.")
def _both_sums(*given: Any) -> Tensor:
    return _loss(*given, over_pixels=torch.sum, over_clouds=torch.sum)


@mistake(
    "You add up over the pictures for each pixel, and average over the pixels. It is the other way round."
)
def _sum_of_pictures(*given: Any) -> Tensor:
    return _loss(*given, over_pixels=lambda cost: cost.sum(0).mean())


@mistake(
    "Both terms are means over the pixels now. That is right up to a factor, but it is no bound any more, "
    "and steps of 1/64 are taken."
)
def _both_means(logits: Tensor, x: Tensor, kl: Tensor, step: int, most: float) -> Tensor:
    return training_loss(logits, x, kl, step, most) / x[0].numel()


@mistake("Your warm-up is gone: the weight is `most` from the first step on.")
def _no_warm_up(*given: Any) -> Tensor:
    return _loss(*given, weight=lambda step, most: most)


@mistake(
    "Your weight stops at 1, whatever `most` is. It is the line, step / 300, that stops at 1; then "
    "comes `most`."
)
def _stops_at_one(*given: Any) -> Tensor:
    return _loss(*given, weight=lambda step, most: min(1.0, most * step / WARM_UP))


@mistake(
    "Your weight rises in steps of 1 / 300 and stops at `most`: with another `most` the warm-up takes "
    "another time. It is to take 300 steps, whatever `most` is."
)
def _stops_at_most(*given: Any) -> Tensor:
    return _loss(*given, weight=lambda step, most: min(most, step / WARM_UP))


@mistake("With you `most` has no effect: the weight rises to 1 whatever it is.")
def _no_most(*given: Any) -> Tensor:
    return _loss(*given, weight=lambda step, most: min(1.0, step / WARM_UP))


@mistake("Your weight is never below `most`: min and max are exchanged.")
def _max_for_min(*given: Any) -> Tensor:
    return _loss(*given, weight=lambda step, most: most * max(1.0, step / WARM_UP))


@mistake("The divergence has no weight above 0 with you: nothing keeps the clouds near the prior.")
def _no_kl(*given: Any) -> Tensor:
    return _loss(*given, weight=lambda step, most: 0.0)


@mistake("The divergence is taken away from your loss. It costs: minus the bound has it with a plus.")
def _minus_kl(*given: Any) -> Tensor:
    return _loss(*given, together=torch.sub)


@mistake("You return the bound. A loss is made small: minus the bound is wanted.")
def _bound(*given: Any) -> Tensor:
    return -training_loss(*given)


@mistake("Your loss is one number for each picture. Their mean is wanted.")
def _unreduced(logits: Tensor, x: Tensor, kl: Tensor, step: int, most: float) -> Tensor:
    return _each(logits, x).flatten(1).sum(1) + most * min(1.0, step / WARM_UP) * kl


WRONG: Any = (
    _both_kept, _mean_kept, _growth_kept, _sum_of_all, _both_sums, _sum_of_pictures, _both_means,
    _no_warm_up, _stops_at_one, _stops_at_most, _no_most, _max_for_min, _no_kl, _minus_kl, _bound,
    _unreduced,
)  # fmt: skip
STEP_2 = Exercise(
    "15.L2",
    "Latent numbers that say nothing",
    training_loss,
    _steps,
    difficulty=2,
    minutes=12,
    use=_use,
    hints=(
        "No latent number costs anything, and another picture's z decodes as well: the decoder ignores z. So "
        "it pays more to keep clouds at N(0, I) than to tell anything. What makes telling so dear? Compare "
        "each term with the bound of one picture.",
        "What does binary_cross_entropy_with_logits do with the pixels if it is told nothing? And print the "
        "weight for steps 0, 300 and 1,500.",
        "Add up over the pixels and divide by the number of pictures alone. The weight is `most` times the "
        "smaller one of 1 and step / 300.",
    ),
    mistakes=WRONG,
)
