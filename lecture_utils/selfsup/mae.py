"""The masked auto-encoder: hide three patches in four, and learn to see by filling them in.

K. He, X. Chen, S. Xie, Y. Li, P. Dollár, R. Girshick, "Masked Autoencoders Are Scalable Vision Learners",
CVPR 2022, section 3: random masking, an encoder that sees visible patches only, a light decoder with mask
tokens, and a loss on normalised pixels of the masked patches.

Simplified: sizes for 32 to 64-pixel images; learned decoder positions (the paper's are fixed sinusoids).
Added: a second output of the decoder says each patch's mean and spread. The paper's loss leaves them open, so
that without them a prediction of normalised pixels cannot be shown as a picture.

Shapes: B batch, C channels, P patch side, N patches, V visible ones, D encoder width, E decoder width.
"""

import torch
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.backbones.vit import ViT
from lecture_utils.nn.transformer import EncoderLayer


def patchify(x: Tensor, patch: int) -> Tensor:
    """Cut (B, C, H, W) into rows of pixels: (B, N, P·P·C)."""
    if x.ndim != 4 or x.shape[-2] % patch or x.shape[-1] % patch:
        raise ValueError(f"patchify: got shape {tuple(x.shape)}, want (B, C, H, W) in multiples of {patch}")
    return rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=patch, q=patch)


def unpatchify(rows: Tensor, patch: int, height: int, width: int) -> Tensor:
    """Put (B, N, P·P·C) back together: the inverse of `patchify`."""
    h, w = height // patch, width // patch
    return rearrange(rows, "b (h w) (p q c) -> b c (h p) (w q)", h=h, w=w, p=patch, q=patch)


def random_masking(
    tokens: Tensor, ratio: float, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Keep a random share of each image's tokens (section 3, "Masking" and "Simple implementation").

    Parameters
    ----------
    tokens : Tensor
        (B, N, D).
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
    """
    if not 0 <= ratio < 1:
        raise ValueError(f"masking: got ratio {ratio}, want a share in [0, 1)")
    batch, count, _ = tokens.shape
    keep = max(1, round(count * (1 - ratio)))
    order = torch.rand(batch, count, generator=generator).argsort(dim=1).to(tokens.device)  # (B, N)
    restore = order.argsort(dim=1)
    visible = tokens.gather(1, order[:, :keep, None].expand(-1, -1, tokens.shape[2]))
    return visible, restore >= keep, restore


def normalise_patches(rows: Tensor, eps: float = 1e-6) -> Tensor:
    """Give each patch (last axis) mean 0 and variance 1: the target that helps most (section 3, table 1d)."""
    mean, var = rows.mean(dim=-1, keepdim=True), rows.var(dim=-1, keepdim=True)
    return (rows - mean) / (var + eps).sqrt()


def masked_loss(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the hidden patches only: prediction and target (B, N, P·P·C), mask (B, N)."""
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
        Share of patches to hide.
    normalise : bool
        Predict normalised patches, as the paper recommends; False predicts plain pixels.
    moments : float
        Weight of the loss on the patches' means and spreads, which `reconstruct` needs to turn normalised
        patches into pixels. 0 is the paper's loss alone. No meaning for plain pixels.
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
        moments: float = 0.0,
    ) -> None:
        super().__init__()
        if moments < 0:
            raise ValueError(f"MAE: got moments {moments}, want a weight of 0 or more")
        if encoder.position is None:
            raise ValueError("MAE: got an encoder without positions, want ViT(position=True)")
        self.encoder, self.ratio, self.normalise, self.moments = encoder, ratio, normalise, moments
        self.patch = encoder.embed.patch
        dim, count = encoder.norm.normalized_shape[0], encoder.position.shape[1]
        self.to_decoder = nn.Linear(dim, width)
        self.mask_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.position = nn.Parameter(torch.randn(1, count, width) * 0.02)
        self.decoder = nn.ModuleList(EncoderLayer(width, heads, 4 * width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.to_pixels = nn.Linear(width, self.patch**2 * encoder.in_channels)
        self.to_moments = nn.Linear(width, 2) if normalise and moments else None

    def forward(
        self, x: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return loss, predicted patches (B, N, P·P·C) and mask (B, N) for images (B, C, H, W)."""
        latent, mask, restore = self.encode(x, generator=generator)
        decoded = self.decode(latent, restore)
        prediction = self.to_pixels(decoded)
        loss = masked_loss(prediction, self.target(x), mask)
        if self.to_moments is not None:
            rows = patchify(x, self.patch)
            true = torch.stack([rows.mean(dim=-1), rows.std(dim=-1)], dim=-1)  # (B, N, 2)
            loss = loss + self.moments * masked_loss(self.to_moments(decoded), true, mask)
        return loss, prediction, mask

    def encode(self, x: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Encode the visible patches only: latent (B, 1 + V, D), mask (B, N), restore (B, N)."""
        tokens = self.encoder.embed_tokens(x)  # (B, 1 + N, D): positions are in before any patch is dropped
        first, patches = tokens[:, :1], tokens[:, 1:]
        visible, mask, restore = random_masking(patches, self.ratio, generator=generator)
        latent = torch.cat([first, visible], dim=1)  # (B, 1 + V, D): a quarter of the work, and less
        for layer in self.encoder.layers:
            latent = layer(latent)
        return self.encoder.norm(latent), mask, restore

    def decode(self, latent: Tensor, restore: Tensor) -> Tensor:
        """Fill the gaps with mask tokens, restore the order and decode: (B, N, E), one row a patch."""
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

    @torch.inference_mode()
    def reconstruct(self, x: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return the filled-in images (B, C, H, W) and the mask (B, N).

        Visible patches are pasted as they are. Normalised patches get the mean and spread that the model
        predicts. A model without that output (`moments=0`) is given the true ones, so its pictures flatter
        it.
        """
        latent, mask, restore = self.encode(x, generator=generator)
        decoded, rows = self.decode(latent, restore), patchify(x, self.patch)
        prediction = self.to_pixels(decoded)
        if self.to_moments is not None:
            mean, spread = self.to_moments(decoded).split(1, dim=-1)  # (B, N, 1) each
            prediction = prediction * spread.clamp(min=0) + mean
        elif self.normalise:
            prediction = prediction * rows.std(dim=-1, keepdim=True) + rows.mean(dim=-1, keepdim=True)
        filled = torch.where(mask[..., None], prediction, rows)
        return unpatchify(filled, self.patch, *x.shape[-2:]), mask
