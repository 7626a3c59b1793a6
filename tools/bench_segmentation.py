"""The bench's part on instance and panoptic segmentation (chapter 09): ours against the libraries'."""

from collections.abc import Callable

import torch
from bench_detection import SIDE, against_torchvision, settled
from bench_pairs import Rows, compared
from torch import Tensor


def mask_rcnn() -> Rows:
    """Mask R-CNN on ResNet-50 with a pyramid, with random weights: objects and masks, then losses."""
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    from lecture_utils.hub.mask_weights import from_torchvision_mask

    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=5)
    theirs = settled(MaskRCNN(backbone, 91, min_size=SIDE, max_size=SIDE).eval())
    theirs.roi_heads.box_predictor.cls_score.weight.data.mul_(20)
    ours = from_torchvision_mask(theirs)
    return against_torchvision("Mask R-CNN, ResNet-50 with FPN", ours, theirs, first=1, masked=True)


def panoptic() -> Rows:
    """Panoptic quality of 100 maps against torchmetrics', and of windows of four frames."""
    from torchmetrics.functional.detection import panoptic_quality as theirs

    from lecture_utils.data import toyworld
    from lecture_utils.metrics.panoptic import panoptic_quality
    from lecture_utils.metrics.video_panoptic import video_panoptic_quality

    clips = toyworld.video(20, frames=5).panoptic  # (20, 5, 64, 64)
    truth, found = clips.flatten(0, 1), clips.roll(2, dims=-1).flatten(0, 1)  # each map two pixels off
    count, stuff = len(toyworld.SEMANTIC), len(toyworld.STUFF)
    things = range(stuff, count)

    def split(maps: Tensor) -> Tensor:
        return torch.stack([maps // 1000, maps % 1000], dim=-1)

    def single() -> object:
        return panoptic_quality(list(found), list(truth), classes=count, things=things)

    def windows() -> object:
        pair = list(found.view_as(clips)), list(clips)
        return video_panoptic_quality(*pair, window=4, classes=count, things=things)

    return [
        compared(
            "Panoptic quality of 100 maps of 64², ours : torchmetrics",
            single,
            lambda: theirs(split(found), split(truth), things=set(things), stuffs=set(range(stuff))),
            pairs=5,
        ),
        compared("VPQ of 40 windows of 4 frames : PQ of their 100 frames", windows, single, pairs=5),
    ]


SECTIONS: dict[str, Callable[[], Rows]] = {
    "mask_rcnn": mask_rcnn,
    "panoptic": panoptic,
}
