"""Chapter 15, exercise 15.10: there and back again (reference: `game_solutions.cycle_objective`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch15.draws import Translator
from lecture_utils.chapters.ch15.game_solutions import cycle_objective
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Three = tuple[Tensor, Tensor, Tensor]
Far = Callable[[Tensor, Tensor], Tensor]
Net = Callable[[Tensor], Tensor]


def _domains(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def nets() -> tuple[Translator, Translator]:
        return Translator(normal(rng, 3)), Translator(normal(rng, 3))

    yield floats([[[[0.5]]]]), floats([[[[-1.0]]]]), *nets(), 1.0, 0.0
    yield floats([[[[0.5, 0.1]]]]), floats([[[[-1.0, 0.3]]]]), *nets(), 0.0, 1.0
    for batch, colours, side, cycle, identity in ((1, 1, 2, 10.0, 5.0), (2, 3, 3, 4.0, 7.0)):
        shape = (batch, colours, side, side)
        yield normal(rng, *shape), normal(rng, *shape), *nets(), cycle, identity
    yield normal(rng, 2, 3, 2, 2), normal(rng, 2, 3, 2, 2), *nets()  # the paper's weights


def _use(answer: Callable[..., Any], a: Tensor, b: Tensor, to_b: Any, to_a: Any, *weights: float) -> Any:
    """The objective and the two translations, and the gradients by the numbers of both translators."""
    made = answer(a, b, to_b, to_a, *weights)
    if not isinstance(made, tuple | list) or len(made) != 3 or not all(isinstance(x, Tensor) for x in made):
        return made
    told: dict[str, Any] = {"loss": made[0].detach(), "of b": made[1].detach(), "of a": made[2].detach()}
    for name, value in zip(
        ("loss", "what was made of b's domain", "what was made of a's"), made, strict=True
    ):
        found: Any = (None, None)
        by = (to_b.numbers, to_a.numbers)
        if value.requires_grad:
            found = torch.autograd.grad(value.sum(), by, allow_unused=True, retain_graph=True)
        for which, gradient, x in zip(("to_b", "to_a"), found, by, strict=True):
            told[f"gradient of {name} by {which}"] = torch.zeros_like(x) if gradient is None else gradient
    return told


def _far(made: Tensor, wanted: Tensor) -> Tensor:
    return (made - wanted).abs().mean()


def _back(a: Tensor, b: Tensor, to_b: Net, to_a: Net, far: Far) -> Tensor:
    return far(to_a(to_b(a)), a) + far(to_b(to_a(b)), b)


def _same(a: Tensor, b: Tensor, to_b: Net, to_a: Net, far: Far) -> Tensor:
    return far(to_b(b), b) + far(to_a(a), a)


def _objective(
    a: Tensor,
    b: Tensor,
    to_b: Net,
    to_a: Net,
    cycle: float = 10.0,
    identity: float = 5.0,
    *,
    back: Callable[..., Tensor] = _back,
    same: Callable[..., Tensor] = _same,
    far: Far = _far,
    together: Callable[..., Tensor] = lambda back, same, cycle, identity: cycle * back + identity * same,
) -> Three:
    """The objective with one part exchanged."""
    nets = (a, b, to_b, to_a, far)
    return together(back(*nets), same(*nets), cycle, identity), to_b(a), to_a(b)


@mistake("Your cycle goes one way only, from a to b and back. b to a and back is to be closed as well.")
def _one_way(*given: Any) -> Three:
    return _objective(*given, back=lambda a, b, to_b, to_a, far: far(to_a(to_b(a)), a))


@mistake("Your cycle goes one way only, from b to a and back. a to b and back is to be closed as well.")
def _other_way(*given: Any) -> Three:
    return _objective(*given, back=lambda a, b, to_b, to_a, far: far(to_b(to_a(b)), b))


@mistake(
    "Your cycle begins with the wrong translator: a goes through to_a first, though it is of that domain "
    "already. First to_b, then back by to_a."
)
def _wrong_start(*given: Any) -> Three:
    return _objective(
        *given, back=lambda a, b, to_b, to_a, far: far(to_b(to_a(a)), a) + far(to_a(to_b(b)), b)
    )


@mistake("The way back is missing: you compare the translated picture with the one that it was made of.")
def _half_way(*given: Any) -> Three:
    return _objective(*given, back=lambda a, b, to_b, to_a, far: far(to_b(a), a) + far(to_a(b), b))


@mistake(
    "You compare a translated picture with one of the other domain. They do not belong together: no pairs."
)
def _pairs(*given: Any) -> Three:
    return _objective(*given, back=lambda a, b, to_b, to_a, far: far(to_b(a), b) + far(to_a(b), a))


@mistake(
    "What comes back is compared with a picture of the other domain. It should be what it was at the start."
)
def _wrong_end(*given: Any) -> Three:
    return _objective(
        *given, back=lambda a, b, to_b, to_a, far: far(to_a(to_b(a)), b) + far(to_b(to_a(b)), a)
    )


@mistake("You translate twice by the same translator. Back again goes the other one.")
def _twice(*given: Any) -> Three:
    return _objective(
        *given, back=lambda a, b, to_b, to_a, far: far(to_b(to_b(a)), a) + far(to_a(to_a(b)), b)
    )


@mistake(
    "In your identity term a goes through to_b. A picture is to stay as it is in the translator whose domain "
    "it has already: b in to_b, a in to_a."
)
def _other_identity(*given: Any) -> Three:
    return _objective(*given, same=lambda a, b, to_b, to_a, far: far(to_b(a), a) + far(to_a(b), b))


@mistake("Your identity term is for one of the two translators alone. Both are to leave alone what fits.")
def _one_identity(*given: Any) -> Three:
    return _objective(*given, same=lambda a, b, to_b, to_a, far: far(to_b(b), b))


@mistake("Your identity term is for to_a alone. to_b is to leave alone what fits as well.")
def _the_other_identity(*given: Any) -> Three:
    return _objective(*given, same=lambda a, b, to_b, to_a, far: far(to_a(a), a))


@mistake("The identity term is missing: a generator may repaint what fits already.")
def _no_identity(*given: Any) -> Three:
    return _objective(*given, together=lambda back, same, cycle, identity: cycle * back)


@mistake("The cycle is missing: only the identity term is there.")
def _no_cycle(*given: Any) -> Three:
    return _objective(*given, together=lambda back, same, cycle, identity: identity * same)


@mistake(
    "Your weights are exchanged: `cycle` belongs to there and back again, `identity` to what is left alone."
)
def _exchanged(*given: Any) -> Three:
    return _objective(*given, together=lambda back, same, cycle, identity: identity * back + cycle * same)


@mistake("Your weights have no effect: both terms count once.")
def _no_weights(*given: Any) -> Three:
    return _objective(*given, together=lambda back, same, cycle, identity: back + same)


@mistake("Your identity term is multiplied by both weights. Each term has its own.")
def _both_weights(*given: Any) -> Three:
    return _objective(*given, together=lambda back, same, cycle, identity: cycle * (back + identity * same))


@mistake("You average over the two ways round. They are added up.")
def _halved(*given: Any) -> Three:
    return _objective(
        *given, together=lambda back, same, cycle, identity: (cycle * back + identity * same) / 2
    )


@mistake("You square the differences. CycleGAN takes absolute ones, L1, as Pix2Pix does.")
def _squares(*given: Any) -> Three:
    return _objective(*given, far=lambda made, wanted: (made - wanted).square().mean())


@mistake("You add up over the pixels. The mean is wanted.")
def _sums(*given: Any) -> Three:
    return _objective(*given, far=lambda made, wanted: (made - wanted).abs().sum())


@mistake("You take the absolute value after the mean: what is too bright makes up for what is too dark.")
def _abs_of_mean(*given: Any) -> Three:
    return _objective(*given, far=lambda made, wanted: (made - wanted).mean().abs())


@mistake("In the middle of the cycle you detach: the way there learns nothing from coming back wrong.")
def _detached(*given: Any) -> Three:
    def back(a: Tensor, b: Tensor, to_b: Net, to_a: Net, far: Far) -> Tensor:
        return far(to_a(to_b(a).detach()), a) + far(to_b(to_a(b).detach()), b)

    return _objective(*given, back=back)


@mistake("You return the two translations in the other order. First what was made of a, in domain b.")
def _turned(*given: Any) -> Three:
    loss, fake_b, fake_a = cycle_objective(*given)
    return loss, fake_a, fake_b


@mistake(
    "You return what came back from the cycle. Wanted are the pictures in the middle, to_b(a) and to_a(b)."
)
def _returned(a: Tensor, b: Tensor, to_b: Net, to_a: Net, *weights: float) -> Three:
    loss, fake_b, fake_a = cycle_objective(a, b, to_b, to_a, *weights)
    return loss, to_a(fake_b), to_b(fake_a)


@mistake(
    "The translations that you return are detached: through them the discriminators teach the generators."
)
def _detached_at_the_end(*given: Any) -> Three:
    loss, fake_b, fake_a = cycle_objective(*given)
    return loss, fake_b.detach(), fake_a.detach()


WRONG: Any = (
    _one_way, _other_way, _wrong_start, _half_way, _pairs, _wrong_end, _twice, _other_identity,
    _one_identity, _the_other_identity, _no_identity, _no_cycle, _exchanged, _no_weights, _both_weights,
    _halved, _squares, _sums, _abs_of_mean, _detached, _turned, _returned, _detached_at_the_end,
)  # fmt: skip
EXERCISE = Exercise(
    "15.10",
    "There and back again",
    cycle_objective,
    _domains,
    difficulty=2,
    minutes=8,
    use=_use,
    hints=(
        "Draw two columns, a's domain and b's, and an arrow for each translator. Which way does a picture of "
        "a go to come back to where it was, and which one of b? Which arrow should leave one of b alone?",
        "Make to_b(a) and to_a(b) first, since you return them. Back go to_a of the first and to_b of the "
        "second. The identity term compares to_b(b) with b, and to_a(a) with a.",
        "Each of the four distances is (made - wanted).abs().mean(). Two are multiplied by `cycle`, two by "
        "`identity`, and all are added up.",
    ),
    mistakes=WRONG,
)
