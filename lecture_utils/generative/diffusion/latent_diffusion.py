"""Latent diffusion: a picture's small code is noised and denoised, not its pixels, S16.3.

R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, section 3: the
auto-encoder is trained first and frozen; a diffusion model learns its codes (equation 3, with a prediction of
choice), given the tokens of a condition (section 3.3). Stable Diffusion is one such model: its condition is a
sentence in the frozen text encoder of CLIP, its data LAION. Codes are scaled to deviation 1 (appendix G).

The condition is a module of its own, told (…) → tokens (B, N, D): `prompt.Prompt` makes them of a sentence
and boxes, `unclip.decoder.EmbeddingTokens` of CLIP's embedding of a picture. Samples are those of
`model.Diffusion`; codes are not clipped on the way: unlike pixels, they have no bounds.

Shapes: B batch, C × H × W picture, Z × h × w code, N context tokens of width D.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder
from lecture_utils.generative.diffusion.model import Diffusion
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import check_images, check_tensor, check_wholes


class LatentDiffusion(Diffusion):
    """Auto-encoder, condition, network and schedule: learns from pictures, makes pictures of what it is told.

    Parameters
    ----------
    autoencoder : KLAutoEncoder
        Trained, with its scale measured. It takes no gradients from here on.
    condition, net, schedule
        As in `Diffusion`; the network works on codes (B, Z, h, w).
    shape : (int, int, int)
        Z, h, w.
    kind, drop
        As in `Diffusion`.

    Raises
    ------
    ValueError
        For a shape, kind or share that is none; when called, for pictures or conditions that do not fit.
    """

    def __init__(
        self,
        autoencoder: KLAutoEncoder,
        condition: nn.Module,
        net: nn.Module,
        schedule: NoiseSchedule,
        shape: Sequence[int],
        *,
        kind: str = "v",
        drop: float = 0.1,
    ) -> None:
        check_wholes(shape, "shape", 3)
        if shape[0] != autoencoder.latent:
            raise ValueError(f"shape: got {shape[0]} channels, want {autoencoder.latent}, those of the code")
        super().__init__(net, condition, schedule, shape, kind=kind, drop=drop)
        self.autoencoder = autoencoder.requires_grad_(False).eval()

    @torch.no_grad()
    def to_signal(self, x: Tensor) -> Tensor:
        """Return the scaled means of the codes of pictures in [0, 1]: (B, C, H, W) → (B, Z, h, w)."""
        check_images(x, unit_range=True)
        return self.autoencoder.to_latent(x)

    @torch.no_grad()
    def from_signal(self, signal: Tensor) -> Tensor:
        """Return pictures in [0, 1] of scaled codes: (B, Z, h, w) → (B, C, H, W)."""
        return self.autoencoder.from_latent(signal).clamp(0, 1)

    @torch.no_grad()
    def to_latent(self, images: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return drawn, scaled codes of pictures in [0, 1]: (B, C, H, W) → (B, Z, h, w)."""
        check_images(images, unit_range=True)
        noise = torch.randn(len(images), *self.shape, generator=draw)
        return self.autoencoder.to_latent(images, noise)

    def loss(self, x: Tensor, *told: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return the loss of pictures (B, C, H, W) in [0, 1], with drawn codes, at random steps → scalar."""
        return self.latent_loss(self.to_latent(x, draw), *told, draw=draw)

    def latent_loss(self, latent: Tensor, *told: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return the loss of codes (B, Z, h, w), which may have been made beforehand → scalar."""
        check_tensor(latent, "latent", "B", *self.shape, some=True)
        return self.signal_loss(latent, *told, draw=draw)
