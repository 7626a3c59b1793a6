"""Good calls of two-stage detection: regions, anchors, the pyramid, proposals and heads."""

import torch
from torch import nn

from lecture_utils.backbones.resnet import BasicBlock, ResNet
from lecture_utils.detection import fpn, roi_heads, roi_pooling, rpn
from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.fast_rcnn import FastRCNN
from lecture_utils.detection.faster_rcnn import FasterRCNN
from lecture_utils.nn.frozen_norm import FrozenBatchNorm2d
from tests.bad_calls import (
    boxes,
    count,
    floats,
    grouped,
    images,
    labels,
    made,
    number,
    pair,
    pixels,
    word,
)  # fmt: skip
from tests.good_calls.makers import Call, draw

BOXES = boxes((1.0, 2.0, 18.0, 20.0), (4.0, 0.0, 30.0, 31.0))
MAP = floats(2, 4, 8, 8)
CUT = {"features": MAP, "boxes": BOXES, "batch_index": labels(2, 2), "output_size": pair(2, 3),
       "spatial_scale": number(0.25)}  # fmt: skip
ANCHORS, TWO_MAPS = Anchors(((8,), (16,))), grouped(floats(2, 4, 8, 8), floats(2, 4, 4, 4))
TRUTH = grouped(grouped(BOXES, labels(3, 2)), grouped(BOXES, labels(3, 2)))
PROPOSED, ONE_MAP = grouped(BOXES, BOXES), grouped(MAP)
SIZE, SIZES = pair(32, 32), [(32, 32), (32, 32)]
PICTURES = images(2, 3, 32, 32)


def proposing() -> rpn.RPN:
    """Two maps of 4 channels, 3 anchors a place."""
    return rpn.RPN(4, ANCHORS, number=8, keep=(6, 4), keep_training=(6, 4)).eval()


def pooling() -> roi_pooling.MapPooling:
    """2 × 2 bins of a map of stride 4."""
    return roi_pooling.MapPooling((2, 2), stride=4)


def heads() -> roi_heads.RoIHeads:
    """Three classes on a map of 4 channels."""
    head = roi_heads.BoxHead(16, hidden=8, classes=3)
    return roi_heads.RoIHeads(pooling(), head, number=8, score_threshold=0.0).eval()


class OneMap(nn.Module):
    """Pictures (B, 3, H, W) → [(B, 4, H/4, W/4)]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 4, 4)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.conv(x)]


def faster() -> FasterRCNN:
    """The smallest one."""
    return FasterRCNN(OneMap(), rpn.RPN(4, Anchors(((12,),)), number=8, keep=(6, 4)), heads()).eval()


def small_resnet() -> ResNet:
    """Four blocks of width 4."""
    return ResNet(BasicBlock, (1, 1, 1, 1), width=4).eval()


def resnet_fpn() -> fpn.ResNetFPN:
    """Four blocks and a pyramid."""
    return fpn.ResNetFPN(small_resnet(), channels=4).eval()


GOOD: dict[str, dict[str, Call]] = {
    "ops.roi": {
        "roi_pool": CUT,
        "roi_align": {**CUT, "sampling_ratio": count(2, zero=True)},
        "roi_levels": {"boxes": BOXES, "finest": count(2, zero=True), "coarsest": count(5),
            "canonical_level": count(4, zero=True), "canonical_size": number(224.0)},
    },
    "nn.frozen_norm": {
        "FrozenBatchNorm2d": {"channels": count(4), "eps": number(1e-5)},
        "FrozenBatchNorm2d.forward": {"self": made(lambda: FrozenBatchNorm2d(4)), "x": MAP},
    },
    "detection.anchors": {
        "cell_anchors": {"sizes": pair(8.0, 16.0), "ratios": pair(0.5, 1.0)},
        "grid_anchors": {"cell": boxes((-4.0, -2.0, 4.0, 2.0)), "map_size": pair(2, 3), "stride": pair(4, 4),
            "offset": number(0.5)},
        "Anchors": {"sizes": grouped(pair(8.0), pair(16.0)), "ratios": pair(1.0, 2.0), "offset": number(0.5)},
        "match_anchors": {"iou": floats(2, 5, of=lambda x: x), "high": number(0.7), "low": number(0.3)},
        "sample_balanced": {"labels": labels(None, 9), "number": count(4), "positive_share": number(0.5),
            "generator": draw},
    },
    "detection.fpn": {
        "FPN": {"widths": pair(4, 4), "channels": count(4)},
        "FPN.forward": {"self": made(lambda: fpn.FPN((4, 4), channels=4)), "maps": TWO_MAPS},
        "ResNetFPN": {"resnet": made(small_resnet), "channels": count(4)},
        "ResNetFPN.forward": {"self": made(resnet_fpn), "x": PICTURES},
    },
    "detection.rpn": {
        "RPNHead": {"channels": count(4), "anchors": count(3)},
        "RPNHead.forward": {"self": made(lambda: rpn.RPNHead(4, 3)), "features": TWO_MAPS},
        "filter_proposals": {"boxes": floats(2, 6, 4, of=lambda x: 9 * x.cumsum(-1)),
            "objectness": floats(2, 6), "counts": pair(4, 2), "sizes": SIZES, "before": count(3),
            "after": count(2), "nms_threshold": number(0.5)},
        "RPN": {"channels": count(4), "anchors": ANCHORS, "high": number(0.7), "low": number(0.3),
            "number": count(8), "positive_share": number(0.5), "keep": pair(6, 4),
            "keep_training": pair(6, 4), "nms_threshold": number(0.7)},
        "RPN.forward": {"self": made(proposing), "features": TWO_MAPS, "image_size": SIZE},
        "RPN.losses": {"self": made(proposing), "features": TWO_MAPS, "image_size": SIZE, "targets": TRUTH},
        "RPN.loss": {"self": made(proposing), "objectness": floats(2, 2), "deltas": floats(2, 2, 4),
            "anchors": BOXES, "targets": TRUTH},
    },
    "detection.roi_pooling": {
        "MapPooling": {"output_size": pair(2, 2), "stride": count(4), "operator": word("pool")},
        "MapPooling.forward": {"self": made(pooling), "features": ONE_MAP, "boxes": PROPOSED},
        "PyramidPooling": {"output_size": pair(2, 2), "finest": count(2, zero=True), "coarsest": count(3),
            "sampling_ratio": count(2, zero=True)},
        "PyramidPooling.forward": {"self": made(lambda: roi_pooling.PyramidPooling((2, 2), coarsest=3)),
            "features": TWO_MAPS, "boxes": PROPOSED},
    },
    "detection.roi_heads": {
        "BoxHead": {"inputs": count(16), "hidden": count(8), "classes": count(3)},
        "BoxHead.forward": {"self": made(lambda: heads().head), "regions": floats(3, 4, 2, 2)},
        "multi_task_loss": {"scores": floats(3, 4), "deltas": floats(3, 4, 4), "labels": labels(4, 3),
            "wanted": floats(3, 4), "beta": number(1.0)},
        "RoIHeads": {"pooling": made(pooling), "head": made(lambda: heads().head),
            "weights": pair(10.0, 10.0, 5.0, 5.0), "beta": number(1.0), "foreground": number(0.5),
            "background": number(0.1), "number": count(8), "positive_share": number(0.25),
            "score_threshold": number(0.05), "nms_threshold": number(0.3), "most": count(9)},
        "RoIHeads.forward": {"self": made(heads), "features": ONE_MAP, "proposals": PROPOSED, "sizes": SIZES},
        "RoIHeads.detections": {"self": made(heads), "proposals": BOXES, "scores": floats(2, 4),
            "deltas": floats(2, 4, 4), "size": SIZE},
        "RoIHeads.losses": {"self": made(heads), "features": ONE_MAP, "proposals": PROPOSED,
            "targets": TRUTH},
        "RoIHeads.sample": {"self": made(heads), "proposals": BOXES, "boxes": BOXES, "labels": labels(3, 2),
            "generator": draw},
    },
    "detection.fast_rcnn": {
        "FastRCNN.forward": {"self": made(lambda: FastRCNN(OneMap(), heads())), "images": PICTURES,
            "proposals": PROPOSED},
        "FastRCNN.losses": {"self": made(lambda: FastRCNN(OneMap(), heads())), "images": PICTURES,
            "proposals": PROPOSED, "targets": TRUTH},
    },
    "detection.faster_rcnn": {
        "FasterRCNN.forward": {"self": made(faster), "images": PICTURES},
        "FasterRCNN.losses": {"self": made(faster), "images": PICTURES, "targets": TRUTH},
    },
    "detection.resize": {
        "resize_short_side": {"image": images(3, 8, 6), "shortest": count(12), "longest": count(20)},
        "batch_images": {"images": grouped(pixels(3, 8, 6), pixels(3, 6, 6)), "shortest": count(12),
            "longest": count(20), "multiple": count(4), "mean": pair(0.5, 0.5, 0.5),
            "std": pair(0.2, 0.2, 0.2)},
        "scale_boxes": {"boxes": BOXES, "size": pair(32, 32), "to": pair(16, 48)},
        "detect": {"model": made(faster), "images": grouped(pixels(3, 8, 6), pixels(3, 6, 6)),
            "shortest": count(32), "longest": count(64)},
    },
}  # fmt: skip
