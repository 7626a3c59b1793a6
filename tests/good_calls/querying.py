"""Good calls of BLIP-2 and InstructBLIP, part by part."""

import torch
import torch.nn.functional as F

from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.multimodal.blip2.masks import qformer_mask
from lecture_utils.multimodal.blip2.qformer import CrossAttention, QFormer, QFormerLayer
from lecture_utils.multimodal.blip2.stage1 import Stage1
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from tests.bad_calls import Value, count, floats, labels, made, masks, number, word
from tests.good_calls.makers import Call

V, PAD = 13, 11  # 10 ends a text, 12 decodes


def qformer() -> QFormer:
    return QFormer(V, dim=8, features=6, heads=2, layers=2, queries=3, length=6, hidden=8, pad=PAD).eval()


def lm() -> LanguageModel:
    return LanguageModel(V, dim=8, heads=2, layers=1, length=12).eval()


def unit(*shape: int) -> Value:
    """Embeddings of unit length."""
    value = floats(*shape, of=lambda x: F.normalize(2 * x - 1, dim=-1))
    return value._replace(kinds={**value.kinds, "not of unit length": lambda x: 3 * x})


def looser(value: Value, *kinds: str) -> Value:
    """The same, not spoiled in these ways."""
    return value._replace(kinds={kind: f for kind, f in value.kinds.items() if kind not in kinds})


FEATURES, TEXT = floats(2, 4, 6), labels(V - 3, 2, 4)
TEXT = TEXT._replace(kinds={**TEXT.kinds, "label K": lambda x: x + V, "only padding": lambda x: 0 * x + PAD})
WORDS = looser(TEXT, "another batch", "only padding")  # texts beside nothing
TOKENS, QUERIES = floats(2, 5, 8), floats(2, 3, 8)
KIND = word("generation")
Q = made(qformer)
SIZES = {"dim": count(8), "features": count(6), "heads": count(2)}
STAGE, TALKER, ASKED = (
    made(lambda: Stage1(qformer())),
    made(lambda: BLIP2(lm(), qformer())),
    made(lambda: InstructBLIP(lm(), qformer())),
)
IDS = TEXT._replace(kinds={k: f for k, f in TEXT.kinds.items() if k != "only padding"})

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.blip2.masks": {
        "qformer_mask": {"kind": KIND, "queries": count(2, zero=True), "text": count(3, zero=True)},
        "hide_padding": {
            "mask": made(lambda: qformer_mask("matching", 2, 3)),
            "present": masks(2, 3)._replace(make=lambda: torch.ones(2, 3, dtype=torch.bool)),
        },
    },
    "multimodal.blip2.qformer": {
        "CrossAttention": SIZES,
        "CrossAttention.forward": {
            "self": made(lambda: CrossAttention(8, 6, 2)), "x": QUERIES, "features": FEATURES,
        },
        "CrossAttention.weights": {
            "self": made(lambda: CrossAttention(8, 6, 2)), "x": QUERIES, "features": FEATURES,
        },
        "CrossAttention.project": {
            "self": made(lambda: CrossAttention(8, 6, 2)), "x": QUERIES, "features": FEATURES,
        },
        "QFormerLayer": {**SIZES, "hidden": count(8), "looks": True, "eps": number(1e-6)},
        "QFormerLayer.forward": {
            "self": made(lambda: QFormerLayer(8, 6, 2, 8, looks=True)),
            "x": TOKENS, "features": FEATURES,
            "mask": made(lambda: qformer_mask("matching", 3, 2)), "queries": 3,
        },
        "QFormer": {
            "vocabulary": count(V), **SIZES, "layers": count(2), "queries": count(3), "length": count(6),
            "hidden": count(8), "places": count(4), "every": count(2), "eps": number(1e-6),
        },
        "QFormer.forward": {"self": Q, "features": FEATURES, "text": TEXT, "kind": KIND},
        "QFormer.both": {"self": Q, "features": FEATURES, "text": TEXT, "kind": KIND},
        "QFormer.looks": {"self": Q, "features": FEATURES, "text": TEXT, "kind": KIND},
        "QFormer.read": {"self": Q, "text": looser(TEXT, "another batch")},
        "QFormer.embed": {"self": Q, "text": WORDS},
        "QFormer.placed": {"self": Q, "features": FEATURES},
    },
    "multimodal.blip2.stage1": {
        "best_query": {"queries": unit(2, 3, 4), "text": unit(2, 4)},
        "image_text_contrast": {"queries": unit(2, 3, 4), "text": unit(2, 4), "scale": number(5.0)},
        "hard_negatives": {"logits": floats(3, 3)},
        "Stage1": {"qformer": Q, "joint": count(4)},
        "Stage1.forward": {"self": STAGE, "features": FEATURES, "text": TEXT},
        "Stage1.encode": {"self": STAGE, "features": FEATURES},
        "Stage1.encode_text": {"self": STAGE, "text": looser(TEXT, "another batch")},
        "Stage1.match": {"self": STAGE, "features": FEATURES, "text": TEXT},
        "Stage1.next_words": {"self": STAGE, "features": FEATURES, "text": IDS},
        "Stage1.generation_loss": {"self": STAGE, "features": FEATURES, "text": IDS},
        "Stage1.write": {"self": STAGE, "features": FEATURES, "steps": count(2), "end": count(10, zero=True)},
    },
    "multimodal.blip2.blip2": {
        "BLIP2": {"lm": made(lm), "qformer": Q},
        "BLIP2.forward": {"self": TALKER, "features": FEATURES, "ids": IDS},
        "BLIP2.soft_prompt": {"self": TALKER, "features": FEATURES},
        "BLIP2.read": {"self": TALKER, "prompt": QUERIES, "ids": IDS, "cache": made(KVCache)},
        "BLIP2.generate": {
            "self": TALKER, "features": FEATURES, "ids": IDS, "steps": count(2), "end": count(10, zero=True),
        },
    },
    "multimodal.blip2.instruct_blip": {
        "InstructBLIP.forward": {"self": ASKED, "features": FEATURES, "ids": IDS, "instruction": TEXT},
        "InstructBLIP.soft_prompt": {"self": ASKED, "features": FEATURES, "instruction": TEXT},
    },
}  # fmt: skip
