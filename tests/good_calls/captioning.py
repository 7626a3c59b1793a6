"""Good calls of the eye and of Show, Attend and Tell."""

import torch

from lecture_utils.multimodal.scene_eye import SceneEye
from lecture_utils.multimodal.show_attend_tell.attention import Attention
from lecture_utils.multimodal.show_attend_tell.captioner import ShowAttendTell
from lecture_utils.multimodal.show_attend_tell.lstm_cell import LSTMCell
from tests.bad_calls import count, floats, grouped, labels, made, number, pixels
from tests.good_calls.makers import Call
from tests.good_calls.speaking import TOKENIZER, V


def captioner() -> ShowAttendTell:
    """For grids (B, 4, 3)."""
    torch.manual_seed(0)
    return ShowAttendTell(TOKENIZER, features=3, places=4, embed=5, dim=6, hidden=7).eval()


STATE = grouped(floats(2, 6), floats(2, 6))
GRID, LOOKED, MODEL = floats(2, 4, 3), floats(2, 4, 7), made(captioner)
EYE = made(lambda: SceneEye(8).eval())

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.scene_eye": {
        "SceneEye": {"dim": count(8), "kinds": count(12), "colours": count(8)},
        "SceneEye.forward": {"self": EYE, "images": pixels(1, 3, 48, 48)},
        "SceneEye.read": {"self": EYE, "grid": floats(2, 36, 8)},
    },
    "multimodal.show_attend_tell.lstm_cell": {
        "lstm_step": {
            "x": floats(2, 3), "state": STATE, "weight_x": floats(24, 3), "weight_h": floats(24, 6),
            "bias": floats(24),
        },
        "LSTMCell": {"reads": count(3), "dim": count(6)},
        "LSTMCell.forward": {"self": made(lambda: LSTMCell(3, 6)), "x": floats(2, 3), "state": STATE},
    },
    "multimodal.show_attend_tell.attention": {
        "soft_attention": {"scores": floats(2, 4), "features": GRID},
        "Attention": {"features": count(3), "state": count(6), "hidden": count(7)},
        "Attention.forward": {
            "self": made(lambda: Attention(3, 6, 7)), "features": GRID, "places": LOOKED, "h": floats(2, 6),
        },
    },
    "multimodal.show_attend_tell.captioner": {
        "ShowAttendTell": {
            "tokenizer": TOKENIZER, "features": count(3), "places": count(4), "embed": count(5),
            "dim": count(6), "hidden": count(7),
        },
        "ShowAttendTell.forward": {"self": MODEL, "grid": GRID, "ids": labels(V, 2, 3)},
        "ShowAttendTell.look": {"self": MODEL, "grid": GRID},
        "ShowAttendTell.next_word": {
            "self": MODEL, "features": GRID, "places": LOOKED, "word": labels(V, 2), "state": STATE,
        },
        "caption_loss": {
            "logits": floats(2, 3, 9), "weights": floats(2, 3, 4), "ids": labels(9, 2, 4),
            "pad": count(8, zero=True), "spread": number(0.1),
        },
        "unevenness": {"weights": floats(2, 3, 4)},
    },
    "multimodal.show_attend_tell.describe": {
        "describe": {"model": MODEL, "grid": GRID, "beams": count(2), "longest": count(3)},
    },
}  # fmt: skip
