"""Good calls of 3D Gaussian splatting, and of SSIM, which its loss is made of."""

import torch
from torch import Tensor

from lecture_utils.ops.camera import orbit
from lecture_utils.rendering.gaussians import density, fit, gaussians
from tests.bad_calls import Value, count, floats, labels, made, masks, number, pair, pixels
from tests.good_calls.makers import Call

SIZE = pair(16, 12)
ONE, TWO = made(lambda: orbit(1, (16, 12))), made(lambda: orbit(2, (16, 12)))


def unit(x: Tensor) -> Tensor:
    """Directions of length 1 from numbers in [0, 1]."""
    return torch.nn.functional.normalize(x - 0.4, dim=-1)


def inside(*shape: int) -> Value:
    """Numbers in [0, 1]."""
    return floats(*shape, of=lambda x: x)


def spreads(size: int) -> Value:
    """Positive definite matrices (5, size, size)."""
    return floats(5, size, size, of=lambda x: (x - 0.5) @ (x - 0.5).mT + 0.3 * torch.eye(size))


def scene() -> gaussians.Gaussians:
    """Six Gaussians."""
    return gaussians.random_gaussians(6, degree=1, generator=torch.Generator().manual_seed(0))


def scene_and_adam() -> tuple[gaussians.Gaussians, torch.optim.Adam]:
    """The same, with an optimizer over it."""
    own = scene()
    return own, fit.adam_for(own, fit.FitSettings())


def control() -> density.DensityControl:
    """Over six Gaussians."""
    return density.DensityControl(*scene_and_adam())


def seen() -> gaussians.View:
    """A view whose places have gradients."""
    view = scene().view(orbit(1, (16, 12)))
    view.means.retain_grad()
    view.image.square().sum().backward()
    return view


SPLATS = {
    "means": floats(5, 2, of=lambda x: 12 * x), "covariances": spreads(2), "depth_m": inside(5),
    "colours": inside(5, 3), "opacities": inside(5),
}  # fmt: skip
CORNERS = made(lambda: torch.tensor([[0, 0], [0, 8]]))
STEP = {"target": pixels(3, 16, 12), "ssim_weight": number(0.2)}

GOOD: dict[str, dict[str, Call]] = {
    "ops.ssim": {
        "ssim": {"a": floats(2, 3, 14, 12), "b": floats(2, 3, 14, 12)},
        "ssim_map": {"a": floats(2, 3, 14, 12), "b": floats(2, 3, 14, 12)},
        "local_means": {"images": floats(2, 3, 14, 12)},
        "window_rows": {"side": count(14)},
    },
    "rendering.gaussians.spherical_harmonics": {
        "sh_degree": {"coefficients": count(9)},
        "sh_basis": {"directions": floats(5, 3, of=unit), "degree": count(3, zero=True)},
        "sh_colours": {"coefficients": floats(5, 9, 3), "directions": floats(5, 3, of=unit)},
        "sh_of_colours": {"colours": inside(5, 3)},
    },
    "rendering.gaussians.projection": {
        "projection_jacobian": {"means_cam": floats(5, 3, of=lambda x: x + 0.5),
            "intrinsics": floats(3, 3, of=lambda x: x + torch.eye(3))},
        "project_gaussians": {"means": floats(5, 3), "covariances": spreads(3), "cameras": ONE,
            "dilation": number(0.3), "near_m": number(0.2)},
        "slope_limits": {"cameras": ONE},
        "dilation_at": {"height": count(128), "fitted_height": count(64)},
    },
    "rendering.gaussians.blending": {
        "blend": {**SPLATS, "size": SIZE, "background": inside(3), "tile": count(8)},
        "tile_corners": {"size": SIZE, "tile": count(8)},
        "tile_basis": {"tile": count(8)},
    },
    "rendering.gaussians.gaussians": {
        "covariance": {"log_scales": floats(5, 3), "quaternions": floats(5, 4)},
        "Gaussians": {"means": floats(5, 3), "colours": inside(5, 3),
            "scales_m": floats(5, of=lambda x: x + 0.1), "degree": count(2, zero=True),
            "opacity": number(0.1), "background": pair(1.0, 1.0, 1.0)},
        "Gaussians.colours": {"self": made(scene), "chosen": labels(6, 4), "eye": floats(3)},
        "Gaussians.view": {"self": made(scene), "cameras": ONE, "dilation": number(0.3)},
        "Gaussians.forward": {"self": made(scene), "cameras": TWO, "dilation": number(0.3)},
        "random_gaussians": {"count": count(6), "radius_m": number(1.0), "degree": count(1, zero=True)},
        "gaussians_from_points": {"points": floats(5, 3), "colours": inside(5, 3),
            "degree": count(1, zero=True)},
    },
    "rendering.gaussians.density": {
        "DensityControl": {"*": made(scene_and_adam), "gradient_threshold": number(2e-4),
            "size_threshold_m": number(0.03), "least_opacity": number(0.005), "most": count(100)},
        "DensityControl.observe": {"self": made(control), "view": made(seen)},
        "DensityControl.reset_opacities": {"self": made(control), "opacity": number(0.01)},
        "within": {"wanted": masks(6), "pull": floats(6), "room": 2},
    },
    "rendering.gaussians.fit": {
        "FitSettings": {name: count(5) for name in ("steps", "densify_every", "degree_every", "most")}
            | {name: count(5, zero=True) for name in ("densify_from", "densify_until", "reset_every")}
            | {"ssim_weight": number(0.2), "gradient_threshold": number(2e-4),
               "size_threshold_m": number(0.03)}
            | {f"{name}_rate": number(1e-3)
               for name in ("mean", "last_mean", "scale", "quaternion", "opacity", "colour")},
        "splat_loss": {"image": inside(3, 16, 12), **STEP},
        "fit_step": {"*": made(lambda: (*scene_and_adam(), orbit(1, (16, 12)))), **STEP},
        "fit_gaussians": {"gaussians": made(scene), "cameras": TWO, "images": pixels(2, 3, 16, 12),
            "settings": fit.FitSettings(steps=1), "seed": 0},
        "mean_rate_at": {"settings": fit.FitSettings(), "step": count(5, zero=True)},
    },
}  # fmt: skip
