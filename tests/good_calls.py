"""A good call of each public function, as small as it can be, for `test_bad_calls` to spoil.

`GOOD` is by module, then by function, class (its constructor) or method (its object is the argument `self`).
`WITHOUT` says why something has none; `RIGHT` which bad calls may be answered, and why: "what | argument |
kind", with wildcards in both.
"""

from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.augment.copy_paste import Instances
from lecture_utils.augment.geometric import Annotated
from lecture_utils.backbones import alexnet, resnet, swin, vgg, vit
from lecture_utils.data import toyworld
from lecture_utils.explain.retrieval import FeatureDatabase
from lecture_utils.generative import dcgan
from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.norm import BatchNorm2d, FusedBatchNorm2d, LocalResponseNorm
from lecture_utils.nn.transformer import MLP, DecoderLayer, EncoderLayer, Transformer
from lecture_utils.ops.receptive_field import Layer
from lecture_utils.selfsup.dino import DINO
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
    word,
)  # fmt: skip

Call = dict[str, Any]
draw = made(lambda: torch.Generator().manual_seed(0))


def small_net() -> nn.Module:
    """Pictures (B, 3, H, W) → 5 scores."""
    return resnet.CifarNet(8, residual=True, width=4, classes=5).eval()


def small_vit(kind: type[vit.ViT] = vit.ViT) -> vit.ViT:
    """Pictures (B, 3, 8, 8) → 5 scores; 4 patches of width 8."""
    return kind(image=8, patch=4, dim=8, heads=2, hidden=8, layers=1, classes=5).eval()


def small_dino() -> DINO:
    """Two layers on pictures (B, 3, 8, 8)."""
    body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
    return DINO(body, 4, hidden=8, bottleneck=4, prototypes=6)


def small_gan() -> dcgan.Generator:
    """Latent vectors (N, 4) → pictures (N, 3, 16, 16)."""
    return dcgan.Generator(latent=4, widths=(8, 6, 4)).eval()


def rows(x: Tensor) -> Tensor:
    """Positive rows that sum to 1."""
    return (x + 0.1) / (x + 0.1).sum(-1, keepdim=True)


def joint(x: Tensor) -> Tensor:
    """Joint probabilities (N, N): symmetric, zero on the diagonal, 1 in all."""
    x = (x + x.T).fill_diagonal_(0)
    return x / x.sum()


def segment(pictures: Tensor) -> Tensor:
    """Two concepts: dark and bright."""
    return (pictures.mean(1) > 0).long()


def annotated() -> Annotated:
    """Two pictures of 8 × 6 with all annotations."""
    boxes_, points = torch.tensor([[[1.0, 1, 4, 5]]] * 2), torch.tensor([[[[1.0, 2, 2]]]] * 2)
    mask = torch.zeros(2, 1, 8, 6, dtype=torch.bool)
    mask[..., 1:5, 1:4] = True
    return Annotated(torch.rand(2, 3, 8, 6), mask, boxes_, points, torch.zeros(2, 2, 8, 6))


def instances() -> Instances:
    """Two pictures of 8 × 6 with one object each."""
    return Instances(torch.rand(2, 3, 8, 6), annotated().masks, torch.tensor([[1], [2]]))


def database() -> FeatureDatabase:
    """Six rows of width 4 of three classes."""
    return FeatureDatabase(torch.rand(6, 4), torch.arange(6) % 3)


def optimizer(net: nn.Module) -> torch.optim.Optimizer:
    """Plain descent."""
    return torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)


def training(**more: Any) -> Call:
    """Arguments of a training loop on two small batches."""
    net = small_net()
    return {
        "model": net,
        "batches": made(lambda: [(torch.rand(4, 3, 8, 8), torch.arange(4))] * 2),
        "loss": lambda model, x, y: nn.functional.cross_entropy(model(x), y),
        "optimizer": made(lambda: optimizer(net)),
        "steps": count(2),
        **more,
    }


NET, VIT, GAN = made(small_net), made(small_vit), made(small_gan)
GRID = (2, 2)
DATABASE, DINO_, SAMPLE, PASTED = made(database), made(small_dino), made(annotated), made(instances)
SCENES = made(lambda: toyworld.sample_scenes(2))
PADDED = {"stride": count(1), "padding": count(1, zero=True)}
CONV = {**PADDED, "dilation": count(1), "groups": count(1)}
LAYER = {"dim": count(8), "heads": count(2), "hidden": count(8)}
LAYERED = {"stride": count(1), "shortcut": word("projection"), "norm": FusedBatchNorm2d}
X, MAPS = images(2, 3, 8, 6), floats(2, 3, 8, 6)
VITS = {"image": count(8), "patch": count(4), **LAYER, "layers": count(1), "classes": count(5)}
MAES = {"width": count(8), "heads": count(2), "layers": count(1), "ratio": number(0.5)}
ATTENTION = floats(2, 2, 3, 5, 5, of=rows)

_GOOD: dict[str, dict[str, Call]] = {
    "nn.attention": {
        "causal_mask": {"n": count(3)},
        "attention": {
            "query": floats(2, 3, 4), "key": floats(2, 5, 4), "value": floats(2, 5, 6), "mask": masks(3, 5),
        },
        "MultiHeadAttention": {"dim": count(8), "heads": count(2)},
        **{f"MultiHeadAttention.{method}": {
            "self": made(lambda: MultiHeadAttention(8, 2)), "x": floats(2, 3, 8), "context": floats(2, 5, 8),
            "mask": masks(3, 5),
        } for method in ("forward", "weights")},
        "MultiHeadAttention.project": {
            "self": made(lambda: MultiHeadAttention(8, 2)), "x": floats(2, 3, 8), "context": floats(2, 5, 8),
        },
    },
    "nn.init": {"he_init_": {"model": NET}},
    "nn.norm": {
        "BatchNorm2d": {"channels": count(3), "eps": number(1e-5), "momentum": number(0.1)},
        "BatchNorm2d.forward": {"self": made(lambda: BatchNorm2d(3)), "x": X},
        "BatchNorm2d.update": {
            "self": made(lambda: BatchNorm2d(3)), "mean": floats(3), "var": floats(3), "n": count(9),
        },
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
        "Transformer.forward": {"self": made(lambda: TEXT()), "source": labels(7, 2, 4), "target": labels(7, 2, 3)},
        "Transformer.encode": {"self": made(lambda: TEXT()), "source": labels(7, 2, 4)},
        "Transformer.decode": {
            "self": made(lambda: TEXT()), "memory": floats(2, 4, 8), "target": labels(7, 2, 3),
        },
        "Transformer.tokens": {"self": made(lambda: TEXT()), "ids": labels(7, 2, 4)},
        "Transformer.generate": {
            "self": made(lambda: TEXT()), "source": labels(7, 2, 4), "start": index(1, 7), "length": count(3),
        },
        "next_token_loss": {"logits": floats(2, 3, 7), "target": labels(7, 2, 3)},
    },
    "nn.vit_start": {
        "start_": {"position": floats(1, 5, 8), "attentions": made(lambda: [MultiHeadAttention(8, 2)])},
        "grid_encoding": {"side": count(2), "dim": count(8)},
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
        "as_one": {"setting": count(3, zero=True)},
    },
    "backbones.alexnet": {
        "AlexNet": {
            "classes": count(5), "in_channels": count(3), "widths": pair(4, 4, 4, 4, 4), "first_kernel": count(3),
            "first_stride": count(1), "first_padding": count(1, zero=True), "groups": count(1), "grid": count(2),
            "hidden": count(8), "dropout": number(0.5),
        },
        "AlexNet.forward": {"self": made(lambda: alexnet.alexnet_small(width=4).eval()), "x": images(2, 3, 33, 36)},
        "alexnet_features": {
            "first": made(lambda: nn.Conv2d(3, 4, 3)), "widths": pair(4, 4, 4, 4, 4), "groups": count(1), "lrn": False,
        },
        "alexnet_classifier": {
            "inputs": count(8), "hidden": count(8), "classes": count(5), "dropout": number(0.5),
        },
        "alexnet_small": {"classes": count(5), "in_channels": count(3), "width": count(4)},
    },
    "backbones.resnet": {
        "PadShortcut": {"extra_channels": count(2, zero=True), "stride": count(2)},
        "PadShortcut.forward": {"self": made(lambda: resnet.PadShortcut(2, 2)), "x": MAPS},
        "make_shortcut": {"kind": word("projection"), "in_channels": count(3), "out_channels": count(4), "stride": count(2), "norm": BatchNorm2d},
        **{name: {"in_channels": count(4), "channels": count(4), **LAYERED} for name in ("BasicBlock", "Bottleneck")},
        "BasicBlock.forward": {"self": made(lambda: resnet.BasicBlock(3, 4).eval()), "x": MAPS},
        "Bottleneck.forward": {"self": made(lambda: resnet.Bottleneck(3, 4).eval()), "x": MAPS},
        "make_stage": {"block": resnet.BasicBlock, "in_channels": count(4), "channels": count(4), "blocks": count(1), **LAYERED},
        "ResNet": {"block": resnet.BasicBlock, "blocks": pair(1, 1, 1, 1), "classes": count(5), "in_channels": count(3), "width": count(4), "shortcut": word("projection")},
        "ResNet.forward": {"self": made(lambda: resnet.ResNet(resnet.BasicBlock, (1, 1, 1, 1), width=4, classes=5).eval()), "x": images(2, 3, 33, 36)},
        "CifarNet": {"depth": count(8), "residual": True, "width": count(4), "in_channels": count(3), "classes": count(5), "shortcut": word("identity")},
        "CifarNet.forward": {"self": NET, "x": X},
        "init_residual_": {"model": NET},
    },
    "backbones.swin": {
        "window_partition": {"x": floats(2, 4, 6, 8), "window": count(2)},
        "window_reverse": {"windows": floats(12, 4, 8), "window": count(2), "height": count(4), "width": count(6)},
        "shift_mask": {"height": count(4), "width": count(4), "window": count(2), "shift": count(1, zero=True)},
        "relative_position_index": {"window": count(2)},
        "WindowAttention": {"dim": count(8), "heads": count(2), "window": count(2), "shift": count(1, zero=True)},
        "WindowAttention.forward": {"self": made(lambda: swin.WindowAttention(8, 2, 2)), "x": floats(2, 4, 6, 8)},
        "WindowAttention.bias": {"self": made(lambda: swin.WindowAttention(8, 2, 2)), "height": count(4), "width": count(6), "shift": count(1, zero=True)},
        "SwinBlock": {"dim": count(8), "heads": count(2), "window": count(2), "shift": count(1, zero=True), "mlp_ratio": count(2)},
        "SwinBlock.forward": {"self": made(lambda: swin.SwinBlock(8, 2, 2)), "x": floats(2, 4, 6, 8)},
        "PatchMerging": {"dim": count(4)},
        "PatchMerging.forward": {"self": made(lambda: swin.PatchMerging(8)), "x": floats(2, 4, 6, 8)},
        "Swin": {"dim": count(8), "depths": pair(1, 1), "heads": pair(2, 2), "window": count(2), "patch": count(2), "classes": count(5), "in_channels": count(3)},
        **{f"Swin.{m}": {"self": made(lambda: SWIN()), "x": images(2, 3, 8, 8)} for m in ("forward", "features")},
    },
    "backbones.vgg": {
        "VGG": {"configuration": word("A"), "classes": count(5), "in_channels": count(3), "width": count(2), "grid": count(1), "hidden": count(4), "dropout": number(0.5)},
        "VGG.forward": {"self": made(lambda: vgg.VGG("A", classes=5, width=2, grid=1, hidden=4).eval()), "x": images(2, 3, 32, 34)},
        "vgg_stage": {"in_channels": count(3), "channels": count(4), "kernels": pair(3, 3)},
        "vgg_classifier": {"inputs": count(8), "hidden": count(8), "classes": count(5), "dropout": number(0.5)},
    },
    "backbones.vit": {
        "PatchEmbedding": {"patch": count(4), "dim": count(8), "in_channels": count(3)},
        **{f"PatchEmbedding.{m}": {"self": made(lambda: vit.PatchEmbedding(4, 8)), "x": images(2, 3, 8, 8)} for m in ("forward", "as_linear")},
        "resize_positions": {"position": floats(1, 5, 8), "rows": count(3), "columns": count(2)},
        "ViT": {**VITS, "in_channels": count(3)},
        **{f"ViT.{m}": {"self": VIT, "x": images(2, 3, 8, 8)} for m in ("forward", "tokens", "embed_tokens", "grid", "attention_maps")},
    },
    "imaging.colour": {
        "rgb_to_hsv": {"image": pixels(2, 3, 8, 6)},
        "hsv_to_rgb": {"image": pixels(2, 3, 8, 6)},
        "rgb_to_luma": {"image": X, "weights": pair(0.3, 0.6, 0.1)},
    },
    "imaging.formation": {
        "project_pinhole": {"points": floats(5, 3, of=lambda x: x + 1), "focal": number(2.0), "centre": pair(1.0, 2.0)},
        "grating": {"frequency": number(2.0), "angle": number(0.5)},
        "zone_plate": {"peak": number(3.0)},
        "sample": {"scene": lambda x, y: x * y, "size": count(4), "low_pass": True, "subsamples": count(2)},
        "gaussian_blur": {"image": X, "sigma": number(1.0)},
        "downsample": {"image": images(2, 3, 8, 6), "factor": count(2)},
        "alias_frequency": {"frequency": number(3.0), "rate": number(4.0)},
        "quantise": {"x": pixels(2, 3, 8, 6), "bits": count(3)},
        "bayer_mask": {"height": count(4), "width": count(6)},
        "bayer_mosaic": {"image": X},
        "demosaic_bilinear": {"raw": floats(2, 1, 8, 6)},
    },
}  # fmt: skip
GOOD: dict[str, Call] = {f"{place}.{name}": c for place, calls in _GOOD.items() for name, c in calls.items()}


def TEXT() -> Transformer:
    """A transformer of 7 words."""
    return Transformer(7, dim=8, heads=2, hidden=8, layers=1, max_length=6).eval()


def SWIN() -> swin.Swin:
    """Two stages on pictures of 8 × 8."""
    return swin.Swin(dim=8, depths=(1, 1), heads=(2, 2), window=2, patch=2, classes=5).eval()
