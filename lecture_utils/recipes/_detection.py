"""What the recipes of detectors share: scenes with their boxes, a small backbone, batches, the score.

Objects of which less than a quarter shows are no truth: neither learned nor asked for.

Shapes: B pictures of 64 × 64, G objects of a picture.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.backbones.resnet import BasicBlock, init_residual_, make_stage
from lecture_utils.data import toyworld
from lecture_utils.detection.roi_heads import BoxHead, RoIHeads
from lecture_utils.detection.roi_pooling import MapPooling
from lecture_utils.detection.selective_search import selective_search
from lecture_utils.metrics.coco import coco_summary
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_images, check_sizes
from lecture_utils.training.loop import in_evaluation

SIZE, CLASSES = 64, len(toyworld.CLASSES)
PORTION = 1600  # scenes rendered at a time
BINS, HIDDEN = 5, 128  # of the heads

Target = tuple[Tensor, Tensor]  # boxes (G, 4) in pixels and classes (G,)
Proposed = tuple[Tensor, Tensor, Tensor]  # of a picture: proposals (R, 4), boxes (G, 4), classes (G,)


class SmallBackbone(nn.Module):
    """Stem and three residual blocks, to one map of stride 4: (B, 3, H, W) → [(B, D, H/4, W/4)].

    Parameters
    ----------
    width : int
        D.
    """

    def __init__(self, *, width: int = 48) -> None:
        super().__init__()
        check_sizes("backbone", width=width)
        self.channels, self.stride, norm = width, 4, FusedBatchNorm2d
        conv = nn.Conv2d(3, width // 2, 3, 2, padding=1, bias=False)
        self.stem = nn.Sequential(conv, norm(width // 2), nn.ReLU())
        self.stage = make_stage(BasicBlock, width // 2, width, 3, stride=2, shortcut="projection", norm=norm)
        init_residual_(self)

    def forward(self, x: Tensor) -> list[Tensor]:  # (B, 3, H, W)
        check_images(x, 3)
        return [self.stage(self.stem(x))]  # [(B, D, H/4, W/4)]


def heads(backbone: SmallBackbone, *, background: float = 0.0) -> RoIHeads:
    """What reads the regions of its map, in Fast and in Faster R-CNN: RoIPool, then two dense layers."""
    pooling = MapPooling((BINS, BINS), stride=backbone.stride)
    head = BoxHead(backbone.channels * BINS**2, hidden=HIDDEN, classes=CLASSES)
    return RoIHeads(pooling, head, number=16, positive_share=0.5, background=background, most=20)


def start_from_classifier(backbone: nn.Module) -> None:
    """Give a small backbone the weights that learned to classify, as all three papers do."""
    backbone.load_state_dict(zoo.load("shapes_backbone").get_submodule("backbone").state_dict())


def mirrored(boxes: Tensor, width: int = SIZE) -> Tensor:
    """Boxes (N, 4) of a picture as they lie in its mirror image."""
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=1)


def fresh_batches(seed: int, batch: int) -> Iterator[tuple[Tensor, list[Target]]]:
    """Batches of pictures and targets; each picture comes twice, the second time mirrored."""
    for portion in itertools.count(1000 * seed):
        images, targets = toyworld.detection(PORTION, size=SIZE, seed=portion)
        turned = [(mirrored(boxes), labels) for boxes, labels in targets]
        for x, y in ((images, targets), (images.flip(-1), turned)):
            for start in range(0, PORTION, batch):
                yield x[start : start + batch], y[start : start + batch]


def known_batches(
    images: Tensor, targets: Sequence[Target], proposals: Sequence[Tensor], *, batch: int, seed: int
) -> Iterator[tuple[Tensor, list[Proposed]]]:
    """Shuffled batches of the same pictures, again and again; about half of the batches are mirrored."""
    known = [(found, *target) for found, target in zip(proposals, targets, strict=True)]
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(images), generator=generator)
        for chosen in order.split(batch)[: len(images) // batch]:
            x, y = images[chosen], [known[i] for i in chosen.tolist()]
            if torch.rand((), generator=generator) < 0.5:
                x, y = x.flip(-1), [(mirrored(found), mirrored(boxes), own) for found, boxes, own in y]
            yield x, y


def search(images: Tensor) -> list[Tensor]:
    """What selective search proposes in each picture: (R, 4), the best first."""
    return [selective_search(image) for image in images]


def score(
    model: nn.Module,
    detect: Callable[[Tensor, int], Sequence[tuple[Tensor, Tensor, Tensor]]],
    *,
    n: int = 1000,
    batch: int = 50,
) -> dict[str, float]:
    """Average precision on n test scenes.

    Parameters
    ----------
    model : nn.Module
        Put into evaluation mode, without gradients, for the time being.
    detect : callable
        Pictures (B, 3, 64, 64) and the number of the first of them → for each (boxes, labels, scores).
    """
    images, targets = toyworld.detection(n, size=SIZE, seed=0, split="test")
    found = in_evaluation(
        model, lambda _: [one for i in range(0, n, batch) for one in detect(images[i : i + batch], i)]
    )
    summary = coco_summary(found, targets, classes=CLASSES)
    return {name: summary[name] for name in ("AP", "AP50", "AP75")}
