"""Maps that know nothing of the network: the centre of the image, and its edges.

A map that is no better than these has not localised anything. Photographers put things in the middle; and
that edges alone look like an explanation was shown by J. Adebayo et al., "Sanity Checks for Saliency
Maps", NeurIPS 2018, figure 1.

Shapes: B batch, C channels, H × W of the image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_number


def centre_map(images: Tensor, *, spread: float = 0.25) -> Tensor:
    """A Gaussian around the image's centre, (B, H, W), with 1 as its peak; `spread` is σ over the side."""
    check_images(images)
    check_number(spread, "spread", 0, above=True)
    axes = [
        ((torch.arange(n, dtype=images.dtype, device=images.device) + 0.5) / n - 0.5) / spread
        for n in images.shape[-2:]
    ]
    y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.exp(-(x.square() + y.square()) / 2).expand(len(images), -1, -1)


def edge_map(images: Tensor) -> Tensor:
    """Strength of the edges of the mean over channels, (B, H, W): the length of the Sobel gradient."""
    check_images(images)
    grey = F.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")  # (B, 1, H + 2, W + 2)
    across = images.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # smooth down, differentiate across
    slopes = F.conv2d(grey, torch.stack([across, across.T])[:, None])  # (B, 2, H, W)
    return slopes.square().sum(1).sqrt()
