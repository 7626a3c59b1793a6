"""Weights `shapes_fcn`: an FCN-8s for 96 × 96 scenes, made from the FCN-32s `shapes_fcn32`.

As in J. Long et al. (CVPR 2015, section 4.2): 16s from 32s, then 8s from that; every step adds a score layer
that starts at zero. Simplified: Adam with a cycle of its rate for each stage, instead of SGD at a fixed low
one.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.metrics.boundary_iou import mean_boundary_iou
from lecture_utils.metrics.segmentation import mean_iou
from lecture_utils.recipes import shapes_vgg
from lecture_utils.segmentation.fcn import FCN
from lecture_utils.training.loop import minibatches, predictions
from lecture_utils.training.one_cycle import one_cycle

CLASSES = len(toyworld.SEMANTIC)
PICTURES, BATCH = 4000, 16
STEPS, PEAK_RATE = (400, 1200), 2e-3  # of 16s and 8s


def build() -> FCN:
    """The network, untrained: (B, 3, H, W) in [0, 1] → scores (B, 12, H, W)."""
    return FCN(shapes_vgg.build(), classes=CLASSES, stride=8)


def scene_batches(
    n: int, seed: int, *, batch_size: int = BATCH, size: int = 96
) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches of n training scenes for ever, half of them mirrored: (B, 3, S, S), (B, S, S)."""
    images, labels = toyworld.segmentation(n, size=size, split="train", seed=seed)
    stacked = torch.cat([(255 * images).round().byte(), labels[:, None].byte()], dim=1)  # (n, 4, S, S)
    for x, _ in minibatches(
        stacked, torch.arange(n), batch_size=batch_size, seed=seed, augment=mirrored_bytes
    ):
        yield x[:, :3].float() / 255, x[:, 3].long()


def mirrored_bytes(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror pictures, their labels with them, (B, 4, H, W), each with probability one half."""
    flip = torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5
    return torch.where(flip, x.flip(-1), x)


def pixel_cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean over all pixels of -log p(right class)."""
    return F.cross_entropy(model(x), y)


def learning(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """Adam over what may move: the last up-sampling stays bilinear."""
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], rate)


def train(seed: int = 0, *, steps: tuple[int, ...] = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train 16s and 8s one after the other; return the last, and steps, seconds and its loss."""
    torch.manual_seed(seed)
    model, batches = zoo.load("shapes_fcn32"), scene_batches(PICTURES, seed)
    assert isinstance(model, FCN)
    total = {"steps": 0.0, "seconds": 0.0}
    for number in steps:
        model = model.refined()
        _, info = one_cycle(
            model, batches, loss=pixel_cross_entropy, optimizer=learning(model, PEAK_RATE), steps=number,
            warm_up=0.15, label=f"FCN-{model.stride}s",
        )  # fmt: skip
        total = {name: total[name] + info[name] for name in total}
    return model.eval(), total | {"loss": info["loss"]}


def evaluate(model: nn.Module) -> dict[str, float]:
    """Mean IoU and mean boundary IoU over 500 test scenes."""
    images, labels = toyworld.segmentation(500, split="test", seed=0)
    guess = predictions(model, images, 100).argmax(1)  # (N, 96, 96)
    return {
        "mean_iou": mean_iou(guess, labels, CLASSES),
        "mean_boundary_iou": mean_boundary_iou(guess, labels, CLASSES),
    }
