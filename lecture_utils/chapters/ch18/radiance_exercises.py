"""Chapter 18, part b: the checked exercises about radiance fields and Gaussians.

The references, which the notebook shows as solutions, stand in `radiance_solutions.py`. Here are inputs to
try (smallest first), general hints that say more each time, and the usual mistakes, each with its own hint.
Shapes: R rays, S samples or bins on each, K samples of the second pass, P places or pixels, D coordinates,
L frequencies, N Gaussians.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.radiance_solutions import (
    blend,
    composite,
    encode,
    fine_samples,
    fine_samples_faulty,
    projected_covariance,
)
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.ops.camera import look_at

__all__ = ["EXERCISES"]


def floats(numbers: Any) -> Tensor:
    """Make a tensor of single precision."""
    return torch.tensor(numbers, dtype=torch.float32)


# --- 18.8 compositing ------------------------------------------------------------------------------
def _fogs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    red, blue = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    yield floats([[0.7]]), floats([[red]]), floats([[1.0]]), floats([3.0])  # one sample, two metres of fog
    yield floats([[0.5, 0.8]]), floats([[red, blue]]), floats([[1.0, 1.5]]), floats([2.5])
    yield floats([[0.0, 0.0]]), floats([[red, blue]]), floats([[1.0, 2.0]]), floats([3.0])  # no fog at all
    yield floats([[60.0, 60.0]]), floats([[red, blue]]), floats([[1.0, 2.0]]), floats([3.0])  # a wall
    yield floats([[0.0, 2.0, 1.0]]), floats([[blue, red, blue]]), floats([[0.5, 0.7, 1.7]]), floats([1.9])
    for rays, samples, dense in ((1, 3, 1.0), (2, 4, 0.6), (3, 6, 2.0), (4, 9, 0.8)):
        distance = np.sort(rng.uniform(2, 4, (rays, samples)), axis=1)
        density = rng.gamma(1.0, dense, (rays, samples))
        colour = rng.uniform(0, 0.9, (rays, samples, 3))
        yield floats(density), floats(colour), floats(distance), floats(rng.uniform(4.2, 5, rays))


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


# --- 18.9 waves that pixels can carry --------------------------------------------------------------
def _places(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[0.1]]), 1, 0.0
    yield floats([[0.1]]), 2, 0.0
    yield floats([[0.1, -0.35]]), 2, 0.0  # two coordinates
    yield floats([[0.3]]), 2, 0.4  # the second wave is as long as 1, 2.5 samples
    yield floats([[0.3]]), 2, 0.7  # 1.4 samples
    yield floats([[0.3]]), 2, 0.5  # just 2 samples
    yield floats([[0.3]]), 3, 1.5  # not even the first one
    yield torch.zeros(0, 2), 2, 0.0
    for places, coordinates, frequencies, spacing in (
        (2, 2, 3, 0.0),
        (3, 3, 4, 0.0),
        (3, 2, 6, 2 / 16),
        (4, 2, 5, 2 / 12),
        (4, 3, 6, 2 / 24),
        (5, 2, 8, 2 / 64),
        (3, 1, 4, 0.3),
        (6, 3, 10, 0.0),
    ):
        yield floats(rng.uniform(-1, 1, (places, coordinates))), frequencies, spacing


def _encoded(
    x: Tensor,
    frequencies: int,
    spacing: float,
    *,
    octaves: Callable[[Tensor], Tensor] = lambda k: 2.0**k,
    pi: float = torch.pi,
    waves: Callable[[Tensor], list[Tensor]] = lambda angles: [angles.sin(), angles.cos()],
    order: Callable[[Tensor], Tensor] = lambda waves: waves,
    carried: Callable[[Tensor, float], Tensor] = lambda octaves, spacing: octaves * spacing <= 1,
) -> Tensor:
    """The encoding with one part exchanged; `order` of (P, D, L, 2)."""
    scale = octaves(torch.arange(frequencies))
    made = torch.stack(waves(pi * scale * x[:, :, None]), -1) * carried(scale, spacing)[:, None]
    return order(made).flatten(1)


@mistake(
    "There is no π in your waves (the NeRF authors' program leaves it out too). How long is the first wave "
    "then, and how long should it be?"
)
def _no_pi(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, pi=1.0)


@mistake(
    "Your first wave goes through a whole period from 0 to 1; that is twice too fast. Look at the first "
    "term: is it π or 2π that stands before p?"
)
def _two_pi(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, pi=2 * torch.pi)


@mistake(
    "You count the frequencies from 1, so that the slowest wave is missing. Where does k begin in the "
    "formula?"
)
def _from_1(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, octaves=lambda k: 2.0 ** (k + 1))


@mistake(
    "Your frequencies grow by equal steps: 1, 2, 3, …. Each should be twice the one before, so that few "
    "of them reach far."
)
def _linear(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, octaves=lambda k: k + 1.0)


@mistake(
    "Your frequencies are the squares of k, and the first is 0. Which is the base of the power, and which "
    "the exponent?"
)
def _squares(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, octaves=lambda k: k**2.0)


@mistake("You have exchanged sine and cosine. Both are needed, and the sine comes first.")
def _cosine_first(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, waves=lambda angles: [angles.cos(), angles.sin()])


@mistake(
    "First come all your sines, then all cosines. In the formula each sine is followed by the cosine of the "
    "same frequency: which axis do you have to stack along?"
)
def _all_sines_first(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, order=lambda waves: waves.permute(0, 1, 3, 2))


@mistake(
    "You go through the frequencies, and within each through the coordinates. Here all waves of the first "
    "coordinate come before those of the second."
)
def _frequency_by_frequency(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, order=lambda waves: waves.permute(0, 2, 1, 3))


@mistake(
    "You go through the frequencies first, in each through sine and cosine, last through the coordinates. "
    "Here all waves of the first coordinate come before those of the second."
)
def _authors_order(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, order=lambda waves: waves.permute(0, 2, 3, 1))


@mistake(
    "You leave no wave out. Where samples lie 0.7 apart and a wave repeats every 1, do two samples see "
    "where it goes between them?"
)
def _none_left_out(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, 0.0)


@mistake(
    "One sample a period is enough for you. Then every sample may fall on the same height of the wave, and "
    "the wave looks flat. How many does the docstring want?"
)
def _one_sample_a_period(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return encode(x, frequencies, spacing / 2)


@mistake(
    "A wave of which the samples see exactly two a period is 0 with you. The docstring leaves out those with "
    "less than two."
)
def _more_than_two(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, carried=lambda octaves, spacing: octaves * spacing < 1)


@mistake(
    "You leave out twice too many waves: four samples a period is what you ask for. How long is a period "
    "of sin(πp)? It is not 1."
)
def _period_of_1(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return encode(x, frequencies, 2 * spacing)


@mistake("You keep the fast waves and leave out the slow ones. Which of the two does a coarse grid lose?")
def _slow_ones_left_out(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(
        x, frequencies, spacing, carried=lambda octaves, s: (octaves * s > 1) | (torch.tensor(s) == 0)
    )


@mistake(
    "Where a wave is left out your cosine is 1. What is left out is 0, the sine and the cosine: set the "
    "waves to 0, not their angles."
)
def _angles_set_to_0(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, octaves=lambda k: 2.0**k * (2.0**k * spacing <= 1))


@mistake(
    "You cut off the waves that are left out, so that the answer is narrower. The network behind it expects "
    "D · 2L numbers whatever the spacing: put zeros there."
)
def _cut_off(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    kept = int((2.0 ** torch.arange(frequencies) * spacing <= 1).sum())
    return encode(x, kept, 0.0)


@mistake(
    "You put x in front of its waves. The authors' program does, the formula does not: D · 2L numbers are "
    "wanted."
)
def _x_in_front(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return torch.cat([x, encode(x, frequencies, spacing)], 1)


@mistake(
    "Your numbers are right, their shape is not: one row for each place, so flatten what comes after it."
)
def _not_flattened(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return encode(x, frequencies, spacing).unflatten(1, (x.shape[1], 2 * frequencies))


@mistake(
    "With you the frequencies are 2 times k: 0, 2, 4, …. In the formula 2 is raised to the power of k. Which "
    "operator does that?"
)
def _times_for_power(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(x, frequencies, spacing, octaves=lambda k: 2.0 * k)


@mistake(
    "You set all waves to 0 as soon as the fastest is too fast. Each is judged for itself: the slow ones can "
    "still be carried."
)
def _all_or_none(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return _encoded(
        x, frequencies, spacing, carried=lambda octaves, s: (octaves * s <= 1).all().expand(len(octaves))
    )


@mistake(
    "Of a wave that is too fast you leave out the cosine and keep the sine, or the other way round. Both "
    "have the same period."
)
def _half_left_out(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    kept, all_waves = encode(x, frequencies, spacing), encode(x, frequencies)
    return torch.stack([all_waves[:, ::2], kept[:, 1::2]], 2).flatten(1)


@mistake(
    "You leave out too many waves, some three times too many. 2ᵏπ is an angle for each unit of p, not the "
    "number of periods: how far does p move while sin(2ᵏπp) goes round once, by 2π?"
)
def _angle_for_periods(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    return encode(x, frequencies, 2 * torch.pi * spacing)


# --- 18.10 samples where the weight is -------------------------------------------------------------
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


# --- 18.11 a Gaussian's shadow ---------------------------------------------------------------------
def _turned(rng: np.random.Generator, number: int) -> Tensor:
    """Random rotations (N, 3, 3)."""
    q, r = torch.linalg.qr(floats(rng.normal(size=(number, 3, 3))))
    q = q * torch.sign(torch.diagonal(r, dim1=1, dim2=2))[:, None]
    return q * torch.linalg.det(q)[:, None, None]


def _blobs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    eye, none = torch.eye(3), torch.zeros(3)
    k = floats([[50.0, 0.0, 32.0], [0.0, 50.0, 24.0], [0.0, 0.0, 1.0]])
    yield floats([[0.0, 0.0, 2.0]]), floats([[0.1, 0.1, 0.1]]), eye[None], eye, none, k  # a round one, ahead
    yield floats([[0.0, 0.0, 2.0]]), floats([[0.2, 0.1, 0.4]]), eye[None], eye, none, k
    yield floats([[0.5, -0.3, 2.0]]), floats([[0.1, 0.1, 0.4]]), eye[None], eye, none, k  # aside: z counts
    turn = floats([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    yield floats([[0.2, -0.3, 2.0]]), floats([[0.2, 0.1, 0.4]]), turn[None], eye, none, k
    wide = floats([[60.0, 0.0, 32.0], [0.0, 40.0, 24.0], [0.0, 0.0, 1.0]])  # pixels that are not square
    eye_at = floats([[2.0, -1.5, 1.0]])
    rotation, translation = (part[0] for part in look_at(eye_at, floats([[0.0, 0.1, 0.0]])))
    yield floats([[0.3, 0.2, -0.4]]), floats([[0.3, 0.1, 0.05]]), eye[None], rotation, translation, wide
    for number in (2, 3, 5, 8):
        at = 3 * torch.nn.functional.normalize(floats(rng.normal(size=3)), dim=0)
        rotation, translation = (
            part[0] for part in look_at(at[None], floats(rng.uniform(-0.3, 0.3, (1, 3))))
        )
        intrinsics = floats([[rng.uniform(40, 60), 0, 30], [0, rng.uniform(62, 80), 20], [0, 0, 1]])
        means = floats(rng.uniform(-0.6, 0.6, (number, 3)))
        scales = floats(np.exp(rng.uniform(-3.5, -0.8, (number, 3))))
        yield means, scales, _turned(rng, number), rotation, translation, intrinsics


def _spread(scales_m: Tensor, turns: Tensor) -> Tensor:
    own = turns * scales_m[:, None]
    return own @ own.mT


def _jacobian(points: Tensor) -> Tensor:
    x, y, z = points.unbind(1)
    zero = torch.zeros_like(z)
    rows = [torch.stack([1 / z, zero, -x / z**2], 1), torch.stack([zero, 1 / z, -y / z**2], 1)]
    return torch.stack(rows, 1)  # (N, 2, 3)


def _shadow(
    means: Tensor,
    scales_m: Tensor,
    turns: Tensor,
    rotation: Tensor,
    translation: Tensor,
    intrinsics: Tensor,
    *,
    covariance: Callable[[Tensor, Tensor], Tensor] = _spread,
    points: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda means, r, t: means @ r.T + t,
    jacobian: Callable[[Tensor], Tensor] = _jacobian,
    view: Callable[[Tensor], Tensor] = lambda rotation: rotation,
    focal: Callable[[Tensor], Tensor] = lambda intrinsics: intrinsics[:2, :2],
    more: Callable[[], Tensor] = lambda: 0.3 * torch.eye(2),
) -> Tensor:
    """The shadow's covariance with one part exchanged."""
    to_pixels = focal(intrinsics) @ jacobian(points(means, rotation, translation)) @ view(rotation)
    return to_pixels @ covariance(scales_m, turns) @ to_pixels.mT + more()


@mistake(
    "Your Gaussians are as wide as the square roots of what is wanted. On the diagonal of a covariance "
    "stand variances: how does one come from a standard deviation?"
)
def _scales_not_squared(*given: Tensor) -> Tensor:
    return _shadow(*given, covariance=lambda scales, turns: turns @ torch.diag_embed(scales) @ turns.mT)


@mistake(
    "You turn each Gaussian the wrong way round. Its axes are the columns of `turns`, so that R takes its "
    "own axes to the world's: on which side of the scales does R stand, and on which Rᵀ?"
)
def _turned_back(*given: Tensor) -> Tensor:
    return _shadow(*given, covariance=lambda scales, turns: _spread(scales, turns.mT))


@mistake(
    "Your Gaussians are not turned at all: they lie along the world's axes whatever `turns` says. (Have you "
    "multiplied the rows of `turns` by the scales? In S R Rᵀ Sᵀ the turn drops out: R Rᵀ is 1.)"
)
def _not_turned(*given: Tensor) -> Tensor:
    return _shadow(*given, covariance=lambda scales, turns: torch.diag_embed(scales**2))


@mistake(
    "With W transposed you go from the camera's axes to the world's. Seen along the world's z nothing shows; "
    "from anywhere else the shadow leans the wrong way."
)
def _view_transposed(*given: Tensor) -> Tensor:
    return _shadow(*given, view=lambda rotation: rotation.T)


@mistake(
    "The camera's own turn is missing between Gaussian and picture. The Jacobian speaks of the camera's "
    "axes: in whose axes is the covariance R S Sᵀ Rᵀ?"
)
def _view_left_out(*given: Tensor) -> Tensor:
    return _shadow(*given, view=lambda rotation: torch.eye(3))


@mistake(
    "You take the Jacobian where the mean lies in the world. x, y and z of the projection are those in the "
    "camera's axes: what has to happen to the means first?"
)
def _means_in_the_world(*given: Tensor) -> Tensor:
    away = lambda means, r, t: torch.where(means[:, 2:].abs() < 1e-3, means + 1e-3, means)  # noqa: E731
    return _shadow(*given, points=away)


@mistake(
    "You turn the means to the camera's axes, but do not move them. The camera does not stand at the world's "
    "origin."
)
def _not_moved(*given: Tensor) -> Tensor:
    return _shadow(*given, points=lambda means, r, t: means @ r.T + 1e-9)


@mistake(
    "You treat the projection as if z were the same for the whole Gaussian. Away from the picture's middle "
    "depth shows as well: what is the derivative of x / z by z?"
)
def _orthographic(*given: Tensor) -> Tensor:
    return _shadow(*given, jacobian=lambda points: _jacobian(points * floats([0.0, 0.0, 1.0])))


@mistake(
    "The sign in your Jacobian's last column is wrong. When a point moves away from the camera, does its "
    "pixel move to the picture's middle or away from it?"
)
def _wrong_sign(*given: Tensor) -> Tensor:
    return _shadow(*given, jacobian=lambda points: _jacobian(points) * floats([1.0, 1.0, -1.0]))


@mistake(
    "In your Jacobian's last column z stands once below the line. Take the derivative of 1 / z again: which "
    "power of z does it have?"
)
def _one_z(*given: Tensor) -> Tensor:
    def jacobian(points: Tensor) -> Tensor:
        right_one = _jacobian(points)
        return torch.cat([right_one[..., :2], right_one[..., 2:] * points[:, None, 2:]], 2)

    return _shadow(*given, jacobian=jacobian)


@mistake(
    "You take f_x for both directions. Where pixels are not square, the picture is stretched: which focal "
    "length goes with v?"
)
def _one_focal_length(*given: Tensor) -> Tensor:
    return _shadow(*given, focal=lambda intrinsics: intrinsics[0, 0] * torch.eye(2))


@mistake(
    "Your shadows are as wide as in a picture whose focal length is 1. A covariance in square pixels needs "
    "the intrinsics, in every factor J."
)
def _no_focal_length(*given: Tensor) -> Tensor:
    return _shadow(*given, focal=lambda intrinsics: torch.eye(2))


@mistake(
    "Nothing keeps your shadow from being thinner than a pixel. What is added to both variances at the end?"
)
def _no_dilation(*given: Tensor) -> Tensor:
    return _shadow(*given, more=lambda: torch.zeros(2, 2))


@mistake(
    "You add 0.3 to all four numbers of the covariance. Off the diagonal stands how u and v lean together: "
    "that should not change."
)
def _dilated_everywhere(*given: Tensor) -> Tensor:
    return _shadow(*given, more=lambda: torch.full((2, 2), 0.3))


@mistake("You square the 0.3 before you add it. It is a variance already, in square pixels.")
def _dilation_squared(*given: Tensor) -> Tensor:
    return _shadow(*given, more=lambda: 0.3**2 * torch.eye(2))


@mistake(
    "You turn the means back by the camera's rotation: R X for a column is X Rᵀ for a row. Which product of "
    "`means` and `rotation` is that?"
)
def _means_turned_back(*given: Tensor) -> Tensor:
    return _shadow(*given, points=lambda means, r, t: means @ r + t)


@mistake(
    "You divide by how far the mean is from the camera. The pixel is f x / z + c: z is measured along the "
    "camera's axis, and is less than the distance."
)
def _distance_for_z(*given: Tensor) -> Tensor:
    def jacobian(points: Tensor) -> Tensor:
        return _jacobian(torch.cat([points[:, :2], points.norm(dim=1, keepdim=True)], 1))

    return _shadow(*given, jacobian=jacobian)


@mistake(
    "In your Jacobian's last column stands a place in pixels, so that the focal length is in it twice. x and "
    "y are those of the mean in the camera, in metres."
)
def _pixels_for_metres(
    means: Tensor,
    scales_m: Tensor,
    turns: Tensor,
    rotation: Tensor,
    translation: Tensor,
    intrinsics: Tensor,
) -> Tensor:
    def jacobian(points: Tensor) -> Tensor:
        focal = intrinsics[[0, 1], [0, 1]]
        right_one = _jacobian(points)
        last = right_one[..., 2:] * (focal / points[:, 2:])[..., None]
        return torch.cat([right_one[..., :2], last], 2)

    return _shadow(means, scales_m, turns, rotation, translation, intrinsics, jacobian=jacobian)


# --- 18.12 blending --------------------------------------------------------------------------------
def _splats(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    red, blue, green = [0.9, 0.1, 0.0], [0.0, 0.2, 0.8], [0.1, 0.7, 0.2]
    at = floats([[0.5, 0.5], [1.5, 0.5]])
    round_one, leaning = [[1.0, 0.0], [0.0, 1.0]], [[1.5, 0.8], [0.8, 1.0]]
    yield at[:1], floats([[0.5, 0.5]]), floats([round_one]), floats([2.0]), floats([red]), floats([0.6])
    yield at, floats([[0.5, 0.5]]), floats([leaning]), floats([2.0]), floats([red]), floats([0.6])
    yield at[:1], floats([[0.5, 0.5]]), floats([round_one]), floats([2.0]), floats([red]), floats([1.0])
    far = floats([[0.5, 0.5], [4.5, 0.5]])  # at the second pixel α is below 1/255
    yield far, floats([[0.5, 0.5]]), 1.2 * floats([round_one]), floats([2.0]), floats([red]), floats([0.8])
    two = floats([[0.5, 0.5], [1.2, 0.8]]), floats([leaning, round_one])
    yield at, *two, floats([2.0, 3.0]), floats([red, blue]), floats([0.7, 0.5])  # in order
    yield at, *two, floats([3.0, 2.0]), floats([red, blue]), floats([0.7, 0.5])  # not in order
    three = floats([[0.5, 0.5], [1.2, 0.8], [1.0, 0.0]]), floats([leaning, round_one, leaning])
    yield at, *three, floats([3.0, 1.0, 2.0]), floats([red, blue, green]), floats([0.6, 0.5, 0.4])
    for number, width in ((3, 4), (4, 6), (6, 8), (9, 10)):
        pixels = torch.stack([torch.arange(width) + 0.5, torch.full((width,), 0.5)], 1)
        means = floats(rng.uniform(0, 1, (number, 2)) * [width, 1])
        half = floats(rng.normal(size=(number, 2, 2)))
        covariances = half @ half.mT + torch.eye(2)
        opacities = rng.uniform(0.2, 0.9, number)
        opacities[0] = 1.0
        means[0] = pixels[0]  # there its α would be 1
        colours = floats(rng.uniform(0, 1, (number, 3)))
        yield pixels, means, covariances, floats(rng.permutation(number) + 2), colours, floats(opacities)


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


EXERCISES = [
    Exercise(
        "18.8",
        "A ray through fog",
        composite,
        _fogs,
        difficulty=2,
        minutes=12,
        hints=(
            "Three numbers for each sample: the length of its stretch, the opacity of that stretch, and how "
            "much light reaches it. The weight is the product of the last two.",
            "torch.diff(distance_m, dim=1, append=far_m[:, None]) gives the stretches. Density times stretch "
            "is how thick the fog is there; 1 - exp(-thickness) is its opacity.",
            "What lies before sample i is the sum of the thicknesses of the samples before it: the cumsum "
            "less the sample's own. White fills up what the weights leave: 1 - weights.sum(dim=1).",
        ),
        mistakes=(
            _own_fog_before,
            _density_as_opacity,
            _no_exponential,
            _lengths_forgotten,
            _no_last_stretch,
            _endless_last_stretch,
            _stretch_before,
            _from_the_camera,
            _no_background,
            _background_in_full,
            _background_before_the_last,
            _weights_without_transmittance,
            _from_behind,
            _weights_scaled,
            _transmittance_returned,
            _opacity_returned,
            _passed_for_stopped,
            _far_as_stretch,
            _density_for_opacity_in_the_weight,
            _mean_for_sum,
            _rolled_round,
        ),
    ),
    Exercise(
        "18.9",
        "Waves that these pixels can carry",
        encode,
        _places,
        difficulty=2,
        minutes=10,
        hints=(
            "First forget the spacing. 2.0 ** torch.arange(L) are the frequencies (L,); times π and "
            "x[:, :, None] they are the angles (P, D, L).",
            "Stack sine and cosine along a new last axis, (P, D, L, 2): flatten(1) then reads them in the "
            "order that is wanted.",
            "sin(2^k πp) repeats when p has moved by 2 / 2^k. How many times does `spacing` fit into that? "
            "Multiply the waves by a row of yes and no over L before you flatten.",
        ),
        mistakes=(
            _no_pi,
            _two_pi,
            _from_1,
            _linear,
            _squares,
            _cosine_first,
            _all_sines_first,
            _frequency_by_frequency,
            _authors_order,
            _none_left_out,
            _one_sample_a_period,
            _more_than_two,
            _period_of_1,
            _slow_ones_left_out,
            _angles_set_to_0,
            _cut_off,
            _x_in_front,
            _not_flattened,
            _times_for_power,
            _all_or_none,
            _half_left_out,
            _angle_for_periods,
        ),
    ),
    Exercise(
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
            _fault_kept,
            _one_bin_further,
            _held_inside,
            _two_zeros,
            _at_the_edge,
            _in_the_middle,
            _by_u_itself,
            _backwards,
            _width_forgotten,
            _not_normalised,
            _normalised_over_all,
            _nothing_added,
            _even,
            _from_the_middles,
            _width_twice,
            _width_divided_out,
            _softmaxed,
            _added_to_the_sum,
            _at_the_far_edge,
        ),
    ),
    Exercise(
        "18.11",
        "A Gaussian's shadow",
        projected_covariance,
        _blobs,
        difficulty=3,
        minutes=15,
        hints=(
            "If y = A x and x has covariance Σ, then y has A Σ Aᵀ. So find the matrix A (N, 2, 3) that says "
            "how a small step in the world moves the pixel, and the Gaussian's own Σ (N, 3, 3).",
            "A small step goes through the camera's rotation first, then through the derivatives of "
            "u = f_x x / z + c_x and v = f_y y / z + c_y by x, y and z, at the mean in the camera's axes.",
            "The rows of J are (f_x / z, 0, -f_x x / z²) and (0, f_y / z, -f_y y / z²). With M = turns * "
            "scales_m[:, None], M Mᵀ is R S Sᵀ Rᵀ. At the end add 0.3 times torch.eye(2).",
        ),
        mistakes=(
            _scales_not_squared,
            _turned_back,
            _not_turned,
            _view_transposed,
            _view_left_out,
            _means_in_the_world,
            _not_moved,
            _orthographic,
            _wrong_sign,
            _one_z,
            _one_focal_length,
            _no_focal_length,
            _no_dilation,
            _dilated_everywhere,
            _dilation_squared,
            _means_turned_back,
            _distance_for_z,
            _pixels_for_metres,
        ),
    ),
    Exercise(
        "18.12",
        "From front to back",
        blend,
        _splats,
        difficulty=3,
        minutes=14,
        hints=(
            "Put all that belongs to a splat into the order of depth_m.argsort(). Then make a table (P, N): "
            "how much each splat hides at each pixel.",
            'offset = pixels[:, None] - means is (P, N, 2). With torch.linalg.inv and torch.einsum("pni,nij'
            ',pnj->pn", …) it becomes dᵀ Σ⁻¹ d. Hold α at 0.99 with clamp, and set what is below 1/255 to 0 '
            "with torch.where.",
            "torch.cumprod(1 - alphas, dim=1) is the light left behind each splat. What reaches a splat is "
            "the same, one column later, with a 1 in front; the last column is what white gets.",
        ),
        mistakes=(
            _unsorted,
            _far_ones_first,
            _colours_not_sorted,
            _rank_for_order,
            _dimmed_by_itself,
            _all_in_full,
            _product_of_alphas,
            _alpha_not_held,
            _traces_kept,
            _not_inverted,
            _diagonal_alone,
            _half_forgotten,
            _root_taken,
            _black_behind,
            _white_in_full,
            _white_before_the_last,
            _covariance_unused,
            _opacity_left_out,
            _divided_by_the_weights,
            _as_a_density,
            _exponential_cut_off,
        ),
    ),
]
