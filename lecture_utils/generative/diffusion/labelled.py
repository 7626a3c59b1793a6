"""A diffusion model of labelled pictures: network, tokens, schedule, loss and samples (S16.1, S16.2).

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, algorithms 1 and 2; J.
Ho, T. Salimans, "Classifier-Free Diffusion Guidance", arXiv 2207.12598, algorithms 1 and 2.

Pictures are in [0, 1] outside and in [-1, 1] inside, as in DDPM (section 3.3).

Shapes: B batch, C channels, H × W picture, K labels of a picture.
"""

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.generative.diffusion.guidance import dropouts, guided
from lecture_utils.generative.diffusion.prediction import KINDS, simple_loss
from lecture_utils.generative.diffusion.samplers import ddim_sample, ddpm_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import check_choice, check_images, check_number, check_tensor, check_whole


class LabelledDiffusion(nn.Module):
    """What learns from pictures and labels, and makes pictures of labels.

    Parameters
    ----------
    net : nn.Module
        x_t (B, C, H, W), t (B,), context (B, K, D) → a prediction (B, C, H, W).
    tokens : LabelTokens
        Labels (B, K) → context (B, K, D).
    schedule : NoiseSchedule
    shape : (int, int, int)
        C, H, W of a picture.
    kind : {"epsilon", "sample", "v"}
        What the network predicts.
    drop : float
        Share of the pictures whose labels are not told in training; without it there is no guidance.

    Raises
    ------
    ValueError
        For a shape, kind or share that is none; when called, for pictures and labels that do not fit.
    """

    def __init__(
        self,
        net: nn.Module,
        tokens: LabelTokens,
        schedule: NoiseSchedule,
        shape: tuple[int, int, int],
        *,
        kind: str = "v",
        drop: float = 0.1,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise ValueError(f"shape: got {shape!r}, want (C, H, W)")
        for side in shape:
            check_whole(side, "shape")
        check_choice(kind, "kind", *KINDS)
        check_number(drop, "drop", 0, 1)
        self.net, self.tokens, self.schedule = net, tokens, schedule
        self.shape, self.kind, self.drop = tuple(shape), kind, drop

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """Predict from x_t (B, C, H, W) at steps (B,) and labels (B, K)."""
        return self.net(x, t, self.tokens(labels))

    def loss(self, images: Tensor, labels: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return the simple loss at random steps, of pictures (B, C, H, W) in [0, 1] and labels (B, K)."""
        check_images(images, unit_range=True, maps=True)
        check_tensor(images, "images", "B", *self.shape)
        batch = len(images)
        t = torch.randint(1, self.schedule.steps + 1, (batch,), generator=draw)
        noise = torch.randn(images.shape, generator=draw)
        context = self.tokens(labels, dropouts(batch, self.drop, draw))
        return simple_loss(
            lambda x, t: self.net(x, t, context), self.schedule, 2 * images - 1, t, noise, kind=self.kind
        )

    @torch.no_grad()
    def sample(
        self,
        labels: Tensor,
        *,
        steps: int = 20,
        scale: float = 1.0,
        sampler: str = "ddim",
        eta: float = 0.0,
        seed: int = 0,
        noise: Tensor | None = None,
        keep: list[Tensor] | None = None,
    ) -> Tensor:
        """Return pictures (B, C, H, W) in [0, 1] of labels (B, K).

        Parameters
        ----------
        labels : Tensor, (B, K) int64
        steps : int
            How many, spaced from the noisy end ("trailing").
        scale : float
            Of guidance: 1 is none, 0 is without labels.
        sampler : {"ddim", "ddpm"}
        eta : float
            Of DDIM.
        seed : int
            Of all noise.
        noise : Tensor, optional
            x_T (B, C, H, W), drawn with `seed` where not given.
        keep : list, optional
            Receives x after each step, in [-1, 1].

        Raises
        ------
        ValueError
            For labels, noise or settings that do not fit.
        """
        check_choice(sampler, "sampler", "ddim", "ddpm")
        draw = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
        context = self.tokens(labels)
        x = torch.randn(len(labels), *self.shape, generator=draw) if noise is None else noise
        check_tensor(x, "noise", len(labels), *self.shape)
        predict = guided(self.net, context, self.tokens.null, scale)
        times = spaced_steps(self.schedule.steps, steps, "trailing")
        if sampler == "ddim":
            x = ddim_sample(
                predict, self.schedule, x, times, kind=self.kind, eta=eta, clip=1.0, draw=draw, keep=keep
            )
        else:
            x = ddpm_sample(predict, self.schedule, x, times, kind=self.kind, clip=1.0, draw=draw, keep=keep)
        return (x + 1) / 2
