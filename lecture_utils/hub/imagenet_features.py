"""Features of a network trained on ImageNet, for measures that compare pictures as it sees them (S15.7).

Papers take 2,048 features of an Inception net at 299 × 299 (M. Heusel et al., NeurIPS 2017). Here they are
320 of EfficientNet-Lite0: what its last stage gives, before the 1 × 1 convolution that makes 1,280 of them,
since a covariance of 1,280 features from 2,000 pictures is mostly chance. Pictures are brought to 96 × 96,
not 224 × 224: a sixth of the time.

Shapes: N pictures, H and W height and width.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.hub.packaged import MEAN, STD, efficientnet_lite0
from lecture_utils.ops.checks import check_images, check_whole

SIDE, FEATURES, LEAST = 96, 320, 32


def imagenet_features(images: Tensor, *, side: int = SIDE, batch_size: int = 64) -> Tensor:
    """Mean over places of what EfficientNet-Lite0's last stage gives.

    Parameters
    ----------
    images : Tensor, (N, 3, H, W)
        Float in [0, 1].
    side : int
        To how many pixels a side they are brought, 32 or more; 224 is what the network was trained at.
    batch_size : int
        Only a question of memory.

    Returns
    -------
    Tensor, (N, 320)

    Raises
    ------
    ValueError
        For what are no such pictures, or another side.
    """
    check_images(images, 3, unit_range=True)
    check_whole(side, "side", LEAST)
    check_whole(batch_size, "batch_size")
    model: Any = efficientnet_lite0().model.to(memory_format=torch.channels_last)
    rows = []
    with torch.inference_mode():
        for part in images.split(batch_size):
            x = F.interpolate(part, (side, side), mode="bilinear", antialias=True)  # (B, 3, side, side)
            x = ((x - MEAN) / STD).contiguous(memory_format=torch.channels_last)
            x = model.blocks(model.bn1(model.conv_stem(x)))  # (B, 320, side/32, side/32)
            rows.append(x.mean(dim=(2, 3)))
    return torch.cat(rows)
