"""Chapter 18, part b: the five functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `volume`, `radiance_field`,
`ray_sampling` and `gaussians` in `lecture_utils.rendering`. The tests hold each of these equal to its
counterpart there; the papers are named there too.

Shapes: R rays, S samples or bins on each, K samples of the second pass, P places or pixels, D coordinates,
L frequencies, N Gaussians.
"""

import torch
from torch import Tensor


def composite(density: Tensor, colour: Tensor, distance_m: Tensor, far_m: Tensor) -> tuple[Tensor, Tensor]:
    """Return what rays see, (R, 3), before a white background, and the weight of each sample, (R, S).

    Density (R, S) in 1/metre and colour (R, S, 3) were asked for at `distance_m` (R, S), in order. A sample
    stands for the stretch of the ray from itself to the next one, the last for that to `far_m` (R,). Its
    weight is the share of all light that it stops; what no sample stops comes from the background.
    """
    steps = torch.diff(distance_m, dim=1, append=far_m[:, None])  # (R, S)
    thickness = density * steps
    before = thickness.cumsum(dim=1) - thickness  # what stands before each sample, without itself
    weights = torch.exp(-before) * (1 - torch.exp(-thickness))
    passed = 1 - weights.sum(dim=1, keepdim=True)  # (R, 1)
    return (weights[:, :, None] * colour).sum(dim=1) + passed, weights


def encode(x: Tensor, frequencies: int, spacing: float = 0.0) -> Tensor:
    """Return sines and cosines of each coordinate, (P, D · 2L): only those that the samples can carry.

    For places (P, D) in [-1, 1] and L = `frequencies`, each coordinate p gives sin(2⁰πp), cos(2⁰πp), …,
    sin(2^(L-1)πp), cos(2^(L-1)πp); after the first coordinate comes the second. The places are samples that
    lie `spacing` apart: waves of which they see less than two samples a period are 0. At 0 none is left out.
    """
    octaves = 2.0 ** torch.arange(frequencies)  # (L,)
    angles = torch.pi * octaves * x[:, :, None]  # (P, D, L)
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1)  # (P, D, L, 2)
    carried = 2 / octaves >= 2 * spacing  # (L,): the period of sin(2^k πp) is 2 / 2^k
    return (waves * carried[:, None]).flatten(1)


def fine_samples_faulty(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    """Return distances (R, K), in metres, that are dense where the coarse pass found weight.

    Bin i of a ray lies between edges i and i + 1 of `edges_m` (R, S + 1) and has weight i of `weights`
    (R, S). Share `u` (R, K), from 0 to 1, of a ray's weight lies before the distance that it gives, the
    weight of a bin spread evenly in it. Each weight counts 10⁻⁵ more, so that an empty ray is sampled evenly.
    """
    weights = weights + 1e-5
    cdf = weights.cumsum(dim=1) / weights.sum(dim=1, keepdim=True)
    right = torch.searchsorted(cdf, u).clamp(1, cdf.shape[1] - 1)  # (R, K): the first edge beyond u
    low, high = cdf.gather(1, right - 1), cdf.gather(1, right)
    start, end = edges_m.gather(1, right - 1), edges_m.gather(1, right)
    return start + (u - low) / (high - low) * (end - start)


def fine_samples(edges_m: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    """Return distances (R, K), in metres, that are dense where the coarse pass found weight.

    Bin i of a ray lies between edges i and i + 1 of `edges_m` (R, S + 1) and has weight i of `weights`
    (R, S). Share `u` (R, K), from 0 to 1, of a ray's weight lies before the distance that it gives, the
    weight of a bin spread evenly in it. Each weight counts 10⁻⁵ more, so that an empty ray is sampled evenly.
    """
    weights = weights + 1e-5
    cdf = weights.cumsum(dim=1) / weights.sum(dim=1, keepdim=True)
    cdf = torch.cat([torch.zeros_like(cdf[:, :1]), cdf], dim=1)  # (R, S + 1): one number for each edge
    right = torch.searchsorted(cdf, u).clamp(1, cdf.shape[1] - 1)  # (R, K): the first edge beyond u
    low, high = cdf.gather(1, right - 1), cdf.gather(1, right)
    start, end = edges_m.gather(1, right - 1), edges_m.gather(1, right)
    return start + (u - low) / (high - low) * (end - start)


def projected_covariance(
    means: Tensor, scales_m: Tensor, turns: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor
) -> Tensor:
    """Return the covariance of each Gaussian's shadow in the picture, (N, 2, 2), in square pixels.

    A Gaussian lies at `means` (N, 3) in the world, with standard deviations `scales_m` (N, 3) along its own
    axes, which are the columns of `turns` (N, 3, 3). The camera has `rotation` (3, 3), `translation` (3,) and
    `intrinsics` (3, 3) without skew; all means lie before it. 0.3 square pixels are added to both variances.
    """
    own = turns * scales_m[:, None]  # (N, 3, 3), R S
    covariance = own @ own.mT  # R S Sᵀ Rᵀ
    x, y, z = (means @ rotation.T + translation).unbind(dim=1)
    jacobian = torch.zeros(len(means), 2, 3)  # of u = f_x x / z + c_x and v = f_y y / z + c_y
    jacobian[:, 0, 0], jacobian[:, 0, 2] = 1 / z, -x / z**2
    jacobian[:, 1, 1], jacobian[:, 1, 2] = 1 / z, -y / z**2
    to_pixels = intrinsics[:2, :2] @ jacobian @ rotation  # (N, 2, 3), J W
    return to_pixels @ covariance @ to_pixels.mT + 0.3 * torch.eye(2)


def blend(
    pixels: Tensor, means: Tensor, covariances: Tensor, depth_m: Tensor, colours: Tensor, opacities: Tensor
) -> Tensor:
    """Return the colours (P, 3) of pixels with centres (P, 2), seen through N splats, before white.

    Splat i has its middle at `means` (N, 2), in pixels, `covariances` (N, 2, 2), `depth_m` (N,), `colours`
    (N, 3) and `opacities` (N,). At an offset d from its middle it hides the share α = o exp(-½ dᵀ Σ⁻¹ d) of
    what is behind it: 0.99 at most, and nothing where α is below 1/255.
    """
    order = depth_m.argsort()  # the nearest first
    offset = pixels[:, None] - means[order]  # (P, N, 2)
    inverse = torch.linalg.inv(covariances[order])  # (N, 2, 2)
    distance = (torch.einsum("pni,nij->pnj", offset, inverse) * offset).sum(dim=2)  # (P, N), dᵀ Σ⁻¹ d
    alphas = (opacities[order] * torch.exp(-distance / 2)).clamp(max=0.99)
    alphas = torch.where(alphas < 1 / 255, 0.0, alphas)
    left = torch.cumprod(1 - alphas, dim=1)  # (P, N): what passes this splat and all before it
    before = torch.cat([torch.ones_like(left[:, :1]), left[:, :-1]], dim=1)
    return (before * alphas) @ colours[order] + left[:, -1:]
