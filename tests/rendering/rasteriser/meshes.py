"""Meshes for the tests of the renderer, and a caster of rays to compare with."""

import torch
from torch import Tensor

from lecture_utils.ops.camera import Cameras, look_at, pinhole, rays


def ball(around: int = 12, down: int = 8, radius_m: float = 1.0, dtype: torch.dtype = torch.float64):
    """A closed ball: vertices (V, 3) and faces (F, 3), counter-clockwise seen from outside."""
    u = torch.arange(around, dtype=dtype) / around * 2 * torch.pi
    v = torch.arange(1, down, dtype=dtype)[:, None] / down * torch.pi
    rings = torch.stack([v.sin() * u.cos(), v.sin() * u.sin(), v.cos().expand(-1, around)], -1).reshape(-1, 3)
    poles = torch.tensor([[0, 0, 1], [0, 0, -1]], dtype=dtype)
    top, bottom = len(rings), len(rings) + 1
    faces = []
    for i in range(around):
        n = (i + 1) % around
        faces += [(top, i, n), (bottom, (down - 2) * around + n, (down - 2) * around + i)]
        for ring in range(down - 2):
            a, b, c, d = (r * around + k for r in (ring, ring + 1) for k in (i, n))
            faces += [(a, c, b), (b, c, d)]
    return radius_m * torch.cat([rings, poles]), torch.tensor(faces)


def soup(count: int, seed: int = 0, spread: float = 2.0, side: float = 0.7):
    """Triangles anywhere about the origin: vertices (3 count, 3), faces (count, 3)."""
    made = torch.Generator().manual_seed(seed)
    middle = spread * (torch.rand(count, 1, 3, generator=made, dtype=torch.float64) - 0.5)
    corners = middle + side * torch.randn(count, 3, 3, generator=made, dtype=torch.float64)
    return corners.reshape(-1, 3), torch.arange(3 * count).reshape(-1, 3)


def cameras_at(*eyes: tuple[float, float, float], size=(24, 31), field_of_view_deg: float = 50.0) -> Cameras:
    """Cameras that look from these places at the origin, in float64."""
    rotation, translation = look_at(
        torch.tensor(eyes, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    )
    intrinsics = pinhole(size, field_of_view_deg).double().expand(len(eyes), 3, 3)
    return Cameras(rotation, translation, intrinsics, size)


def cast(vertices: Tensor, faces: Tensor, cameras: Cameras, near_m: float = 0.01, cull_back: bool = False):
    """Meet each pixel's ray with every triangle (T. Möller and B. Trumbore, 1997).

    Returns
    -------
    face (N, H, W), weights of the corners (N, H, W, 3), depth (N, H, W), and how near the ray comes to an
    edge of any triangle, as the size of the smallest weight (N, H, W).
    """
    origins, directions = rays(cameras)
    start, first, second = (vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]])
    one, two = first - start, second - start  # (F, 3)
    d, o = directions[..., None, :], origins[..., None, :]  # (N, H, W, 1, 3)
    p = torch.linalg.cross(d, two.expand(*d.shape[:-2], *two.shape), dim=-1)
    det = (p * one).sum(-1)  # (N, H, W, F)
    t = o - start
    u = (t * p).sum(-1) / det
    q = torch.linalg.cross(t, one.expand_as(t), dim=-1)
    v = (d * q).sum(-1) / det
    along = (two * q).sum(-1) / det
    weights = torch.stack([1 - u - v, u, v], dim=-1)  # (N, H, W, F, 3)
    forward = (directions * cameras.rotation[:, None, None, 2]).sum(-1, keepdim=True)
    depth = along * forward
    hit = (weights >= 0).all(-1) & (depth >= near_m) & weights.isfinite().all(-1)
    if cull_back:
        hit &= det > 0
    depth = torch.where(hit, depth, torch.inf)
    nearest, face = depth.min(-1)
    chosen = weights.take_along_dim(face[..., None, None], -2)[..., 0, :]
    seen = nearest.isfinite()
    margin = weights.amin(-1).abs().nan_to_num(nan=torch.inf).amin(-1)
    return torch.where(seen, face, -1), torch.where(seen[..., None], chosen, 0.0), nearest, margin
