"""DDPM and DDIM step by step against diffusers' schedulers, and faults that this must see."""

import diffusers
import pytest
import torch

from lecture_utils.generative.diffusion import forward_process, prediction, samplers, schedule
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.1")
PLACE = "lecture_utils.generative.diffusion"
NAMES = {"epsilon": "epsilon", "sample": "sample", "v": "v_prediction"}
BETAS = {
    "linear": (schedule.linear_betas, {"beta_start": 1e-4, "beta_end": 0.02}),
    "scaled_linear": (schedule.scaled_linear_betas, {"beta_start": 0.00085, "beta_end": 0.012}),
    "squaredcos_cap_v2": (schedule.cosine_betas, {}),
}
SPACINGS = ("leading", "trailing", "linspace")


def exactly(scheduler, ours):
    """Their steps with our double-precision ᾱ: what is left to differ is the formulas."""
    scheduler.alphas_cumprod = ours.alpha_bar[1:]
    scheduler.one = torch.ones((), dtype=torch.float64)
    if hasattr(scheduler, "final_alpha_cumprod"):
        scheduler.final_alpha_cumprod = torch.ones((), dtype=torch.float64)
    return scheduler


def numbers(seed, *shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", BETAS)
@pytest.mark.parametrize("bent", [False, True])
def test_schedules_are_theirs(name, bent):
    make, ends = BETAS[name]
    theirs = diffusers.DDPMScheduler(beta_schedule=name, rescale_betas_zero_snr=bent, **ends)
    betas = schedule.zero_terminal_snr(make()) if bent else make()
    # theirs are 1 - a quotient in single precision: good to a few times 6e-8
    torch.testing.assert_close(betas.float(), theirs.betas, rtol=2e-4, atol=5e-7 if bent else 1e-7)
    ours = schedule.NoiseSchedule(betas).alpha_bar[1:].float()
    torch.testing.assert_close(ours, theirs.alphas_cumprod, rtol=1e-4, atol=1e-6)
    assert (ours[-1] == 0) == bent


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("count", [2, 7, 20, 50, 1000])
def test_spaced_steps_are_theirs(spacing, count):
    for kind in (diffusers.DDPMScheduler, diffusers.DDIMScheduler):
        theirs = kind(timestep_spacing=spacing)
        theirs.set_timesteps(count)
        assert samplers.spaced_steps(1000, count, spacing) == (theirs.timesteps + 1).tolist()


def test_spaced_steps_are_those_of_table_2():
    assert samplers.spaced_steps(1000, 10, "leading") == [901, 801, 701, 601, 501, 401, 301, 201, 101, 1]
    assert samplers.spaced_steps(1000, 10, "trailing") == [1000, 900, 800, 700, 600, 500, 400, 300, 200, 100]
    assert samplers.spaced_steps(1000, 10, "linspace") == [1000, 889, 778, 667, 556, 445, 334, 223, 112, 1]


def ddpm_gaps(kind, spacing, variance, clip, count, *, module=samplers, make=schedule.cosine_betas, steps=40):
    """The largest difference over a whole chain, in which each step starts from theirs."""
    ours = schedule.NoiseSchedule(make(steps))
    theirs = exactly(
        diffusers.DDPMScheduler(
            steps,
            prediction_type=NAMES[kind],
            timestep_spacing=spacing,
            variance_type=f"fixed_{variance}",
            clip_sample=clip is not None,
            clip_sample_range=clip or 1.0,
        ),
        ours,
    )
    theirs.set_timesteps(count)
    times = samplers.spaced_steps(steps, count, spacing)
    x, gap = numbers(0, 2, 3, 4, 5), 0.0
    for i, (t, s) in enumerate(zip(times, [*times[1:], 0], strict=True)):
        said = numbers(i + 1, *x.shape)
        draw = torch.Generator().manual_seed(i)
        noise = torch.randn(x.shape, generator=draw, dtype=x.dtype)
        want = theirs.step(said, t - 1, x, generator=draw.manual_seed(i)).prev_sample
        if s == 0 and t > 1 and variance == "large":
            break  # there they add noise to the finished picture; algorithm 2 adds none
        got = module.ddpm_step(ours, x, said, t, s, noise, kind=kind, variance=variance, clip=clip)
        gap = max(gap, float((got - want).abs().max() / want.std()))
        x = want
    return gap


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("variance", "clip"), [("small", None), ("large", 1.0), ("small", 0.7)])
@pytest.mark.parametrize("count", [7, 40])
def test_ddpm_steps_are_theirs(kind, spacing, variance, clip, count):
    assert ddpm_gaps(kind, spacing, variance, clip, count) < 1e-9


def ddim_gaps(kind, spacing, eta, clip, count, *, module=samplers, make=schedule.linear_betas, steps=1000):
    ours = schedule.NoiseSchedule(make(steps))
    theirs = exactly(
        diffusers.DDIMScheduler(
            steps,
            prediction_type=NAMES[kind],
            timestep_spacing=spacing,
            clip_sample=clip is not None,
            clip_sample_range=clip or 1.0,
        ),
        ours,
    )
    theirs.set_timesteps(count)
    x, gap = numbers(0, 2, 3, 4, 5), 0.0
    for i, t in enumerate(samplers.spaced_steps(steps, count, spacing)):
        s = max(t - steps // count, 0)  # their next step, even where the next that is kept is another
        said, noise = numbers(i + 1, *x.shape), numbers(100 + i, *x.shape)
        want = theirs.step(said, t - 1, x, eta, clip is not None, variance_noise=noise).prev_sample
        got = module.ddim_step(ours, x, said, t, s, noise if eta else None, kind=kind, eta=eta, clip=clip)
        gap = max(gap, float((got - want).abs().max() / want.std()))
        x = want
    return gap


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("eta", "clip"), [(0.0, None), (0.3, None), (1.0, None), (0.5, 1.0)])
def test_ddim_steps_are_theirs(kind, spacing, eta, clip):
    assert ddim_gaps(kind, spacing, eta, clip, 20) < 1e-9


@pytest.mark.parametrize("kind", NAMES)
def test_steps_with_nothing_of_the_picture_left_at_the_end_are_theirs(kind):
    make = lambda steps: schedule.zero_terminal_snr(schedule.scaled_linear_betas(steps))  # noqa: E731
    if kind == "epsilon":
        with pytest.raises(ValueError, match="want 'v' or 'sample'"):
            ddim_gaps(kind, "trailing", 0.0, None, 20, make=make)
    else:
        assert ddim_gaps(kind, "trailing", 0.0, None, 20, make=make) < 1e-9


@pytest.mark.parametrize("kind", NAMES)
def test_noised_pictures_and_targets_are_theirs(kind):
    ours = schedule.NoiseSchedule(schedule.cosine_betas())
    theirs = exactly(diffusers.DDPMScheduler(prediction_type=NAMES[kind]), ours)
    x0, noise = numbers(0, 4, 3, 2, 5), numbers(1, 4, 3, 2, 5)
    t = torch.tensor([1, 2, 500, 1000])
    torch.testing.assert_close(forward_process.noised(ours, x0, t, noise), theirs.add_noise(x0, noise, t - 1))
    if kind == "v":
        want = theirs.get_velocity(x0, noise, t - 1)
        torch.testing.assert_close(prediction.target(ours, x0, t, noise, kind="v"), want)


FAULTS = {
    "the posterior's weights are swapped": ("forward_process", "beta * x0 +", "beta * x +"),
    "β̃ for β, and β for β̃": ("forward_process", 'variance == "small" else', 'variance == "large" else'),
    "ᾱ of one step later": (
        "schedule", "values.to(t.device)[t]", "values.to(t.device)[(t + 1).clamp(max=self.steps)]"),
    "the variance for the spread": ("samplers", "spread.sqrt() * noise", "spread * noise"),
    "the root of ᾱ is forgotten": (
        "prediction", "* prediction) / alpha_bar.sqrt()", "* prediction) / alpha_bar"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_of_the_ancestral_step_is_seen(fault, monkeypatch):
    name, right, wrong = FAULTS[fault]
    bad = planted(f"{PLACE}.{name}", (right, wrong))
    if name == "schedule":
        monkeypatch.setattr(schedule.NoiseSchedule, "gather", bad.NoiseSchedule.gather)
    for function, place in (("posterior", "forward_process"), ("to_sample", "prediction")):
        if place == name:
            monkeypatch.setattr(samplers, function, getattr(bad, function))
    module = bad if name == "samplers" else samplers
    kind = "epsilon" if name == "prediction" else "v"  # under which a chain stays near 1
    assert ddpm_gaps(kind, "leading", "small", None, 40, module=module) > 1e-3


DDIM_FAULTS = {
    "σ is not taken off": ("(1 - then - sigma.square())", "(1 - then)"),
    "ᾱ of now for ᾱ of then": ("then.sqrt() * x0 +", "now.sqrt() * x0 +"),
    "η forgets its first factor": ("((1 - then) / (1 - now) * (1 - now / then))", "((1 - now / then))"),
    "η is squared": ("sigma = eta * (", "sigma = eta**2 * ("),
    "the noise of the picture before it was clipped": (
        'to_epsilon(schedule, x0, x, t, kind="sample")',
        "epsilon",
    ),
}


@pytest.mark.parametrize("fault", DDIM_FAULTS)
def test_a_planted_fault_of_the_ddim_step_is_seen(fault):
    bad = planted(f"{PLACE}.samplers", DDIM_FAULTS[fault])
    assert ddim_gaps("epsilon", "leading", 0.5, 1.0, 20, module=bad) > 1e-3


def test_a_wrong_target_is_seen():
    bad = planted(f"{PLACE}.prediction", ("alpha_bar.sqrt() * noise - (1", "alpha_bar.sqrt() * noise + (1"))
    ours = schedule.NoiseSchedule(schedule.cosine_betas())
    theirs = exactly(diffusers.DDPMScheduler(), ours)
    x0, noise, t = numbers(0, 2, 3), numbers(1, 2, 3), torch.tensor([300, 700])
    assert (
        bad.target(ours, x0, t, noise, kind="v") - theirs.get_velocity(x0, noise, t - 1)
    ).abs().max() > 0.1
