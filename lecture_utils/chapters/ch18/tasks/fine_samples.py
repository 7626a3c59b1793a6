"""Chapter 18, exercise 18.10: samples where the weight is (reference: `radiance_solutions.fine_samples`).

Shapes: R rays, S bins on each, K samples of the second pass.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.radiance_solutions import fine_samples, fine_samples_faulty
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _coarse_passes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[2.0, 3.0, 4.0]]), floats([[0.2, 0.6]]), floats([[0.625]])
    yield floats([[2.0, 3.0, 4.0]]), floats([[0.2, 0.6]]), floats([[0.125]])  # in the first bin
    yield floats([[2.0, 2.5, 4.0]]), floats([[0.0, 0.0]]), floats([[0.25, 0.75]])  # an empty ray
    yield floats([[2.0, 2.5, 3.5, 4.0]]), floats([[0.0, 0.9, 0.0]]), floats([[0.1, 0.5, 0.9]])  # one wall
    yield floats([[2.0, 2.5, 3.5, 4.0]]), floats([[0.2, 0.1, 0.1]]), floats([[0.0, 0.4, 0.6, 0.9]])
    yield floats([[2.0, 2.5, 3.5, 4.0]]), floats([[0.9, 0.0, 0.1]]), floats([[0.3, 0.6, 0.95]])
    for rays, bins, samples in ((1, 3, 4), (2, 4, 5), (3, 6, 8), (4, 8, 12), (5, 12, 16)):
        edges = np.sort(rng.uniform(2, 4, (rays, bins + 1)), axis=1)
        weights = rng.dirichlet(np.ones(bins), rays) * rng.uniform(0.3, 1, (rays, 1))
        if rays > 2:
            weights[0] = 0
            weights[1, 1:-1] = 0
        yield (
            floats(edges),
            floats(weights),
            floats(np.sort(rng.uniform(0.01, 0.99, (rays, samples)), axis=1)),
        )


def _sampled(
    edges_m: Tensor,
    weights: Tensor,
    u: Tensor,
    *,
    add: float = 1e-5,
    cdf: Callable[[Tensor], Tensor] | None = None,
    place: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """The fine samples with another sum or another place in the bin (of u, low, high, start, end)."""
    weights = weights + add
    if cdf is None:
        total = weights.cumsum(1) / weights.sum(1, keepdim=True)
        total = torch.cat([torch.zeros_like(total[:, :1]), total], 1)
    else:
        total = cdf(weights)
    found = torch.searchsorted(total, u.contiguous()).clamp(1, total.shape[1] - 1)
    low, high = total.gather(1, found - 1), total.gather(1, found)
    start, end = edges_m.gather(1, found - 1), edges_m.gather(1, found)
    if place is None:
        return start + (u - low) / (high - low) * (end - start)
    return place(u, low, high, start, end)


@mistake(
    "The samples still lie one bin too near, in front of what they should hit, and some of them before the "
    "ray's first edge. How many edges has a ray, and how many sums have you?"
)
def _fault_kept(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return fine_samples_faulty(edges_m, weights, u)


@mistake(
    "Most samples are now in their bin. But what should lie in the first bin does not: before it your sums "
    "have nothing to begin from. How much weight lies before the first edge?"
)
def _one_bin_further(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return fine_samples_faulty(edges_m[:, 1:], weights, u)


@mistake(
    "You hold the samples between the first and the last edge. That hides one symptom; they still lie one "
    "bin too near. Why could they leave the ray at all?"
)
def _held_inside(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return fine_samples_faulty(edges_m, weights, u).maximum(edges_m[:, :1]).minimum(edges_m[:, -1:])


@mistake(
    "Your samples have gone too far: now they lie behind the weight. The sum at an edge holds what lies "
    "before that edge; where does the 0 belong, and how often?"
)
def _two_zeros(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    none = torch.zeros_like(weights[:, :1])
    total = lambda w: torch.cat([none, none, w.cumsum(1) / w.sum(1, keepdim=True)], 1)[:, : w.shape[1] + 1]  # noqa: E731
    return _sampled(edges_m, weights, u, cdf=total)


@mistake(
    "All samples of a bin lie on its nearer edge. Within a bin the weight is spread evenly: how far between "
    "the two sums does u lie?"
)
def _at_the_edge(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(edges_m, weights, u, place=lambda u, low, high, start, end: start)


@mistake(
    "All samples of a bin lie in its middle. Then a hundred of them ask the network at the same place: how "
    "far between the two sums does u lie?"
)
def _in_the_middle(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(edges_m, weights, u, place=lambda u, low, high, start, end: (start + end) / 2)


@mistake(
    "Your bin is right, but within it you go by u itself. What counts there is how far u lies between the "
    "sums at the bin's two edges."
)
def _by_u_itself(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(edges_m, weights, u, place=lambda u, low, high, start, end: start + u * (end - start))


@mistake(
    "Within a bin your samples run backwards: the larger u, the nearer. Measure from the lower sum and from "
    "the nearer edge."
)
def _backwards(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    back = lambda u, low, high, start, end: end - (u - low) / (high - low) * (end - start)  # noqa: E731
    return _sampled(edges_m, weights, u, place=back)


@mistake("You forgot to multiply by how wide the bin is: a share of it is no number of metres yet.")
def _width_forgotten(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(
        edges_m, weights, u, place=lambda u, low, high, start, end: start + (u - low) / (high - low)
    )


@mistake(
    "On a ray whose weights sum to less than 1, your samples run past the end. u is a share of the ray's own "
    "weight: that division was no fault."
)
def _not_normalised(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(
        edges_m, weights, u, cdf=lambda w: torch.cat([torch.zeros_like(w[:, :1]), w.cumsum(1)], 1)
    )


@mistake(
    "You divide by the weights of all rays together. The sums of each ray have to end at 1, each for "
    "itself: along which axis do you sum?"
)
def _normalised_over_all(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    total = lambda w: torch.cat([torch.zeros_like(w[:, :1]), w.cumsum(1) / w.sum()], 1)  # noqa: E731
    return _sampled(edges_m, weights, u, cdf=total)


@mistake(
    "An empty ray gives NaN: its weights sum to 0. The 10⁻⁵ had a purpose, and was no fault; where else does "
    "it save a division by 0?"
)
def _nothing_added(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(edges_m, weights, u, add=0.0)


@mistake(
    "Your samples ignore the weights: they lie evenly from the first edge to the last. Dense where "
    "the weight is, was the task."
)
def _even(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return edges_m[:, :1] + u * (edges_m[:, -1:] - edges_m[:, :1])


@mistake(
    "You go from middle to middle of the bins, so that your samples lie half a bin too near. The sums are "
    "those at the edges."
)
def _from_the_middles(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    middles = (edges_m[:, 1:] + edges_m[:, :-1]) / 2
    return _sampled(torch.cat([middles[:, :1], middles], 1), weights, u)


@mistake(
    "You multiply the weights by the widths of their bins. A weight is the share that the whole bin stops "
    "already: a wide bin needs no bonus."
)
def _width_twice(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(edges_m, weights * torch.diff(edges_m, dim=1), u)


@mistake(
    "You divide the weights by the widths of their bins. Wanted are shares, not densities: how much of the "
    "light a bin stops is its weight as it stands."
)
def _width_divided_out(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(edges_m, weights / torch.diff(edges_m, dim=1), u)


@mistake(
    "A softmax makes the weights almost even: e to the power of 0.9 is hardly more than 2. They are shares "
    "already, and have only to be divided by their sum."
)
def _softmaxed(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(edges_m, weights.softmax(1), u, add=0.0)


@mistake(
    "You add the 10⁻⁵ to the sum alone, so that an empty ray gets no weight anywhere. It belongs to each "
    "weight, before anything is added up."
)
def _added_to_the_sum(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    share = weights / (weights.sum(1, keepdim=True) + 1e-5)
    total = torch.cat([torch.zeros_like(share[:, :1]), share.cumsum(1)], 1)
    bins = (torch.searchsorted(total, u.contiguous(), right=True) - 1).clamp(0, share.shape[1] - 1)
    start, end = edges_m.gather(1, bins), edges_m.gather(1, bins + 1)
    within = (u - total.gather(1, bins)) / share.gather(1, bins).clamp(min=1e-5)
    return start + within * (end - start)


@mistake(
    "All samples of a bin lie on its farther edge. Within a bin the weight is spread evenly: how far between "
    "the two sums does u lie?"
)
def _at_the_far_edge(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    return _sampled(edges_m, weights, u, place=lambda u, low, high, start, end: end)


EXERCISE = Exercise(
    "18.10",
    "The fine samples miss the surface",
    fine_samples,
    _coarse_passes,
    difficulty=2,
    minutes=12,
    hints=(
        "Follow one sample by hand: edges 2, 3, 4, weights 0.2 and 0.6, u = 0.625. A quarter of the "
        "weight lies before 3, and 0.625 is halfway from there to 1: so 3.5. What does the code say?",
        "Print the shapes. The code looks up an index among the sums, and uses it on the edges: the two "
        "must have one entry each for the same things. What is the sum at the first edge?",
        "A column of zeros in front of the sums makes the number at an edge what lies before that edge.",
    ),
    mistakes=(
        _fault_kept, _one_bin_further, _held_inside, _two_zeros, _at_the_edge, _in_the_middle,
        _by_u_itself, _backwards, _width_forgotten, _not_normalised, _normalised_over_all,
        _nothing_added, _even, _from_the_middles, _width_twice, _width_divided_out, _softmaxed,
        _added_to_the_sum, _at_the_far_edge,
    ),
)  # fmt: skip
