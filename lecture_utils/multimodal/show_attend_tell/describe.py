"""Captions from Show, Attend and Tell (S14.1), greedily or by beam search, and where each word looked.

K. Xu et al., "Show, Attend and Tell", ICML 2015. Greedy search is beam search with one beam.

Shapes: B pictures, W beams, N words, P places.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.multimodal.beams import Beams
from lecture_utils.multimodal.show_attend_tell.captioner import ShowAttendTell
from lecture_utils.ops.checks import check_sizes


class Told(NamedTuple):
    """What the captioner says of one picture.

    Attributes
    ----------
    text : str
    words : list of N str
        As they were said, the end left out.
    weights : Tensor
        (N, P), where it looked for each.
    log_probability : float
        Of the caption, its end included, in nats.
    """

    text: str
    words: list[str]
    weights: Tensor
    log_probability: float


@torch.no_grad()
def describe(model: ShowAttendTell, grid: Tensor, *, beams: int = 1, longest: int = 48) -> list[Told]:
    """Caption pictures.

    Parameters
    ----------
    model : ShowAttendTell
    grid : Tensor
        (B, P, D).
    beams : int
        W; with 1 the likeliest word is taken at each step.
    longest : int
        Words, at most.

    Returns
    -------
    list of B Told

    Raises
    ------
    ValueError
        For a number below 1, or what the model refuses.
    """
    check_sizes("describe", beams=beams, longest=longest)
    features, places, state = model.look(grid.repeat_interleave(beams, dim=0))  # (B · W, P, D), …
    kept = Beams(torch.tensor([model.tokenizer.start]), len(grid), beams, end=model.tokenizer.end)
    looked = features.new_zeros(len(features), 0, features.shape[1])  # (B · W, N, P)
    while kept.ids.shape[1] <= longest and not kept.done:
        logits, state, weights = model.next_word(features, places, kept.ids[:, -1], state)
        rows = kept.extend(logits.log_softmax(dim=1))  # the sentences that the kept ones go on from
        state = state[0][rows], state[1][rows]
        looked = torch.cat([looked, weights[:, None]], dim=1)[rows]
    return [_told(model, kept, looked, row) for row in _best(kept)]


def _best(kept: Beams) -> list[int]:
    """The row of each picture's best sentence, by its mean log-probability a token."""
    mean = (kept.total / kept.count.clamp(min=1)).view(kept.searches, kept.beams)
    return [kept.beams * i + int(beam) for i, beam in enumerate(mean.argmax(dim=1))]


def _told(model: ShowAttendTell, kept: Beams, looked: Tensor, row: int) -> Told:
    ids = kept.ids[row, 1:].tolist()
    ids = ids[: ids.index(kept.end)] if kept.end in ids else ids
    words = [model.tokenizer.decode([i]).strip() for i in ids]
    return Told(model.tokenizer.decode(ids).strip(), words, looked[row, : len(ids)], float(kept.total[row]))
