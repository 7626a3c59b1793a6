"""Real weights for our RetinaNet: torchvision's, tensor by tensor.

Nothing is computed anew. torchvision's RetinaNet has background as class 0, though no anchor is taught to be
it. Our classes are its numbers here, so that the two say the same; in `detector_weights` they are one less.
"""

from typing import Any

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.retinanet import RetinaNet, retinanet_resnet50
from lecture_utils.hub import detector_weights

SUBNETS = {
    "head.classification_head.conv": "class_subnet.convs",
    "head.classification_head": "class_subnet",
    "head.regression_head.conv": "box_subnet.convs",
    "head.regression_head": "box_subnet",
}


def from_torchvision(theirs: Any) -> RetinaNet:
    """Make our RetinaNet with the weights of torchvision's `retinanet_resnet50_fpn`; they detect alike.

    Parameters
    ----------
    theirs : torchvision.models.detection.RetinaNet
        On ResNet-50 with a feature pyramid and P6 from P5. Its anchors, thresholds and numbers of boxes are
        taken over.

    Returns
    -------
    RetinaNet
        In evaluation mode, of the type of its weights. Prepare pictures by `detection.resize.batch_images`.
    """
    laid = theirs.anchor_generator
    ours = retinanet_resnet50(
        theirs.head.classification_head.num_classes,
        anchors=Anchors(laid.sizes, laid.aspect_ratios[0], offset=0.0),
        eps=theirs.backbone.body.bn1.eps,
        score_threshold=theirs.score_thresh,
        nms_threshold=theirs.nms_thresh,
        most_of_level=theirs.topk_candidates,
        most=theirs.detections_per_img,
    )
    return detector_weights.with_weights_of(theirs, ours, our_name)


def our_name(name: str) -> str:
    """Translate the name of one tensor."""
    parts = name.split(".")
    if parts[:3] == ["backbone", "fpn", "extra_blocks"]:
        return ".".join(["backbone.coarser", *parts[3:]])  # p6, p7
    if parts[0] == "backbone":
        return detector_weights.our_name(name)
    if parts[2] == "conv":  # head.classification_head.conv.0.0.weight
        return f"{SUBNETS['.'.join(parts[:3])]}.{parts[3]}.{parts[-1]}"
    return f"{SUBNETS['.'.join(parts[:2])]}.last.{parts[-1]}"  # cls_logits, bbox_reg
