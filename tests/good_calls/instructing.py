"""Good calls of LLaVA, part by part."""

import torch
from torch import nn

from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.multimodal.llava.chat import Chat
from lecture_utils.multimodal.llava.inputs import IGNORE
from lecture_utils.multimodal.llava.llava import LLaVA
from lecture_utils.multimodal.llava.projection import Projection
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.bad_calls import Value, count, floats, index, labels, made, masks, pair
from tests.good_calls.makers import Call
from tests.good_calls.words import text

WORDS = Tokenizer(torch.tensor([[97, 98], [256, 99]]))
V = WORDS.vocabulary


def lm() -> LanguageModel:
    return LanguageModel(V, dim=8, heads=2, layers=1, length=40, tokenizer=WORDS).eval()


def llava() -> LLaVA:
    return LLaVA(lm(), 6).eval()


def read() -> KVCache:
    cache = KVCache()
    lm()(torch.tensor([[1, 2], [3, 4]]), cache)
    return cache


def turns(value: list) -> Value:
    """A talk, of prompts and answers."""
    kinds = {
        "empty": lambda x: [],
        "a text": lambda x: "ab",
        "one too few": lambda x: [x[0][:1]],
        "a number in it": lambda x: [(x[0][0], 3)],
        "half a letter": lambda x: [(x[0][0], "\ud83d")],
    }
    return Value(lambda: value, kinds)


TALK = [(" user : ab", " abc"), (" user : a", " b")]
GRID, IDS = floats(2, 4, 6), labels(V, 2, 5)
SAID = masks(2, 5)._replace(make=lambda: (torch.arange(5) >= 3).expand(2, 5))
SAID = SAID._replace(kinds={**SAID.kinds, "the start too": lambda x: x | True})
TARGET = Value(
    lambda: torch.tensor([[1, 2, 3], [IGNORE, IGNORE, 4]]),
    {
        "axis dropped": lambda x: x[0],
        "another batch": lambda x: torch.cat([x, x[:1]]),
        "label -1": lambda x: torch.where(x == IGNORE, -1, x),
        "label K": lambda x: x + 9,
        "floats for classes": lambda x: x.float(),
        "nothing asked": lambda x: torch.full_like(x, IGNORE),
    },
)
SIZES = {"image_dim": count(6), "layers": count(2), "cells": pair(2, 2)}
END = index(2, V)


def places(n: int) -> Value:
    """Where the picture goes in each row; one place for all will do too."""
    value = labels(n + 1, 2)
    return value._replace(kinds={kind: f for kind, f in value.kinds.items() if kind != "axis dropped"})


GOOD: dict[str, dict[str, Call]] = {
    "multimodal.llava.projection": {
        "place_codes": {"rows": count(2), "columns": count(3)},
        "Projection": {**SIZES, "dim": count(8)},
        "Projection.forward": {"self": made(lambda: Projection(6, 8, cells=(2, 2))), "grid": GRID},
    },
    "multimodal.llava.inputs": {
        "llava_inputs": {
            "image": floats(2, 4, 8), "embed": made(lambda: nn.Embedding(V, 8)), "ids": IDS, "answer": SAID,
        },
        "insert_picture": {
            "words": floats(2, 3, 8), "picture": floats(2, 4, 8), "at": places(3),
        },
    },
    "multimodal.llava.llava": {
        "LLaVA": {"lm": made(lm), **SIZES},
        "LLaVA.forward": {"self": made(llava), "grid": GRID, "ids": IDS, "at": places(5)},
        "answer_loss": {"logits": floats(2, 3, 9), "target": TARGET},
    },
    "multimodal.llava.instructions": {
        "talk_ids": {"turns": turns(TALK), "tokenizer": made(lambda: WORDS)},
        "talk_batch": {
            "talks": Value(lambda: [TALK, TALK[:1]], {"empty": lambda x: [], "a text": lambda x: "ab"}),
            "tokenizer": made(lambda: WORDS),
        },
    },
    "multimodal.llava.chat": {
        "say": {
            "lm": made(lm), "logits": floats(2, V), "cache": made(read), "steps": count(2), "end": END,
        },
        "reply": {"model": made(llava), "grid": GRID, "ids": IDS, "steps": count(2), "end": END},
        "Chat": {"model": made(llava), "grid": floats(1, 4, 6)},
        "Chat.ask": {
            "self": made(lambda: Chat(llava(), torch.ones(1, 4, 6))), "prompt": text(" abc"),
            "steps": count(2),
        },
    },
}  # fmt: skip
