"""Twelve measures of a person, and people drawn at random from how they are spread.

Mean heights and their spread are rounded from a measuring of some 6,000 soldiers: C. Gordon et al., "2012
anthropometric survey of U.S. Army personnel: methods and summary statistics", Natick/TR-15/007, 2014. All
else is an assumption of the toy world, chosen to look like adults. Simplified: one spread for both sexes,
and but for mass, which follows height, the measures of a sex are independent.
"""

import torch
from torch import Tensor

MEASURES = (
    "height",  # metres, sole to crown
    "mass",  # kg
    "sex",  # 0 female to 1 male: how the shape is distributed
    "shoulders",  # breadth between the tips of the shoulder blades over height
    "hips",  # breadth over height
    "legs",  # height of the hip joint over height
    "arms",  # shoulder to wrist over height
    "bust",  # standard deviations
    "belly",  # standard deviations
    "muscle",  # standard deviations
    "head",  # size over the mean at this height
    "hands",  # size of hands and feet over the mean at this height
)
#            height, bmi, sex, shoulders, hips, legs, arms, bust, belly, muscle, head, hands
FEMALE = (1.630, 24.0, 0.0, 0.2240, 0.2110, 0.5130, 0.3030, 0.5, 0.0, -0.4, 1.0, 0.97)
MALE = (1.756, 25.0, 1.0, 0.2370, 0.1960, 0.5150, 0.3090, -0.5, 0.0, 0.4, 1.0, 1.02)
SPREAD = (0.066, 0.15, 0.12, 0.0085, 0.0085, 0.0110, 0.0085, 0.8, 1.0, 0.8, 0.03, 0.03)


def mean_measures() -> Tensor:
    """Return the measures (12,) of the mean person, half-way between the sexes."""
    mean = (torch.tensor(FEMALE) + torch.tensor(MALE)) / 2
    mean[1] *= mean[0] ** 2
    return mean


def sample_measures(count: int, seed: int = 0, split: str = "train") -> Tensor:
    """Draw persons: (count, 12) in the order of `MEASURES`; splits are disjoint."""
    splits = ("train", "val", "test")
    if count < 1 or split not in splits:
        raise ValueError(
            f"count, split: got {count}, {split!r}, want 1 or more and one of {', '.join(splits)}"
        )
    generator = torch.Generator().manual_seed(1_000_003 * (splits.index(split) + 1) + seed)
    male = (torch.rand(count, 1, generator=generator) < 0.5).float()
    mean = torch.tensor(FEMALE) * (1 - male) + torch.tensor(MALE) * male
    noise = torch.randn(count, len(MEASURES), generator=generator).clamp(-2.5, 2.5)
    drawn = mean + noise * torch.tensor(SPREAD)
    bmi = mean[:, 1] * torch.exp(noise[:, 1] * SPREAD[1])
    drawn[:, 1] = bmi * drawn[:, 0] ** 2
    drawn[:, 2] = drawn[:, 2].clamp(-0.2, 1.2)
    return drawn
