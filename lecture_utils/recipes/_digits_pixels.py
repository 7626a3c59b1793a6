"""Digits as levels, for networks that tell one pixel after another: data, baselines, training, measures.

Shapes: N digits, B batch, C = 1 colour, L = 17 levels, 8 × 8 pixels.
"""

import math
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data import digits
from lecture_utils.generative.pixel.likelihood import bits_per_dim
from lecture_utils.selfsup.ema import EMA
from lecture_utils.training.loop import minibatches
from lecture_utils.training.one_cycle import one_cycle

LEVELS, SIDE, BATCH = 17, 8, 32  # whole numbers from 0 to 16; pixels a side; digits a step
PEAK_RATE, MOMENTUM = 2e-3, 0.995  # the highest rate; of the moving average of the weights


def as_levels(images: Tensor) -> Tensor:
    """Pictures in [0, 1] as levels 0 to 16, int64."""
    return (images * (LEVELS - 1)).round().long()


def as_pictures(levels: Tensor) -> Tensor:
    """Levels 0 to 16 as pictures in [0, 1]."""
    return levels.float() / (LEVELS - 1)


def levels_of(split: str) -> Tensor:
    """The digits of a split as levels, (N, 1, 8, 8) int64."""
    return as_levels(digits.load(SIDE, split)[0])


def level_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Training digits as levels (B, 1, 8, 8), as they are, and their classes (B,).

    None is moved: one-pixel shifts (two in ten, either way, with half the dropout) gained nothing on the
    validation digits, 1.80 bits with them and without.
    """
    return minibatches(levels_of("train"), digits.load(SIDE, "train")[1], batch_size=BATCH, seed=seed)


def told(model: nn.Module, image: Tensor, label: Tensor) -> Tensor:
    """Logits of levels (B, 1, H, W), of a network that is given the class where it takes one."""
    return model(image, label) if getattr(model, "classes", 0) else model(image)


def bits_loss(model: nn.Module, image: Tensor, label: Tensor) -> Tensor:
    """Mean bits per dimension."""
    return bits_per_dim(told(model, image, label), image).mean()


def train_levels(
    model: nn.Module, seed: int, *, steps: int, label: str
) -> tuple[nn.Module, dict[str, float]]:
    """Train on digits; return the moving average of the weights, and steps, seconds, last loss."""
    average = EMA(model, momentum=MOMENTUM)

    def follow(step: int) -> None:
        average.update(model, min(MOMENTUM, (1 + step) / (10 + step)))

    _, info = one_cycle(
        model, level_batches(seed), loss=bits_loss,
        optimizer=torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.01),
        steps=steps, warm_up=0.1, cycle_momentum=False, after_step=follow, label=label,
        clock=time.thread_time,
    )  # fmt: skip
    return average.average.eval(), info


@torch.inference_mode()
def evaluate_levels(model: nn.Module) -> dict[str, float]:
    """Bits per dimension over the digits of each split: the mean, in bits."""
    out = {}
    for split in digits.SPLITS:
        image, label = levels_of(split), digits.load(SIDE, split)[1]
        parts = zip(image.split(100), label.split(100), strict=True)
        bits = [bits_per_dim(told(model.eval(), x, y), x) for x, y in parts]
        out[f"{split}_bits_per_dim"] = float(torch.cat(bits).mean())
    return out


def baseline_bits(split: str = "test") -> dict[str, float]:
    """What tables, counted on the training digits, need for a number of a digit of `split`, in bits.

    "uniform" knows the number of levels only; "place" counts how often each level stands at each pixel;
    "left" how often it follows the level to its left; "place and left" both. Counts that are rare are mixed
    with the levels' shares over all pixels; how strongly is chosen on the validation digits.
    """
    train, val, judged = levels_of("train"), levels_of("val"), levels_of(split)
    tables = {"place": (True, False), "left": (False, True), "place and left": (True, True)}
    out = {"uniform": math.log2(LEVELS)}
    for name, asks in tables.items():
        strengths = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
        best = min(strengths, key=lambda strength: _table_bits(train, val, asks, strength))
        out[name] = _table_bits(train, judged, asks, best)
    return out


def _table_bits(train: Tensor, judged: Tensor, asks: tuple[bool, bool], strength: float) -> float:
    """Bits of a table of counts, by place and by the level to the left (outside the picture: 0)."""

    def context(image: Tensor) -> Tensor:
        left = F.pad(image[..., :-1], (1, 0)).flatten(1)  # (N, 64)
        place = torch.arange(left.shape[1]).expand_as(left)
        return (place * asks[0] * LEVELS + left * asks[1]).flatten()

    counts = torch.zeros(SIDE * SIDE * LEVELS, LEVELS)
    counts.index_put_((context(train), train.flatten()), torch.ones(train.numel()), accumulate=True)
    usual = train.flatten().bincount(minlength=LEVELS) / train.numel()  # (L,)
    p = (counts + strength * usual) / (counts.sum(1, keepdim=True) + strength)
    return -float(p[context(judged), judged.flatten()].log2().mean())
