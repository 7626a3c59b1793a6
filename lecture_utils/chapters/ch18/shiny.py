"""Chapter 18: one shiny solid seen from all around, and NeRFs of it with and without the viewing direction.

A highlight moves with the camera, so that two circles of cameras show it too seldom: here 80 cameras are
spread evenly over a dome, and 10 others between them. The solid lies within 0.75 m of the origin, and rays
are sampled only there.

Shapes: N views of H × W pixels.
"""

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.data.toyworld import solids
from lecture_utils.metrics.psnr import psnr
from lecture_utils.ops.camera import Cameras, look_at, pinhole, rays
from lecture_utils.recipes import _views, solids_nerf
from lecture_utils.rendering.nerf import NeRF, render_views
from lecture_utils.rendering.ray_sampling import ball_interval
from lecture_utils.training.kit import size, train_cycle

ROUND = ("ball", "heart", "ring", "capsule")
SHINY, SHININESS = 0.8, 20.0  # strength of the highlight; Blinn's exponent: spots of some pixels
IN_HIGHLIGHT = 0.1  # a pixel is in one if the highlight changes a channel by more than this
BALL_M, LOWEST_DEG, HIGHEST_DEG = 0.75, 5.0, 65.0
START = {"train": 0.0, "val": 0.37, "test": 0.62}  # where on its spiral the first camera of a split stands


class Sizes(NamedTuple):
    """Steps, views to learn from and to measure on, pixels a side."""

    steps: int
    views: int
    others: int
    pixels: int


def sizes(budget: str) -> Sizes:
    """How much is done."""
    return size(budget, quick=Sizes(2, 6, 2, 12), full=Sizes(1500, 80, 10, 64), gpu=Sizes(10_000, 80, 10, 64))


def dome(split: str, budget: str) -> Cameras:
    """Cameras 3 m away, 5° to 65° high, even on the sphere: each a golden angle further, a little higher."""
    about = sizes(budget)
    n = about.views if split == "train" else about.others
    turn = torch.arange(n) + START[split]
    low, high = (math.sin(math.radians(degrees)) for degrees in (LOWEST_DEG, HIGHEST_DEG))
    z = low + (high - low) * (turn + 0.5) / (n + 1)  # even steps of height are even areas (Archimedes)
    azimuth, level = turn * math.pi * (3 - math.sqrt(5)), (1 - z.square()).sqrt()
    eye = _views.RADIUS_M * torch.stack([level * azimuth.cos(), level * azimuth.sin(), z], dim=1)
    picture = (about.pixels, about.pixels)
    return Cameras(*look_at(eye, torch.zeros(3)), pinhole(picture).expand(n, 3, 3), picture)


@functools.lru_cache(maxsize=8)
def solid(seed: int, split: str, strength: float) -> solids.SolidScene:
    """One round solid of one colour with highlights; matt where the strength is 0."""
    scene = solids.sample_solid(
        seed, split=split, count=1, classes=ROUND, materials=("plain",), ground=False, specular=strength
    )
    return scene.replace(shininess=SHININESS)


@functools.lru_cache(maxsize=8)
def pictures(scene: solids.SolidScene, split: str, budget: str) -> Tensor:
    """What the cameras of a split see, (N, 3, H, W)."""
    return solids.render_solids(scene, dome(split, budget), samples=_views.SAMPLES).image


def learned(scene: solids.SolidScene, budget: str, seed: int, rate: float, *, view_direction: bool) -> NeRF:
    """Train with 12 + 12 samples a ray, 256 rays a step."""
    torch.manual_seed(seed)
    model = solids_nerf.build(view_direction=view_direction, samples=12, more_samples=12)
    model.radius_m = BALL_M
    origins, directions = (x.flatten(0, 2) for x in rays(dome("train", budget)))
    colours = pictures(scene, "train", budget).permute(0, 2, 3, 1).flatten(0, 2)
    hit = ball_interval(origins, directions, BALL_M)[2]
    train_cycle(
        model, _views.ray_batches(origins[hit], directions[hit], colours[hit], batch=256, seed=seed),
        loss=solids_nerf.rays_loss, optimizer=torch.optim.Adam(model.parameters(), rate, betas=(0.9, 0.99)),
        steps=sizes(budget).steps, warm_up=0.05, cycle_momentum=False,
    )  # fmt: skip
    model.eval()
    return model


def scores(
    model: NeRF, seed: int, budget: str, strength: float, *, scenes: str, split: str
) -> dict[str, float]:
    """PSNR of the views of a split, whole and where the highlights are when the solid is shiny.

    Parameters
    ----------
    model : NeRF
        That learned the solid with highlights of this strength.
    seed, scenes
        Of the solid: its seed, and the split of seeds that it is from.
    budget : str
        quick, full or gpu.
    strength : float
        Of the highlights in the pictures to compare with.
    split : str
        Of the views: train, val or test.
    """
    shiny, matt, truth = (pictures(solid(seed, scenes, s), split, budget) for s in (SHINY, 0.0, strength))
    lit = (shiny - matt).abs().amax(1, keepdim=True) > IN_HIGHLIGHT  # (N, 1, H, W)
    picture = render_views(model, dome(split, budget)).image.clamp(0, 1)
    joined = [x.transpose(0, 1).flatten(1, 2)[None] for x in (picture, truth, lit)]  # (1, C, N · H, W)
    return {
        "whole": float(psnr(picture, truth).mean()),
        "highlights": float(psnr(*joined)) if bool(lit.any()) else 0.0,
        "share": float(lit.float().mean()),
    }
