"""What the lab of chapter 18 begins with: pictures of a scene, and how balls are rendered.

Shapes: P points or Gaussians, H × W pixels.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.data.toyworld import solids
from lecture_utils.ops.camera import Cameras, orbit
from lecture_utils.rendering.gaussians.blending import blend
from lecture_utils.rendering.gaussians.projection import project_gaussians

Render = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # means, scales, opacities, colours → picture


class Capture(NamedTuple):
    """Twelve pictures of a scene that nobody has measured.

    Attributes
    ----------
    images : Tensor
        (12, 3, 192, 192) in [0, 1].
    intrinsics : Tensor
        (3, 3), K of all.
    """

    images: Tensor
    intrinsics: Tensor


def capture() -> Capture:
    """Twelve pictures along an arc around solids on speckled ground; where they were taken is not said."""
    scene = solids.showpiece(speckle=0.8)
    cameras = orbit(12, (192, 192), turn_deg=66, elevation_deg=35, start_deg=20, field_of_view_deg=36)
    return Capture(solids.render_solids(scene, cameras).image, cameras.intrinsics[0])


def renderer(camera: Cameras) -> Render:
    """Return a function that renders balls with one camera: means (P, 3), scales (P,), opacities (P,) and
    colours (P, 3) become a picture (3, H, W) before white. Gradients go through it."""

    def render(means: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor) -> Tensor:
        covariances = scales[:, None, None] ** 2 * torch.eye(3)
        splats = project_gaussians(means, covariances, camera)
        seen = splats.visible.nonzero()[:, 0]
        shadows = splats.means[seen], splats.covariances[seen], splats.depth_m[seen]
        return blend(*shadows, colours[seen], opacities[seen], camera.size, torch.ones(3))[0]

    return render
