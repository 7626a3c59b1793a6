"""Fast R-CNN: one pass of the convolutions for all regions of a picture, and one network for class and box.

R. Girshick, "Fast R-CNN", ICCV 2015. A backbone makes maps of the whole picture; regions that somebody else
proposes (selective search, in the paper) are cut out of them by RoIPool, and a head gives each a class and a
box.

Shapes: B pictures, C channels, H × W pixels, R proposals of a picture, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.detection.roi_heads import RoIHeads
from lecture_utils.detection.structures import Detections, Sizes, Targets, check_proposals
from lecture_utils.ops.checks import check_images


class FastRCNN(nn.Module):
    """A backbone and heads; proposals come with the pictures.

    Parameters
    ----------
    backbone : nn.Module
        (B, 3, H, W) to a list of maps.
    heads : RoIHeads
        From maps and proposals to detections. Section 2.3 samples 64 regions a picture, a quarter of them
        objects, and background with an IoU of 0.1 or more.

    Raises
    ------
    ValueError
        For input that is not floating point (B, C, H, W), or not one set of proposals or targets a picture.
    """

    def __init__(self, backbone: nn.Module, heads: RoIHeads) -> None:
        super().__init__()
        self.backbone, self.heads = backbone, heads

    def forward(
        self, images: Tensor, proposals: Sequence[Tensor], sizes: Sizes | None = None
    ) -> list[Detections]:
        """Detect in pictures (B, 3, H, W), given proposals (R, 4) for each."""
        check_images(images)
        check_proposals(proposals, len(images))
        features = self.backbone(images)
        return self.heads(features, proposals, sizes or [(images.shape[2], images.shape[3])] * len(images))

    def losses(
        self,
        images: Tensor,
        proposals: Sequence[Tensor],
        targets: Targets,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Give the losses "class" and "box" of sampled regions; their sum is what to descend."""
        check_images(images)
        check_proposals(proposals, len(images))
        return self.heads.losses(self.backbone(images), proposals, targets, generator)
