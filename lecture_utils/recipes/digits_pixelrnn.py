"""Weights `digits_pixelrnn`: a PixelRNN (Row LSTM) of 8 × 8 digits with 17 levels (S15.1).

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016, section 3.1,
with 2 Row LSTMs where the paper has up to 12. Dropout and steps are those of `digits_pixelcnn`.
"""

import torch
from torch import nn

from lecture_utils.generative.pixel.row_lstm import PixelRNN
from lecture_utils.recipes._digits_pixels import LEVELS, evaluate_levels, train_levels

STEPS = 1800


def build() -> PixelRNN:
    """The network, untrained: levels (B, 1, H, W) → logits (B, 17, 1, H, W)."""
    return PixelRNN(LEVELS, width=64, layers=2, size=7, dropout=0.2)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on the training digits, 32 a step; return the average of the last weights and info."""
    torch.manual_seed(seed)
    return train_levels(build(), seed, steps=steps, label="PixelRNN")


def evaluate(model: nn.Module) -> dict[str, float]:
    """Bits per dimension on each split."""
    return evaluate_levels(model)
