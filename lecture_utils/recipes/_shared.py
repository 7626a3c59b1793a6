"""What several recipes share: pictures and their batches, losses, the crops of DINO, the best head.

Shapes: B batch, K classes.
"""

import itertools
import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.data.portraits import Portraits, portraits
from lecture_utils.metrics.attention_iou import head_ious
from lecture_utils.selfsup.small_vit import class_attention
from lecture_utils.training.kit import mirrored
from lecture_utils.training.loop import minibatches

# --- one object of 32 × 32: shapes_resnet, shapes_vit ------------------------------------------------
SIZE, BATCH = 32, 64
PORTION = 3200  # pictures rendered at a time: 39 MB


def fresh_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of 64 training pictures that never repeat: images (B, 3, 32, 32) and labels (B,)."""
    for portion in itertools.count(1000 * seed):
        images, labels = toyworld.classification(PORTION, size=SIZE, split="train", seed=portion)
        yield from zip(images.split(BATCH), labels.split(BATCH), strict=True)


def smoothed_cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy in which the right class is asked for with 0.95, not 1."""
    return F.cross_entropy(model(x), y, label_smoothing=0.05)


# --- the generator's narrowed world: shapes_gan, shapes_segmenter ------------------------------------
def narrowed_scenes(n: int, *, seed: int, split: str = "train") -> toyworld.Scenes:
    """None to two large plain objects (ball, square or triangle) on grass, water or sand, in mild light."""
    light = toyworld.Light(brightness=(0.9, 1.1), warmth=(-0.3, 0.3))
    objects = toyworld.Objects(
        count=(0, 2),
        classes=("ball", "square", "triangle"),
        materials=("plain",),
        size=(0.42, 0.56),
        distance=(2.1, 3.4),
    )
    return toyworld.sample_scenes(n, seed=seed, split=split, light=light, objects=objects)


# --- portraits: shapes_mae, shapes_dino, shapes_supervised_vit ---------------------------------------
PICTURES = 16_000


def pictures(n: int, split: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Pictures of `portraits`, as bytes: uint8 (n, 3, 48, 48), a quarter of the memory, and labels (n,)."""
    portrait = portraits(n, split=split, seed=seed)
    return (portrait.image * 255).round().to(torch.uint8), portrait.label


def batches(
    seed: int,
    *,
    batch_size: int,
    augment: Callable[[Tensor, torch.Generator], Tensor] = mirrored,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches (B, 3, 48, 48) of 16,000 pictures, rendered when first asked for, and labels."""
    images, labels = pictures(PICTURES, "train", seed)
    yield from minibatches(images, labels, batch_size=batch_size, seed=seed, augment=augment)


def as_floats(images: Tensor, generator: torch.Generator) -> Tensor:
    """Bytes (B, 3, H, W) → floats in [0, 1]."""
    return images.float() / 255


# What shapes_dino and shapes_supervised_vit have in common: all but the training signal.
CROP_STEPS, CROP_BATCH, PEAK_RATE, DECAY = 11_000, 32, 2e-3, 0.04
GLOBAL, GLOBAL_SCALE, TURN = 36, (0.4, 1.0), 90.0
COLOURS = {"strength": 0.4, "hue": math.pi, "grey": 0.8, "blurred": 0.0, "solarised": 0.0}


def best_head(vit: nn.Module, val: Portraits, test: Portraits) -> tuple[int, float]:
    """The head whose attention outlines objects best on validation, and its IoU on test pictures."""
    ious = [head_ious(class_attention(vit, some.image), some.outline) for some in (val, test)]  # type: ignore[arg-type]
    head = int(ious[0].argmax())
    return head, ious[1][head].item()


def foreground_iou(vit: nn.Module, seed: int = 3) -> dict[str, float]:
    """IoU of the best head's attention with the object: head chosen on 300 validation pictures, 500 tests."""
    head, iou = best_head(
        vit, portraits(300, split="val", seed=seed), portraits(500, split="test", seed=seed)
    )
    return {"iou": iou, "head": float(head)}
