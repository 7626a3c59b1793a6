"""Real weights for our Faster R-CNN: torchvision's, tensor by tensor.

Nothing is computed anew. torchvision's batch norm counts batches, which nothing reads, and its heads list
background as class 0: our classes are its numbers less one.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn

from lecture_utils.detection.anchors import Anchors
from lecture_utils.detection.faster_rcnn import FasterRCNN, faster_rcnn_resnet50

Model = TypeVar("Model", bound=nn.Module)
HEADS = {
    "rpn.head.conv.0.0": "rpn.head.conv",
    "rpn.head.cls_logits": "rpn.head.objectness",
    "rpn.head.bbox_pred": "rpn.head.deltas",
    "roi_heads.box_head.fc6": "heads.head.fc6",
    "roi_heads.box_head.fc7": "heads.head.fc7",
    "roi_heads.box_predictor.cls_score": "heads.head.scores",
    "roi_heads.box_predictor.bbox_pred": "heads.head.deltas",
}


def from_torchvision(theirs: Any) -> FasterRCNN:
    """Make our Faster R-CNN with the weights of torchvision's `fasterrcnn_resnet50_fpn`; they detect alike.

    Parameters
    ----------
    theirs : torchvision.models.detection.FasterRCNN
        On ResNet-50 with a feature pyramid. Its anchors, score threshold and numbers of boxes are taken
        over.

    Returns
    -------
    FasterRCNN
        In evaluation mode, of the type of its weights. Prepare pictures by `detection.resize.batch_images`.
    """
    rpn, heads, laid = theirs.rpn, theirs.roi_heads, theirs.rpn.anchor_generator
    ours = faster_rcnn_resnet50(
        heads.box_predictor.cls_score.out_features - 1,
        anchors=Anchors(laid.sizes, laid.aspect_ratios[0], offset=0.0),
        eps=theirs.backbone.body.bn1.eps,
        score_threshold=heads.score_thresh,
        most=heads.detections_per_img,
        keep=(rpn._pre_nms_top_n["testing"], rpn._post_nms_top_n["testing"]),
    )
    return with_weights_of(theirs, ours, our_name)


def with_weights_of(theirs: nn.Module, ours: Model, translate: Callable[[str], str]) -> Model:
    """Give our network torchvision's weights, in their type, and put it into evaluation mode."""
    state = renamed(theirs.state_dict(), translate)
    ours.to(next(iter(state.values())).dtype).load_state_dict(state)
    return ours.eval()


def renamed(state: dict[str, Tensor], translate: Callable[[str], str]) -> dict[str, Tensor]:
    """Give torchvision's tensors our names, as `translate` says them."""
    return {
        translate(name): value for name, value in state.items() if not name.endswith("num_batches_tracked")
    }


def our_name(name: str) -> str:
    """Translate the name of one tensor."""
    owner, _, kind = name.rpartition(".")
    if owner in HEADS:
        return f"{HEADS[owner]}.{kind}"
    parts = owner.split(".")
    if parts[:2] == ["backbone", "fpn"]:  # fpn.inner_blocks.0.0
        part = {"inner_blocks": "lateral", "layer_blocks": "smooth"}[parts[2]]
        return f"backbone.fpn.{part}.{parts[3]}.{kind}"
    if parts[2] in ("conv1", "bn1"):
        return f"backbone.stem.{int(parts[2] == 'bn1')}.{kind}"
    stage, inner = int(parts[2].removeprefix("layer")) - 1, ".".join(parts[3:])
    inner = inner.replace("bn", "norm").replace("downsample", "shortcut")
    return f"backbone.stages.{stage}.{inner}.{kind}"
