"""The small vision transformer that all of chapter 03's models share, so that only the training differs.

A. Dosovitskiy et al., ICLR 2021 (see `backbones.vit`): 48-pixel pictures, 6-pixel patches, 4 layers of
width 64 with 4 heads, 0.15 M parameters. It starts as `nn.vit_start` says, since minutes of training must do.

Shapes: B batch, N = 64 patches, D = 64.
"""

import torch
from torch import Tensor, nn

from lecture_utils.backbones.vit import ViT
from lecture_utils.nn.vit_start import start_
from lecture_utils.ops.checks import check_images, check_tensor, check_whole

SIZE, PATCH, WIDTH, HEADS, HIDDEN, LAYERS = 48, 6, 64, 4, 128, 4
POOLS = ("class", "mean")


class StandardViT(ViT):
    """A ViT that first brings pictures in [0, 1] to about mean 0 and spread 1, as (x - 0.5) / 0.25."""

    def embed_tokens(self, x: Tensor) -> Tensor:
        """Return class token and patches with positions, (B, 1 + N, D), for (B, C, H, W) in [0, 1]."""
        check_images(x, self.in_channels, like=self.class_token)
        return super().embed_tokens((x - 0.5) / 0.25)


def small_vit(classes: int | None = None) -> ViT:
    """Return the untrained network: pictures (B, 3, 48, 48) in [0, 1] → (B, `classes`), or (B, 64) without.

    Pictures of another size, in multiples of 6 pixels, get interpolated positions.
    """
    if classes is not None:
        check_whole(classes, "small_vit, classes")
    vit = StandardViT(
        image=SIZE,
        patch=PATCH,
        dim=WIDTH,
        heads=HEADS,
        hidden=HIDDEN,
        layers=LAYERS,
        classes=classes or 1,
    )
    if classes is None:
        vit.head = nn.Identity()  # type: ignore[assignment]
    assert vit.position is not None
    start_(vit.position, (layer.attention for layer in vit.layers))  # type: ignore[misc]
    return vit


@torch.no_grad()
def features(vit: ViT, images: Tensor, pool: str = "class", *, batch_size: int = 256) -> Tensor:
    """Describe pictures (B, 3, H, W) by the last class token or the mean of the patch tokens: (B, D).

    Raises
    ------
    ValueError
        For a pool other than "class" and "mean", or pictures that are not floating point (B, 3, H, W).
    """
    check_tensor(images, "images", "B", 3, "H", "W", some=True)
    check_whole(batch_size, "batch_size")
    return torch.cat([pooled(vit.tokens(part), pool) for part in images.split(batch_size)])


def pooled(tokens: Tensor, pool: str) -> Tensor:
    """Make one vector of a ViT's tokens (B, 1 + N, D), the class token first: (B, D).

    Raises
    ------
    ValueError
        For a pool other than "class" and "mean", or tokens of another shape.
    """
    check_pool(pool)
    check_tensor(tokens, "tokens", "B", "1 + N", "D", some=True)
    if tokens.shape[1] < 2:
        raise ValueError(f"tokens: got {tuple(tokens.shape)}, want (B, 1 + N, D) with N ≥ 1 patches")
    return tokens[:, 0] if pool == "class" else tokens[:, 1:].mean(dim=1)


def check_pool(pool: str) -> None:
    """Raise ValueError unless `pool` is one of `POOLS`."""
    if pool not in POOLS:
        raise ValueError(f"features: got pool {pool!r}, want one of {', '.join(POOLS)}")


def class_attention(vit: ViT, images: Tensor) -> Tensor:
    """Return where the last layer's class token looks: (B, 3, H, W) → (B, heads, N), patches only."""
    # Copied, so that what is made under inference mode can be used like any other tensor.
    return vit.attention_maps(images)[-1, :, :, 0, 1:].clone()


class PooledClassifier(nn.Module):
    """A linear layer on a ViT's class token or mean patch token: fine-tuning trains it and the encoder."""

    def __init__(self, encoder: ViT, classes: int, pool: str = "mean") -> None:
        super().__init__()
        check_pool(pool)
        self.encoder, self.pool = encoder, pool
        self.head = nn.Linear(encoder.dim, check_whole(classes, "classes"))

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        return self.head(pooled(self.encoder.tokens(x), self.pool))  # (B, classes)
