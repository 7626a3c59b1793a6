"""The bench's part on instance and panoptic segmentation (chapter 09): ours against the libraries'."""

from collections.abc import Callable
from typing import Any

import torch
from bench_detection import SIDE, boxes_in, descend, settled
from bench_pairs import Rows, compared
from torch import Tensor


def aligned_regions() -> Rows:
    """RoIAlign of 512 boxes out of a map of stride 16, without and with its gradient."""
    import torchvision

    from lecture_utils.ops.roi import roi_align

    torch.manual_seed(0)
    features = torch.randn(2, 256, 50, 68, requires_grad=True)  # of two pictures, 800 × 1088
    boxes, index = boxes_in(512, 1088, 800, 16, 512), torch.randint(2, (512,))
    rois = torch.cat([index[:, None].float(), boxes], dim=1)
    slope = torch.randn(512, 256, 7, 7)

    def ours() -> Tensor:
        return roi_align(features, boxes, index, (7, 7), 1 / 16)

    def theirs() -> Tensor:
        return torchvision.ops.roi_align(features, rois, (7, 7), 1 / 16, 2, True)

    def forward(align: Callable[[], Tensor]) -> Callable[[], object]:
        return torch.no_grad()(align)

    def backward(align: Callable[[], Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(align(), features, slope)

    what = "of 512 boxes to 7×7, maps 2 × 256 × 50 × 68, ours : torchvision"
    return [
        compared(f"RoIAlign {what}", forward(ours), forward(theirs), pairs=7),
        compared(f"RoIAlign forward + backward {what}", backward(ours), backward(theirs), pairs=7),
    ]


def mask_rcnn() -> Rows:
    """Mask R-CNN on ResNet-50 with a pyramid, with random weights: objects and masks, then losses."""
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    from lecture_utils.detection.resize import batch_images
    from lecture_utils.hub.mask_weights import from_torchvision_mask
    from lecture_utils.segmentation.mask_rcnn import segment

    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=5)
    theirs: Any = settled(MaskRCNN(backbone, 91, min_size=SIDE, max_size=SIDE).eval())
    theirs.roi_heads.box_predictor.cls_score.weight.data.mul_(20)
    ours = from_torchvision_mask(theirs)
    image, boxes, labels = (
        torch.rand(3, SIDE, SIDE),
        boxes_in(5, SIDE, SIDE, 20, 200),
        torch.randint(90, (5,)),
    )
    at = torch.arange(SIDE)
    inside = (at >= boxes[:, :2, None]) & (at < boxes[:, 2:, None])  # (5, 2, SIDE): x, y
    masks = inside[:, 1, :, None] & inside[:, 0, None]  # (5, SIDE, SIDE)

    def our_losses() -> None:
        batch = batch_images([image], shortest=SIDE, longest=SIDE)
        descend(ours, ours.losses(batch.images, [(boxes, labels, masks)], batch.sizes))

    def their_losses() -> None:
        truth = {"boxes": boxes, "labels": labels + 1, "masks": masks.to(torch.uint8)}
        descend(theirs, theirs([image], [truth]))

    what = f"Mask R-CNN, ResNet-50 with FPN, one picture of {SIDE}², "
    with torch.inference_mode():
        rows = [
            compared(
                what + "objects and masks, ours : torchvision",
                lambda: segment(ours, [image], shortest=SIDE, longest=SIDE),
                lambda: theirs([image]),
                pairs=7,
                aim="≤ 1.10",
            )
        ]
    ours.train(), theirs.train()
    what += "losses and their gradients, ours : torchvision"
    return [*rows, compared(what, our_losses, their_losses, pairs=7, aim="≤ 1.10")]


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
    "aligned_regions": aligned_regions,
    "mask_rcnn": mask_rcnn,
    "panoptic": panoptic,
}
