"""The z-buffer (S19.1): of all triangles at a pixel, the nearest; exact, and fast without a line of CUDA.

A pixel's ray meets a triangle where three edge functions have one sign. Here they are those of homogeneous
coordinates, so that a triangle that passes through the plane of the camera needs no clipping.

J. Pineda, "A parallel algorithm for polygon rasterization", SIGGRAPH 1988 (edge functions); M. Olano and
T. Greer, "Triangle scan conversion using 2D homogeneous coordinates", Graphics Hardware 1997; E. Catmull,
"A subdivision algorithm for computer display of curved surfaces", 1974 (the z-buffer).

A pixel whose middle lies on an edge belongs to one of the two triangles there: the middle is taken to lie a
hair further right, and a smaller hair further down. So a closed mesh has no cracks, and none is drawn twice.

Shapes: N views, H × W pixels, V vertices, F triangles, C pairs of a triangle and a pixel.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from lecture_utils.ops.camera import Cameras, world_to_cam
from lecture_utils.ops.checks import check_number, check_tensor
from lecture_utils.rendering.rasteriser.fragments import Fragments, check_faces

_PAIRS = 1 << 22  # triangle-pixel pairs at a time
_SLACK = 1e-3  # pixels: boxes grow by what rounding could cost


def rasterise(
    vertices: Tensor, faces: Tensor, cameras: Cameras, *, cull_back: bool = False, near_m: float = 0.01
) -> Fragments:
    """Find the nearest triangle at each pixel.

    Parameters
    ----------
    vertices : Tensor
        (V, 3), or (N, V, 3) where the views differ, in the world, in metres.
    faces : Tensor
        (F, 3), triangles as numbers of vertices, counter-clockwise seen from outside. Those without area are
        left out.
    cameras : Cameras
        N of them.
    cull_back : bool
        Leave out triangles that are seen from behind, which in a closed mesh others hide anyway.
    near_m : float
        What is nearer to the camera's plane than this is not drawn, metres; a triangle may be cut by it.

    Returns
    -------
    Fragments
        Of equally near triangles the first is shown. `barycentric` and `depth_m` have gradients with respect
        to the vertices; which triangle is seen has none (`soft` has).
    """
    many = isinstance(vertices, Tensor) and vertices.ndim == 3
    check_tensor(vertices, "vertices", *((len(cameras), "V", 3) if many else ("V", 3)), finite=True)
    check_tensor(faces, "faces", "F", 3, kind="int")
    check_faces(faces, vertices.shape[-2])
    check_number(near_m, "near_m", 0, above=True)
    cameras = cameras.to(vertices.dtype)
    points = world_to_cam(vertices, cameras) @ cameras.intrinsics.mT  # (N, V, 3): z u, z v, z
    size, faces = cameras.size, faces.long()
    with torch.no_grad():
        face = torch.stack(
            [nearest_face(view[faces], size, cull_back, near_m) for view in points]
        )  # (N, H, W)
    view, row, column = (face >= 0).nonzero(as_tuple=True)  # (P,) each
    corners = points[view[:, None], faces[face[view, row, column]]]  # (P, 3, 3)
    edges = edge_functions(corners, column, row)[0]  # (P, 3)
    weights = edges / edges.sum(1, keepdim=True)
    depth_m = (weights * corners[..., 2]).sum(1)
    return Fragments(
        face,
        points.new_zeros(*face.shape, 3).index_put((view, row, column), weights),
        points.new_full(face.shape, torch.inf).index_put((view, row, column), depth_m),
    )


def nearest_face(corners: Tensor, size: tuple[int, int], cull_back: bool, near_m: float) -> Tensor:
    """Return the nearest triangle at each pixel, (H, W), -1 for none, of corners (F, 3, 3): z u, z v, z."""
    height, width = size
    near = corners.new_full((height * width,), torch.inf)  # the z-buffer
    face = torch.full((height * width,), len(corners), device=corners.device)
    for which, column, row in candidates(pixel_boxes(corners, size, near_m)):
        triangles = corners[which]  # (C, 3, 3)
        edges, sides = edge_functions(triangles, column, row)  # (C, 3) each
        total = edges.sum(1)
        depth_m = (edges * triangles[..., 2]).sum(1) / total
        turn = sides.sum(1)  # -3 inside and seen from the front, 3 inside and seen from behind
        inside = (turn == -3) if cull_back else (turn.abs() == 3)
        keep = (inside & (total != 0) & (depth_m >= near_m)).nonzero()[:, 0]
        which, depth_m, pixel = which[keep], depth_m[keep], (row * width + column)[keep]
        before = near.clone()
        near.scatter_reduce_(0, pixel, depth_m, "amin")
        face[near < before] = len(corners)
        first = depth_m == near[pixel]
        face.scatter_reduce_(0, pixel[first], which[first], "amin")
    return torch.where(face < len(corners), face, -1).reshape(height, width)


def edge_functions(corners: Tensor, column: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far inside its three edges a pixel's middle lies, (C, 3), and on which side of each, (C, 3).

    Edge k lies opposite corner k; divided by their sum, the three are the barycentric coordinates in space.
    The two triangles at an edge get values that differ in sign alone, bit by bit: no pixel falls between.

    Parameters
    ----------
    corners : Tensor
        (C, 3, 3): z u, z v, z of three corners.
    column, row : Tensor
        (C,) int64.
    """
    z = corners[..., 2]
    x = corners[..., 0] - z * (column[:, None] + 0.5)  # (C, 3): z (u - the middle's u)
    y = corners[..., 1] - z * (row[:, None] + 0.5)
    i, j = [1, 2, 0], [2, 0, 1]  # edge k runs from corner k + 1 to corner k + 2
    edges = x[:, i] * y[:, j] - y[:, i] * x[:, j]
    sides = edges.detach().sign()
    if bool((sides == 0).any()):  # on an edge: as if the middle lay further right, then further down
        right = y[:, i] * z[:, j] - z[:, i] * y[:, j]
        down = z[:, i] * x[:, j] - x[:, i] * z[:, j]
        sides = torch.where(sides == 0, torch.where(right == 0, down, right).detach().sign(), sides)
    return edges, sides


def pixel_boxes(corners: Tensor, size: tuple[int, int], near_m: float, reach: float = 0.0) -> Tensor:
    """Return first column, first row, columns, rows (F, 4) of the pixels that are `reach` from a triangle."""
    z = corners[..., 2]
    ahead = z >= near_m  # (F, 3)
    places = torch.where(
        ahead[..., None], corners[..., :2] / torch.where(ahead, z, 1.0)[..., None], torch.nan
    )
    low = places.nan_to_num(nan=torch.inf).amin(1)  # (F, 2)
    high = places.nan_to_num(nan=-torch.inf).amax(1)
    cut = (ahead.any(1) & ~ahead.all(1)).nonzero()[:, 0]  # triangles that pass through the near plane
    for i, j in ((0, 1), (1, 2), (2, 0)):
        start, end = corners[cut, i], corners[cut, j]  # (M, 3)
        share = ((near_m - start[:, 2]) / (end[:, 2] - start[:, 2])).nan_to_num(nan=-1.0)[:, None]
        place = (start + share * (end - start))[:, :2] / near_m  # where this edge passes it
        passes = (share >= 0) & (share <= 1)
        low[cut] = torch.where(passes, torch.minimum(low[cut], place), low[cut])
        high[cut] = torch.where(passes, torch.maximum(high[cut], place), high[cut])
    limit = corners.new_tensor([size[1], size[0]])
    first = (
        (low - 0.5 - reach - _SLACK).ceil().clamp_min(0).minimum(limit)
    )  # pixels whose middle is in the box
    after = ((high - 0.5 + reach + _SLACK).floor() + 1).clamp_min(0).minimum(limit)
    return torch.cat([first, (after - first).clamp_min(0)], dim=1).long()


def candidates(boxes: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """List all pixels of all boxes (F, 4) in long rows: triangle, column and row, (C,) each, part by part."""
    some = (boxes[:, 2:].prod(1) > 0).nonzero()[:, 0]
    boxes = boxes[some]
    counts = boxes[:, 2] * boxes[:, 3]
    part = counts.cumsum(0) // _PAIRS
    for k in part.unique().tolist():
        mine = (part == k).nonzero()[:, 0]
        which = mine.repeat_interleave(counts[mine])  # (C,)
        start = counts[mine].cumsum(0) - counts[mine]
        place = torch.arange(len(which), device=boxes.device) - start.repeat_interleave(counts[mine])
        left, top, columns = boxes[which, 0], boxes[which, 1], boxes[which, 2]
        yield some[which], left + place % columns, top + place // columns
