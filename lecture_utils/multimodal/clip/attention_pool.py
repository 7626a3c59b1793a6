"""Attention pooling: the picture's mean asks, and the places of its feature map answer.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
2.4: it takes the place of a ResNet's global average pooling, and its last matrix leads into the joint space.

Shapes: B batch, C channels, H × W places of the map, N = H·W, D width of the joint space.
"""

import torch
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.nn.attention import attention
from lecture_utils.ops.checks import check_images, check_sizes


class AttentionPool(nn.Module):
    """One layer of multi-head attention with one query: the mean over all places.

    Parameters
    ----------
    rows, columns : int
        H and W, for which positions are kept.
    channels, heads : int
        C, a multiple of the heads.
    out : int
        D.

    Raises
    ------
    ValueError
        If the heads do not divide the channels; when called, for a map of another size.
    """

    def __init__(self, rows: int, columns: int, channels: int, *, heads: int, out: int) -> None:
        super().__init__()
        check_sizes("attention pool", rows=rows, columns=columns, channels=channels, heads=heads, out=out)
        if channels % heads:
            raise ValueError(f"attention pool: got {channels} channels and {heads} heads, want a multiple")
        self.rows, self.columns, self.channels, self.heads = rows, columns, channels, heads
        self.position = nn.Parameter(torch.randn(1 + rows * columns, channels) / channels**0.5)
        self.to_query, self.to_key, self.to_value = (nn.Linear(channels, channels) for _ in range(3))
        self.to_output = nn.Linear(channels, out)
        for layer in (self.to_query, self.to_key, self.to_value, self.to_output):
            nn.init.normal_(layer.weight, std=channels**-0.5)  # as the paper's code
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        query, key, value = self.project(x)
        y, _ = attention(query, key, value)  # (B, heads, 1, C / heads)
        return self.to_output(rearrange(y, "b h 1 d -> b (h d)"))  # (B, D)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the query (B, heads, 1, C / heads), and keys and values (B, heads, 1 + N, C / heads)."""
        self.check(x)
        places = rearrange(x, "b c h w -> b (h w) c")  # (B, N, C)
        tokens = torch.cat([places.mean(1, keepdim=True), places], dim=1) + self.position  # (B, 1 + N, C)
        projections = self.to_query(tokens[:, :1]), self.to_key(tokens), self.to_value(tokens)
        query, key, value = (rearrange(p, "b n (h d) -> b h n d", h=self.heads) for p in projections)
        return query, key, value

    def weights(self, x: Tensor) -> Tensor:
        """Return how much each head takes from each place, (B, heads, H, W), for looking at.

        What it takes from the mean itself is left out, so that a map's sum is below 1.
        """
        query, key, value = self.project(x)
        weights = attention(query, key, value)[1][:, :, 0, 1:]  # (B, heads, N)
        return rearrange(weights, "b h (r c) -> b h r c", r=self.rows)

    def check(self, x: Tensor) -> None:
        """Raise ValueError unless this is a map of the pool's size and type."""
        check_images(x, self.channels, like=self.position, maps=True)
        if x.shape[2:] != (self.rows, self.columns):
            raise ValueError(f"map: got {x.shape[2]} × {x.shape[3]}, want {self.rows} × {self.columns}")
