"""Alpha blending of splats, sorted by depth, tile by tile; part of 3D Gaussian splatting (S18.5).

Kerbl et al., "3D Gaussian Splatting", SIGGRAPH 2023, section 6 and equation 3: C = Σ c_i α_i Π_{j<i} (1 -
α_j) with α = min(0.99, o exp(-½ dᵀ Σ'⁻¹ d)), and an α below 1/255 skipped, as in the authors' code.

`blending_plain` is the formula by itself. Here a splat meets only the tiles that it touches, and the backward
pass is written out, as in the paper's kernels: the derivative needs what is behind each splat, which a
running sum gives. Simplified: a tile goes on to its last splat (the authors stop where less than 10⁻⁴ of the
light is left); a splat's reach is the exact box in which its α is at least 1/255 (theirs: three standard
deviations). Where α is held at 0.99 its gradient is 0, as of any clamp (the authors' code lets it through).

Shapes: N Gaussians, T tiles, M pairs of a tile and a splat that touches it, P pixels of a tile.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from lecture_utils.ops.checks import check_size, check_tensor, check_type, check_whole

MOST_ALPHA, LEAST_ALPHA = 0.99, 1 / 255
NEGLIGIBLE = -6.0  # ln α; e⁻⁶ is below 1/255, so it is skipped
TILE = 16  # pixels


def blend(
    means: Tensor,
    covariances: Tensor,
    depth_m: Tensor,
    colours: Tensor,
    opacities: Tensor,
    size: tuple[int, int],
    background: Tensor,
    *,
    tile: int = TILE,
) -> tuple[Tensor, Tensor]:
    """Blend splats front to back.

    Parameters
    ----------
    means : Tensor
        (N, 2): u, v in pixels.
    covariances : Tensor
        (N, 2, 2), positive definite, in square pixels.
    depth_m : Tensor
        (N,): the nearest is in front. It gets no gradient.
    colours : Tensor
        (N, 3).
    opacities : Tensor
        (N,) in [0, 1].
    size : tuple of int
        Height and width of the picture.
    background : Tensor
        (3,): the colour behind all splats.
    tile : int
        Side of the tiles in pixels; it changes the speed alone.

    Returns
    -------
    image : Tensor
        (3, H, W).
    left : Tensor
        (H, W) in [0, 1]: the part of the background's light that comes through.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, opacities outside [0, 1], or a covariance
        that is not positive definite: no Gaussian has it.
    """
    check_splats(means, covariances, depth_m, colours, opacities)
    check_tensor(background, "background", 3, finite=True)
    check_type(background, means, name="background")
    check_size(size)
    check_whole(tile, "tile")
    near_first = depth_m.detach().argsort()
    corners = tile_corners(size, tile).to(means.device)  # (T, 2)
    with torch.no_grad():
        touches = touched(means, covariances, opacities, corners, tile)[:, near_first]  # (T, N)
    which, nth = touches.nonzero(as_tuple=True)  # (M,) each: by tile, and within it the nearest first
    splat, counts = near_first[nth], touches.sum(dim=1).tolist()
    powers = tile_powers(means, covariances, opacities, splat, corners[which] + tile / 2)  # (M, 6)
    pixels, left = _BlendTiles.apply(powers, colours[splat], background, counts, tile)
    return untiled(pixels, size, tile), untiled(left[..., None], size, tile)[0]


def check_splats(
    means: Tensor, covariances: Tensor, depth_m: Tensor, colours: Tensor, opacities: Tensor
) -> None:
    """Raise ValueError unless these are N splats, of one type, with values that a splat can have."""
    check_tensor(means, "means", "N", 2, finite=True)
    check_tensor(covariances, "covariances", len(means), 2, 2, finite=True)
    check_tensor(depth_m, "depth_m", len(means), finite=True)
    check_tensor(colours, "colours", len(means), 3, finite=True)
    check_tensor(opacities, "opacities", len(means), finite=True)
    for name, value in {"covariances": covariances, "colours": colours, "opacities": opacities}.items():
        check_type(value, means, name=name)
    if bool(((opacities < 0) | (opacities > 1)).any()):
        low, high = opacities.min().item(), opacities.max().item()
        raise ValueError(f"opacities: got {low:.4g} to {high:.4g}, want all in [0, 1]")
    if bool(((covariances[:, 0, 0] <= 0) | (torch.linalg.det(covariances) <= 0)).any()):
        raise ValueError("covariances: got one that is not positive definite, want it to be")


def reach(covariances: Tensor, opacities: Tensor) -> Tensor:
    """Return how far from its mean each splat's α is 1/255 or more, along u and v, (N, 2) in pixels.

    α ≥ 1/255 where dᵀ Σ'⁻¹ d ≤ 2 ln(255 o): an ellipse, whose box has half-sides √(2 ln(255 o) Σ'_uu) and the
    same for v. Below 0 where α is nowhere so large.
    """
    squared = 2 * torch.log(opacities.clamp_min(LEAST_ALPHA / 2) / LEAST_ALPHA)  # (N,)
    box = (squared.clamp_min(0)[:, None] * covariances.diagonal(dim1=1, dim2=2)).sqrt()  # (N, 2)
    return torch.where(squared[:, None] >= 0, box + 1e-3, -1.0)  # the little more is for rounding


def tile_corners(size: tuple[int, int], tile: int) -> Tensor:
    """Return the upper left corner of each tile, (T, 2) as u, v, row by row; the last may reach outside."""
    check_size(size)
    check_whole(tile, "tile")
    v, u = torch.meshgrid(*(torch.arange(0, side, tile) for side in size), indexing="ij")
    return torch.stack([u, v], dim=-1).reshape(-1, 2)


def touched(means: Tensor, covariances: Tensor, opacities: Tensor, corners: Tensor, tile: int) -> Tensor:
    """Return which splat's box reaches a pixel's centre of which tile, (T, N) bool."""
    far = reach(covariances, opacities)  # (N, 2)
    first, last = corners[:, None] + 0.5, corners[:, None] + tile - 0.5  # (T, 1, 2): outermost centres
    return ((means + far >= first) & (means - far <= last) & (far >= 0)).all(dim=2)


def tile_powers(
    means: Tensor, covariances: Tensor, opacities: Tensor, splat: Tensor, middles: Tensor
) -> Tensor:
    """Return ln α of each pair as a polynomial of the place in the tile, (M, 6).

    At a place q = (x, y) from the tile's middle, ln α = ln o - ½ (q - s)ᵀ Λ (q - s), where Λ = Σ'⁻¹, and s is
    the splat's mean from the middle. The six numbers go with 1, x, y, x², xy, y².
    """
    inverse = torch.linalg.inv(covariances)  # Λ
    inverse = ((inverse + inverse.mT) / 2)[splat]  # (M, 2, 2)
    mean = means[splat] - middles  # s, (M, 2)
    slope = (inverse @ mean[:, :, None])[:, :, 0]  # Λ s
    constant = opacities.clamp_min(1e-9).log()[splat] - (mean * slope).sum(dim=1) / 2
    square = [-inverse[:, 0, 0] / 2, -inverse[:, 0, 1], -inverse[:, 1, 1] / 2]
    return torch.stack([constant, slope[:, 0], slope[:, 1], *square], dim=1)


def tile_basis(tile: int) -> Tensor:
    """Return 1, x, y, x², xy, y² of each pixel of a tile, from its middle, (P, 6)."""
    check_whole(tile, "tile")
    side = torch.arange(tile) + 0.5 - tile / 2
    y, x = (part.reshape(-1) for part in torch.meshgrid(side, side, indexing="ij"))
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], dim=1)


def untiled(values: Tensor, size: tuple[int, int], tile: int) -> Tensor:
    """Put tiles (T, P, C) together: (C, H, W)."""
    rows, columns = (-(-side // tile) for side in size)
    grid = values.reshape(rows, columns, tile, tile, -1).permute(4, 0, 2, 1, 3)
    return grid.reshape(-1, rows * tile, columns * tile)[:, : size[0], : size[1]]


class _BlendTiles(torch.autograd.Function):
    """Powers (M, 6) and colours (M, 3) of the pairs, tile by tile → pixels (T, P, 3), light left (T, P)."""

    @staticmethod
    def forward(
        ctx: Any, powers: Tensor, colours: Tensor, background: Tensor, counts: list[int], tile: int
    ) -> tuple[Tensor, Tensor]:
        basis = tile_basis(tile).to(powers)  # (P, 6)
        pixels = powers.new_empty(len(counts), len(basis), 3)
        left = powers.new_ones(len(counts), len(basis))
        ctx.parts, ctx.counts = [], counts
        for t, (power, colour) in enumerate(zip(powers.split(counts), colours.split(counts), strict=True)):
            if not counts[t]:
                pixels[t] = background
                continue
            logs = (basis @ power.T).clamp_(min=NEGLIGIBLE)  # (P, n); exp is slow where it underflows
            alpha = F.threshold(logs.exp_().clamp_(max=MOST_ALPHA), LEAST_ALPHA, 0.0, inplace=True)
            light = alpha.new_ones(len(basis), counts[t] + 1)  # T: how much comes as far as each splat
            torch.cumprod(1 - alpha, dim=1, out=light[:, 1:])
            before, left[t] = light[:, :-1], light[:, -1]
            torch.addmm(left[t, :, None] * background, alpha * before, colour, out=pixels[t])
            ctx.parts.append((alpha, before))
        ctx.save_for_backward(colours, background, left, basis)
        return pixels, left

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_pixels: Tensor, to_left: Tensor) -> tuple[Tensor | None, ...]:
        colours, background, left, basis = ctx.saved_tensors
        to_last = left * (to_pixels @ background + to_left)  # (T, P): what the background gains and loses
        to_powers, to_colours, parts = [], [], iter(ctx.parts)
        for t, colour in enumerate(colours.split(ctx.counts)):
            if not ctx.counts[t]:
                continue
            alpha, before = next(parts)  # (P, n)
            to_weight = to_pixels[t] @ colour.T  # (P, n)
            weight = alpha * before
            gained = weight * to_weight
            behind = gained.sum(dim=1, keepdim=True) + to_last[t, :, None] - gained.cumsum(dim=1)
            to_log = gained - behind * (alpha / (1 - alpha))  # ∂ / ∂ ln α
            to_log.masked_fill_(alpha >= MOST_ALPHA, 0)
            to_powers.append(to_log.T @ basis)
            to_colours.append(weight.T @ to_pixels[t])
        empty = colours.new_zeros(0)
        return (
            torch.cat([empty.new_zeros(0, 6), *to_powers]),
            torch.cat([empty.new_zeros(0, 3), *to_colours]),
            (left[..., None] * to_pixels).sum(dim=(0, 1)),
            None,
            None,
        )
