"""Chapter 13, exercise 13.10: the directional loss (reference: `crossing_solutions.directional_loss`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13.crossing_solutions import directional_loss
from lecture_utils.exercises.draws import floats, unit
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _moves(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[0.6, 0.8]]), floats([[1.0, 0.0]]), floats([[0.0, 1.0]]), floats([[0.8, 0.6]])
    for pictures, texts, dim in ((2, 2, 3), (3, 1, 4), (3, 3, 3), (5, 1, 8), (4, 4, 6)):
        yield *(unit(rng, pictures, dim) for _ in range(2)), *(unit(rng, texts, dim) for _ in range(2))
    same = unit(rng, 2, 4)
    yield same, same.clone(), unit(rng, 2, 4), unit(rng, 2, 4)  # before the first step


def _use(
    answer: Callable[..., Any], styled: Tensor, source: Tensor, target_text: Tensor, source_text: Tensor
) -> Any:
    """The loss, whether its gradient is finite, and the gradient where the pictures have moved."""
    moved = styled.clone().requires_grad_()
    made = answer(moved, source, target_text, source_text)
    if not isinstance(made, Tensor) or not made.is_floating_point():
        return made
    gradient = torch.zeros_like(moved)
    if made.requires_grad:
        (gradient,) = torch.autograd.grad(made.sum(), moved)
    finite = bool(gradient.isfinite().all())
    still = ((styled - source).norm(dim=-1, keepdim=True) < 1e-6) | ~gradient.isfinite()
    return {"loss": made.detach(), "gradient is finite": finite, "gradient": gradient.masked_fill(still, 0.0)}


def _loss(
    styled: Tensor,
    source: Tensor,
    target_text: Tensor,
    source_text: Tensor,
    *,
    moved: Callable[[Tensor, Tensor], Tensor] = torch.sub,
    wanted: Callable[[Tensor, Tensor], Tensor] = torch.sub,
    alike: Callable[[Tensor, Tensor], Tensor] = lambda a, b: F.cosine_similarity(a, b, dim=-1, eps=1e-4),
    loss: Callable[[Tensor], Tensor] = lambda cosine: 1 - cosine,
) -> Tensor:
    """The loss with one part exchanged."""
    return loss(alike(moved(styled, source), wanted(target_text, source_text)))


@mistake(
    "You compare the picture with the target text: that is the global loss. Here it is the change of the "
    "picture that is compared with the change of the text."
)
def _global(*given: Tensor) -> Tensor:
    return _loss(*given, moved=lambda styled, source: styled, wanted=lambda target, source: target)


@mistake(
    "The picture's change is right, but you compare it with the target text, and not with the texts' change."
)
def _target_alone(*given: Tensor) -> Tensor:
    return _loss(*given, wanted=lambda target, source: target.expand_as(target))


@mistake(
    "The texts' change is right, but you compare it with the picture as it is now, and not with its change."
)
def _picture_alone(*given: Tensor) -> Tensor:
    return _loss(*given, moved=lambda styled, source: styled)


@mistake("One of your two changes points backwards: both go from what is there to what is wanted.")
def _backwards(*given: Tensor) -> Tensor:
    return _loss(*given, wanted=lambda target, source: source - target)


@mistake("Your loss is largest where picture and text move the same way. It has to be one less that cosine.")
def _sign(*given: Tensor) -> Tensor:
    return _loss(*given, loss=lambda cosine: cosine)


@mistake("You return minus the cosine. One less the cosine is asked for, which is 0 at best.")
def _minus(*given: Tensor) -> Tensor:
    return _loss(*given, loss=torch.neg)


@mistake(
    "You take a plain dot product. How far the picture has moved must not count: divide by both lengths."
)
def _dot(*given: Tensor) -> Tensor:
    return _loss(*given, alike=lambda a, b: (a * b).sum(-1))


@mistake("You take the mean over the pictures. Each has a loss of its own, (B,).")
def _mean(*given: Tensor) -> Tensor:
    return directional_loss(*given).mean()


@mistake(
    "Before the first step nothing has moved, and you divide by a length of 0: NaN, and so is every picture "
    "after. F.cosine_similarity keeps from that."
)
def _nan(*given: Tensor) -> Tensor:
    return _loss(*given, alike=lambda a, b: (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1)))


@mistake(
    "The loss is right, but its gradient at the start is NaN: the length of 0 has none. Something small "
    "belongs under the root, or use F.cosine_similarity."
)
def _nan_gradient(*given: Tensor) -> Tensor:
    def alike(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(-1) / (a.square().sum(-1).sqrt().clamp(min=1e-4) * b.norm(dim=-1))

    return _loss(*given, alike=alike)


@mistake(
    "You take differences across: picture less text. The two spaces have an offset to each other; "
    "differences are taken within each."
)
def _across(styled: Tensor, source: Tensor, target_text: Tensor, source_text: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(styled - target_text, source - source_text, dim=-1, eps=1e-4)


@mistake(
    "Your cosine runs along the batch, which is axis 0. The D numbers of an embedding are the last axis."
)
def _along_the_batch(*given: Tensor) -> Tensor:
    return _loss(*given, alike=lambda a, b: F.cosine_similarity(a, b.expand_as(a), dim=0, eps=1e-4))


@mistake("You measure how far the two changes are apart. Only their directions count, by a cosine.")
def _distance(*given: Tensor) -> Tensor:
    return _loss(*given, alike=lambda a, b: 1 - (a - b).square().sum(-1))


WRONG: Any = (
    _global, _target_alone, _picture_alone, _backwards, _sign, _minus, _dot, _mean, _nan, _nan_gradient,
    _across, _along_the_batch, _distance,
)  # fmt: skip
EXERCISE = Exercise(
    "13.10",
    "The way that the texts go",
    directional_loss,
    _moves,
    difficulty=2,
    minutes=7,
    use=_use,
    hints=(
        "Two arrows: from the given picture to the changed one, and from the text of what is there to that "
        "of what is wanted. When do they point the same way?",
        "Each arrow is a difference of two embeddings. F.cosine_similarity(a, b, dim=-1) repeats a single "
        "text for all pictures, and gives 0 for an arrow of length 0.",
    ),
    mistakes=WRONG,
)
