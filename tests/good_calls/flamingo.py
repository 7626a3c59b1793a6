"""Good calls of Flamingo's parts."""

import torch

from lecture_utils.multimodal.flamingo.flamingo import Flamingo
from lecture_utils.multimodal.flamingo.gated_cross_attention import GatedCrossAttention
from lecture_utils.multimodal.flamingo.resampler import PerceiverResampler, ResamplerLayer, SquaredReLU
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from tests.bad_calls import count, floats, labels, made, masks
from tests.good_calls.makers import Call

V = 9


def seeing() -> Flamingo:
    torch.manual_seed(0)
    lm = LanguageModel(V, dim=8, heads=2, layers=1, length=20)
    return Flamingo(lm, PerceiverResampler(6, 8, latents=2, layers=1, heads=2), heads=2).eval()


RESAMPLER = made(lambda: PerceiverResampler(6, 8, latents=2, layers=1, heads=2, frames=2))
FLAMINGO = made(seeing)
ANY_AXES = floats(2, 3)._replace(kinds={})
WHICH = labels(3, 1, 3)  # 0, 1, 2: of two pictures

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.flamingo.resampler": {
        "SquaredReLU.forward": {"self": made(SquaredReLU), "x": ANY_AXES},
        "ResamplerLayer": {"dim": count(8), "heads": count(2)},
        "ResamplerLayer.forward": {
            "self": made(lambda: ResamplerLayer(8, 2)), "x": floats(2, 3, 8), "latents": floats(2, 4, 8),
        },
        "PerceiverResampler": {
            "features": count(6), "dim": count(8), "latents": count(2), "layers": count(1), "heads": count(2),
            "frames": count(1), "places": count(3, zero=True),
        },
        "PerceiverResampler.forward": {"self": RESAMPLER, "features": floats(1, 2, 3, 6)},
        "PerceiverResampler.moments": {"self": RESAMPLER, "frames": count(3)},
        "PerceiverResampler.weights": {"self": RESAMPLER, "features": floats(1, 2, 3, 6)},
    },
    "multimodal.flamingo.gated_cross_attention": {
        "gated_cross_attention": {
            "text": floats(1, 3, 4), "latents": floats(1, 2, 4),
            "attend": made(lambda: lambda x, y: x + y.mean()), "mlp": made(lambda: torch.relu),
            "alpha": floats(2),
        },
        "last_picture_mask": {"which": WHICH, "pictures": count(2), "latents": count(3)},
        "GatedCrossAttention": {"dim": count(8), "heads": count(2)},
        "GatedCrossAttention.forward": {
            "self": made(lambda: GatedCrossAttention(8, 2)), "text": floats(1, 3, 8),
            "latents": floats(1, 2, 2, 8), "which": WHICH,
        },
    },
    "multimodal.flamingo.flamingo": {
        "Flamingo": {
            "lm": made(lambda: LanguageModel(V, dim=8, heads=2, layers=1)),
            "resampler": RESAMPLER, "every": count(1), "heads": count(2),
        },
        "Flamingo.forward": {
            "self": FLAMINGO, "ids": labels(V, 1, 3), "media": floats(1, 2, 3, 6), "which": WHICH,
        },
        "Flamingo.look": {"self": FLAMINGO, "media": floats(1, 2, 3, 6)},
        "Flamingo.read": {
            "self": FLAMINGO, "ids": labels(V, 1, 3), "latents": floats(1, 2, 2, 8), "which": WHICH,
            "cache": made(KVCache),
        },
        "Flamingo.write": {
            "self": FLAMINGO, "ids": labels(V, 1, 3), "media": floats(1, 2, 3, 6), "which": WHICH,
            "steps": count(2),
        },
        "last_picture": {"marks": masks(2, 3)},
    },
}  # fmt: skip
