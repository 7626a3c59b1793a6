"""Label map → scene: the pairs that Pix2Pix learns from, its five arms, and how outputs are measured.

The map names the stuff or the class at each pixel, and tells neither an object's colour nor the light: many
pictures belong to one map. P. Isola et al., "Image-to-Image Translation with Conditional Adversarial
Networks", CVPR 2017, section 4.2, compares five objectives on such a task (Cityscapes labels → photo).

Shapes: N pairs, K = 12 classes of pixels, S the picture's side.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.generative.pix2pix.generator import Generator
from lecture_utils.generative.pix2pix.losses import l1_loss
from lecture_utils.generative.pix2pix.patchgan import PatchGAN
from lecture_utils.generative.pix2pix.training_round import play_round
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, stage_features
from lecture_utils.metrics.segmentation import confusion, iou_by_class
from lecture_utils.ops.checks import check_classes, check_images, check_tensor
from lecture_utils.recipes._shared import SIZE

CLASSES = len(toyworld.SEMANTIC)  # K
OBJECT = len(toyworld.STUFF)  # the first class that is an object
WIDTHS, NOISY = (48, 48, 32, 32), 2  # the first level holds 2 × 2 pixels of 12 classes: 48 numbers
JUDGE_WIDTH, LAYERS = 16, 1  # patches of 16 × 16 pixels, half the picture's side
BATCH, RATE, JUDGE_RATE, WEIGHT = 8, 1e-3, 4e-4, 100.0
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
    arm: Arm, seed: int, *, steps: int, layers: int = LAYERS, skips: bool = True, task: Task = LABELS
) -> tuple[Generator, list[dict[str, float]]]:
    """Train a generator with one objective; return it and the losses of every step.

    All arms of one seed begin with the same generator and see the same pairs in the same order. The rate of
    the last third of the steps falls to nothing in a straight line, as it does in the authors' code.
    """
    torch.manual_seed(seed)
    generator = build_generator(task.channels, skips=skips)
    beside = task.channels if arm.sees_input else 0
    judge = PatchGAN(3, beside, layers=layers, width=JUDGE_WIDTH, norm="instance")
    torch.manual_seed(seed)  # dropout is the same in all arms, whatever the judge drew
    adam_g = torch.optim.Adam(generator.parameters(), RATE, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(judge.parameters(), JUDGE_RATE, betas=(0.5, 0.999))
    losses = []
    for step, (given, target) in zip(range(steps), task.batches(seed), strict=False):
        share = min(1.0, 3 * (1 - step / steps))  # 1, and down to 0 from two thirds on
        adam_g.param_groups[0]["lr"], adam_d.param_groups[0]["lr"] = RATE * share, JUDGE_RATE * share
        if arm.game:
            losses.append(
                play_round(
                    generator, judge, given, target, weight=arm.weight,
                    generator_optimizer=adam_g, discriminator_optimizer=adam_d,
                )
            )  # fmt: skip
            continue
        l1 = l1_loss(generator(given), target)
        adam_g.zero_grad()
        (arm.weight * l1).backward()
        adam_g.step()
        losses.append({"generator": arm.weight * l1.item(), "l1": l1.item()})
    return generator, losses


@torch.inference_mode()
def outputs(generator: Generator, labels: Tensor, *, seed: int = 0) -> Tensor:
    """What a generator makes of label maps (N, S, S): (N, 3, S, S); the same for the same seed."""
    noise = torch.Generator().manual_seed(seed)
    return torch.cat([generator(one_hot(part), noise) for part in labels.split(100)])


# --- measures ----------------------------------------------------------------------------------------
@functools.cache
def reader() -> torch.nn.Module:
    """A segmenter that was trained on other real pictures: it names stuff, or "object"."""
    return zoo.load("shapes_segmenter").eval()


def agreement(made: Tensor, labels: Tensor) -> dict[str, float]:
    """How well a segmenter reads the label maps (N, S, S) off the pictures: the paper's FCN score.

    Five classes: the four kinds of stuff, and "object". "pixels" is the share that is right, "mean_iou" the
    mean over classes.
    """
    check_images(made, 3)
    check_tensor(labels, "labels", len(made), *made.shape[2:], kind="int")
    with torch.inference_mode():
        read = torch.cat([reader()(part).argmax(1) for part in made.split(100)])  # (N, S, S)
    truth = labels.clamp(max=OBJECT)
    iou = iou_by_class(confusion(read, truth, OBJECT + 1))
    return {"pixels": (read == truth).float().mean().item(), "mean_iou": iou.nanmean().item()}


def detail(images: Tensor) -> float:
    """Root mean square of the differences between pixels that touch: what blur takes away."""
    check_images(images)
    down = (images[:, :, 1:] - images[:, :, :-1]).square().mean()
    across = (images[:, :, :, 1:] - images[:, :, :, :-1]).square().mean()
    return float((down + across).sqrt())


def colourfulness(images: Tensor, labels: Tensor) -> float:
    """Mean distance of the objects' pixels from grey: the largest of red, green, blue minus the smallest."""
    check_images(images, 3)
    check_tensor(labels, "labels", len(images), *images.shape[2:], kind="int")
    return (images.amax(1) - images.amin(1))[labels >= OBJECT].mean().item()


def colour_overlap(made: Tensor, real: Tensor, bins: int = 8) -> float:
    """Shared part of the histograms of colours (bins a side of the RGB cube): 1 where they are equal.

    The paper's figure 7 compares such histograms by axis of Lab; L1's are narrower than the real ones.
    """

    def histogram(x: Tensor) -> Tensor:
        check_images(x, 3)
        cell = (x.clamp(0, 1) * bins).long().clamp(max=bins - 1)  # (N, 3, S, S)
        index = (cell[:, 0] * bins + cell[:, 1]) * bins + cell[:, 2]
        counts = torch.bincount(index.flatten(), minlength=bins**3)
        return counts / counts.sum()

    return torch.minimum(histogram(made), histogram(real)).sum().item()


def frechet(made: Tensor, real: Tensor) -> float:
    """Fréchet distance in features of ``shapes_resnet`` (`metrics.frechet.stage_features`)."""
    net = zoo.load("shapes_resnet").eval()
    return frechet_distance(*(gaussian_fit(stage_features(net, x)) for x in (made, real)))


def measured(made: Tensor, pairs: Pairs) -> dict[str, float]:
    """All measures of outputs for the label maps of `pairs`, some as shares of the real pictures'."""
    read = agreement(made, pairs.labels)
    return {
        "agreement": read["pixels"],
        "mean_iou": read["mean_iou"],
        "detail": detail(made) / detail(pairs.image),
        "colour": colourfulness(made, pairs.labels) / colourfulness(pairs.image, pairs.labels),
        "overlap": colour_overlap(made, pairs.image),
        "frechet": frechet(made, pairs.image),
        "l1": l1_loss(made, pairs.image).item(),
    }
