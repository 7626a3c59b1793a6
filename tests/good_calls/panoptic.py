"""Good calls of panoptic segmentation: UPSNet, the merge, panoptic quality."""

import math

import torch

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.rpn import RPN
from lecture_utils.segmentation import mask_heads, semantic_head, upsnet
from lecture_utils.segmentation.structures import Instances
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
)
from tests.good_calls.makers import Call
from tests.good_calls.two_stage import OneMap, heads, pooling

SIZE = 16


def codes(*shape: int, classes: int | None = None) -> Value:
    """Codes of a panoptic map, or classes of a semantic one; void, -1, is one too, so -2 is not."""
    value = labels(classes, *shape)
    kept = ("another batch", "with an axis of 1", "floats for classes", "label K")
    kinds = {kind: spoil for kind, spoil in value.kinds.items() if kind in kept}
    return Value(value.make, {**kinds, "below void": lambda y: y - 2})


BOXES = boxes((1.0, 2.0, 10.0, 12.0), (4.0, 0.0, 15.0, 15.0))
WHOLE = {"-1": lambda x: (-1,), "nan number": lambda x: (math.nan,), "a string": lambda x: ("one",)}
THINGS = Value(lambda: (1,), {**WHOLE, "a number": lambda x: 1})
KINDS = {"classes": count(2), "things": Value(lambda: (1,), {**WHOLE, "class K": lambda x: (2,)})}
SCORING = {"score_threshold": number(0.0), "nms_threshold": number(0.9), "overlap": number(0.5)}
SHAPES = Value(lambda: torch.stack([full(1, 2, 10, 12), full(4, 0, 15, 15)]), masks(2, SIZE, SIZE).kinds)
TRUTH = grouped(grouped(BOXES, labels(3, 2), SHAPES), grouped(BOXES, labels(3, 2), SHAPES))
PICTURES, ONE_MAP = images(2, 3, SIZE, SIZE), grouped(floats(2, 4, 4, 4))
LABELLED = codes(2, SIZE, SIZE, classes=5)
CODES, CLIP = codes(4, 6), codes(3, 4, 6)
ANY_SHAPE = CODES._replace(kinds={"below void": lambda x: x - 2})
ANY_CLIP = CLIP._replace(kinds={"axis dropped": lambda x: x[0], "below void": lambda x: x - 2})
ROWS = labels(2, 2)._replace(kinds={k: v for k, v in labels(2, 2).kinds.items() if k != "empty"})
NET = {"mask": made(lambda: net().instances.mask), "heads": made(heads), "backbone": made(OneMap)}


def full(x1: int, y1: int, x2: int, y2: int) -> torch.Tensor:
    """The mask that fills a box."""
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    mask[y1:y2, x1:x2] = True
    return mask


def found() -> Instances:
    """Two objects of a picture of 16 × 16."""
    shapes = torch.stack([full(1, 2, 10, 12), full(4, 0, 15, 15)]).float()
    return Instances(BOXES.make(), torch.tensor([0, 2]), torch.tensor([0.9, 0.7]), shapes)


def deformable() -> semantic_head.DeformableConv:
    """From 4 channels to 4."""
    torch.manual_seed(0)
    return semantic_head.DeformableConv(4, 4)


def head() -> semantic_head.SemanticHead:
    """One map of 4 channels, two classes of stuff, three of things."""
    torch.manual_seed(0)
    return semantic_head.SemanticHead(4, levels=1, classes=5, hidden=4)


def net() -> upsnet.UPSNet:
    """The smallest one."""
    torch.manual_seed(0)
    mask = mask_heads.MaskBranch(pooling(), mask_heads.MaskHead(4, hidden=4, classes=3, layers=1))
    rpn = RPN(4, Anchors(((12,),)), number=8, keep=(6, 4), keep_training=(6, 4))
    return upsnet.UPSNet(OneMap(), rpn, heads(), mask, head(), stuff=2, score_threshold=0.0).eval()


GOOD: dict[str, dict[str, Call]] = {
    "ops.deformable": {
        "deform_conv2d": {"x": images(2, 4, 6, 5), "offsets": floats(2, 18, 6, 5),
            "weight": floats(3, 4, 3, 3), "bias": floats(3)},
    },
    "metrics.panoptic": {
        "match_segments": {"found": CODES, "truth": CODES, "things": THINGS},
        "panoptic_quality": {"found": grouped(CODES, CODES), "truth": grouped(CODES, CODES), **KINDS},
        "count_classes": {"codes": codes(6, classes=2000), "classes": count(2), "weights": floats(6)},
    },
    "metrics.panoptic_plain": {
        "segments": {"codes": ANY_SHAPE, "things": THINGS},
        "match_segments": {"found": CODES, "truth": CODES, "things": THINGS},
        "panoptic_quality": {"found": grouped(CODES, CODES), "truth": grouped(CODES, CODES), **KINDS},
    },
    "metrics.video_panoptic": {
        "windows_of": {"clip": ANY_CLIP, "window": count(2)},
        "video_panoptic_quality": {"found": grouped(CLIP, CLIP), "truth": grouped(CLIP, CLIP),
            "window": count(2), **KINDS},
        "mean_video_panoptic_quality": {"found": grouped(CLIP, CLIP), "truth": grouped(CLIP, CLIP),
            "windows": Value(lambda: (1, 2), WHOLE), **KINDS},
        "identity_switches": {"found": grouped(CLIP, CLIP), "truth": grouped(CLIP, CLIP),
            "things": THINGS},
    },
    "segmentation.panoptic_codes": {
        "one_segment_of_stuff": {"codes": ANY_SHAPE, "things": THINGS},
    },
    "segmentation.panoptic_merge": {
        "merge_panoptic": {"instances": made(found), "semantic": floats(5, SIZE, SIZE),
            "stuff": count(2, zero=True), "least_stuff": count(2, zero=True), "score_threshold": number(0.5),
            "overlap": number(0.5), "order": ROWS},
        "prune_masks": {"instances": made(found), **SCORING},
        "fill_stuff": {"panoptic": made(lambda: torch.full((4, 6), -1)), "semantic": labels(None, 4, 6),
            "stuff": count(2, zero=True), "least": count(1, zero=True)},
        "semantic_labels": {"semantic": floats(5, 4, 6), "stuff": count(2, zero=True), "size": pair(4, 6)},
        "rows_in_order": {"scores": floats(2), "order": ROWS},
    },
    "segmentation.semantic_head": {
        "DeformableConv": {"inputs": count(4), "outputs": count(4), "kernel": count(3)},
        "DeformableConv.forward": {"self": made(deformable), "x": images(2, 4, 6, 5)},
        "SemanticHead": {"channels": count(4), "levels": count(1), "classes": count(5), "hidden": count(4),
            "layers": count(1), "groups": count(2)},
        "SemanticHead.forward": {"self": made(head), "features": ONE_MAP},
    },
    "segmentation.panoptic_head": {
        "panoptic_logits": {"semantic": floats(5, 16, 16), "boxes": BOXES, "labels": labels(3, 2),
            "mask_logits": floats(2, 4, 4), "stuff": count(2, zero=True)},
        "inside_boxes": {"boxes": boxes((1.0, 2.0, 10.0, 12.0)), "size": pair(16, 16)},
        "paste_logits": {"mask_logits": floats(2, 4, 4), "boxes": BOXES, "size": pair(16, 16)},
        "cell_weights": {"start": floats(2), "stop": floats(2, of=lambda x: 3 + x), "side": count(4),
            "length": count(5)},
        "panoptic_targets": {"semantic": made(lambda: LABELLED.make()[0]), "masks": masks(2, SIZE, SIZE),
            "kept": masks(2), "stuff": count(2, zero=True)},
        "panoptic_map": {"logits": floats(5, 4, 6), "semantic": labels(None, 4, 6), "labels": labels(None, 2),
            "numbers": labels(None, 2), "stuff": count(2, zero=True)},
    },
    "segmentation.panoptic_losses": {
        "semantic_loss": {"x": images(2, 5, 4, 4), "semantic": LABELLED},
        "roi_loss": {"x": images(2, 5, 4, 4), "semantic": LABELLED, "boxes": grouped(BOXES, BOXES),
            "side": count(4)},
        "pixel_loss": {"logits": images(2, 5, 4, 6), "wanted": codes(2, 4, 6, classes=5)},
        "at_cells": {"x": made(lambda: torch.zeros(2, 8, 8)), "stride": count(4)},
    },
    "segmentation.upsnet": {
        "UPSNet": {**NET, "rpn": made(lambda: net().instances.rpn), "semantic": made(head),
            "stuff": count(2, zero=True), "unknown_share": number(0.3), "weights": pair(1.0, 1.0, 1.0),
            "loss_stride": count(4), **SCORING},
        "UPSNet.forward": {"self": made(net), "images": PICTURES},
        "UPSNet.find": {"self": made(net), "features": ONE_MAP, "size": pair(SIZE, SIZE)},
        "UPSNet.prune": {"self": made(net), "instances": made(found)},
        "UPSNet.mask_logits": {"self": made(net), "features": ONE_MAP, "boxes": grouped(BOXES, BOXES),
            "labels": grouped(labels(3, 2), labels(3, 2))},
        "UPSNet.losses": {"self": made(net), "images": PICTURES, "targets": TRUTH, "semantic": LABELLED},
        "UPSNet.losses_of": {"self": made(net), "features": ONE_MAP, "size": pair(SIZE, SIZE),
            "targets": TRUTH, "semantic": LABELLED},
        "UPSNet.panoptic_loss": {"self": made(net), "features": ONE_MAP, "x": floats(2, 5, 4, 4),
            "targets": TRUTH, "semantic": LABELLED},
        "UPSNet.draw_known": {"self": made(net), "count": count(3, zero=True)},
    },
}  # fmt: skip
