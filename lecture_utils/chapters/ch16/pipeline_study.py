"""Chapter 16, part b: the same trained network under other samplers of `diffusers`.

Shapes: N pictures.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lecture_utils.hub.diffusion_pipelines import quiet
from lecture_utils.ops.checks import check_whole

SOLVERS = {
    "DDIM": "DDIMScheduler",
    "DPM-Solver++ (2 steps back)": "DPMSolverMultistepScheduler",
    "UniPC": "UniPCMultistepScheduler",
}


def with_scheduler(pipeline: Any, name: str) -> Any:
    """Give a pipeline another of the library's schedulers, with the same schedule of noise, and return it."""
    import diffusers

    with quiet():
        pipeline.scheduler = getattr(diffusers, name).from_config(pipeline.scheduler.config)
    return pipeline


def from_noise(pipeline: Any, texts: Sequence[str], noise: Tensor, steps: int, scale: float = 3.0) -> Tensor:
    """Pictures (N, 3, 32, 32) of sentences, from given noise (N, 4, 8, 8)."""
    return pipeline(
        list(texts),
        latents=noise,
        num_inference_steps=check_whole(steps, "steps"),
        guidance_scale=scale,
        output_type="pt",
    ).images


def solver_errors(
    pipeline: Any, texts: Sequence[str], steps: Sequence[int] = (4, 5, 8, 10, 20, 40), *, many: int = 200
) -> dict[str, list[float]]:
    """How far pictures of a few steps are from those of `many` steps of DDIM, from the same noise.

    All samplers follow the same way from the noise, so that they end at one picture; what differs is how few
    steps they need. Returned by name: the root mean squared difference of pixels for each number of steps.
    """
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(len(texts), 4, 8, 8, generator=draw)
    goal = from_noise(with_scheduler(pipeline, SOLVERS["DDIM"]), texts, noise, many)
    found: dict[str, list[float]] = {}
    for said, name in SOLVERS.items():
        with_scheduler(pipeline, name)
        made = [from_noise(pipeline, texts, noise, count) for count in steps]
        found[said] = [(x - goal).square().mean().sqrt().item() for x in made]
    with_scheduler(pipeline, SOLVERS["DDIM"])
    return found
