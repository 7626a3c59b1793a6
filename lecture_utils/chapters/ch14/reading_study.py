"""Chapter 14: what a language model has learned by reading (S14.2): bounds, looking back, the cache.

Shapes: B texts, N tokens, V vocabulary, D width.
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.asked import ABOUT, asked_scenes, described
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.programs import Having, Things, What
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.data.toyworld.language.questions import Question, questions
from lecture_utils.metrics.perplexity import sequence_nats
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.nn.attention import attention, causal_mask
from lecture_utils.recipes._scenes import IGNORE, language_model, spoken
from lecture_utils.recipes.scenes_baselines import Baselines
from lecture_utils.recipes.shapes_lm import against_grammar

GLANCES = ("question's word to description's", "thing to what is before it", "last word to the answer")


class Bound(NamedTuple):
    """A model's perplexity, what to hold it against, and what that is."""

    model: float
    bound: float
    what: str


def perplexities(scenes: int = 200) -> dict[str, Bound]:
    """Perplexity of three kinds of text, each beside what it can be held against.

    "captions": the small model of chapter 13, and the exact entropy of the grammar, below which none can be.
    "answers, told": answers to questions without relations after the true description, which decides them
    all, so that the least is 1. "answers, blind": the same answers without a description, and their entropy
    given how the question opens, counted on the training questions; who uses its other words can be below.
    """
    captions = zoo.load("shapes_lm")
    assert isinstance(captions, LanguageModel)
    grammar = against_grammar(captions)
    _, drawn = asked_scenes(scenes, split="test")
    put = questions(drawn, 4, about=ABOUT, hops=0)
    told, blind = (math.exp(answer_nats(put, drawn, told=known)) for known in (True, False))
    return {
        "captions": Bound(
            math.exp(grammar["nats"] / grammar["tokens"]),
            math.exp(grammar["entropy"] / grammar["tokens"]),
            "entropy of the grammar, exact",
        ),
        "answers, told": Bound(told, 1.0, "the description decides them"),
        "answers, blind": Bound(blind, math.exp(prior_nats(put)), "entropy given the opening, counted"),
    }


@torch.no_grad()
def answer_nats(put: Sequence[Question], scenes: Sequence[Facts], *, told: bool) -> float:
    """Mean -log p of the right answers, in nats, with the true description before the question or without."""
    texts = [(f" {described(scenes[q.scene])}" if told else "") + short(q.text) for q in put]
    ids, target = spoken(texts, [f" {q.answer}" for q in put])
    lm = language_model()
    nats = [
        sequence_nats(lm(x), y.clamp_min(0), ignore=0)[0]
        for x, y in zip(ids.split(100), target.split(100), strict=True)
    ]
    assert int((target != IGNORE).sum()) == len(put)  # an answer is one token, and none has id 0
    return float(torch.cat(nats).mean())


def prior_nats(put: Sequence[Question]) -> float:
    """Entropy of the answer given how its question opens, in nats: openings of `put`, answers of training."""
    prior = zoo.load("scenes_baselines")
    assert isinstance(prior, Baselines)
    openings = Counter(prior.prior.opening(q.text) for q in put)
    counts = prior.prior.counts[list(openings)].double()  # (O, A)
    share = counts / counts.sum(dim=1, keepdim=True)
    entropy = torch.special.entr(share).sum(dim=1)  # (O,)
    times = torch.tensor(list(openings.values()), dtype=torch.float64)
    return float((entropy * times).sum() / times.sum())


@torch.no_grad()
def attention_maps(lm: LanguageModel, ids: Tensor) -> Tensor:
    """Each layer's and head's attention weights on one text, (layers, heads, N, N), from its ids (1, N)."""
    x = lm.token(ids) + lm.position.weight[: ids.shape[1]]
    maps = []
    for block in lm.layers:
        query, key, value = block.attention.project(block.norm1(x))  # type: ignore[union-attr, operator]
        maps.append(attention(query, key, value, causal_mask(ids.shape[1]))[1][0])
        x = block(x, KVCache())
    return torch.stack(maps)


class LookBack(NamedTuple):
    """One question that a description answers: its words, and where the clue and the answer stand in it."""

    words: list[str]
    ids: Tensor
    clue: int  # place of the thing's word in the description
    again: int  # place of the same word in the question
    answer: int  # place of the answer's word in the description
    right: bool


def look_backs(scenes: int = 100) -> list[LookBack]:
    """Test questions of one form, "what colour is the ball ?", with the description that holds the answer."""
    lm = language_model()
    tokenizer = lm.tokenizer
    _, drawn = asked_scenes(scenes, split="test", objects=(2, 3))
    out = []
    for scene in drawn:
        shapes = Counter(thing.shape for thing in scene.things)
        for thing in scene.things:
            if shapes[thing.shape] > 1:
                continue
            program = What("colour", Having(Things(), "shape", thing.shape))
            text = f" {described(scene)}{short(f'what colour is the {thing.shape} ?')}"
            ids = torch.tensor([[tokenizer.start, *tokenizer.encode(text)]])
            words = ["start", *text.split()]
            clue = words.index(thing.shape)
            again = len(words) - 1 - words[::-1].index(thing.shape)
            with torch.no_grad():
                said = int(lm(ids)[0, -1].argmax())
            right = tokenizer.decode([said]).strip() == getattr(thing, program.kind)
            out.append(LookBack(words, ids, clue, again, clue - 1, right))
    return out


def heads_that_look(found: Sequence[LookBack]) -> dict[str, Tensor]:
    """Mean attention (layers, heads) of three glances, and what an even glance over all tokens would give.

    "question's word to description's": from the word in the question to the same word in the description;
    "thing to what is before it": from a word of the description to the word before it; "last word to the
    answer": from the prompt's last token to the answer's word in the description.
    """
    lm = language_model()
    sums: dict[str, list[Tensor]] = {}
    for one in found:
        maps = attention_maps(lm, one.ids)
        places = (one.again, one.clue), (one.clue, one.answer), (len(one.words) - 1, one.answer)
        for name, (at, to) in zip(GLANCES, places, strict=True):
            sums.setdefault(name, []).append(maps[:, :, at, to])
            sums.setdefault(f"{name}, evenly", []).append(torch.tensor(1 / (at + 1)))
    return {name: torch.stack(values).mean(dim=0) for name, values in sums.items()}


def glances(one: LookBack, mean: dict[str, Tensor]) -> dict[str, tuple[int, Tensor]]:
    """For each glance of `heads_that_look`: its head's name, where it looks from, and its weights (N,)."""
    maps = attention_maps(language_model(), one.ids)
    out = {}
    for name, at in zip(GLANCES, (one.again, one.clue, len(one.words) - 1), strict=True):
        layer, head = divmod(int(mean[name].argmax()), maps.shape[1])
        out[f"{name}: layer {layer + 1}, head {head + 1}"] = at, maps[layer, head, at]
    return out


class CacheCost(NamedTuple):
    """What it costs to write so many tokens: read by the model, and seconds of processor time."""

    tokens: int
    read: int
    seconds: float


@torch.inference_mode()
def writing_cost(lm: LanguageModel, steps: int, *, cached: bool, start: int = 0) -> CacheCost:
    """Write `steps` tokens greedily after one, each read from the cache or all read anew: the same text."""
    ids, cache, read = torch.tensor([[start]]), KVCache(), 0
    begin = time.thread_time()
    for _ in range(steps):
        new = ids[:, len(cache) :] if cached else ids
        logits = lm(new, cache) if cached else lm(new)
        read += new.shape[1]
        ids = torch.cat([ids, logits[:, -1:].argmax(dim=-1)], dim=1)
    return CacheCost(steps, read, time.thread_time() - begin)
