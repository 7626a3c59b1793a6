"""How recipes teach a network of several parts: one part at a time, each from rows of tensors.

Shapes: N examples, B batch.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lecture_utils.training.one_cycle import one_cycle


def rows(*columns: Tensor, batch: int, seed: int) -> Iterator[tuple[Tensor, ...]]:
    """Shuffled batches of the same rows of several tensors (N, …), for ever; bytes become floats in [0, 1].

    What does not fill a batch at the end of a round is left out of it.
    """
    made = torch.Generator().manual_seed(seed)
    while True:
        for index in torch.randperm(len(columns[0]), generator=made).split(batch):
            if len(index) == batch:
                yield tuple(c[index] / 255 if c.dtype == torch.uint8 else c[index] for c in columns)


def taught(
    part: nn.Module, batches: Iterator, loss: Callable[..., Tensor], *, rate: float, steps: int, label: str
) -> dict[str, float]:
    """Train one part by one cycle of AdamW; what `one_cycle` tells of it."""
    optimizer = torch.optim.AdamW(part.parameters(), rate, weight_decay=0.02)
    _, info = one_cycle(part, batches, loss=loss, optimizer=optimizer, steps=steps, warm_up=0.15, label=label)
    return info
