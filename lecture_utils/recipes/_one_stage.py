"""What the recipes of one-stage detectors share: two backbones, and one way to train.

Both backbones begin with that of the two-stage detectors (`SmallBackbone`), and start from the same weights.

Shapes: B pictures of 64 × 64.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.backbones.resnet import BasicBlock, init_residual_, make_stage
from lecture_utils.detection.fpn import FPN
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.recipes._detection import SmallBackbone, Target, fresh_batches, start_from_classifier
from lecture_utils.training.one_cycle import one_cycle

BATCH = 16


class Deeper(nn.Module):
    """The small backbone and one more stage, at half its resolution: strides 4 and 8."""

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.small = SmallBackbone()
        self.widths, norm = (self.small.channels, width), FusedBatchNorm2d
        self.stage = make_stage(
            BasicBlock, self.widths[0], width, 1, stride=2, shortcut="projection", norm=norm
        )
        init_residual_(self.stage)

    def forward(self, x: Tensor) -> list[Tensor]:  # (B, 3, H, W)
        (fine,) = self.small(x)  # (B, 48, H/4, W/4)
        return [fine, self.stage(fine)]  # and (B, width, H/8, W/8)


class SmallPyramid(nn.Module):
    """A pyramid of two levels on these, strides 4 and 8: (B, 3, H, W) → [(B, D, h, w), (B, D, h/2, w/2)]."""

    def __init__(self, *, channels: int = 32) -> None:
        super().__init__()
        self.bottom_up, self.channels = Deeper(), channels
        self.fpn = FPN(self.bottom_up.widths, channels=channels, extra=False)

    @property
    def small(self) -> SmallBackbone:
        """The part that has learned to classify."""
        return self.bottom_up.small

    def forward(self, x: Tensor) -> list[Tensor]:  # (B, 3, H, W)
        return self.fpn(self.bottom_up(x))


def summed_losses(model: Any, x: Tensor, y: list[Target]) -> Tensor:
    """All that a detector's losses come to, to descend."""
    return torch.stack(list(model.losses(x, y).values())).sum()


def train_detector(
    build: Callable[[], nn.Module], seed: int, *, steps: int, rate: float, label: str, batch: int = BATCH
) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh scenes, `batch` a step, from the weights that learned to classify.

    Returns
    -------
    model, info
        As `one_cycle`.
    """
    torch.manual_seed(seed)
    model = build()
    backbone: Any = model.backbone
    start_from_classifier(backbone if isinstance(backbone, SmallBackbone) else backbone.small)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-2)
    return one_cycle(
        model, fresh_batches(seed, batch), loss=summed_losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label=label, clock=time.thread_time,
    )  # fmt: skip
