"""How the recipes of diffusion models train: one cycle of AdamW, and a moving average that is shipped."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.selfsup.ema import EMA
from lecture_utils.training.one_cycle import one_cycle

MOMENTUM = 0.998  # of the moving average


def simple(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The loss of a batch: images (B, C, S, S) in [0, 1], labels (B, K)."""
    assert isinstance(model, LabelledDiffusion)
    return model.loss(images, labels)


def denoise(
    model: LabelledDiffusion,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    steps: int,
    rate: float,
    label: str,
) -> tuple[nn.Module, dict[str, float]]:
    """Train on batches of images (B, C, S, S) in [0, 1] and labels (B, K).

    Returns
    -------
    model : nn.Module
        The moving average, in evaluation mode.
    info : dict
        steps, seconds, and the mean loss of the last 50 steps.
    """
    model.to(memory_format=torch.channels_last)
    ema = EMA(model, momentum=MOMENTUM)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.0, betas=(0.9, 0.99), fused=True)
    _, info = one_cycle(
        model, batches, loss=simple, optimizer=optimizer, steps=steps, warm_up=0.05, label=label,
        cycle_momentum=False,
        after_step=lambda step: ema.update(model, min(MOMENTUM, (1 + step) / (10 + step))),
    )  # fmt: skip
    return ema.average.eval(), info
