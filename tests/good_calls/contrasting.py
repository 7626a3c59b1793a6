"""Good calls of CLIP, part by part."""

import torch
import torch.nn.functional as F

from lecture_utils.multimodal.clip.attention_pool import AttentionPool
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.clip.image_encoder import AntialiasedBottleneck, ResNetEncoder, ViTEncoder
from lecture_utils.multimodal.clip.quick_gelu import QuickGELU
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.bad_calls import Value, count, floats, images, made, number, pair
from tests.good_calls.makers import Call
from tests.good_calls.words import texts

WORDS = Tokenizer(torch.tensor([[97, 98], [256, 99]]))
SIZES = {"width": count(8), "heads": count(2), "layers": count(1), "out": count(4), "hidden": count(8)}


def vit() -> ViTEncoder:
    return ViTEncoder(image=8, patch=4, width=8, heads=2, layers=1, out=4).eval()


def resnet() -> ResNetEncoder:
    return ResNetEncoder(image=8, width=4, blocks=(1, 1), heads=2, out=4).eval()


def text_encoder() -> TextEncoder:
    return TextEncoder(
        vocabulary=WORDS.vocabulary, length=9, end=WORDS.end, width=8, heads=2, layers=1, out=4
    ).eval()


def sentences(*rows: int) -> Value:
    """Ids (B, 5) of texts of so many tokens, each with its end."""
    kinds = {
        "axis dropped": lambda x: x[0],
        "axis added": lambda x: x[None],
        "empty": lambda x: x[:0],
        "label -1": lambda x: x.clone().fill_(-1),
        "label K": lambda x: x + WORDS.vocabulary,
        "no end": lambda x: x.clamp(max=250),
        "too long": lambda x: x.repeat(1, 2),
        "floats for classes": lambda x: x.float(),
    }
    return Value(lambda: WORDS.batch(["a" * n for n in rows], 5), kinds)


def unit(*shape: int) -> Value:
    """Embeddings of unit length."""
    value = floats(*shape, of=lambda x: F.normalize(2 * x - 1, dim=-1))
    return value._replace(kinds={**value.kinds, "not of unit length": lambda x: 3 * x})


CLIP_, POOL = (
    made(lambda: CLIP(vit(), text_encoder(), WORDS)),
    made(lambda: AttentionPool(2, 3, 8, heads=2, out=4)),
)
ANY_AXES = floats(2, 3)._replace(kinds={kind: floats(2, 3).kinds[kind] for kind in ("uint8", "nan")})
STAGES = pair(1, 1)._replace(kinds={kind: pair(1).kinds[kind] for kind in ("nan number", "a string")})
MAP = {"self": POOL, "x": images(2, 8, 2, 3)}
PICTURES = images(2, 3, 8, 8)

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.clip.quick_gelu": {"QuickGELU.forward": {"self": made(QuickGELU), "x": ANY_AXES}},
    "multimodal.clip.attention_pool": {
        "AttentionPool": {
            "rows": count(2), "columns": count(3), "channels": count(8), "heads": count(2), "out": count(4),
        },
        "AttentionPool.forward": MAP,
        "AttentionPool.project": MAP,
        "AttentionPool.weights": MAP,
    },
    "multimodal.clip.image_encoder": {
        "ViTEncoder": {"image": count(8), "patch": count(4), "in_channels": count(3), **SIZES},
        "ViTEncoder.forward": {"self": made(vit), "x": PICTURES},
        "ViTEncoder.tokens": {"self": made(vit), "x": PICTURES},
        "AntialiasedBottleneck": {"in_channels": count(3), "channels": count(2), "shrink": count(2)},
        "AntialiasedBottleneck.forward": {
            "self": made(lambda: AntialiasedBottleneck(3, 2, shrink=2)), "x": images(2, 3, 8, 8),
        },
        "convolved": {"in_channels": count(3), "channels": count(2), "stride": count(2)},
        "shrunk": {"x": floats(2, 3, 4, 6), "side": count(2)},
        "ResNetEncoder": {
            "image": count(8), "width": count(4), "blocks": STAGES, "heads": count(2), "out": count(4),
            "stem_stride": count(1), "in_channels": count(3),
        },
        "ResNetEncoder.forward": {"self": made(resnet), "x": PICTURES},
        "ResNetEncoder.maps": {"self": made(resnet), "x": PICTURES},
    },
    "multimodal.clip.text_encoder": {
        "TextEncoder": {"vocabulary": count(20), "length": count(9), "end": count(3, zero=True), **SIZES},
        "TextEncoder.forward": {"self": made(text_encoder), "ids": sentences(2, 3)},
        "TextEncoder.tokens": {"self": made(text_encoder), "ids": sentences(2, 3)},
    },
    "multimodal.clip.loss": {
        "clip_loss": {"image": unit(3, 4), "text": unit(3, 4), "log_scale": number(1.0)},
    },
    "multimodal.clip.clip": {
        "CLIP": {
            "image_encoder": made(vit), "text_encoder": made(text_encoder), "mean": pair(0.5, 0.5, 0.5),
            "std": pair(0.2, 0.2, 0.2),
        },
        "CLIP.forward": {"self": CLIP_, "images": PICTURES, "ids": sentences(2, 3)},
        "CLIP.encode_image": {"self": CLIP_, "images": PICTURES},
        "CLIP.encode_text": {"self": CLIP_, "ids": sentences(2, 3)},
        "CLIP.texts": {"self": CLIP_, "texts": texts("ab", "abc")},
        "CLIP.ids": {"self": CLIP_, "texts": texts("ab", "abc")},
    },
}  # fmt: skip
