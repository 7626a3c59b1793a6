"""Chapter 15, exercise 15.9: what Pix2Pix's generator makes small.

The reference is `game_solutions.generator_objective`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch15.game_solutions import generator_objective
from lecture_utils.exercises.draws import floats, normal, with_gradients
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Part = Callable[[Tensor], Tensor]


def _pictures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[[[0.0]]]]), floats([[[[0.2]]]]), floats([[[[0.5]]]]), 10.0
    yield floats([[[[-1.0, 2.0]]]]), floats([[[[0.1, 0.9]]]]), floats([[[[0.4, 0.7]]]]), 2.0
    yield floats([[[[1.0, -2.0]]]]), floats([[[[0.1, 0.9]]]]), floats([[[[0.4, 0.7]]]])  # the paper's weight
    for batch, colours, side, patches, weight in ((2, 1, 3, 1, 5.0), (2, 3, 4, 2, 1.0), (3, 3, 5, 3, 30.0)):
        shape = (batch, colours, side, side)
        yield (
            normal(rng, batch, 1, patches, patches, scale=2),
            normal(rng, *shape),
            normal(rng, *shape),
            weight,
        )
    sure = floats([[[[-100.0]]], [[[100.0]]]])
    yield sure, normal(rng, 2, 1, 2, 2), normal(rng, 2, 1, 2, 2), 0.0


def _use(answer: Callable[..., Any], *given: Any) -> Any:
    """The objective, and its gradients by the scores and by what was generated."""
    return with_gradients(answer, given, of=(0, 1))


def _objective(
    scores: Tensor,
    fake: Tensor,
    target: Tensor,
    weight: float = 100.0,
    *,
    patch: Part = lambda scores: F.softplus(-scores),
    over_patches: Part = torch.mean,
    far: Part = torch.abs,
    over_pixels: Part = torch.mean,
    together: Callable[[Tensor, Tensor, float], Tensor] = lambda game, far, weight: game + weight * far,
) -> Tensor:
    """The objective with one part exchanged."""
    return together(over_patches(patch(scores)), over_pixels(far(fake - target)), weight)


@mistake("You square the differences: that is L2, which blurs more. Pix2Pix takes absolute differences, L1.")
def _squares(*given: Any) -> Tensor:
    return _objective(*given, far=torch.square)


@mistake(
    "Your distance is a root of the mean square. Pix2Pix takes the mean of the absolute differences, L1."
)
def _root_mean_square(*given: Any) -> Tensor:
    return _objective(*given, far=torch.square, over_pixels=lambda x: x.mean().sqrt())


@mistake(
    "Your differences have signs, so that too bright in one place makes up for too dark in another. Take "
    "their absolute values before the mean."
)
def _signed(*given: Any) -> Tensor:
    return _objective(*given, far=lambda x: x)


@mistake("You take the absolute value after the mean: what is too bright makes up for what is too dark.")
def _abs_of_mean(*given: Any) -> Tensor:
    return _objective(*given, far=lambda x: x, over_pixels=lambda x: x.mean().abs())


@mistake("You add up over the pixels. With a mean the weight means the same for pictures of any size.")
def _sum_of_pixels(*given: Any) -> Tensor:
    return _objective(*given, over_pixels=torch.sum)


@mistake("You add up over each picture's pixels, and average over the batch. The mean goes over all of them.")
def _sum_of_a_picture(*given: Any) -> Tensor:
    return _objective(*given, over_pixels=lambda x: x.flatten(1).sum(1).mean())


@mistake("You add up over the patches. Their mean is wanted: every patch is judged, and all weigh the same.")
def _sum_of_patches(*given: Any) -> Tensor:
    return _objective(*given, over_patches=torch.sum)


@mistake(
    "You average the scores of the patches, and judge the mean. Each patch is judged by itself: first -log "
    "D, then the mean."
)
def _mean_score(scores: Tensor, *given: Any) -> Tensor:
    return _objective(scores.mean().expand(1), *given)


@mistake("Your weight stands before the adversarial term. It is the L1 distance that is weighted.")
def _weight_on_game(*given: Any) -> Tensor:
    return _objective(*given, together=lambda game, far, weight: weight * game + far)


@mistake("Your weight stands before both terms. It is the L1 distance alone that is weighted.")
def _weight_on_both(*given: Any) -> Tensor:
    return _objective(*given, together=lambda game, far, weight: weight * (game + far))


@mistake("Your weight has no effect: both terms count alike.")
def _no_weight(*given: Any) -> Tensor:
    return _objective(*given, together=lambda game, far, weight: game + far)


@mistake("Your weight is a fixed 100. It is an argument, and 100 only its default.")
def _fixed_weight(*given: Any) -> Tensor:
    return _objective(*given, together=lambda game, far, weight: game + 100 * far)


@mistake("The L1 distance is missing: this is the adversarial term alone.")
def _game_alone(*given: Any) -> Tensor:
    return _objective(*given, together=lambda game, far, weight: game + 0 * far)


@mistake("The adversarial term is missing: this is L1 alone, which blurs.")
def _l1_alone(*given: Any) -> Tensor:
    return _objective(*given, together=lambda game, far, weight: weight * far)


@mistake("You take the distance away: the generator would flee from its target.")
def _minus(*given: Any) -> Tensor:
    return _objective(*given, together=lambda game, far, weight: game - weight * far)


@mistake(
    "Your adversarial term is the discriminator's: -log(1 - D). The generator wants its pictures to be "
    "called real: -log D."
)
def _other_side(*given: Any) -> Tensor:
    return _objective(*given, patch=F.softplus)


@mistake("Your adversarial term saturates: log(1 - D) is flat where the discriminator is sure. Take -log D.")
def _saturating(*given: Any) -> Tensor:
    return _objective(*given, patch=lambda scores: -F.softplus(scores))


@mistake("Your adversarial term has its sign turned: log D would be made small.")
def _sign(*given: Any) -> Tensor:
    return _objective(*given, patch=lambda scores: -F.softplus(-scores))


@mistake(
    "Your logarithm comes after the sigmoid: at a score of -100 it is infinite, or its gradient lost. -log "
    "sigmoid(s) is softplus(-s)."
)
def _overflow(*given: Any) -> Tensor:
    return _objective(*given, patch=lambda scores: -scores.sigmoid().log())


@mistake(
    "A small number or a clamp keeps your logarithm finite, and takes the gradient where D is sure. -log "
    "sigmoid(s) is softplus(-s), which needs none."
)
def _clamped(*given: Any) -> Tensor:
    return _objective(*given, patch=lambda scores: -(scores.sigmoid() + 1e-8).log())


@mistake(
    "Your binary_cross_entropy of a sigmoid has no gradient where the sigmoid has become 0. Its sister "
    "with_logits takes the scores as they are."
)
def _bce_of_sigmoid(*given: Any) -> Tensor:
    def patch(scores: Tensor) -> Tensor:
        return F.binary_cross_entropy(scores.sigmoid(), torch.ones_like(scores), reduction="none")

    return _objective(*given, patch=patch)


@mistake("You take squares of the scores, (s - 1)², as CycleGAN does. Pix2Pix plays for -log D.")
def _least_squares(*given: Any) -> Tensor:
    return _objective(*given, patch=lambda scores: (scores - 1).square())


@mistake("You take the scores as they are, without a logarithm. D is sigmoid(score), and -log D is wanted.")
def _bare(*given: Any) -> Tensor:
    return _objective(*given, patch=lambda scores: -scores)


@mistake("Nothing of the distance reaches the generated picture: it is detached, and gets no gradient.")
def _fake_detached(scores: Tensor, fake: Tensor, *given: Any) -> Tensor:
    return generator_objective(scores, fake.detach(), *given)


@mistake("Nothing of the game reaches the scores: they are detached. It is through them that D teaches.")
def _scores_detached(scores: Tensor, *given: Any) -> Tensor:
    return generator_objective(scores.detach(), *given)


WRONG: Any = (
    _squares, _root_mean_square, _signed, _abs_of_mean, _sum_of_pixels, _sum_of_a_picture, _sum_of_patches,
    _mean_score, _weight_on_game, _weight_on_both, _no_weight, _fixed_weight, _game_alone, _l1_alone, _minus,
    _other_side, _saturating, _sign, _overflow, _clamped, _bce_of_sigmoid, _least_squares, _bare,
    _fake_detached, _scores_detached,
)  # fmt: skip
EXERCISE = Exercise(
    "15.9",
    "Sharp, and the right picture",
    generator_objective,
    _pictures,
    difficulty=2,
    minutes=6,
    use=_use,
    hints=(
        "Two terms. One you know from the game, but now there are h × w scores for each picture: what "
        "becomes of them? The other asks how far each pixel is from where it should be, whatever its sign.",
        "F.softplus(-scores) is -log D for each patch, and its mean goes over all patches of all pictures. "
        "(fake - target).abs().mean() is the L1 distance.",
        "The weight stands before the L1 distance alone.",
    ),
    mistakes=WRONG,
)
