"""Chapter 16: guidance where everything is known: two classes of points, and their perfect denoisers.

The scores without and with the class are exact, so that what guidance does wrong here is no network's fault.
That guided samples leave the distribution that was asked for: T. Karras et al., "Guiding a Diffusion Model
with a Bad Version of Itself", NeurIPS 2024, section 3; M. Chidambaram et al., "What does guidance do? A
fine-grained analysis in a simple setting", NeurIPS 2024.

Shapes: N points of the plane.
"""

import math

import torch
from torch import Tensor

from lecture_utils.chapters.ch16.guidance_study import Guide
from lecture_utils.generative.diffusion.guidance import guide
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.generative.diffusion.prediction import Predict
from lecture_utils.generative.diffusion.samplers import ddim_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas

# Each class has a group that is near the other class, and one that is far from it.
CENTRES = {"blue": ((-1.7, -0.6), (-0.45, 0.8)), "orange": ((0.45, 0.5), (1.6, -0.7))}
SPREAD, EDGE = 0.35, 0.01
NEAR = 1  # which of blue's groups is near orange


def points_of(*names: str) -> GaussianMixture:
    """The distribution of one class of points, or of both."""
    means = torch.tensor([place for name in names for place in CENTRES[name]], dtype=torch.float64)
    return GaussianMixture(means, torch.full((len(means),), SPREAD, dtype=torch.float64))


def points_schedule() -> NoiseSchedule:
    """A thousand steps, cosine."""
    return NoiseSchedule(cosine_betas())


def guided_predictor(scale: float, *, guide: Guide = guide) -> Predict:
    """The guided noise of the blue points, from two perfect predictors: x_t (N, 2), t (N,) → ε (N, 2)."""
    schedule = points_schedule()
    without = points_of("blue", "orange").predictor(schedule)
    given = points_of("blue").predictor(schedule)
    return lambda x, t: guide(without(x, t), given(x, t), scale)


def guided_points(
    scale: float, n: int = 1000, *, seed: int = 0, guide: Guide = guide, steps: int = 100
) -> Tensor:
    """Blue points (n, 2) asked for with guidance, by DDIM from the same noise for all scales."""
    schedule = points_schedule()
    noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    times = spaced_steps(schedule.steps, steps, "trailing")
    return ddim_sample(guided_predictor(scale, guide=guide), schedule, noise, times)


def edge_density() -> float:
    """The log density of the blue points that one in a hundred of them falls below."""
    blue, draw = points_of("blue"), torch.Generator().manual_seed(0)
    inside = blue.log_density(blue.sample(50_000, draw), 0, points_schedule())
    return inside.quantile(EDGE).item()


def points_measured(points: Tensor) -> dict[str, float]:
    """What points (N, 2) are, when blue ones were asked for.

    Returns
    -------
    dict of str to float
        "sure": mean probability of blue, given the point; "near": share at blue's group near orange (one
        half of real ones); "spread": mean variance within groups as a share of real points'; "off": share
        where blue points are rarer than at all but 1 in 100 of them (0.01 of real ones).
    """
    schedule, blue = points_schedule(), points_of("blue")
    inside = blue.log_density(points, 0, schedule)
    both = points_of("blue", "orange").log_density(points, 0, schedule)
    group = torch.cdist(points, blue.means).argmin(dim=1)
    parts = [points[group == k] for k in range(len(blue.means))]
    squares = torch.cat([(part - part.mean(dim=0)).square() for part in parts if len(part) > 1])
    return {
        "sure": (inside + math.log(0.5) - both).exp().mean().item(),
        "near": (group == NEAR).double().mean().item(),
        "spread": squares.mean().item() / SPREAD**2,
        "off": (inside < edge_density()).double().mean().item(),
    }


def score(mixture: GaussianMixture, x: Tensor, t: int) -> Tensor:
    """∇ log q(x_t), (N, 2), of points (N, 2): minus the expected noise over its deviation."""
    schedule = points_schedule()
    alpha_bar = schedule.at(t, x)
    steps = torch.full((len(x),), t)
    return -mixture.predictor(schedule)(x, steps) / (1 - alpha_bar).sqrt()


def sharpened_density(x: Tensor, scale: float) -> Tensor:
    """p(x) p(blue | x)^w of points (N, 2), not normed: what guidance is often said to sample."""
    schedule = points_schedule()
    inside = points_of("blue").log_density(x, 0, schedule)
    both = points_of("blue", "orange").log_density(x, 0, schedule)
    return (both + scale * (inside - both)).exp()
