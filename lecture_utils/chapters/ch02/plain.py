"""The networks of this chapter as one reads them: whole classes without guards and options.

Each is the twin of one in the package and takes its weights as they are; `tests/chapters/ch02/test_plain.py`
holds the outputs equal. Swin runs on square pictures, with the mask that the learner writes. Sources:
`nn.transformer`, `backbones.vit`, `backbones.swin`.

Shapes: B batch, N tokens, D width, C channels, H and W height and width, m window side, nW windows a map.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.backbones.swin import relative_position_index, window_partition, window_reverse
from lecture_utils.backbones.vit import PatchEmbedding
from lecture_utils.chapters.ch02.solutions import window_mask
from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.transformer import MLP


class EncoderLayer(nn.Module):
    """Attention between the tokens, then an MLP within each: both beside a residual connection."""

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attention = MultiHeadAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = MLP(dim, hidden)

    def forward(self, x: Tensor) -> Tensor:  # (B, N, D)
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """Patches, a class token and positions; encoder layers; a linear head on the class token."""

    def __init__(self, image: int, patch: int, dim: int, heads: int, layers: int, classes: int) -> None:
        super().__init__()
        self.embed = PatchEmbedding(patch, dim)  # cut and multiply by E
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(0.02 * torch.randn(1, (image // patch) ** 2 + 1, dim))
        self.layers = nn.ModuleList(EncoderLayer(dim, heads, 2 * dim) for _ in range(layers))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), self.embed(x)], dim=1)
        tokens = tokens + self.position  # (B, 1 + N, D), z_0 (eq. 1)
        for layer in self.layers:
            tokens = layer(tokens)  # eq. 2 and 3
        return self.head(self.norm(tokens)[:, 0])  # (B, classes), eq. 4


class WindowAttention(nn.Module):
    """Multi-head attention inside m × m windows, with a learned bias for each relative position."""

    def __init__(self, dim: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.shift = shift
        self.to_qkv, self.to_output = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.bias_table = nn.Parameter(0.02 * torch.randn((2 * window - 1) ** 2, heads))

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        side = x.shape[1]  # square maps only
        shift = self.shift if side > self.window else 0  # one window: nothing to shift
        windows = window_partition(x.roll((-shift, -shift), dims=(1, 2)), self.window)  # (B·nW, m², C)
        query, key, value = rearrange(self.to_qkv(windows), "b n (t h d) -> t b h n d", t=3, h=self.heads)
        bias = self.bias_table[relative_position_index(self.window)].permute(2, 0, 1)  # (heads, m², m²)
        allowed = window_mask(side, self.window, shift).to(x.device)  # (nW, m², m²)
        bias = torch.where(allowed[:, None], bias, -math.inf).repeat(len(x), 1, 1, 1)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        y = self.to_output(rearrange(y, "b h n d -> b n (h d)"))
        return window_reverse(y, self.window, side, side).roll((shift, shift), dims=(1, 2))


class SwinBlock(nn.Module):
    """An encoder layer whose attention stays inside windows."""

    def __init__(self, dim: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = WindowAttention(dim, heads, window, shift)
        self.mlp = MLP(dim, 4 * dim)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """Join each 2 × 2 tokens into one of twice the width."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        x = rearrange(x, "b (h p) (w q) c -> b h w (q p c)", p=2, q=2)  # (B, H/2, W/2, 4C)
        return self.reduction(self.norm(x))  # (B, H/2, W/2, 2C)


class Swin(nn.Module):
    """Stages of blocks with merging between them, mean over tokens, linear head."""

    def __init__(self, dim: int, depths: tuple[int, ...], heads: tuple[int, ...], window: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, dim, kernel_size=4, stride=4)
        self.embed_norm = nn.LayerNorm(dim)
        self.stages = nn.ModuleList()
        for k, (depth, count) in enumerate(zip(depths, heads, strict=True)):
            merging = [PatchMerging(dim * 2 ** (k - 1))] if k else []
            shifts = [window // 2 if i % 2 else 0 for i in range(depth)]  # every second block
            blocks = [SwinBlock(dim * 2**k, count, window, shift) for shift in shifts]
            self.stages.append(nn.Sequential(*merging, *blocks))
        width = dim * 2 ** (len(depths) - 1)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        x = self.embed_norm(self.embed(x).permute(0, 2, 3, 1))  # (B, H/4, W/4, C)
        for stage in self.stages:
            x = stage(x)  # sides halve and channels double from the second stage on
        return self.head(self.norm(x).mean(dim=(1, 2)))  # (B, 1000)
