"""Good calls of X-InstructBLIP's parts."""

import torch

from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.x_instruct_blip.point_tokens import PointTokens
from lecture_utils.multimodal.x_instruct_blip.sound_tokens import SoundTokens
from lecture_utils.multimodal.x_instruct_blip.x_instruct_blip import XInstructBLIP
from tests.bad_calls import count, floats, made, word
from tests.good_calls.makers import Call

V = 9


def speaking() -> XInstructBLIP:
    torch.manual_seed(0)
    lm = LanguageModel(V, dim=8, heads=2, layers=1, length=20)
    return XInstructBLIP(lm, {"sound": QFormer(V, dim=8, features=5, heads=2, layers=1, queries=2)}).eval()


SPEAKING = made(speaking)

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
        "nearest": {"centre": floats(2, 4, 3), "points": floats(2, 9, 3), "count": count(3)},
    },
    "multimodal.x_instruct_blip.x_instruct_blip": {
        "XInstructBLIP.sense": {"self": SPEAKING, "name": word("sound")},
    },
}  # fmt: skip
