"""A small RetinaNet on maps that stay as they are: how focal loss and cross-entropy are compared.

After T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal Loss for Dense Object Detection", ICCV 2017.
The backbone of `shapes_faster_rcnn` is held fixed, so its maps are computed once. It has learned without
either loss. What is trained: a feature pyramid of two levels on its map, and the two subnets that read them.

Shapes: B pictures of 64 × 64, N = 2,880 anchors, K classes.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.detection.anchors import BETWEEN, Anchors, match_anchors
from lecture_utils.detection.fpn import FPN
from lecture_utils.detection.retinanet import RetinaNet
from lecture_utils.detection.structures import Detections
from lecture_utils.ops.boxes import box_iou
from lecture_utils.training.kit import train_cycle

SIDE, WIDTH, CLASSES = 64, 24, len(toyworld.CLASSES)
ANCHORS = Anchors(sizes=tuple((x, x * 2 ** (1 / 3), x * 2 ** (2 / 3)) for x in (10, 20)))
RATE = 5e-3
EASY = 0.9  # p_t from which on a negative counts as easy
Target = tuple[Tensor, Tensor]  # boxes (G, 4) in pixels and classes (G,)


class Pyramid(nn.Module):
    """A pyramid of strides 4 and 8 on a map of stride 4: (B, 48, h, w) → [(B, D, h, w), (B, D, h/2, w/2)]."""

    def __init__(self, kind: type[FPN] = FPN, *, channels: int = 48) -> None:
        super().__init__()
        self.fpn = kind((channels, channels), channels=WIDTH, extra=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.fpn([x, F.avg_pool2d(x, 2)])


def build(
    kind: type[RetinaNet] = RetinaNet,
    pyramid: type[FPN] = FPN,
    *,
    prior: float = 0.01,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
) -> RetinaNet:
    """Make a network that reads maps; γ = 0 is cross-entropy, weighted by α (None: not at all)."""
    backbone = Pyramid(pyramid)
    return kind(backbone, WIDTH, ANCHORS, CLASSES, prior=prior, std=0.1, alpha=alpha, gamma=gamma)


def single_objects(n: int, *, seed: int, split: str = "train") -> tuple[Tensor, list[Target]]:
    """Pictures (n, 3, 64, 64) of one object each, with its box and class where at least a quarter shows."""
    drawn = toyworld.sample_scenes(n, seed=seed, split=split, objects=toyworld.Objects(count=1))
    sample = toyworld.render(drawn, SIDE, None, only=("image", "class_id", "boxes", "visibility"))
    seen = sample.visibility >= 0.25  # (n, 1)
    return sample.image, [
        (boxes[own], labels[own])
        for boxes, labels, own in zip(sample.boxes, sample.class_id, seen, strict=True)
    ]


@torch.inference_mode()
def maps_of(images: Tensor) -> Tensor:
    """What the fixed backbone makes of pictures (B, 3, 64, 64): (B, 48, 16, 16)."""
    backbone = zoo.load("shapes_faster_rcnn").get_submodule("backbone")
    return torch.cat([backbone(x)[0] for x in images.split(50)]).clone()


class Said(NamedTuple):
    """What the subnets say: of each level logits (B, n, K), offsets (B, n, 4) and anchors (n, 4)."""

    logits: list[Tensor]
    deltas: list[Tensor]
    anchors: list[Tensor]


def say(net: RetinaNet, maps: Tensor) -> Said:
    """Read maps (B, 48, 16, 16)."""
    levels = net.backbone(maps)
    return Said(net.class_subnet(levels), net.box_subnet(levels), net.anchors(levels, (SIDE, SIDE)))


def loss(net: Any, maps: Tensor, targets: Sequence[Target]) -> Tensor:
    """Both losses of RetinaNet, added."""
    said = say(net, maps)
    both = net.loss(torch.cat(said.logits, 1), torch.cat(said.deltas, 1), torch.cat(said.anchors), targets)
    return torch.stack(list(both.values())).sum()


def batches(
    maps: Tensor, targets: Sequence[Target], *, seed: int, batch: int = 8
) -> Iterator[tuple[Tensor, list[Target]]]:
    """Draw batches at random, again and again."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        chosen = torch.randint(len(maps), (batch,), generator=generator)
        yield maps[chosen], [targets[i] for i in chosen.tolist()]


def train(net: RetinaNet, maps: Tensor, targets: Sequence[Target], *, steps: int, seed: int = 0) -> RetinaNet:
    """Train on maps (n, 48, 16, 16) and what is in their pictures; the rate rises and falls once."""
    train_cycle(
        net, batches(maps, targets, seed=seed), loss=loss, steps=steps, warm_up=0.15,
        optimizer=torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-2),
    )  # fmt: skip
    return net.eval()


@torch.inference_mode()
def detect(net: RetinaNet, maps: Tensor) -> list[Detections]:
    """Find objects in pictures by their maps (B, 48, 16, 16)."""
    found = []
    for x in maps.split(25):
        said = say(net, x)
        for i in range(len(x)):
            logits, deltas = [a[i] for a in said.logits], [a[i] for a in said.deltas]
            found.append(net.detections(logits, deltas, said.anchors, (SIDE, SIDE)))
    return found


class Decisions(NamedTuple):
    """Every yes or no that the class loss asks for: logits (M,), and whether it is a yes, (M,) bool."""

    logits: Tensor
    yes: Tensor

    @property
    def easy(self) -> Tensor:
        """Those that are no, and known to be with a probability of 0.9 or more: (M,) bool."""
        return ~self.yes & (self.logits.sigmoid() <= 1 - EASY)


@torch.inference_mode()
def decisions(net: RetinaNet, maps: Tensor, targets: Sequence[Target]) -> Decisions:
    """What the class subnet says of each trained anchor and class, and what is so."""
    said = say(net, maps)
    logits, anchors = torch.cat(said.logits, 1), torch.cat(said.anchors)
    asked, yes = [], []
    for logit, (boxes, labels) in zip(logits, targets, strict=True):
        match = match_anchors(box_iou(boxes, anchors), high=net.high, low=net.low, allow_low_quality=True)
        wanted = torch.zeros_like(logit, dtype=torch.bool)  # (N, K)
        positive = (match >= 0).nonzero()[:, 0]
        wanted[positive, labels[match[positive]]] = True
        asked.append(logit[match != BETWEEN].flatten())
        yes.append(wanted[match != BETWEEN].flatten())
    return Decisions(torch.cat(asked), torch.cat(yes))
