"""A large scene for PointNet (S18.3): blocks, and for each point its place in the block and in the room.

C. R. Qi et al., "PointNet", CVPR 2017, section 5.1, semantic segmentation in scenes: blocks of 1 m × 1 m of
the floor; 9 numbers a point: x, y, z, colour, and its place in the room from 0 to 1; in training a fixed
number of points drawn from each block, in the test all of them.

Simplified: blocks do not overlap; x and y are measured from the block's middle, as in the authors' program.

Shapes: P points of a scene, Q points of a block.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor, check_whole


def block_points(points: Tensor, *, side_m: float = 1.0, least: int = 1) -> list[Tensor]:
    """Which points lie in each block of the floor that has some.

    Parameters
    ----------
    points : Tensor
        (P, 3) metres, z up.
    side_m : float
        Of a block. The first begins at the smallest x and y.
    least : int
        Blocks of fewer points are left out.

    Returns
    -------
    list of Tensor
        Numbers of points (Q,) int64, ascending; blocks in the order of x, then y.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, a side of 0 or less.
    """
    check_tensor(points, "points", "P", 3, finite=True, some=True)
    check_number(side_m, "side_m", 0, above=True)
    check_whole(least, "least")
    cell = ((points[:, :2] - points[:, :2].amin(0)) / side_m).floor().long()  # (P, 2)
    _, block, counts = torch.unique(cell, dim=0, return_inverse=True, return_counts=True)
    groups = block.argsort(stable=True).split(counts.tolist())
    return [group for group in groups if len(group) >= least]


def block_features(points: Tensor, colours: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Nine numbers a point: x and y from the block's middle, z, colour, and the place in the room.

    Parameters
    ----------
    points, colours : Tensor
        (Q, 3) metres, and (Q, 3) in [0, 1].
    low, high : Tensor
        (3,) the room's corners in metres, `high` above `low`.

    Returns
    -------
    Tensor
        (Q, 9), of the type of `points`.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, or a room without room.
    """
    check_tensor(points, "points", "Q", 3, finite=True, some=True)
    check_tensor(colours, "colours", len(points), 3, finite=True)
    check_tensor(low, "low", 3, finite=True)
    check_tensor(high, "high", 3, finite=True)
    if bool((high <= low).any()):
        raise ValueError(f"high: got {high.tolist()}, want more than low, {low.tolist()}")
    floor = (points[:, :2].amin(0) + points[:, :2].amax(0)) / 2  # the block's middle
    here = torch.cat([points[:, :2] - floor, points[:, 2:]], dim=1)
    return torch.cat([here, colours.to(points), (points - low.to(points)) / (high - low).to(points)], dim=1)


def to_unit_sphere(points: Tensor) -> Tensor:
    """Move each cloud (B, P, 3) to its mean and scale it into the ball of radius 1 (section 5.1, shapes).

    A cloud whose points all coincide becomes zeros. Raises ValueError for other shapes or types, or values
    that are not finite.
    """
    check_tensor(points, "points", "B", "P", 3, finite=True, some=True)
    centred = points - points.mean(dim=1, keepdim=True)
    radius = centred.norm(dim=2).amax(dim=1)[:, None, None]  # (B, 1, 1)
    return centred / torch.where(radius > 0, radius, 1)


def turned(points: Tensor, angle: Tensor) -> Tensor:
    """Turn each cloud (B, P, 3) about the upright axis by its angle (B,) in radians, counter-clockwise.

    The paper's first augmentation (section 5.1). Raises ValueError for other shapes or types.
    """
    check_tensor(points, "points", "B", "P", 3)
    check_tensor(angle, "angle", len(points), finite=True)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    x, y, z = points.unbind(2)  # (B, P) each
    return torch.stack([cos * x - sin * y, sin * x + cos * y, z], dim=2)
