"""Chapter 05: what the lecture claims about data augmentation, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. All are
measured on the toy world and on the digits, at three sizes of training set, and a claim has to hold on
both. All arms of a claim have the same network, data and choice of settings, and each takes the setting
that did best for it on validation pictures.

Shapes: N pictures, B batch, C channels, H and W height and width, K classes.
"""

import functools
from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from torch import Tensor

from lecture_utils.augment.copy_paste import Instances, random_copy_paste, scale_jitter
from lecture_utils.augment.cutmix import random_cutmix
from lecture_utils.augment.geometric import random_affine
from lecture_utils.augment.mixup import random_mixup
from lecture_utils.augment.photometric import random_photometric
from lecture_utils.augment.warp import warp_image
from lecture_utils.chapters.ch05.data import EXPOSURE, SCENE_CLASSES, WORLDS, World, pictures, scenes
from lecture_utils.chapters.ch05.training import (
    APART,
    Change,
    SmallSegmenter,
    pixel_loss,
    train,
    train_classifier,
    unchanged,
)
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.metrics.calibration import expected_calibration_error
from lecture_utils.metrics.segmentation import mean_iou
from lecture_utils.training.kit import TUNING_SEED, Data, Figures, size
from lecture_utils.training.kit import best_setting as best_of
from lecture_utils.training.loop import accuracy, minibatches, predictions

TRIED = (
    "Before these runs the code was tried once, all arms, on the quick budget (40 to 80 steps, seed 1234), "
    "with a net that ended in a mean over positions and smaller toy objects, on which it learned next to "
    "nothing. Net, objects and sizes were then chosen by how well the arm without augmentation did on "
    "validation pictures."
)
SIZES = (100, 320, 1000)  # training pictures
RATES = (3e-3, 1e-2)


# --- C05.1 -------------------------------------------------------------------------------------------
def photometric(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Brightness 30 to 170 %, contrast, and in colour pictures saturation and hue."""
    return random_photometric(x, generator), targets


def geometric(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turns, shifts, scales and shears a little: an augmentation that does not touch the light."""
    size = (x.shape[-2], x.shape[-1])
    matrix = random_affine(len(x), size, generator, degrees=15.0, translate=0.1, shear=5.0)
    return warp_image(x, matrix, fill=None), targets


LIGHT_CHANGES: dict[str, Change] = {"none": unchanged, "geometric": geometric, "photometric": photometric}
TESTED = {"toy": 1000, "digits": 300}


def lit(world: World, n: int, light: str, *, split: str, seed: int) -> Data:
    """Pictures of one light, or half of them bright and half dark."""
    if light != "both":
        return pictures(world, n, split=split, seed=seed, light=light)
    images, labels = pictures(world, n, split=split, seed=seed, light="bright")
    dark, _ = pictures(world, n, split=split, seed=seed, light="dark")  # the same scenes, or digits
    return torch.cat([images[: n // 2], dark[n // 2 :]]), labels


@functools.lru_cache
def rate_for_light(world: World, change: str, steps: int) -> float:
    """The rate that is best on *bright* validation pictures: whoever augments has not seen the dark."""
    seed, n = TUNING_SEED, SIZES[1]
    data, val = (
        pictures(world, n, split="train", seed=seed),
        pictures(world, TESTED[world.name], split="val", seed=seed),
    )

    def score(rate: float) -> float:
        model = train_classifier(world, data, LIGHT_CHANGES[change], rate, steps=steps, seed=seed)
        return accuracy(model, *val)

    return best_of(RATES, score)


def judged(model: torch.nn.Module, data: Data) -> dict[str, float]:
    """Accuracy and expected calibration error on pictures (N, C, H, W) with labels (N,)."""
    p = predictions(model, data[0]).softmax(1)
    right = (p.argmax(1) == data[1]).double().mean().item()
    return {"accuracy": right, "error": expected_calibration_error(p, data[1])}


@claim(
    "C05.1",
    statement="A net that saw only bright scenes loses over 25 points of accuracy in the dark; photometric "
    "augmentation wins back over half of them.",
    paper="C. Shorten, T. M. Khoshgoftaar, A survey on Image Data Augmentation, Journal of Big Data 2019",
    rule=(
        Rule("toy_lost", above=0.25),
        Rule("toy_won_back", above=0.0),
        Rule("digits_lost", above=0.25),
        Rule("digits_won_back", above=0.0),
    ),
    seeds=5,
    note=TRIED,
)
def c05_1_light(seed: int, budget: str) -> Figures:
    """Accuracy by training light, augmentation and test light, on the toy world and the digits.

    Dark is an eighth of the light: the toy world's own exposure, and for digits pixels times the root of it.
    The brightness factors of the augmentation, 0.3 to 1.7, just reach the dark pictures' 0.35. `lost` is the
    accuracy on bright minus that on dark test pictures after training on bright ones without augmentation;
    `won_back` is what photometric augmentation adds in the dark, minus half of `lost`. Both are means over
    the three sizes. `matrix` holds all of it for the largest: matrix[world][training light][augmentation]
    has the accuracy on bright and on dark test pictures; `by_size` the bright-trained nets at every size.
    `error_matrix` and `error_by_size` have the expected calibration error in the same places.
    """
    steps, sizes = size(budget, quick=(60, SIZES[:2]), full=(200, SIZES))
    out: Figures = {
        "sizes": list(sizes),
        "steps": steps,
        "exposure": {k: list(v) for k, v in EXPOSURE.items()},
    }
    tables = {"accuracy": ("matrix", "by_size"), "error": ("error_matrix", "error_by_size")}
    out |= {name: {} for pair in tables.values() for name in pair} | {"rates": {}}
    for world in WORLDS:
        tests = {
            light: pictures(world, TESTED[world.name], split="test", seed=seed, light=light)
            for light in EXPOSURE
        }
        table: dict[tuple[str, str, int], dict[str, dict[str, float]]] = {}
        for light, change, n in product((*EXPOSURE, "both"), LIGHT_CHANGES, sizes):
            if n == sizes[-1] or (light == "bright" and change != "geometric"):
                rate = rate_for_light(world, change, steps)
                data = lit(world, n, light, split="train", seed=seed)
                model = train_classifier(world, data, LIGHT_CHANGES[change], rate, steps=steps, seed=seed)
                table[light, change, n] = {test: judged(model, tests[test]) for test in tests}
        name = world.name
        for figure, (matrix, by_size) in tables.items():
            cells = {key: {test: row[test][figure] for test in row} for key, row in table.items()}
            out[matrix][name] = {
                light: {change: cells[light, change, sizes[-1]] for change in LIGHT_CHANGES}
                for light in (*EXPOSURE, "both")
            }
            out[by_size][name] = {
                change: {str(n): cells["bright", change, n] for n in sizes}
                for change in ("none", "photometric")
            }
        plain, helped = (list(out["by_size"][name][change].values()) for change in ("none", "photometric"))
        lost = float(np.mean([row["bright"] - row["dark"] for row in plain]))
        gain = float(np.mean([h["dark"] - p["dark"] for h, p in zip(helped, plain, strict=True)]))
        out |= {f"{name}_lost": lost, f"{name}_won_back": gain - lost / 2}
        out["rates"][name] = {change: rate_for_light(world, change, steps) for change in LIGHT_CHANGES}
    return out


# --- C05.2 and C05.3 ---------------------------------------------------------------------------------
def by_mixup(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """mixup with α = 1, as the paper takes it for CIFAR-10."""
    mixed, soft, _ = random_mixup(x, targets, 1.0, generator)
    return mixed, soft


def by_cutmix(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """CutMix with α = 1, as the paper takes it."""
    mixed, soft, _, _ = random_cutmix(x, targets, 1.0, generator)
    return mixed, soft


MIXES: dict[str, Change] = {"none": unchanged, "mixup": by_mixup, "cutmix": by_cutmix}
FIRST = (
    " Measured once before with toy pictures of 32 × 32 pixels and 120 or 300 steps, of which every arm took "
    "the longer from 320 pictures on (toy gain {}, digits gain {}: not reproduced). Now with toy pictures of "
    "16 × 16 and 300 or 900 steps; the rule and all else are as before."
)


def small(images: Tensor) -> Tensor:
    """Pictures of 16 × 16 pixels; larger ones by the mean of each 2 × 2."""
    return images if images.shape[-1] == 16 else torch.nn.functional.avg_pool2d(images, 2)


def scored(
    world: World, n: int, mix: str, setting: tuple[float, int], *, seed: int, split: str
) -> tuple[float, float]:
    """Train on n pictures; accuracy and calibration error on a split."""
    rate, steps = setting
    data = pictures(world, n, split="train", seed=seed)
    images, labels = pictures(world, TESTED[world.name], split=split, seed=seed)
    data, images = (small(data[0]), data[1]), small(images)
    model = train_classifier(world, data, MIXES[mix], rate, steps=steps, seed=seed)
    p = predictions(model, images).softmax(1)
    return (p.argmax(1) == labels).double().mean().item(), expected_calibration_error(p, labels)


@functools.lru_cache
def best_setting(world: World, n: int, mix: str, budget: str) -> tuple[float, int]:
    """Of two rates and two numbers of steps, the pair with the best accuracy on validation pictures."""
    steps = size(budget, quick=(40, 80), full=(300, 900))
    score = functools.partial(scored, world, n, mix, seed=TUNING_SEED, split="val")
    return best_of(product(RATES, steps), lambda setting: score(setting)[0])


@functools.lru_cache
def tested(world: World, n: int, mix: str, seed: int, budget: str) -> tuple[float, float]:
    """Accuracy and calibration error on test pictures with the arm's best setting."""
    return scored(world, n, mix, best_setting(world, n, mix, budget), seed=seed, split="test")


def mixing(mix: str, seed: int, budget: str) -> Figures:
    """One way of mixing against none, on both worlds at every size.

    `gain` is the accuracy with mixing minus that without, `calibration` the calibration error without minus
    that with: above 0 is better in both. They are means over the sizes; `accuracy`, `error` and `settings`
    have all.
    """
    sizes = size(budget, quick=SIZES[:1], full=SIZES)
    out: Figures = {"sizes": list(sizes), "accuracy": {}, "error": {}, "settings": {}}
    for world in WORLDS:
        arms = {arm: [tested(world, n, arm, seed, budget) for n in sizes] for arm in ("none", mix)}
        (right, sure), (right_mixed, sure_mixed) = (
            np.array(arms[a]).T for a in ("none", mix)
        )  # (sizes,) each
        out[f"{world.name}_gain"] = float((right_mixed - right).mean())
        out[f"{world.name}_calibration"] = float((sure - sure_mixed).mean())
        for i, key in enumerate(("accuracy", "error")):
            out[key][world.name] = {arm: [pair[i] for pair in pairs] for arm, pairs in arms.items()}
        out["settings"][world.name] = {
            arm: [list(best_setting(world, n, arm, budget)) for n in sizes] for arm in arms
        }
    return out


@claim(
    "C05.2",
    statement="With few training pictures, mixup raises test accuracy and lowers the calibration error.",
    paper="H. Zhang et al., mixup, ICLR 2018; calibration: S. Thulasidasan et al., On Mixup …, NeurIPS 2019",
    rule=(
        Rule("toy_gain", above=0.0),
        Rule("digits_gain", above=0.0),
        Rule("toy_calibration", above=0.0),
        Rule("digits_calibration", above=0.0),
    ),
    seeds=5,
    note=TRIED + FIRST.format("-0.055 (-0.073, -0.038)", "-0.010 (-0.018, -0.002)"),
)
def c05_2_mixup(seed: int, budget: str) -> Figures:
    """mixup against no mixing at 100, 320 and 1,000 pictures; see `mixing`."""
    return mixing("mixup", seed, budget)


@claim(
    "C05.3",
    statement="With few training pictures, CutMix raises test accuracy over no mixing.",
    paper="S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers …, ICCV 2019",
    rule=(Rule("toy_gain", above=0.0), Rule("digits_gain", above=0.0)),
    seeds=5,
    note=TRIED + FIRST.format("-0.125 (-0.142, -0.108)", "-0.018 (-0.023, -0.012)"),
)
def c05_3_cutmix(seed: int, budget: str) -> Figures:
    """CutMix against no mixing at 100, 320 and 1,000 pictures; see `mixing`."""
    return mixing("cutmix", seed, budget)


# --- C05.4 -------------------------------------------------------------------------------------------
FEW = (8, 32, 128)  # labelled scenes
JITTERS = {"standard": (0.8, 1.25), "large": (0.1, 2.0)}  # the two of the paper


def scene_batches(
    data: Instances, arm: str, jitter: str, *, flip: bool, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches for ever of 8 scenes, as pictures and semantic maps (B, H, W)."""
    generator = torch.Generator().manual_seed(seed + APART)
    index = torch.arange(len(data.image))
    for chosen, _ in minibatches(index, index, batch_size=8, seed=seed):
        batch = Instances(data.image[chosen], data.masks[chosen], data.labels[chosen])
        if arm == "jitter":
            batch = scale_jitter(batch, generator, scale=JITTERS[jitter], flip=flip)
        elif arm == "copy-paste":
            batch = random_copy_paste(batch, generator, scale=JITTERS[jitter], flip=flip)
        yield batch.image, batch.semantic()


def segmented(
    world: World, n: int, arm: str, setting: tuple[float, str], *, seed: int, steps: int, split: str
) -> dict[str, float]:
    """Train on n labelled scenes; mean IoU and the pixels' calibration error on 300 scenes of a split."""
    (rate, jitter), classes = setting, 1 + SCENE_CLASSES[world.name]
    data, held = scenes(world, n, split="train", seed=seed), scenes(world, 300, split=split, seed=seed)
    torch.manual_seed(seed)
    model = SmallSegmenter(world.channels, classes)
    batches = scene_batches(data, arm, jitter, flip=world.name == "toy", seed=seed)  # no mirrored digits
    train(model, batches, pixel_loss, rate, steps)
    p, truth = predictions(model, held.image).softmax(1), held.semantic()  # (N, K, H, W), (N, H, W)
    error = expected_calibration_error(p.movedim(1, -1).flatten(0, -2), truth.flatten())
    return {"iou": mean_iou(p.argmax(1), truth, classes), "error": error}


# Each arm may choose between two settings: its rate, or how strongly it jitters.
CHOICES: dict[str, list[tuple[float, str]]] = {
    "none": [(3e-3, "none"), (1e-2, "none")],
    "jitter": [(1e-2, "standard"), (1e-2, "large")],
    "copy-paste": [(1e-2, "standard"), (1e-2, "large")],
}


@functools.lru_cache
def best_choice(world: World, arm: str, steps: int) -> tuple[float, str]:
    """The setting with the best mean IoU on validation scenes, for the middle number of labelled scenes."""
    run = functools.partial(segmented, world, FEW[1], arm, seed=TUNING_SEED, steps=steps, split="val")
    return best_of(CHOICES[arm], lambda setting: run(setting)["iou"])


@claim(
    "C05.4",
    statement="With few labelled scenes, copy-paste raises the mean IoU of a segmentation net.",
    paper="G. Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method …, CVPR 2021",
    rule=(Rule("toy_gain", above=0.0), Rule("digits_gain", above=0.0)),
    seeds=5,
    note="Net, steps and the four toy classes were chosen before these runs, for speed and by how well the "
    "arm without augmentation did on validation scenes; no other arm's result had been seen.",
)
def c05_4_copy_paste(seed: int, budget: str) -> Figures:
    """Mean IoU from 8, 32 and 128 labelled scenes: no augmentation, flips and jitter, and these with pasting.

    `gain` is copy-paste's mean IoU minus that of the better of the other two, both as means over the sizes,
    so that what jitter alone does is not credited to pasting. Toy scenes are also flipped; a mirrored digit
    is no digit. What jitter leaves empty is grey background. `error` is the pixels' calibration error.
    """
    steps, sizes = size(budget, quick=(40, FEW[:1]), full=(250, FEW))
    out: Figures = {"sizes": list(sizes), "steps": steps, "iou": {}, "error": {}, "settings": {}}
    for world in WORLDS:
        settings = {arm: best_choice(world, arm, steps) for arm in CHOICES}
        held = {
            arm: [
                segmented(world, n, arm, settings[arm], seed=seed, steps=steps, split="test") for n in sizes
            ]
            for arm in CHOICES
        }
        for figure in ("iou", "error"):
            out[figure][world.name] = {arm: [row[figure] for row in rows] for arm, rows in held.items()}
        means = {arm: float(np.mean(values)) for arm, values in out["iou"][world.name].items()}
        out[f"{world.name}_gain"] = means["copy-paste"] - max(means["none"], means["jitter"])
        out["settings"][world.name] = {arm: list(setting) for arm, setting in settings.items()}
    return out
