"""Weights `scenes_lm`: a GPT-2 of four layers that has read about scenes, and never seen a picture.

A. Radford et al., "Language Models are Unsupervised Multitask Learners", OpenAI 2019, at a width of 96. It
reads documents (`prompts.documents`): a description of a scene in true sentences, questions about it and
their answers, and some documents without a description. So it can look up what it is told, and where it is
told nothing it knows what is usual. It is the frozen language model of chapter 14's systems.

Simplified: ten minutes of reading are little, and a large corpus needs no such help: documents about one
or two objects come first; descriptions are often asked for and given again, which teaches to look back; the
tokens of answers weigh more in the loss than the others; and positions begin as sinusoids (A. Vaswani et al.,
NeurIPS 2017, section 3.5), so that "the token before this one" need not be learned for each place anew.

Shapes: B documents, N tokens.
"""

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.asked import ABOUT, asked_scenes, described
from lecture_utils.data.toyworld.language.prompts import documents, encoded, short, tokens
from lecture_utils.data.toyworld.language.questions import questions
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.nn.positions import sinusoidal_encoding
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

DIM, HEADS, LAYERS, LENGTH = 96, 4, 4, 192
BATCH, STEPS = 16, 3600
PEAK_RATE, TABLES_RATE = 1e-2, 3e-3  # of Muon for the layers, and of AdamW for all else
SCALE = (
    0.1  # of tokens and positions at the start: after one step from GPT-2's 0.02 no sinusoid would be left
)
ANSWERS_WEIGH = 5.0  # against 1 for every other token
PORTION = 1600  # documents drawn at a time
EASY = 4  # so many portions come first: about one or two objects
EASIER: dict[str, Any] = {"objects": (1, 2), "each": 5, "retold_share": 0.5}
HARDER: dict[str, Any] = {"objects": (1, 3), "each": 7, "retold_share": 0.2}


def build() -> LanguageModel:
    """The model, untrained, with a tokenizer to which each word is one token."""
    tokenizer = tokens()
    size = {"dim": DIM, "heads": HEADS, "layers": LAYERS, "length": LENGTH}
    model = LanguageModel(tokenizer.vocabulary, **size, tokenizer=tokenizer)
    with torch.no_grad():
        model.token.weight.normal_(std=SCALE)
        model.position.weight.copy_(SCALE * math.sqrt(2) * sinusoidal_encoding(LENGTH, DIM))
    return model


def batches(seed: int, tokenizer: Tokenizer) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
    """Documents that never repeat: ids (B, N), and the ids one place later with their weights (B, N).

    Those of a batch are about as long as one another; batches come in random order.
    """
    made = torch.Generator().manual_seed(seed)
    for portion in itertools.count(1000 * seed):
        easy = portion - 1000 * seed < EASY
        asked = EASIER if easy else HARDER
        drawn = documents(PORTION, seed=portion, described_share=0.9, long_share=0.15, **asked)
        rows = sorted((encoded(document, tokenizer) for document in drawn), key=lambda row: len(row[0]))
        rows = [row for row in rows if len(row[0]) <= LENGTH]
        for at in torch.randperm(len(rows) // BATCH, generator=made).tolist():
            part = rows[at * BATCH : (at + 1) * BATCH]
            ids = padded([ids for ids, _ in part], tokenizer.pad)
            answer = padded([answer for _, answer in part], False)
            weight = (ids != tokenizer.pad) * (1 + (ANSWERS_WEIGH - 1) * answer)
            yield ids[:, :-1], (ids[:, 1:], weight[:, 1:])


def padded(rows: list[list], value: int) -> Tensor:
    """Rows of numbers as one tensor, with a value on the right of the shorter ones."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], True, value)


def loss(lm: nn.Module, ids: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
    """Weighted mean of -log p over the tokens of documents (B, N)."""
    after, weight = target
    nats = F.cross_entropy(lm(ids).transpose(1, 2), after, reduction="none")  # (B, N)
    return (nats * weight).sum() / weight.sum()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train to say the next token of each, 16 documents a step.

    Returns
    -------
    model : nn.Module
        In evaluation mode.
    info : dict
        steps, seconds (of this thread's processor time), and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = build()
    optimizer = MuonAndAdamW(model, model.layers, PEAK_RATE)
    for group in optimizer.parts[1].param_groups:
        group["lr"] = TABLES_RATE
    return one_cycle(
        model, batches(seed, model.tokenizer), loss=loss, optimizer=optimizer, steps=steps,
        warm_up=0.05, cycle_momentum=False, label="language model", clock=time.thread_time,
    )  # fmt: skip


@torch.no_grad()
def replies(lm: LanguageModel, prompts: Sequence[str], *, portion: int = 100) -> list[str]:
    """What the model takes for the next word of each text, without its space; texts begin with a space."""
    tokenizer, said = lm.tokenizer, []
    for start in range(0, len(prompts), portion):
        rows = [[tokenizer.start, *tokenizer.encode(text)] for text in prompts[start : start + portion]]
        last = torch.tensor([len(row) - 1 for row in rows])
        logits = lm(padded(rows, tokenizer.pad))[torch.arange(len(rows)), last]  # (B, V)
        said += [tokenizer.decode([i]).strip() for i in logits.argmax(dim=-1).tolist()]
    return said


def evaluate(model: LanguageModel) -> dict[str, float]:
    """Share of right short answers about 200 scenes of split "val": told in words, and told nothing."""
    _, scenes = asked_scenes(200, split="val")
    put = questions(scenes, 4, about=ABOUT)
    blind = [short(q.text) for q in put]
    told = [f" {described(scenes[q.scene])}{prompt}" for q, prompt in zip(put, blind, strict=True)]
    return {
        name: sum(a == q.answer for a, q in zip(replies(model, prompts), put, strict=True)) / len(put)
        for name, prompts in (("told", told), ("blind", blind))
    }
