"""Digits as levels, for networks that tell one pixel after another: data, baselines, training, measures.

Shapes: N digits, B batch, C = 1 colour, L = 17 levels, 8 × 8 pixels.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data import digits
from lecture_utils.generative.pixel.likelihood import bits_per_dim
from lecture_utils.selfsup.ema import EMA
from lecture_utils.training.loop import minibatches, predictions
from lecture_utils.training.one_cycle import one_cycle

LEVELS, SIDE, BATCH = 17, 8, 32  # whole numbers from 0 to 16; pixels a side; digits a step


def as_levels(images: Tensor) -> Tensor:
    """Pictures in [0, 1] as levels 0 to 16, int64."""
    return (images * (LEVELS - 1)).round().long()


def as_pictures(levels: Tensor) -> Tensor:
    """Levels 0 to 16 as pictures in [0, 1]."""
    return levels.float() / (LEVELS - 1)


def levels_of(split: str) -> Tensor:
    """The digits of a split as levels, (N, 1, 8, 8) int64."""
    return as_levels(digits.load(SIDE, split)[0])


def shifted(image: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Move pictures (B, C, H, W) by a pixel, up or down and left or right, each with probability `share`.

    What moves in is 0, paper.
    """
    batch, _, height, width = image.shape

    def offsets() -> Tensor:  # (B, 1, 1): -1, 0 or 1
        moved = torch.rand(batch, generator=generator) < share
        side = 2 * torch.randint(0, 2, (batch,), generator=generator) - 1
        return (moved * side)[:, None, None]

    y = 1 + offsets() + torch.arange(height)[:, None]  # (B, H, 1), in the padded picture
    x = 1 + offsets() + torch.arange(width)  # (B, 1, W)
    padded = F.pad(image, (1, 1, 1, 1)).movedim(1, 3)  # (B, H + 2, W + 2, C)
    return padded[torch.arange(batch)[:, None, None], y, x].movedim(3, 1)


def level_batches(seed: int, share: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Training digits, a batch at a time, as input and as what is to be told; see `shifted`."""
    drawn = torch.Generator().manual_seed(seed + 1)
    train = levels_of("train")
    for image, _ in minibatches(train, train, batch_size=BATCH, seed=seed):
        moved = shifted(image, drawn, share)
        yield moved, moved


def bits_loss(model: nn.Module, image: Tensor, told: Tensor) -> Tensor:
    """Mean bits per dimension."""
    return bits_per_dim(model(image), told).mean()


def train_levels(
    model: nn.Module,
    seed: int,
    *,
    steps: int,
    rate: float,
    share: float,
    decay: float,
    momentum: float,
    label: str,
) -> tuple[nn.Module, dict[str, float]]:
    """Train on digits; return the moving average of the weights, and steps, seconds, last loss."""
    average = EMA(model, momentum=momentum)

    def follow(step: int) -> None:
        average.update(model, min(momentum, (1 + step) / (10 + step)))

    _, info = one_cycle(
        model, level_batches(seed, share), loss=bits_loss,
        optimizer=torch.optim.AdamW(model.parameters(), rate, weight_decay=decay),
        steps=steps, warm_up=0.1, cycle_momentum=False, after_step=follow, label=label,
    )  # fmt: skip
    return average.average.eval(), info


def evaluate_levels(model: nn.Module) -> dict[str, float]:
    """Bits per dimension over the digits of each split: the mean, in bits."""
    out = {}
    for split in ("train", "val", "test"):
        image = levels_of(split)
        out[f"{split}_bits_per_dim"] = float(bits_per_dim(predictions(model, image, 100), image).mean())
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
