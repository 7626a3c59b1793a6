"""PaLM-E's sensors (S14.8): each turns what it measures into vectors of the language model's width.

D. Driess et al., "PaLM-E: An Embodied Multimodal Language Model", ICML 2023, section 4: an MLP for a state
vector, a vision transformer with a learned projection for a picture; several objects, several vectors.

Simplified, or changed: numbers are also given as waves (as in NeRF, ECCV 2020), so that a small MLP can tell
near places apart; the picture's encoder is a small convolutional net with learned places, where the paper's
is a ViT of up to 22 billion weights; no neural scene representation (OSRT).

Shapes: B batch, F numbers of a state, K objects, D the language model's width, S the picture's side,
P = (S / 8)² cells.
"""

import math

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_images, check_sizes, check_tensor


class StateEncoder(nn.Module):
    """φ_state: a state vector becomes one vector, the states of K objects become K.

    Parameters
    ----------
    state, dim : int
        F and D.
    hidden : int
        Width of the MLP's middle.
    waves : int
        Each number is also given as sine and cosine of so many frequencies, each twice the one before.
    """

    def __init__(self, state: int, dim: int, *, hidden: int = 96, waves: int = 4) -> None:
        super().__init__()
        check_sizes("state encoder", state=state, dim=dim, hidden=hidden, waves=waves)
        self.state, self.waves = state, waves
        self.mlp = nn.Sequential(
            nn.Linear(state * (1 + 2 * waves), hidden), nn.GELU(), nn.Linear(hidden, dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encode (B, F) or (B, K, F) as (B, 1, D) or (B, K, D)."""
        x = x[:, None] if isinstance(x, Tensor) and x.ndim == 2 else x
        check_tensor(x, "state", "B", "K", self.state, some=True, finite=True)
        angles = torch.cat([2**i * math.pi * x for i in range(self.waves)], dim=-1)  # (B, K, F · waves)
        return self.mlp(torch.cat([x, angles.sin(), angles.cos()], dim=-1))  # (B, K, D)


class ImageEncoder(nn.Module):
    """φ_image: a picture becomes P vectors, one for each cell of 8 × 8 pixels.

    Parameters
    ----------
    dim : int
        D.
    size : int
        S in pixels, a multiple of 8.
    widths : (int, int, int)
        Channels after each halving of the picture.
    """

    def __init__(self, dim: int, *, size: int = 48, widths: tuple[int, int, int] = (32, 64, 96)) -> None:
        super().__init__()
        check_sizes("image encoder", dim=dim, size=size, **{f"width {i}": w for i, w in enumerate(widths)})
        if size % 8:
            raise ValueError(f"image encoder: got size {size}, want a multiple of 8")
        self.size = size
        first, second, third = widths
        self.eye = nn.Sequential(
            nn.Conv2d(3, first, 5, 2, 2), nn.BatchNorm2d(first), nn.GELU(),
            nn.Conv2d(first, second, 3, 2, 1), nn.BatchNorm2d(second), nn.GELU(),
            nn.Conv2d(second, third, 3, 2, 1), nn.BatchNorm2d(third), nn.GELU(),
            nn.Conv2d(third, third, 3, 1, 1), nn.BatchNorm2d(third), nn.GELU(),
        )  # fmt: skip
        self.projection = nn.Linear(third, dim)
        self.place = nn.Parameter(torch.zeros((size // 8) ** 2, dim))
        nn.init.normal_(self.place, std=0.02)

    def cells(self, images: Tensor) -> Tensor:
        """What the eye sees in each cell, row by row, (B, P, width); images (B, 3, S, S) in [0, 1]."""
        check_images(images, 3, like=self.projection.weight)
        if images.shape[2:] != (self.size, self.size):
            want = f"(B, 3, {self.size}, {self.size})"
            raise ValueError(f"images: got shape {tuple(images.shape)}, want {want}")
        return self.eye(2 * images - 1).flatten(2).transpose(1, 2)  # (B, P, width)

    def forward(self, images: Tensor) -> Tensor:
        """Encode pictures (B, 3, S, S) in [0, 1] as (B, P, D)."""
        return self.projection(self.cells(images)) + self.place  # (B, P, D)
