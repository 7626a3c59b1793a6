"""A large scene for PointNet (S18.3): blocks, and for each point its place in the block and in the room.

C. R. Qi et al., "PointNet", CVPR 2017, section 5.1, semantic segmentation in scenes: blocks of 1 m × 1 m of
the floor; 9 numbers a point: x, y, z, colour, and its place in the room from 0 to 1; in training a fixed
number of points drawn from each block, in the test all of them.

Not in the paper: a block may come with a margin of points around it, which are seen and not labelled, as in
U-Net's tiles. What stands on the border of a block is cut in two without it.

Shapes: P points of a scene, Q points of a block, B clouds.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor, check_whole


class Block(NamedTuple):
    """A square of the floor with what stands on it.

    Attributes
    ----------
    rows : Tensor
        (Q,) int64, the numbers of its points in the scene, ascending, those of the margin among them.
    own : Tensor
        (Q,) bool, False in the margin.
    middle : Tensor
        (2,) x and y in metres.
    """

    rows: Tensor
    own: Tensor
    middle: Tensor


def block_points(
    points: Tensor, *, side_m: float = 1.0, margin_m: float = 0.0, least: int = 1
) -> list[Block]:
    """Cut a scene into blocks; each point is its block's own once, and may be in the margins of others.

    Parameters
    ----------
    points : Tensor
        (P, 3) metres, z up.
    side_m : float
        Of a block. The first begins at the smallest x and y.
    margin_m : float
        How far the margin reaches around it.
    least : int
        Blocks with fewer points of their own are left out.

    Returns
    -------
    list of Block
        In the order of x, then y.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, a side of 0 or less, a margin below 0.
    """
    check_tensor(points, "points", "P", 3, finite=True, some=True)
    check_number(side_m, "side_m", 0, above=True)
    check_number(margin_m, "margin_m", 0)
    check_whole(least, "least")
    floor, low = points[:, :2], points[:, :2].amin(0)
    cell = ((floor - low) / side_m).floor()  # (P, 2)
    places, which, counts = torch.unique(cell, dim=0, return_inverse=True, return_counts=True)
    blocks = []
    for i in (counts >= least).nonzero().flatten().tolist():
        middle, own = low + (places[i] + 0.5) * side_m, which == i
        seen = own | ((floor - middle).abs() <= side_m / 2 + margin_m).all(1) if margin_m else own
        rows = seen.nonzero().flatten()
        blocks.append(Block(rows, own[rows], middle))
    return blocks


def block_features(points: Tensor, colours: Tensor, middle: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Nine numbers a point: x and y from the block's middle, z, colour, and the place in the room.

    Parameters
    ----------
    points, colours : Tensor
        (Q, 3) metres, and (Q, 3) in [0, 1].
    middle : Tensor
        (2,) metres, as `Block` has it.
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
    check_tensor(middle, "middle", 2, finite=True)
    check_tensor(low, "low", 3, finite=True)
    check_tensor(high, "high", 3, finite=True)
    if bool((high <= low).any()):
        raise ValueError(f"high: got {high.tolist()}, want more than low, {low.tolist()}")
    here = torch.cat([points[:, :2] - middle.to(points), points[:, 2:]], dim=1)
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
