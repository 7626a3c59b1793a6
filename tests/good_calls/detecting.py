"""Good calls of detection: boxes and suppression, proposals, detectors, and what measures them."""

import torch.nn.functional as F
from torch import Tensor

from lecture_utils.detection.rcnn import RCNN
from tests.bad_calls import (
    Value,
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
    pixels,
    word,
)  # fmt: skip
from tests.good_calls.makers import Call, draw

PAIR = boxes((0.0, 0.0, 8.0, 8.0), (1.0, 2.0, 6.0, 7.0))
OTHER = boxes((0.0, 1.0, 7.0, 8.0), (20.0, 20.0, 28.0, 30.0))
SIDES = floats(2, 4, of=lambda x: 9 * x)  # with width and height last
SCORED = {"boxes": PAIR, "scores": floats(2, of=lambda x: x), "iou_threshold": number(0.5)}
WEIGHTS = {"weights": pair(10.0, 10.0, 5.0, 5.0)}
POSITIVES, NEGATIVES = floats(3, 4, of=lambda x: x + 1), floats(5, 4)


def pooled(x: Tensor) -> Tensor:
    """Regions (N, 3, S, S) to features (N, 12)."""
    return F.adaptive_avg_pool2d(x, 2).flatten(1)


def per_picture(*parts: Value) -> Value:
    """A list of one picture, with a tuple of these; one of them is spoiled at a time."""
    both = grouped(*parts)
    kinds = {kind: (lambda x, spoil=spoil: [spoil(x[0])]) for kind, spoil in both.kinds.items()}
    return Value(lambda: [both.make()], kinds)


FOUND = per_picture(PAIR, labels(2, 2), floats(2, of=lambda x: x))
TRUTH = per_picture(OTHER, labels(2, 2))
JUDGED = {"found": FOUND, "truth": TRUTH, "classes": count(2), "most": pair(1, 10)}
CURVE = {"precision": floats(3, of=lambda x: x), "recall": floats(3, of=lambda x: x.sort().values)}
PROPOSED = {"proposals": grouped(PAIR), "truth": grouped(OTHER), "n": count(3)}
RCNN_ = made(lambda: RCNN(pooled, width=12, classes=2, size=8))

GOOD: dict[str, dict[str, Call]] = {
    "ops.boxes": {
        **{name: {"boxes": PAIR} for name in ("box_xyxy_to_cxcywh", "box_xyxy_to_xywh", "box_area")},
        **{name: {"boxes": SIDES} for name in ("box_cxcywh_to_xyxy", "box_xywh_to_xyxy")},
        **{name: {"a": PAIR, "b": OTHER} for name in ("box_iou", "generalized_box_iou")},
        "encode_boxes": {"boxes": PAIR, "anchors": OTHER, **WEIGHTS},
        "decode_boxes": {"deltas": floats(2, 4), "anchors": PAIR, **WEIGHTS},
        "clip_boxes": {"boxes": PAIR, "height": count(6), "width": count(7)},
        "remove_small_boxes": {"boxes": PAIR, "min_size": number(6.0)},
    },
    "ops.nms": {
        "nms": SCORED,
        "batched_nms": {**SCORED, "labels": labels(None, 2)},
        "soft_nms": {**SCORED, "method": word("linear"), "sigma": number(0.5), "threshold": number(0.1)},
    },
    "metrics.average_precision": {
        "match_detections": {"ious": floats(3, 2, of=lambda x: x), "thresholds": floats(2, of=lambda x: x),
            "counted": masks(2)},
        "precision_recall": {"matched": masks(3), "scores": floats(3), "positives": count(4)},
        "average_precision": CURVE,
    },
    "metrics.coco": {
        "evaluate": {**JUDGED, "ious": pair(0.5, 0.75), "areas": {"small": (0, 1024)}},
        "coco_summary": JUDGED,
    },
    "metrics.proposals": {
        "best_overlaps": PROPOSED,
        "recall_at": {**PROPOSED, "iou": number(0.5)},
    },
    "detection.selective_search": {
        "selective_search": {"image": pixels(3, 12, 10), "min_size": count(4)},
    },
    "detection.sliding_windows": {
        "sliding_windows": {"height": count(20), "width": count(30), "sides": pair(8.0, 12.0),
            "ratios": pair(0.5, 1.0), "step": number(0.5)},
    },
    "detection.rcnn": {
        "warp_regions": {"image": images(3, 12, 10), "boxes": PAIR, "size": count(4), "context": number(0.1),
            "fill": pair(0.5, 0.5, 0.5)},
        "RCNN": {"features": pooled, "width": count(12), "classes": count(2), "size": count(8),
            "context": number(0.1)},
        "RCNN.describe": {"self": RCNN_, "image": images(3, 12, 10), "boxes": PAIR, "batch": count(4)},
        "RCNN.fit": {"self": RCNN_, "images": images(1, 3, 12, 10), "proposals": grouped(OTHER),
            "targets": per_picture(PAIR, labels(2, 2)), "passes": count(1), "c": number(0.001),
            "decay": number(10.0)},
        "RCNN.forward": {"self": RCNN_, "image": images(3, 12, 10), "proposals": PAIR, "least": number(-1.0),
            "iou_threshold": number(0.3), "most": count(5)},
    },
    "detection.rcnn_fit": {
        **{name: {"proposals": PAIR, "objects": OTHER} for name in ("background", "box_examples")},
        "region_examples": {"proposals": OTHER, "objects": PAIR, "labels": labels(None, 2),
            "number": count(3), "positive_share": number(0.25), "generator": draw},
        "fit_svm": {"positives": POSITIVES, "negatives": NEGATIVES, "c": number(0.01),
            "positive_weight": number(2.0)},
        "mine_hard_negatives": {"positives": POSITIVES, "negatives": grouped(NEGATIVES), "passes": count(2),
            "pictures": count(2), "c": number(0.01), "positive_weight": number(2.0)},
        "ridge": {"x": floats(5, 3), "y": floats(5, 4), "decay": number(1.0)},
    },
}  # fmt: skip
