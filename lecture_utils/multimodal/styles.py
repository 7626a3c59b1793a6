"""What CLIP-guided stylisation (S13.9) may change: each pixel by itself, or colours alone.

G. Kwon, J. C. Ye, "CLIPstyler: Image Style Transfer with a Single Text Condition", CVPR 2022, section 3,
train a network that maps the picture to the styled one. `Pixels` may change each pixel; `ColourMap` must
treat equal colours alike, wherever they are, so it cannot draw.

Simplified: both are far smaller than the paper's U-Net.

Shapes: B pictures, S their side.
"""

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_rgb, check_sizes, check_tensor


class Pixels(nn.Module):
    """A style that may change every pixel as it likes: one number each for red, green and blue.

    Parameters
    ----------
    pictures, size : int
        B and S.
    """

    def __init__(self, pictures: int, size: int) -> None:
        super().__init__()
        check_sizes("pixels", pictures=pictures, size=size)
        self.change = nn.Parameter(torch.zeros(pictures, 3, size, size))

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, S, S)
        check_tensor(images, "images", *self.change.shape)
        return (images + self.change).clamp(0, 1)


class ColourMap(nn.Module):
    """A style that recolours: a small net from a pixel's colour to its new colour, the same at every place.

    It begins as the identity: the last layer is zero.

    Parameters
    ----------
    pictures : int
        B: each picture has a net of its own.
    hidden : int
        Width of the one layer between.
    seed : int
        Of the first weights.
    """

    def __init__(self, pictures: int, *, hidden: int = 32, seed: int = 0) -> None:
        super().__init__()
        check_sizes("colour map", pictures=pictures, hidden=hidden)
        random = torch.Generator().manual_seed(seed)
        self.enter = nn.Parameter(3.0 * torch.randn(pictures, hidden, 3, generator=random))
        self.threshold = nn.Parameter(torch.randn(pictures, hidden, 1, generator=random))
        self.leave = nn.Parameter(torch.zeros(pictures, 3, hidden))
        self.offset = nn.Parameter(torch.zeros(pictures, 3, 1))

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, S, S)
        check_rgb(images)
        colours = images.flatten(2)  # (B, 3, S·S)
        check_tensor(colours, "images", len(self.enter), 3, "S·S")
        between = torch.tanh(self.enter @ (colours - 0.5) + self.threshold)  # (B, hidden, S·S)
        return (colours + self.leave @ between + self.offset).clamp(0, 1).reshape(images.shape)
