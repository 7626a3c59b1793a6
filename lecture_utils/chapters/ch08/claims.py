"""Chapter 08: what the lecture claims about one-stage and key-point detection, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. Scenes
of 64 × 64 pixels have one to four objects. What is trained here learns from scenes of the seed's own, and is
measured on test scenes that no one trained on.
"""

import functools
import statistics
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.chapters.ch08 import tiny_retina
from lecture_utils.data import toyworld
from lecture_utils.detection.center_points import CenterPoints
from lecture_utils.detection.retinanet import RetinaNet
from lecture_utils.detection.structures import Detections
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.metrics.coco import coco_summary
from lecture_utils.ops.focal_loss import gradient_share
from lecture_utils.ops.nms import batched_nms
from lecture_utils.recipes import shapes_centernet
from lecture_utils.recipes._detection import CLASSES, SIZE, Target
from lecture_utils.training.kit import TUNING_SEED, Figures, best_setting, size, timed_call


def precision(found: Sequence[Detections], targets: Sequence[Target]) -> dict[str, float]:
    """AP, AP50 and AP75."""
    summary = coco_summary(found, targets, classes=CLASSES)
    return {name: summary[name] for name in ("AP", "AP50", "AP75")}


# --- C08.1 -------------------------------------------------------------------------------------------
LOSSES: dict[str, tuple[tuple[float | None, float], ...]] = {  # α and γ to choose from, three each
    "cross-entropy": ((None, 0.0), (0.75, 0.0), (0.9, 0.0)),
    "focal loss": ((0.25, 2.0), (0.5, 2.0), (0.25, 1.0)),
}


def sizes(budget: str) -> tuple[int, int, int]:
    """Training scenes, steps, and scenes to measure on."""
    return size(budget, quick=(24, 2, 6), full=(1200, 600, 400), gpu=(10_000, 4000, 1000))


@functools.lru_cache(maxsize=4)
def scenes(n: int, seed: int, split: str) -> tuple[Tensor, list[Target]]:
    """Maps (n, 48, 16, 16) of scenes with one object, and what is in them."""
    images, targets = tiny_retina.single_objects(n, seed=seed, split=split)
    return tiny_retina.maps_of(images), targets


def fitted(setting: tuple[float | None, float], seed: int, budget: str, part: float = 1.0) -> RetinaNet:
    """Train with this α and γ on the scenes of a seed, for a part of the steps."""
    n, steps, _ = sizes(budget)
    torch.manual_seed(seed)
    net = tiny_retina.build(alpha=setting[0], gamma=setting[1])
    return tiny_retina.train(net, *scenes(n, seed, "train"), steps=max(1, round(part * steps)), seed=seed)


@functools.lru_cache
def chosen_setting(name: str, budget: str) -> tuple[float | None, float]:
    """The α and γ of a loss with the highest AP on validation scenes, trained at a seed of its own."""

    def score(setting: tuple[float | None, float]) -> float:
        maps, targets = scenes(sizes(budget)[2], TUNING_SEED, "val")
        return precision(tiny_retina.detect(fitted(setting, TUNING_SEED, budget), maps), targets)["AP"]

    return best_setting(LOSSES[name], score)


def compared(seed: int, budget: str, part: float) -> Figures:
    """AP of both losses after a part of the training, and who the gradient of each listens to."""
    settings = {name: chosen_setting(name, budget) for name in LOSSES}
    maps, targets = scenes(sizes(budget)[2], seed, "test")
    nets = {name: fitted(setting, seed, budget, part) for name, setting in settings.items()}
    scores = {name: precision(tiny_retina.detect(net, maps), targets) for name, net in nets.items()}
    asked = tiny_retina.decisions(nets["cross-entropy"], maps, targets)
    share = {
        name: gradient_share(asked.logits, asked.yes, asked.easy, alpha=alpha, gamma=gamma)
        for name, (alpha, gamma) in settings.items()
    }
    return {
        "ap_gain": scores["focal loss"]["AP"] - scores["cross-entropy"]["AP"],
        "share_falls": share["cross-entropy"] - share["focal loss"],
        "negatives": float((~asked.yes).sum() / asked.yes.sum()),
        "easy": float(asked.easy.float().mean()),
        "share": share,
        "scores": scores,
        "settings": {
            name: [-1.0 if alpha is None else alpha, gamma] for name, (alpha, gamma) in settings.items()
        },
    }


@claim(
    "C08.1",
    statement="With a thousand negatives for every positive, focal loss detects better than cross-entropy; "
    "and the easy negatives' share of the gradient falls.",
    paper="T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, Focal Loss for Dense Object Detection, ICCV "
    "2017, table 1 and figure 4",
    rule=(
        Rule("ap_gain", above=0.0),
        Rule("share_falls", above=0.0),
        Rule("negatives", above=1000.0),
    ),
    seeds=5,
    note="Scenes of one object, so that the negatives are a thousand times as many. The backbone is that of "
    "the shipped Faster R-CNN, held fixed; a pyramid of two levels and both subnets are trained for 600 "
    "steps of 8. Each loss may choose among three settings on validation scenes: cross-entropy among the "
    "weights α of none, 0.75 and 0.9, focal loss among (α, γ) = (0.25, 2), (0.5, 2) and (0.25, 1). Both "
    "start at a prior of 0.01. A decision is one anchor's yes or no to one class; easy is a no that the "
    "network trained with cross-entropy holds with 0.9 or more. The share is of the sum of |dL/dx| over all "
    "decisions of that network, under its own loss and under the focal loss chosen. The boundary's axis was "
    "set when two seeds had been seen to fail the rule, before any point of it was measured.",
    names={
        "ap_gain": "AP with focal loss minus AP with cross-entropy",
        "share_falls": "easy negatives' share of the gradient under cross-entropy minus under focal loss",
        "negatives": "negative decisions for each positive one",
    },
    boundary=Boundary("share of the 600 steps of training", (0.125, 0.25, 0.5), compared),
)
def c08_1_imbalance(seed: int, budget: str) -> Figures:
    """AP of both losses, and who the gradient of each listens to."""
    return compared(seed, budget, 1.0)


# --- C08.2 -------------------------------------------------------------------------------------------
def shipped() -> dict[str, nn.Module]:
    """The detectors that share a backbone, those of one stage first."""
    return {
        "YOLO": zoo.load("shapes_yolo"),
        "RetinaNet": zoo.load("shapes_retinanet"),
        "CenterNet (points)": zoo.load("shapes_centernet"),
        "CornerNet": zoo.load("shapes_cornernet"),
        "CenterNet (triplets)": zoo.load("shapes_centernet_triplets"),
        "Faster R-CNN": zoo.load("shapes_faster_rcnn"),
    }


@claim(
    "C08.2",
    statement="One-stage detectors are faster than a two-stage detector on the same backbone: YOLO, "
    "RetinaNet and CenterNet with points each take less time for a picture than Faster R-CNN.",
    paper="J. Redmon, S. Divvala, R. Girshick, A. Farhadi, You Only Look Once, CVPR 2016, table 1; T.-Y. Lin "
    "et al., Focal Loss for Dense Object Detection, ICCV 2017, figure 2; X. Zhou, D. Wang, P. Krähenbühl, "
    "Objects as Points, 2019, table 2",
    rule=(
        Rule("yolo", above=1.0),
        Rule("retinanet", above=1.0),
        Rule("points", above=1.0),
    ),
    seeds=5,
    timed=True,
    note="The shipped weights of each, all on the small backbone of chapter 07 (YOLO and RetinaNet with one "
    "more stage), one picture at a time, one thread, medians over 40 test scenes of the seed, the "
    "detectors in turn. The interval covers scenes and the machine, not other trainings. AP is measured on "
    "200 test scenes.",
    names={
        "yolo": "frames per second of YOLO over those of Faster R-CNN",
        "retinanet": "frames per second of RetinaNet over those of Faster R-CNN",
        "points": "frames per second of CenterNet with points over those of Faster R-CNN",
    },
)
def c08_2_frames(seed: int, budget: str) -> Figures:
    """Frames per second and AP of six detectors."""
    timed, judged = size(budget, quick=(2, 4), full=(40, 200))
    images, targets = toyworld.detection(judged, size=SIZE, seed=seed, split="test")
    models = shipped()
    seconds: dict[str, list[float]] = {name: [] for name in models}
    scores = {}
    with torch.inference_mode():
        for model in models.values():
            model(images[:1])  # whatever is made at the first call
        for image in images[:timed]:
            for name, model in models.items():
                seconds[name].append(timed_call(functools.partial(model, image[None])))
        for name, model in models.items():
            scores[name] = precision([own for x in images.split(50) for own in model(x)], targets)
    median = {name: statistics.median(own) for name, own in seconds.items()}
    faster = median["Faster R-CNN"]
    return {
        "yolo": faster / median["YOLO"],
        "retinanet": faster / median["RetinaNet"],
        "points": faster / median["CenterNet (points)"],
        "frames": {name: 1 / own for name, own in median.items()},
        "scores": scores,
    }


# --- C08.3 -------------------------------------------------------------------------------------------
def point_sizes(budget: str) -> tuple[int, int]:
    """Steps, and scenes to measure on."""
    return size(budget, quick=(2, 6), full=(500, 400), gpu=(4000, 1000))


@functools.lru_cache
def trained_points(seed: int, budget: str) -> CenterPoints:
    """CenterNet with points, trained on fresh scenes of a seed."""
    steps, _ = point_sizes(budget)
    model, _ = shapes_centernet.train(seed, steps=steps)
    assert isinstance(model, CenterPoints)
    return model


def suppressed(found: Detections, threshold: float = 0.5) -> Detections:
    """What NMS for each class leaves of a picture's detections."""
    kept = batched_nms(found.boxes, found.scores, found.labels, threshold)
    return Detections(found.boxes[kept], found.labels[kept], found.scores[kept])


def with_window(seed: int, budget: str, window: float) -> Figures:
    """AP with and without NMS, where a peak is the highest of `window` × `window` cells; 1 is any cell."""
    model = trained_points(seed, budget)
    images, targets = toyworld.detection(point_sizes(budget)[1], size=SIZE, seed=seed, split="test")
    before, model.window = model.window, int(window)
    with torch.inference_mode():
        found = [own for x in images.split(50) for own in model(x)]
    model.window = before
    scores = {
        "peaks": precision(found, targets),
        "and NMS": precision([suppressed(own) for own in found], targets),
    }
    return {"cost": scores["and NMS"]["AP"] - scores["peaks"]["AP"], "scores": scores}


@claim(
    "C08.3",
    statement="Peaks of the heat map need no non-maximum suppression: without it CenterNet loses less than "
    "one point of AP.",
    paper="X. Zhou, D. Wang, P. Krähenbühl, Objects as Points, 2019, section 4 and the experiments with NMS",
    rule=Rule("cost", below=0.01),
    seeds=5,
    note="CenterNet with points, trained for 500 steps of 16 fresh scenes from shapes_backbone, up to 50 "
    "detections a picture, NMS for each class at an IoU of 0.5. Along the boundary a peak is the highest "
    "of 1 × 1 (every cell), 3 × 3 or 5 × 5 cells.",
    names={"cost": "AP with NMS after the peaks minus AP with the peaks alone"},
    boundary=Boundary("side of the window in which a peak is the highest cell", (1.0, 3.0, 5.0), with_window),
)
def c08_3_peaks(seed: int, budget: str) -> Figures:
    """AP of CenterNet's peaks alone, and with NMS after them."""
    return with_window(seed, budget, 3.0)
