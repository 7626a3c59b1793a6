"""X-InstructBLIP's touch (S14.6): a cloud of points becomes a token for each small neighbourhood.

X. Yu et al., "Point-BERT: Pre-training 3D Point Cloud Transformers with Masked Point Modeling", CVPR 2022,
section 3.1: centres spread over the cloud by farthest point sampling (C. R. Qi et al., "PointNet++", NeurIPS
2017, section 3.2), the nearest neighbours of each, relative to it, through a small PointNet; where the centre
lies is added, and a transformer lets the tokens look at each other. A. Panagopoulou et al. (X-InstructBLIP,
ECCV 2024) take ULIP-2, whose tokens come about so.

Simplified: two layers instead of twelve; trained to name shapes, then frozen.

Shapes: B batch, P points, C centres, K neighbours of each, D width.
"""

import torch
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.ops.checks import check_number, check_sizes, check_tensor


class PointTokens(nn.Module):
    """Clouds (B, P, 3) in metres → tokens (B, C, D).

    Parameters
    ----------
    dim : int
        D.
    centres, neighbours : int
        C and K, each at most the number of points.
    hidden : int
        Width within the small PointNet.
    layers, heads : int
        Of the transformer.
    reach_m : float
        About how far neighbours are from their centre, metres: the unit in which they enter.

    Raises
    ------
    ValueError
        For sizes below 1; when called, for anything but finite (B, P, 3) with enough points.
    """

    def __init__(
        self,
        dim: int = 96,
        *,
        centres: int = 24,
        neighbours: int = 12,
        hidden: int = 48,
        layers: int = 2,
        heads: int = 4,
        reach_m: float = 0.15,
    ) -> None:
        super().__init__()
        check_sizes("point tokens", dim=dim, centres=centres, neighbours=neighbours, hidden=hidden)
        check_number(reach_m, "reach_m", 0, above=True)
        self.dim, self.centres, self.neighbours, self.reach_m = dim, centres, neighbours, reach_m
        self.first = nn.Sequential(nn.Linear(3, hidden), nn.GELU(), nn.Linear(hidden, hidden))
        self.second = nn.Sequential(nn.Linear(2 * hidden, 2 * hidden), nn.GELU(), nn.Linear(2 * hidden, dim))
        self.where = nn.Sequential(nn.Linear(3, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.layers = nn.ModuleList(EncoderLayer(dim, heads, 2 * dim) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, points: Tensor) -> Tensor:  # (B, P, 3)
        check_tensor(points, "points", "B", "P", 3, some=True, finite=True)
        if points.shape[1] < max(self.centres, self.neighbours):
            want = max(self.centres, self.neighbours)
            raise ValueError(f"points: got {points.shape[1]} a cloud, want {want} or more")
        centre = rows(points, farthest_points(points, self.centres))  # (B, C, 3)
        around = rows(points, nearest(centre, points, self.neighbours)) - centre[:, :, None]  # (B, C, K, 3)
        x = self.first(around / self.reach_m)  # (B, C, K, hidden)
        most = x.amax(dim=2, keepdim=True).expand_as(x)
        x = self.second(torch.cat([most, x], dim=-1)).amax(dim=2)  # (B, C, D): no order among the neighbours
        x = x + self.where(centre)
        for layer in self.layers:
            x = layer(x)  # a neighbourhood is part of a whole
        return self.norm(x)


def farthest_points(points: Tensor, count: int) -> Tensor:
    """Choose points that lie far apart: each next one is the farthest from all that are chosen.

    Parameters
    ----------
    points : Tensor
        (B, P, 3).
    count : int
        C, at most P. The first is point 0.

    Returns
    -------
    Tensor
        (B, C) int64.
    """
    check_tensor(points, "points", "B", "P", 3, some=True, finite=True)
    check_sizes("farthest points", count=count)
    if count > points.shape[1]:
        raise ValueError(f"farthest points: got {count} of {points.shape[1]}, want no more than there are")
    chosen = points.new_zeros(len(points), count, dtype=torch.long)
    gap = torch.full(points.shape[:2], torch.inf, dtype=points.dtype, device=points.device)  # (B, P)
    for i in range(1, count):
        last = rows(points, chosen[:, i - 1 : i])  # (B, 1, 3)
        gap = torch.minimum(gap, (points - last).square().sum(dim=-1))  # squared, to the nearest chosen
        chosen[:, i] = gap.argmax(dim=1)
    return chosen


def nearest(centre: Tensor, points: Tensor, count: int) -> Tensor:
    """Number the K points (B, P, 3) nearest to each centre (B, C, 3), nearest first: (B, C, K) int64."""
    check_tensor(points, "points", "B", "P", 3, some=True, finite=True)
    check_tensor(centre, "centre", len(points), "C", 3, some=True, finite=True)
    check_sizes("nearest", count=count)
    if count > points.shape[1]:
        raise ValueError(f"nearest: got {count} of {points.shape[1]}, want no more than there are")
    apart = (centre[:, :, None] - points[:, None]).square().sum(dim=-1)  # (B, C, P)
    return apart.topk(count, dim=-1, largest=False).indices


def rows(points: Tensor, chosen: Tensor) -> Tensor:
    """Pick points (B, P, 3) by their numbers (B, …): (B, …, 3)."""
    flat = rearrange(chosen, "b ... -> b (...)")
    return points.gather(1, flat[..., None].expand(-1, -1, 3)).reshape(*chosen.shape, 3)
