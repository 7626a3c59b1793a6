"""Good calls of latent diffusion and of DALL-E 2's parts."""

import torch

from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.layout import BoxTokens
from lecture_utils.generative.diffusion.prompt import Prompt
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.generative.unclip.decoder import EmbeddingTokens
from lecture_utils.generative.unclip.prior import DiffusionPrior
from lecture_utils.generative.unclip.prior_transformer import PriorTransformer
from lecture_utils.generative.unclip.unclip import UnCLIP
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from tests.bad_calls import Value, count, floats, grouped, labels, made, masks, number, pixels, word
from tests.good_calls.makers import Call, draw

T, SHAPE, CORNERS = 10, (4, 2, 2), [[[0.1, 0.2, 0.5, 0.9]], [[0.0, 0.0, 1.0, 0.5]]]
SCHEDULE = made(lambda: NoiseSchedule(linear_betas(T)))
STEPS = labels(T + 1, 2)._replace(kinds={})
BOXES = Value(
    lambda: torch.tensor(CORNERS),
    {**floats(2, 1, 4).kinds, "x2 < x1": lambda x: x[..., [2, 1, 0, 3]]},
)
CLASS = labels(3, 2, 1)
CLASS = CLASS._replace(kinds={k: v for k, v in CLASS.kinds.items() if k != "label -1"})  # no box
IDS = Value(lambda: torch.tensor([[6, 1, 7, 8], [6, 2, 3, 7]]), labels(9, 2, 4).kinds)
ALONE = {k: v for k, v in IDS.kinds.items() if k != "another batch"}
EMPTY = torch.tensor([6, 7, 8, 8])
CODE, TOLD, WORDS, VECTORS = floats(2, *SHAPE), floats(2, 5), floats(2, 4, 8), floats(2, 5)
PICTURES = pixels(2, 3, 8, 8)
X, OTHER = floats(2, 6), floats(2, 6, of=lambda x: x + 0.1)


def coder() -> KLAutoEncoder:
    return KLAutoEncoder(3, (8, 8))


def text() -> TextEncoder:
    return TextEncoder(vocabulary=9, length=4, end=7, width=8, heads=2, layers=1, out=5)


def prompt() -> Prompt:
    return Prompt(text(), EMPTY, BoxTokens(3, 8))


def net() -> SlimUNet:
    return SlimUNet(4, (8,), fold=1, context=6, heads=2, embedding=8)


def latent() -> LatentDiffusion:
    return LatentDiffusion(coder(), EmbeddingTokens(5, 6), net(), NoiseSchedule(linear_betas(T)), SHAPE)


def transformer() -> PriorTransformer:
    return PriorTransformer(5, words=8, length=4, width=8, heads=2, layers=1)


def prior() -> DiffusionPrior:
    return DiffusionPrior(transformer(), NoiseSchedule(linear_betas(T)), dim=5, words=8, length=4)


LATENT, PROMPT, PRIOR = made(latent), made(prompt), made(prior)
BOTH = made(lambda: UnCLIP(prior(), latent()))
SIZES: Call = {"dim": count(5), "words": count(8), "length": count(4)}
SENTENCE: Call = {"words": WORDS, "text": TOLD}
DRAWN: Call = {**SENTENCE, "steps": count(2), "scale": number(2.0), "sampler": word("ddpm")}
GOOD: dict[str, dict[str, Call]] = {
    "generative.diffusion.layout": {
        "fourier_features": {"boxes": BOXES, "frequencies": count(2), "base": number(50.0)},
        "BoxTokens": {
            "classes": count(3), "dim": count(8), "hidden": count(8), "frequencies": count(2),
        },
        "BoxTokens.forward": {"self": made(lambda: BoxTokens(3, 8)), "boxes": BOXES, "class_id": CLASS},
    },
    "generative.diffusion.prompt": {
        "Prompt": {
            "text": made(text), "empty": made(lambda: EMPTY), "boxes": made(lambda: BoxTokens(3, 8)),
            "places": count(1),
        },
        "Prompt.forward": {
            "self": PROMPT, "ids": IDS, "boxes": BOXES, "class_id": CLASS, "dropped": masks(2),
        },
        "Prompt.sentence": {"self": PROMPT, "ids": IDS._replace(kinds=ALONE)},
        "Prompt.no_boxes": {"self": PROMPT, "batch": 2, "like": floats(2)._replace(kinds={})},
    },
    "generative.diffusion.latent_diffusion": {
        "LatentDiffusion": {
            "autoencoder": made(coder), "condition": made(lambda: EmbeddingTokens(5, 6)), "net": made(net),
            "schedule": SCHEDULE, "shape": SHAPE, "kind": word("v"), "drop": number(0.1),
        },
        "LatentDiffusion.to_signal": {"self": LATENT, "x": PICTURES},
        "LatentDiffusion.from_signal": {"self": LATENT, "signal": CODE},
        "LatentDiffusion.to_latent": {"self": LATENT, "images": PICTURES, "draw": draw},
        "LatentDiffusion.loss": {
            "self": LATENT, "*": grouped(PICTURES, TOLD), "draw": draw,
        },
        "LatentDiffusion.latent_loss": {"self": LATENT, "*": grouped(CODE, TOLD), "draw": draw},
    },
    "generative.unclip.prior_transformer": {
        "PriorTransformer": {**SIZES, "width": count(8), "heads": count(2), "layers": count(1)},
        "PriorTransformer.forward": {"self": made(transformer), "x": VECTORS, "t": STEPS, **SENTENCE},
    },
    "generative.unclip.prior": {
        "DiffusionPrior": {
            "net": made(transformer), "schedule": SCHEDULE, **SIZES, "drop": number(0.1),
        },
        "DiffusionPrior.forward": {"self": PRIOR, "x": VECTORS, "t": STEPS, **SENTENCE},
        "DiffusionPrior.measure": {"self": PRIOR, "embeddings": floats(3, 5)},
        "DiffusionPrior.normalised": {"self": PRIOR, "embeddings": VECTORS},
        "DiffusionPrior.loss": {"self": PRIOR, "embeddings": VECTORS, **SENTENCE, "draw": draw},
        "DiffusionPrior.told": {"self": PRIOR, **SENTENCE, "dropped": masks(2)},
        "DiffusionPrior.draw": {"self": PRIOR, **DRAWN, "seed": count(1, zero=True)},
        "DiffusionPrior.sample": {
            "self": PRIOR, **DRAWN, "tries": count(2), "seed": count(1, zero=True),
        },
    },
    "generative.unclip.decoder": {
        "EmbeddingTokens": {"dim": count(5), "width": count(6), "tokens": count(2)},
        "EmbeddingTokens.forward": {
            "self": made(lambda: EmbeddingTokens(5, 6)), "embedding": TOLD, "dropped": masks(2),
        },
    },
    "generative.unclip.unclip": {
        "UnCLIP": {"prior": made(prior), "decoder": made(latent)},
        "UnCLIP.forward": {
            "self": BOTH, **SENTENCE, "steps": count(2), "prior_scale": number(2.0), "scale": number(2.0),
            "tries": count(2), "seed": count(1, zero=True),
        },
        "UnCLIP.variations": {
            "self": BOTH, "image": floats(5), "count": count(2), "steps": count(2), "scale": number(2.0),
            "seed": count(1, zero=True),
        },
    },
    "generative.unclip.manipulation": {
        "slerp": {"a": X, "b": OTHER, "share": number(0.3)},
        "interpolations": {"a": floats(6), "b": floats(6, of=lambda x: x), "shares": (0.0, 0.5)},
        "text_diff": {"image": X, "before": OTHER, "after": X, "share": number(0.3)},
    },
}  # fmt: skip
