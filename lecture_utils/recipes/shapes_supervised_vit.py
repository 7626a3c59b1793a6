"""Weights `shapes_supervised_vit`: the network of `shapes_dino`, trained with labels instead.

H. Touvron et al., "Training data-efficient image transformers", ICML 2021, is the supervised model that the
DINO paper compares with. Here all but the training signal is as in `shapes_dino`: the network, the 16,000
pictures, their order, the number of steps, optimiser and rate, and the large crops, turned and recoloured.
"""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.vit import ViT
from lecture_utils.data import toyworld
from lecture_utils.data.portraits import portraits
from lecture_utils.recipes._shared import (
    COLOURS,
    CROP_BATCH,
    CROP_STEPS,
    DECAY,
    GLOBAL,
    GLOBAL_SCALE,
    PEAK_RATE,
    TURN,
    as_floats,
    batches,
    foreground_iou,
)
from lecture_utils.selfsup.small_vit import small_vit
from lecture_utils.selfsup.views import crop_batch, recolour
from lecture_utils.training.loop import accuracy
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle


def build() -> ViT:
    """The network, untrained: (B, 3, 48, 48) in [0, 1] → scores (B, classes)."""
    return small_vit(len(toyworld.CLASSES))


def loss_on_crops(generator: torch.Generator) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """Cross-entropy on one fresh large crop of each picture."""

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        crop = crop_batch(x, GLOBAL, GLOBAL_SCALE, turn=TURN, generator=generator)
        return F.cross_entropy(model(recolour(crop, **COLOURS, generator=generator)), y)

    return loss


def train(seed: int = 0, *, steps: int = CROP_STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train with labels.

    Returns
    -------
    model : nn.Module
        In evaluation mode.
    info : dict
        steps, seconds (of this thread's processor time), and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = build()
    return one_cycle(
        model, batches(seed, batch_size=CROP_BATCH, augment=as_floats), steps=steps,
        loss=loss_on_crops(torch.Generator().manual_seed(seed)),
        optimizer=MuonAndAdamW(model, model.layers, PEAK_RATE, decay=DECAY), warm_up=0.1,
        cycle_momentum=False, label="ViT", clock=time.thread_time,
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Accuracy on 1,000 test pictures, and the IoU of its attention with the object."""
    some = portraits(1000, split="test", seed=1)
    return {"test_accuracy": accuracy(model, some.image, some.label), "iou": foreground_iou(model)["iou"]}
