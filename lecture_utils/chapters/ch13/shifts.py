"""Chapter 13: pictures unlike any that was trained on: darker, noisy, of other materials, outlines alone.

Shapes: N pictures of S × S pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.data.toyworld.language.captioned import SIZE, Captioned, captioned
from lecture_utils.data.toyworld.names import MATERIALS
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.sampling import Light
from lecture_utils.metrics.boundary_iou import boundary

DARK = Light(brightness=(0.3, 0.4), warmth=(-0.3, 0.3))  # where trainings have 0.9 to 1.1
NOISE = 0.1  # standard deviation, of pictures in [0, 1]
FINER = 2  # outlines are drawn so much larger, and shrunk: soft edges


def shifted(count: int, seed: int) -> dict[str, Tensor]:
    """The same scenes as `captioned(count, seed=seed, split="test")` shows, each shift (N, 3, 32, 32)."""
    clean = captioned(count, seed=seed, split="test")
    return {
        "darker": captioned(count, seed=seed, split="test", light=DARK).image,
        "noise": noisy(clean.image, NOISE, seed),
        "materials": captioned(count, seed=seed, split="test", materials=MATERIALS[1:]).image,
        "outlines": outlines(clean),
    }


def noisy(images: Tensor, spread: float, seed: int) -> Tensor:
    """Add normal noise with this standard deviation, the same for each seed; what leaves [0, 1] is cut."""
    draw = torch.Generator().manual_seed(seed)
    return (images + spread * torch.randn(images.shape, generator=draw)).clamp(0, 1)


def outlines(its: Captioned) -> Tensor:
    """Draw the object's outline alone, dark on white, (N, 3, 32, 32): no colour, ground, sky or shading."""
    silhouette = render(its.scenes, FINER * SIZE, only="silhouette").silhouette[:, 0]  # (N, 64, 64) bool
    line = boundary(silhouette, FINER).float()[:, None]
    return (1 - F.avg_pool2d(line, FINER)).expand(-1, 3, -1, -1)
