"""A network that finds one object, small enough to train in seconds: what the lab of chapter 05 works on.

Its pictures come from one lunch break: at noon, the object close and at the left. It is examined at any hour,
with the object anywhere. What lies between is for augmentation to fill.

Shapes: B pictures, x1, y1, x2, y2 of a box in pixels.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.augment.annotations import boxes_from_masks
from lecture_utils.augment.photometric import box_mask
from lecture_utils.data.toyworld import Light, Objects, render, sample_scenes
from lecture_utils.training.kit import train_cycle
from lecture_utils.training.loop import predictions

Pipeline = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]

SIDE = 32  # pixels of a picture's side
TRAINED, EXAMINED = 200, 400  # pictures
STEPS, BATCH, RATE = 150, 32, 4e-3
DUSK = 0.3  # brightness below which a scene counts as dusk
FAR = 12.0  # pixels: an object whose box has a smaller root of its area counts as far
APART = 500_000  # between the seeds of the order and of the augmentation
EXAMS = {
    "val": ("val", 0),
    "bar": ("val", 1),
    "test": ("test", 1),
}  # each exam's split of the world, and seed


def _shots(
    count: int, split: str, light: tuple[float, float], distance: tuple[float, float], seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (B, 3, 32, 32) of one object, its boxes (B, 4) and the brightness of the scenes (B,)."""
    scenes = sample_scenes(
        count,
        seed=seed,
        split=split,
        light=Light(brightness=light),
        objects=Objects(count=1, size=(0.36, 0.56), distance=distance),
    )
    drawn = render(scenes, SIDE, only=("image", "boxes"))
    return drawn.image, drawn.boxes[:, 0].float(), scenes.brightness


@cache
def lunch_break() -> tuple[Tensor, Tensor]:
    """The training pictures (200, 3, 32, 32) and their boxes (200, 4): noon, close, in the left half."""
    images, boxes, _ = _shots(5 * TRAINED, "train", (0.9, 1.1), (2.2, 2.9))
    left = boxes[:, ::2].mean(dim=1) < SIDE / 2
    return images[left][:TRAINED], boxes[left][:TRAINED]


@cache
def exam(split: str = "val") -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (400, 3, 32, 32) at any hour, near and far, left and right; boxes (400, 4); brightness (400,).

    "val" is to look at and to choose by, "bar" sets how much is asked for (`lab.BAR`), "test" is the
    score. No scene is in two of them, nor in the training.
    """
    kind, seed = EXAMS[split]
    return _shots(EXAMINED, kind, (0.05, 0.8), (2.2, 4.6), seed)


class TinyFinder(nn.Module):
    """Three convolutions, a narrow one, and two linear layers that tell a box as shares of the side."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for (inside, outside), stride in zip(pairwise((3, 12, 24, 32)), (2, 2, 1), strict=True):
            layers += [
                nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outside),
                nn.ReLU(),
            ]
        narrow = [nn.Conv2d(32, 16, 1), nn.ReLU(), nn.Flatten()]
        self.layers = nn.Sequential(*layers, *narrow, nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, images: Tensor) -> Tensor:
        """Boxes (B, 4) in pixels of pictures (B, 3, 32, 32)."""
        return SIDE * self.layers(images)


def box_loss(model: nn.Module, images: Tensor, boxes: Tensor) -> Tensor:
    """Mean smooth absolute error of the four numbers, as shares of the side."""
    return F.smooth_l1_loss(model(images) / SIDE, boxes / SIDE, beta=0.05)


def train(pipeline: Pipeline | None = None, *, steps: int = STEPS, seed: int = 0) -> TinyFinder:
    """Train on the lunch break's pictures, each batch changed anew by ``pipeline(images, boxes, generator)``.

    The same initial weights and order for every pipeline of a seed.
    """
    images, boxes = lunch_break()
    torch.manual_seed(seed)
    model = TinyFinder()
    order = torch.Generator().manual_seed(seed)
    drawn = torch.Generator().manual_seed(seed + APART)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            chosen = torch.randint(len(images), (BATCH,), generator=order)
            picked = images[chosen], boxes[chosen]
            yield picked if pipeline is None else pipeline(*picked, drawn)

    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    train_cycle(model, batches(), loss=box_loss, optimizer=optimizer, steps=steps)
    return model.eval()


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """IoU (B,) of the boxes of equal rows, (B, 4) both: shared area over the area of both together."""
    low, high = torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])
    shared = (high - low).clamp_min(0).prod(dim=1)
    areas = [(box[:, 2:] - box[:, :2]).clamp_min(0).prod(dim=1) for box in (one, other)]
    return shared / (areas[0] + areas[1] - shared).clamp_min(1e-6)


def score(model: nn.Module, split: str = "test") -> float:
    """Mean IoU of the boxes that are told and the true ones, 0 to 1."""
    images, boxes, _ = exam(split)
    return float(overlap(predictions(model, images), boxes).mean())


def by_group(model: nn.Module, split: str = "val") -> dict[str, float]:
    """Mean IoU where the pictures are like the lunch break's in one respect, and where they are not."""
    images, boxes, brightness = exam(split)
    found = overlap(predictions(model, images), boxes)
    left = boxes[:, ::2].mean(dim=1) < SIDE / 2
    dusk = brightness < DUSK
    far = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt() < FAR
    groups = {"left": left, "right": ~left, "day": ~dusk, "dusk": dusk, "near": ~far, "far": far}
    return {name: float(found[inside].mean()) for name, inside in groups.items()}


def painted(boxes: Tensor, height: int = SIDE, width: int = SIDE) -> Tensor:
    """Pictures (B, 3, H, W) that are white where the box (B, 4) is, in whole pixels, and black elsewhere."""
    return box_mask(boxes.round().long(), (height, width)).float().expand(-1, 3, -1, -1).contiguous()


def around_white(images: Tensor) -> Tensor:
    """Boxes (B, 4) around what is nearly as bright as the brightest pixel of its picture (B, 3, H, W)."""
    grey = images.mean(dim=1)  # (B, H, W)
    return boxes_from_masks(grey >= (0.75 * grey.amax(dim=(1, 2), keepdim=True)).clamp_min(0.02))
