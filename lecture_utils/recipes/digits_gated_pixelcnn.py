"""Weights `digits_gated_pixelcnn`: a Gated PixelCNN of 8 × 8 digits that is told which digit to draw (S15.1).

A. van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", NeurIPS 2016, small: two stacks
of 4 layers and 24 channels. Dropout and steps are those of `digits_pixelcnn`.
"""

import torch
from torch import nn

from lecture_utils.generative.pixel.gated_pixelcnn import GatedPixelCNN
from lecture_utils.recipes._digits_pixels import LEVELS, evaluate_levels, train_levels

STEPS = 1800


def build() -> GatedPixelCNN:
    """The network, untrained: levels (B, 1, H, W) and classes (B,) → logits (B, 17, 1, H, W)."""
    return GatedPixelCNN(LEVELS, width=24, layers=4, size=7, classes=10, dropout=0.2)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on the training digits, 32 a step; return the average of the last weights and info."""
    torch.manual_seed(seed)
    return train_levels(build(), seed, steps=steps, label="Gated PixelCNN")


def evaluate(model: nn.Module) -> dict[str, float]:
    """Bits per dimension on each split, given the right class."""
    return evaluate_levels(model)
