"""What is behind a face: plain paint, stripes, lights out of focus, or a window.

Shapes: N faces, Q points.
"""

import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces.names import BACKDROPS
from lecture_utils.data.toyworld.faces.scene import Faces


def backdrop(faces: Faces, x: Tensor, y: Tensor) -> Tensor:
    """Linear light (N, 3, Q) at points (N, Q) in shares of the picture's side."""
    first, second, third = (c[..., None] for c in faces.backdrop_rgb.square().unbind(1))  # (N, 3, 1)
    at = faces.backdrop_at[..., None]  # (N, 8, 1)
    kind = faces.backdrop[:, None]

    def is_a(name: str) -> Tensor:
        return kind == BACKDROPS.index(name)

    slope = (at[:, 0] - 0.5) * (x - 0.5) + 0.35 * (y - 0.5)
    light = torch.lerp(first, second, (0.5 + slope).clamp(0, 1)[:, None])
    plain = torch.lerp(first, 0.75 * first, (0.5 + slope).clamp(0, 1)[:, None])
    light = torch.where(is_a("plain")[:, None], plain, light)
    wave = torch.sin((14 + 12 * at[:, 1]) * (x + (at[:, 2] - 0.5) * y))
    amount = torch.where(is_a("stripes"), (0.5 + 2.5 * wave).clamp(0, 1) * 0.45, torch.zeros_like(x))
    for k in range(3):
        p, q = x - at[:, 2 + k], y - 0.75 * at[:, 5 + k]
        disk = ((0.06 + 0.09 * at[:, 7 - k]) - (p * p + q * q).sqrt()) / 0.02
        amount = torch.where(is_a("lights"), torch.maximum(amount, disk.clamp(0, 1) * 0.6), amount)
    light = torch.lerp(light, third, amount[:, None])
    p, q = x - (0.1 + 0.8 * at[:, 3]), y - 0.3
    pane = torch.minimum(0.26 - p.abs(), 0.24 - q.abs())
    bars = torch.minimum(pane, torch.minimum(p.abs(), q.abs()) - 0.012)
    glass = torch.where(is_a("window"), (bars / 0.008).clamp(0, 1), torch.zeros_like(x))
    sky = torch.tensor([0.55, 0.72, 0.90])[:, None].to(x) * (1.1 - 0.5 * y)[:, None]
    return torch.lerp(light, sky, 0.9 * glass[:, None])
