"""Weights `solids_nerf`: a small NeRF of the showpiece of four solids, from 40 views of 64 × 64 pixels.

B. Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis", ECCV 2020, a
quarter of its width: 64 units in 3 layers before the fine density and 32 in 2 before the coarse one, which
has only to find where something is; 24 samples and 24 more on a ray. Small batches let it take many steps: on
a CPU 256 rays a step came further in the same time than 1,024 (on validation views). At 64 pixels six
frequencies for places and two for directions are enough.
"""

from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld import solids
from lecture_utils.metrics.psnr import psnr
from lecture_utils.recipes import _views
from lecture_utils.rendering.nerf import NeRF, nerf_loss, render_views
from lecture_utils.rendering.radiance_field import RadianceField
from lecture_utils.training.one_cycle import one_cycle

BATCH, STEPS, RATE, WARM_UP = 256, 6000, 1e-2, 0.05
SAMPLES, MORE_SAMPLES = 24, 24


def build(
    *,
    frequencies: int = 6,
    view_direction: bool = True,
    samples: int = SAMPLES,
    more_samples: int = MORE_SAMPLES,
) -> NeRF:
    """The two networks, untrained, for a scene in the ball of radius 1 m before white."""

    def field(width: int, depth: int) -> RadianceField:
        return RadianceField(
            width, depth, skip=None, frequencies=frequencies, view_frequencies=2, colour_width=32,
            view_direction=view_direction, activation="softplus",
        )  # fmt: skip

    return NeRF(field(32, 2), field(64, 3), samples=samples, more_samples=more_samples)


def rays_loss(model: nn.Module, x: tuple[Tensor, Tensor], colours: Tensor) -> Tensor:
    """The loss of a batch of rays: origins and directions (R, 3) each, colours (R, 3)."""
    return nerf_loss(model(*x), colours)


def train(
    seed: int = 0,
    *,
    steps: int = STEPS,
    batch: int = BATCH,
    rate: float = RATE,
    scene: solids.SolidScene | None = None,
    **sizes: Any,
) -> tuple[nn.Module, dict[str, float]]:
    """Train on the 40 views of a scene, the showpiece's if none is given; `sizes` are those of `build`."""
    torch.manual_seed(seed)
    model = build(**sizes)
    rays = _views.training_rays(scene or solids.showpiece())
    return one_cycle(
        model, _views.ray_batches(*rays, batch=batch, seed=seed), loss=rays_loss,
        optimizer=torch.optim.Adam(model.parameters(), rate, betas=(0.9, 0.99)), steps=steps,
        warm_up=WARM_UP, cycle_momentum=False, label="NeRF",
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Mean PSNR in dB of 8 test views, and the median error of depth on the solids in metres."""
    assert isinstance(model, NeRF)
    cameras, truth = _views.pictures(solids.showpiece(), "test")
    seen = render_views(model.eval(), cameras)
    error = (seen.depth_m - truth.depth_m)[truth.mask].abs()
    return {
        "psnr_db": float(psnr(seen.image.clamp(0, 1), truth.image).mean()),
        "depth_error_m": float(error.median()),
    }
