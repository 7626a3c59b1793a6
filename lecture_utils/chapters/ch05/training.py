"""Chapter 05's networks and how they are trained: the same for every arm of a claim.

Shapes: B batch, C channels, H and W height and width, K classes.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from lecture_utils.augment.mixup import one_hot, soft_cross_entropy
from lecture_utils.chapters.ch05.data import World
from lecture_utils.training.kit import Data, train_cycle
from lecture_utils.training.loop import minibatches

Change = Callable[
    [Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]
]  # of a batch's pictures and targets
BATCH = 32
APART = 500_000  # between the seeds of the order and of the augmentation


def small_net(world: World) -> nn.Sequential:
    """Three convolutions with batch norm and pooling, the largest value over positions, a linear layer."""
    layers: list[nn.Module] = []
    for c_in, c_out in pairwise((world.channels, 16, 32, 64)):
        convolution = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, world.classes))


def soft_loss(model: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy with targets (B, K), whole or mixed."""
    return soft_cross_entropy(model(x), targets)


def unchanged(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """No augmentation."""
    return x, targets


def changed(data: Data, classes: int, change: Change, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches for ever, pictures and targets (B, K), augmented anew each time."""
    images, labels = data
    generator = torch.Generator().manual_seed(seed + APART)
    for x, targets in minibatches(images, one_hot(labels, classes), batch_size=BATCH, seed=seed):
        yield change(x, targets, generator)


def train(model: nn.Module, batches: Iterator, loss: Callable, rate: float, steps: int) -> nn.Module:
    """AdamW, the rate first rising and then falling to nothing; the model is left in evaluation mode."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    train_cycle(model, batches, loss=loss, optimizer=optimizer, steps=steps)
    return model.eval()


def train_classifier(
    world: World, data: Data, change: Change, rate: float, *, steps: int, seed: int
) -> nn.Module:
    """A small net trained on augmented batches; the same initial weights and order for all arms of a seed."""
    torch.manual_seed(seed)
    model = small_net(world)
    return train(model, changed(data, world.classes, change, seed), soft_loss, rate, steps)


class SmallSegmenter(nn.Module):
    """Down twice, up twice, with a shortcut at each size: a class for each pixel."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()

        def block(c_in: int, c_out: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()
            )

        self.fine, self.middle, self.coarse = block(channels, 12), block(12, 24), block(24, 48)
        self.up_middle, self.up_fine = block(48 + 24, 24), block(24 + 12, 12)
        self.head = nn.Conv2d(12, classes, 1)
        self.down, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W), sides divisible by 4, to logits (B, K, H, W)."""
        fine = self.fine(x)  # (B, 12, H, W)
        middle = self.middle(self.down(fine))  # (B, 24, H/2, W/2)
        coarse = self.coarse(self.down(middle))  # (B, 48, H/4, W/4)
        middle = self.up_middle(torch.cat([self.up(coarse), middle], dim=1))
        return self.head(self.up_fine(torch.cat([self.up(middle), fine], dim=1)))


def pixel_loss(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy, mean over all pixels."""
    return nn.functional.cross_entropy(model(x), target)
