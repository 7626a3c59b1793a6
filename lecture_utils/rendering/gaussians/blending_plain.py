"""`blending` with every Gaussian at every pixel: the formula, which tiles and a backward by hand hide there.

Kerbl et al., "3D Gaussian Splatting", SIGGRAPH 2023, equations 2 and 3. A test holds the two equal.

Shapes: P pixels, N Gaussians.
"""

import torch
from torch import Tensor

from lecture_utils.ops.camera import pixel_grid


def splat_alphas(pixels: Tensor, means: Tensor, covariances: Tensor, opacities: Tensor) -> Tensor:
    """Return how much of what is behind each Gaussian (N) hides at each pixel (P), as (P, N) in [0, 0.99]."""
    offset = pixels[:, None] - means  # (P, N, 2)
    distance = torch.einsum("pni,nij,pnj->pn", offset, torch.linalg.inv(covariances), offset)
    alphas = (opacities * torch.exp(-distance / 2)).clamp(max=0.99)  # (P, N)
    return torch.where(alphas < 1 / 255, 0.0, alphas)


def blend(
    means: Tensor,
    covariances: Tensor,
    depth_m: Tensor,
    colours: Tensor,
    opacities: Tensor,
    size: tuple[int, int],
    background: Tensor,
) -> tuple[Tensor, Tensor]:
    """Blend splats front to back: the picture (3, H, W), and what is left of the light behind them (H, W)."""
    near_first = depth_m.argsort()
    pixels = pixel_grid(size).to(means).reshape(-1, 2)  # (P, 2)
    alphas = splat_alphas(pixels, means[near_first], covariances[near_first], opacities[near_first])
    behind = torch.cumprod(1 - alphas, dim=1)  # (P, N): light that passes this splat and all before it
    before = torch.cat([torch.ones_like(behind[:, :1]), behind[:, :-1]], dim=1)  # (P, N): T
    left = behind[:, -1]  # (P,)
    picture = (alphas * before) @ colours[near_first] + left[:, None] * background  # (P, 3)
    return picture.T.reshape(3, *size), left.reshape(size)
