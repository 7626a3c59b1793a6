"""Chapter 20, exercise 20.7: the robust data term (reference: `fitting_solutions.data_term`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.fitting_solutions import data_term
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _joints(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[3.0, 4.0]]), floats([[0.0, 0.0]]), floats([1.0]), 10.0  # 5 pixels off
    yield floats([[300.0, 400.0]]), floats([[0.0, 0.0]]), floats([1.0]), 10.0  # far off
    yield floats([[3.0, 4.0]]), floats([[0.0, 0.0]]), floats([0.5]), 5.0
    yield floats([[3.0, 4.0], [0, 0]]), floats([[0.0, 0], [70, 80]]), floats([1.0, 0.0]), 10.0  # one hidden
    yield floats([[3.0, 4.0], [1, 2]]), floats([[0.0, 0], [torch.nan] * 2]), floats([0.8, 0.0]), 10.0
    yield floats([[5.0, 6.0]]), floats([[5.0, 6.0]]), floats([1.0]), 3.0  # no error
    for shape, sigma in (((3,), 20.0), ((5,), 4.0), ((2, 4), 10.0), ((3, 6), 30.0)):
        pixels = rng.uniform(0, 100, (*shape, 2))
        projected = pixels + rng.normal(size=(*shape, 2)) * rng.choice([2, 60], size=(*shape, 1))
        confidence = rng.uniform(0.1, 1, shape) * (rng.random(shape) < 0.8)
        pixels[confidence == 0] = np.nan
        yield floats(projected), floats(pixels), floats(confidence), sigma


def with_gradient(
    answer: Callable[..., Any], projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float
) -> Any:
    """The term, and its gradient by `projected`, along which a fit goes."""
    projected = projected.clone().requires_grad_()
    made = answer(projected, pixels, confidence, sigma_px)
    if not isinstance(made, Tensor) or not made.is_floating_point():
        return made
    gradient = torch.zeros_like(projected)
    if made.requires_grad:
        (found,) = torch.autograd.grad(made.sum(), projected, allow_unused=True)
        gradient = gradient if found is None else found
    return {"energy": made.detach(), "gradient": gradient}


def _term(
    projected: Tensor,
    pixels: Tensor,
    confidence: Tensor,
    sigma_px: float,
    *,
    weigh: Callable[[Tensor], Tensor] = lambda confidence: confidence,
    square: Callable[[Tensor], Tensor] = lambda residual: residual.square().sum(-1),
    robust: Callable[[Tensor, float], Tensor] = lambda square, s: s**2 * square / (s**2 + square),
    total: Callable[[Tensor, Tensor], Tensor] = lambda weighted, confidence: weighted.sum(-1),
) -> Tensor:
    """The term with one part exchanged."""
    residual = torch.where(confidence[..., None] > 0, projected - pixels, 0.0)
    return total(weigh(confidence) * robust(square(residual), sigma_px), confidence)


@mistake(
    "Your term is the plain square, that grows without bound: one joint that was seen in the wrong place "
    "pulls everything along. What divides e² once it is large?"
)
def _squares(*given: Any) -> Tensor:
    return _term(*given, robust=lambda square, s: square)


@mistake("You add up plain distances. That forgives a little, but still grows for ever: ρ ends at σ².")
def _distances(*given: Any) -> Tensor:
    return _term(*given, robust=lambda square, s: (square + 1e-12).sqrt())


@mistake(
    "Your ρ goes from 0 to 1: the factor σ² before it is missing. With it ρ is e² near 0, in square pixels, "
    "whatever σ is."
)
def _no_factor(*given: Any) -> Tensor:
    return _term(*given, robust=lambda square, s: square / (s**2 + square))


@mistake("In your formula σ stands without its square. Which units do e² and σ have?")
def _sigma_once(*given: Any) -> Tensor:
    return _term(*given, robust=lambda square, s: s * square / (s + square))


@mistake(
    "Your e is not squared inside ρ, where σ² + e² is meant. At e equal to σ the term has to be half of σ²."
)
def _not_squared(*given: Any) -> Tensor:
    return _term(*given, robust=lambda square, s: s**2 * square.sqrt() / (s**2 + square.sqrt()))


@mistake(
    "You put u and v through ρ one by one. A joint is one thing: how far it is off, e² of both together, "
    "goes into ρ."
)
def _per_coordinate(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    square = torch.where(confidence[..., None] > 0, projected - pixels, 0.0).square()
    return (confidence[..., None] * sigma_px**2 * square / (sigma_px**2 + square)).sum((-1, -2))


@mistake("Your `confidence` does nothing but hide joints: how sure one is, from 0 to 1, weighs its ρ.")
def _mask(*given: Any) -> Tensor:
    return _term(*given, weigh=lambda confidence: (confidence > 0).float())


@mistake(
    "All joints count alike, also hidden ones, whose pixel may stand for nothing. Multiply each joint's ρ "
    "by its confidence."
)
def _no_confidence(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    return data_term(projected, pixels, torch.ones_like(confidence), sigma_px)


@mistake("Confidence counts twice with you: it is squared. It stands before ρ once, as a plain weight.")
def _confidence_squared(*given: Any) -> Tensor:
    return _term(*given, weigh=torch.square)


@mistake(
    "You weigh the residual inside ρ. Then even an unsure joint reaches σ² if it is far enough off. The "
    "weight belongs outside."
)
def _confidence_inside(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    residual = torch.where(confidence[..., None] > 0, confidence[..., None] * (projected - pixels), 0.0)
    square = residual.square().sum(-1)
    return (sigma_px**2 * square / (sigma_px**2 + square)).sum(-1)


@mistake("You take the mean over the joints. Their sum is asked for: a joint more is a term more.")
def _mean(*given: Any) -> Tensor:
    return _term(*given, total=lambda weighted, confidence: weighted.mean(-1))


@mistake(
    "You divide by the confidence in all. A picture in which little is seen should say little against the "
    "priors: add up, and leave it at that."
)
def _weighted_mean(*given: Any) -> Tensor:
    return _term(*given, total=lambda weighted, confidence: weighted.sum(-1) / confidence.sum(-1))


@mistake(
    "A hidden joint's pixel is NaN, and 0 times NaN is NaN: the whole energy is lost. Put a 0 in place of "
    "its residual before you go on."
)
def _nan(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    square = (projected - pixels).square().sum(-1)
    return (confidence * sigma_px**2 * square / (sigma_px**2 + square)).sum(-1)


@mistake(
    "The energy is right, but its gradient is NaN: you take the NaN out at the end, and the way back still "
    "goes through it. Take it out where it comes in."
)
def _nan_gradient(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    square = (projected - pixels).square().sum(-1)
    return (confidence * sigma_px**2 * square / (sigma_px**2 + square)).nansum(-1)


@mistake(
    "The people of a batch are added up to one number. Each has an energy of its own: add up over the "
    "joints alone, the last axis."
)
def _all_together(*given: Any) -> Tensor:
    return _term(*given, total=lambda weighted, confidence: weighted.sum())


EXERCISE = Exercise(
    "20.7",
    "The robust data term",
    data_term,
    _joints,
    difficulty=1,
    minutes=8,
    use=with_gradient,
    hints=(
        "Four steps: the residual of each joint, its squared length, ρ of that, and the sum over the joints "
        "weighted by confidence. The only trap is a pixel that is NaN.",
        "torch.where(confidence[..., None] > 0, projected - pixels, 0.0) hides a residual before anything "
        "is made of it. ρ is σ² e² / (σ² + e²), with e² added up over u and v.",
        "square is residual.square().sum(-1), robust is sigma_px**2 * square / (sigma_px**2 + square), and "
        "the answer is (confidence * robust).sum(-1).",
    ),
    mistakes=(
        _squares,
        _distances,
        _no_factor,
        _sigma_once,
        _not_squared,
        _per_coordinate,
        _mask,
        _no_confidence,
        _confidence_squared,
        _confidence_inside,
        _mean,
        _weighted_mean,
        _nan,
        _nan_gradient,
        _all_together,
    ),
)
