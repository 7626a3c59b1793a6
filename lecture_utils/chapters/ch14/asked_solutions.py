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

from lecture_utils.multimodal.visual_programs.interpreter import Step, looked_up
from lecture_utils.multimodal.visual_programs.program import Line

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
    program: Sequence[Line], modules: Mapping[str, Callable[..., Any]], image: Any
) -> tuple[Any, list[Step]]:
    """Run a visual program line by line: what the last line gave, and the trace, a `Step` for each line.

    A line has a `target`, the name of what it gives, a `module`, and `arguments`, a dict. At first the name
    IMAGE alone has a value. `looked_up(argument, state)` gives an argument's value from the dict of all names
    so far. A module that cannot do its work raises a ValueError: then the run ends, the answer is None, and
    the last Step has no value, but the error's text as its `problem`.
    """
    state = {"IMAGE": image}
    trace: list[Step] = []
    for line in program:
        given = {key: looked_up(argument, state) for key, argument in line.arguments.items()}
        try:
            value = modules[line.module](**given)
        except ValueError as problem:
            return None, [*trace, Step(line, given, None, str(problem))]
        state[line.target] = value
        trace.append(Step(line, given, value))
    return value, trace


def interleave(ids: Tensor, embed: Callable[[Tensor], Tensor], slots: Mapping[int, Tensor]) -> Tensor:
    """PaLM-E's sentence, (M, D): words, and what sensors say in the places that are kept for them.

    `ids` (N,) are tokens, `embed(ids)` gives (N, D). Where a token is a key of `slots`, the sensor's vectors
    (P, D), as many as there are, stand in its place; M counts all that stand there in the end.
    """
    words = embed(ids)  # (N, D)
    parts = [slots.get(token, word[None]) for token, word in zip(ids.tolist(), words, strict=True)]
    return torch.cat(parts)
