"""Weights `shapes_lm`: a GPT-2 of three layers that has read captions, and never seen a picture.

A. Radford et al., "Language Models are Unsupervised Multitask Learners", OpenAI 2019, at a width of 64. It
reads the captions of training scenes alone, so a class and a colour that are held out never stand together
in what it has read. The scenes are drawn, but not rendered: a caption needs no picture.
"""

import itertools
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import LIGHT, sentences
from lecture_utils.data.toyworld.language.grammar import caption_entropy, caption_probabilities
from lecture_utils.data.toyworld.sampling import Objects, sample_scenes
from lecture_utils.metrics.perplexity import sequence_nats
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

CORPUS, MERGES = 4000, 200  # the captions from which the tokenizer learns, and the merges that it may learn
DIM, HEADS, LAYERS, LENGTH = 64, 4, 3, 16  # captions have at most 14 tokens, start and end included
BATCH, STEPS, PEAK_RATE = 128, 1500, 3e-3
PORTION = 12_800  # captions drawn at a time


def captions(count: int, seed: int) -> list[str]:
    """Captions of training scenes: those that `captioned` of this seed has, without its pictures."""
    objects = Objects(count=1, materials=("plain",))
    return sentences(sample_scenes(count, seed=seed, light=LIGHT, objects=objects))


def build() -> LanguageModel:
    """The model, untrained, with the tokenizer that it shares with `shapes_clip`."""
    tokenizer = Tokenizer.train(captions(CORPUS, 0), MERGES)
    return LanguageModel(
        tokenizer.vocabulary, dim=DIM, heads=HEADS, layers=LAYERS, length=LENGTH, tokenizer=tokenizer
    )


def batches(seed: int, tokenizer: Tokenizer) -> Iterator[tuple[Tensor, Tensor]]:
    """Captions that never repeat a scene: ids (B, N) and the ids (B, N) one place later."""
    for portion in itertools.count(1000 * seed):
        ids = tokenizer.batch(captions(PORTION, portion), LENGTH)
        for part in ids.split(BATCH):
            longest = int((part != tokenizer.pad).sum(dim=1).max())
            yield part[:, : longest - 1], part[:, 1:longest]


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train to say the next token of each, 128 captions a step.

    Returns
    -------
    model : nn.Module
        In evaluation mode.
    info : dict
        steps, seconds (of this thread's processor time), and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = build()
    tokenizer = model.tokenizer

    def loss(lm: nn.Module, ids: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(lm(ids).flatten(0, 1), target.flatten(), ignore_index=tokenizer.pad)

    return one_cycle(
        model, batches(seed, tokenizer), loss=loss,
        optimizer=MuonAndAdamW(model, model.layers, PEAK_RATE), steps=steps,
        warm_up=0.05, cycle_momentum=False, label="language model", clock=time.thread_time,
    )  # fmt: skip


@torch.no_grad()
def against_grammar(model: LanguageModel, *, held_out: bool = False) -> dict[str, float]:
    """Compare the model with the grammar, over all captions, each weighted with its probability.

    Returns
    -------
    dict
        nats (the model's mean -log p of a caption), entropy (the least that any model can have), excess
        (their difference, the Kullback-Leibler divergence), tokens (the mean number, the end included).
    """
    tokenizer, shares = model.tokenizer, caption_probabilities(held_out=held_out)
    ids = tokenizer.batch(list(shares), LENGTH)
    parts = [sequence_nats(model(x[:, :-1]), x[:, 1:], tokenizer.pad) for x in ids.split(512)]
    weight = torch.tensor(list(shares.values()), dtype=torch.float64)
    nats = float(weight @ torch.cat([part[0] for part in parts]).double())
    tokens = float(weight @ torch.cat([part[1] for part in parts]).double())
    entropy = caption_entropy(held_out=held_out)
    return {"nats": nats, "entropy": entropy, "excess": nats - entropy, "tokens": tokens}


def evaluate(model: LanguageModel) -> dict[str, float]:
    """Nats a caption, and how far they are above the grammar's entropy; all exact, no caption is sampled."""
    seen = against_grammar(model)
    return {"nats_a_caption": seen["nats"], "above_entropy": seen["excess"]}
