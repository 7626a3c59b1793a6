"""What the good calls share: small networks, data and settings, made anew for each call."""

from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.augment.copy_paste import Instances
from lecture_utils.augment.geometric import Annotated
from lecture_utils.backbones import resnet, swin, vit
from lecture_utils.data import toyworld
from lecture_utils.explain.retrieval import FeatureDatabase
from lecture_utils.generative import dcgan
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.nn.transformer import Transformer
from lecture_utils.selfsup.dino import DINO
from lecture_utils.selfsup.mae import MAE, MAEWithMoments
from tests.bad_calls import (
    Value,
    count,
    floats,
    grouped,
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


def whole(*values: Value) -> Value:
    """A tuple of arguments of which none is left out."""
    group = grouped(*values)
    return group._replace(kinds={k: v for k, v in group.kinds.items() if k != "one too few"})


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


def TEXT() -> Transformer:
    """A transformer of 7 words."""
    return Transformer(7, dim=8, heads=2, hidden=8, layers=1, max_length=6).eval()


def SWIN() -> swin.Swin:
    """Two stages on pictures of 8 × 8."""
    return swin.Swin(dim=8, depths=(1, 1), heads=(2, 2), window=2, patch=2, classes=5).eval()


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
GAN, DATABASE, DINO_, SAMPLE, PASTED = map(made, (small_gan, database, small_dino, annotated, instances))
SCENES = made(lambda: toyworld.sample_scenes(2))
MAES = {"width": count(8), "heads": count(2), "layers": count(1), "ratio": number(0.5)}
MASKED = made(lambda: MAE(small_vit(), width=8, heads=2).eval())
MOMENTS = made(lambda: MAEWithMoments(small_vit(), width=8, heads=2).eval())
ATTENTION = floats(2, 2, 3, 5, 5, of=rows)
PICTURES, SMALL = images(2, 3, 8, 8), pixels(2, 3, 8, 6)
VECTORS, EIGHT = floats(6, 4), floats(8, 4)
TARGET = {"model": NET, "x": X, "target": index(1, 5)}
UNITS = {"units": [0, 2], "value": number(0.0), "region": masks(4, 4)}
PAIRED = {"maps": floats(2, 8, 6, of=lambda x: x), "masks": masks(2, 8, 6)}
PROBED = {"x": VECTORS, "y": labels(None, 6)}
SOFT = floats(2, 5, of=rows)
SCENE = {
    "background": images(2, 3, 12, 10),
    "sprites": floats(2, 2, 3, 8, 6),
    "alphas": floats(2, 2, 1, 8, 6, of=lambda x: x),
}
TURNED = {"degrees": number(30.0), "centre": pair(1.0, 2.0)}

PLAYER, JUDGE = small_gan().train(), dcgan.Discriminator(widths=(4, 6))
