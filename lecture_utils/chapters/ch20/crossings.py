"""Chapter 20: where a skin goes through itself: which of its triangles are pierced by an edge of another.

T. Möller and B. Trumbore, "Fast, minimum storage ray/triangle intersection", Journal of Graphics Tools 1997,
for an edge and a triangle. Two triangles that cross and share no vertex have an edge of the one through the
other. Simplified: triangles in one plane that overlap are not found.

Shapes: V vertices, F triangles, E edges, N pairs.
"""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from lecture_utils.ops.checks import check_tensor

FLAT = 1e-14  # m³: an edge so nearly along the triangle does not pierce it


def crossing_faces(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return which triangles (F,), bool, cross another that shares no vertex with them.

    Parameters
    ----------
    vertices : Tensor
        (V, 3), in metres.
    faces : Tensor
        (F, 3), numbers of vertices.

    Raises
    ------
    ValueError
        For other shapes, coordinates that are not finite, or faces with numbers of no vertex.
    """
    check_tensor(vertices, "vertices", "V", 3, finite=True)
    if faces.dtype.is_floating_point or faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces: got {faces.dtype} {tuple(faces.shape)}, want whole numbers (F, 3)")
    if faces.numel() and not 0 <= int(faces.min()) <= int(faces.max()) < len(vertices):
        got = f"{int(faces.min())} to {int(faces.max())}"
        raise ValueError(f"faces: got {got}, want numbers of {len(vertices)} vertices")
    points, corners = vertices.detach().double().numpy(), faces.numpy()
    sides = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    of_face = np.tile(np.arange(len(corners)), 3)
    edge, face = _near(points, sides, corners)
    apart = (sides[edge][:, :, None] != corners[face][:, None]).all((1, 2))
    edge, face = edge[apart], face[apart]
    start, end = points[sides[edge, 0]], points[sides[edge, 1]]
    through = _pierces(start, end, points[corners[face]])
    found = torch.zeros(len(corners), dtype=torch.bool)
    found[face[through]] = True
    found[of_face[edge[through]]] = True  # an edge comes with each of its triangles
    return found


def _near(points: np.ndarray, sides: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (N,) and (N,) of an edge and a triangle whose balls touch."""
    middle, centre = points[sides].mean(1), points[corners].mean(1)
    half = np.linalg.norm(points[sides[:, 0]] - middle, axis=1)
    reach = np.linalg.norm(points[corners] - centre[:, None], axis=2).max(1)
    hits = cKDTree(centre).query_ball_point(middle, half + reach.max())
    edge = np.repeat(np.arange(len(sides)), [len(hit) for hit in hits])
    face = np.concatenate([np.asarray(hit, dtype=int) for hit in hits]) if len(hits) else edge
    touch = np.linalg.norm(middle[edge] - centre[face], axis=1) <= half[edge] + reach[face]
    return edge[touch], face[touch]


def _pierces(start: np.ndarray, end: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Whether edges from (N, 3) to (N, 3) go through triangles (N, 3, 3)."""
    a, b, c = triangles.swapaxes(0, 1)
    way, one, two = end - start, b - a, c - a
    across = np.cross(way, two)
    volume = (one * across).sum(1)
    safe = np.where(np.abs(volume) < FLAT, 1.0, volume)
    from_a = start - a
    u = (from_a * across).sum(1) / safe
    other = np.cross(from_a, one)
    v, t = (way * other).sum(1) / safe, (two * other).sum(1) / safe
    return (np.abs(volume) >= FLAT) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t <= 1)
