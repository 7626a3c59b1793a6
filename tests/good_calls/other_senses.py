"""Good calls of X-InstructBLIP's parts."""

import torch

from lecture_utils.data.toyworld.language.asked import asked_scenes
from lecture_utils.data.toyworld.other_senses import heard
from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.x_instruct_blip.point_tokens import PointTokens
from lecture_utils.multimodal.x_instruct_blip.sound_tokens import SoundTokens
from lecture_utils.multimodal.x_instruct_blip.x_instruct_blip import XInstructBLIP
from tests.bad_calls import Value, count, floats, labels, made, word
from tests.good_calls.makers import Call

V = 9


def language() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(V, dim=8, heads=2, layers=1, length=20)


def ears() -> dict[str, QFormer]:
    return {"sound": QFormer(V, dim=8, features=5, heads=2, layers=1, queries=2)}


def speaking() -> XInstructBLIP:
    return XInstructBLIP(language(), ears()).eval()


def of_sense(value: Value) -> Value:
    """What one sense gives, spoiled as the value is."""
    kinds = {kind: lambda x, spoil=spoil: {"sound": spoil(x["sound"])} for kind, spoil in value.kinds.items()}
    return Value(lambda: {"sound": value.make()}, kinds)


SPEAKING, GIVEN = made(speaking), of_sense(floats(2, 4, 5))

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.x_instruct_blip.sound_tokens": {
        "SoundTokens": {"bands": count(16), "frames": count(8), "dim": count(6)},
        "SoundTokens.forward": {
            "self": made(lambda: SoundTokens(16, 8, 6, widths=(2, 3)).eval()), "mel": floats(2, 1, 16, 8),
        },
    },
    "multimodal.x_instruct_blip.point_tokens": {
        "PointTokens": {
            "dim": count(6), "centres": count(4), "neighbours": count(3), "hidden": count(5),
            "heads": count(2),
        },
        "PointTokens.forward": {
            "self": made(lambda: PointTokens(6, centres=4, neighbours=3, hidden=5, heads=2)),
            "points": floats(2, 9, 3),
        },
        "farthest_points": {"points": floats(2, 9, 3), "count": count(4)},
        "rows": {"points": floats(2, 9, 3), "chosen": labels(9, 2, 4)},
        "nearest": {"centre": floats(2, 4, 3), "points": floats(2, 9, 3), "count": count(3)},
    },
    "multimodal.x_instruct_blip.x_instruct_blip": {
        "XInstructBLIP": {"lm": made(language), "qformers": made(ears)},
        "XInstructBLIP.sense": {"self": SPEAKING, "name": word("sound")},
        "XInstructBLIP.forward": {"self": SPEAKING, "given": GIVEN, "ids": labels(V, 2, 3)},
        "XInstructBLIP.soft_prompt": {"self": SPEAKING, "given": GIVEN},
    },
    "data.toyworld.other_senses": {
        "heard": {"count": count(2), "each": count(1)},
        "measured": {"count": count(2), "each": count(1), "points": count(30)},
        "together": {
            "first": made(lambda: heard(2)), "second": made(lambda: heard(2, seed=1)), "each": count(1),
        },
        "lifted": {"scenes": made(lambda: asked_scenes(2)[0]), "size": count(16)},
    },
}  # fmt: skip
