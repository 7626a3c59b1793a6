"""Weights `shapes_segmenter`: names the stuff or "object" at each pixel of a 32 × 32 scene.

It measures what generated pictures contain (GAN dissection, S04.8), so it learns on the scenes that the
generator learns from, where the truth is exact. A small net down to a quarter of the side and up again, with
the finer maps handed across (the shape of a U-Net, which chapter 06 builds). Pictures are blurred and noised
at random in training, because a generator's are softer than a renderer's.
"""

import itertools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.metrics.segmentation import confusion, iou_by_class
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.recipes._shared import SIZE, narrowed_scenes
from lecture_utils.training.loop import predictions
from lecture_utils.training.one_cycle import one_cycle

CONCEPTS = (*toyworld.STUFF, "object")
STEPS, BATCH, PEAK_RATE, PORTION = 2000, 32, 4e-3, 3200


class Segmenter(nn.Module):
    """Pictures (B, 3, H, W), H and W multiples of 4, to scores (B, K, H, W).

    Parameters
    ----------
    classes, width : int
        K, and the channels at full side; twice and three times as many below.
    """

    def __init__(self, *, classes: int = len(CONCEPTS), width: int = 16) -> None:
        super().__init__()
        self.fine = layer(3, width)
        self.middle = nn.Sequential(layer(width, 2 * width, stride=2), layer(2 * width, 2 * width))
        self.coarse = nn.Sequential(
            layer(2 * width, 3 * width, stride=2), layer(3 * width, 3 * width), layer(3 * width, 3 * width)
        )
        self.up_middle = layer(5 * width, 2 * width)
        self.up_fine = layer(3 * width, width)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] % 4 or x.shape[3] % 4:
            raise ValueError(f"images: got shape {tuple(x.shape)}, want (B, 3, H, W), H and W multiples of 4")
        fine = self.fine(x)  # (B, 16, H, W)
        middle = self.middle(fine)  # (B, 32, H/2, W/2)
        coarse = F.interpolate(self.coarse(middle), scale_factor=2)  # (B, 48, H/2, W/2)
        middle = F.interpolate(self.up_middle(torch.cat([middle, coarse], dim=1)), scale_factor=2)
        return self.head(self.up_fine(torch.cat([fine, middle], dim=1)))  # (B, K, H, W)


def layer(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    """3 × 3 convolution, batch norm, ReLU."""
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, FusedBatchNorm2d(out_channels), nn.ReLU())


def build() -> nn.Module:
    """The network, untrained."""
    return Segmenter()


def labelled(n: int, *, seed: int, split: str = "train") -> tuple[Tensor, Tensor]:
    """Pictures (n, 3, 32, 32) and the concept of each pixel (n, 32, 32), an index into CONCEPTS."""
    sample = toyworld.render(
        narrowed_scenes(n, seed=seed, split=split), SIZE, None, only=("image", "semantic")
    )
    return sample.image, sample.semantic.clamp(max=CONCEPTS.index("object"))


def soften(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur each picture by a random amount (3 × 3, none to full) and add a little noise."""
    share = torch.rand(len(images), 1, 1, 1, generator=generator)
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    noise = 0.03 * torch.rand(len(images), 1, 1, 1, generator=generator)
    return torch.lerp(images, blurred, share) + noise * torch.randn(images.shape, generator=generator)


def fresh_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Softened batches (B, 3, 32, 32) with (B, 32, 32) that never repeat."""
    generator = torch.Generator().manual_seed(seed)
    for portion in itertools.count(1000 * seed + 500):
        images, concepts = labelled(PORTION, seed=portion)
        for x, y in zip(images.split(BATCH), concepts.split(BATCH), strict=True):
            yield soften(x, generator), y


def pixel_cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean over all pixels of -log p(right concept)."""
    return F.cross_entropy(model(x), y)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pictures, 32 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), PEAK_RATE)
    return one_cycle(
        model, fresh_batches(seed), loss=pixel_cross_entropy, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="segmenter",
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """IoU of each concept over all pixels of 2,000 test pictures, and their mean."""
    images, truth = labelled(2000, seed=0, split="test")
    guess = predictions(model, images).argmax(1)  # (N, 32, 32)
    iou = iou_by_class(confusion(guess, truth, len(CONCEPTS)))  # (K,)
    scores = {f"iou_{name}": value for name, value in zip(CONCEPTS, iou.tolist(), strict=True)}
    return {"mean_iou": iou.nanmean().item(), **scores}
