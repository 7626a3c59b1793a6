"""Fragments (S19.1): which triangle a pixel shows, where in it, how far away; and what is made of that.

The coordinates are those on the triangle in space, not on its picture, so that whatever the corners know is
carried to the pixel as perspective wants it (P. Heckbert and H. Moreton, "Interpolation for polygon texture
mapping and shading", 1991).

Shapes: N views, H × W pixels, V vertices, F triangles, C channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_tensor


@dataclass(frozen=True, eq=False)
class Fragments:
    """What the middle of each pixel shows.

    Attributes
    ----------
    face : Tensor
        (N, H, W) int64: the triangle's number; -1 where none is.
    barycentric : Tensor
        (N, H, W, 3): the weights of its three corners, which add up to 1; 0 where none is.
    depth_m : Tensor
        (N, H, W): z in the camera, in metres; inf where none is.
    """

    face: Tensor
    barycentric: Tensor
    depth_m: Tensor

    @property
    def mask(self) -> Tensor:
        """Where a triangle is, (N, H, W) bool."""
        return self.face >= 0


def interpolate(fragments: Fragments, faces: Tensor, attributes: Tensor) -> Tensor:
    """Carry what is known at the vertices to the pixels.

    Parameters
    ----------
    fragments : Fragments
        N views of triangles.
    faces : Tensor
        (F, 3), the triangles as numbers of rows of `attributes`. A texture's coordinates may have more rows
        than the mesh has vertices, and then faces of their own.
    attributes : Tensor
        (V, C), or (N, V, C) where the views differ: colours, normals, positions, texture coordinates.

    Returns
    -------
    Tensor
        (N, H, W, C); 0 where no triangle is. Linear on the triangle in space.
    """
    views, height, width = fragments.face.shape
    check_tensor(faces, "faces", "F", 3, kind="int")
    if not isinstance(attributes, Tensor) or attributes.ndim != 3:
        check_tensor(attributes, "attributes", "V", "C", finite=True)
        attributes = attributes.expand(views, *attributes.shape)
    check_tensor(attributes, "attributes", views, "V", "C", finite=True)
    check_faces(faces, attributes.shape[1], fragments.face)
    view, row, column = fragments.mask.nonzero(as_tuple=True)  # (P,) each: the pixels that show something
    corners = faces[fragments.face[view, row, column]]  # (P, 3)
    values = attributes[view[:, None], corners]  # (P, 3, C)
    weights = fragments.barycentric[view, row, column]  # (P, 3)
    picture = attributes.new_zeros(views, height, width, attributes.shape[2])
    return picture.index_put((view, row, column), (weights[..., None].to(values) * values).sum(1))


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return each vertex's outward normal, of length 1: the mean of its triangles', weighted by their areas.

    Parameters
    ----------
    vertices : Tensor
        (V, 3) or (N, V, 3), in metres.
    faces : Tensor
        (F, 3), counter-clockwise seen from outside.

    Returns
    -------
    Tensor
        As `vertices`; 0 at a vertex of no triangle.
    """
    many = isinstance(vertices, Tensor) and vertices.ndim == 3
    check_tensor(vertices, "vertices", *(("N", "V", 3) if many else ("V", 3)), finite=True)
    check_tensor(faces, "faces", "F", 3, kind="int")
    check_faces(faces, vertices.shape[-2])
    first, second, third = (vertices[..., faces[:, k], :] for k in range(3))  # (…, F, 3) each
    normal = torch.linalg.cross(second - first, third - first, dim=-1)  # as long as twice the area
    total = torch.zeros_like(vertices)
    for k in range(3):
        total = total.index_add(-2, faces[:, k].long(), normal)
    return torch.nn.functional.normalize(total, dim=-1)


def check_faces(faces: Tensor, vertices: int, seen: Tensor | None = None) -> None:
    """Raise ValueError unless all triangles are of vertices that are there, and those that are seen exist."""
    if seen is not None and seen.numel() and (most := int(seen.max())) >= len(faces):
        raise ValueError(f"faces: got {len(faces)} triangles, want the {most + 1} or more that are seen")
    if faces.numel() and not 0 <= int(faces.min()) <= int(faces.max()) < vertices:
        low, high = int(faces.min()), int(faces.max())
        raise ValueError(f"faces: got vertices {low} to {high}, want 0 to {vertices - 1}")
