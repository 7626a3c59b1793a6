"""Voxels (S18.1): points to occupied cells and back, and depth maps fused into one signed-distance grid.

B. Curless and M. Levoy, "A Volumetric Method for Building Complex Models from Range Images", SIGGRAPH 1996:
each view says of each voxel how far in front of its surface, or behind it, the voxel lies; the views are
averaged, and the surface is where the average is 0.
In real time: R. Newcombe et al., "KinectFusion", ISMAR 2011.

Simplified: all views weigh the same (the paper: less where a surface is seen at a slant); the distance is
measured along the ray's depth, so it is too long by the slant; voxels further behind a surface than the
truncation learn nothing from that view.

Shapes: N views, X × Y × Z voxels, P points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from lecture_utils.ops import camera
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_number, check_numbers, check_tensor, check_whole, check_wholes

from .depth_maps import check_depth


@dataclass(frozen=True)
class Grid:
    """Where voxels lie: voxel (i, j, k) has its centre at lower + (i + ½, j + ½, k + ½) · voxel_m.

    Attributes
    ----------
    lower : tuple of float
        The corner with the smallest x, y, z, in metres.
    voxel_m : float
        Length of a voxel's edge.
    shape : tuple of int
        Voxels along x, y, z.

    Raises
    ------
    ValueError
        For numbers that are not finite, an edge of 0 or less, or an axis without a voxel.
    """

    lower: tuple[float, float, float]
    voxel_m: float
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        check_numbers(self.lower, "lower", 3)
        check_number(self.voxel_m, "voxel_m", 0, above=True)
        check_wholes(self.shape, "shape", 3)

    @classmethod
    def cube(cls, side: int, half_m: float = 1.0, middle: Sequence[float] = (0.0, 0.0, 0.0)) -> Self:
        """Make a cube of `side` voxels a side that reaches `half_m` from its middle each way."""
        check_whole(side, "side")
        check_number(half_m, "half_m", 0, above=True)
        check_numbers(middle, "middle", 3)
        x, y, z = (value - half_m for value in middle)
        return cls((x, y, z), 2 * half_m / side, (side, side, side))

    def centres(self) -> Tensor:
        """Return the voxels' centres in the world, (X, Y, Z, 3) float32, in metres."""
        cells = torch.meshgrid(*(torch.arange(length) for length in self.shape), indexing="ij")
        return self.to_world(torch.stack(cells, dim=-1).float())

    def to_world(self, index: Tensor) -> Tensor:
        """Take places counted in voxels, (…, 3), 0 for the first one's centre, to the world, in metres."""
        check_tensor(index, "index", "…", 3, finite=True)
        return torch.tensor(self.lower).to(index) + (index + 0.5) * self.voxel_m

    def to_index(self, points: Tensor) -> Tensor:
        """Take points of the world (…, 3) to places counted in voxels; undoes `to_world`."""
        check_tensor(points, "points", "…", 3, finite=True)
        return (points - torch.tensor(self.lower).to(points)) / self.voxel_m - 0.5


class FusedGrid(NamedTuple):
    """Signed distances that several views agree on.

    distance_m : (X, Y, Z) metres, above 0 outside, cut off at ± the truncation; 0 where nothing is known.
    weight : (X, Y, Z): how many views spoke of the voxel.
    """

    distance_m: Tensor
    weight: Tensor


def points_to_voxels(points: Tensor, grid: Grid) -> Tensor:
    """Mark the voxels that hold a point.

    Parameters
    ----------
    points : Tensor
        (P, 3), metres; those outside of the grid are left out.
    grid : Grid

    Returns
    -------
    Tensor
        (X, Y, Z) bool.
    """
    check_tensor(points, "points", "P", 3, finite=True)
    shape = torch.tensor(grid.shape, device=points.device)
    cell = (grid.to_index(points) + 0.5).floor().clamp(-1, int(shape.max())).long()  # (P, 3)
    cell = cell[((cell >= 0) & (cell < shape)).all(1)]
    occupied = torch.zeros(grid.shape, dtype=torch.bool, device=points.device)
    occupied[tuple(cell.T)] = True
    return occupied


def voxels_to_points(occupied: Tensor, grid: Grid) -> Tensor:
    """Return the centres of the marked voxels, (P, 3) in metres, of a grid (X, Y, Z) bool."""
    check_tensor(occupied, "occupied", *grid.shape, kind="bool")
    return grid.to_world(occupied.nonzero().float())


def fuse_depth(depth_m: Tensor, cameras: Cameras, grid: Grid, truncation_m: float) -> FusedGrid:
    """Average what depth maps say of each voxel's distance to the surface.

    Parameters
    ----------
    depth_m : Tensor
        (N, H, W) metres; 0 where not measured (that view says nothing), infinity where there is nothing (all
        voxels on the ray are outside).
    cameras : Cameras
        N of them.
    grid : Grid
    truncation_m : float
        Distances are cut off here; a few voxels. Voxels further behind a surface are hidden: no vote.

    Returns
    -------
    FusedGrid
    """
    check_depth(depth_m, cameras)
    check_number(truncation_m, "truncation_m", 0, above=True)
    centres = grid.centres().to(depth_m).reshape(-1, 3)  # (X·Y·Z, 3)
    total, weight = torch.zeros_like(centres[:, 0]), torch.zeros_like(centres[:, 0])
    for view in range(len(cameras)):
        pixels, z = camera.project(centres, cameras[view])  # (1, X·Y·Z, 2), (1, X·Y·Z)
        seen = _look_up(depth_m[view], pixels[0])  # depth of the surface on that ray; 0: not known
        ahead = seen - z[0]  # above 0: the voxel is between camera and surface
        speaks = (seen > 0) & (ahead > -truncation_m)
        total += torch.where(speaks, ahead.clamp_max(truncation_m), 0.0)
        weight += speaks
    mean = total / weight.clamp_min(1)
    return FusedGrid(mean.reshape(grid.shape), weight.reshape(grid.shape))


def _look_up(depth_m: Tensor, pixels: Tensor) -> Tensor:
    """Look up a map (H, W) at pixels (P, 2): u, v; 0 outside of it and where the pixel is NaN."""
    h, w = depth_m.shape
    cell = torch.nan_to_num(pixels, nan=-1.0).clamp(-1, max(h, w)).floor().long()
    column, row = cell.unbind(1)
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    return torch.where(inside, depth_m[row.clamp(0, h - 1), column.clamp(0, w - 1)], 0.0)
