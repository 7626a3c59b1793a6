"""Good calls of layers and operations: nn, ops, imaging and generative."""

from torch import nn

from lecture_utils.generative import dcgan
from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.norm import BatchNorm2d, FusedBatchNorm2d, LocalResponseNorm
from lecture_utils.nn.transformer import MLP, DecoderLayer, EncoderLayer
from lecture_utils.ops.receptive_field import Layer
from tests.bad_calls import (
    count,
    floats,
    images,
    index,
    labels,
    made,
    masks,
    number,
    pair,
    pixels,
)  # fmt: skip
from tests.good_calls.makers import (
    CONV,
    GAN,
    JUDGE,
    LAYER,
    MAPS,
    NET,
    PADDED,
    PLAYER,
    TEXT,
    Call,
    X,
    optimizer,
)

GOOD: dict[str, dict[str, Call]] = {
    "nn.attention": {
        "causal_mask": {"n": count(3)},
        "attention": {
            "query": floats(2, 3, 4), "key": floats(2, 5, 4), "value": floats(2, 5, 6), "mask": masks(3, 5),
        },
        "MultiHeadAttention": {"dim": count(8), "heads": count(2)},
        **{f"MultiHeadAttention.{method}": {
            "self": made(lambda: MultiHeadAttention(8, 2)), "x": floats(2, 3, 8), "context": floats(2, 5,
                8),
            "mask": masks(3, 5),
        } for method in ("forward", "weights")},
    },
    "nn.init": {"he_init_": {"model": NET}},
    "nn.norm": {
        "BatchNorm2d": {"channels": count(3), "eps": number(1e-5), "momentum": number(0.1)},
        "BatchNorm2d.forward": {"self": made(lambda: BatchNorm2d(3)), "x": X},
        "FusedBatchNorm2d.forward": {"self": made(lambda: FusedBatchNorm2d(3)), "x": X},
        "LocalResponseNorm": {
            "size": count(5), "alpha": number(1e-4), "beta": number(0.75), "k": number(2.0),
        },
        "LocalResponseNorm.forward": {"self": made(LocalResponseNorm), "x": MAPS},
    },
    "nn.positions": {"sinusoidal_encoding": {"n": count(4), "dim": count(6)}},
    "nn.transformer": {
        "MLP": {"dim": count(4), "hidden": count(8)},
        "MLP.forward": {"self": made(lambda: MLP(8, 4)), "x": floats(2, 3, 8)},
        "EncoderLayer": {**LAYER, "eps": number(1e-5)},
        "EncoderLayer.forward": {
            "self": made(lambda: EncoderLayer(8, 2, 8)), "x": floats(2, 3, 8), "mask": masks(3, 3),
        },
        "DecoderLayer": {**LAYER, "eps": number(1e-5)},
        "DecoderLayer.forward": {
            "self": made(lambda: DecoderLayer(8, 2, 8)), "x": floats(2, 3, 8), "memory": floats(2, 5, 8),
            "mask": masks(3, 3), "memory_mask": masks(3, 5),
        },
        "Transformer": {"vocabulary": count(7), **LAYER, "layers": count(1), "max_length": count(6)},
        "Transformer.forward": {"self": made(lambda: TEXT()), "source": labels(7, 2, 4),
            "target": labels(7, 2, 3)},
        "Transformer.encode": {"self": made(lambda: TEXT()), "source": labels(7, 2, 4)},
        "Transformer.decode": {
            "self": made(lambda: TEXT()), "memory": floats(2, 4, 8), "target": labels(7, 2, 3),
        },
        "Transformer.tokens": {"self": made(lambda: TEXT()), "ids": labels(7, 2, 4)},
        "Transformer.generate": {
            "self": made(lambda: TEXT()), "source": labels(7, 2, 4), "start": index(1, 7),
                "length": count(3),
        },
        "next_token_loss": {"logits": floats(2, 3, 7), "target": labels(7, 2, 3)},
    },
    "nn.vit_start": {
        "start_": {"position": floats(1, 5, 8), "attentions": made(lambda: [MultiHeadAttention(8, 2)])},
        "grid_encoding": {"side": count(2), "dim": count(8)},
    },
    "ops.upsampling": {
        "conv_transpose_output_size": {"size": count(4), "kernel": count(3), **PADDED, "dilation": count(1)},
        "conv_transpose_shape": {"x": X, "weight": floats(3, 4, 3, 3), "bias": floats(4), **CONV},
        "conv_transpose2d_loops": {
            "x": images(2, 3, 5, 6),
            "weight": floats(3, 4, 3, 3),
            "bias": floats(4),
            **CONV,
        },
        "conv_transpose2d": {"x": X, "weight": floats(3, 4, 3, 3), "bias": floats(4), **CONV},
        "bilinear_kernel": {"factor": count(2)},
        "bilinear_upsample": {"x": X, "factor": count(2)},
        "overlaps": {"size": count(4), "kernel": count(3), "stride": count(2)},
    },
    "ops.convolution": {
        "conv_output_size": {"size": count(8), "kernel": count(3), **PADDED, "dilation": count(1)},
        "conv_output_shape": {"x": X, "weight": floats(4, 3, 3, 3), "bias": floats(4), **CONV},
        "conv2d_loops": {"x": images(2, 3, 5, 6), "weight": floats(4, 3, 3, 3), "bias": floats(4), **CONV},
        "im2col": {"x": X, "kernel_size": (3, 3), **PADDED, "dilation": count(1)},
        "conv2d": {"x": X, "weight": floats(4, 3, 3, 3), "bias": floats(4), **CONV},
        "col2im": {"columns": floats(2, 27, 48), "image_size": (8, 6), "kernel_size": (3, 3), **PADDED},
        "conv2d_backward": {"grad_out": floats(2, 4, 8, 6), "x": X, "weight": floats(4, 3, 3, 3), **CONV},
    },
    "ops.neighbours": {
        "cosine_similarity": {"queries": floats(2, 4), "rows": floats(3, 4)},
        "vote": {"labels": labels(3, 2, 4), "classes": count(3), "weights": floats(2, 4)},
    },
    "ops.photometric": {
        "turn_hue": {"images": X, "turn": floats(2)},
        "filter_channels": {"images": X, "kernel": floats(3, 2)},
    },
    "ops.receptive_field": {
        "receptive_field": {"layers": [Layer(3), Layer(3, 2)]},
        "empirical_receptive_field": {"module": nn.Conv2d(3, 2, 3), "in_shape": pair(3, 9, 9)},
        "gradient_support": {"module": nn.Conv2d(3, 2, 3), "in_shape": pair(3, 9, 9), "unit": pair(2, 2)},
    },
    "imaging.colour": {
        "rgb_to_hsv": {"image": pixels(2, 3, 8, 6)},
        "hsv_to_rgb": {"image": pixels(2, 3, 8, 6)},
        "rgb_to_luma": {"image": X, "weights": pair(0.3, 0.6, 0.1)},
    },
    "imaging.formation": {
        "project_pinhole": {"points": floats(5, 3, of=lambda x: x + 1), "focal": number(2.0),
            "centre": pair(1.0, 2.0)},
        "grating": {"frequency": number(2.0), "angle": number(0.5)},
        "zone_plate": {"peak": number(3.0)},
        "sample": {"scene": lambda x, y: x * y, "size": count(4), "low_pass": True, "subsamples": count(2)},
        "gaussian_blur": {"image": floats(2, 8, 6), "sigma": number(1.0)},
        "downsample": {"image": floats(2, 8, 6), "factor": count(2)},
        "alias_frequency": {"frequency": number(3.0), "rate": number(4.0)},
        "quantise": {"x": pixels(2, 3, 8, 6), "bits": count(3)},
        "bayer_mask": {"height": count(4), "width": count(6)},
        "bayer_mosaic": {"image": X},
        "demosaic_bilinear": {"raw": floats(2, 1, 8, 6)},
    },
    "generative.dcgan": {
        "UpBlock": {"in_channels": count(3), "out_channels": count(4)},
        "UpBlock.forward": {"self": made(lambda: dcgan.UpBlock(3, 4).eval()), "x": MAPS},
        "Generator": {"latent": count(4), "widths": pair(8, 6), "channels": count(3)},
        "Generator.forward": {"self": GAN, "z": floats(2, 4)},
        "Generator.sample": {"self": GAN, "n": count(2), "seed": count(0, zero=True)},
        "Discriminator": {"widths": pair(4, 6), "channels": count(3)},
        "Discriminator.forward": {"self": made(lambda: dcgan.Discriminator(widths=(4, 6))), "x": images(2,
            3, 16, 16)},
        "batch_spread": {"x": MAPS},
    },
    "generative.gan_loss": {
        "discriminator_loss": {"real": floats(4), "fake": floats(4)},
        "generator_loss": {"fake": floats(4)},
        "play_round": {"generator": PLAYER, "discriminator": JUDGE, "real": images(2, 3, 16, 16),
            "z": floats(2, 4), "generator_optimizer": optimizer(PLAYER),
            "discriminator_optimizer": optimizer(JUDGE), "r1": number(0.1)},
    },
}  # fmt: skip
