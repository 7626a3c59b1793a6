"""Depth maps (S18.1): to points and back, and the surface's normals.

A depth map says for each pixel how far away the first surface is: half of a shape, seen from one side. Two
kinds of pixels have no surface: 0 means "not measured", infinity "looked, and there is nothing".

R. Hartley and A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004, section 6.1; the
z-buffer: E. Catmull, "A Subdivision Algorithm for Computer Display of Curved Surfaces", PhD thesis, 1974.

Simplified: a point fills one pixel, so that a surface seen from nearer than it was sampled has holes.

Shapes: N views, H × W pixels, P points.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from lecture_utils.ops.camera import Cameras, pixel_grid, project, unproject
from lecture_utils.ops.checks import check_tensor


def check_depth(depth_m: Tensor, cameras: Cameras) -> None:
    """Raise ValueError unless depth is (N, H, W), one map a camera, 0 or more, without NaN."""
    check_tensor(depth_m, "depth_m", len(cameras), *cameras.size, some=True)
    if not bool((depth_m >= 0).all()):
        raise ValueError("depth_m: got NaN or a depth below 0, want metres (0: not measured, inf: nothing)")


def depth_to_points(depth_m: Tensor, cameras: Cameras) -> Tensor:
    """Lift each pixel to the point of the world that it shows.

    Parameters
    ----------
    depth_m : Tensor
        (N, H, W), z in the camera, in metres; 0 or infinity where there is no surface.
    cameras : Cameras
        N of them, of that size.

    Returns
    -------
    Tensor
        (N, H, W, 3) metres; NaN where there is no surface.

    Raises
    ------
    ValueError
        For a depth that is negative or NaN, or does not fit the cameras.
    """
    check_depth(depth_m, cameras)
    n, h, w = depth_m.shape
    pixels = pixel_grid((h, w)).to(depth_m).reshape(1, h * w, 2).expand(n, -1, -1)
    points = unproject(pixels, depth_m.reshape(n, h * w), cameras).reshape(n, h, w, 3)
    surface = (depth_m > 0) & depth_m.isfinite()
    return torch.where(surface[..., None], points, torch.nan)


def depth_to_cloud(depth_m: Tensor, cameras: Cameras, values: Tensor) -> tuple[Tensor, Tensor]:
    """Gather the points of all views, each with what a picture says of it.

    Parameters
    ----------
    depth_m, cameras
        As for `depth_to_points`.
    values : Tensor
        (N, C, H, W), such as the pictures' colours.

    Returns
    -------
    points : Tensor
        (P, 3) metres, P the number of pixels that show a surface.
    values : Tensor
        (P, C).
    """
    points = depth_to_points(depth_m, cameras)  # (N, H, W, 3)
    check_tensor(values, "values", len(cameras), "C", *cameras.size, kind="any")
    surface = points.isfinite().all(-1)  # (N, H, W)
    return points[surface], values.movedim(1, -1)[surface]


def points_to_depth(points: Tensor, cameras: Cameras) -> Tensor:
    """Draw points as depth maps: in each pixel the nearest point wins.

    Parameters
    ----------
    points : Tensor
        (P, 3), metres, in the world.
    cameras : Cameras
        N of them.

    Returns
    -------
    Tensor
        (N, H, W) metres; 0 where no point falls. Gradients flow to the points that are seen.
    """
    check_tensor(points, "points", "P", 3, finite=True)
    pixel, depth_m, inside = _where(points, cameras)
    h, w = cameras.size
    nearest = depth_m.new_full((len(cameras), h * w + 1), torch.inf)  # one more, for what falls outside
    nearest = nearest.scatter_reduce(1, pixel, torch.where(inside, depth_m, torch.inf), "amin")
    nearest = nearest[:, :-1].reshape(-1, h, w)
    return torch.where(nearest.isfinite(), nearest, 0.0)


def draw_points(points: Tensor, values: Tensor, cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Draw points with their colours, or other values, through a z-buffer.

    Parameters
    ----------
    points : Tensor
        (P, 3), metres, in the world.
    values : Tensor
        (P, C).
    cameras : Cameras
        N of them.

    Returns
    -------
    picture : Tensor
        (N, C, H, W); 0 where no point falls.
    depth_m : Tensor
        (N, H, W), as from `points_to_depth`.
    """
    check_tensor(points, "points", "P", 3, finite=True)
    check_tensor(values, "values", len(points), "C", finite=True)
    depth_m = points_to_depth(points, cameras)
    (h, w), n = cameras.size, len(cameras)
    pixel, own, inside = _where(points, cameras)  # (N, P) each
    padded = torch.cat([depth_m.flatten(1), depth_m.new_zeros(n, 1)], 1)
    view, point = (inside & (own == padded.gather(1, pixel))).nonzero(as_tuple=True)  # who won its pixel
    picture = values.new_zeros(n, h * w, values.shape[1])
    picture[view, pixel[view, point]] = values[point]
    return picture.transpose(1, 2).reshape(n, -1, h, w), depth_m


def depth_to_normals(depth_m: Tensor, cameras: Cameras) -> Tensor:
    """Turn each pixel's neighbours into the surface's direction: across × down, towards the camera.

    Parameters
    ----------
    depth_m, cameras
        As for `depth_to_points`.

    Returns
    -------
    Tensor
        (N, 3, H, W), length 1, in the world's axes; 0 at the border and where one of the four neighbours has
        no surface. Across an edge in depth it is the slope of the gap.
    """
    points = depth_to_points(depth_m, cameras)  # (N, H, W, 3)
    across = points[:, 1:-1, 2:] - points[:, 1:-1, :-2]  # (N, H - 2, W - 2, 3)
    down = points[:, 2:, 1:-1] - points[:, :-2, 1:-1]
    normal = normalize(
        torch.linalg.cross(down, across, dim=-1), dim=-1
    )  # x right, y down: this order faces us
    found = normal.isfinite().all(-1, keepdim=True) & points[:, 1:-1, 1:-1].isfinite()
    out = torch.zeros_like(points)
    out[:, 1:-1, 1:-1] = torch.where(found, normal, 0.0)
    return out.movedim(-1, 1)


def _where(points: Tensor, cameras: Cameras) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel number (H·W outside), depth, and whether it is in the picture, of each point: (N, P)."""
    pixels, depth_m = project(points, cameras)
    h, w = cameras.size
    cell = torch.nan_to_num(pixels, nan=-1.0).clamp(-1, max(h, w)).floor().long()  # (N, P, 2): column, row
    inside = ((cell >= 0) & (cell < torch.tensor([w, h]).to(cell))).all(-1)
    return torch.where(inside, cell[..., 1] * w + cell[..., 0], h * w), depth_m, inside
