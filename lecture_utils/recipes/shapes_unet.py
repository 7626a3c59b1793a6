"""Weights `shapes_unet`: a narrow U-Net that finds the objects of 96 × 96 scenes, trained from scratch.

O. Ronneberger et al., "U-Net", MICCAI 2015, an eighth of its width, with convolutions that keep the size.
Like the paper's cells, objects are told from what is behind them, and not from one another: five classes,
four kinds of stuff and "object".
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.metrics.boundary_iou import mean_boundary_iou
from lecture_utils.metrics.segmentation import mean_iou
from lecture_utils.recipes.shapes_fcn import pixel_cross_entropy, scene_batches
from lecture_utils.segmentation.unet import UNet
from lecture_utils.training.loop import predictions
from lecture_utils.training.one_cycle import one_cycle

OBJECT = len(toyworld.STUFF)  # the class that all objects are
PICTURES, BATCH, STEPS, PEAK_RATE = 4000, 8, 1600, 3e-3


def build() -> UNet:
    """The network, untrained: (B, 3, H, W), H and W multiples of 16, → scores (B, 5, H, W)."""
    return UNet(OBJECT + 1, in_channels=3, width=8, levels=4, padding="same")


def object_batches(
    n: int, seed: int, *, batch_size: int = BATCH, size: int = 96
) -> Iterator[tuple[Tensor, Tensor]]:
    """`scene_batches` with all objects as one class."""
    for images, labels in scene_batches(n, seed, batch_size=batch_size, size=size):
        yield images, labels.clamp(max=OBJECT)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 4,000 scenes, 8 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    return one_cycle(
        model, object_batches(PICTURES, seed), loss=pixel_cross_entropy,
        optimizer=torch.optim.Adam(model.parameters(), PEAK_RATE), steps=steps, warm_up=0.15, label="U-Net",
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Mean IoU and mean boundary IoU of the five classes over 500 test scenes."""
    images, labels = toyworld.segmentation(500, split="test", seed=0)
    guess, truth = predictions(model, images, 100).argmax(1), labels.clamp(max=OBJECT)  # (N, 96, 96)
    return {
        "mean_iou": mean_iou(guess, truth, OBJECT + 1),
        "mean_boundary_iou": mean_boundary_iou(guess, truth, OBJECT + 1),
    }
