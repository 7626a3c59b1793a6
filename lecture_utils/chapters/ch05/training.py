"""Chapter 05's networks and how they are trained: the same for every arm of a claim.

Shapes: B batch, C channels, H and W height and width, K classes.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from lecture_utils.augment.mixup import one_hot, soft_cross_entropy
from lecture_utils.backbones.resnet import CifarNet
from lecture_utils.chapters.ch05.data import World
from lecture_utils.training.kit import Data, train_cycle
from lecture_utils.training.loop import minibatches

Change = Callable[
    [Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]
]  # of a batch's pictures and targets
BATCH = 32
APART = 500_000  # between the seeds of the order and of the augmentation


def picture_net(world: World) -> CifarNet:
    """A residual network of 8 layers and 75,000 weights; larger pictures are halved by its first layer."""
    net = CifarNet(8, residual=True, width=16, classes=world.classes, in_channels=world.channels)
    if world.name == "toy":
        net.stem[0].stride = (2, 2)  # type: ignore[assignment]
    return net


def shifted(x: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Move each picture (B, C, H, W) by up to `pixels` to every side; its border rows are repeated."""
    b, _, h, w = x.shape
    up, left = torch.randint(2 * pixels + 1, (2, b, 1), generator=generator)  # (B, 1)
    wide = nn.functional.pad(x, (pixels,) * 4, mode="replicate")
    rows, columns = up + torch.arange(h), left + torch.arange(w)  # (B, H), (B, W)
    picture = torch.arange(b)[:, None, None]
    return wide[picture, :, rows[:, :, None], columns[:, None]].movedim(-1, 1)


def usual(world: World, x: Tensor, generator: torch.Generator) -> Tensor:
    """What every arm does: small shifts, and mirroring where a mirrored picture keeps its name."""
    if world.name == "digits":
        return shifted(x, 1, generator)
    mirror = torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5
    return shifted(torch.where(mirror, x.flip(-1), x), 2, generator)


def soft_loss(model: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy with targets (B, K), whole or mixed."""
    return soft_cross_entropy(model(x), targets)


def unchanged(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Nothing beyond the usual shifts and mirrors."""
    return x, targets


def changed(world: World, data: Data, change: Change, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches for ever, pictures and targets (B, K), augmented anew each time."""
    images, labels = data
    common, own = (torch.Generator().manual_seed(seed + k * APART) for k in (1, 2))
    for x, targets in minibatches(images, one_hot(labels, world.classes), batch_size=BATCH, seed=seed):
        yield change(usual(world, x, common), targets, own)


def train_classifier(
    world: World, data: Data, change: Change, rate: float, *, steps: int, seed: int
) -> nn.Module:
    """`picture_net` by SGD with momentum; the same start, order and shifts for all arms of a seed."""
    torch.manual_seed(seed)
    model = picture_net(world)
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9, weight_decay=5e-4, nesterov=True)
    train_cycle(
        model,
        changed(world, data, change, seed),
        loss=soft_loss,
        optimizer=optimizer,
        steps=steps,
        warm_up=0.05,
        cycle_momentum=False,
    )
    return model.eval()


def train_on(
    model: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], rate: float, *, steps: int
) -> nn.Module:
    """Train a network that has learned already for some more steps, by Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    train_cycle(model, batches, loss=soft_loss, optimizer=optimizer, steps=steps, warm_up=0.2)
    return model.eval()


class Segmenter(nn.Module):
    """A U-Net with batch norm: three times down, two convolutions at each size, 0.3 million weights.

    `lecture_utils.segmentation.unet` is the paper's, without normalisation.
    """

    def __init__(self, channels: int, classes: int, widths: tuple[int, ...] = (16, 32, 64, 64)) -> None:
        super().__init__()
        self.down = nn.ModuleList(twice(a, b) for a, b in pairwise((channels, *widths)))
        self.up = nn.ModuleList(twice(a + b, b) for b, a in reversed(list(pairwise(widths))))
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W), sides divisible by 8, to logits (B, K, H, W)."""
        maps = []
        for level, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if level else x)  # (B, 16 … 64, H/2^l, W/2^l)
            maps.append(x)
        for block, finer in zip(self.up, reversed(maps[:-1]), strict=True):
            x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2), finer], dim=1))
        return self.head(x)


def twice(before: int, after: int) -> nn.Sequential:
    """Two 3 × 3 convolutions, each with batch norm and ReLU."""
    layers: list[nn.Module] = []
    for channels in (before, after):
        convolution = nn.Conv2d(channels, after, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def train_segmenter(
    channels: int,
    classes: int,
    batches: Iterator[tuple[Tensor, Tensor]],
    rate: float,
    *,
    steps: int,
    seed: int,
) -> nn.Module:
    """A `Segmenter` by AdamW, the rate first rising and then falling to nothing."""
    torch.manual_seed(seed)
    model = Segmenter(channels, classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    train_cycle(model, batches, loss=pixel_loss, optimizer=optimizer, steps=steps)
    return model.eval()


def pixel_loss(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy, mean over all pixels."""
    return nn.functional.cross_entropy(model(x), target)
