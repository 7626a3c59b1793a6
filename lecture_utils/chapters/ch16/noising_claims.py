"""Chapter 16: noise added step by step and all at once, compared exactly and on samples (C16.1).

The rules are fixed here, before any run; `ledger.run` applies them.

Shapes: T steps, N pictures, P of them in a test, R tests, F numbers told of a picture, S side.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lecture_utils.data import digits
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.generative.diffusion.forward_process import noise_step, noised
from lecture_utils.generative.diffusion.schedule import (
    NoiseSchedule,
    cosine_betas,
    linear_betas,
    scaled_linear_betas,
)
from lecture_utils.training.kit import Figures, size

LEVEL, FLIPS = 0.05, 199
LOOKED = (10, 100, 1000)  # the steps at which the two are compared
PICTURES, OTHERS = 256, (16.0, 64.0, 1024.0, 4096.0)
SCHEDULES: dict[str, Callable[[], Tensor]] = {
    "linear": linear_betas,
    "cosine": cosine_betas,
    "scaled linear": scaled_linear_betas,
}
WRONG, WRONG_AT = ("not shrunk", "root forgotten"), 100


# --- exactly --------------------------------------------------------------------------------------------
def coefficients(schedule: NoiseSchedule) -> Tensor:
    """What `noise_step` makes of x_0 and of each step's noise: (T + 1, T + 1) float64.

    Row t: the weight of x_0 in x_t, then those of ε_1 … ε_T. The iteration is linear, so it is fed with
    x_0 = 1 and no noise in one place of the batch, and with one unit of noise at one step in each other.
    """
    steps = schedule.steps
    x = torch.zeros(steps + 1, dtype=torch.float64)
    x[0] = 1.0
    rows = [x]
    for t in range(1, steps + 1):
        noise = torch.zeros_like(x)
        noise[t] = 1.0
        x = noise_step(schedule, x, t, noise)
        rows.append(x)
    return torch.stack(rows)


def identity_error(schedule: NoiseSchedule) -> float:
    """The largest gap, over all t, between the iterated coefficient or variance and the closed form's."""
    weights = coefficients(schedule)
    one, none = (torch.full((schedule.steps + 1,), v, dtype=torch.float64) for v in (1.0, 0.0))
    times = torch.arange(schedule.steps + 1)
    signal = noised(schedule, one, times, none)  # √ᾱ_t
    spread = noised(schedule, none, times, one)  # √(1 - ᾱ_t)
    left = (weights[:, 0] - signal).abs().max()
    added = (weights[:, 1:].square().sum(1) - spread.square()).abs().max()  # variances of the noises add up
    return max(left.item(), added.item())


# --- on samples -----------------------------------------------------------------------------------------
def told_of(x: Tensor, x0: Tensor) -> Tensor:
    """Four numbers of each noised picture (N, S, S), beside its clean one: (N, 4).

    How much of the clean picture is in it; and of what remains: its mean square, its mean fourth power, and
    how alike neighbouring pixels are.
    """
    share = (x * x0).sum((1, 2)) / x0.square().sum((1, 2))  # (N,)
    rest = x - share[:, None, None] * x0
    across = (rest[:, :, 1:] * rest[:, :, :-1]).mean((1, 2))
    return torch.stack([share, rest.square().mean((1, 2)), rest.pow(4).mean((1, 2)), across], dim=1)


def differs(one: Tensor, other: Tensor, signs: Tensor) -> Tensor:
    """Whether two ways of noising are told apart, (R,) bool, from what is told of their pictures (R, P, F).

    A pair shares its clean picture, so under one distribution it may be swapped. The largest |Σ d| / √Σ d² of
    the F numbers is held against the same under FLIPS random swaps: (1 + those as large) / (1 + FLIPS) ≤
    LEVEL happens to equal distributions in LEVEL of the tests, whatever they are (E. Pitman, "Significance
    Tests Which May be Applied to Samples From any Populations", 1937).

    Parameters
    ----------
    one, other : Tensor, (R, P, F)
    signs : Tensor, (FLIPS, P)
        ± 1.
    """
    gap = one - other  # (R, P, F)
    scale = gap.square().sum(1).sqrt() + 1e-30  # (R, F)
    seen = (gap.sum(1) / scale).abs().amax(-1)  # (R,)
    swapped = ((signs @ gap) / scale[:, None]).abs().amax(-1)  # (R, FLIPS)
    as_large = (swapped >= seen[:, None]).sum(1)
    return (1 + as_large) / (1 + len(signs)) <= LEVEL


def iterated(x0: Tensor, until: Sequence[int], way: str, schedule: NoiseSchedule) -> dict[int, Tensor]:
    """x_t (N, S, S) at some steps, noise added step by step, rightly or in a wrong way.

    "not shrunk" leaves out √(1 - β), "root forgotten" adds β ε where √β ε belongs.
    """
    x, found = x0, {}
    for t in range(1, max(until) + 1):
        noise, beta = torch.randn_like(x), float(schedule.beta[t])
        if way == "not shrunk":
            x = x + beta**0.5 * noise
        elif way == "root forgotten":
            x = (1 - beta) ** 0.5 * x + beta * noise
        else:
            x = noise_step(schedule, x, t, noise)
        if t in until:
            found[t] = x
    return found


def at_once(x0: Tensor, t: int, schedule: NoiseSchedule) -> Tensor:
    """x_t by the closed form."""
    return noised(schedule, x0, t, torch.randn_like(x0))


def pairs(x0: Tensor, steps: Sequence[int], wrong: Sequence[str]) -> dict[str, tuple[Tensor, Tensor]]:
    """Noised pictures (N, S, S) twice, iterated and at once, by "way, t".

    "off by one" is the right iteration beside the closed form of the step before.
    """
    schedule = NoiseSchedule(linear_betas())
    found = {}
    for t, x in iterated(x0, steps, "right", schedule).items():
        found[f"right, {t}"] = x, at_once(x0, t, schedule)
        found[f"off by one, {t}"] = x, at_once(x0, t - 1, schedule)
    for way in wrong:
        x = iterated(x0, (WRONG_AT,), way, schedule)[WRONG_AT]
        found[f"{way}, {WRONG_AT}"] = x, at_once(x0, WRONG_AT, schedule)
    return found


def alarms(seed: int, tests: int, pictures: int, steps: Sequence[int], wrong: Sequence[str] = ()) -> Figures:
    """In which share of the tests each way is told from the closed form: "way, t" → share."""
    torch.manual_seed(seed)
    clean = 2 * digits.load(8)[0][:, 0] - 1
    signs = torch.randint(0, 2, (FLIPS, pictures)) * 2.0 - 1
    at_a_time = max(1, 8192 // pictures)
    seen: dict[str, list[Tensor]] = {}
    for start in range(0, tests, at_a_time):
        count = min(at_a_time, tests - start)
        x0 = clean[torch.randint(len(clean), (count * pictures,))]  # (R P, 8, 8)
        for name, both in pairs(x0, steps, wrong).items():
            one, other = (told_of(x, x0).view(count, pictures, -1) for x in both)
            seen.setdefault(name, []).append(differs(one, other, signs))
    return {name: torch.cat(parts).float().mean().item() for name, parts in seen.items()}


def compared(seed: int, budget: str, pictures: float) -> Figures:
    """False alarms with so many pictures a test at steps 10 and 100, and how often off by one is found."""
    tests = size(budget, quick=4, full=100)
    found = alarms(seed, tests, int(pictures), LOOKED[:2])
    return summed(found, LOOKED[:2]) | found


def summed(found: Figures, steps: Sequence[int]) -> Figures:
    """The claim's own figure: the share of false alarms over all steps looked at."""
    return {"alarms": sum(found[f"right, {t}"] for t in steps) / len(steps)}


@claim(
    "C16.1",
    statement="Noise added in t small steps and noise added at once by the closed form give one "
    "distribution: their coefficients and variances agree, and a test on noised digits tells the two apart "
    "no more often than it errs by design.",
    paper="J. Ho, A. Jain, P. Abbeel, Denoising Diffusion Probabilistic Models, NeurIPS 2020, equations 2 "
    "and 4",
    rule=(
        Rule("alarms", below=2 * LEVEL),
        Rule("identity_error", equals=0.0, tolerance=1e-10),
        Rule("found_not_shrunk", above=0.9),
        Rule("found_root_forgotten", above=0.9),
    ),
    seeds=5,
    note="Exactly: the iteration is linear, so feeding it with x_0 = 1, and with one unit of noise at one "
    "step at a time, gives all weights; their products and sums of squares are compared with √ᾱ and 1 - ᾱ "
    "at every step of the linear, the cosine and the scaled linear schedule, in double precision. Both are "
    "normal distributions with independent pixels, so mean and variance are all there is to compare. On "
    "samples, linear schedule: 200 tests a seed (100 along the axis), each on 256 digits of 8 × 8 noised "
    "in both ways, at t = 10, 100 and 1,000. A test looks at four numbers of a picture and is a paired "
    "permutation test of level 5 %, so its rate of false alarms is 5 % for any pair of equal "
    "distributions, and the rule asks that the interval lie below twice that. That it would notice a "
    "mistake is part of the claim: noise added without shrinking, and β where √β belongs, must be told "
    "apart at t = 100 in over 90 % of the tests. How often the closed form of the step before (off by one) "
    "is told apart stands beside, and no rule rests on it. The axis was named before the run: 16 to 4,096 "
    "pictures a test, at t = 10 and 100.",
    names={
        "alarms": "share of tests in which the closed form is told from the iteration (5 % by design)",
        "identity_error": "largest gap between coefficients or variances",
        "found_not_shrunk": "share of tests that notice missing shrinking at t = 100",
        "found_root_forgotten": "share of tests that notice β for √β at t = 100",
    },
    boundary=Boundary("pictures in a test", OTHERS, compared),
)
def c16_1_noising(seed: int, budget: str) -> Figures:
    """Iterated and closed-form noising: identities, false alarms, and mistakes that must be noticed."""
    tests, steps = size(budget, quick=(4, LOOKED[:2]), full=(200, LOOKED))
    found = alarms(seed, tests, PICTURES, steps, WRONG)
    gaps = {name: identity_error(NoiseSchedule(betas())) for name, betas in SCHEDULES.items()}
    return (
        summed(found, steps)
        | {"identity_error": max(gaps.values())}
        | {f"found_{way.replace(' ', '_')}": found[f"{way}, {WRONG_AT}"] for way in WRONG}
        | {f"identity_error, {name}": gap for name, gap in gaps.items()}
        | found
    )
