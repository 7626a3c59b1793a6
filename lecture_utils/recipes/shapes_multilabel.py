"""Weights `shapes_multilabel`: says which of eight classes stand in a 48 × 48 scene of one to three objects.

A residual net (He et al., CVPR 2016) with few strides, so that its last maps are 12 × 12; they are averaged
and weighed by one linear layer, the architecture that class activation maps need (S04.5). Each class has its
own yes or no (a sigmoid), as several are right at once. It never sees a picture twice.
"""

import itertools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from lecture_utils.backbones.resnet import BasicBlock, init_residual_, make_stage
from lecture_utils.data import toyworld
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_images
from lecture_utils.training.loop import predictions
from lecture_utils.training.one_cycle import one_cycle

SIZE, STEPS, BATCH, PEAK_RATE = 48, 2500, 48, 4e-3
PORTION = 2400  # scenes rendered at a time


class PresenceNet(nn.Module):
    """Stem, three residual blocks, mean over positions, one linear layer: (B, 3, H, W) → logits (B, K).

    `stages` gives the maps (B, 64, H/4, W/4) that class activation maps weigh, after a ReLU.
    """

    def __init__(self, *, classes: int = len(toyworld.CLASSES)) -> None:
        super().__init__()
        norm = FusedBatchNorm2d
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 3, 2, padding=1, bias=False), norm(24), nn.ReLU())
        self.stages = nn.Sequential(
            make_stage(BasicBlock, 24, 32, 1, stride=1, shortcut="projection", norm=norm),
            make_stage(BasicBlock, 32, 64, 2, stride=2, shortcut="projection", norm=norm),
        )
        self.head = nn.Linear(64, classes)
        init_residual_(self)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        check_images(x, 3)
        x = self.stages(self.stem(x))  # (B, 64, H/4, W/4)
        return self.head(x.mean(dim=(2, 3)))  # (B, K)


def build() -> nn.Module:
    """The network, untrained: (B, 3, H, W) in [0, 1] → logits (B, 8), one a class."""
    return PresenceNet()


def scenes(
    n: int, *, seed: int, split: str = "train", objects: int | tuple[int, int] = (1, 3)
) -> toyworld.Scenes:
    """Scenes of one to three objects near enough to be told apart at 48 × 48."""
    return toyworld.sample_scenes(
        n,
        seed=seed,
        split=split,
        objects=toyworld.Objects(count=objects, size=(0.36, 0.56), distance=(2.2, 4.2)),
    )


def labelled(n: int, *, seed: int, split: str = "train") -> tuple[Tensor, Tensor]:
    """Pictures (n, 3, 48, 48) and which classes can be seen in them (n, 8), 1.0 or 0.0.

    A class counts where one of its objects shows at least a quarter of itself.
    """
    sample = toyworld.render(
        scenes(n, seed=seed, split=split), SIZE, None, only=("image", "class_id", "visibility")
    )
    return sample.image, classes_in(sample.class_id, sample.visibility)


def classes_in(class_id: Tensor, visibility: Tensor) -> Tensor:
    """(N, K) class ids (-1: none) and visible shares → (N, 8): 1.0 for each class that can be seen."""
    seen = (
        F.one_hot(class_id.clamp(min=0), len(toyworld.CLASSES)) * (visibility >= 0.25)[..., None]
    )  # (N, K, 8)
    return (seen * (class_id >= 0)[..., None]).amax(dim=1).float()


def fresh_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches (B, 3, 48, 48) with (B, 8) that never repeat."""
    for portion in itertools.count(1000 * seed):
        images, present = labelled(PORTION, seed=portion)
        yield from zip(images.split(BATCH), present.split(BATCH), strict=True)


def binary_cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean over pictures and classes of the cross-entropy of each yes or no."""
    return F.binary_cross_entropy_with_logits(model(x), y)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pictures, 48 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_batches(seed), loss=binary_cross_entropy, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="multilabel",
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """On 4,000 test pictures: the right answers per class and picture, and average precision, class mean."""
    images, present = labelled(4000, seed=0, split="test")
    scores = predictions(model, images)  # (N, 8)
    right = ((scores > 0) == (present > 0)).float().mean().item()
    precision = average_precision_score(present.numpy(), scores.numpy(), average="macro")
    return {"accuracy": right, "mean_average_precision": float(precision)}
