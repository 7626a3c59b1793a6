"""Weights `digits_judge`: a small residual net that names digits of 8 × 8, to judge generated ones.

The network is He et al.'s (CVPR 2016, section 4.2) with one block a stage, 12 channels wide. There are only
1,197 digits to learn from: each is turned, scaled and moved a little whenever it is seen, and half get noise.

Shapes: B batch, S the side of a picture in pixels.
"""

import time

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture_utils.backbones.resnet import CifarNet
from lecture_utils.data import digits
from lecture_utils.training.loop import accuracy, minibatches
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 2500, 64, 1e-2
TURN, SCALE, SHIFT, NOISE = (
    0.2,
    0.12,
    0.6,
    0.15,
)  # radians; share; pixels; standard deviation: the most of each


def build() -> nn.Module:
    """The network, untrained: (B, 1, 8, 8) in [0, 1] → scores (B, 10)."""
    return CifarNet(8, residual=True, width=12, in_channels=1, classes=10)


def moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Digits (B, 1, S, S), each turned, scaled and moved by chance, half of them under noise."""
    b, s = len(images), images.shape[-1]
    turn, across, down, shift_x, shift_y, noisy = 2 * torch.rand(6, b, generator=generator) - 1
    angle = TURN * turn
    place = torch.zeros(b, 2, 3)
    place[:, 0, 0], place[:, 0, 1] = angle.cos() * (1 + SCALE * across), -angle.sin()
    place[:, 1, 0], place[:, 1, 1] = angle.sin(), angle.cos() * (1 + SCALE * down)
    place[:, 0, 2], place[:, 1, 2] = shift_x * SHIFT * 2 / s, shift_y * SHIFT * 2 / s
    grid = F.affine_grid(place, list(images.shape), align_corners=False)
    x = F.grid_sample(images, grid, align_corners=False)
    noise = torch.randn(x.shape, generator=generator)
    return (x + NOISE * noisy.clamp(min=0)[:, None, None, None] * noise).clamp(0, 1)


def smoothed(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy in which the right digit is asked for with 0.95."""
    return F.cross_entropy(model(x), y, label_smoothing=0.05)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on the 1,197 training digits, 64 a step.

    Returns
    -------
    model : nn.Module
        In evaluation mode.
    info : dict
        steps, seconds (processor time), and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-2)
    batches = minibatches(*digits.load(8, "train"), batch_size=BATCH, seed=seed, augment=moved)
    return one_cycle(
        model, batches, loss=smoothed, optimizer=optimizer, steps=steps, warm_up=0.15, label="digits judge",
        clock=time.thread_time,
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Accuracy on the 300 test digits: as they are, under noise of 0.1, and 16 × 16 ones brought to 8 × 8."""
    images, labels = digits.load(8, "test")
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    large = F.adaptive_avg_pool2d(digits.load(16, "test")[0], 8)
    return {
        "test_accuracy": accuracy(model, images, labels),
        "test_accuracy_under_noise": accuracy(model, (images + 0.1 * noise).clamp(0, 1), labels),
        "test_accuracy_from_16": accuracy(model, large, labels),
    }
