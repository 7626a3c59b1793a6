"""The masked auto-encoder: hide three patches in four, and learn to see by filling them in.

K. He, X. Chen, S. Xie, Y. Li, P. Dollár, R. Girshick, "Masked Autoencoders Are Scalable Vision Learners",
CVPR 2022, section 3: random masking, an encoder that sees visible patches only, a light decoder with mask
tokens, and a loss on normalised pixels of the masked patches.

Simplified: sizes for 32 to 64-pixel images. Departures from the paper's code: the positions of encoder *and*
decoder are learned (there: fixed sinusoids); the class token starts at zeros and linear layers as torch
starts them (there: normal with deviation 0.02, and Xavier); the decoder's layer norms have torch's eps of
1e-5 (there 1e-6). Random resized crops are the recipe's affair, and ours has none.
Added, in `MAEWithMoments` only: a second output of the decoder says each patch's mean and spread. The paper's
loss leaves them open, so that without them a prediction of normalised pixels cannot be shown as a picture.

Shapes: B batch, C channels, P patch side, N patches, V visible ones, D encoder width, E decoder width.
"""

import math
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.backbones.vit import ViT
from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.ops.checks import check_number, check_tensor, check_whole


def patchify(x: Tensor, patch: int) -> Tensor:
    """Cut (B, C, H, W) into rows of pixels: (B, N, P·P·C)."""
    check_whole(patch, "patch")
    check_tensor(x, "patchify", "B", "C", "H", "W", kind="any", some=True)
    if x.shape[-2] % patch or x.shape[-1] % patch:
        raise ValueError(f"patchify: got {tuple(x.shape)}, want (B, C, H, W) in multiples of {patch}")
    return rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=patch, q=patch)


def unpatchify(rows: Tensor, patch: int, height: int, width: int) -> Tensor:
    """Put (B, N, P·P·C) back together: the inverse of `patchify`."""
    patch, height, width = (
        check_whole(n, name) for n, name in ((patch, "patch"), (height, "height"), (width, "width"))
    )
    if height % patch or width % patch:
        raise ValueError(f"unpatchify: got {height} × {width} pixels, want multiples of {patch}")
    h, w = height // patch, width // patch
    check_tensor(rows, "unpatchify", "B", h * w, "P·P·C", kind="any", some=True)
    if rows.shape[2] % patch**2 or rows.shape[2] == 0:
        raise ValueError(f"unpatchify: got rows of {rows.shape[2]} numbers, want a multiple of {patch**2}")
    return rearrange(rows, "b (h w) (p q c) -> b c (h p) (w q)", h=h, w=w, p=patch, q=patch)


def random_masking(
    tokens: Tensor, ratio: float, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Keep a random share of each image's tokens (section 3, "Masking" and "Simple implementation").

    Parameters
    ----------
    tokens : Tensor
        (B, N, D), N ≥ 1.
    ratio : float
        Share to hide, in [0, 1); at least one token stays.
    generator : torch.Generator, optional
        Where the order comes from.

    Returns
    -------
    visible : Tensor
        (B, V, D), V = round(N · (1 - ratio)).
    mask : Tensor
        (B, N) bool, True where hidden.
    restore : Tensor
        (B, N) int64: position i of the image is row `restore[i]` of the shuffled list, visible ones first.

    Raises
    ------
    ValueError
        For tokens of another shape, or a ratio outside [0, 1).
    """
    check_masking(tokens, ratio)
    batch, count, _ = tokens.shape
    keep = max(1, round(count * (1 - ratio)))
    order = torch.rand(batch, count, generator=generator).argsort(dim=1).to(tokens.device)  # (B, N)
    restore = order.argsort(dim=1)
    visible = tokens.gather(1, order[:, :keep, None].expand(-1, -1, tokens.shape[2]))
    return visible, restore >= keep, restore


def check_masking(tokens: Tensor, ratio: float) -> None:
    """Raise ValueError unless tokens are (B, N, D), none of them 0, and the ratio lies in [0, 1)."""
    check_tensor(tokens, "tokens", "B", "N", "D", kind="any", some=True)
    if not isinstance(ratio, int | float) or not 0 <= ratio < 1:
        raise ValueError(f"masking: got ratio {ratio}, want a share in [0, 1)")


def normalise_patches(rows: Tensor, eps: float = 1e-6) -> Tensor:
    """Give each patch (last axis of two or more) mean 0 and variance 1 (section 3, table 1d).

    It is the target that helps most. A patch of one colour becomes zeros: `eps` keeps its spread above 0.
    """
    check_tensor(rows, "normalise_patches", "…", "P·P·C", some=True)
    check_number(eps, "eps", 0, above=True)
    if rows.shape[-1] < 2:
        raise ValueError(f"normalise_patches: got {tuple(rows.shape)}, want two or more numbers a patch")
    mean, var = rows.mean(dim=-1, keepdim=True), rows.var(dim=-1, keepdim=True)
    return (rows - mean) / (var + eps).sqrt()


def masked_loss(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the hidden patches only.

    Parameters
    ----------
    prediction, target : Tensor
        (B, N, P·P·C), floating point, of the same shape.
    mask : Tensor
        (B, N) bool, True where hidden. Where nothing is hidden the loss is 0.

    Raises
    ------
    ValueError
        For other shapes or types.
    """
    check_tensor(prediction, "prediction", "B", "N", "P·P·C", some=True)
    check_tensor(target, "target", *prediction.shape)
    check_tensor(mask, "mask", *prediction.shape[:2], kind="bool")
    error = (prediction - target).square().mean(dim=-1)  # (B, N)
    return (error * mask).sum() / mask.sum().clamp(min=1)


class MAE(nn.Module):
    """Asymmetric encoder and decoder around a `ViT`.

    Parameters
    ----------
    encoder : ViT
        Used for its patch embedding, positions and layers; its head is left alone.
    width, heads, layers : int
        Of the decoder: narrower and shallower than the encoder.
    ratio : float
        Share of patches to hide, in [0, 1).
    normalise : bool
        Predict normalised patches, as the paper recommends; False predicts plain pixels.

    Raises
    ------
    ValueError
        For an encoder without positions, a ratio outside [0, 1), or images of another size than the
        encoder's: the decoder's positions are those of one grid.
    """

    def __init__(
        self,
        encoder: ViT,
        *,
        width: int = 64,
        heads: int = 4,
        layers: int = 1,
        ratio: float = 0.75,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(encoder, ViT) or encoder.position is None:
            got = "an encoder without positions" if isinstance(encoder, ViT) else type(encoder).__name__
            raise ValueError(f"MAE: got {got}, want ViT(position=True)")
        check_masking(encoder.position, ratio)
        for number, name in ((width, "width"), (heads, "heads"), (layers, "layers")):
            check_whole(number, f"MAE, {name}")
        self.encoder, self.ratio, self.normalise, self.width = encoder, ratio, normalise, width
        self.patch, count = encoder.embed.patch, encoder.position.shape[1]
        self.side = self.patch * math.isqrt(count - 1)  # of the images, in pixels
        self.to_decoder = nn.Linear(encoder.dim, width)
        self.mask_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.position = nn.Parameter(torch.randn(1, count, width) * 0.02)
        self.decoder = nn.ModuleList(EncoderLayer(width, heads, 4 * width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.to_pixels = nn.Linear(width, self.patch**2 * encoder.in_channels)

    def forward(
        self, x: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return loss, predicted patches (B, N, P·P·C) and mask (B, N) for images (B, C, H, W)."""
        latent, mask, restore = self.encode(x, generator=generator)
        prediction = self.to_pixels(self.decode(latent, restore))
        loss = masked_loss(prediction, self.target(x), mask)
        return loss, prediction, mask

    def encode(self, x: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Encode the visible patches only: latent (B, 1 + V, D), mask (B, N), restore (B, N)."""
        check_tensor(x, "images", "B", self.encoder.in_channels, self.side, self.side, some=True)
        tokens = self.encoder.embed_tokens(x)  # (B, 1 + N, D): positions are in before any patch is dropped
        first, patches = tokens[:, :1], tokens[:, 1:]
        visible, mask, restore = random_masking(patches, self.ratio, generator=generator)
        latent = torch.cat([first, visible], dim=1)  # (B, 1 + V, D): a quarter of the work, and less
        for layer in self.encoder.layers:
            latent = layer(latent)
        return self.encoder.norm(latent), mask, restore

    def decode(self, latent: Tensor, restore: Tensor) -> Tensor:
        """Fill the gaps with mask tokens, restore the order and decode: (B, N, E), one row a patch."""
        check_latent(latent, restore, self.encoder.dim, self.position.shape[1] - 1)
        x = self.to_decoder(latent)  # (B, 1 + V, E)
        hidden = self.mask_token.expand(len(x), restore.shape[1] + 1 - x.shape[1], -1)
        patches = torch.cat([x[:, 1:], hidden], dim=1)  # (B, N, E), still shuffled
        patches = patches.gather(1, restore[..., None].expand_as(patches))  # back in the image's order
        x = torch.cat([x[:, :1], patches], dim=1) + self.position
        for layer in self.decoder:
            x = layer(x)
        return self.norm(x)[:, 1:]  # (B, N, E)

    def target(self, x: Tensor) -> Tensor:
        """What the decoder should say: (B, N, P·P·C)."""
        rows = patchify(x, self.patch)
        return normalise_patches(rows) if self.normalise else rows

    def mean_and_spread(self, decoded: Tensor, rows: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """What turns predictions into pixels: of normalised patches the true ones, (B, N, 1) each.

        The paper's loss teaches the model nothing of them, so its pictures flatter it. `MAEWithMoments`
        predicts them from `decoded` (B, N, E) instead of reading them off `rows` (B, N, P·P·C).
        """
        if not self.normalise:
            return 0.0, 1.0
        return rows.mean(dim=-1, keepdim=True), rows.std(dim=-1, keepdim=True)

    @torch.no_grad()
    def reconstruct(self, x: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return the filled-in images (B, C, H, W) and the mask (B, N).

        Visible patches are pasted as they are. Hidden ones are predicted, with the mean and spread that
        `mean_and_spread` gives.
        """
        latent, mask, restore = self.encode(x, generator=generator)
        decoded, rows = self.decode(latent, restore), patchify(x, self.patch)
        mean, spread = self.mean_and_spread(decoded, rows)
        prediction = self.to_pixels(decoded) * spread + mean
        filled = torch.where(mask[..., None], prediction, rows)
        return unpatchify(filled, self.patch, *x.shape[-2:]), mask


class MAEWithMoments(MAE):
    """A masked auto-encoder that also predicts each patch's mean and spread (ours, not the paper's).

    Its pictures borrow nothing from what is hidden. Predictions are of normalised patches.

    Parameters
    ----------
    encoder : ViT
        As in `MAE`.
    moments : float
        Weight of the loss on the means and spreads, above 0.
    **decoder : int or float
        `width`, `heads`, `layers` and `ratio` of `MAE`.

    Raises
    ------
    ValueError
        As `MAE`, and for a weight that is not positive.
    """

    def __init__(self, encoder: ViT, *, moments: float = 10.0, **decoder: Any) -> None:
        super().__init__(encoder, **decoder)
        if not self.normalise:
            raise ValueError("MAEWithMoments: got normalise False, want True: plain pixels need no moments")
        self.moments = check_number(moments, "moments", 0, above=True)
        self.to_moments = nn.Linear(self.width, 2)

    def forward(
        self, x: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return loss, predicted patches (B, N, P·P·C) and mask (B, N) for images (B, C, H, W)."""
        latent, mask, restore = self.encode(x, generator=generator)
        decoded = self.decode(latent, restore)
        prediction = self.to_pixels(decoded)
        loss = masked_loss(prediction, self.target(x), mask)
        rows = patchify(x, self.patch)
        true = torch.stack([rows.mean(dim=-1), rows.std(dim=-1)], dim=-1)  # (B, N, 2)
        loss = loss + self.moments * masked_loss(self.to_moments(decoded), true, mask)
        return loss, prediction, mask

    def mean_and_spread(self, decoded: Tensor, rows: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """What the model says of each patch, from `decoded` alone: (B, N, 1) each, no spread below 0."""
        mean, spread = self.to_moments(decoded).split(1, dim=-1)
        return mean, spread.clamp(min=0)


def check_latent(latent: Tensor, restore: Tensor, dim: int, count: int) -> None:
    """Raise ValueError unless latent (B, 1 + V, D) and restore (B, N) belong to one batch of N patches."""
    check_tensor(latent, "latent", "B", "1 + V", dim, some=True)
    check_tensor(restore, "restore", len(latent), count, kind="int")
    if latent.shape[1] > count + 1:
        raise ValueError(f"latent: got {latent.shape[1] - 1} visible patches, want at most {count}")
    places = torch.arange(count, device=restore.device)
    if not torch.equal(restore.sort(dim=1).values, places.expand_as(restore)):
        raise ValueError(f"restore: got rows that are no orders, want each number from 0 to {count - 1} once")
