"""Chapter 15, exercise 15.3: pictures drawn pixel by pixel (reference: `solutions.sample_digits`).

What is drawn from here is no network but a rule. Two kinds: with one all pixels are certain, so that the
order of drawing shows in the picture; with the other nothing is, and the shares of levels are counted.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch15.draws import Certain, Random
from lecture_utils.chapters.ch15.solutions import sample_digits
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE", "use_sample"]


def _models(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for n, size, levels in ((1, 1, 3), (1, 2, 5), (2, 3, 7), (3, 4, 11)):
        yield Certain(rng.integers(1, levels, size * size), levels), n, size, 0
    for size, levels in ((2, 3), (2, 5)):
        yield Random(rng.integers(-9, 10, 16), levels), 400, size, int(rng.integers(1, 1000))


def use_sample(answer: Callable[..., Any], model: Certain, n: int, size: int, seed: int) -> Any:
    """The pictures where they are certain; else what can be counted on them."""

    def draw(seed: int) -> Any:
        return answer(model, n, size, torch.Generator().manual_seed(seed))

    made = draw(seed)
    if not isinstance(made, Tensor):
        return made
    if type(model) is Certain:
        return {
            "pictures": made,
            "drawn pixels were shown to the model": size > 1 and bool(model.shown.any()),
        }
    if made.shape != (n, 1, size, size) or made.is_floating_point():
        return made
    return {
        "levels come as often as the model says": _fits(model, made),
        "the pictures differ from one another": bool((made != made[:1]).any()),
        "the same generator gives the same pictures": torch.equal(made, draw(seed)),
        "another generator gives other pictures": not torch.equal(made, draw(seed + 1)),
    }


def _fits(model: Certain, image: Tensor) -> bool:
    """Whether all levels came as often as the probabilities say, within five standard deviations."""
    if int(image.min()) < 0 or int(image.max()) >= model.levels:
        return False
    p = model(image).softmax(1).movedim(1, -1).flatten(1, -2).double()  # (n, S · S, L)
    came = F.one_hot(image.flatten(1), model.levels).double()
    before = image.flatten(1).roll(1, 1)
    for level in range(model.levels):  # after each level by itself
        after = (before == level)[..., None]
        far = ((came - p) * after).sum(0).abs()
        if bool((far > 5 * (p * (1 - p) * after).sum(0).sqrt() + 1).any()):
            return False
    return True


def _order(size: int) -> list[tuple[int, int]]:
    return [(row, column) for row in range(size) for column in range(size)]


def _drawn(p: Tensor, generator: torch.Generator) -> Tensor:
    return torch.multinomial(p, 1, generator=generator)[:, 0]


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(1)


def _sample(
    model: Callable[[Tensor], Tensor],
    n: int,
    size: int,
    generator: torch.Generator,
    *,
    order: Callable[[int], list[tuple[int, int]]] = _order,
    at: Callable[[int, int, int], tuple[int, int]] = lambda row, column, size: (row, column),
    p: Callable[[Tensor], Tensor] = _softmax,
    drawn: Callable[[Tensor, torch.Generator], Tensor] = _drawn,
    shown: Callable[[Tensor, int, int], Tensor] = lambda image, row, column: image,
) -> Tensor:
    """The drawing with one part exchanged."""
    image = torch.zeros(n, 1, size, size, dtype=torch.int64)
    for row, column in order(size):
        logits = model(shown(image, row, column))[:, :, 0]  # (n, L, S, S)
        there = at(row, column, size)
        image[:, 0, row, column] = drawn(p(logits[:, :, there[0], there[1]]), generator)
    return image


@mistake(
    "The model never sees what you have drawn: it gets an empty picture each time, or is asked once for all "
    "pixels. Each pixel has to stand in the picture before the next one is asked for."
)
def _never_seen(*given: Any) -> Tensor:
    return _sample(*given, shown=lambda image, row, column: torch.zeros_like(image))


@mistake(
    "You draw a whole row at a time: within a row the model does not see what stands to the left. One pixel "
    "at a time."
)
def _row_by_row(*given: Any) -> Tensor:
    def shown(image: Tensor, row: int, column: int) -> Tensor:
        image = image.clone()
        image[:, :, row] = 0
        return image

    return _sample(*given, shown=shown)


@mistake("You go down the columns. The model was trained on rows, each from the left: so it is drawn.")
def _columns(*given: Any) -> Tensor:
    return _sample(*given, order=lambda size: [(row, column) for column, row in _order(size)])


@mistake("You begin at the last pixel. What comes before a pixel is above it, and to the left in its row.")
def _from_the_end(*given: Any) -> Tensor:
    return _sample(*given, order=lambda size: _order(size)[::-1])


@mistake("You read the logits at [column, row]. The last two axes are row and column, in this order.")
def _turned(*given: Any) -> Tensor:
    return _sample(*given, at=lambda row, column, size: (column, row))


@mistake(
    "You draw each pixel from the logits of the one before it, as with words. Here the logits at a pixel are "
    "about this pixel."
)
def _of_the_one_before(*given: Any) -> Tensor:
    def at(row: int, column: int, size: int) -> tuple[int, int]:
        place = max(row * size + column - 1, 0)
        return place // size, place % size

    return _sample(*given, at=at)


@mistake("Your last pixel is never drawn: it is still the zero that was there at the start.")
def _last_missing(*given: Any) -> Tensor:
    return _sample(*given, order=lambda size: _order(size)[:-1])


@mistake("Your first row or first pixel is never drawn: it stays 0. The first pixel has logits as well.")
def _first_missing(*given: Any) -> Tensor:
    return _sample(*given, order=lambda size: _order(size)[1:])


@mistake(
    "You take the likeliest level each time: all pictures come out the same. Draw it from its probabilities, "
    "by torch.multinomial."
)
def _argmax(*given: Any) -> Tensor:
    return _sample(*given, drawn=lambda p, generator: p.argmax(1))


@mistake(
    "Your draws do not use the generator: the same one gives other pictures the second time. Hand it on, "
    "generator=generator."
)
def _without_generator(*given: Any) -> Tensor:
    return _sample(*given, drawn=lambda p, generator: torch.multinomial(p, 1)[:, 0])


@mistake(
    "You set a seed of your own inside: another generator gives the same pictures. Use the one that you are "
    "given as it is."
)
def _own_seed(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    return sample_digits(model, n, size, torch.Generator().manual_seed(0))


@mistake(
    "One picture is drawn, and handed out n times. torch.multinomial draws for each row of (n, L) by itself."
)
def _one_for_all(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    return sample_digits(model, 1, size, generator).expand(n, 1, size, size).clone()


@mistake("You draw every level with the same chance, whatever the model says.")
def _uniform(*given: Any) -> Tensor:
    return _sample(*given, p=lambda logits: torch.ones_like(logits))


@mistake(
    "Your levels do not come as often as the model says: each gets a sigmoid by itself. Probabilities of "
    "levels that exclude one another come from one softmax."
)
def _sigmoid(*given: Any) -> Tensor:
    return _sample(*given, p=torch.sigmoid)


@mistake("You take the softmax twice: that makes the model's probabilities nearly equal. Once is enough.")
def _twice(*given: Any) -> Tensor:
    return _sample(*given, p=lambda logits: logits.softmax(1).softmax(1))


@mistake(
    "Your levels are too sure of themselves: the logits are multiplied by something before the softmax. "
    "Without it they come as often as the model says."
)
def _cold(*given: Any) -> Tensor:
    return _sample(*given, p=lambda logits: (2 * logits).softmax(1))


WRONG: Any = (
    _never_seen, _row_by_row, _columns, _from_the_end, _turned, _of_the_one_before, _last_missing,
    _first_missing, _argmax, _without_generator, _own_seed, _one_for_all, _uniform, _sigmoid, _twice, _cold,
)  # fmt: skip
EXERCISE = Exercise(
    "15.3",
    "A picture, pixel by pixel",
    sample_digits,
    _models,
    difficulty=2,
    minutes=10,
    use=use_sample,
    hints=(
        "Begin with a picture of zeros and two loops, rows outside, columns inside. What does the model have "
        "to be shown when a pixel's turn comes, and at which place of its answer do you look?",
        "model(image)[:, :, 0, row, column] are the logits (n, L) of this pixel. Their softmax over the "
        "levels goes to torch.multinomial(p, 1, generator=generator), which gives (n, 1).",
        "Write what was drawn into image[:, 0, row, column] at once: the next call of the model reads it.",
    ),
    mistakes=WRONG,
)
