"""Good calls of Mask R-CNN: heads, targets, losses, pasting, the whole."""

import torch

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.rpn import RPN
from lecture_utils.segmentation import keypoint_branch, mask_heads, mask_rcnn
from lecture_utils.segmentation.structures import Instances
from tests.bad_calls import count, floats, grouped, images, labels, made, masks, number, pair, pixels
from tests.good_calls.makers import Call
from tests.good_calls.two_stage import BOXES, ONE_MAP, PROPOSED, OneMap, heads, pooling

PICTURES, SIZE, SIZES = images(2, 3, 32, 32), pair(32, 32), [(32, 32), (32, 32)]
MASKS = masks(2, 32, 32)
TRUTH = grouped(*[grouped(BOXES, labels(3, 2), MASKS)] * 2)
POINTS = floats(2, 2, 3, of=lambda x: 30 * x)
DRAWN = {"logits": floats(2, 3, 4, 4), "labels": labels(3, 2)}

SOME_FOUND = floats(2, 4, 2)
SOME_FOUND.kinds.pop("nan")  # says that a keypoint was not found
MASKS_JUDGED = {
    "found": grouped(grouped(masks(2, 8, 6), labels(3, 2), floats(2))),
    "truth": grouped(grouped(masks(2, 8, 6), labels(3, 2))),
    "classes": count(3),
}


def mask_branch() -> mask_heads.MaskBranch:
    """4 × 4 masks of three classes."""
    return mask_heads.MaskBranch(pooling(), mask_heads.MaskHead(4, hidden=4, classes=3, layers=1))


def points_branch() -> keypoint_branch.KeypointBranch:
    """8 × 8 maps of two keypoints."""
    return keypoint_branch.KeypointBranch(
        pooling(), keypoint_branch.KeypointHead(4, hidden=4, points=2, layers=1)
    )


def whole() -> mask_rcnn.MaskRCNN:
    """The smallest one, with both branches."""
    torch.manual_seed(0)
    return mask_rcnn.MaskRCNN(
        OneMap(), RPN(4, Anchors(((12,),)), number=8, keep=(6, 4)), heads(), mask_branch(), points_branch()
    ).eval()


def found() -> Instances:
    """Two objects, their masks over their boxes."""
    where = torch.tensor([[1.0, 2.0, 18.0, 20.0], [4.0, 0.0, 30.0, 31.0]])
    return Instances(where, torch.tensor([0, 1]), torch.tensor([0.9, 0.8]), torch.rand(2, 4, 4))


GOOD: dict[str, dict[str, Call]] = {
    "metrics.mask_precision": {
        "mask_iou": {"a": masks(2, 8, 6), "b": masks(3, 8, 6)},
        "evaluate_masks": {**MASKS_JUDGED, "ious": pair(0.5, 0.75)},
        "mask_summary": MASKS_JUDGED,
    },
    "metrics.keypoints": {
        "correct_keypoints": {"found": SOME_FOUND, "truth": floats(2, 4, 2), "boxes": BOXES,
            "alpha": number(0.1)},
        "pck": {"found": SOME_FOUND, "truth": floats(2, 4, 3), "boxes": BOXES, "alpha": number(0.1)},
    },
    "segmentation.mask_heads": {
        "MaskHead": {"channels": count(4), "hidden": count(4), "classes": count(3), "layers": count(1)},
        "MaskHead.forward": {"self": made(lambda: mask_branch().head), "regions": floats(2, 4, 2, 2)},
        "MaskBranch.forward": {"self": made(mask_branch), "features": ONE_MAP, "boxes": PROPOSED},
        "find_objects": {"truths": BOXES, "labels": labels(3, 2), "boxes": BOXES, "classes": labels(3, 2)},
        "mask_targets": {"masks": MASKS, "boxes": BOXES, "side": count(4)},
        "mask_loss": {**DRAWN, "wanted": floats(2, 4, 4, of=lambda x: x)},
        "select_masks": DRAWN,
        "own_masks": DRAWN,
    },
    "segmentation.paste": {
        "paste_masks": {"masks": floats(2, 4, 4, of=lambda x: x), "boxes": BOXES, "size": SIZE},
        "at_size": {"found": made(found), "size": SIZE, "to": pair(16, 48)},
    },
    "segmentation.keypoint_branch": {
        "KeypointHead": {"channels": count(4), "hidden": count(4), "points": count(2), "layers": count(1)},
        "KeypointHead.forward": {"self": made(lambda: points_branch().head), "regions": floats(2, 4, 2, 2)},
        "KeypointBranch.forward": {"self": made(points_branch), "features": ONE_MAP, "boxes": PROPOSED},
        "keypoint_places": {"keypoints": POINTS, "boxes": BOXES, "side": count(8)},
        "keypoint_loss": {"logits": floats(2, 2, 8, 8), "keypoints": POINTS, "boxes": BOXES},
        "keypoints_from_heatmaps": {"logits": floats(2, 2, 8, 8), "boxes": BOXES},
    },
    "segmentation.mask_rcnn": {
        "MaskRCNN": {"backbone": made(OneMap), "rpn": made(lambda: whole().rpn), "heads": made(heads),
            "mask": made(mask_branch), "keypoints": made(points_branch)},
        "MaskRCNN.forward": {"self": made(whole), "images": PICTURES},
        "MaskRCNN.find": {"self": made(whole), "features": ONE_MAP, "size": SIZE, "sizes": SIZES},
        "MaskRCNN.losses": {"self": made(whole), "images": PICTURES, "targets": TRUTH,
            "keypoints": grouped(POINTS, POINTS)},
        "MaskRCNN.losses_of": {"self": made(whole), "features": ONE_MAP, "size": SIZE, "targets": TRUTH,
            "keypoints": grouped(POINTS, POINTS)},
        "segment": {"model": made(whole), "images": grouped(pixels(3, 8, 6), pixels(3, 6, 6)),
            "shortest": count(32), "longest": count(64)},
    },
}  # fmt: skip
