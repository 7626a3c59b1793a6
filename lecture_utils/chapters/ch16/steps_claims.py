"""Chapter 16: few steps of DDIM beside a thousand of DDPM, measured (C16.2).

The rules are fixed here, before any run; `ledger.run` applies them.

Shapes: N digits or points.
"""

from functools import lru_cache

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.chapters.ch16.steps_study import (
    SAMPLERS,
    ToldNet,
    digits_drawn,
    grid_mixture,
    sample_with,
    sliced_distance,
    train_epsilon,
)
from lecture_utils.data import digits
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas
from lecture_utils.recipes._judged import digit_fidelity
from lecture_utils.training.kit import Figures, size

DDIM, SMALL, LARGE = SAMPLERS
COUNT, OTHERS = 20, (5.0, 10.0, 50.0, 100.0)
NEAR = 0.5
SHORT = {DDIM: "ddim", SMALL: "ddpm_small", LARGE: "ddpm_large"}


def distance(images: Tensor) -> float:
    """Fréchet distance of digits to the test digits, in the features of ``digits_judge``."""
    return digit_fidelity(images)["frechet_digits"]


@lru_cache(maxsize=3)
def prepared(seed: int, budget: str) -> tuple[ToldNet, int, Figures]:
    """A trained network, how many digits are drawn, and what all of DDPM's steps give with it."""
    steps, n, most = size(budget, quick=(2, 20, 40), full=(1500, 200, 1000))
    net = train_epsilon(seed, steps)
    whole = {how: digits_drawn(net, how, most, n, seed=seed) for how in SAMPLERS[1:]}
    return net, n, {f"{SHORT[how]}_1000": distance(images) for how, images in whole.items()}


def on_digits(seed: int, budget: str, count: float) -> Figures:
    """Distances of `count` steps by each sampler, beside the better of DDPM's two with 1,000."""
    net, n, whole = prepared(seed, budget)
    made = {how: digits_drawn(net, how, int(count), n, seed=seed) for how in SAMPLERS}
    found = {SHORT[how]: distance(images) for how, images in made.items()}
    best = min(whole.values())
    return (
        {"excess": found["ddim"] / best - 1}
        | {f"gain_over_{name}": found[f"ddpm_{name}"] - found["ddim"] for name in ("large", "small")}
        | found
        | whole
    )


@torch.inference_mode()
def on_points(seed: int, budget: str) -> Figures:
    """Sliced distances to true points of 25 Gaussians, with the perfect denoiser."""
    n, most = size(budget, quick=(50, 40), full=(4000, 1000))
    schedule, mixture = NoiseSchedule(linear_betas()), grid_mixture()
    predict = mixture.predictor(schedule)
    draw = torch.Generator().manual_seed(seed)
    real, other = mixture.sample(n, draw), mixture.sample(n, draw)
    noise = torch.randn(n, 2, generator=draw)
    found: Figures = {"points_real": sliced_distance(real, other)}
    for how in SAMPLERS:
        for count in (COUNT, 100, most):
            x = sample_with(how, predict, schedule, noise, count, seed=seed + 1)
            name = 1000 if count == most else count
            found[f"points_{SHORT[how]}_{name}"] = sliced_distance(x, real)
    return found


def of_the_shipped(seed: int, budget: str) -> Figures:
    """Distances of ``digits_ddpm`` (v, cosine schedule, 16 × 16, told the digit) by two samplers."""
    n, counts = size(budget, quick=(20, (2,)), full=(200, (COUNT,)))
    model = zoo.load("digits_ddpm")
    assert isinstance(model, LabelledDiffusion)
    asked = torch.arange(10).repeat(n // 10)[:, None]
    return {
        f"shipped_{sampler}_{count}": distance(
            model.sample(asked, steps=count, sampler=sampler, seed=seed).clamp(0, 1)
        )
        for sampler in ("ddim", "ddpm")
        for count in counts
    }


@claim(
    "C16.2",
    statement="With a network that predicts the noise and the linear schedule, 20 steps of DDIM come "
    "within half of the Fréchet distance that 1,000 steps of DDPM have, where 20 steps of DDPM with its "
    "large variance stay farther away.",
    paper="J. Song, C. Meng, S. Ermon, Denoising Diffusion Implicit Models, ICLR 2021, table 1",
    rule=(Rule("excess", below=NEAR), Rule("gain_over_large", above=0.0)),
    seeds=3,
    note="Near means: at most 1.5 times the distance of 1,000 steps, of the better of DDPM's two "
    "variances. On CIFAR-10 the paper has 6.84 for 20 steps of DDIM, 4.73 and 3.17 for 1,000 of DDPM with "
    "the small and the large variance, 18.36 and 133.37 for 20 of these. Here: three trainings of a slim "
    "U-Net on the 1,197 digits of 8 × 8, told which digit, 1,500 steps of 64, moving average (net and "
    "length by a pilot with a seed that is not used here); 200 digits from one x_T by all samplers, x_0 "
    "held in [-1, 1], steps spaced evenly from the first as in the paper; Fréchet distance to the 300 test "
    "digits in the features of digits_judge. The distance of real digits is that of the validation split. "
    "No rule asks that DDIM beat DDPM's small variance at 20 steps (gain over small); the paper's table "
    "has it, so the figure stands beside. Beside stand also 25 Gaussians in the plane (deviation 0.05, a "
    "grid of spacing 0.5) with their perfect denoiser, so that only the sampler errs, by the sliced "
    "Wasserstein distance of 4,000 points; and the course's digits_ddpm, which predicts v on the cosine "
    "schedule. The axis was named before the run: 5 to 100 steps.",
    names={
        "excess": "distance of DDIM's steps over that of 1,000 of DDPM, minus 1",
        "gain_over_large": "distance of as many steps of DDPM, large variance, minus DDIM's",
        "gain_over_small": "distance of as many steps of DDPM, small variance, minus DDIM's",
        "real": "distance of 200 real digits",
    },
    boundary=Boundary("steps", OTHERS, on_digits),
)
def c16_2_steps(seed: int, budget: str) -> Figures:
    """Twenty steps on digits; beside them points with a perfect denoiser, and the shipped network."""
    found = on_digits(seed, budget, COUNT) | {"real": distance(digits.load(8, "val")[0][:200])}
    return found | on_points(seed, budget) | of_the_shipped(seed, budget)
