"""Good calls of zero-shot classification, tags and retrieval."""

import torch

from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.clip.image_encoder import ViTEncoder
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.bad_calls import Value, count, floats, made, masks, pixels
from tests.good_calls.makers import Call


def small_clip() -> CLIP:
    """Pictures (B, 3, 8, 8) and texts, in a space of 6."""
    torch.manual_seed(0)
    tokenizer = Tokenizer.train(["a photo of a star"], 4)
    image = ViTEncoder(image=8, patch=4, width=8, heads=2, layers=1, out=6)
    size = {"vocabulary": tokenizer.vocabulary, "length": 24, "end": tokenizer.end}
    return CLIP(image, TextEncoder(**size, width=8, heads=2, layers=1, out=6), tokenizer).eval()


def words(*values: str) -> Value:
    """Texts in a list."""
    kinds = {"a string": lambda x: x[0], "empty": lambda x: [], "a number": lambda x: [*x[1:], 3]}
    return Value(lambda: list(values), kinds)


MODEL = made(small_clip)
UNIT = floats(3, 6, of=lambda x: torch.nn.functional.normalize(x + 0.1, dim=-1))
SIMILAR, RELEVANT = floats(4, 5), masks(4, 5)._replace(make=lambda: torch.eye(4, 5).bool())
TRUE = masks(5, 4)._replace(make=lambda: torch.eye(5, 4).bool())

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.clip.zero_shot": {
        "fill": {"template": "a photo of a {}", "name": "star"},
        "class_embeddings": {"clip": MODEL, "names": words("star", "ball"), "templates": words("a {}", "{}")},
        "zero_shot": {"clip": MODEL, "images": pixels(2, 3, 8, 8), "embeddings": UNIT},
        "similarity": {"clip": MODEL, "images": pixels(2, 3, 8, 8), "embeddings": UNIT},
        "tags": {"clip": MODEL, "images": pixels(2, 3, 8, 8), "embeddings": UNIT, "thresholds": floats(3)},
    },
    "metrics.retrieval": {
        "ranks": {"similarity": SIMILAR, "relevant": RELEVANT},
        "median_rank": {"similarity": SIMILAR, "relevant": RELEVANT},
        "recall_at": {"similarity": SIMILAR, "k": count(2), "relevant": RELEVANT},
        "tag_precision": {"tags": TRUE, "true": TRUE},
        "tag_recall": {"tags": TRUE, "true": TRUE},
        "thresholds": {"similarity": floats(5, 4), "true": TRUE},
    },
}
