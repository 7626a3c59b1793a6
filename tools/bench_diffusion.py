"""The bench on diffusion (chapter 16): the conditional U-Net's step and samples against diffusers'.

In processor time, on one thread, which other work on the machine changes less than the clock on the wall.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from bench_pairs import Rows, compared

BATCH, SIDE, STEPS = 4, 16, 5


def denoiser() -> Rows:
    """One training step, and samples by DDIM, of the same network with the same weights in both codes."""
    from diffusers import DDIMScheduler

    from lecture_utils.generative.diffusion.samplers import ddim_sample, spaced_steps
    from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas
    from lecture_utils.generative.diffusion.unet import ConditionalUNet
    from lecture_utils.hub.diffusers_weights import to_unet
    from lecture_utils.hub.diffusion_pipelines import to_scheduler

    torch.manual_seed(0)
    ours = ConditionalUNet(4, (48, 96, 144), attention=(False, True, True), context=64, blocks=1, heads=4)
    theirs: Any = to_unet(ours)
    millions = sum(value.numel() for value in ours.parameters()) / 1e6
    x, words = torch.randn(BATCH, 4, SIDE, SIDE), torch.randn(BATCH, 16, 64)
    t, noise = torch.randint(1000, (BATCH,)), torch.randn(BATCH, 4, SIDE, SIDE)
    schedule = NoiseSchedule(linear_betas())
    scheduler: DDIMScheduler = to_scheduler(schedule, "epsilon")

    def step() -> None:
        ours.zero_grad(set_to_none=True)
        (ours(x, t, words) - noise).square().mean().backward()

    def their_step() -> None:
        theirs.zero_grad(set_to_none=True)
        (theirs(x, t, words).sample - noise).square().mean().backward()

    times = spaced_steps(1000, STEPS, "trailing")

    @torch.no_grad()
    def samples() -> object:
        return ddim_sample(lambda x, t: ours(x, t, words), schedule, x, times)

    @torch.no_grad()
    def their_samples() -> object:
        scheduler.set_timesteps(STEPS)
        y = x
        for time_ in scheduler.timesteps:
            y = scheduler.step(theirs(y, time_, words).sample, time_, y).prev_sample
        return y

    size = f"{millions:.1f} M, {BATCH} × 4 × {SIDE}²"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = [
            compared(
                f"Conditional U-Net forward + backward, {size}, ours : diffusers",
                step, their_step, pairs=15, aim="≤ 1.10", clock=time.thread_time,
            ),
            compared(
                f"{BATCH} samples of it, {STEPS} steps of DDIM, ours : diffusers",
                samples, their_samples, pairs=9, aim="≤ 1.10", clock=time.thread_time,
            ),
        ]  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    return rows


SECTIONS: dict[str, Callable[[], Rows]] = {"denoiser": denoiser}
