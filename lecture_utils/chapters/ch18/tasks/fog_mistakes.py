"""Chapter 18, exercise 18.8: the usual mistakes, each with its hint (`fog` has the exercise).

Shapes: R rays, S samples on each.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lecture_utils.chapters.ch18.radiance_solutions import composite
from lecture_utils.exercises.exercise import mistake

__all__ = ["MISTAKES"]


def _steps(distance_m: Tensor, far_m: Tensor) -> Tensor:
    return torch.diff(distance_m, dim=1, append=far_m[:, None])


def _through(thickness: Tensor) -> Tensor:
    """The share of light that reaches each sample (R, S)."""
    return torch.exp(thickness - thickness.cumsum(1))


def _fog(
    density: Tensor,
    colour: Tensor,
    distance_m: Tensor,
    far_m: Tensor,
    *,
    steps: Callable[[Tensor, Tensor], Tensor] = _steps,
    opacity: Callable[[Tensor], Tensor] = lambda thickness: 1 - torch.exp(-thickness),
    reaches: Callable[[Tensor], Tensor] = _through,
    behind: Callable[[Tensor, Tensor], Any] = lambda weights, thickness: 1 - weights.sum(1, keepdim=True),
) -> tuple[Tensor, Tensor]:
    """What rays see, with one part exchanged: stretches, opacities, what reaches a sample, what is behind."""
    thickness = density * steps(distance_m, far_m)
    weights = reaches(thickness) * opacity(thickness)
    return (weights[:, :, None] * colour).sum(1) + behind(weights, thickness), weights


@mistake(
    "The sample itself stands in its own way: your sum over what lies before it has its own fog in it. What "
    "does the first sample of a ray see in front of it?"
)
def _own_fog_before(*given: Tensor) -> Any:
    return _fog(*given, reaches=lambda thickness: torch.exp(-thickness.cumsum(1)))


@mistake(
    "You take the density for the opacity. It is a rate per metre and may be 60: how much light is stopped "
    "depends on how long the stretch is, and never exceeds all of it."
)
def _density_as_opacity(density: Tensor, colour: Tensor, distance_m: Tensor, far_m: Tensor) -> Any:
    before = torch.cumprod(1 - density, 1).roll(1, 1)
    before[:, 0] = 1
    weights = before * density
    return (weights[:, :, None] * colour).sum(1) + 1 - weights.sum(1, keepdim=True), weights


@mistake(
    "Density times length is your opacity. That is its beginning only: two metres of a fog of 0.7 would stop "
    "140 % of the light. Fog that follows fog finds less light: which function says so?"
)
def _no_exponential(*given: Tensor) -> Any:
    return _fog(*given, opacity=lambda thickness: thickness)


@mistake(
    "All stretches are one metre long with you. Samples lie at `distance_m`: close together a sample stands "
    "for little fog, far apart for much."
)
def _lengths_forgotten(*given: Tensor) -> Any:
    return _fog(*given, steps=lambda distance_m, far_m: torch.ones_like(distance_m))


@mistake(
    "Your last sample stands for no fog at all. After it there is no next sample, but there is an end of the "
    "ray: which argument have you not used?"
)
def _no_last_stretch(*given: Tensor) -> Any:
    return _fog(
        *given, steps=lambda distance_m, far_m: torch.diff(distance_m, dim=1, append=distance_m[:, -1:])
    )


@mistake(
    "Your last stretch is endless, as in the NeRF authors' program: the thinnest fog there becomes a wall. "
    "Here the ray has an end."
)
def _endless_last_stretch(*given: Tensor) -> Any:
    return _fog(*given, steps=lambda distance_m, far_m: _steps(distance_m, far_m + 1e10))


@mistake(
    "You give each sample the stretch that lies before it. It stands for the stretch behind it, up to the "
    "next sample or the end of the ray."
)
def _stretch_before(*given: Tensor) -> Any:
    return _fog(
        *given, steps=lambda distance_m, far_m: torch.diff(distance_m, dim=1, prepend=distance_m[:, :1])
    )


@mistake(
    "Each ray of yours begins with a stretch from the camera to the first sample. Nobody asked for the "
    "density there; a sample stands for what follows it."
)
def _from_the_camera(*given: Tensor) -> Any:
    return _fog(
        *given, steps=lambda distance_m, far_m: torch.diff(distance_m, dim=1, prepend=0 * far_m[:, None])
    )


@mistake(
    "An empty ray is black with you. Light that no sample stopped comes from the background: how much is "
    "that, and which colour has it?"
)
def _no_background(*given: Tensor) -> Any:
    return _fog(*given, behind=lambda weights, thickness: 0)


@mistake(
    "You add the whole background to every ray. A wall hides it, and fog dims it: which share of the light "
    "is left for it?"
)
def _background_in_full(*given: Tensor) -> Any:
    return _fog(*given, behind=lambda weights, thickness: 1)


@mistake(
    "You give the background the light that reaches the last sample. That one still stops some of it: what "
    "is left when the ray has passed all samples?"
)
def _background_before_the_last(*given: Tensor) -> Any:
    return _fog(*given, behind=lambda weights, thickness: _through(thickness)[:, -1:])


@mistake(
    "What lies before a sample does not dim it with you: your weights are bare opacities, and can sum to "
    "more than 1. What has to reach the sample first?"
)
def _weights_without_transmittance(*given: Tensor) -> Any:
    return _fog(*given, reaches=torch.ones_like)


@mistake(
    "You add up the fog from the far end, so that what stands behind dims what stands before. On which side "
    "of a sample is the eye?"
)
def _from_behind(*given: Tensor) -> Any:
    return _fog(*given, reaches=lambda thickness: torch.exp(thickness - thickness.flip(1).cumsum(1).flip(1)))


@mistake(
    "Your weights sum to 1 on every ray, also where fog is thin. Not all light has to be stopped: no weight "
    "needs to be scaled."
)
def _weights_scaled(*given: Tensor) -> Any:
    colour, weights = given[1], composite(*given)[1]
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-9)
    return (weights[:, :, None] * colour).sum(1) + 1 - weights.sum(1, keepdim=True), weights


@mistake(
    "Your colours are right. As second answer you give the light that reaches each sample; a weight is the "
    "share of all light that the sample stops."
)
def _transmittance_returned(density: Tensor, colour: Tensor, distance_m: Tensor, far_m: Tensor) -> Any:
    return composite(density, colour, distance_m, far_m)[0], _through(density * _steps(distance_m, far_m))


@mistake(
    "Your colours are right. As second answer you give the opacity of each stretch by itself; a weight also "
    "says how much light comes that far."
)
def _opacity_returned(density: Tensor, colour: Tensor, distance_m: Tensor, far_m: Tensor) -> Any:
    alphas = 1 - torch.exp(-density * _steps(distance_m, far_m))
    return composite(density, colour, distance_m, far_m)[0], alphas


@mistake(
    "Of a stretch, exp(-σδ) is what it lets pass. You use it as the share that it stops: which of the two "
    "is the opacity?"
)
def _passed_for_stopped(*given: Tensor) -> Any:
    def passed_before(thickness: Tensor) -> Tensor:
        passed = torch.cumprod(1 - torch.exp(-thickness), 1).roll(1, 1)
        passed[:, 0] = 1
        return passed

    return _fog(*given, opacity=lambda thickness: torch.exp(-thickness), reaches=passed_before)


@mistake(
    "Your last stretch is as long as `far_m`. That is a distance from the camera: how much of it lies behind "
    "the last sample?"
)
def _far_as_stretch(*given: Tensor) -> Any:
    last = lambda distance_m, far_m: torch.cat([torch.diff(distance_m, dim=1), far_m[:, None]], 1)  # noqa: E731
    return _fog(*given, steps=last)


@mistake(
    "Your weight is density times what reaches the sample. The length of the stretch is in the second alone; "
    "a share of light cannot be a rate per metre: which share does the stretch stop?"
)
def _density_for_opacity_in_the_weight(
    density: Tensor, colour: Tensor, distance_m: Tensor, far_m: Tensor
) -> Any:
    weights = density * _through(density * _steps(distance_m, far_m))
    return (weights[:, :, None] * colour).sum(1) + 1 - weights.sum(1, keepdim=True), weights


@mistake(
    "You take the mean of the samples' colours. The weights are shares of all light already: their sum is "
    "what the ray sees, and nothing is left to divide by."
)
def _mean_for_sum(density: Tensor, colour: Tensor, distance_m: Tensor, far_m: Tensor) -> Any:
    weights = composite(density, colour, distance_m, far_m)[1]
    return (weights[:, :, None] * colour).mean(1) + 1 - weights.sum(1, keepdim=True), weights


@mistake(
    "You shift the products by one, and what was last has come round to the front. How much light reaches a "
    "ray's first sample?"
)
def _rolled_round(*given: Tensor) -> Any:
    return _fog(*given, reaches=lambda thickness: torch.exp(-thickness.cumsum(1)).roll(1, 1))


MISTAKES = (
    _own_fog_before, _density_as_opacity, _no_exponential, _lengths_forgotten, _no_last_stretch,
    _endless_last_stretch, _stretch_before, _from_the_camera, _no_background, _background_in_full,
    _background_before_the_last, _weights_without_transmittance, _from_behind, _weights_scaled,
    _transmittance_returned, _opacity_returned, _passed_for_stopped, _far_as_stretch,
    _density_for_opacity_in_the_weight, _mean_for_sum, _rolled_round,
)  # fmt: skip
