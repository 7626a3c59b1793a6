"""A region proposal network small enough to train in seconds: what the lab's three steps work on.

After S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN", NeurIPS 2015, section 3.1, on pictures of 64 × 64
pixels with four convolutions in place of a large backbone.

Shapes: B pictures, N anchors, M objects of a picture (boxes of zeros for those that are not there).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld import Objects, render, sample_scenes
from lecture_utils.detection.anchors import BETWEEN, cell_anchors, grid_anchors, sample_balanced
from lecture_utils.detection.rpn import RPNHead
from lecture_utils.metrics.average_precision import match_detections
from lecture_utils.metrics.proposals import recall_at
from lecture_utils.ops.boxes import box_iou, clip_boxes, decode_boxes, encode_boxes
from lecture_utils.ops.nms import nms
from lecture_utils.training.kit import train_cycle

SIDE, STRIDE = 64, 8
SIZES = (14.0, 28.0)  # of the two anchors at each place, in pixels
BINS = {"small": (0.0, 14.0), "middle": (14.0, 22.0), "large": (22.0, 64.0)}  # square root of a box's area
LEAST = 4.0  # pixels: of what is hidden more than that, no box is asked for
BATCH, SAMPLED = 16, 32  # pictures a step, anchors of each that are trained on
RATE = 4e-3


def scenes(count: int, *, split: str = "train", seed: int = 0) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, 64, 64) with two to four objects of very different sizes, and their boxes (B, 4, 4)."""
    objects = Objects(count=(2, 4), size=(0.16, 0.6), distance=(2.2, 4.2))
    drawn = render(
        sample_scenes(count, seed=seed, split=split, objects=objects), SIDE, only=("image", "boxes")
    )
    large = (drawn.boxes[..., 2:] - drawn.boxes[..., :2] >= LEAST).all(dim=2)  # (B, M)
    return drawn.image, drawn.boxes.float() * large[..., None]


def anchors() -> Tensor:
    """Two square anchors at each of 8 × 8 places: (128, 4) x1, y1, x2, y2 in pixels."""
    return grid_anchors(cell_anchors(SIZES, (1.0,)), (SIDE // STRIDE,) * 2, (STRIDE, STRIDE))


class TinyRPN(nn.Module):
    """Four convolutions to a map of 8 × 8 cells, and the head that says for each anchor what is there."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside, stride in ((3, 16, 2), (16, 32, 2), (32, 64, 2), (64, 64, 1)):
            layers += [
                nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outside),
                nn.ReLU(),
            ]
        self.body, self.head = nn.Sequential(*layers), RPNHead(64, len(SIZES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Objectness (B, N) and offsets (B, N, 4) of pictures (B, 3, 64, 64)."""
        objectness, offsets = self.head([self.body(images)])
        return objectness[0], offsets[0]


def rpn_loss(objectness: Tensor, offsets: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """Equation 1 on a sample of anchors: is there an object, and, where there is, how far off is its box?

    Parameters
    ----------
    objectness, offsets : Tensor
        (B, N) and (B, N, 4), what the network says.
    labels, wanted : Tensor
        (B, N) of 1, 0 and -1 (left out), and (B, N, 4): what it should say.
    """
    drawn = torch.zeros_like(labels, dtype=torch.bool)
    for own, row in zip(labels, drawn, strict=True):
        row[torch.cat(sample_balanced(own, SAMPLED, 0.5))] = True
    positive = drawn & (labels == 1)
    there = F.binary_cross_entropy_with_logits(objectness[drawn], labels[drawn].float())
    moved = F.smooth_l1_loss(offsets[positive], wanted[positive], beta=1 / 9, reduction="sum")
    return there + moved / drawn.sum()


def train(images: Tensor, labels: Tensor, wanted: Tensor, *, steps: int = 160, seed: int = 0) -> TinyRPN:
    """Train a network on pictures and what each anchor is taught; the rate falls to 0 at the end."""
    torch.manual_seed(seed)
    net = TinyRPN()
    draws = (torch.randint(len(images), (BATCH,)) for _ in range(steps))
    train_cycle(
        net, ((images[chosen], (labels[chosen], wanted[chosen])) for chosen in draws),
        loss=lambda model, x, taught: rpn_loss(*model(x), *taught),
        optimizer=torch.optim.Adam(net.parameters(), lr=RATE), steps=steps,
    )  # fmt: skip
    return net.eval()


def targets_of(match: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (B, N) and offsets (B, N, 4) of a batch, from each anchor's match (B, N) and boxes (B, M, 4)."""
    labels = (match >= 0).long().masked_fill(match == BETWEEN, -1)
    wanted = torch.zeros(*match.shape, 4)
    for own, number, row in zip(boxes, match, wanted, strict=True):
        positive = number >= 0
        row[positive] = encode_boxes(own[number[positive]], anchors()[positive])
    return labels, wanted


@torch.inference_mode()
def propose(net: nn.Module, images: Tensor, count: int = 10) -> list[tuple[Tensor, Tensor]]:
    """The surest `count` proposals of each picture without doubles (IoU 0.7): boxes (R, 4), scores (R,)."""
    found = []
    for objectness, offsets in zip(*net(images), strict=True):
        boxes = clip_boxes(decode_boxes(offsets, anchors()), SIDE, SIDE)
        kept = nms(boxes, objectness.sigmoid(), 0.7)[:count]
        found.append((boxes[kept], objectness.sigmoid()[kept]))
    return found


def side_of(boxes: Tensor) -> Tensor:
    """Square root of the area of boxes (…, 4)."""
    return (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1).sqrt()


def by_size(yes: Tensor, boxes: Tensor) -> dict[str, float]:
    """Share of the objects with boxes (B, M, 4) for which `yes` (B, M) holds, for each range of sizes."""
    side = side_of(boxes)
    ranges = {name: (side > low) & (side <= high) for name, (low, high) in BINS.items()}
    return {name: float(yes[inside].float().mean()) for name, inside in ranges.items()}


def recall_by_size(proposals: Sequence[tuple[Tensor, Tensor]], boxes: Tensor) -> dict[str, float]:
    """Share of the objects that a proposal covers with an IoU of 0.5 or more, for each range of sizes."""
    found = [
        (box_iou(own, proposed) >= 0.5).any(dim=1)
        for own, (proposed, _) in zip(boxes, proposals, strict=True)
    ]
    return by_size(torch.stack(found), boxes)


def recall_curve(
    net: nn.Module, images: Tensor, boxes: Tensor, counts: Sequence[int] = (1, 2, 5, 10, 20, 50)
) -> tuple[Sequence[int], list[float]]:
    """Numbers of proposals, and the share of all objects (B, M, 4) that so many cover with an IoU of 0.5."""
    there = [own[side_of(own) > 0] for own in boxes]
    proposed = [found for found, _ in propose(net, images, max(counts))]
    return counts, [recall_at(proposed, there, n) for n in counts]


def answered_by_size(match: Tensor, boxes: Tensor) -> dict[str, float]:
    """Share of the objects for which some anchor answers (match is (B, N)), for each range of sizes."""
    numbers = torch.arange(boxes.shape[1])[:, None]  # (M, 1)
    return by_size((match[:, None, :] == numbers).any(dim=2), boxes)


def scored_hits(proposals: Sequence[tuple[Tensor, Tensor]], boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (D,) of all proposals, and which found an object that no surer one had found (IoU 0.5)."""
    hits = []
    for own, (proposed, _) in zip(boxes, proposals, strict=True):
        there = own[side_of(own) > 0]
        hits.append(match_detections(box_iou(proposed, there), torch.tensor([0.5]))[0] >= 0)
    return torch.cat([scores for _, scores in proposals]), torch.cat(hits)
