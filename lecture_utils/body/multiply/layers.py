"""Layer-wise rendering: several people and a background, sorted along each ray; part of MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, section 3.2: the samples of all people on a ray are put in one order,
nearest first, and light is blended along it; C = Σ_i w_i c_i + T c_background with w_i = α_i Π_{j before i}
(1 - α_j). The weights of one person's samples, added up, are that person's share of the pixel: an instance
mask, with each occlusion in it, that costs nothing and has a gradient to every pose.

Here the samples are Gaussians, projected as in `rendering.gaussians` (S18.5). Simplified: a Gaussian has one
depth in all pixels, its centre's; the camera stands still, so that the background is a picture instead of a
second field.

Shapes: P people, N Gaussians in all, H and W height and width.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.multiply.avatar import Cloud
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_classes, check_tensor
from lecture_utils.rendering.gaussians.blending import (
    LEAST_ALPHA,
    MOST_ALPHA,
    NEGLIGIBLE,
    tile_basis,
    tile_corners,
    tile_powers,
    touched,
    untiled,
)
from lecture_utils.rendering.gaussians.projection import Splats, project_gaussians

TILE = 8  # pixels; it changes the speed alone


class Layers(NamedTuple):
    """A frame, taken apart.

    Attributes
    ----------
    image : Tensor
        (3, H, W), all layers together.
    masks : Tensor
        (P, H, W) in [0, 1]: each person's share of a pixel. Together with `left` they add up to 1.
    left : Tensor
        (H, W) in [0, 1]: the background's share.
    """

    image: Tensor
    masks: Tensor
    left: Tensor


def check_people(people: Sequence[Cloud]) -> None:
    """Raise ValueError unless this is one person or more, each in one frame."""
    if not isinstance(people, Sequence) or not people or not all(isinstance(one, Cloud) for one in people):
        raise ValueError(f"people: got {type(people).__name__}, want a list of one Cloud or more")
    for one in people:
        check_tensor(one.points, "points", "N", 3, finite=True, some=True)
        check_tensor(one.radii_m, "radii_m", len(one.points))
        check_tensor(one.colours, "colours", len(one.points), 3)
        check_tensor(one.opacities, "opacities", len(one.points))


def render_layers(people: Sequence[Cloud], cameras: Cameras, background: Tensor) -> Layers:
    """Render P people in front of a background.

    Parameters
    ----------
    people : sequence of Cloud
        P of them, each in one frame.
    cameras : Cameras
        One, such as `cameras[0]`.
    background : Tensor
        (3, H, W), what is behind all people.

    Raises
    ------
    ValueError
        For nobody, several frames or cameras, a background of another size, values that are not finite.
    """
    check_people(people)
    check_tensor(background, "background", 3, *cameras.size, finite=True)
    points = torch.cat([one.points for one in people])  # (N, 3): from here on one scene
    radii_m = torch.cat([one.radii_m for one in people])
    colours = torch.cat([one.colours for one in people])
    opacities = torch.cat([one.opacities for one in people])
    owner = torch.cat([torch.full((len(one.points),), p) for p, one in enumerate(people)])
    round_ones = radii_m[:, None, None] ** 2 * torch.eye(3).to(points)  # Σ = r² 1
    splats = project_gaussians(points, round_ones, cameras)
    seen = splats.visible.nonzero()[:, 0]
    near_first = seen[splats.depth_m[seen].argsort()]  # of all people, one order along the rays
    owners = torch.nn.functional.one_hot(owner, len(people)).to(points)
    values = torch.cat([colours, owners], dim=1)  # (N, 3 + P): what a sample shows, and whose it is
    blended, left = blend_values(splats, near_first, values, opacities, cameras.size)
    return Layers(blended[:3] + left * background, blended[3:], left)


def blend_values(
    splats: Splats, near_first: Tensor, values: Tensor, opacities: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Blend numbers of any kind front to back: Σ_i w_i v_i with w_i = α_i Π_{j before i} (1 - α_j).

    As `rendering.gaussians.blending.blend`, with C numbers a Gaussian instead of a colour, over nothing, and
    with all tiles at once: each tile's list of the Gaussians that reach it is filled up to the longest with
    empty ones.

    Parameters
    ----------
    splats : Splats
        N Gaussians in the picture.
    near_first : Tensor
        (M,) long: those that count, the nearest first.
    values : Tensor
        (N, C).
    opacities : Tensor
        (N,) in [0, 1].
    size : tuple of int
        H and W.

    Returns
    -------
    blended : Tensor
        (C, H, W).
    left : Tensor
        (H, W) in [0, 1], what comes through.
    """
    check_tensor(splats.means, "means", "N", 2)
    check_tensor(values, "values", len(splats.means), "C", finite=True)
    check_tensor(opacities, "opacities", len(values), finite=True)
    check_classes(near_first, "near_first", "M", classes=len(values))
    means, covariances = splats.means[near_first], splats.covariances[near_first]
    values, opacities = values[near_first], opacities[near_first]
    with torch.no_grad():
        corners = tile_corners(size, TILE).to(means)  # (T, 2)
        touches = touched(means, covariances, opacities, corners, TILE)  # (T, M)
        some = touches.any(dim=1).nonzero()[:, 0]  # (t,): tiles where somebody is
        touches, middles = touches[some], corners[some] + TILE / 2
        if not len(some):  # nobody is in the picture
            return values.new_zeros(values.shape[1], *size), values.new_ones(size)
        most = int(touches.sum(1).max())
        mine, which = touches.int().sort(dim=1, descending=True, stable=True)  # each tile's own in front
        mine, which = mine[:, :most].bool(), which[:, :most]  # (t, n)
    middles = middles.repeat_interleave(most, dim=0)
    powers = tile_powers(means, covariances, opacities, which.flatten(), middles).unflatten(0, which.shape)
    logs = tile_basis(TILE).to(means) @ powers.mT  # ln α, (t, pixels, n)
    alpha = logs.clamp_min(NEGLIGIBLE).exp().clamp_max(MOST_ALPHA)
    alpha = torch.where((alpha >= LEAST_ALPHA) & mine[:, None], alpha, 0.0)
    through = torch.log1p(-alpha).cumsum(dim=2).exp()  # Π (1 - α_j) up to and with each
    before = torch.cat([torch.ones_like(through[..., :1]), through[..., :-1]], dim=2)
    blended = (alpha * before) @ values[which]  # (t, pixels, C)
    whole = blended.new_zeros(len(corners), TILE**2, blended.shape[-1]).index_copy(0, some, blended)
    left = blended.new_ones(len(corners), TILE**2, 1).index_copy(0, some, through[..., -1:])
    return untiled(whole, size, TILE), untiled(left, size, TILE)[0]
