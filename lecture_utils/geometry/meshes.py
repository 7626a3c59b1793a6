"""Triangle meshes (S18.1): from a grid of values, their area and volume, points on them, and a file.

The surface of a grid is found by marching cubes: W. Lorensen and H. Cline, "Marching Cubes: A High Resolution
3D Surface Construction Algorithm", SIGGRAPH 1987, here scikit-image's (T. Lewiner et al., "Efficient
Implementation of Marching Cubes' Cases with Topological Guarantees", Journal of Graphics Tools, 2003). The
same idea in the plane, from scratch, is in `marching_squares.py`.

Shapes: V vertices, F triangles, P points.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from skimage import measure
from torch import Tensor

from lecture_utils.ops.checks import check_ids, check_number, check_tensor, check_whole

from .voxels import Grid


@dataclass(frozen=True)
class Mesh:
    """Triangles in space.

    Attributes
    ----------
    vertices : Tensor
        (V, 3), metres.
    faces : Tensor
        (F, 3) int64: the vertices of each triangle, anticlockwise seen from outside.

    Raises
    ------
    ValueError
        For other shapes, vertices that are not finite, or a face that names a vertex that is not there.
    """

    vertices: Tensor
    faces: Tensor

    def __post_init__(self) -> None:
        check_tensor(self.vertices, "vertices", "V", 3, finite=True)
        check_tensor(self.faces, "faces", "F", 3, kind="int")
        if len(self.faces):
            check_ids(self.faces, len(self.vertices), name="faces")

    @property
    def corners(self) -> Tensor:
        """The triangles' corners, (F, 3 corners, 3)."""
        return self.vertices[self.faces]


def grid_to_mesh(values: Tensor, grid: Grid, *, level: float = 0.0, known: Tensor | None = None) -> Mesh:
    """Find the surface where a grid of values has a level: of signed distances, where they are 0.

    Parameters
    ----------
    values : Tensor
        (X, Y, Z), smaller inside than outside.
    grid : Grid
        Where the voxels lie.
    level : float
        The value on the surface.
    known : Tensor, optional
        (X, Y, Z) bool: make no surface where one of a cube's corners is not known.

    Returns
    -------
    Mesh
        In metres; without a face where no value crosses the level.
    """
    check_tensor(values, "values", *grid.shape, finite=True)
    check_number(level, "level")
    if known is not None:
        check_tensor(known, "known", *grid.shape, kind="bool")
    low, high = float(values.min()), float(values.max())
    if min(grid.shape) < 2 or not low < level < high:
        return Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.long))
    try:
        vertices, faces, _, _ = measure.marching_cubes(
            values.detach().cpu().numpy(),
            level,
            gradient_direction="descent",  # by the right hand: triangles face the larger values, outwards
            mask=None if known is None else _whole_cubes(known).cpu().numpy(),
            allow_degenerate=False,
        )
    except RuntimeError:  # no surface among the cubes that are known
        return Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.long))
    return Mesh(grid.to_world(torch.from_numpy(vertices.copy())), torch.from_numpy(faces.copy()).long())


def face_normals(mesh: Mesh) -> tuple[Tensor, Tensor]:
    """Return each triangle's outward normal of length 1, (F, 3), and its area, (F,) in m²."""
    a, b, c = mesh.corners.unbind(1)
    cross = torch.linalg.cross(b - a, c - a, dim=1)  # twice the area, as long as that
    length = cross.norm(dim=1)
    return cross / length.clamp_min(1e-20)[:, None], length / 2


def mesh_area(mesh: Mesh) -> float:
    """Return the area of all triangles, in m²."""
    return float(face_normals(mesh)[1].double().sum())


def mesh_volume(mesh: Mesh) -> float:
    """Return the volume inside a closed mesh, in m³.

    By the divergence theorem it is a sum over the surface: each triangle and the origin span a tetrahedron of
    volume a · (b × c) / 6, below 0 where the triangle faces the origin.
    """
    a, b, c = mesh.corners.double().unbind(1)
    return float((a * torch.linalg.cross(b, c, dim=1)).sum() / 6)


def sample_mesh(mesh: Mesh, count: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Draw points evenly from a mesh's surface.

    Parameters
    ----------
    mesh : Mesh
        With an area above 0.
    count : int
        P.
    generator : torch.Generator, optional
        What draws.

    Returns
    -------
    points, normals : Tensor
        (P, 3) each: metres; outwards, length 1.
    """
    check_whole(count, "count")
    normals, areas = face_normals(mesh)
    if not float(areas.sum()) > 0:
        raise ValueError(f"mesh: got {len(mesh.faces)} triangles without area, want some with one")
    face = torch.multinomial(areas, count, replacement=True, generator=generator)  # larger ones more often
    u, v = torch.rand(2, count, 1, generator=generator, dtype=areas.dtype)
    u = u.sqrt()  # else points would crowd at a corner
    a, b, c = mesh.corners[face].unbind(1)
    return (1 - u) * a + u * (1 - v) * b + u * v * c, normals[face]


def write_obj(mesh: Mesh, path: str | Path) -> None:
    """Write a mesh as a Wavefront OBJ file, which every program that knows meshes can read."""
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in mesh.vertices.tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.faces.tolist()]  # OBJ counts from 1
    Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")


def read_obj(path: str | Path) -> Mesh:
    """Read vertices and faces of a Wavefront OBJ file; faces of more corners become fans of triangles.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For a line that cannot be read, with its number, and for a face that names no vertex.
    """
    vertices, faces = [], []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        kind, *words = line.split() or [""]
        try:
            if kind == "v":
                x, y, z = (float(word) for word in words[:3])
                vertices.append((x, y, z))
            elif kind == "f":
                named = [int(word.split("/")[0]) for word in words]  # vertex/texture/normal
                ring = [k - 1 if k > 0 else k + len(vertices) for k in named]  # below 0: from the end
                faces += [(ring[0], b, c) for b, c in pairwise(ring[1:])]
        except ValueError:
            raise ValueError(
                f"{Path(path).name}: got {line!r} in line {number}, want v x y z or f a b c"
            ) from None
    return Mesh(torch.tensor(vertices).reshape(-1, 3), torch.tensor(faces, dtype=torch.long).reshape(-1, 3))


def _whole_cubes(known: Tensor) -> Tensor:
    """Mark each cube at its last corner, where scikit-image looks, if all its eight corners are known."""
    whole = torch.zeros_like(known)
    cubes = known
    for axis in range(3):
        cubes = cubes.narrow(axis, 1, cubes.shape[axis] - 1) & cubes.narrow(axis, 0, cubes.shape[axis] - 1)
    whole[1:, 1:, 1:] = cubes
    return whole
