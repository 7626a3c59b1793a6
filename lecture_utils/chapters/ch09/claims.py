"""Chapter 09: what the lecture claims about instance and panoptic segmentation, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. Scenes
and clips have 64 × 64 pixels. What is trained here learns from scenes of the seed's own, and is measured on
test scenes that no one trained on.
"""

import functools
import statistics
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.chapters.ch09.memory import peak_bytes
from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.roi_heads import BoxHead, RoIHeads
from lecture_utils.detection.roi_pooling import MapPooling
from lecture_utils.detection.rpn import RPN
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.metrics.coco import coco_summary
from lecture_utils.recipes import shapes_upsnet, shapes_vpsnet
from lecture_utils.recipes._detection import BINS, CLASSES, HIDDEN, SmallBackbone, start_from_classifier
from lecture_utils.recipes._masks import Truth, found_in, fresh_batches, labelled, mask_score, panoptic_score
from lecture_utils.segmentation.mask_heads import MaskBranch, MaskHead
from lecture_utils.segmentation.mask_rcnn import MaskRCNN
from lecture_utils.training.kit import Figures, size, timed_call, train_cycle


# --- C09.1 -------------------------------------------------------------------------------------------
def pooling_sizes(budget: str) -> tuple[int, int]:
    """Steps, and scenes to measure on."""
    return size(budget, quick=(2, 6), full=(300, 200), gpu=(4000, 1000))


def one_map(operator: str, stride: int = 4) -> MaskRCNN:
    """A Mask R-CNN on one map, whose heads both read regions by RoIPool or by RoIAlign.

    With a coarser stride the map of stride 4 is averaged: over 4 × 4 cells for 16.
    """
    backbone = Coarser(stride)
    width = backbone.small.channels
    rpn = RPN(width, Anchors(sizes=((12, 20, 32),)), number=64, keep=(60, 40), keep_training=(48, 24))
    box = BoxHead(width * BINS**2, hidden=HIDDEN, classes=CLASSES)
    pool = functools.partial(MapPooling, stride=stride, operator=operator)
    heads = RoIHeads(pool((BINS, BINS)), box, number=16, positive_share=0.5, most=20)
    mask = MaskBranch(pool((10, 10)), MaskHead(width, hidden=32, classes=CLASSES, layers=2))
    return MaskRCNN(backbone, rpn, heads, mask)


class Coarser(nn.Module):
    """The small backbone's map, averaged down to a coarser stride: (B, 3, H, W) → [(B, D, h, w)]."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.small = SmallBackbone()
        self.shrink = nn.AvgPool2d(stride // self.small.stride)

    def forward(self, x: Tensor) -> list[Tensor]:
        (fine,) = self.small(x)
        return [self.shrink(fine)]


def mask_losses(model: Any, x: Tensor, y: Truth) -> Tensor:
    """The five losses, added."""
    return torch.stack(list(model.losses(x, y.targets).values())).sum()


def by_pooling(seed: int, budget: str, stride: float) -> Figures:
    """Mask and box AP with RoIAlign and with RoIPool, all else equal, on a map of a stride."""
    steps, judged = pooling_sizes(budget)
    images, truth = labelled(judged, seed=seed, split="test")
    scores = {}
    for operator in ("align", "pool"):
        torch.manual_seed(seed)
        model = one_map(operator, int(stride))
        start_from_classifier(model.backbone.get_submodule("small"))
        train_cycle(
            model, fresh_batches(seed, 8), loss=mask_losses, steps=steps, warm_up=0.15,
            optimizer=torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=1e-2),
        )  # fmt: skip
        found = found_in(model, images)
        plain = [(own.boxes, own.labels, own.scores) for own in found]
        summary = coco_summary(plain, [(own[0], own[1]) for own in truth.targets], classes=CLASSES)
        boxes = {f"box {name}": summary[name] for name in ("AP", "AP50", "AP75")}
        scores[operator] = mask_score(found, truth.targets) | boxes
    gain = {name: scores["align"][name] - scores["pool"][name] for name in scores["align"]}
    return {
        "gain": gain["AP"],
        "gain_at_75": gain["AP75"],
        "more_at_75": gain["AP75"] - gain["AP50"],
        "scores": scores,
    }


@claim(
    "C09.1",
    statement="RoIAlign gives better masks than RoIPool, and its gain is larger at an IoU of 0.75 than at "
    "0.5.",
    paper="K. He, G. Gkioxari, P. Dollár, R. Girshick, Mask R-CNN, ICCV 2017, tables 2c and 2d",
    rule=(Rule("gain", above=0.0), Rule("more_at_75", above=0.0)),
    seeds=5,
    note="Mask R-CNN on one map, both heads with the one operator or both with the other, from the same "
    "start and the same 300 batches of 8 fresh scenes; 200 test scenes. The paper's maps have strides of 16 "
    "(gain 3 points of mask AP) and 32 (7 points). The boundary's axis, the stride, was set before any run: "
    "the map is averaged over 4 × 4 cells.",
    names={
        "gain": "mask AP with RoIAlign minus with RoIPool",
        "gain_at_75": "the same at an IoU of 0.75",
        "more_at_75": "the gain at 0.75 minus the gain at 0.5",
    },
    boundary=Boundary("stride of the map, in pixels", (16.0,), by_pooling),
)
def c09_1_align(seed: int, budget: str) -> Figures:
    """AP with both operators on a map of stride 4."""
    return by_pooling(seed, budget, 4.0)


# --- C09.2 -------------------------------------------------------------------------------------------
def speed_sizes(budget: str) -> tuple[int, int]:
    """Pictures to time, and scenes to measure AP on."""
    return size(budget, quick=(2, 4), full=(60, 200))


def for_one_scene(seed: int, budget: str, objects: float) -> Figures:
    """What both take for a picture when so many objects are to be masked: the surest of 100 candidates."""
    timed, _ = speed_sizes(budget)
    models = shipped()
    images, _ = labelled(timed, seed=seed, split="test")
    before = [(part, part.score_threshold, part.most) for part in choosers(models)]
    for part, _, _ in before:
        part.score_threshold, part.most = 0.0, int(objects)
    figures = timed_and_weighed(models, images)
    for part, threshold, most in before:
        part.score_threshold, part.most = threshold, most
    return figures


def shipped() -> dict[str, nn.Module]:
    """Two networks on one kind of backbone; Mask R-CNN without its keypoint branch."""
    two_stage = zoo.load("shapes_mask_rcnn")
    assert isinstance(two_stage, MaskRCNN)
    two_stage.keypoints = None
    return {"Mask R-CNN": two_stage, "YOLACT": zoo.load("shapes_yolact")}


def choosers(models: dict[str, nn.Module]) -> list:
    """The parts that say how many objects there are."""
    return [models["Mask R-CNN"].heads, models["YOLACT"]]


def timed_and_weighed(models: dict[str, nn.Module], images: Tensor) -> Figures:
    """Frames per second and peak bytes of each for single pictures, and both ratios."""
    seconds: dict[str, list[float]] = {name: [] for name in models}
    weight: dict[str, list[int]] = {name: [] for name in models}
    with torch.inference_mode():
        for model in models.values():
            model(images[:1])  # whatever is made at the first call
        for image in images:
            for name, model in models.items():
                seconds[name].append(timed_call(functools.partial(model, image[None])))
        for image in images[:10]:
            for name, model in models.items():
                weight[name].append(peak_bytes(functools.partial(model, image[None])))
    time_of = {name: statistics.median(own) for name, own in seconds.items()}
    bytes_of = {name: statistics.median(own) for name, own in weight.items()}
    return {
        "faster": time_of["Mask R-CNN"] / time_of["YOLACT"],
        "lighter": bytes_of["Mask R-CNN"] / bytes_of["YOLACT"],
        "frames": {name: 1 / own for name, own in time_of.items()},
        "peak_bytes": bytes_of,
    }


@claim(
    "C09.2",
    statement="YOLACT is faster than Mask R-CNN on the same backbone, and takes less memory at its peak.",
    paper="D. Bolya, C. Zhou, F. Xiao, Y. J. Lee, YOLACT, ICCV 2019, table 1 and figure 1 (the speed; the "
    "memory is the lecture's)",
    rule=(Rule("faster", above=1.0), Rule("lighter", above=1.0)),
    seeds=5,
    timed=True,
    note="The shipped weights, one picture at a time, one thread, medians over 60 test scenes of the seed "
    "(10 for memory), the two in turn; Mask R-CNN without its keypoint branch. Memory is what PyTorch "
    "allocates during the call. The interval covers scenes and the machine, not other trainings. Along the "
    "boundary the number of masks is set: the surest so many, whatever their score. AP is measured on 200 "
    "scenes.",
    names={
        "faster": "frames per second of YOLACT over those of Mask R-CNN",
        "lighter": "peak bytes of Mask R-CNN over those of YOLACT",
    },
    boundary=Boundary("masks a picture", (1.0, 4.0, 16.0, 32.0), for_one_scene),
)
def c09_2_prototypes(seed: int, budget: str) -> Figures:
    """Frames per second, peak memory and AP of both."""
    timed, judged = speed_sizes(budget)
    models = shipped()
    images, truth = labelled(judged, seed=seed, split="test")
    figures = timed_and_weighed(models, images[:timed])
    scores = {name: mask_score(found_in(model, images), truth.targets) for name, model in models.items()}
    return figures | {"scores": scores}


# --- C09.3 -------------------------------------------------------------------------------------------
def panoptic_sizes(budget: str) -> tuple[int, int]:
    """Steps, and scenes to measure on."""
    return size(budget, quick=(2, 6), full=(200, 200), gpu=(2000, 1000))


@functools.cache
def trained_upsnet(seed: int, budget: str, unknown: bool) -> nn.Module:
    """UPSNet with or without the unknown class, trained on fresh scenes of a seed."""
    steps, _ = panoptic_sizes(budget)
    model, _ = shapes_upsnet.train(seed, steps=steps, unknown=unknown)
    return model


def with_objects(seed: int, budget: str, least: float) -> Figures:
    """Panoptic quality of both arms where an object takes part from this score on."""
    _, judged = panoptic_sizes(budget)
    images, truth = labelled(judged, seed=seed, split="test")
    scores = {}
    for name, unknown in (("with", True), ("without", False)):
        model = trained_upsnet(seed, budget, unknown)
        before, model.score_threshold = model.score_threshold, least  # type: ignore[assignment]
        found = [own.panoptic for own in found_in(model, images)]
        model.score_threshold = before
        void = float(sum((own < 0).float().mean() for own in found)) / len(found)
        scores[name] = panoptic_score(found, truth.panoptic) | {"unknown": void}
    gain = {name: scores["with"][name] - scores["without"][name] for name in ("PQ", "SQ", "RQ")}
    return {"gain": gain["PQ"], "gains": gain, "scores": scores}


@claim(
    "C09.3",
    statement="The unknown class raises panoptic quality.",
    paper="Y. Xiong et al., UPSNet: A Unified Panoptic Segmentation Network, CVPR 2019, section 3.1 "
    '("Unknown Prediction") and the ablation of section 4',
    rule=Rule("gain", above=0.0),
    seeds=5,
    note="UPSNet from the shipped Mask R-CNN, trained for 200 steps of 8 fresh scenes with the unknown class "
    "and without, the same start and the same scenes; 200 test scenes. Objects take part from a score of "
    "0.6. Along the boundary that bound is moved, so that more objects, or fewer, are left for the unknown "
    "class: the axis was set before any run.",
    names={"gain": "PQ with the unknown class minus PQ without"},
    boundary=Boundary("score from which an object takes part", (0.05, 0.3, 0.9), with_objects),
)
def c09_3_unknown(seed: int, budget: str) -> Figures:
    """Panoptic quality with and without the unknown class."""
    return with_objects(seed, budget, 0.6)


# --- C09.4 -------------------------------------------------------------------------------------------
def video_sizes(budget: str) -> tuple[int, int]:
    """Steps, and clips to measure on."""
    return size(budget, quick=(2, 1), full=(120, 16), gpu=(2000, 200))


@functools.cache
def trained_vpsnet(seed: int, budget: str, fuse: bool) -> nn.Module:
    """VPSNet with or without fusion, trained on fresh pairs of frames of a seed."""
    steps, _ = video_sizes(budget)
    model, _ = shapes_vpsnet.train(seed, steps=steps, fuse=fuse)
    return model


def with_noise(seed: int, budget: str, noise: float) -> Figures:
    """Video panoptic quality of both arms on clips with noise of this standard deviation."""
    _, judged = video_sizes(budget)
    clips, truth = shapes_vpsnet.test_clips(judged, seed=seed, noise=noise)
    scores = {}
    for name, fuse in (("fused", True), ("frame by frame", False)):
        model = trained_vpsnet(seed, budget, fuse)
        scores[name] = shapes_vpsnet.video_score(shapes_vpsnet.seen_in(model, clips), truth)  # type: ignore[arg-type]
    gain = {name: scores["fused"][name] - scores["frame by frame"][name] for name in scores["fused"]}
    return {"gain": gain["VPQ"], "gains": gain, "scores": scores}


@claim(
    "C09.4",
    statement="Temporal fusion raises video panoptic quality over segmenting frame by frame.",
    paper="D. Kim, S. Woo, J.-Y. Lee, I. S. Kweon, Video Panoptic Segmentation, CVPR 2020, tables 3 and 4",
    rule=Rule("gain", above=0.0),
    seeds=5,
    note="VPSNet from the shipped UPSNet, trained for 120 steps of 6 pairs of frames with fusion and "
    "without, all else equal: both have the track head. 16 test clips of 8 frames, windows of 1, 2 and 4. "
    "Both arms train with noise of any strength up to 0.2; the claim is measured without noise, and its "
    "strength is the boundary's axis, set before any run: the less one frame tells, the more to gain.",
    names={"gain": "VPQ with fusion minus VPQ frame by frame"},
    boundary=Boundary("standard deviation of the noise", (0.05, 0.1, 0.2), with_noise),
)
def c09_4_fusion(seed: int, budget: str) -> Figures:
    """Video panoptic quality with and without fusion, on clear clips."""
    return with_noise(seed, budget, 0.0)
