"""Chapter 15, exercise 15.6: what the two players make small (reference: `game_solutions.gan_losses`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch15.game_solutions import gan_losses
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Pair = tuple[Tensor, Tensor]
Side = Callable[[Tensor], Tensor]


def _scores(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([0.0]), floats([0.0])
    yield floats([2.0]), floats([-1.0])
    for count, scale in ((2, 1.0), (3, 2.0), (5, 4.0)):
        yield normal(rng, count, scale=scale) + 1, normal(rng, count, scale=scale) - 1
    yield floats([-100.0, 60.0]), floats([100.0, -100.0])  # sure of itself, and wrong


def _use(answer: Callable[..., Any], real: Tensor, fake: Tensor) -> Any:
    """Both losses, and their gradients by the scores: along these the game is played."""
    given = [real.clone().requires_grad_(), fake.clone().requires_grad_()]
    made = answer(*given)
    if not isinstance(made, tuple | list) or len(made) != 2 or not all(isinstance(x, Tensor) for x in made):
        return made
    told: dict[str, Any] = {"loss_d": made[0].detach(), "loss_g": made[1].detach()}
    for name, loss in zip(("loss_d", "loss_g"), made, strict=True):
        found: Any = (None, None)
        if loss.requires_grad:
            found = torch.autograd.grad(loss.sum(), given, allow_unused=True, retain_graph=True)
        for by, gradient, x in zip(("real", "fake"), found, given, strict=True):
            told[f"gradient of {name} by {by}"] = torch.zeros_like(x) if gradient is None else gradient
    return told


def _is_real(score: Tensor) -> Tensor:
    """The cost, -log D, where "real" would be right."""
    return F.softplus(-score)


def _is_fake(score: Tensor) -> Tensor:
    return F.softplus(score)


def _losses(
    real: Tensor,
    fake: Tensor,
    *,
    of_real: Side = _is_real,
    of_fake: Side = _is_fake,
    generator: Side = _is_real,
    mean: Side = torch.mean,
    both: Callable[[Tensor, Tensor], Tensor] = torch.add,
) -> Pair:
    """The losses with one part exchanged."""
    return both(mean(of_real(real)), mean(of_fake(fake))), mean(generator(fake))


def _log_sigmoids(minimum: float) -> dict[str, Any]:
    def is_real(score: Tensor) -> Tensor:
        return -(score.sigmoid() + minimum).log()

    def is_fake(score: Tensor) -> Tensor:
        return -(1 - score.sigmoid() + minimum).log()

    return {"of_real": is_real, "of_fake": is_fake, "generator": is_real}


@mistake(
    "Your generator makes log(1 - D) small: the game as it is first written down. It is flat where the "
    "discriminator is sure, just where the generator has most to learn. Take -log D."
)
def _saturating(*given: Tensor) -> Pair:
    return _losses(*given, generator=lambda score: -_is_fake(score))


@mistake(
    "Your generator is pulled the wrong way: it makes -log(1 - D) small, as the discriminator does. It wants "
    "its pictures to be called real."
)
def _same_side(*given: Tensor) -> Pair:
    return _losses(*given, generator=_is_fake)


@mistake("Your generator's loss has its sign turned: it makes log D small. It wants D large.")
def _sign(*given: Tensor) -> Pair:
    return _losses(*given, generator=lambda score: -_is_real(score))


@mistake("In the discriminator's loss real and generated are exchanged: D is to be large for real pictures.")
def _exchanged(*given: Tensor) -> Pair:
    return _losses(*given, of_real=_is_fake, of_fake=_is_real)


@mistake("Your discriminator calls everything real. For generated pictures it pays -log(1 - D).")
def _all_real(*given: Tensor) -> Pair:
    return _losses(*given, of_fake=_is_real)


@mistake(
    "Your discriminator's loss is the value that it makes large. A loss is made small: the sign is missing."
)
def _value(*given: Tensor) -> Pair:
    return _losses(*given, both=lambda a, b: -(a + b))


@mistake("Your discriminator never hears of generated pictures: the second term is missing from its loss.")
def _real_alone(*given: Tensor) -> Pair:
    return _losses(*given, both=lambda a, b: a)


@mistake("Your discriminator never hears of real pictures: the first term is missing from its loss.")
def _fake_alone(*given: Tensor) -> Pair:
    return _losses(*given, both=lambda a, b: b)


@mistake("Your discriminator's loss is half as large: the two means are added up, not averaged.")
def _halved(*given: Tensor) -> Pair:
    return _losses(*given, both=lambda a, b: (a + b) / 2)


@mistake("Your losses are sums over the batch. Means are wanted: a larger batch is not to make larger steps.")
def _sums(*given: Tensor) -> Pair:
    return _losses(*given, mean=torch.sum)


@mistake("You return the generator's loss first. The discriminator's comes first.")
def _turned(*given: Tensor) -> Pair:
    loss_d, loss_g = gan_losses(*given)
    return loss_g, loss_d


@mistake(
    "Your logarithm comes after the sigmoid: at ±100 this is 0 or 1, and the loss or its gradient is lost. "
    "-log sigmoid(s) is softplus(-s), which needs no sigmoid."
)
def _log_of_sigmoid(*given: Tensor) -> Pair:
    return _losses(*given, **_log_sigmoids(0.0))


@mistake(
    "A small number or a clamp keeps your logarithm finite, and takes the gradient where a player is sure "
    "and wrong. -log sigmoid(s) is softplus(-s), which needs none."
)
def _clamped(*given: Tensor) -> Pair:
    return _losses(*given, **_log_sigmoids(1e-8))


@mistake(
    "Your binary_cross_entropy of a sigmoid has no gradient where the sigmoid has become 0 or 1. Its sister "
    "with_logits takes the scores as they are."
)
def _bce_of_sigmoid(*given: Tensor) -> Pair:
    def against(target: float) -> Side:
        def side(score: Tensor) -> Tensor:
            return F.binary_cross_entropy(score.sigmoid(), torch.full_like(score, target), reduction="none")

        return side

    return _losses(*given, of_real=against(1), of_fake=against(0), generator=against(1))


@mistake(
    "The sigmoid is taken twice: softplus, logsigmoid and …with_logits take it by themselves. Give them the "
    "scores as they are."
)
def _twice(real: Tensor, fake: Tensor) -> Pair:
    return gan_losses(real.sigmoid(), fake.sigmoid())


@mistake("These are scores without a logarithm, as for a critic (Wasserstein). Here D is a probability.")
def _critic(*given: Tensor) -> Pair:
    return _losses(*given, of_real=lambda s: -s, of_fake=lambda s: s, generator=lambda s: -s)


@mistake("These are squares, as in another game (least squares). Here the losses are -log D and -log(1 - D).")
def _squares(*given: Tensor) -> Pair:
    return _losses(
        *given, of_real=lambda s: (s - 1).square(), of_fake=torch.square, generator=lambda s: (s - 1).square()
    )


@mistake(
    "Your generator's loss speaks of real pictures too. It has made none of them: they give it no slope."
)
def _real_too(real: Tensor, fake: Tensor) -> Pair:
    loss_d, loss_g = gan_losses(real, fake)
    return loss_d, loss_g + F.softplus(real).mean()


@mistake("Your losses have no gradient: something in them is detached, or made a plain number.")
def _detached(*given: Tensor) -> Pair:
    loss_d, loss_g = gan_losses(*given)
    return loss_d.detach(), loss_g.detach()


WRONG: Any = (
    _saturating, _same_side, _sign, _exchanged, _all_real, _value, _real_alone, _fake_alone, _halved, _sums,
    _turned, _log_of_sigmoid, _clamped, _bce_of_sigmoid, _twice, _critic, _squares, _real_too, _detached,
)  # fmt: skip
EXERCISE = Exercise(
    "15.6",
    "Two players, two losses",
    gan_losses,
    _scores,
    difficulty=2,
    minutes=8,
    use=_use,
    hints=(
        "Write the losses down with D first: three means of -log D or -log(1 - D). Which of them are of real "
        "pictures, which of generated ones? Then put sigmoid(score) in place of D.",
        "-log sigmoid(s) is F.softplus(-s), and -log(1 - sigmoid(s)) is F.softplus(s). Both are right for "
        "large scores.",
        "The discriminator: softplus(-real).mean() + softplus(fake).mean(). The generator: softplus(-fake) "
        "in the mean.",
    ),
    mistakes=WRONG,
)
