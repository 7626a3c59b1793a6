"""Real weights for our Mask R-CNN and its keypoint branch: torchvision's, tensor by tensor.

Nothing is computed anew. torchvision's mask head has a mask for background, its class 0, which nothing reads:
it is left behind, as ours has none. For the boxes' part see `detector_weights`.
"""

from typing import Any, TypedDict

from lecture_utils.detection.anchors import Anchors
from lecture_utils.hub import detector_weights
from lecture_utils.segmentation.mask_rcnn import MaskRCNN, keypoint_rcnn_resnet50, mask_rcnn_resnet50

BRANCHES = {
    "roi_heads.mask_predictor.conv5_mask": "mask.head.doubling",
    "roi_heads.mask_predictor.mask_fcn_logits": "mask.head.last",
    "roi_heads.keypoint_predictor.kps_score_lowres": "keypoints.head.doubling",
}
WITH_BACKGROUND = ("mask.head.last.weight", "mask.head.last.bias")  # (K + 1, …) in torchvision


class Settings(TypedDict):
    """What is taken over of a two-stage detector besides its weights."""

    anchors: Anchors
    eps: float
    score_threshold: float
    most: int
    keep: tuple[int, int]


def from_torchvision_mask(theirs: Any) -> MaskRCNN:
    """Make our Mask R-CNN with the weights of torchvision's `maskrcnn_resnet50_fpn`; they find alike.

    Parameters
    ----------
    theirs : torchvision.models.detection.MaskRCNN
        On ResNet-50 with a feature pyramid. Its anchors, score threshold and numbers of boxes are taken
        over.

    Returns
    -------
    MaskRCNN
        In evaluation mode, of the type of its weights. `mask_rcnn.segment` prepares pictures for it.
    """
    classes = theirs.roi_heads.box_predictor.cls_score.out_features - 1
    return with_weights_of(theirs, mask_rcnn_resnet50(classes, **settings_of(theirs)))


def from_torchvision_keypoints(theirs: Any) -> MaskRCNN:
    """Make our Keypoint R-CNN with the weights of torchvision's `keypointrcnn_resnet50_fpn`.

    Parameters
    ----------
    theirs : torchvision.models.detection.KeypointRCNN
        As for `from_torchvision_mask`.
    """
    heads = theirs.roi_heads
    points = heads.keypoint_predictor.out_channels
    classes = heads.box_predictor.cls_score.out_features - 1
    return with_weights_of(theirs, keypoint_rcnn_resnet50(points, classes, **settings_of(theirs)))


def settings_of(theirs: Any) -> Settings:
    """The anchors and thresholds of a two-stage detector of torchvision."""
    rpn, heads, laid = theirs.rpn, theirs.roi_heads, theirs.rpn.anchor_generator
    return {
        "anchors": Anchors(laid.sizes, laid.aspect_ratios[0], offset=0.0),
        "eps": theirs.backbone.body.bn1.eps,
        "score_threshold": heads.score_thresh,
        "most": heads.detections_per_img,
        "keep": (rpn._pre_nms_top_n["testing"], rpn._post_nms_top_n["testing"]),
    }


def with_weights_of(theirs: Any, ours: MaskRCNN) -> MaskRCNN:
    """Give our network torchvision's weights, in their type, and put it into evaluation mode."""
    state = detector_weights.renamed(theirs.state_dict(), our_name)
    state |= {name: state[name][1:] for name in WITH_BACKGROUND if name in state}
    ours.to(next(iter(state.values())).dtype).load_state_dict(state)
    return ours.eval()


def our_name(name: str) -> str:
    """Translate the name of one tensor."""
    owner, _, kind = name.rpartition(".")
    if owner in BRANCHES:
        return f"{BRANCHES[owner]}.{kind}"
    parts = owner.split(".")
    if parts[:2] == ["roi_heads", "mask_head"]:  # mask_head.0.0
        return f"mask.head.convs.{parts[2]}.{kind}"
    if parts[:2] == ["roi_heads", "keypoint_head"]:  # keypoint_head.0, with a ReLU after each
        return f"keypoints.head.convs.{int(parts[2]) // 2}.{kind}"
    return detector_weights.our_name(name)
