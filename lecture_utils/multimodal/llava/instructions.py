"""Talks as what a model learns from (S14.4): ids, and a target where the assistant speaks.

H. Liu et al., "Visual Instruction Tuning", NeurIPS 2023, equation 2 and table 2: one sequence a talk, in
which user and assistant take turns; the model learns what the assistant says, and that it then stops.

Simplified: no system message; the picture stands before the first turn (the paper tosses a coin whether it
stands before or after the first question).

Shapes: B talks, N tokens of the longest.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.multimodal.llava.inputs import IGNORE
from lecture_utils.multimodal.tokenizer import Tokenizer

Said = tuple[str, str]  # what the assistant is asked, its name at the end, and what it says


def talk_ids(turns: Sequence[Said], tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Write a talk as ids, and the target that follows each of them.

    Parameters
    ----------
    turns : sequence of (str, str)
        A prompt as the language model reads it, such as " user : what is red ? assistant :", and what is said
        to it, such as " the ball is red .". With the spaces: tokens have theirs before them.
    tokenizer : Tokenizer

    Returns
    -------
    ids, target : list of int
        Of one length: start and each word but the last, and the word after each, IGNORE where it is no
        answer's. After each answer the end token is to be said.

    Raises
    ------
    ValueError
        For no turns, or turns that are no two texts.
    """
    ids = [tokenizer.start]
    answers = [False]
    if not isinstance(turns, Sequence) or isinstance(turns, str) or not turns:
        raise ValueError(f"turns: got {turns!r}, want a list of (prompt, answer), one or more")
    for turn in turns:
        if not isinstance(turn, tuple) or len(turn) != 2:
            raise ValueError(f"turns: got {turn!r}, want (prompt, answer)")
        prompt = tokenizer.encode(turn[0])
        answer = [*tokenizer.encode(turn[1]), tokenizer.end]
        ids += prompt + answer
        answers += [False] * len(prompt) + [True] * len(answer)
    target = [word if said else IGNORE for word, said in zip(ids, answers, strict=True)]
    return ids[:-1], target[1:]  # each place has the word that comes next


def talk_batch(talks: Sequence[Sequence[Said]], tokenizer: Tokenizer) -> tuple[Tensor, Tensor]:
    """Write several talks, filled up on the right: ids (B, N) with pad, target (B, N) with IGNORE.

    A causal model never looks to the right, so the filling changes nothing.
    """
    if not isinstance(talks, Sequence) or isinstance(talks, str) or not talks:
        raise ValueError(f"talks: got {talks!r}, want a list of talks, one or more")
    rows = [talk_ids(turns, tokenizer) for turns in talks]
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [tokenizer.pad] * (longest - len(row)) for row, _ in rows])
    target = torch.tensor([row + [IGNORE] * (longest - len(row)) for _, row in rows])
    return ids, target
