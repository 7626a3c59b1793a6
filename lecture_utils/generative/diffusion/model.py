"""A conditional diffusion model put together: network, condition, schedule; loss and samples, S16.1, S16.2.

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, algorithms 1 and 2; J.
Ho, T. Salimans, "Classifier-Free Diffusion Guidance", arXiv 2207.12598, algorithms 1 and 2.

What is noised is a *signal*. Here it is what is given, such as points of a plane;
`labelled.LabelledDiffusion` noises pixels brought to [-1, 1], `latent_diffusion.LatentDiffusion` the codes of
an auto-encoder.

Shapes: B batch, … the axes of what is given, S … those of a signal, N context tokens of width D.
"""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.guidance import dropouts, guided
from lecture_utils.generative.diffusion.prediction import KINDS, simple_loss
from lecture_utils.generative.diffusion.samplers import ddim_encode, ddim_sample, ddpm_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import (
    check_choice,
    check_float,
    check_number,
    check_tensor,
    check_whole,
    check_wholes,
)


class Diffusion(nn.Module):
    """Learns from examples and what is told of them, and makes new ones of what it is told.

    Parameters
    ----------
    net : nn.Module
        x_t (B, S …), t (B,), context (B, N, D) → a prediction (B, S …).
    condition : nn.Module
        What is told, one or more tensors (B, …), → (B, N, D); with the keyword `dropped` (B,) bool, the
        tokens of "nothing told" in those rows.
    schedule : NoiseSchedule
    shape : sequence of int
        S …, the axes of a signal: (C, H, W) of a picture.
    kind : {"epsilon", "sample", "v"}
        What the network predicts.
    drop : float
        Share of the examples of which nothing is told in training; without it there is no guidance.

    Attributes
    ----------
    clip : float or None
        Where a signal has bounds, samplers hold what is predicted for it in [-clip, clip].

    Raises
    ------
    ValueError
        For a shape, kind or share that is none; when called, for examples and conditions that do not fit.
    """

    clip: float | None = None

    def __init__(
        self,
        net: nn.Module,
        condition: nn.Module,
        schedule: NoiseSchedule,
        shape: Sequence[int],
        *,
        kind: str = "v",
        drop: float = 0.1,
    ) -> None:
        super().__init__()
        check_wholes(shape, "shape")
        check_choice(kind, "kind", *KINDS)
        check_number(drop, "drop", 0, 1)
        self.net, self.condition, self.schedule = net, condition, schedule
        self.shape, self.kind, self.drop = tuple(shape), kind, drop

    def to_signal(self, x: Tensor) -> Tensor:
        """Return what is noised, (B, …) → (B, S …)."""
        check_float(x, name="x")
        return x

    def from_signal(self, signal: Tensor) -> Tensor:
        """Return what a signal stands for, (B, S …) → (B, …)."""
        check_float(signal, name="signal")
        return signal

    def forward(self, x: Tensor, t: Tensor, *told: Tensor) -> Tensor:
        """Predict from x_t (B, S …) at steps (B,) and what is told."""
        return self.net(x, t, self.condition(*told))

    def loss(self, x: Tensor, *told: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return the simple loss of examples (B, …) at random steps → scalar."""
        return self.signal_loss(self.to_signal(x), *told, draw=draw)

    def signal_loss(self, x0: Tensor, *told: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Return the simple loss of signals (B, S …), which may have been made beforehand → scalar."""
        check_tensor(x0, "x0", "B", *self.shape, some=True)
        batch = len(x0)
        t = torch.randint(1, self.schedule.steps + 1, (batch,), generator=draw)
        noise = torch.randn(x0.shape, generator=draw)
        context = self.condition(*told, dropped=dropouts(batch, self.drop, draw))
        return simple_loss(lambda x, t: self.net(x, t, context), self.schedule, x0, t, noise, kind=self.kind)

    @torch.no_grad()
    def sample(
        self,
        *told: Tensor,
        steps: int = 20,
        scale: float = 1.0,
        sampler: str = "ddim",
        eta: float = 0.0,
        seed: int = 0,
        noise: Tensor | None = None,
        keep: list[Tensor] | None = None,
    ) -> Tensor:
        """Return new examples (B, …) of what is told, from noise.

        Parameters
        ----------
        told : Tensor
            As the condition takes them.
        steps : int
            How many, spaced from the noisy end ("trailing").
        scale : float
            Of guidance: 1 is none, 0 is with nothing told.
        sampler : {"ddim", "ddpm"}
        eta : float
            Of DDIM.
        seed : int
            Of all noise.
        noise : Tensor, optional
            x_T (B, S …), drawn with `seed` where not given.
        keep : list, optional
            Receives the signal after each step.

        Raises
        ------
        ValueError
            For conditions, noise or settings that do not fit.
        """
        check_choice(sampler, "sampler", "ddim", "ddpm")
        draw = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
        context, null = self.contexts(*told)
        x = torch.randn(len(context), *self.shape, generator=draw) if noise is None else noise
        check_tensor(x, "noise", len(context), *self.shape, finite=True)
        predict = guided(self.net, context, null, scale)
        walk = ddpm_sample if sampler == "ddpm" else functools.partial(ddim_sample, eta=eta)
        times = spaced_steps(self.schedule.steps, steps, "trailing")
        x = walk(predict, self.schedule, x, times, kind=self.kind, clip=self.clip, draw=draw, keep=keep)
        return self.from_signal(x)

    @torch.no_grad()
    def encode(self, x: Tensor, *told: Tensor, steps: int = 50, scale: float = 1.0) -> Tensor:
        """Return the noise x_T (B, S …) from which `sample` makes about these examples again."""
        signal = self.to_signal(x)
        predict = guided(self.net, *self.contexts(*told), scale)
        times = spaced_steps(self.schedule.steps, steps, "trailing")
        return ddim_encode(predict, self.schedule, signal, times, kind=self.kind)

    def contexts(self, *told: Tensor) -> tuple[Tensor, Tensor]:
        """Return the context (B, N, D) of what is told, and that of nothing told (N, D)."""
        context = self.condition(*told)
        nothing = self.condition(*told, dropped=torch.ones(len(context), dtype=torch.bool))
        return context, nothing[0]
