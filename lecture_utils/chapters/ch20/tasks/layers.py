"""Chapter 20, exercise 20.10: several people on one ray (reference: `fitting_solutions.composite_layers`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.fitting_solutions import composite_layers
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _rays(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    red, blue, white = [1.0, 0, 0], [0.0, 0, 1], floats([[1.0, 1, 1]])
    yield floats([[[red]]]), floats([[[0.6]]]), floats([[[2.0]]]), white  # one person, one sample
    yield floats([[[red]], [[blue]]]), floats([[[0.6]], [[0.5]]]), floats([[[2.0]], [[3.0]]]), white
    yield floats([[[red]], [[blue]]]), floats([[[0.6]], [[0.5]]]), floats([[[3.0]], [[2.0]]]), white
    yield floats([[[red]], [[blue]]]), floats([[[1.0]], [[1.0]]]), floats([[[3.0]], [[2.0]]]), white  # opaque
    arms = floats([[[2.0, 4.0]], [[1.0, 3.0]]])  # an arm before the other, whose trunk is before the first's
    yield floats([[[red, red]], [[blue, blue]]]), floats([[[0.5, 0.9]], [[0.4, 0.8]]]), arms, white
    for people, rays, samples in ((2, 1, 2), (2, 2, 3), (3, 2, 3), (3, 3, 4)):
        colours, alphas = (rng.uniform(0.05, 0.95, (people, rays, samples, *more)) for more in ((3,), ()))
        depths, background = rng.uniform(1, 5, (people, rays, samples)), rng.uniform(0, 1, (rays, 3))
        yield floats(colours), floats(alphas), floats(depths), floats(background)


def _before(alpha: Tensor) -> Tensor:
    """The share of light that reaches each sample."""
    passed = torch.cumprod(1 - alpha, 1)
    return torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], 1)


def _by_depth(depths: Tensor) -> Tensor:
    """The order (R, P·S) in which samples are blended, of depths (P, R, S)."""
    return depths.transpose(0, 1).flatten(1, 2).argsort(1)


def _blended(
    colours: Tensor,
    alphas: Tensor,
    depths: Tensor,
    background: Tensor,
    *,
    order: Callable[[Tensor], Tensor] = _by_depth,
    reaches: Callable[[Tensor], Tensor] = _before,
    behind: Callable[[Tensor, Tensor], Any] = lambda left, background: left * background,
    back: bool = True,
    colours_too: bool = True,
    shares: Callable[..., Tensor] = lambda weights, alphas: weights.unflatten(1, (len(alphas), -1)).sum(2),
) -> tuple[Tensor, Tensor]:
    """All people blended, with one part exchanged."""
    alpha, colour = (x.transpose(0, 1).flatten(1, 2) for x in (alphas, colours))
    way = order(depths)
    alpha = alpha.gather(1, way)
    weights = reaches(alpha) * alpha
    own = colour.gather(1, way[..., None].expand(-1, -1, 3)) if colours_too else colour
    left = torch.prod(1 - alpha, 1, keepdim=True)
    picture = (weights[..., None] * own).sum(1) + behind(left, background)
    back_again = torch.zeros_like(weights).scatter(1, way, weights) if back else weights
    return picture, shares(back_again, alphas)


@mistake(
    "You blend person by person, as they come in. Who is nearer is decided by depth, sample by sample: the "
    "first person may stand behind."
)
def _as_they_come(*given: Tensor) -> Any:
    return _blended(
        *given, order=lambda depths: torch.arange(len(depths) * depths.shape[2]).expand(depths.shape[1], -1)
    )


@mistake(
    "You sort the people, and keep each one's samples together. An arm of one may be before the other, "
    "whose trunk is before the first's: all samples have to be sorted."
)
def _people_sorted(*given: Tensor) -> Any:
    def whole(depths: Tensor) -> Tensor:
        people, rays, samples = depths.shape
        nearest = depths.amin(2, keepdim=True).expand(-1, -1, samples)
        nearest = nearest + 1e-4 * depths.argsort(2).argsort(2)  # within a person by depth
        return nearest.transpose(0, 1).reshape(rays, people * samples).argsort(1)

    return _blended(*given, order=whole)


@mistake(
    "You begin with the farthest sample: what stands behind hides what stands before. Which comes first?"
)
def _farthest_first(*given: Tensor) -> Any:
    return _blended(*given, order=lambda depths: _by_depth(-depths))


@mistake(
    "Each sample is dimmed by its own opacity too. What reaches a sample has passed those before it, and "
    "not itself: the first one gets all the light."
)
def _own_too(*given: Tensor) -> Any:
    return _blended(*given, reaches=lambda alpha: torch.cumprod(1 - alpha, 1))


@mistake(
    "What passes several samples is the product of what each lets pass. You take their opacities away one "
    "after the other, as a sum, which can fall below 0."
)
def _sum_for_product(*given: Tensor) -> Any:
    return _blended(*given, reaches=lambda alpha: 1 - (alpha.cumsum(1) - alpha))


@mistake("What stands before a sample does not dim it: your weights are the bare opacities.")
def _no_occlusion(*given: Tensor) -> Any:
    return _blended(*given, reaches=torch.ones_like)


@mistake("There is no background in your picture. How much of the light has passed all samples?")
def _no_background(*given: Tensor) -> Any:
    return _blended(*given, behind=lambda left, background: 0)


@mistake("You add the whole background to every ray. It is seen by what has passed all samples.")
def _whole_background(*given: Tensor) -> Any:
    return _blended(*given, behind=lambda left, background: background)


@mistake(
    "Your picture is right. The shares are given to the wrong people: the weights are in the order of depth "
    "still. Bring them back to the people's order before you add them up: `scatter`."
)
def _shares_by_depth(*given: Tensor) -> Any:
    return _blended(*given, back=False)


def _alone(alphas: Tensor) -> Tensor:
    """What each person would cover alone, (R, P)."""
    return 1 - torch.prod(1 - alphas, 2).T


@mistake(
    "Your picture is right. As shares you give what each person would cover alone; whoever stands behind "
    "another covers less. The weights of the picture say how much."
)
def _shares_alone(*given: Tensor) -> Any:
    return _blended(*given, shares=lambda weights, alphas: _alone(alphas))


@mistake(
    "Your picture is right. As shares you add up bare opacities; a share is made of weights, which light "
    "has to reach."
)
def _shares_of_alphas(*given: Tensor) -> Any:
    return _blended(*given, shares=lambda weights, alphas: alphas.sum(2).T)


@mistake(
    "Your picture is right. The shares are scaled to add up to 1 over the people; part of a ray belongs to "
    "nobody, and that is the background's."
)
def _shares_scaled(*given: Tensor) -> Any:
    picture, shares = composite_layers(*given)
    return picture, shares / shares.sum(1, keepdim=True)


@mistake(
    "Your picture is right. The shares have the people in rows and the rays in columns; the rays come first."
)
def _shares_turned(*given: Tensor) -> Any:
    picture, shares = composite_layers(*given)
    return picture, shares.T.contiguous()


@mistake(
    "You sort opacities by depth, but leave the colours in the people's order: each weight meets another "
    "sample's colour. Your shares are right."
)
def _colours_unsorted(*given: Tensor) -> Any:
    return _blended(*given, colours_too=False)


@mistake(
    "Each person is blended alone, and the pictures are added up. Then nobody hides anybody, and a pixel "
    "may become brighter than white."
)
def _each_alone(colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor) -> Any:
    each = [
        composite_layers(c[None], a[None], d[None], 0 * background)
        for c, a, d in zip(colours, alphas, depths, strict=True)
    ]
    shares = torch.cat([share for _, share in each], 1)
    left = 1 - shares.sum(1, keepdim=True)
    return torch.stack([picture for picture, _ in each]).sum(0) + left * background, shares


EXERCISE = Exercise(
    "20.10",
    "Two people on one ray",
    composite_layers,
    _rays,
    difficulty=3,
    minutes=15,
    hints=(
        "Forget at first who is who: put all samples of a ray into one row, sort the row by depth, and "
        "blend it as NeRF does. Then ask of each weight whose sample it was.",
        "x.transpose(0, 1).flatten(1, 2) makes (R, P·S) of (P, R, S). order is the argsort of the depths; "
        "gather brings opacities into that order, and scatter brings the weights back, so that unflatten "
        "can tell people apart.",
        "passed is torch.cumprod(1 - sorted_alpha, dim=1), what reaches a sample the same shifted by one "
        "with 1 in front. torch.zeros_like(alpha).scatter(1, order, before * sorted_alpha).unflatten(1, (P, "
        "S)).sum(2) are the shares.",
    ),
    mistakes=(
        _as_they_come,
        _people_sorted,
        _farthest_first,
        _own_too,
        _sum_for_product,
        _no_occlusion,
        _no_background,
        _whole_background,
        _shares_by_depth,
        _shares_alone,
        _shares_of_alphas,
        _shares_scaled,
        _shares_turned,
        _colours_unsorted,
        _each_alone,
    ),
)
