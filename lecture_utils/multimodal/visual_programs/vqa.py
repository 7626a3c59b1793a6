"""A small network that answers questions from end to end (S14.7): the module VQA, and the programs' rival.

As in ViLT (W. Kim, B. Son and I. Kim, "ViLT", ICML 2021, section 3.1): a transformer reads the picture's
cells and the question's words as one sequence, and an answer token is classified. In VISPROG a pretrained
ViLT is the module VQA (T. Gupta and A. Kembhavi, "Visual Programming", CVPR 2023, section 3).

Simplified: words are looked up whole; no pretraining; cells come from a few convolutions, or from any other
eye.

Shapes: B pictures, P cells, L words, D width, A answers.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.ops.checks import (
    check_finite,
    check_ids,
    check_images,
    check_sizes,
    check_tensor,
    check_tokens,
)

PAD = 0  # the number of no word


class CellStem(nn.Module):
    """Three convolutions of stride 2: (B, 3, H, W) → cells (B, P, D) with P = H/8 · W/8, row by row."""

    def __init__(self, dim: int, *, width: int = 24) -> None:
        super().__init__()
        check_sizes("stem", dim=dim, width=width)
        widths = (3, width, 2 * width, dim)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, 2, padding=1, bias=False), FusedBatchNorm2d(b), nn.ReLU())
                for a, b in pairwise(widths)
            )
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        check_images(x, 3)
        return self.layers(x).flatten(2).transpose(1, 2)  # (B, P, D)


class CellProjection(nn.Module):
    """For what is cells already, such as a frozen eye's: (B, P, C) → (B, P, D)."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        check_sizes("projection", channels=channels, dim=dim)
        self.linear = nn.Linear(channels, dim)

    def forward(self, x: Tensor) -> Tensor:  # (B, P, C)
        check_tokens(x, self.linear.in_features)
        return self.linear(x)


class VQA(nn.Module):
    """Scores of the answers to a question about a picture.

    Parameters
    ----------
    stem : nn.Module
        Pictures → cells (B, P, D): `CellStem` or `CellProjection`.
    words : sequence of str
        All words that questions have.
    answers : sequence of str
        What may be answered.
    cells : int
        P.
    dim, heads, layers : int
        D, and the transformer's heads and layers.
    length : int
        The longest question, in words.
    """

    def __init__(
        self,
        stem: nn.Module,
        words: Sequence[str],
        answers: Sequence[str],
        *,
        cells: int = 36,
        dim: int = 64,
        heads: int = 4,
        layers: int = 2,
        length: int = 40,
    ) -> None:
        super().__init__()
        check_sizes("VQA", cells=cells, dim=dim, heads=heads, layers=layers, length=length)
        self.stem, self.answers, self.length = stem, tuple(answers), length
        self.number = {word: i + 1 for i, word in enumerate(dict.fromkeys(words))}  # 0 is no word
        self.word = nn.Embedding(len(self.number) + 1, dim)
        self.where = nn.Parameter(
            0.02 * torch.randn(1 + cells + length, dim)
        )  # of each place in the sequence
        self.ask = nn.Parameter(0.02 * torch.randn(dim))
        self.layers = nn.ModuleList(EncoderLayer(dim, heads, 4 * dim) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, len(self.answers))

    def encode(self, questions: Sequence[str]) -> Tensor:
        """Return the questions' word numbers (B, L), 0 where one is shorter than the longest.

        Raises
        ------
        ValueError
            For no question, one too long, or a word that is not known.
        """
        rows = [question.split() for question in questions]
        for row in rows:
            unknown = [word for word in row if word not in self.number]
            if unknown or not 1 <= len(row) <= self.length:
                got = f"the unknown {unknown[0]!r}" if unknown else f"{len(row)} words"
                raise ValueError(
                    f"question: got {got}, want 1 to {self.length} words of those it was made with"
                )
        if not rows:
            raise ValueError("questions: got none, want one or more")
        out = torch.full((len(rows), max(len(row) for row in rows)), PAD)
        for i, row in enumerate(rows):
            out[i, : len(row)] = torch.tensor([self.number[word] for word in row])
        return out

    def forward(self, pictures: Tensor, ids: Tensor) -> Tensor:
        """Return logits (B, A) for pictures (as the stem takes them) and word numbers (B, L)."""
        check_ids(ids, len(self.number) + 1)
        check_tensor(ids, "ids", len(pictures), "L", kind="int")
        check_finite(pictures, "pictures")
        cells, words = self.stem(pictures), self.word(ids.to(self.ask.device))  # (B, P, D), (B, L, D)
        ask = self.ask.expand(len(cells), 1, -1)  # (B, 1, D)
        x = torch.cat([ask, cells, words], dim=1)  # (B, 1 + P + L, D)
        x = x + self.where[: x.shape[1]]
        see = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        see[:, 1 + cells.shape[1] :] = ids != PAD  # nobody looks at what is no word
        for layer in self.layers:
            x = layer(x, see[:, None, None, :])
        return self.head(self.norm(x[:, 0]))  # (B, A): read where the answer token stands

    @torch.no_grad()
    def answer(self, pictures: Tensor, questions: Sequence[str]) -> list[str]:
        """Answer each question by the likeliest word."""
        best = self(pictures, self.encode(questions)).argmax(1)
        return [self.answers[i] for i in best.tolist()]
