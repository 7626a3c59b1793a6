"""The bench's part on rendering meshes and people (chapters 19 and 20): ours against the plain twins."""

from collections.abc import Callable
from functools import partial

import torch
from bench_pairs import Rows, compared, in_turn
from torch import Tensor


def ellipsoid(around: int, down: int) -> tuple[Tensor, Tensor]:
    """A closed mesh as tall as a person: vertices (V, 3) and 2 · around · (down - 1) triangles."""
    u = torch.arange(around) / around * 2 * torch.pi
    v = torch.linspace(0.01, torch.pi - 0.01, down)[:, None]
    rings = torch.stack(
        [0.3 * v.sin() * u.cos(), 0.3 * v.sin() * u.sin(), 0.85 * v.cos().expand(-1, around)], -1
    )
    i = torch.arange(down - 1)[:, None] * around + torch.arange(around)
    j = torch.arange(down - 1)[:, None] * around + (torch.arange(around) + 1) % around
    halves = [torch.stack([i, i + around, j], -1), torch.stack([j, i + around, j + around], -1)]
    return rings.reshape(-1, 3), torch.cat([half.reshape(-1, 3) for half in halves])


def meshes() -> Rows:
    """The z-buffer and the soft rasteriser against their plain twins, and a person-sized mesh alone."""
    from lecture_utils.ops.camera import orbit
    from lecture_utils.rendering.rasteriser import hard, hard_plain, soft, soft_plain

    camera = orbit(1, (128, 128), radius_m=2.6, elevation_deg=10)
    vertices, faces = ellipsoid(20, 26)
    many, their_faces = ellipsoid(100, 71)
    few, few_faces = ellipsoid(10, 11)
    grey, white = torch.full((len(few), 3), 0.5), torch.ones(3)
    what = f"{len(faces):,} triangles, 128 × 128, ours : the loop over triangles"
    rows: Rows = [
        compared(
            f"Z-buffer of {what}",
            partial(hard.rasterise, vertices, faces, camera),
            partial(hard_plain.rasterise, vertices, faces, camera),
            pairs=5,
            aim="< 0.1",
        ),
        compared(
            f"Soft rasteriser, {len(few_faces):,} triangles, 128 × 128, ours : every triangle at every pixel",
            partial(soft.soft_rasterise, few, few_faces, camera, grey, white),
            partial(soft_plain.soft_rasterise, few, few_faces, camera, grey, white),
            pairs=3,
            aim="< 0.2",
        ),
    ]
    alone = partial(hard.rasterise, many, their_faces, camera)
    seconds, _, _ = in_turn(alone, alone, pairs=9)
    measured = f"{seconds * 1e3:.1f} ms ({len(their_faces) / seconds / 1e6:.1f} million triangles a second)"
    rows.append((f"Z-buffer of {len(their_faces):,} triangles, 128 × 128", measured, "≤ 50 ms"))
    return rows


SECTIONS: dict[str, Callable[[], Rows]] = {"meshes": meshes}
