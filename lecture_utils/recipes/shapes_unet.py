"""Weights `shapes_unet`: a narrow U-Net for 96 × 96 scenes, trained from scratch.

O. Ronneberger et al., "U-Net", MICCAI 2015, an eighth of its width, with convolutions that keep the size, on
the scenes and with as many steps as `shapes_fcn`.
"""

import torch
from torch import nn

from lecture_utils.recipes import shapes_fcn
from lecture_utils.recipes.shapes_fcn import BATCH, CLASSES, PICTURES, pixel_cross_entropy, scene_batches
from lecture_utils.segmentation.unet import UNet
from lecture_utils.training.one_cycle import one_cycle

STEPS, PEAK_RATE = sum(shapes_fcn.STEPS), 3e-3
evaluate = shapes_fcn.evaluate


def build() -> UNet:
    """The network, untrained: (B, 3, H, W), H and W multiples of 16, → scores (B, 12, H, W)."""
    return UNet(CLASSES, in_channels=3, width=8, levels=4, padding="same")


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 4,000 scenes, 16 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    return one_cycle(
        model, scene_batches(PICTURES, seed, batch_size=BATCH), loss=pixel_cross_entropy,
        optimizer=torch.optim.Adam(model.parameters(), PEAK_RATE), steps=steps, warm_up=0.15, label="U-Net",
    )  # fmt: skip
