"""The template's mesh: an even net of triangles on the mean figure, finer on face, hands and feet.

1. Marching cubes on the left half of the figure (W. Lorensen and H. Cline, SIGGRAPH 1987), far finer than
wanted. 2. Weighted Lloyd clusters of its vertices, and their dual triangles: S. Valette and J.-M. Chassery,
"Approximated
   centroidal Voronoi diagrams for uniform polygonal mesh coarsening", Eurographics 2004.
3. The mirror image, sewn on along the middle; and a few rounds of evening out on the surface.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from lecture_utils.data.toyworld.people.figure import Figure, distance_and_slope, signed_distance
from lecture_utils.recipes._people_nearby import Nearby, nearby

Array = np.ndarray


def half_surface(person: Figure, fine: float = 1.0) -> tuple[Array, Array]:
    """Return a fine mesh (N, 3), (F, 3) of the figure's left half, open along x = 0."""
    head, wrist, foot = person.joints[15], person.joints[20], person.joints[10]

    def axis(start: float, stop: float, *fines: tuple[float, float, float]) -> Array:
        """Ticks from start to stop, as near as the finest of (from, to, step) that holds there."""
        ticks, at = [start], start
        while at < stop:
            step = min([s for lo, hi, s in fines if lo <= at < hi], default=0.0045)
            at += step * fine
            ticks.append(at)
        return np.array(ticks)

    x = axis(0.0, float(wrist[0]) + 0.22, (float(wrist[0]) - 0.01, 9, 0.0017), (0, 0.095, 0.003))
    y = axis(
        float(foot[1]) - 0.05, float(head[1]) + 0.22,
        (float(wrist[1]) - 0.032, float(wrist[1]) + 0.025, 0.0020), (float(head[1]) - 0.06, 9, 0.003),
        (-9, float(foot[1]) + 0.05, 0.003),
    )  # fmt: skip
    z = axis(-0.20, 0.27, (float(wrist[2]) - 0.065, float(wrist[2]) + 0.09, 0.0020))
    volume = sampled(x, y, z, person)
    vertices, faces, _, _ = marching_cubes(volume, 0.0)
    place = [np.interp(vertices[:, i], np.arange(len(t)), t) for i, t in enumerate((x, y, z))]
    return np.stack(place, axis=1), np.asarray(faces)


def sampled(x: Array, y: Array, z: Array, person: Figure, stride: int = 6) -> Array:
    """Return the figure's distance on a grid; exact near the surface, coarse elsewhere."""
    volume = np.full((len(x), len(y), len(z)), 1.0, dtype=np.float32)
    blocks = [np.arange(0, len(t), stride) for t in (x, y, z)]
    at = np.stack(np.meshgrid(*blocks, indexing="ij"), -1).reshape(-1, 3)
    last = np.minimum(at + stride - 1, [len(x) - 1, len(y) - 1, len(z) - 1])
    low = np.stack([x[at[:, 0]], y[at[:, 1]], z[at[:, 2]]], 1)
    high = np.stack([x[last[:, 0]], y[last[:, 1]], z[last[:, 2]]], 1)
    coarse = distances((low + high) / 2, person)
    radius = np.linalg.norm(high - low, axis=1) / 2 + 0.004
    for b, value, r in zip(at, coarse, radius, strict=True):
        if abs(value) > 1.5 * r:
            volume[b[0] : b[0] + stride, b[1] : b[1] + stride, b[2] : b[2] + stride] = value
    near = at[np.abs(coarse) <= 1.5 * radius]
    offsets = np.stack(np.meshgrid(*[np.arange(stride)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for part in np.array_split(near, max(1, len(near) // 200)):
        ijk = (part[:, None] + offsets).reshape(-1, 3)
        ijk = ijk[(ijk < [len(x), len(y), len(z)]).all(1)]
        places = np.stack([x[ijk[:, 0]], y[ijk[:, 1]], z[ijk[:, 2]]], 1)
        volume[ijk[:, 0], ijk[:, 1], ijk[:, 2]] = distances(places, person)
    return volume


def distances(points: Array, person: Figure, chunk: int = 20_000) -> Array:
    """`signed_distance` of many points."""
    parts = torch.as_tensor(points, dtype=torch.float32).split(chunk)
    return torch.cat([signed_distance(part, person) for part in parts]).numpy()


def edges_of(faces: Array, count: int) -> csr_matrix:
    """Return which vertices are neighbours, (V, V), symmetric ones."""
    a = faces[:, [0, 1, 2, 1, 2, 0]].ravel()
    b = faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    net = coo_matrix((np.ones(len(a)), (a, b)), (count, count)).tocsr()
    net.data[:] = 1.0
    return net


def vertex_areas(vertices: Array, faces: Array) -> Array:
    """Return a third of the area of the triangles round each vertex."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(faces.ravel(), np.repeat(area, 3), len(vertices))


def vertex_normals(vertices: Array, faces: Array) -> Array:
    """Return unit normals (V, 3), pointing out."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    total = np.stack(
        [np.bincount(faces.ravel(), np.repeat(normal[:, i], 3), len(vertices)) for i in range(3)], 1
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def is_closed(faces: Array, count: int) -> bool:
    """Whether a mesh is closed and without handles: each side of two triangles, and V - E + F = 2."""
    sides = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    kinds, often = np.unique(sides, axis=0, return_counts=True)
    return bool((often == 2).all()) and count - len(kinds) + len(faces) == 2


def even_mesh(
    vertices: Array, faces: Array, edge: Callable[[Array], Array], seed: int = 0, rounds: int = 40
) -> tuple[Array, Array]:
    """Coarsen a fine half mesh to triangles with sides of about `edge`; what lies on x = 0 stays on it."""
    rng = np.random.default_rng(seed)
    area, size = vertex_areas(vertices, faces), edge(vertices)
    count = round(float((area / (0.866 * size**2)).sum()))
    density = area / size**4
    normals = vertex_normals(vertices, faces)
    chosen = rng.choice(len(vertices), count, replace=False, p=(p := area / size**2) / p.sum())
    place = np.hstack([vertices, 0.6 * size[:, None] * normals])
    seeds = place[chosen]
    for _ in range(rounds):
        owner = cKDTree(seeds).query(place)[1]
        mass = np.bincount(owner, density, count)
        sums = np.stack([np.bincount(owner, density * place[:, i], count) for i in range(place.shape[1])], 1)
        full = mass > 0
        seeds[full] = sums[full] / mass[full, None]
    owner = cKDTree(seeds).query(place)[1]
    owner = connected(owner, edges_of(faces, len(vertices)))
    count = owner.max() + 1
    rim = np.abs(vertices[:, 0]) < 1e-9
    mass = np.bincount(owner, density, count)
    centre = (
        np.stack([np.bincount(owner, density * vertices[:, i], count) for i in range(3)], 1) / mass[:, None]
    )
    on_rim = np.bincount(owner, rim, count) > 0
    rims = np.stack([np.bincount(owner[rim], vertices[rim, i], count) for i in range(3)], 1)
    centre[on_rim] = rims[on_rim] / np.bincount(owner[rim], minlength=count)[on_rim, None]
    centre[on_rim, 0] = 0.0
    triangles = owner[faces]
    apart = (
        (triangles[:, 0] != triangles[:, 1])
        & (triangles[:, 1] != triangles[:, 2])
        & (triangles[:, 0] != triangles[:, 2])
    )
    triangles = triangles[apart]
    _, first = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    return centre, triangles[first]


def connected(owner: Array, net: csr_matrix) -> Array:
    """Give what is cut off from its cluster to the neighbours; number the clusters anew."""
    from scipy.sparse.csgraph import connected_components

    for _ in range(20):
        pairs = net.tocoo()
        same = owner[pairs.row] == owner[pairs.col]
        inside = coo_matrix((np.ones(same.sum()), (pairs.row[same], pairs.col[same])), net.shape)
        _, piece = connected_components(inside, directed=False)
        size = np.bincount(piece)
        best = np.zeros(owner.max() + 1, dtype=int)
        np.maximum.at(best, owner, size[piece])
        astray = size[piece] < best[owner]
        if not astray.any():
            break
        keep = astray[pairs.row] & ~astray[pairs.col]
        owner = owner.copy()
        owner[pairs.row[keep]] = owner[pairs.col[keep]]
    return np.unique(owner, return_inverse=True)[1]


def mirrored(vertices: Array, faces: Array) -> tuple[Array, Array, Array]:
    """Sew a half mesh and its mirror image along x = 0; also return each vertex's image, (V,)."""
    middle = vertices[:, 0] == 0
    count = len(vertices)
    image = np.where(middle, np.arange(count), count + np.cumsum(~middle) - 1)
    whole = np.vstack([vertices, vertices[~middle] * [-1, 1, 1]])
    both = np.vstack([faces, image[faces][:, ::-1]])
    other = np.concatenate([image, np.flatnonzero(~middle)])
    return whole, both, other


def projected(vertices: Array, person: Figure, near: Nearby | None = None, rounds: int = 4) -> Array:
    """Move vertices on the surface along the gradient of the distance."""
    x = torch.as_tensor(vertices, dtype=torch.float32)
    for _ in range(rounds):
        value, slope = distance_and_slope(x, person) if near is None else near.distance(x, person)
        x = x - (value / (slope**2).sum(1).clamp(min=0.3))[:, None] * slope
    return x.numpy().astype(float)


def relaxed(vertices: Array, faces: Array, other: Array, person: Figure, rounds: int = 12) -> Array:
    """Even out triangles on the surface: each vertex goes half-way to its neighbours' mean; symmetric."""
    near = nearby(torch.as_tensor(vertices, dtype=torch.float32), person)
    net = edges_of(faces, len(vertices))
    mean = diags(1 / np.asarray(net.sum(1)).ravel()) @ net
    for _ in range(rounds):
        step = mean @ vertices - vertices
        normal = vertex_normals(vertices, faces)
        step -= (step * normal).sum(1, keepdims=True) * normal
        vertices = projected(vertices + 0.5 * step, person, near, rounds=2)
        vertices = (vertices + vertices[other] * [-1, 1, 1]) / 2
    return vertices
