"""Weights `shapes_vit`: a small vision transformer that names the one object of a 32 × 32 toy-world picture.

A ViT as in Dosovitskiy et al. (ICLR 2021, section 3.1) with 4-pixel patches: 8 × 8 patches and a class token,
4 layers of width 64. Simplified: it never sees a picture twice (the toy world renders as many as asked for),
which takes the place of the paper's hundreds of millions of photographs.

Twenty minutes are short for a ViT, so it starts and moves better than one in the paper does:

- its learned positions start as sines and cosines of row and column (X. Chen et al., ICCV 2021, section 5);
- its attention starts as trained ViTs look: queries fit their own keys, values come back with their sign
  turned (A. Trockman, J. Z. Kolter, "Mimetic Initialization of Self-Attention Layers", ICML 2023);
- the layers' matrices are moved by Muon, orthogonalised momentum (K. Jordan et al., 2024), the rest by AdamW.

A first version without these three, 5,000 steps of AdamW, named 54.7 % of the test pictures. In tries of 40
to 80 seconds each of the first two made the loss fall sooner; Muon did so only with mimetic attention.

Shapes: B batch.
"""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.backbones.vit import ViT
from lecture_utils.data import toyworld
from lecture_utils.nn.vit_start import start_
from lecture_utils.recipes._shared import SIZE, fresh_batches, smoothed_cross_entropy
from lecture_utils.training.loop import accuracy
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

STEPS, PEAK_RATE, DECAY = 14_000, 2e-3, 0.05
PATCH, DIM, HEADS, HIDDEN, LAYERS = 4, 64, 4, 128, 4


def build() -> ViT:
    """The network, untrained: (B, 3, 32, 32) in [0, 1] → scores (B, classes)."""
    model = ViT(
        image=SIZE,
        patch=PATCH,
        dim=DIM,
        heads=HEADS,
        hidden=HIDDEN,
        layers=LAYERS,
        classes=len(toyworld.CLASSES),
    )
    centre_(model.embed.projection)
    assert model.position is not None
    start_(model.position, (layer.attention for layer in model.layers))  # type: ignore[misc]
    return model


@torch.no_grad()
def centre_(layer: nn.Conv2d) -> None:
    """Let a first layer take x in [0, 1] as if it were (x - 0.5) / 0.25: the usual normalisation, folded
    in."""
    assert layer.bias is not None
    layer.weight.mul_(4)
    layer.bias.sub_(0.5 * layer.weight.sum((1, 2, 3)))


def half_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of 32 training pictures that never repeat: images (B, 3, 32, 32) and labels (B,)."""
    for images, labels in fresh_batches(seed):
        yield from zip(images.split(32), labels.split(32), strict=True)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pictures, 32 a step, the rate warmed up and let down again along a cosine.

    Returns
    -------
    model : nn.Module
        In evaluation mode.
    info : dict
        steps, seconds (of this thread's processor time), and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = build()
    optimizer = MuonAndAdamW(model, model.layers, PEAK_RATE, decay=DECAY)
    return one_cycle(
        model, half_batches(seed), loss=smoothed_cross_entropy, optimizer=optimizer, steps=steps,
        warm_up=0.05, cycle_momentum=False, label="shapes ViT", clock=time.thread_time,
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Accuracy on 4,000 pictures of the test split."""
    images, labels = toyworld.classification(4000, size=SIZE, split="test", seed=0)
    return {"test_accuracy": accuracy(model, images, labels)}
