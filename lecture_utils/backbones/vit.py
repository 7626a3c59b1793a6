"""The vision transformer: an image is a sentence of 16×16 words.

A. Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", ICLR
2021, section 3.1 (equations 1 to 4) and table 1.

Simplified: no dropout; a linear head (the paper's pre-training head has one hidden layer).

Shapes: B batch, C channels, P patch side, N = (H / P)·(W / P) patches, D model width.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.ops.checks import check_float, check_images, check_sizes


class PatchEmbedding(nn.Module):
    """Cut the image into P×P patches and map each to D numbers by one matrix, E of equation 1.

    A convolution whose stride is its kernel is that matrix, applied patch by patch: `forward` uses it, and
    `as_linear` writes the same thing as reshape and linear layer.
    """

    def __init__(self, patch: int, dim: int, *, in_channels: int = 3) -> None:
        super().__init__()
        check_sizes("patches", patch=patch, dim=dim, in_channels=in_channels)
        self.patch = patch
        self.projection = nn.Conv2d(in_channels, dim, kernel_size=patch, stride=patch)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        self.check(x)
        return rearrange(self.projection(x), "b d h w -> b (h w) d")  # (B, N, D)

    def as_linear(self, x: Tensor) -> Tensor:
        """Give the same result as `forward` by cutting, flattening and multiplying."""
        self.check(x)
        patches = rearrange(x, "b c (h p) (w q) -> b (h w) (c p q)", p=self.patch, q=self.patch)
        return F.linear(patches, self.projection.weight.flatten(1), self.projection.bias)

    def check(self, x: Tensor) -> None:
        """Raise ValueError unless `x` is floating point (B, C, H, W) that divides into patches."""
        check_images(x, self.projection.in_channels, like=self.projection.weight)
        if x.shape[-2] % self.patch or x.shape[-1] % self.patch:
            got = f"{x.shape[-2]} × {x.shape[-1]} pixels"
            raise ValueError(f"patches: got images of {got}, want sides that are multiples of {self.patch}")


def resize_positions(position: Tensor, rows: int, columns: int) -> Tensor:
    """Stretch a square grid of learned positions (1, 1 + N, D) to an image of other size (section 3.2).

    The class token's position, the first, stays as it is; the others are interpolated in two dimensions.
    Raises ValueError for positions that are no square grid.
    """
    check_float(position, name="positions")
    check_sizes("positions", rows=rows, columns=columns)
    side = math.isqrt(max(position.shape[1] - 1, 0)) if position.ndim == 3 else 0
    if side < 1 or position.shape[:2] != (1, 1 + side**2):
        raise ValueError(f"positions: got shape {tuple(position.shape)}, want (1, 1 + side², D)")
    if (rows, columns) == (side, side):
        return position
    grid = rearrange(position[:, 1:], "1 (h w) d -> 1 d h w", h=side)
    grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
    return torch.cat([position[:, :1], rearrange(grid, "1 d h w -> 1 (h w) d")], dim=1)


class ViT(nn.Module):
    """Patches, a class token and positions; L encoder layers; a linear head on the class token.

    Parameters
    ----------
    image, patch : int
        Sides in pixels; `image` a multiple of `patch`.
    dim, heads, hidden, layers : int
        D, attention heads, MLP width, L.
    classes, in_channels : int
        Their number, C.
    position : bool
        Without it the model cannot tell where a patch came from: its logits do not change when the patches
        are shuffled.

    Raises
    ------
    ValueError
        For an image side that is not a multiple of the patch, or input that is not float (B, C, H, W) of the
        weights' type.

    Notes
    -----
    Images of another size than `image` get interpolated positions.
    """

    def __init__(
        self,
        *,
        image: int,
        patch: int,
        dim: int,
        heads: int,
        hidden: int,
        layers: int,
        classes: int,
        in_channels: int = 3,
        position: bool = True,
    ) -> None:
        super().__init__()
        check_sizes("ViT", image=image, patch=patch, layers=layers, classes=classes)
        if image % patch:
            raise ValueError(f"ViT: got image side {image} and patch side {patch}, want a multiple")
        self.dim, self.in_channels = dim, in_channels
        self.embed = PatchEmbedding(patch, dim, in_channels=in_channels)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        positions = torch.randn(1, (image // patch) ** 2 + 1, dim) * 0.02
        self.position = nn.Parameter(positions) if position else None
        self.layers = nn.ModuleList(EncoderLayer(dim, heads, hidden, eps=1e-6) for _ in range(layers))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        return self.head(self.tokens(x)[:, 0])  # (B, classes): y = LN(z_L⁰), then the head (eq. 4)

    def tokens(self, x: Tensor) -> Tensor:
        """Return the normalised last tokens (B, 1 + N, D), class token first."""
        x = self.embed_tokens(x)  # z_0 (eq. 1)
        for layer in self.layers:
            x = layer(x)  # eq. 2 and 3
        return self.norm(x)

    def embed_tokens(self, x: Tensor) -> Tensor:
        """Return z_0: class token and patches, with positions, (B, 1 + N, D)."""
        check_images(x, self.in_channels, like=self.class_token)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), self.embed(x)], dim=1)
        if self.position is None:
            return tokens
        return tokens + resize_positions(self.position, *self.grid(x))

    def grid(self, x: Tensor) -> tuple[int, int]:
        """Return (rows, columns) of the patches of images (B, C, H, W), for maps of their tokens."""
        return x.shape[-2] // self.embed.patch, x.shape[-1] // self.embed.patch

    @torch.inference_mode()
    def attention_maps(self, x: Tensor) -> Tensor:
        """Return every layer's attention weights (layers, B, heads, 1 + N, 1 + N)."""
        x, maps = self.embed_tokens(x), []
        for layer in self.layers:
            assert isinstance(layer, EncoderLayer)
            maps.append(layer.attention.weights(layer.norm1(x)))
            x = layer(x)
        return torch.stack(maps)


def vit_b16(*, classes: int = 1000, image: int = 224) -> ViT:
    """ViT-Base with 16-pixel patches (table 1): 12 layers of width 768, 86.6 M parameters."""
    return ViT(image=image, patch=16, dim=768, heads=12, hidden=3072, layers=12, classes=classes)
