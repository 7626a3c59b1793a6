"""Good calls of YOLACT and YolactEdge: Fast NMS, prototypes, losses, flow from features, keyframes."""

import torch
from torch import nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.fpn import FPN
from lecture_utils.segmentation import feature_flow, protonet, yolact, yolact_edge
from lecture_utils.segmentation.protonet import Raw
from tests.bad_calls import (
    boxes,
    count,
    floats,
    grouped,
    images,
    labels,
    made,
    masks,
    number,
    pair,
    word,
)  # fmt: skip
from tests.good_calls.makers import Call
from tests.good_calls.two_stage import OneMap

BOXES = boxes((1.0, 2.0, 18.0, 20.0), (4.0, 0.0, 30.0, 31.0))
IN_CELLS = boxes((1.0, 0.0, 5.0, 4.0), (2.0, 3.0, 7.0, 8.0))
PICTURES, TWO_MAPS = images(2, 3, 32, 32), grouped(floats(2, 4, 8, 8), floats(2, 4, 4, 4))
SIZE, CELLS = pair(32, 32), pair(8, 8)
TRUTH = grouped(*[grouped(BOXES, labels(3, 2), masks(2, 32, 32))] * 2)
MIXED = {"prototypes": floats(4, 8, 8), "coefficients": floats(2, 4)}
SCORED = {"boxes": BOXES, "iou_threshold": number(0.5)}
MATCHED = {"high": number(0.5), "low": number(0.4), "weights": pair(10.0, 10.0, 5.0, 5.0)}
SETTINGS = {**MATCHED, "score_threshold": number(0.0), "nms_threshold": number(0.5), "most": count(9),
            "most_of_class": count(20), "nms": word("fast")}  # fmt: skip
PROTO = {"prototypes": count(4), "hidden": count(4), "convs": count(1)}
PAIR = {"earlier": floats(2, 4, 6, 6), "now": floats(2, 4, 6, 6)}
CLIP = images(2, 3, 3, 32, 32)


def small() -> yolact.Yolact:
    """One map of 4 channels, an anchor a place, three classes."""
    torch.manual_seed(0)
    return yolact.Yolact(
        OneMap(), 4, Anchors(((12,),), ratios=(1.0,)), 3, prototypes=4, hidden=4, convs=1, score_threshold=0.0
    ).eval()


def raw() -> Raw:
    """What it says of two pictures."""
    with torch.no_grad():
        return small().raw(PICTURES.make())


def staged() -> yolact_edge.StagedPyramid:
    """A fine map of stride 4 and a coarse one of stride 8."""
    torch.manual_seed(0)
    return yolact_edge.StagedPyramid(OneMap(), [nn.Conv2d(4, 4, 2, 2)], FPN((4, 4), channels=4, extra=False))


def edge() -> yolact_edge.YolactEdge:
    """A keyframe every two frames."""
    anchors = Anchors(((12,), (20,)), ratios=(1.0,))
    net = yolact.Yolact(staged(), 4, anchors, 3, prototypes=4, hidden=4, convs=1, score_threshold=0.0)
    return yolact_edge.YolactEdge(
        net, feature_flow.FeatureFlow(4, radius=1, reduced=4, hidden=4), every=2
    ).eval()


def state() -> yolact_edge.EdgeState:
    """After a keyframe."""
    with torch.no_grad():
        return edge().pyramid(PICTURES.make())[1]


GOOD: dict[str, dict[str, Call]] = {
    "ops.fast_nms": {
        "fast_nms": {**SCORED, "scores": floats(2)},
        "fast_nms_by_class": {**SCORED, "scores": floats(3, 2), "most_of_class": count(5)},
    },
    "segmentation.protonet": {
        "conv3x3": {"inputs": count(3), "outputs": count(4)},
        "ProtoNet": {"channels": count(4), **PROTO},
        "ProtoNet.forward": {"self": made(lambda: protonet.ProtoNet(4, prototypes=4, hidden=4)),
            "x": floats(2, 4, 8, 8)},
        "PredictionHead": {"channels": count(4), "anchors": count(2), "classes": count(3),
            "prototypes": count(4)},
        "PredictionHead.forward": {"self": made(lambda: protonet.PredictionHead(4, 2, 3, 4)),
            "features": TWO_MAPS},
        "mix": MIXED,
        "assemble": MIXED,
        "inside_boxes": {"boxes": IN_CELLS, "size": CELLS},
        "crop_masks": {"masks": floats(2, 8, 8), "boxes": IN_CELLS},
    },
    "segmentation.yolact_losses": {
        "yolact_loss": {"raw": made(raw), "semantic": floats(2, 3, 8, 8), "targets": TRUTH, **MATCHED},
        "hard_negatives": {"logits": floats(6, 4), "negative": masks(6), "number": count(2, zero=True)},
        "shrink_masks": {"masks": masks(2, 32, 32), "size": CELLS},
        "mask_loss": {**MIXED, "masks": masks(2, 8, 8), "boxes": IN_CELLS},
        "semantic_loss": {"logits": floats(2, 3, 8, 8), "targets": TRUTH},
        "to_cells": {"boxes": BOXES, "size": SIZE, "cells": CELLS},
    },
    "segmentation.yolact": {
        "Yolact": {"backbone": made(OneMap), "channels": count(4), "anchors": Anchors(((12,),)),
            "classes": count(3), **PROTO, **SETTINGS},
        "Yolact.forward": {"self": made(small), "images": PICTURES},
        "Yolact.raw": {"self": made(small), "images": PICTURES},
        "Yolact.read": {"self": made(small), "features": grouped(floats(2, 4, 8, 8)), "size": SIZE},
        "Yolact.instances": {"self": made(small), "raw": made(raw)},
        "Yolact.choose": {"self": made(small), "raw": made(raw)},
        "Yolact.suppress": {"self": made(small), "boxes": BOXES, "scores": floats(2, 3)},
        "Yolact.losses": {"self": made(small), "images": PICTURES, "targets": TRUTH},
        "Yolact.loss": {"self": made(small), "raw": made(raw), "finest": floats(2, 4, 8, 8),
            "targets": TRUTH},
        "make_masks": {**MIXED, "boxes": BOXES, "size": SIZE},
    },
    "segmentation.feature_flow": {
        "shifts": {"radius": count(2, zero=True)},
        "correlate": {**PAIR, "radius": count(1, zero=True)},
        "expected_shift": {"correlation": floats(2, 9, 6, 6), "sharpness": number(5.0), "radius": count(1)},
        "FeatureFlow": {"channels": count(4), "radius": count(1), "reduced": count(4), "hidden": count(4)},
        "FeatureFlow.forward": {"self": made(lambda: feature_flow.FeatureFlow(4, radius=1)), **PAIR},
        "flow_loss": {"flow": floats(2, 2, 4, 4), "truth": floats(2, 2, 4, 4),
            "known": made(lambda: torch.ones(2, 4, 4, dtype=torch.bool))},
    },
    "segmentation.yolact_edge": {
        "StagedPyramid": {"early": made(OneMap), "late": made(lambda: [nn.Conv2d(4, 4, 2, 2)]),
            "fpn": made(lambda: FPN((4, 4), channels=4))},
        "StagedPyramid.forward": {"self": made(staged), "images": PICTURES},
        "StagedPyramid.early": {"self": made(staged), "images": PICTURES},
        "StagedPyramid.coarse": {"self": made(staged), "fine": floats(2, 4, 8, 8)},
        "StagedPyramid.finish": {"self": made(staged), "fine": floats(2, 4, 8, 8),
            "coarse": grouped(floats(2, 4, 4, 4))},
        "YolactEdge": {"yolact": made(lambda: edge().yolact), "flow": None, "every": count(2)},
        "YolactEdge.pyramid": {"self": made(edge), "frame": PICTURES, "state": made(state)},
        "YolactEdge.step": {"self": made(edge), "frame": PICTURES, "state": made(state)},
        "YolactEdge.run": {"self": made(edge), "clip": CLIP},
        "YolactEdge.forward": {"self": made(edge), "clip": CLIP},
    },
}  # fmt: skip
