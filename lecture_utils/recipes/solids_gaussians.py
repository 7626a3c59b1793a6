"""Weights `solids_gaussians`: the showpiece of four solids as a few thousand Gaussians, fitted to 40 views.

B. Kerbl et al., "3D Gaussian Splatting for Real-Time Radiance Field Rendering", SIGGRAPH 2023, on pictures of
64 × 64 pixels and in a tenth of the paper's steps. It starts from Gaussians at random in the ball that holds
the scene: no points are given. Views, split and scene are those of `solids_nerf`.
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


def build() -> Gaussians:
    """The smallest scene, untrained: stored weights bring their own number of Gaussians."""
    return random_gaussians(4, generator=torch.Generator().manual_seed(0))


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
    """Fit the showpiece; return the scene and steps, seconds, last loss and the number of Gaussians."""
    cameras, seen = _views.pictures(solids.showpiece(), "train")
    scene, history = fitted(cameras, seen.image, FitSettings(steps=steps), seed=seed)
    info = {"steps": steps, "seconds": history.seconds, "loss": history.losses[-1]}
    return scene, {**info, "gaussians": len(scene)}


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
