"""Arithmetic in a joint space (S13.5): pictures and texts are added and taken away as vectors.

Y. Tewel, Y. Shalev, I. Schwartz and L. Wolf, "ZeroCap: Zero-Shot Image-to-Text Generation for Visual-Semantic
Arithmetic", CVPR 2022: the sum stands where a picture's embedding stood, and is put into words.

Shapes: M terms, D width of the joint space.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_finite, check_number


def combine(embeddings: Tensor, weights: Sequence[float]) -> Tensor:
    """Add and subtract embeddings of pictures and texts: Σ weight · embedding, again of unit length.

    Parameters
    ----------
    embeddings : Tensor
        (M, …, D): M terms, such as pictures (N, D) each.
    weights : sequence of M float
        1 for what is added, -1 for what is taken away.

    Returns
    -------
    Tensor
        (…, D), of unit length.

    Raises
    ------
    ValueError
        For another number of weights, or where what is left is nothing.
    """
    check_finite(embeddings, "embeddings")
    if embeddings.ndim < 2 or embeddings.numel() == 0:
        raise ValueError(f"embeddings: got shape {tuple(embeddings.shape)}, want (M, …, D)")
    if len(weights) != len(embeddings):
        raise ValueError(f"weights: got {len(weights)}, want {len(embeddings)}, one an embedding")
    for weight in weights:
        check_number(weight, "weights")
    total = torch.einsum("m,m...d->...d", embeddings.new_tensor(weights), embeddings)
    if bool((total.norm(dim=-1) < 1e-6).any()):
        raise ValueError("embeddings: got a sum of length 0, want one that points somewhere")
    return F.normalize(total, dim=-1)
