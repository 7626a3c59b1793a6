"""3D Gaussian splatting (S18.5): a scene as a cloud of coloured, half-transparent ellipsoids.

B. Kerbl, G. Kopanas, T. Leimkühler, G. Drettakis, "3D Gaussian Splatting for Real-Time Radiance Field
Rendering", SIGGRAPH 2023. What is learned of each Gaussian (section 4): its mean, the logarithms of its three
standard deviations, the quaternion of its axes, the logit of its opacity, and the spherical harmonics of its
colour. Its covariance is Σ = R S Sᵀ Rᵀ (equation 6), which is positive semi-definite whatever a step of
training does to its parts; six free numbers would not be.

Simplified: one picture at a time on any device, no CUDA kernels; what else differs stands in `projection`,
`blending` and `density`.

Shapes: N Gaussians, V views, K coefficients of the spherical harmonics.
"""

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import (
    check_classes,
    check_number,
    check_numbers,
    check_tensor,
    check_type,
    check_whole,
)
from lecture_utils.ops.rotation import quaternion_to_matrix
from lecture_utils.rendering.gaussians.blending import blend
from lecture_utils.rendering.gaussians.projection import DILATION, project_gaussians
from lecture_utils.rendering.gaussians.spherical_harmonics import sh_colours, sh_degree, sh_of_colours

NAMES = ("means", "log_scales", "quaternions", "opacity_logits", "sh")  # what is learned
START_OPACITY = 0.1


class View(NamedTuple):
    """What one camera sees.

    Attributes
    ----------
    image : Tensor
        (3, H, W).
    left : Tensor
        (H, W) in [0, 1]: the part of the background's light that comes through.
    means : Tensor
        (M, 2): where the visible Gaussians fall, in pixels; `density` reads its gradient.
    chosen : Tensor
        (M,) long: which Gaussians these are.
    """

    image: Tensor
    left: Tensor
    means: Tensor
    chosen: Tensor


def covariance(log_scales: Tensor, quaternions: Tensor) -> Tensor:
    """Return Σ = R S Sᵀ Rᵀ.

    Parameters
    ----------
    log_scales : Tensor
        (N, 3): logarithms of the standard deviations along the Gaussian's own axes, in metres.
    quaternions : Tensor
        (N, 4), w, x, y, z of any length but 0.

    Returns
    -------
    Tensor
        (N, 3, 3) in square metres, symmetric and positive semi-definite.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, or a quaternion of length 0.
    """
    check_tensor(log_scales, "log_scales", "N", 3, finite=True)
    check_tensor(quaternions, "quaternions", len(log_scales), 4, finite=True)
    check_type(quaternions, log_scales, name="quaternions")
    root = quaternion_to_matrix(quaternions) * log_scales.exp()[:, None]  # R S, (N, 3, 3)
    return root @ root.mT


class Gaussians(nn.Module):
    """A scene of N Gaussians, which is called with cameras.

    Parameters
    ----------
    means : Tensor
        (N, 3) in metres, N ≥ 1.
    colours : Tensor
        (N, 3) in [0, 1], to begin with the same from everywhere.
    scales_m : Tensor
        (N,): standard deviations; to begin with each Gaussian is a ball.
    degree : int
        Of the spherical harmonics, 0 to 3.
    opacity : float
        To begin with, of all.
    background : tuple of float
        The colour behind all, white as the toy world's.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, scales of 0 or less.
    """

    means: nn.Parameter
    log_scales: nn.Parameter
    quaternions: nn.Parameter
    opacity_logits: nn.Parameter
    sh: nn.Parameter
    background: Tensor

    def __init__(
        self,
        means: Tensor,
        colours: Tensor,
        scales_m: Tensor,
        *,
        degree: int = 3,
        opacity: float = START_OPACITY,
        background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        check_tensor(means, "means", "N", 3, finite=True, some=True)
        check_tensor(colours, "colours", len(means), 3, finite=True)
        check_tensor(scales_m, "scales_m", len(means), finite=True)
        check_number(opacity, "opacity", 1e-6, 1 - 1e-6)
        check_numbers(background, "background", 3)
        if bool((scales_m <= 0).any()):
            raise ValueError(f"scales_m: got {scales_m.min():.4g}, want all above 0")
        if degree not in range(4):
            raise ValueError(f"degree: got {degree!r}, want 0, 1, 2 or 3")
        super().__init__()
        n = len(means)
        self.means = nn.Parameter(means.clone())  # (N, 3)
        self.log_scales = nn.Parameter(scales_m.log()[:, None].repeat(1, 3))  # (N, 3)
        self.quaternions = nn.Parameter(torch.tensor([1.0, 0, 0, 0]).to(means).repeat(n, 1))  # (N, 4)
        self.opacity_logits = nn.Parameter(torch.full((n,), math.log(opacity / (1 - opacity))).to(means))
        constant = sh_of_colours(colours).to(means)  # (N, 1, 3)
        self.sh = nn.Parameter(F.pad(constant, (0, 0, 0, (degree + 1) ** 2 - 1)))  # (N, K, 3)
        self.register_buffer("background", torch.tensor(background).to(means), persistent=False)
        self.active_degree = degree  # `fit` lets it grow

    def __len__(self) -> int:
        return len(self.means)

    @property
    def degree(self) -> int:
        """Of the spherical harmonics: how much the colours can depend on the view."""
        return sh_degree(self.sh.shape[1])

    @property
    def opacities(self) -> Tensor:
        """(N,) in [0, 1]."""
        return self.opacity_logits.sigmoid()

    @property
    def covariances(self) -> Tensor:
        """(N, 3, 3) in square metres."""
        return covariance(self.log_scales, self.quaternions)

    def colours(self, chosen: Tensor, eye: Tensor) -> Tensor:
        """Return the colours of the `chosen` (M,) long, seen from `eye` (3,): (M, 3)."""
        check_classes(chosen, "chosen", "M", classes=len(self))
        check_tensor(eye, "eye", 3, finite=True)
        used = self.sh[chosen, : (self.active_degree + 1) ** 2]  # (M, K, 3)
        return sh_colours(used, F.normalize(self.means[chosen] - eye, dim=1))

    def view(self, cameras: Cameras, *, dilation: float = DILATION) -> View:
        """See the scene with one camera.

        Parameters
        ----------
        cameras : Cameras
            One, such as `cameras[3]`.
        dilation : float
            As of `project_gaussians`; `dilation_at` gives the one for pictures of another size.

        Returns
        -------
        View
            The picture, and where the visible Gaussians fall in it.
        """
        splats = project_gaussians(self.means, self.covariances, cameras, dilation=dilation)  # equation 5
        chosen = splats.visible.nonzero()[:, 0]  # (M,)
        centres = splats.means[chosen]  # (M, 2)
        image, left = blend(
            centres,
            splats.covariances[chosen],
            splats.depth_m[chosen],
            self.colours(chosen, cameras.centre[0]),
            self.opacities[chosen],
            cameras.size,
            self.background,
        )  # equation 3
        return View(image, left, centres, chosen)

    def forward(self, cameras: Cameras, *, dilation: float = DILATION) -> Tensor:
        """Render V cameras: (V, 3, H, W), not clamped; arguments as of `view`."""
        if not isinstance(cameras, Cameras) or not len(cameras):
            raise ValueError(f"cameras: got {cameras!r}, want one or more Cameras")
        return torch.stack([self.view(cameras[i], dilation=dilation).image for i in range(len(cameras))])

    def _load_from_state_dict(self, state_dict: Any, prefix: Any, *args: Any, **kwargs: Any) -> None:
        """Take over as many Gaussians as were stored: training changes their number."""
        for name in NAMES:
            stored, own = state_dict.get(prefix + name), getattr(self, name)
            if isinstance(stored, Tensor) and stored.shape[1:] == own.shape[1:] and len(stored) != len(own):
                setattr(self, name, nn.Parameter(own.new_empty(stored.shape)))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def random_gaussians(
    count: int, *, radius_m: float = 1.0, degree: int = 3, generator: torch.Generator | None = None
) -> Gaussians:
    """Start from `count` Gaussians of random colours, evenly in the ball around the origin.

    As the authors do where there are no points: evenly in a volume, each as large as the mean distance to
    its three nearest neighbours.

    Raises
    ------
    ValueError
        For a count below 4, or a radius of 0 or less.
    """
    check_whole(count, "count", 4)
    check_number(radius_m, "radius_m", 0, above=True)
    directions = F.normalize(torch.randn(count, 3, generator=generator), dim=1)
    radii = radius_m * torch.rand(count, 1, generator=generator) ** (1 / 3)  # volume grows with r³
    return gaussians_from_points(radii * directions, torch.rand(count, 3, generator=generator), degree=degree)


def gaussians_from_points(points: Tensor, colours: Tensor, *, degree: int = 3) -> Gaussians:
    """Start from points, such as those of structure from motion (Kerbl et al., section 5).

    Parameters
    ----------
    points : Tensor
        (N, 3) in metres, N ≥ 4.
    colours : Tensor
        (N, 3) in [0, 1].
    degree : int
        Of the spherical harmonics.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or fewer than 4 points.
    """
    check_tensor(points, "points", "N", 3, finite=True)
    check_tensor(colours, "colours", len(points), 3, finite=True)
    if len(points) < 4:
        raise ValueError(f"points: got {len(points)}, want 4 or more: each needs three neighbours")
    distances = torch.cdist(points, points).topk(4, largest=False).values[:, 1:]  # (N, 3), not to itself
    scales_m = distances.square().mean(dim=1).sqrt().clamp_min(1e-4)
    return Gaussians(points, colours, scales_m, degree=degree)
