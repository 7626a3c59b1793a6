"""Who is painted: faces with their parts worked out, their colours, and the light that they are in.

Shapes: N faces, Q points.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces.anatomy import Anatomy, anatomy
from lecture_utils.data.toyworld.faces.canvas import blend
from lecture_utils.data.toyworld.faces.scene import Faces


@dataclass(frozen=True, eq=False)
class Paint:
    """Linear colours (N, 3, 1) of a face, and its light: towards it (N, 3), from all sides (N, 1)."""

    skin: Tensor
    lips: Tensor
    hair: Tensor
    iris: Tensor
    clothes: Tensor
    tone: Tensor
    towards: Tensor
    ambient: Tensor

    @property
    def side(self) -> Tensor:
        """-1 or 1 (N, 1): on which side the light is."""
        return self.towards[:, :1].sign()


@dataclass(frozen=True, eq=False)
class Sitters:
    """N faces with their anatomy and paint; `sitters[which]` are some of them."""

    faces: Faces
    parts: Anatomy
    paint: Paint

    def __getitem__(self, which: Tensor) -> "Sitters":
        return self if len(which) == len(self.faces) else seated(self.faces[which])


def seated(faces: Faces) -> Sitters:
    """Work out the parts and colours of N faces."""
    return Sitters(faces, anatomy(faces), paint_of(faces))


def paint_of(faces: Faces) -> Paint:
    """Colours of N faces under their light."""
    skin, hair, iris, clothes = (
        c.square()[..., None] for c in (faces.skin, faces.hair, faces.eye, faces.clothes)
    )
    warm = faces.warmth[:, None, None] * torch.tensor([0.07, 0.0, -0.09])[:, None].to(skin)
    red = torch.tensor([0.50, 0.09, 0.09])[:, None].to(skin)
    lips = blend(skin, red * (0.35 + skin.mean(1, keepdim=True)), 0.55)
    return Paint(skin, lips, hair, iris, clothes, 1 + warm, faces.light, faces.ambient[:, None])


def lit(paint: Paint, nx: Tensor, ny: Tensor, nz: Tensor) -> Tensor:
    """Light (N, Q) on a surface with these normals (picture frame, nz towards the camera)."""
    x, y, z = (paint.towards[:, i : i + 1] for i in range(3))
    length = (nx * nx + ny * ny + nz * nz).sqrt()
    facing = (nx * x + ny * y - nz * z) / length
    soft = (0.25 + 0.75 * facing).clamp_min(0)  # light wraps round a little, as skin lets it
    return paint.ambient * (0.88 - 0.12 * ny / length) + 1.35 * (1 - paint.ambient) * soft
