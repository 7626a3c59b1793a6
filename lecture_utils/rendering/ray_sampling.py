"""Where to sample a ray (S18.4, Mildenhall et al. 2020): evenly with jitter first, then where something is.

B. Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis", ECCV 2020:
stratified sampling (equation 2) and hierarchical sampling (section 5.2, equation 5).

Differs from the authors' program: rays are cut to a ball that holds the whole scene; the samples of the
second pass are drawn from bins around all coarse samples, the first and the last too; and one of them from
each even part of the light, which keeps them in order.

Shapes: R rays, S samples on each, in order along the ray.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor, check_whole

FLOOR = 1e-5  # added to each weight before sampling, as the authors do: an empty ray is sampled evenly


def stratified(
    near_m: Tensor,
    far_m: Tensor,
    count: int,
    *,
    jitter: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Cut each ray into `count` even bins and draw one distance from each (equation 2).

    Parameters
    ----------
    near_m, far_m : Tensor
        (R,) metres, near ≤ far.
    count : int
        S.
    jitter : bool
        Uniform in its bin, as in training; without, its middle.
    generator : torch.Generator, optional
        Torch's own if omitted.

    Returns
    -------
    Tensor
        (R, S), in order.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or a far end before the near one.
    """
    check_tensor(near_m, "near_m", "R", finite=True, some=True)
    check_tensor(far_m, "far_m", len(near_m), finite=True)
    check_whole(count, "count")
    if bool((far_m < near_m).any()):
        raise ValueError(f"far_m: got {(near_m - far_m).max():.3g} m less than near_m, want near_m or more")
    within = _uniform(len(near_m), count, near_m, jitter, generator)  # (R, S): where in its bin, 0 to 1
    share = (torch.arange(count).to(near_m) + within) / count
    return near_m[:, None] + (far_m - near_m)[:, None] * share


def bin_edges(distance_m: Tensor, near_m: Tensor, far_m: Tensor) -> Tensor:
    """Return the edges (R, S + 1) of a bin around each sample (R, S): the middles between neighbours."""
    check_tensor(distance_m, "distance_m", "R", "S", finite=True, some=True)
    check_tensor(near_m, "near_m", len(distance_m), finite=True)
    check_tensor(far_m, "far_m", len(distance_m), finite=True)
    middles = (distance_m[:, 1:] + distance_m[:, :-1]) / 2  # (R, S - 1)
    return torch.cat([near_m[:, None], middles, far_m[:, None]], dim=1)


def hierarchical(
    edges_m: Tensor,
    weights: Tensor,
    count: int,
    *,
    jitter: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw distances where the coarse weights are: by the inverse of their cumulative sum (section 5.2).

    Parameters
    ----------
    edges_m : Tensor
        (R, S + 1) metres, not falling.
    weights : Tensor
        (R, S), 0 or more: how much of the light each bin stops. They are made to sum to 1 (equation 5),
        with 1e-5 added to each. No gradient flows through them.
    count : int
        How many distances a ray gets.
    jitter : bool
        Draw the shares that are looked up at random, one from each of `count` even parts of [0, 1]; without,
        take the middles of the parts.
    generator : torch.Generator, optional
        Torch's own if omitted.

    Returns
    -------
    Tensor
        (R, count), in order, spread evenly within each bin.

    Raises
    ------
    ValueError
        For other shapes, negative weights, values that are not finite.
    """
    check_tensor(weights, "weights", "R", "S", finite=True, some=True)
    check_tensor(edges_m, "edges_m", len(weights), weights.shape[1] + 1, finite=True)
    check_whole(count, "count")
    if bool((weights < 0).any()) or bool((edges_m.diff(dim=1) < -1e-5).any()):
        raise ValueError("hierarchical: got a negative weight, or edges that fall, want neither")
    weights = weights.detach() + FLOOR
    cdf = torch.cumsum(weights / weights.sum(dim=1, keepdim=True), dim=1)  # (R, S)
    cdf = torch.cat([torch.zeros_like(cdf[:, :1]), cdf], dim=1)  # (R, S + 1), from 0 to 1
    within = _uniform(len(weights), count, weights, jitter, generator)
    u = (torch.arange(count).to(weights) + within) / count  # (R, count): shares of the light
    right = torch.searchsorted(cdf, u, right=True).clamp(1, weights.shape[1])  # the edge above each
    left = right - 1
    low, high = cdf.gather(1, left), cdf.gather(1, right)
    start, end = edges_m.gather(1, left), edges_m.gather(1, right)
    share = ((u - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)  # rounding leaves no bin
    return start + share * (end - start)


def ball_interval(
    origins: Tensor, directions: Tensor, radius_m: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Return where rays enter and leave the ball around the world's origin, and which of them meet it.

    Parameters
    ----------
    origins, directions : Tensor
        (R, 3); directions of length 1.
    radius_m : float
        Of the ball that holds the whole scene.

    Returns
    -------
    near_m, far_m : Tensor
        (R,) distances along the ray, 0 ≤ near ≤ far; equal where the ray misses.
    hit : Tensor
        (R,) bool: whether any of the ball lies ahead.
    """
    check_rays(origins, directions)
    check_number(radius_m, "radius_m", 0, above=True)
    closest = -(origins * directions).sum(dim=1)  # (R,): the distance at which the ray is nearest to 0
    half = radius_m**2 - origins.square().sum(dim=1) + closest**2  # half the chord, squared
    hit = (half > 0) & (closest + half.clamp_min(0).sqrt() > 0)
    root = torch.where(hit, half, 0.0).sqrt()
    near = (closest - root).clamp_min(0)
    return near, torch.maximum(closest + root, near), hit


def check_rays(origins: Tensor, directions: Tensor) -> None:
    """Raise ValueError unless these are rays (R, 3), one or more, with directions of length 1."""
    check_tensor(origins, "origins", "R", 3, finite=True, some=True)
    check_tensor(directions, "directions", len(origins), 3, finite=True)
    off = float((directions.detach().norm(dim=1) - 1).abs().max())
    if off > 1e-3:
        raise ValueError(f"directions: got a length {off:.3g} from 1, want directions of length 1")


def _uniform(rays: int, count: int, like: Tensor, jitter: bool, generator: torch.Generator | None) -> Tensor:
    if not jitter:
        return torch.full((rays, count), 0.5).to(like)
    return torch.rand(rays, count, generator=generator, dtype=like.dtype, device=like.device)
