"""Perplexity: how many tokens a language model hesitates between, on average, before each one.

exp of the mean negative log-likelihood a token (Radford et al. 2019, section 3). A model that knows the
sentences' true distribution has the least: exp(their entropy in nats / their mean number of tokens).

Shapes: B sequences, N tokens, V vocabulary.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_ids, check_tensor


def sequence_nats(logits: Tensor, target: Tensor, ignore: int | None = None) -> tuple[Tensor, Tensor]:
    """Return -log p of each sequence and the number of its tokens.

    Parameters
    ----------
    logits : Tensor
        (B, N, V), floating point.
    target : Tensor
        (B, N) int64: the tokens that came, one place later than those that the model read.
    ignore : int, optional
        A token that does not count, such as padding.

    Returns
    -------
    nats, tokens : Tensor
        (B,) float and (B,) int64.

    Raises
    ------
    ValueError
        If shapes or types do not fit, or an id is not below V.
    """
    check_tensor(logits, "logits", "B", "N", "V", some=True, finite=True)
    check_tensor(target, "target", *logits.shape[:2], kind="any")
    check_ids(target, logits.shape[2], name="target")
    counts = torch.ones_like(target, dtype=torch.bool) if ignore is None else target != ignore  # (B, N)
    nats = F.cross_entropy(logits.transpose(1, 2), target, reduction="none")  # (B, N)
    return (nats * counts).sum(dim=1), counts.sum(dim=1)


def perplexity(logits: Tensor, target: Tensor, ignore: int | None = None) -> float:
    """exp of the mean nats a token, over all tokens of all sequences; 1 is certainty, V a blind guess.

    Parameters and errors are those of `sequence_nats`; a batch in which no token counts is refused, too.
    """
    nats, tokens = sequence_nats(logits, target, ignore)
    if not int(tokens.sum()):
        raise ValueError(f"target: got nothing but the ignored token {ignore}, want one that counts")
    return math.exp(nats.sum().item() / int(tokens.sum()))
