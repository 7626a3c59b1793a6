"""Labels as context tokens, with a token of their own for "not told", S16.2.

The class as a condition: P. Dhariwal, A. Nichol, "Diffusion Models Beat GANs on Image Synthesis", NeurIPS
2021; the null token: J. Ho, T. Salimans, "Classifier-Free Diffusion Guidance", arXiv 2207.12598, algorithm 1.
A sentence's tokens from a text encoder take the same place (`ConditionalUNet`).

Shapes: B batch, K labels of a picture (such as class and colour), D width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.guidance import drop_condition
from lecture_utils.ops.checks import check_ids, check_sizes, check_tensor, check_wholes


class LabelTokens(nn.Module):
    """One learned token for each value of each of K labels, and one for each label that is not told.

    Parameters
    ----------
    counts : sequence of int
        How many values each label has: (8, 8) for 8 classes and 8 colours.
    dim : int
        D.

    Raises
    ------
    ValueError
        When made without counts; when called, for labels of another shape or range.
    """

    def __init__(self, counts: Sequence[int], dim: int) -> None:
        super().__init__()
        check_wholes(counts, "counts")
        check_sizes("label tokens", dim=dim)
        self.counts = tuple(counts)
        self.tables = nn.ModuleList(nn.Embedding(count, dim) for count in counts)
        self.null = nn.Parameter(torch.randn(len(counts), dim))

    def forward(self, labels: Tensor, dropped: Tensor | None = None) -> Tensor:
        """Return the tokens (B, K, D) of labels (B, K) int64; where `dropped` (B,) bool, the null tokens."""
        check_tensor(labels, "labels", "B", len(self.counts), kind="int", some=True)
        for i, count in enumerate(self.counts):
            check_ids(labels[:, i], count, name=f"labels, {i}")
        context = torch.stack(
            [table(labels[:, i]) for i, table in enumerate(self.tables)], dim=1
        )  # (B, K, D)
        return context if dropped is None else drop_condition(context, self.null, dropped)
