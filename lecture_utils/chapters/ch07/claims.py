"""Chapter 07: what the lecture claims about two-stage detection, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. R-CNN,
Fast R-CNN and Faster R-CNN are trained for each seed on the same 600 scenes of 64 × 64 pixels, from the same
shipped classifier, with as many steps of 128 regions or 16 pictures, and are measured on 200 test scenes that
no one trained on. All three claims look at the same three detectors.

Shapes: N pictures, R proposals of a picture.
"""

import copy
import functools
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch07.timing import stage_seconds
from lecture_utils.data import toyworld
from lecture_utils.detection.fast_rcnn import FastRCNN
from lecture_utils.detection.faster_rcnn import FasterRCNN
from lecture_utils.detection.rcnn import RCNN
from lecture_utils.detection.sliding_windows import sliding_windows
from lecture_utils.detection.structures import Detections
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.metrics.coco import coco_summary
from lecture_utils.metrics.proposals import recall_at
from lecture_utils.recipes import shapes_fast_rcnn, shapes_faster_rcnn, shapes_rcnn
from lecture_utils.recipes._detection import (
    CLASSES,
    SIZE,
    Proposed,
    Target,
    known_batches,
    search,
    start_from_classifier,
)
from lecture_utils.training.kit import Figures, size, train_cycle

RATE, BATCH = 3e-3, 16
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200)  # proposals of a picture
TOGETHER = (
    "The three start from the shipped classifier shapes_backbone, and have the same scenes and steps. A step "
    "of R-CNN is 128 warped regions of 8 pictures, one of the other two 16 pictures; they cost about the "
    "same. The rates are the recipes' and were not tuned. The interval covers scenes and order, not other "
    "classifiers."
)


def sizes(budget: str) -> tuple[int, int, int]:
    """Training scenes, steps of each detector, and scenes to measure on."""
    return size(budget, quick=(24, 2, 6), full=(600, 800, 200), gpu=(4000, 4000, 1000))


class Trio(NamedTuple):
    """The detectors of a seed, in evaluation mode."""

    rcnn: RCNN
    fast: FastRCNN
    faster: FasterRCNN


@functools.lru_cache
def trained(seed: int, budget: str) -> Trio:
    """Train all three on the scenes of a seed."""
    scenes, steps, _ = sizes(budget)
    images, targets = toyworld.detection(scenes, size=SIZE, seed=seed)
    proposals = search(images)
    rcnn, _ = shapes_rcnn.fitted(images, targets, proposals, seed=seed, steps=steps)

    def taught(model: nn.Module, losses: Callable[[nn.Module, Tensor, list[Proposed]], Tensor]) -> None:
        start_from_classifier(model.backbone)  # type: ignore[arg-type]
        batches = known_batches(images, targets, proposals, batch=BATCH, seed=seed)
        optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=1e-2)
        train_cycle(model, batches, loss=losses, optimizer=optimizer, steps=steps, warm_up=0.15)

    torch.manual_seed(seed)
    fast, faster = shapes_fast_rcnn.build(), shapes_faster_rcnn.build()
    taught(fast, shapes_fast_rcnn.losses)
    taught(faster, lambda model, x, y: shapes_faster_rcnn.losses(model, x, [own[1:] for own in y]))
    return Trio(rcnn.eval(), fast.eval(), faster.eval())


@functools.lru_cache
def held(seed: int, n: int) -> tuple[Tensor, list[Target], list[Tensor]]:
    """Test scenes (n, 3, 64, 64), what is in them, and what selective search proposes."""
    images, targets = toyworld.detection(n, size=SIZE, seed=seed, split="test")
    return images, targets, search(images)


def precision(found: Sequence[Detections], targets: Sequence[Target]) -> dict[str, float]:
    """AP50 and AP75."""
    summary = coco_summary(found, targets, classes=CLASSES)
    return {name: summary[name] for name in ("AP50", "AP75")}


# --- C07.1 -------------------------------------------------------------------------------------------
TIMED = 40  # test pictures


def found_by(trio: Trio, seed: int, n: int) -> dict[str, list[Detections]]:
    """What each of the three finds in the test scenes of a seed."""
    images, _, proposals = held(seed, n)
    pairs = list(zip(images, proposals, strict=True))
    with torch.inference_mode():
        return {
            "R-CNN": [trio.rcnn(*pair) for pair in pairs],
            "Fast R-CNN": [trio.fast(image[None], [boxes])[0] for image, boxes in pairs],
            "Faster R-CNN": [trio.faster(image[None])[0] for image in images],
        }


@claim(
    "C07.1",
    statement="R-CNN takes longer for a picture than Fast R-CNN, and that longer than Faster R-CNN; and what "
    "is faster is no less precise.",
    paper="S. Ren, K. He, R. Girshick, J. Sun, Faster R-CNN, NeurIPS 2015, tables 2 to 4; R. Girshick, Fast "
    "R-CNN, ICCV 2015, table 4",
    rule=(
        Rule("rcnn_over_fast", above=1.0),
        Rule("fast_over_faster", above=1.0),
        Rule("fast_minus_rcnn", above=-0.02),
        Rule("faster_minus_fast", above=-0.02),
    ),
    seeds=5,
    timed=True,
    note=TOGETHER + " Times are medians over 40 test pictures, one at a time, selective search included; no "
    "less precise means that AP50 falls by no more than 0.02.",
    names={
        "rcnn_over_fast": "time of R-CNN over that of Fast R-CNN",
        "fast_over_faster": "time of Fast R-CNN over that of Faster R-CNN",
        "fast_minus_rcnn": "AP50 of Fast R-CNN minus that of R-CNN",
        "faster_minus_fast": "AP50 of Faster R-CNN minus that of Fast R-CNN",
    },
)
def c07_1_seconds(seed: int, budget: str) -> Figures:
    """Times and AP50 of the three; `seconds` by stage and `scores` have all."""
    trio, n = trained(seed, budget), sizes(budget)[2]
    images, targets, _ = held(seed, n)
    runs = [stage_seconds(image, *trio) for image in images[:TIMED]]
    seconds = {
        name: {stage: statistics.median(run[name][stage] for run in runs) for stage in stages}
        for name, stages in runs[0].items()
    }
    whole = {name: statistics.median(sum(run[name].values()) for run in runs) for name in seconds}
    scores = {name: precision(found, targets) for name, found in found_by(trio, seed, n).items()}
    ap = {name: own["AP50"] for name, own in scores.items()}
    return {
        "rcnn_over_fast": whole["R-CNN"] / whole["Fast R-CNN"],
        "fast_over_faster": whole["Fast R-CNN"] / whole["Faster R-CNN"],
        "fast_minus_rcnn": ap["Fast R-CNN"] - ap["R-CNN"],
        "faster_minus_fast": ap["Faster R-CNN"] - ap["Fast R-CNN"],
        "seconds": seconds,
        "scores": scores,
    }


# --- C07.2 -------------------------------------------------------------------------------------------
@claim(
    "C07.2",
    statement="At an equal number of proposals, a region proposal network covers more of the objects than "
    "selective search.",
    paper="S. Ren, K. He, R. Girshick, J. Sun, Faster R-CNN, NeurIPS 2015, figure 2",
    rule=(Rule("ahead_at_10", above=0.0), Rule("ahead_at_50", above=0.0)),
    seeds=5,
    note=TOGETHER + " An object counts as covered from an IoU of 0.5 on; `recalls` has the other numbers of "
    "proposals, an IoU of 0.7, and sliding windows.",
    names={
        "ahead_at_10": "share covered with 10 proposals, network minus selective search",
        "ahead_at_50": "the same with 50 proposals",
    },
)
def c07_2_recall(seed: int, budget: str) -> Figures:
    """Recall of the network's proposals, of selective search and of sliding windows, at each of `COUNTS`."""
    images, targets, searched = held(seed, sizes(budget)[2])
    faster = trained(seed, budget).faster
    rpn = copy.deepcopy(faster.rpn)
    rpn.keep = (2000, max(COUNTS))
    with torch.inference_mode():
        proposed = [boxes for boxes, _ in rpn(faster.backbone(images), (SIZE, SIZE))]
    windows = [sliding_windows(SIZE, SIZE)] * len(images)
    truth = [boxes for boxes, _ in targets]
    recalls = {
        name: {str(iou): [recall_at(sets, truth, n, iou) for n in COUNTS] for iou in (0.5, 0.7)}
        for name, sets in (("network", proposed), ("selective search", searched), ("windows", windows))
    }
    ahead = {n: recall_at(proposed, truth, n, 0.5) - recall_at(searched, truth, n, 0.5) for n in (10, 50)}
    return {"ahead_at_10": ahead[10], "ahead_at_50": ahead[50], "counts": list(COUNTS), "recalls": recalls}


# --- C07.3 -------------------------------------------------------------------------------------------
@claim(
    "C07.3",
    statement="R-CNN's box regression raises AP75 more than AP50.",
    paper="R. Girshick, J. Donahue, T. Darrell, J. Malik, Rich Feature Hierarchies for Accurate Object "
    "Detection and Semantic Segmentation, CVPR 2014, section 3.4 and appendix C (which give AP50 alone)",
    rule=Rule("gains_more_at_75", above=0.0),
    seeds=5,
    note=TOGETHER + " `fast` has the same for Fast R-CNN, whose box offsets are set to zero afterwards.",
    names={"gains_more_at_75": "what regression adds to AP75 minus what it adds to AP50"},
)
def c07_3_boxes(seed: int, budget: str) -> Figures:
    """AP50 and AP75 with and without box regression, of R-CNN and of Fast R-CNN."""
    trio, n = trained(seed, budget), sizes(budget)[2]
    images, targets, proposals = held(seed, n)
    still = copy.deepcopy(trio.fast)
    nn.init.zeros_(still.heads.head.deltas.weight)
    nn.init.zeros_(still.heads.head.deltas.bias)
    found = found_by(trio, seed, n)
    pairs = list(zip(images, proposals, strict=True))
    with torch.inference_mode():
        plain = [trio.rcnn(*pair, regress=False) for pair in pairs]
        plain_fast = [still(image[None], [boxes])[0] for image, boxes in pairs]
    rcnn = {"without": precision(plain, targets), "with": precision(found["R-CNN"], targets)}
    fast = {"without": precision(plain_fast, targets), "with": precision(found["Fast R-CNN"], targets)}
    gain = {name: rcnn["with"][name] - rcnn["without"][name] for name in rcnn["with"]}
    return {
        "gains_more_at_75": gain["AP75"] - gain["AP50"],
        "gain_50": gain["AP50"],
        "gain_75": gain["AP75"],
        "rcnn": rcnn,
        "fast": fast,
    }
