"""`hard` as a loop over triangles: the z-buffer, which lists of pairs and scatters hide there.

For triangles in front of the camera; a pixel's middle on an edge belongs to both triangles there. A test
holds the two equal elsewhere.

Shapes: N views, H × W pixels, V vertices, F triangles.
"""

import torch
from torch import Tensor

from lecture_utils.ops.camera import Cameras, pixel_grid, project
from lecture_utils.rendering.rasteriser.fragments import Fragments


def signed_area(start: Tensor, end: Tensor, point: Tensor) -> Tensor:
    """Return twice the area of triangles start, end, point in the plane, (…): positive on the one side."""
    (a, b), (c, d) = (end - start).unbind(-1), (point - start).unbind(-1)
    return a * d - b * c


def rasterise(vertices: Tensor, faces: Tensor, cameras: Cameras) -> Fragments:
    """Find the nearest triangle at each pixel, with its place in it (N, H, W, 3) and its depth (N, H, W)."""
    places, depths = project(vertices, cameras)  # (N, V, 2), (N, V)
    middle = pixel_grid(cameras.size).to(places)  # (H, W, 2)
    face = torch.full((len(cameras), *cameras.size), -1)
    barycentric = places.new_zeros(*face.shape, 3)
    depth_m = places.new_full(face.shape, torch.inf)
    for n in range(len(cameras)):
        for f, corners in enumerate(faces.tolist()):
            (a, b, c), z = places[n, corners], depths[n, corners]
            areas = torch.stack([signed_area(*edge, middle) for edge in ((b, c), (c, a), (a, b))], dim=-1)
            flat = areas / areas.sum(-1, keepdim=True)  # (H, W, 3): weights in the picture
            deep = 1 / (flat / z).sum(-1)  # (H, W): 1 / z is linear in the picture, z is not
            seen = (flat >= 0).all(-1) & (deep < depth_m[n])
            face[n][seen] = f
            depth_m[n][seen] = deep[seen]
            barycentric[n][seen] = (flat / z * deep[..., None])[seen]  # weights in space
    return Fragments(face, barycentric, depth_m)
