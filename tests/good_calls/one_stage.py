"""Good calls of one-stage detection: focal loss, RetinaNet, YOLO."""

import torch

from lecture_utils.detection import fpn, retinanet, subnet, yolo, yolo_grid, yolo_heads
from lecture_utils.detection.anchors import Anchors
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
from tests.good_calls.two_stage import OneMap, small_resnet

BOXES = boxes((1.0, 2.0, 18.0, 20.0), (4.0, 0.0, 30.0, 31.0))
TRUTH = grouped(grouped(BOXES, labels(3, 2)), grouped(BOXES, labels(3, 2)))
PICTURES, TWO_MAPS = images(2, 3, 32, 32), grouped(floats(2, 4, 8, 8), floats(2, 4, 4, 4))
SIZE, GRID = pair(32, 32), pair(4, 4)
DECISIONS = {"logits": floats(4, 3), "targets": labels(2, 4, 3), "alpha": number(0.25), "gamma": number(2.0)}
LAYOUT = yolo_grid.Layout(2, 3)
SCORING = {"score_threshold": number(0.0), "nms_threshold": number(0.5), "most": count(9)}
WEIGHING = {"coordinates": number(5.0), "no_object": number(0.5)}
CELLS = grouped(floats(4, 4, 2, 4), floats(4, 4, 2), floats(4, 4, 2, 3))


def retina() -> retinanet.RetinaNet:
    """The smallest one: one map of 4 channels, an anchor a place, three classes."""
    torch.manual_seed(0)
    anchors = Anchors(((12,),), ratios=(1.0,))
    return retinanet.RetinaNet(OneMap(), 4, anchors, 3, score_threshold=0.0).eval()


def yolo_() -> yolo.YOLO:
    """The smallest one: 8 × 8 cells, two boxes, three classes."""
    torch.manual_seed(0)
    return yolo.YOLO(OneMap(), yolo_heads.ConvHead(4, LAYOUT, hidden=4), LAYOUT).eval()


GOOD: dict[str, dict[str, Call]] = {
    "ops.focal_loss": {
        "focal_loss": {**DECISIONS, "reduction": word("mean")},
        "focal_gradient": DECISIONS,
        "gradient_share": {**DECISIONS, "chosen": masks(4, 3)},
    },
    "detection.fpn": {
        "CoarserLevels": {"inputs": count(4), "channels": count(4)},
        "CoarserLevels.forward": {"self": made(lambda: fpn.CoarserLevels(4, 4)), "x": floats(2, 4, 8, 8)},
        "ResNetPyramid": {"resnet": made(small_resnet), "channels": count(4)},
        "ResNetPyramid.forward": {
            "self": made(lambda: fpn.ResNetPyramid(small_resnet(), channels=4).eval()), "x": PICTURES},
    },
    "detection.subnet": {
        "Subnet": {"channels": count(4), "anchors": count(2), "outputs": count(3), "start": number(0.01),
            "std": number(0.01)},
        "Subnet.forward": {"self": made(lambda: subnet.Subnet(4, 2, 3)), "features": TWO_MAPS},
    },
    "detection.retinanet": {
        "RetinaNet": {"backbone": made(OneMap), "channels": count(4), "anchors": Anchors(((12,),)),
            "classes": count(3), "prior": number(0.01), "std": number(0.01), "alpha": number(0.25),
            "gamma": number(2.0), "high": number(0.5), "low": number(0.4), "beta": number(0.1),
            **SCORING, "most_of_level": count(20)},
        "RetinaNet.forward": {"self": made(retina), "images": PICTURES},
        "RetinaNet.detections": {"self": made(retina), "logits": grouped(floats(2, 3)),
            "deltas": grouped(floats(2, 4)), "anchors": grouped(BOXES), "size": SIZE},
        "RetinaNet.losses": {"self": made(retina), "images": PICTURES, "targets": TRUTH},
        "RetinaNet.loss": {"self": made(retina), "logits": floats(2, 2, 3), "deltas": floats(2, 2, 4),
            "anchors": BOXES, "targets": TRUTH},
    },
    "detection.yolo_grid": {
        "Layout": {"boxes": count(2), "classes": count(3), "classes_per": word("box")},
        "Layout.split": {"self": made(lambda: LAYOUT), "block": floats(4, 4, 13)},
        "Layout.join": {"self": made(lambda: LAYOUT), "cells": made(lambda: yolo_grid.Cells(*CELLS.make()))},
        "place_objects": {"boxes": BOXES, "grid": GRID, "size": SIZE, "room": count(1)},
        "to_boxes": {"cells": floats(4, 4, 2, 4), "size": SIZE},
        "encode": {"boxes": BOXES, "labels": labels(3, 2), "layout": LAYOUT, "grid": GRID, "size": SIZE},
        "decode": {"block": floats(4, 4, 13, of=lambda x: x), "layout": LAYOUT, "size": SIZE,
            "border": pair(30, 20), **SCORING},
    },
    "detection.yolo_heads": {
        "ConvHead": {"channels": count(4), "layout": LAYOUT, "hidden": count(4)},
        "ConvHead.forward": {"self": made(lambda: yolo_heads.ConvHead(4, LAYOUT, hidden=4)),
            "x": floats(2, 4, 8, 8)},
        "DenseHead": {"inputs": count(16), "grid": pair(2, 3), "layout": LAYOUT, "hidden": count(4),
            "dropout": number(0.5)},
        "DenseHead.forward": {"self": made(lambda: yolo_heads.DenseHead(16, (2, 3), LAYOUT, hidden=4)),
            "x": floats(2, 4, 2, 2)},
    },
    "detection.yolo": {
        "yolo_loss": {"block": floats(2, 4, 4, 13), "targets": TRUTH, "layout": LAYOUT, "size": SIZE,
            **WEIGHING},
        "match_boxes": {"block": floats(2, 4, 4, 13), "targets": TRUTH, "layout": LAYOUT, "size": SIZE},
        "YOLO": {"backbone": made(OneMap), "head": made(lambda: yolo_().head), "layout": LAYOUT, **WEIGHING,
            **SCORING},
        "YOLO.predict": {"self": made(yolo_), "images": PICTURES},
        "YOLO.forward": {"self": made(yolo_), "images": PICTURES},
        "YOLO.losses": {"self": made(yolo_), "images": PICTURES, "targets": TRUTH},
    },
}  # fmt: skip
