"""Chapter 18, exercise 18.9: the usual mistakes, each with its hint (`waves` has the exercise).

Shapes: P places, D coordinates, L frequencies.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.chapters.ch18.radiance_solutions import encode
from lecture_utils.exercises.exercise import mistake

__all__ = ["MISTAKES"]


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


MISTAKES = (
    _no_pi, _two_pi, _from_1, _linear, _squares, _cosine_first, _all_sines_first,
    _frequency_by_frequency, _authors_order, _none_left_out, _one_sample_a_period, _more_than_two,
    _period_of_1, _slow_ones_left_out, _angles_set_to_0, _cut_off, _x_in_front, _not_flattened,
    _times_for_power, _all_or_none, _half_left_out, _angle_for_periods,
)  # fmt: skip
