"""Good calls of the language model, of what it says, and of ZeroCap."""

import torch
from torch import Tensor

from lecture_utils.multimodal.beams import Beams
from lecture_utils.multimodal.language_model import Block, KVCache, LanguageModel
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.multimodal.zerocap import Guidance
from tests.bad_calls import count, floats, index, labels, made, number
from tests.good_calls.makers import Call

TOKENIZER = Tokenizer(torch.empty(0, 2, dtype=torch.int64))
V = TOKENIZER.vocabulary


def speaker() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(V, dim=8, heads=2, layers=1, length=20, tokenizer=TOKENIZER).eval()


def cache() -> KVCache:
    return KVCache([torch.randn(2, 2, 3, 4)], [torch.randn(2, 2, 3, 4)])


class Scorer:
    """In place of a CLIP: a text lies where the letters of it that are counted put it."""

    def texts(self, texts: list[str]) -> Tensor:
        counted = torch.tensor([[1.0 + text.count(letter) for letter in "abc"] for text in texts])
        return counted / counted.norm(dim=1, keepdim=True)


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


LM, CACHE, SCORER = made(speaker), made(cache), made(Scorer)
GUIDE = made(lambda: Guidance(steps=1, candidates=4))
TARGET = floats(2, V, of=lambda x: x / x.sum(1, keepdim=True))

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.language_model": {
        "KVCache.rows": {"self": CACHE, "chosen": labels(2, 3)},
        "KVCache": {"keys": made(lambda: cache().keys), "values": made(lambda: cache().values)},
        "Block": {"dim": count(8), "heads": count(2)},
        "Block.forward": {"self": made(lambda: Block(8, 2)), "x": floats(2, 3, 8), "cache": made(KVCache)},
        "LanguageModel": {
            "vocabulary": count(9), "dim": count(8), "heads": count(2), "layers": count(1),
            "length": count(5),
        },
        "LanguageModel.forward": {"self": LM, "ids": labels(V, 2, 4), "cache": CACHE},
        "LanguageModel.from_embeddings": {"self": LM, "x": floats(2, 4, 8), "cache": CACHE},
    },
    "multimodal.decoding": {
        "generate": {
            "lm": LM, "ids": labels(V, 2, 3), "steps": count(2), "temperature": number(0.5),
            "top_k": count(4), "end": index(V - 2, V),
        },
        "draw": {"logits": floats(2, 6), "temperature": number(0.5), "top_k": count(4)},
    },
    "multimodal.beams": {
        "Beams": {
            "opening": made(lambda: torch.tensor([1, 2])), "searches": count(1), "beams": count(2),
            "end": count(3, zero=True),
        },
        "Beams.extend": {
            "self": made(lambda: Beams(torch.tensor([1, 2]), 1, 2, end=3)), "log_p": floats(2, 6),
        },
        "Beams.best": {"self": made(lambda: Beams(torch.tensor([1, 2]), 1, 2, end=3)), "score": floats(2)},
    },
    "multimodal.zerocap": {
        "Guidance": {
            "clip_weight": number(1.0), "fluency": number(0.2), "steps": count(5), "step_size": number(0.3),
            "norm_power": number(0.9), "candidates": count(5), "temperature": number(0.01),
        },
        "candidate_target": {
            "similarity": floats(2, 3), "candidates": labels(9, 2, 3), "vocabulary": count(9),
            "temperature": number(0.01),
        },
        "zerocap_loss": {
            "logits": floats(2, V), "plain": floats(2, V), "target": TARGET, "guidance": GUIDE,
        },
        "shift_cache": {
            "lm": LM, "past": CACHE, "last": labels(V, 2, 1), "plain": floats(2, V), "target": TARGET,
            "guidance": GUIDE,
        },
        "zerocap": {
            "lm": LM, "clip": SCORER, "pictures": floats(2, 3, of=lambda x: unit(x + 0.1)),
            "most": count(1), "beams": count(1), "guidance": GUIDE,
        },
    },
    "multimodal.embedding_arithmetic": {
        "combine": {"embeddings": floats(2, 3, 4), "weights": made(lambda: (1, -1))},
    },
    "metrics.perplexity": {
        "sequence_nats": {"logits": floats(2, 3, 5), "target": labels(5, 2, 3)},
        "perplexity": {"logits": floats(2, 3, 5), "target": labels(5, 2, 3)},
    },
}  # fmt: skip
