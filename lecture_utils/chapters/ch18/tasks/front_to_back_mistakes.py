"""Chapter 18, exercise 18.12: the usual mistakes, each with its hint (`front_to_back` has the exercise).

Shapes: P pixels, N Gaussians.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lecture_utils.exercises.exercise import mistake

__all__ = ["MISTAKES"]


def _blended(
    pixels: Tensor,
    means: Tensor,
    covariances: Tensor,
    depth_m: Tensor,
    colours: Tensor,
    opacities: Tensor,
    *,
    order: Callable[[Tensor], Tensor] = lambda depth: depth.argsort(),
    matrix: Callable[[Tensor], Tensor] = torch.linalg.inv,
    fall: Callable[[Tensor], Tensor] = lambda distance: torch.exp(-distance / 2),
    most: float = 0.99,
    least: float = 1 / 255,
    light: Callable[[Tensor], Tensor] = lambda alphas: torch.cumprod(1 - alphas, 1) / (1 - alphas),
    behind: Callable[[Tensor, Tensor], Any] = lambda alphas, weights: torch.prod(1 - alphas, 1)[:, None],
    sorted_too: bool = True,
) -> Tensor:
    """The pixels' colours with one part exchanged: `light` that reaches each splat, what is `behind` all."""
    near = order(depth_m)
    offset = pixels[:, None] - means[near]
    distance = torch.einsum("pni,nij,pnj->pn", offset, matrix(covariances[near]), offset)
    alphas = (opacities[near] * fall(distance)).clamp(max=most)
    alphas = torch.where(alphas < least, 0.0, alphas)
    weights = light(alphas) * alphas
    return weights @ colours[near if sorted_too else slice(None)] + behind(alphas, weights)


@mistake(
    "You blend the splats in the order in which they are stored. What hides what is a question of depth: "
    "which of the arguments have you not used?"
)
def _unsorted(*given: Tensor) -> Tensor:
    return _blended(*given, order=lambda depth: torch.arange(len(depth)))


@mistake(
    "With you the far splats hide the near ones. Light that reaches a splat has passed all that are nearer: "
    "at which end does the order begin?"
)
def _far_ones_first(*given: Tensor) -> Tensor:
    return _blended(*given, order=lambda depth: depth.argsort(descending=True))


@mistake(
    "You sort the splats, but not their colours: each gets the colour of another one. What belongs to a "
    "splat has to move with it."
)
def _colours_not_sorted(*given: Tensor) -> Tensor:
    return _blended(*given, sorted_too=False)


@mistake(
    "The argsort of depth gives which splat comes first, second, …. You use it as each splat's place in the "
    "line: with three splats and more these are different things."
)
def _rank_for_order(*given: Tensor) -> Tensor:
    return _blended(*given, order=lambda depth: depth.argsort().argsort())


@mistake(
    "A splat dims itself: the light that you give it has passed it already. How much reaches the nearest "
    "one of all?"
)
def _dimmed_by_itself(*given: Tensor) -> Tensor:
    return _blended(*given, light=lambda alphas: torch.cumprod(1 - alphas, 1))


@mistake(
    "Nothing dims what lies behind: you add up all splats as if each stood alone. How much light is left "
    "after those that are nearer?"
)
def _all_in_full(*given: Tensor) -> Tensor:
    return _blended(*given, light=torch.ones_like)


@mistake("You multiply by what the nearer splats hide. What reaches a splat is what they let pass.")
def _product_of_alphas(*given: Tensor) -> Tensor:
    def light(alphas: Tensor) -> Tensor:
        passed = torch.cumprod(alphas, 1).roll(1, 1)
        passed[:, 0] = 1
        return passed

    return _blended(*given, light=light)


@mistake(
    "An opaque splat hides everything with you. Then what is behind it gets no light, no gradient, and "
    "never learns: at which value is α held?"
)
def _alpha_not_held(*given: Tensor) -> Tensor:
    def light(alphas: Tensor) -> Tensor:
        passed = torch.cumprod(1 - alphas, 1).roll(1, 1)
        passed[:, 0] = 1
        return passed

    return _blended(*given, most=1.0, light=light)


@mistake(
    "Far from its middle a splat still adds a trace with you. What is below 1/255 counts as nothing; that "
    "is how the renderer can skip most splats at most pixels."
)
def _traces_kept(*given: Tensor) -> Tensor:
    return _blended(*given, least=0.0)


@mistake("A wide splat falls off faster than a narrow one with you. In dᵀ Σ⁻¹ d the covariance is inverted.")
def _not_inverted(*given: Tensor) -> Tensor:
    return _blended(*given, matrix=lambda covariances: covariances)


@mistake(
    "Your splats do not lean: you use the two variances alone. Invert the whole 2 × 2 matrix, not each of "
    "its numbers."
)
def _diagonal_alone(*given: Tensor) -> Tensor:
    return _blended(*given, matrix=lambda c: torch.diag_embed(1 / torch.diagonal(c, dim1=1, dim2=2)))


@mistake("The ½ in the exponent is missing, and your splats are too small by a factor of √2.")
def _half_forgotten(*given: Tensor) -> Tensor:
    return _blended(*given, fall=lambda distance: torch.exp(-distance))


@mistake(
    "You take the root of dᵀ Σ⁻¹ d in the exponent. Then a splat has a sharp tip, and tails that are too "
    "long: a Gaussian falls with the square."
)
def _root_taken(*given: Tensor) -> Tensor:
    return _blended(*given, fall=lambda distance: torch.exp(-distance.clamp(min=0).sqrt() / 2))


@mistake(
    "Where no splat is, your picture is black. The light that all splats let pass comes from a white "
    "background."
)
def _black_behind(*given: Tensor) -> Tensor:
    return _blended(*given, behind=lambda alphas, weights: 0)


@mistake(
    "White is added in full, behind the densest splats too. Which share of its light do they all together "
    "let pass?"
)
def _white_in_full(*given: Tensor) -> Tensor:
    return _blended(*given, behind=lambda alphas, weights: 1)


@mistake(
    "The background shines through the last splat as if it were not there. You give it the light that "
    "reaches that one, not what is left behind it."
)
def _white_before_the_last(*given: Tensor) -> Tensor:
    def passed(alphas: Tensor, weights: Tensor) -> Tensor:
        return torch.prod(1 - alphas[:, :-1], 1)[:, None]

    return _blended(*given, behind=passed)


@mistake(
    "All your splats are round, and one pixel wide: you go by the distance from the middle alone. Where does "
    "the covariance come in?"
)
def _covariance_unused(*given: Tensor) -> Tensor:
    return _blended(*given, matrix=lambda covariances: torch.eye(2).expand_as(covariances))


@mistake(
    "The learned opacities are not in your picture: in its middle every splat hides all that α may, 0.99. "
    "What does the formula put before the exponential?"
)
def _opacity_left_out(
    pixels: Tensor, means: Tensor, covariances: Tensor, depth_m: Tensor, colours: Tensor, opacities: Tensor
) -> Tensor:
    return _blended(pixels, means, covariances, depth_m, colours, torch.ones_like(opacities))


@mistake(
    "You divide by the sum of the weights, so that nothing of the white comes through. The weights are "
    "shares of all light: what they leave is the background's."
)
def _divided_by_the_weights(*given: Tensor) -> Tensor:
    white = _blended(*given)
    black = _blended(*given, behind=lambda alphas, weights: 0)
    return black / (1 - (white - black)).clamp(min=1e-6)


@mistake(
    "You divide each Gaussian by its area, as a probability density is. A splat is no probability: in its "
    "middle it hides o, however wide it is."
)
def _as_a_density(
    pixels: Tensor, means: Tensor, covariances: Tensor, depth_m: Tensor, colours: Tensor, opacities: Tensor
) -> Tensor:
    area = 2 * torch.pi * torch.linalg.det(covariances).sqrt()
    return _blended(pixels, means, covariances, depth_m, colours, opacities / area)


@mistake(
    "You hold the exponential against 1/255. What is compared is α, in which o is a factor: a faint splat "
    "ends sooner."
)
def _exponential_cut_off(*given: Tensor) -> Tensor:
    def fall(distance: Tensor) -> Tensor:
        height = torch.exp(-distance / 2)
        return torch.where(height < 1 / 255, 0.0, height)

    return _blended(*given, fall=fall, least=0.0)


MISTAKES = (
    _unsorted, _far_ones_first, _colours_not_sorted, _rank_for_order, _dimmed_by_itself, _all_in_full,
    _product_of_alphas, _alpha_not_held, _traces_kept, _not_inverted, _diagonal_alone, _half_forgotten,
    _root_taken, _black_behind, _white_in_full, _white_before_the_last, _covariance_unused,
    _opacity_left_out, _divided_by_the_weights, _as_a_density, _exponential_cut_off,
)  # fmt: skip
