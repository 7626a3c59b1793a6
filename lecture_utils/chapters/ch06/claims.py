"""Chapter 06: what the lecture claims about semantic segmentation, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. All but
C06.3 train on 1,000 scenes of the toy world and are measured on 400 test scenes that no one trained on. Every
arm may choose between two rates, on validation scenes of a seed that is not measured.

Shapes: N scenes, B batch, K classes, H × W pixels.
"""

import copy
import functools
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.backbones.vgg import VGG
from lecture_utils.data import toyworld
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.metrics.boundary_iou import mean_boundary_iou
from lecture_utils.metrics.segmentation import mean_iou
from lecture_utils.recipes import shapes_vgg
from lecture_utils.recipes.shapes_fcn import CLASSES, learning, pixel_cross_entropy, scene_batches
from lecture_utils.recipes.shapes_unet import OBJECT, object_batches
from lecture_utils.segmentation.fcn import FCN, fully_convolutional, slide, without_padding
from lecture_utils.segmentation.unet import UNet
from lecture_utils.training.kit import TUNING_SEED, Data, Figures, best_setting, size, train_cycle
from lecture_utils.training.loop import predictions

RATES = (1e-3, 3e-3)
BATCH = 8
LONG = "J. Long, E. Shelhamer, T. Darrell, Fully Convolutional Networks for Semantic Segmentation, CVPR 2015"
CHAIN = (
    "Every net spends the first half of its steps as an FCN-32s, from the shipped classifier shapes_vgg, at "
    "its own rate; nets of a seed with the same rate share it. For the other half, 32s goes on; 16s goes on "
    "with one skip; 8s with one skip, then two; 4s with one, two, three. So each has had as many steps. The "
    "interval covers scenes, order and dropout, not other classifiers."
)


@functools.lru_cache
def held(split: str, seed: int, n: int, side: int) -> Data:
    """Scenes to measure on: (n, 3, side, side) and the class of every pixel (n, side, side)."""
    return toyworld.segmentation(n, size=side, split=split, seed=seed)


def sizes(budget: str) -> tuple[int, int, int]:
    """Training scenes, steps in all, and scenes to measure on."""
    return size(budget, quick=(64, 12, 16), full=(1000, 800, 400), gpu=(4000, 4000, 1000))


def judged(model: nn.Module, split: str, seed: int, n: int, side: int = 96) -> dict[str, float]:
    """Mean IoU and mean boundary IoU on scenes of a split."""
    images, labels = held(split, seed, n, side)
    guess = predictions(model, images, 100).argmax(1)  # (N, side, side)
    return {
        "iou": mean_iou(guess, labels, CLASSES),
        "edge": mean_boundary_iou(guess, labels, CLASSES),
    }


def taught(model: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], rate: float, steps: int) -> None:
    """One cycle of Adam on the pixels' cross-entropy."""
    optimizer = learning(model, rate)
    train_cycle(model, batches, loss=pixel_cross_entropy, optimizer=optimizer, steps=steps, warm_up=0.15)


# --- C06.1 and C06.4 ---------------------------------------------------------------------------------
ARMS = {"32s": 32, "16s": 16, "8s": 8, "4s": 4}


@functools.lru_cache(maxsize=16)
def coarse(start: str, seed: int, rate: float, budget: str) -> FCN:
    """The FCN-32s of a seed and rate, after half of the steps."""
    scenes, steps, _ = sizes(budget)
    torch.manual_seed(seed)
    classifier = zoo.load("shapes_vgg") if start == "classifier" else shapes_vgg.build()
    assert isinstance(classifier, VGG)
    model = FCN(classifier, classes=CLASSES)
    taught(model, scene_batches(scenes, seed, batch_size=BATCH), rate, steps // 2)
    return model


def refine(arm: str, start: str, seed: int, rate: float, budget: str) -> FCN:
    """Train an arm for the other half of the steps, with one skip more each time it gets finer."""
    scenes, steps, _ = sizes(budget)
    model, batches = copy.deepcopy(coarse(start, seed, rate, budget)), None
    torch.manual_seed(seed + 1)
    batches = scene_batches(scenes, seed, batch_size=BATCH)
    finer = ARMS["32s"] // ARMS[arm]  # 1, 2, 4, 8
    stages = max(1, finer.bit_length() - 1)
    for _ in range(stages):
        model = model.refined() if arm != "32s" else model
        taught(model, batches, rate, steps // 2 // stages)
    return model


@functools.lru_cache
def rate_of(arm: str, start: str, budget: str) -> float:
    """The better of two rates, by mean IoU on validation scenes."""
    n, seed = sizes(budget)[2], TUNING_SEED

    def score(rate: float) -> float:
        return judged(refine(arm, start, seed, rate, budget), "val", seed, n)["iou"]

    return best_setting(RATES, score)


@functools.lru_cache
def arm_scores(arm: str, start: str, seed: int, budget: str) -> dict[str, float]:
    """What an arm reaches on the test scenes of a seed, at its own rate."""
    model = refine(arm, start, seed, rate_of(arm, start, budget), budget)
    return judged(model, "test", seed, sizes(budget)[2])


@claim(
    "C06.1",
    statement="On the same steps, FCN-8s reaches a higher mean IoU than 16s, and that a higher one than 32s; "
    "near the outlines the difference is larger still.",
    paper=f"{LONG}, table 2",
    rule=(
        Rule("gain_8_over_16", above=0.0),
        Rule("gain_16_over_32", above=0.0),
        Rule("edge_gains_more", above=0.0),
    ),
    seeds=5,
    note=CHAIN,
    names={
        "gain_8_over_16": "mean IoU of 8s minus that of 16s",
        "gain_16_over_32": "mean IoU of 16s minus that of 32s",
        "edge_gains_more": "what 8s gains over 32s in boundary IoU, minus what it gains in IoU",
    },
)
def c06_1_skips(seed: int, budget: str) -> Figures:
    """Mean IoU and mean boundary IoU of FCN-32s, 16s and 8s; `scores` has all, `rates` what each chose."""
    scores = {arm: arm_scores(arm, "classifier", seed, budget) for arm in ("32s", "16s", "8s")}
    gain = {key: scores["8s"][key] - scores["32s"][key] for key in ("iou", "edge")}
    return {
        "gain_8_over_16": scores["8s"]["iou"] - scores["16s"]["iou"],
        "gain_16_over_32": scores["16s"]["iou"] - scores["32s"]["iou"],
        "edge_gains_more": gain["edge"] - gain["iou"],
        "scores": scores,
        "rates": {arm: rate_of(arm, "classifier", budget) for arm in scores},
    }


@claim(
    "C06.4",
    statement="An FCN-8s that starts from a classifier beats one that starts from random weights on the same "
    "steps; and a third skip (4s) adds less than the second did.",
    paper=f"{LONG}, sections 4.2 and 4.3",
    rule=(Rule("start_gains", above=0.0), Rule("second_minus_third", above=0.0)),
    seeds=5,
    note=CHAIN + " The net from random weights has the same stages; the classifier had 3,000 steps of its "
    "own before.",
    names={
        "start_gains": "mean IoU from the classifier minus that from random weights",
        "second_minus_third": "what 8s gains over 16s minus what 4s gains over 8s",
    },
)
def c06_4_start(seed: int, budget: str) -> Figures:
    """Mean IoU of FCN-8s from both starts, and of 16s and 4s; `scores` has all."""
    scores = {arm: arm_scores(arm, "classifier", seed, budget) for arm in ("16s", "8s", "4s")}
    scores["8s from random weights"] = arm_scores("8s", "scratch", seed, budget)
    second = scores["8s"]["iou"] - scores["16s"]["iou"]
    third = scores["4s"]["iou"] - scores["8s"]["iou"]
    return {
        "start_gains": scores["8s"]["iou"] - scores["8s from random weights"]["iou"],
        "second_minus_third": second - third,
        "third_gains": third,
        "scores": scores,
    }


# --- C06.2 -------------------------------------------------------------------------------------------
UNET_SIDE = 64  # pixels: three levels of halving leave 8 × 8


@functools.lru_cache
def unet_scores(skips: bool, seed: int, rate: float, budget: str, split: str) -> dict[str, float]:
    """Train a U-Net with or without its skips; mean IoU and mean boundary IoU on a split."""
    scenes, steps, n = sizes(budget)
    torch.manual_seed(seed)
    model = UNet(OBJECT + 1, in_channels=3, width=8, levels=3, padding="same", skips=skips)
    taught(model, object_batches(scenes, seed, batch_size=BATCH, size=UNET_SIDE), rate, steps)
    images, labels = held(split, seed, n, UNET_SIDE)
    guess, truth = predictions(model, images, 100).argmax(1), labels.clamp(max=OBJECT)
    return {"iou": mean_iou(guess, truth, OBJECT + 1), "edge": mean_boundary_iou(guess, truth, OBJECT + 1)}


@functools.lru_cache
def unet_rate(skips: bool, budget: str) -> float:
    """The better of two rates, by mean IoU on validation scenes."""
    return best_setting(RATES, lambda rate: unet_scores(skips, TUNING_SEED, rate, budget, "val")["iou"])


@claim(
    "C06.2",
    statement="A U-Net without its skips, on the same steps and with as many weights, loses mean IoU, and "
    "more of it near the outlines.",
    paper="O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015, section 2",
    rule=(Rule("area_lost", above=0.0), Rule("edge_loses_more", above=0.0)),
    seeds=5,
    note="Objects are one class, as the paper's cells are. Without skips, zeros take the place of what would "
    "be handed across. Both nets start from random weights and choose their own rate. A first form with all "
    "twelve classes was given up before a figure was seen: a trial of the shipped U-Net learned no names of "
    "objects in 1,600 steps.",
    names={
        "area_lost": "mean IoU with skips minus that without",
        "edge_loses_more": "what is lost in boundary IoU minus what is lost in IoU",
    },
)
def c06_2_unet(seed: int, budget: str) -> Figures:
    """Mean IoU and mean boundary IoU of a U-Net with and without skips; `scores` has all."""
    scores = {
        name: unet_scores(skips, seed, unet_rate(skips, budget), budget, "test")
        for name, skips in (("with skips", True), ("without", False))
    }
    lost = {key: scores["with skips"][key] - scores["without"][key] for key in ("iou", "edge")}
    return {
        "area_lost": lost["iou"],
        "edge_loses_more": lost["edge"] - lost["iou"],
        "scores": scores,
        "rates": {"with skips": unet_rate(True, budget), "without": unet_rate(False, budget)},
    }


# --- C06.3 -------------------------------------------------------------------------------------------
WINDOW, STRIDE = 214, 32  # what a 3 × 3 map of VGG-11 sees when nothing is padded


@claim(
    "C06.3",
    statement="A classifier made convolutional gives the numbers of the classifier slid over the picture, in "
    "less than half of the time.",
    paper=f"{LONG}, section 3.1",
    rule=(Rule("difference", equals=0.0, tolerance=1e-4), Rule("times_faster", above=2.0)),
    seeds=5,
    timed=True,
    note="Exact only where no convolution pads its input, so the paddings of shapes_vgg are taken away here: "
    "its window is then 214 pixels. The figure with padding is measured beside it, on windows of 96.",
    names={
        "difference": "largest difference, in units of the scores' spread",
        "times_faster": "time of sliding over time of one pass",
        "difference_padded": "largest difference where borders are padded",
    },
)
def c06_3_sliding(seed: int, budget: str) -> Figures:
    """Largest difference and times, for a picture of as many windows as the budget allows."""
    places = size(budget, quick=2, full=6)
    classifier = zoo.load("shapes_vgg").eval()
    assert isinstance(classifier, VGG)
    out: Figures = {"windows": places**2}
    for name, net, window in (
        ("", without_padding(classifier), WINDOW),
        ("_padded", classifier, 96),
    ):
        assert isinstance(net, VGG)
        side = window + STRIDE * (places - 1)
        images, _ = toyworld.segmentation(1, size=side, split="test", seed=seed)
        dense = fully_convolutional(net)
        with torch.inference_mode():
            start = time.perf_counter()
            at_once = dense(images)
            middle = time.perf_counter()
            slid = slide(net, images, window=window, stride=STRIDE)
            end = time.perf_counter()
        out[f"difference{name}"] = float((at_once - slid).abs().max() / slid.std())
        out[f"times_faster{name}"] = (end - middle) / (middle - start)
    return out
