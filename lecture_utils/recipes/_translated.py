"""Label map → scene: the pairs that Pix2Pix learns from, and its five arms.

The map names the stuff or the class at each pixel, and tells neither an object's colour nor the light: many
pictures belong to one map. P. Isola et al., "Image-to-Image Translation with Conditional Adversarial
Networks", CVPR 2017, section 4.2, compares five objectives on such a task (Cityscapes labels → photo).

Shapes: N pairs, K = 12 classes of pixels, S the picture's side.
"""

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.data import toyworld
from lecture_utils.generative.pix2pix.generator import Generator
from lecture_utils.generative.pix2pix.losses import l1_loss
from lecture_utils.generative.pix2pix.patchgan import Norm, PatchGAN
from lecture_utils.generative.pix2pix.training_round import play_round
from lecture_utils.nn.init import he_init_
from lecture_utils.ops.checks import check_classes
from lecture_utils.recipes._shared import SIZE

CLASSES = len(toyworld.SEMANTIC)  # K
OBJECT = len(toyworld.STUFF)  # the first class that is an object
WIDTHS, NOISY = (48, 48, 32, 32), 2  # the first level holds 2 × 2 pixels of 12 classes: 48 numbers
LAYERS, BATCH, WEIGHT = 1, 8, 100.0  # patches of 16 × 16 pixels, half the picture's side
PORTION = 800  # pairs rendered at a time


class Pairs(NamedTuple):
    """What lies where (N, S, S) int64 into SEMANTIC, and a picture of it (N, 3, S, S) in [0, 1]."""

    labels: Tensor
    image: Tensor


class Arm(NamedTuple):
    """An objective: with the game or not, the discriminator's sight of the input, λ of the L1 distance."""

    game: bool
    sees_input: bool
    weight: float


ARMS = {
    "L1": Arm(False, False, WEIGHT),
    "GAN": Arm(True, False, 0.0),
    "cGAN": Arm(True, True, 0.0),
    "L1 + GAN": Arm(True, False, WEIGHT),
    "L1 + cGAN": Arm(True, True, WEIGHT),
}


class Setting(NamedTuple):
    """Rates of both nets; the discriminator's width and norm, and the weight of its gradient penalty R1."""

    rate: float
    judge_rate: float
    judge_width: int
    norm: Norm
    r1: float


R1_EVERY = 4  # rounds; the penalty is then as many times stronger
ANCHORED = Setting(1e-3, 4e-4, 16, "instance", 0.0)  # learns where the L1 distance holds the generator
LOOSE = Setting(1e-4, 1e-3, 24, "none", 0.3)  # a slow generator and a quick judge: learns without L1 too


def scenes(
    n: int, *, seed: int = 0, split: str = "train", count: tuple[int, int] = (1, 3)
) -> toyworld.Scenes:
    """One to three large plain objects of any class and colour on any ground, in any mild light."""
    light = toyworld.Light(brightness=(0.8, 1.2), warmth=(-0.6, 0.6))
    objects = toyworld.Objects(count=count, materials=("plain",), size=(0.40, 0.56), distance=(2.1, 3.6))
    return toyworld.sample_scenes(n, seed=seed, split=split, light=light, objects=objects)


def translated(n: int, *, seed: int = 0, split: str = "train", size: int = SIZE) -> Pairs:
    """Draw n pairs of a label map and its picture; splits never share a scene."""
    sample = toyworld.render(scenes(n, seed=seed, split=split), size, only=("image", "semantic"))
    return Pairs(sample.semantic, sample.image)


def one_hot(labels: Tensor) -> Tensor:
    """Label maps (N, S, S) → what the generator reads: (N, K, S, S), 1 in the class of the pixel."""
    check_classes(labels, "labels", "N", "S", "S", classes=CLASSES)
    return F.one_hot(labels, CLASSES).movedim(-1, 1).float()


def pair_batches(seed: int, batch: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of one-hot maps (B, K, S, S) and pictures (B, 3, S, S) that never repeat."""
    for portion in itertools.count(1000 * seed):
        pairs = translated(PORTION, seed=portion)
        for labels, image in zip(pairs.labels.split(batch), pairs.image.split(batch), strict=True):
            yield one_hot(labels), image


class Task(NamedTuple):
    """What is translated: channels of the input, and seed → endless batches of inputs and pictures."""

    channels: int
    batches: Callable[[int], Iterator[tuple[Tensor, Tensor]]]


LABELS = Task(CLASSES, pair_batches)


def build_generator(channels: int = CLASSES, *, skips: bool = True) -> Generator:
    """The generator, untrained: inputs (B, channels, S, S) → pictures (B, 3, S, S), S a multiple of 16."""
    return Generator(channels, 3, widths=WIDTHS, norm="instance", noisy=NOISY, skips=skips)


def train_arm(
    arm: Arm,
    seed: int,
    *,
    steps: int,
    layers: int = LAYERS,
    skips: bool = True,
    task: Task = LABELS,
    setting: Setting = ANCHORED,
    start: Generator | None = None,
) -> tuple[Generator, list[dict[str, float]]]:
    """Train a generator (or go on with `start`) with one objective; return it and the losses of every step.

    All arms of one seed begin with the same generator and see the same pairs in the same order. The rate of
    the last third of the steps falls to nothing in a straight line, as it does in the authors' code.
    """
    torch.manual_seed(seed)
    generator = build_generator(task.channels, skips=skips) if start is None else copy.deepcopy(start)
    beside = task.channels if arm.sees_input else 0
    judge = PatchGAN(3, beside, layers=layers, width=setting.judge_width, norm=setting.norm)
    if setting.norm == "none":
        he_init_(judge)  # no norm makes up for small weights
    torch.manual_seed(seed)  # dropout is the same in all arms, whatever the judge drew
    adam_g = torch.optim.Adam(generator.parameters(), setting.rate, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(judge.parameters(), setting.judge_rate, betas=(0.5, 0.999))
    losses = []
    for step, (given, target) in zip(range(steps), task.batches(seed), strict=False):
        share = min(1.0, 3 * (1 - step / steps))  # 1, and down to 0 from two thirds on
        adam_g.param_groups[0]["lr"] = setting.rate * share
        adam_d.param_groups[0]["lr"] = setting.judge_rate * share
        if arm.game:
            r1 = setting.r1 * R1_EVERY if step % R1_EVERY == 0 else 0.0
            adams = {"generator_optimizer": adam_g, "discriminator_optimizer": adam_d}
            losses.append(play_round(generator, judge, given, target, weight=arm.weight, r1=r1, **adams))
            continue
        l1 = l1_loss(generator(given), target)
        adam_g.zero_grad()
        (arm.weight * l1).backward()
        adam_g.step()
        losses.append({"generator": arm.weight * l1.item(), "l1": l1.item()})
    return generator, losses


def started(seed: int, *, steps: int, skips: bool = True, task: Task = LABELS) -> Generator:
    """A generator that has learned from the L1 distance alone, on pairs that `train_arm` does not draw."""
    others = Task(task.channels, lambda number: task.batches(number + 100))
    return train_arm(ARMS["L1"], seed, steps=steps, skips=skips, task=others)[0]


@torch.inference_mode()
def outputs(generator: Generator, labels: Tensor, *, seed: int = 0) -> Tensor:
    """What a generator makes of label maps (N, S, S): (N, 3, S, S); the same for the same seed."""
    noise = torch.Generator().manual_seed(seed)
    return torch.cat([generator(one_hot(part), noise) for part in labels.split(100)])
