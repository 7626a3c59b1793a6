"""The three masks of the Q-Former (S14.5): one set of weights, three tasks, by who may look at whom.

J. Li, D. Li, S. Savarese and S. Hoi, "BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image
Encoders and Large Language Models", ICML 2023, section 3.2 and figure 2 (right). The multimodal causal mask
is that of L. Dong et al., "Unified Language Model Pre-training for Natural Language Understanding and
Generation" (UniLM), NeurIPS 2019.

Shapes: B batch, Q queries, T tokens of text, N = Q + T: queries first, then text.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_choice, check_sizes, check_tensor

KINDS = ("matching", "generation", "contrast")
Mask = Callable[[str, int, int], Tensor]  # what `qformer_mask` is


def qformer_mask(kind: str, queries: int, text: int) -> Tensor:
    """Return who may look at whom in the self-attention that queries and text share (figure 2, right).

    Parameters
    ----------
    kind : {"matching", "generation", "contrast"}
        Matching (bi-directional): all see all. Generation (multimodal causal): queries see each other and not
        the text, a token sees the queries, the tokens before it and itself. Contrast (uni-modal): queries
        see queries and text sees text.
    queries, text : int
        Q and T, 0 or more, one of them at least 1.

    Returns
    -------
    Tensor
        (Q + T, Q + T) bool; row i is True where token i may look.

    Raises
    ------
    ValueError
        For another kind, or numbers that are no sizes.
    """
    check_choice(kind, "kind", *KINDS)
    check_sizes("mask", least=0, queries=queries, text=text)
    check_sizes("mask", tokens=queries + text)
    is_text = torch.arange(queries + text) >= queries  # (N,)
    row, column = is_text[:, None], is_text[None, :]  # who looks, and at whom
    if kind == "matching":
        return torch.ones(len(is_text), len(is_text), dtype=torch.bool)
    if kind == "contrast":
        return row == column
    earlier = torch.ones(len(is_text), len(is_text), dtype=torch.bool).tril()
    return ~column | (row & earlier)


def hide_padding(mask: Tensor, present: Tensor) -> Tensor:
    """Let nobody look at padding: one mask a text, (B, 1, N, N), of one for all (N, N).

    Parameters
    ----------
    mask : Tensor
        (N, N) bool, queries first.
    present : Tensor
        (B, T) bool, T ≤ N: which tokens of the text are none of padding.

    Raises
    ------
    ValueError
        For other types and shapes, and for a text of nothing but padding.
    """
    check_tensor(mask, "mask", "N", "N", kind="bool", some=True)
    check_tensor(present, "present", "B", "T", kind="bool", some=True)
    queries = mask.shape[1] - present.shape[1]
    if mask.shape[0] != mask.shape[1] or queries < 0:
        got = f"{tuple(mask.shape)} for {present.shape[1]} tokens of text"
        raise ValueError(f"mask: got {got}, want (N, N) with N at least as many")
    if not bool(present.any(dim=1).all()):
        raise ValueError("text: got one of nothing but padding, want at least one token")
    seen = torch.cat([present.new_ones(len(present), queries), present], dim=1)  # (B, N)
    return mask.to(present.device) & seen[:, None, None, :]  # (B, 1, N, N)
