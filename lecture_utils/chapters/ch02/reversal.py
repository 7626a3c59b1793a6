"""The task on which the encoder and decoder are tried: read eight digits, write them backwards.

Shapes: B batch, N digits, V vocabulary.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils.nn.transformer import next_token_loss

START = 10  # the token with which an answer begins; digits are 0 to 9


def lessons(generator: torch.Generator, batch: int = 64, length: int = 8) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches: source, and the answer shifted by one (B, 2, N); and the answer (B, N)."""
    while True:
        source = torch.randint(10, (batch, length), generator=generator)
        answer = source.flip(1)
        given = torch.cat([torch.full((batch, 1), START), answer[:, :-1]], dim=1)
        yield torch.stack([source, given], dim=1), answer


def reading_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """How badly the model guesses each next token, from the source and the answer so far."""
    return next_token_loss(model(x[:, 0], x[:, 1]), y)
