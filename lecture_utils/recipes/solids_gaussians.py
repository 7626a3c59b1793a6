"""Weights `solids_gaussians`: the showpiece of four solids as a few thousand Gaussians, fitted to 40 views.

B. Kerbl et al., "3D Gaussian Splatting for Real-Time Radiance Field Rendering", SIGGRAPH 2023, on pictures of
64 × 64 pixels and in a seventh of the paper's steps. It starts from Gaussians at random in the ball that
holds the scene: no points are given. Views, split and scene are those of `solids_nerf`. The solids are matt,
so their colours have harmonics up to degree 1 alone: with the paper's 3, after the first round, validation
views were worse (31.7 dB against 32.5) and training views better.
"""

import time

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld import solids
from lecture_utils.metrics.psnr import psnr
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.ssim import ssim
from lecture_utils.recipes import _views
from lecture_utils.rendering.gaussians.fit import FitHistory, FitSettings, fit_gaussians
from lecture_utils.rendering.gaussians.gaussians import Gaussians, random_gaussians

START, STEPS = 500, 3000
DEGREE = 1
REFINE = FitSettings(  # a second round, with a fifth of the rates and without density control
    steps=1500,
    mean_rate=2e-4,
    scale_rate=2e-3,
    quaternion_rate=1e-3,
    opacity_rate=1e-2,
    colour_rate=2e-3,
    densify_until=0,
    degree_every=1,
)


def build() -> Gaussians:
    """The smallest scene, untrained: stored weights bring their own number of Gaussians."""
    return random_gaussians(4, degree=DEGREE, generator=torch.Generator().manual_seed(0))


def fitted(
    cameras: Cameras,
    images: Tensor,
    settings: FitSettings,
    *,
    seed: int = 0,
    start: int = START,
    degree: int = 3,
) -> tuple[Gaussians, FitHistory]:
    """Fit Gaussians to pictures (V, 3, H, W), from `start` of them at random in the ball; CPU seconds."""
    generator = torch.Generator().manual_seed(seed)
    scene = random_gaussians(start, radius_m=_views.BALL_M, degree=degree, generator=generator)
    return scene, fit_gaussians(scene, cameras, images, settings, seed=seed, clock=time.thread_time)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Fit the showpiece, then refine it; return the scene and steps, CPU seconds, last loss."""
    cameras, seen = _views.pictures(solids.showpiece(), "train")
    settings = FitSettings(steps=steps, densify_until=6 * steps // 10)
    scene, first = fitted(cameras, seen.image, settings, seed=seed, degree=DEGREE)
    second = fit_gaussians(scene, cameras, seen.image, REFINE, seed=seed + 1, clock=time.thread_time)
    return scene, {
        "steps": steps + REFINE.steps,
        "seconds": first.seconds + second.seconds,
        "loss": second.losses[-1],
    }


def evaluate(model: nn.Module) -> dict[str, float]:
    """Mean PSNR in dB and mean SSIM of the 8 test views, and the number of Gaussians."""
    assert isinstance(model, Gaussians)
    cameras, seen = _views.pictures(solids.showpiece(), "test")
    with torch.inference_mode():
        images = model(cameras).clamp(0, 1)
    return {
        "psnr_db": float(psnr(images, seen.image).mean()),
        "ssim": float(ssim(images, seen.image).mean()),
        "gaussians": float(len(model)),
    }
