"""What the recipes of BLIP-2 share: its Q-Former's sizes, pictures with their descriptions, mixed lessons.

Shapes: N pictures, P = 36 cells of the eye's grid, B batch, L tokens.
"""

import functools
from collections.abc import Iterator

import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.asked import described
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.recipes._scenes import SCENES, material, words

DIM, HEADS, LAYERS, QUERIES, WIDER = 64, 4, 4, 16, 2  # the feed-forward is so many times as wide
LENGTH = 60  # descriptions have at most 51 words; start, end
PLACES = 36


def build_qformer(queries: int = QUERIES, features: int = 128, places: int | None = PLACES) -> QFormer:
    """A Q-Former for the eye's tokens and the language model's words, with one more for decoding."""
    tokenizer = words()
    return QFormer(
        tokenizer.vocabulary + 1, dim=DIM, features=features, heads=HEADS, layers=LAYERS, queries=queries,
        length=LENGTH, hidden=WIDER * DIM, places=places, pad=tokenizer.pad,
    )  # fmt: skip


def texts(facts: tuple[Facts, ...]) -> Tensor:
    """All descriptions as ids (N, L): start, the description, end, padding."""
    tokenizer = words()
    told = [f" {described(scene)}" for scene in facts]
    longest = max(len(tokenizer.encode(text)) for text in told) + 2
    return tokenizer.batch(told, longest)


@functools.lru_cache(maxsize=2)
def described_pictures(count: int = SCENES, *, seed: int = 0, split: str = "train") -> tuple[Tensor, Tensor]:
    """Pictures as the eye's tokens (N, P, D), half floats, and their descriptions (N, L)."""
    shown = material(count, seed=seed, split=split) if split == "train" else material(count, seed=seed, split=split)
    return shown.grid, texts(shown.facts)


def cut(text: Tensor, pad: int) -> Tensor:
    """Leave out the columns that are padding in all rows."""
    return text[:, : int((text != pad).sum(dim=1).max())]


def pairs(seed: int, batch: int, *, scenes: int = SCENES) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pictures (B, P, D) with their descriptions (B, L) for ever, no two of a batch described alike."""
    grid, text = described_pictures(scenes)
    pad = words().pad
    _, alike = torch.unique(text, dim=0, return_inverse=True)  # (N,): the same number, the same description
    made = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(grid), generator=made)
        for rows in order.split(batch + batch // 2):
            rows = rows[first_of_each(alike[rows])][:batch]
            if len(rows) == batch:
                yield grid[rows].float(), cut(text[rows], pad)


def first_of_each(numbers: Tensor) -> Tensor:
    """Places (M,) of the first of each number among (B,), in order."""
    seen: dict[int, int] = {}
    for place, number in enumerate(numbers.tolist()):
        seen.setdefault(number, place)
    return torch.tensor(sorted(seen.values()))
