"""Latent diffusion: a picture's small code is noised and denoised, not its pixels, S16.3.

R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, section 3: the
auto-encoder is trained first and frozen; a diffusion model learns its codes (equation 3, with a prediction of
choice), given the tokens of a condition (section 3.3). Stable Diffusion is one such model: its condition is a
sentence in the frozen text encoder of CLIP, its data LAION. Codes are scaled to deviation 1 (appendix G).

The condition is a module of its own, told (…) → tokens (B, N, D): `prompt.Prompt` makes them of a sentence
and boxes, `unclip.decoder.EmbeddingTokens` of CLIP's embedding of a picture.

Shapes: B batch, C × H × W picture, Z × h × w code, N context tokens of width D.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.guidance import dropouts, guided
from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder
from lecture_utils.generative.diffusion.prediction import KINDS, simple_loss
from lecture_utils.generative.diffusion.samplers import ddim_encode, ddim_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import (
    check_choice,
    check_images,
    check_number,
    check_tensor,
    check_whole,
    check_wholes,
)


class LatentDiffusion(nn.Module):
    """Auto-encoder, condition, network and schedule: learns from pictures, makes pictures of what it is told.

    Parameters
    ----------
    autoencoder : KLAutoEncoder
        Trained, with its scale measured. It takes no gradients from here on.
    condition : nn.Module
        What is told, one or more tensors (B, …), → (B, N, D); with the keyword `dropped` (B,) bool, the
        tokens of "nothing told" in those rows.
    net : nn.Module
        x_t (B, Z, h, w), t (B,), context (B, N, D) → a prediction (B, Z, h, w).
    schedule : NoiseSchedule
    shape : (int, int, int)
        Z, h, w.
    kind : {"epsilon", "sample", "v"}
        What the network predicts.
    drop : float
        Share of the pictures of which nothing is told in training; without it there is no guidance.

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
        super().__init__()
        check_wholes(shape, "shape", 3)
        if shape[0] != autoencoder.latent:
            raise ValueError(f"shape: got {shape[0]} channels, want {autoencoder.latent}, those of the code")
        check_choice(kind, "kind", *KINDS)
        self.autoencoder = autoencoder.requires_grad_(False).eval()
        self.condition, self.net, self.schedule = condition, net, schedule
        self.shape, self.kind, self.drop = tuple(shape), kind, check_number(drop, "drop", 0, 1)

    def forward(self, x: Tensor, t: Tensor, *told: Tensor) -> Tensor:
        """Predict from noised codes (B, Z, h, w) at steps (B,) and what is told."""
        return self.net(x, t, self.condition(*told))

    @torch.no_grad()
    def to_latent(self, images: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return drawn, scaled codes of pictures in [0, 1]: (B, C, H, W) → (B, Z, h, w)."""
        check_images(images, unit_range=True)
        noise = torch.randn(len(images), *self.shape, generator=draw)
        return self.autoencoder.to_latent(images, noise)

    def loss(self, images: Tensor, *told: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return the loss of pictures (B, C, H, W) in [0, 1], at random steps → scalar."""
        return self.latent_loss(self.to_latent(images, draw), *told, draw=draw)

    def latent_loss(self, latent: Tensor, *told: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return the loss of codes (B, Z, h, w), which may have been made beforehand → scalar."""
        check_tensor(latent, "latent", "B", *self.shape, some=True)
        batch = len(latent)
        t = torch.randint(1, self.schedule.steps + 1, (batch,), generator=draw)
        noise = torch.randn(latent.shape, generator=draw)
        context = self.condition(*told, dropped=dropouts(batch, self.drop, draw))
        return simple_loss(
            lambda x, t: self.net(x, t, context), self.schedule, latent, t, noise, kind=self.kind
        )

    @torch.no_grad()
    def sample(
        self,
        *told: Tensor,
        steps: int = 20,
        scale: float = 1.0,
        eta: float = 0.0,
        seed: int = 0,
        noise: Tensor | None = None,
        keep: list[Tensor] | None = None,
    ) -> Tensor:
        """Return pictures (B, C, H, W) in [0, 1] of what is told: DDIM on codes, then the decoder.

        Codes are not clipped: unlike pixels, they have no bounds.

        Parameters
        ----------
        told : Tensor
            As the condition takes them.
        steps : int
            How many, spaced from the noisy end ("trailing").
        scale : float
            Of guidance: 1 is none, 0 is with nothing told.
        eta : float
            Of DDIM.
        seed : int
            Of all noise.
        noise : Tensor, optional
            x_T (B, Z, h, w), drawn with `seed` where not given.
        keep : list, optional
            Receives the codes after each step.

        Raises
        ------
        ValueError
            For conditions, noise or settings that do not fit.
        """
        draw = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
        context, null = self.contexts(*told)
        x = torch.randn(len(context), *self.shape, generator=draw) if noise is None else noise
        check_tensor(x, "noise", len(context), *self.shape, finite=True)
        predict = guided(self.net, context, null, scale)
        times = spaced_steps(self.schedule.steps, steps, "trailing")
        x = ddim_sample(predict, self.schedule, x, times, kind=self.kind, eta=eta, draw=draw, keep=keep)
        return self.autoencoder.from_latent(x).clamp(0, 1)

    @torch.no_grad()
    def encode(self, images: Tensor, *told: Tensor, steps: int = 50, scale: float = 1.0) -> Tensor:
        """Return the noise x_T (B, Z, h, w) from which `sample` makes about these pictures again."""
        check_images(images, unit_range=True)
        predict = guided(self.net, *self.contexts(*told), scale)
        times = spaced_steps(self.schedule.steps, steps, "trailing")
        latent = self.autoencoder.to_latent(images)
        return ddim_encode(predict, self.schedule, latent, times, kind=self.kind)

    def contexts(self, *told: Tensor) -> tuple[Tensor, Tensor]:
        """Return the context (B, N, D) of what is told, and that of nothing told (N, D)."""
        context = self.condition(*told)
        nothing = self.condition(*told, dropped=torch.ones(len(context), dtype=torch.bool))
        return context, nothing[0]
