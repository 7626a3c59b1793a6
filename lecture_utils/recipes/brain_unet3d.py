"""Weights `brain_unet3d`: five tissues and lesions of a toy brain of 32 × 32 × 32 voxels, from few slices.

3-D U-Net (Çiçek et al., MICCAI 2016) with two pools in place of three, at 6 / 32 of its width, and
convolutions that keep the size. As in the paper, only some slices of each training volume are labelled,
across all three axes, and classes weigh the more in the loss the rarer they are. It is trained on cubes of 20
voxels a side, every second one around a labelled voxel of a lesion, since about one voxel in a thousand is of
one. (F. Isensee et al., "nnU-Net", Nature Methods 2021, draw a third of their cubes in this way.)
"""

import functools
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.solids import TISSUES, brains
from lecture_utils.metrics.segmentation import confusion, dice_by_class
from lecture_utils.segmentation.unet3d import UNet3D, sparse_cross_entropy
from lecture_utils.training.one_cycle import one_cycle

BRAINS, BATCH, STEPS, PEAK_RATE = 200, 2, 900, 1e-2
CUBE = 20  # voxels a side of what is cut out for training
SLICES = 3  # labelled along each axis, of 32


def build() -> UNet3D:
    """The network, untrained: (B, 1, D, H, W), sides multiples of 4, → scores (B, 6, D, H, W)."""
    return UNet3D(len(TISSUES), in_channels=1, width=6, levels=2, padding="same")


@functools.lru_cache(maxsize=2)
def volumes(count: int, split: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Toy brains (N, 1, 32, 32, 32) and their labels (N, 32, 32, 32)."""
    return brains(seed, count, split=split)


def labelled_slices(labels: Tensor, seed: int) -> Tensor:
    """Which voxels (N, D, H, W) somebody labelled: three slices of each volume along each axis."""
    made = torch.Generator().manual_seed(seed)
    known = torch.zeros_like(labels, dtype=torch.bool)
    for volume in known:
        for axis in range(3):
            volume.index_fill_(axis, torch.randperm(volume.shape[axis], generator=made)[:SLICES], True)
    return known


def class_weights(labels: Tensor) -> Tensor:
    """One weight a class (6,): one over the root of how often it occurs, with a mean of 1."""
    share = torch.bincount(labels.flatten(), minlength=len(TISSUES)).clamp(min=1) / labels.numel()
    weights = share.rsqrt()
    return weights / weights.mean()


Sparse = tuple[Tensor, Tensor, Tensor]  # labels, which are known, weights


def cube_batches(x: Tensor, labels: Tensor, known: Tensor, seed: int) -> Iterator[tuple[Tensor, Sparse]]:
    """Two cubes at a time without end, mirrored along the axes at random; the second holds a lesion."""
    made, weights = torch.Generator().manual_seed(seed), class_weights(labels[known])
    lesions = ((labels == TISSUES.index("lesion")) & known).nonzero()  # (L, 4) volume and place
    while True:
        cubes = []
        for lesion in (False, True):
            volume, *place = (int(torch.randint(size, (1,), generator=made)) for size in labels.shape)
            if lesion and len(lesions):
                volume, *place = lesions[torch.randint(len(lesions), (1,), generator=made)[0]].tolist()
            starts = [min(max(at - CUBE // 2, 0), size - CUBE) for at, size in
                      zip(place, labels.shape[1:], strict=True)]  # fmt: skip
            d, h, w = (slice(start, start + CUBE) for start in starts)
            axes = [axis for axis in (-1, -2, -3) if torch.rand(1, generator=made) < 0.5]
            cubes.append([part[volume, ..., d, h, w].flip(axes) for part in (x, labels, known)])
        own, truth, some = (torch.stack(part) for part in zip(*cubes, strict=True))
        yield own.contiguous(memory_format=torch.channels_last_3d), (truth, some, weights)


def slice_loss(model: nn.Module, x: Tensor, y: Sparse) -> Tensor:
    """Cross-entropy of the labelled voxels alone."""
    return sparse_cross_entropy(model(x), *y)


def train(seed: int = 0, *, steps: int = STEPS, count: int = BRAINS) -> tuple[nn.Module, dict[str, float]]:
    """Train on cubes of 200 brains, two a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build().to(memory_format=torch.channels_last_3d)
    x, labels = volumes(count, "train", seed)
    return one_cycle(
        model, cube_batches(x, labels, labelled_slices(labels, seed), seed), loss=slice_loss, warm_up=0.2,
        optimizer=torch.optim.Adam(model.parameters(), PEAK_RATE), steps=steps, label="3-D U-Net",
        clock=time.thread_time,
    )  # fmt: skip


@torch.no_grad()
def evaluate(model: UNet3D) -> dict[str, float]:
    """Dice of each tissue over all voxels of 40 test brains, every slice of them, and their mean."""
    x, labels = volumes(40, "test")
    guess = torch.cat([model(part).argmax(1) for part in x.split(4)])
    dice = dice_by_class(confusion(guess, labels, len(TISSUES)))
    names = [f"dice_{name.replace(' ', '_')}" for name in TISSUES]
    return {**dict(zip(names, dice.tolist(), strict=True)), "mean_dice": float(dice.nanmean())}
