"""Good calls of diffusion models: schedules, steps, networks, guidance."""

import torch

from lecture_utils.generative.diffusion import attention_blocks, condition, resnet_blocks, slim_unet, unet
from lecture_utils.generative.diffusion.forward_process import Gaussian
from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder, MapAttention
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.generative.diffusion.model import Diffusion
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas
from tests.bad_calls import count, floats, grouped, images, labels, made, masks, number, pixels, word
from tests.good_calls.makers import Call, draw, whole

T = 10
SCHEDULE = made(lambda: NoiseSchedule(linear_betas(T)))
BETAS = floats(T, of=lambda x: 0.01 + x / 3)
X = floats(2, 3, 4)._replace(
    kinds={k: v for k, v in floats(2).kinds.items() if k not in ("axis dropped", "axis added")}
)
LIKE = made(lambda: torch.ones(2, 3, 4))  # only its axes and type count
MAP = floats(2, 8, 4, 6)
STEPS = labels(T + 1, 2)
STEP, TOKENS, WORDS = floats(2, 12), floats(2, 5, 8), floats(2, 3, 6)
KIND, VARIANCE = word("v"), word("large")
BETWEEN: Call = {"t": count(5), "s": count(4, zero=True)}
WALK: Call = {
    "predict": made(lambda: lambda x, t: 0 * x), "schedule": SCHEDULE, "x": X, "times": [9, 5, 1],
    "kind": KIND,
    "draw": draw,
}  # fmt: skip
MIXTURE = made(lambda: GaussianMixture(torch.randn(3, 2), torch.ones(3)))
POINTS = floats(2, 2)
WIDTHS: Call = {
    "channels": count(1),
    "widths": (8, 16),
    "context": count(6),
    "heads": count(2),
    "groups": count(8),
}
NORMAL = made(lambda: Gaussian(torch.zeros(2, 3, 4), torch.ones(2, 1, 1)))


def block(**more: bool) -> unet.Stage:
    return unet.Stage(
        8, 8, embedding=12, heads=2, context=6, groups=4, scale_shift=True, attention=True, **more
    ).eval()


def net() -> unet.ConditionalUNet:
    return unet.ConditionalUNet(1, (8, 16), context=6, heads=2).eval()


CODER, CODE = made(lambda: KLAutoEncoder(3, (8, 16)).eval()), floats(2, 4, 2, 1)


def labelled() -> LabelledDiffusion:
    tokens = condition.LabelTokens((3, 3), 6)
    return LabelledDiffusion(net(), tokens, NoiseSchedule(linear_betas(T)), (1, 8, 4)).eval()


def bare() -> Diffusion:
    tokens = condition.LabelTokens((3, 3), 6)
    return Diffusion(net(), tokens, NoiseSchedule(linear_betas(T)), (1, 8, 4)).eval()


LABELLED, DIFFUSION = made(labelled), made(bare)
SIGNAL, NAMES = floats(2, 1, 8, 4), labels(3, 2, 2)
STEP_NUMBERS = labels(T + 1, 2)._replace(kinds={})
FORWARD: Call = {"x": SIGNAL, "t": floats(2), "context": WORDS}
GOOD: dict[str, dict[str, Call]] = {
    "generative.diffusion.schedule": {
        "linear_betas": {"steps": count(T), "start": number(0.01), "end": number(0.2)},
        "scaled_linear_betas": {"steps": count(T), "start": number(0.01), "end": number(0.2)},
        "cosine_betas": {"steps": count(T), "offset": number(0.01), "most": number(0.99)},
        "zero_terminal_snr": {"betas": BETAS},
        "NoiseSchedule": {"betas": BETAS},
        "NoiseSchedule.at": {"self": SCHEDULE, "t": STEPS, "x": LIKE},
        "NoiseSchedule.beta_at": {"self": SCHEDULE, "t": STEPS, "x": LIKE},
        "NoiseSchedule.gather": {
            "self": SCHEDULE, "values": made(lambda: torch.ones(T + 1)), "t": STEPS, "x": LIKE,
        },
    },
    "generative.diffusion.forward_process": {
        "noise_step": {"schedule": SCHEDULE, "x": X, "t": count(3), "noise": X},
        "noised": {"schedule": SCHEDULE, "x0": X, "t": STEPS, "noise": X},
        "posterior": {"schedule": SCHEDULE, "x0": X, "x": X, **BETWEEN, "variance": VARIANCE},
    },
    "generative.diffusion.prediction": {
        "target": {"schedule": SCHEDULE, "x0": X, "t": STEPS, "noise": X, "kind": KIND},
        "to_sample": {"schedule": SCHEDULE, "prediction": X, "x": X, "t": STEPS, "kind": KIND},
        "to_epsilon": {"schedule": SCHEDULE, "prediction": X, "x": X, "t": STEPS, "kind": KIND},
        "convert": {
            "schedule": SCHEDULE, "prediction": X, "x": X, "t": STEPS, "kind": KIND, "to": word("epsilon"),
        },
        "simple_loss": {
            "predict": made(lambda: lambda x, t: 0 * x), "schedule": SCHEDULE, "x0": X, "t": STEPS,
            "noise": X,
            "kind": KIND,
        },
    },
    "generative.diffusion.samplers": {
        "spaced_steps": {"steps": count(T), "count": count(3), "spacing": word("trailing")},
        "ddpm_step": {
            "schedule": SCHEDULE, "x": X, "prediction": X, **BETWEEN, "noise": X, "kind": KIND,
            "variance": VARIANCE, "clip": number(1.0),
        },
        "ddim_step": {
            "schedule": SCHEDULE, "x": X, "prediction": X, **BETWEEN, "noise": X, "kind": KIND,
            "eta": number(0.5), "clip": number(1.0),
        },
        "ddpm_sample": {**WALK, "variance": VARIANCE},
        "ddim_sample": {**WALK, "eta": number(0.5)},
        "ddim_encode": {("x0" if k == "x" else k): v for k, v in WALK.items() if k != "draw"},
    },
    "generative.diffusion.mixture": {
        "GaussianMixture": {
            "means": floats(3, 2), "spreads": floats(3, of=lambda x: x),
            "weights": floats(3, of=lambda x: x / x.sum()),
        },
        "GaussianMixture.sample": {"self": MIXTURE, "n": count(2), "draw": draw},
        "GaussianMixture.joint": {
            "self": MIXTURE, "x": POINTS, "alpha_bar": made(lambda: torch.full((2, 1), 0.5)),
        },
        "GaussianMixture.log_density": {"self": MIXTURE, "x": POINTS, "t": STEPS, "schedule": SCHEDULE},
        "GaussianMixture.denoise": {"self": MIXTURE, "x": POINTS, "t": STEPS, "schedule": SCHEDULE},
        "GaussianMixture.predictor": {"self": MIXTURE, "schedule": SCHEDULE, "kind": KIND},
    },
    "generative.diffusion.bound": {
        "divergence": {"p": NORMAL, "q": NORMAL},
        "log_grey_values": {"x0": X, "p": NORMAL, "levels": count(4)},
        "log_density": {"x0": X, "p": NORMAL},
        "variational_bound": {
            "predict": made(lambda: lambda x, t: 0 * x), "schedule": SCHEDULE, "x0": X, "kind": KIND,
            "variance": VARIANCE, "levels": count(4), "draw": draw,
        },
    },
    "generative.diffusion.guidance": {
        "guide": {"without": X, "given": X, "scale": number(2.0)},
        "guided": {
            "model": made(lambda: lambda x, t, context: x), "context": made(lambda: torch.ones(2, 3, 6)),
            "null": made(lambda: torch.ones(3, 6)), "scale": number(2.0),
        },
        "drop_condition": {"context": WORDS, "null": floats(3, 6), "dropped": masks(2)},
        "dropouts": {"batch": count(2), "rate": number(0.1), "draw": draw},
    },
    "generative.diffusion.resnet_blocks": {
        "step_encoding": {"t": floats(3), "dim": count(4)},
        "StepEmbedding": {"dim": count(4), "width": count(6)},
        "StepEmbedding.forward": {"self": made(lambda: resnet_blocks.StepEmbedding(4, 6)), "t": floats(3)},
        "ResNetBlock": {
            "channels": count(8), "out_channels": count(8), "embedding": count(6), "groups": count(2),
        },
        "ResNetBlock.forward": {
            "self": made(lambda: resnet_blocks.ResNetBlock(8, 4, 12, groups=4)), "x": MAP, "step": STEP,
        },
        "Downsample": {"channels": count(8), "out_channels": count(4)},
        "Downsample.forward": {"self": made(lambda: resnet_blocks.Downsample(8)), "x": MAP},
        "Upsample": {"channels": count(8), "out_channels": count(4)},
        "Upsample.forward": {"self": made(lambda: resnet_blocks.Upsample(8)), "x": MAP},
    },
    "generative.diffusion.attention_blocks": {
        "Attention": {"dim": count(8), "heads": count(2), "context": count(6)},
        "Attention.forward": {
            "self": made(lambda: attention_blocks.Attention(8, 2, 6)), "x": TOKENS, "context": WORDS,
        },
        "Attention.weights": {
            "self": made(lambda: attention_blocks.Attention(8, 2, 6)), "x": TOKENS, "context": WORDS,
        },
        "Attention.project": {
            "self": made(lambda: attention_blocks.Attention(8, 2, 6)), "x": TOKENS, "context": WORDS,
        },
        "GatedMLP": {"dim": count(8), "growth": count(2)},
        "GatedMLP.forward": {"self": made(lambda: attention_blocks.GatedMLP(8)), "x": TOKENS},
        "TransformerBlock": {"dim": count(8), "heads": count(2), "context": count(6)},
        "TransformerBlock.forward": {
            "self": made(lambda: attention_blocks.TransformerBlock(8, 2, 6)), "x": TOKENS, "context": WORDS,
        },
        "SpatialTransformer": {
            "channels": count(8), "heads": count(2), "context": count(6), "groups": count(4),
        },
        "SpatialTransformer.forward": {
            "self": made(lambda: attention_blocks.SpatialTransformer(8, 2, 6)), "x": MAP, "context": WORDS,
        },
    },
    "generative.diffusion.unet": {
        "Stage": {
            "channels": count(8), "out_channels": count(8), "embedding": count(6), "heads": count(2),
            "context": count(6), "groups": count(4), "scale_shift": True, "attention": True,
        },
        "Stage.forward": {"self": made(block), "x": MAP, "step": STEP, "context": WORDS},
        "ConditionalUNet": {**WIDTHS, "attention": (False, True), "blocks": count(1)},
        "ConditionalUNet.forward": {"self": made(net), **FORWARD},
    },
    "generative.diffusion.slim_unet": {
        "SlimUNet": {**WIDTHS, "fold": count(2), "attention": count(1, zero=True), "embedding": count(8)},
        "SlimUNet.forward": {
            "self": made(lambda: slim_unet.SlimUNet(1, (8, 16), context=6, heads=2)), **FORWARD,
        },
    },
    "generative.diffusion.condition": {
        "LabelTokens": {"counts": (3, 2), "dim": count(4)},
        "LabelTokens.forward": {
            "self": made(lambda: condition.LabelTokens((3, 3), 4)), "labels": labels(3, 2, 2),
            "dropped": masks(2),
        },
    },
    "generative.diffusion.kl_autoencoder": {
        "MapAttention": {"channels": count(8), "groups": count(4)},
        "MapAttention.forward": {"self": made(lambda: MapAttention(8)), "x": MAP},
        "KLAutoEncoder": {
            "channels": count(3), "widths": (8, 16), "latent": count(4), "fold": count(2), "groups": count(4),
        },
        "KLAutoEncoder.encode": {"self": CODER, "x": images(2, 3, 8, 4)},
        "KLAutoEncoder.decode": {"self": CODER, "z": CODE},
        "KLAutoEncoder.forward": {"self": CODER, "x": images(2, 3, 8, 4), "noise": CODE},
        "KLAutoEncoder.to_latent": {"self": CODER, "x": images(2, 3, 8, 4), "noise": CODE},
        "KLAutoEncoder.from_latent": {"self": CODER, "latent": CODE},
        "KLAutoEncoder.measure_scale": {"self": CODER, "x": images(2, 3, 8, 4), "noise": CODE},
        "drawn": {"mean": CODE, "log_var": CODE, "noise": CODE},
        "picture_loss": {"got": images(2, 3, 8, 4), "want": images(2, 3, 8, 4)},
        "losses": {"model": CODER, "x": images(2, 3, 8, 4), "noise": CODE, "weight": number(0.1)},
    },
    "generative.diffusion.model": {
        "Diffusion": {
            "net": made(net), "condition": made(lambda: condition.LabelTokens((3, 3), 6)),
            "schedule": SCHEDULE, "shape": (1, 8, 4), "kind": KIND, "drop": number(0.1),
        },
        "Diffusion.to_signal": {"self": DIFFUSION, "x": SIGNAL},
        "Diffusion.from_signal": {"self": DIFFUSION, "signal": SIGNAL},
        "Diffusion.forward": {"self": DIFFUSION, "*": whole(SIGNAL, STEP_NUMBERS, NAMES)},
        "Diffusion.loss": {"self": DIFFUSION, "*": grouped(SIGNAL, NAMES), "draw": draw},
        "Diffusion.signal_loss": {"self": DIFFUSION, "*": grouped(SIGNAL, NAMES), "draw": draw},
        "Diffusion.sample": {
            "self": DIFFUSION, "*": whole(NAMES), "steps": count(2), "scale": number(2.0),
            "sampler": word("ddim"), "eta": number(0.5), "seed": count(1, zero=True), "noise": SIGNAL,
        },
        "Diffusion.encode": {
            "self": DIFFUSION, "*": grouped(SIGNAL, NAMES), "steps": count(2), "scale": number(2.0),
        },
        "Diffusion.contexts": {"self": DIFFUSION, "*": whole(NAMES)},
    },
    "generative.diffusion.labelled": {
        "LabelledDiffusion.to_signal": {"self": LABELLED, "x": pixels(2, 1, 8, 4)},
        "LabelledDiffusion.from_signal": {"self": LABELLED, "signal": SIGNAL},
    },
}  # fmt: skip
