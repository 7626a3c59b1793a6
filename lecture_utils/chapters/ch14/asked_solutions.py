"""Chapter 14, part b: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `multimodal.blip2`,
`multimodal.visual_programs`, `multimodal.palm_e`. The tests hold each of these equal to its counterpart
there; the papers are named there too.

Shapes: B pairs, Q queries, T tokens of text, D numbers a token, N tokens, P vectors of a sensor.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["image_text_contrast", "interleave", "qformer_mask", "run_program"]


def qformer_mask(kind: str, queries: int, text: int) -> Tensor:
    """Who may look at whom in the Q-Former's self-attention, (Q + T, Q + T) bool, queries first.

    Row i is True where token i may look. "matching": everything sees everything. "generation": queries see
    queries alone; each word sees all queries, itself and the words before it. "contrast": queries see queries
    alone, words see words alone.
    """
    see = torch.ones(queries + text, queries + text, dtype=torch.bool)
    if kind != "matching":
        see[:queries, queries:] = False  # what a query knows, it has from the picture
    if kind == "generation":
        see[queries:, queries:] = torch.ones(text, text, dtype=torch.bool).tril()
    if kind == "contrast":
        see[queries:, :queries] = False
    return see


def image_text_contrast(queries: Tensor, text: Tensor, scale: float | Tensor) -> Tensor:
    """BLIP-2's contrast of pictures and texts, a scalar; row i of both belongs together.

    `queries` (B, Q, D) are what Q queries found in each picture, `text` (B, D) the texts, all of unit length.
    A picture is as near to a text as that of its queries which is nearest to it. These cosines times `scale`
    are logits: each picture looks for its text, each text for its picture, and the mean of the two
    cross-entropies is the loss.
    """
    cosine = torch.einsum("iqd,jd->ijq", queries, text)  # (B, B, Q): picture × text × query
    logits = scale * cosine.amax(-1)  # (B, B)
    right = torch.arange(len(text))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def run_program(
    steps: Sequence[Any], modules: Mapping[str, Callable[..., Any]], image: Any
) -> tuple[Any, list[Any]]:
    """Run a visual program step by step: what the last step made, and what each one made.

    A step has a `name` for what it makes, a `module`, and `arguments`, a dict. An argument that is the name
    of an earlier step, or "IMAGE", stands for what is known under this name; any other stands for itself.
    """
    known = {"IMAGE": image}
    trace = []
    for step in steps:
        arguments = {k: known.get(v, v) if isinstance(v, str) else v for k, v in step.arguments.items()}
        known[step.name] = modules[step.module](**arguments)
        trace.append(known[step.name])
    return trace[-1], trace


def interleave(ids: Tensor, embed: Callable[[Tensor], Tensor], slots: Mapping[int, Tensor]) -> Tensor:
    """PaLM-E's sentence, (M, D): words, and what sensors say in the places that are kept for them.

    `ids` (N,) are tokens, `embed(ids)` gives (N, D). Where a token is a key of `slots`, the sensor's vectors
    (P, D), as many as there are, stand in its place; M counts all that stand there in the end.
    """
    words = embed(ids)  # (N, D)
    parts = [slots.get(token, word[None]) for token, word in zip(ids.tolist(), words, strict=True)]
    return torch.cat(parts)
