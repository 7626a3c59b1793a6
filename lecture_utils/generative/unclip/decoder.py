"""What DALL-E 2's decoder is told: CLIP's embedding of a picture, as context tokens, S16.4.

A. Ramesh et al., "Hierarchical Text-Conditional Image Generation with CLIP Latents", arXiv 2204.06125,
section 2.1: the embedding is projected and added to that of the step, and projected into four extra tokens of
context. The decoder itself is any conditional diffusion model; here it is `LatentDiffusion` with this as its
condition, where the paper's works on pixels and is followed by two networks that enlarge. In the slim U-Net
the mean of the context joins the step's embedding through a linear layer, and the mean of projections is a
projection: both of the paper's ways are there.

Simplified: no sentence beside the embedding, which the paper found to be of little help.

Shapes: B batch, D width of CLIP's embeddings, M tokens of width W.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.diffusion.guidance import drop_condition
from lecture_utils.ops.checks import check_sizes, check_tensor


class EmbeddingTokens(nn.Module):
    """Embeddings (B, D), brought to unit length → context tokens (B, M, W).

    Parameters
    ----------
    dim, width : int
        D and W.
    tokens : int
        M; four in the paper.

    Raises
    ------
    ValueError
        For sizes below 1; when called, for embeddings of another width or without a direction.
    """

    def __init__(self, dim: int, width: int, *, tokens: int = 4) -> None:
        super().__init__()
        check_sizes("embedding tokens", dim=dim, width=width, tokens=tokens)
        self.dim, self.tokens = dim, tokens
        self.project = nn.Linear(dim, tokens * width)
        self.null = nn.Parameter(torch.randn(tokens, width))

    def forward(self, embedding: Tensor, dropped: Tensor | None = None) -> Tensor:
        """Return the tokens; where `dropped` (B,) bool, those of "nothing told", which are learnt."""
        check_tensor(embedding, "embedding", "B", self.dim, finite=True, some=True)
        if bool((embedding == 0).all(dim=1).any()):
            raise ValueError("embedding: got one of zeros, want a direction")
        unit = math.sqrt(self.dim) * F.normalize(embedding, dim=1)  # each number about 1 in size
        context = self.project(unit).unflatten(1, (self.tokens, -1))  # (B, M, W)
        return context if dropped is None else drop_condition(context, self.null, dropped)
