"""Beam search: the W best sentences so far are kept, and each step chooses among all their continuations.

Sentences are compared by their mean log-probability a token, so that a longer one is not at a disadvantage,
as Tewel et al. (CVPR 2022) do in their code.

Simplified: the search ends when all kept sentences have ended, or when it is told to.

Shapes: N searches side by side, W beams, B = N · W sentences (those of a search in a row), T tokens, V
vocabulary.
"""

import math

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_ids, check_sizes, check_tensor


class Beams:
    """The sentences that are kept.

    Parameters
    ----------
    opening : Tensor
        (T,) int64: how all sentences begin. Its tokens do not count.
    searches, beams : int
        N and W.
    end : int
        The token that ends a sentence. An ended one goes on with nothing but ends, at no cost.

    Attributes
    ----------
    ids : Tensor
        (B, T) int64.
    total : Tensor
        (B,) the sum of the log-probabilities of the tokens added; -inf for a place not taken yet.
    count : Tensor
        (B,) how many tokens were added, the end included.
    """

    def __init__(self, opening: Tensor, searches: int, beams: int, *, end: int) -> None:
        check_tensor(opening, "opening", "T", kind="int", some=True)
        check_sizes("beams", searches=searches, beams=beams)
        check_sizes("beams", least=0, end=end)
        self.searches, self.beams, self.end = searches, beams, end
        self.ids = opening.repeat(searches * beams, 1)  # (B, T)
        self.total = torch.full((searches, beams), -math.inf)
        self.total[:, 0] = 0  # at first there is one sentence, and not W equal ones
        self.total = self.total.flatten()  # (B,)
        self.count = torch.zeros(searches * beams)

    def extend(self, log_p: Tensor) -> Tensor:
        """Add a token to the sentences, and keep the best.

        Parameters
        ----------
        log_p : Tensor
            (B, V) log-probabilities of the next token of each sentence.

        Returns
        -------
        Tensor
            (B,) int64: the rows that the kept sentences go on from.
        """
        check_tensor(log_p, "log_p", len(self.ids), "V")
        check_ids(torch.tensor(self.end), log_p.shape[1], name="end")
        if bool(log_p.isnan().any()):
            raise ValueError("log_p: got NaN, want log-probabilities")
        ended = self.ended
        log_p = torch.where(ended[:, None], self.only_end(log_p), log_p)
        count = self.count + (~ended)  # (B,)
        mean = (self.total[:, None] + log_p) / count.clamp(min=1)[:, None]  # (B, V)
        best = mean.view(self.searches, -1).topk(self.beams).indices  # (N, W) of the W · V
        first = self.beams * torch.arange(self.searches)[:, None]  # (N, 1): a search's first row
        rows = (first + best // log_p.shape[1]).flatten()  # (B,)
        token = (best % log_p.shape[1]).flatten()  # (B,)
        self.total = self.total[rows] + log_p[rows, token]
        self.count = count[rows]
        self.ids = torch.cat([self.ids[rows], token[:, None]], dim=1)  # (B, T + 1)
        return rows

    def only_end(self, log_p: Tensor) -> Tensor:
        """The log-probabilities of an ended sentence: 0 for the end, -inf for all else, (V,)."""
        sure = torch.full_like(log_p[0], -math.inf)
        sure[self.end] = 0
        return sure

    @property
    def ended(self) -> Tensor:
        """(B,) bool: which sentences have ended."""
        return (self.ids[:, -1] == self.end) & (self.count > 0)

    @property
    def done(self) -> bool:
        """Whether all have."""
        return bool(self.ended.all())

    def best(self, score: Tensor | None = None) -> Tensor:
        """Return each search's best sentence, (N, T): by mean log-probability a token, or by a score (B,)."""
        if score is None:
            score = self.total / self.count.clamp(min=1)
        check_tensor(score, "score", len(self.ids))
        if bool(score.isnan().any()):
            raise ValueError("score: got NaN, want numbers")
        score = score.masked_fill(self.total == -math.inf, -math.inf)  # a place that was never taken
        chosen = score.view(self.searches, self.beams).argmax(dim=1)  # (N,)
        return self.ids[chosen + self.beams * torch.arange(self.searches)]
