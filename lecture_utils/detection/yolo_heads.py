"""What turns YOLO's map into its block of numbers: dense layers, as in the paper, or convolutions.

J. Redmon, S. Divvala, R. Girshick, A. Farhadi, "You Only Look Once: Unified, Real-Time Object Detection",
CVPR 2016, section 2.1; leaky ReLU with a slope of 0.1 is equation 2, and the last layer is linear. The
convolutions are as in J. Redmon, A. Farhadi, "YOLO9000", CVPR 2017, section 2.

Shapes: N pictures, S_y × S_x cells.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.yolo_grid import Layout
from lecture_utils.ops.checks import check_images, check_number, check_size, check_sizes


class ConvHead(nn.Module):
    """A 3 × 3 convolution, then one of 1 × 1: each cell of the map becomes a cell of the grid.

    Parameters
    ----------
    channels, hidden : int
        Of the map, and between the two layers.
    layout : Layout
        Says how many numbers a cell gives.

    Raises
    ------
    ValueError
        For sizes below 1, or maps that are not (N, channels, h, w).
    """

    def __init__(self, channels: int, layout: Layout, *, hidden: int) -> None:
        super().__init__()
        check_sizes("head", channels=channels, hidden=hidden)
        self.conv = nn.Conv2d(channels, hidden, 3, padding=1)
        self.last = nn.Conv2d(hidden, layout.channels, 1)

    def forward(self, x: Tensor) -> Tensor:  # (N, channels, h, w)
        check_images(x, self.conv.in_channels, maps=True)
        hidden = F.leaky_relu(self.conv(x), 0.1)
        return self.last(hidden).permute(0, 2, 3, 1)  # (N, h, w, numbers a cell)


class DenseHead(nn.Module):
    """The paper's: two dense layers that see the whole map, so that a cell knows of all others.

    Parameters
    ----------
    inputs : int
        Numbers of the map, channels · h · w: pictures must have one size.
    grid : (int, int)
        S_y, S_x: 7, 7 in the paper.
    layout : Layout
        Says how many numbers a cell gives.
    hidden : int
        4096 in the paper.
    dropout : float
        After the first layer: 0.5 in the paper.

    Raises
    ------
    ValueError
        For sizes below 1, a share outside [0, 1], or maps with another number of numbers.
    """

    def __init__(
        self, inputs: int, grid: tuple[int, int], layout: Layout, *, hidden: int = 4096, dropout: float = 0.5
    ) -> None:
        super().__init__()
        check_sizes("head", inputs=inputs, hidden=hidden)
        self.grid = check_size(grid, "grid")
        self.dropout = check_number(dropout, "dropout", 0, 1)
        self.first = nn.Linear(inputs, hidden)
        self.last = nn.Linear(hidden, self.grid[0] * self.grid[1] * layout.channels)

    def forward(self, x: Tensor) -> Tensor:  # (N, channels, h, w)
        check_images(x, maps=True)
        if x[0].numel() != self.first.in_features:
            raise ValueError(
                f"maps: got {tuple(x.shape[1:])}, want {self.first.in_features} numbers a picture"
            )
        hidden = F.leaky_relu(self.first(x.flatten(1)), 0.1)
        hidden = F.dropout(hidden, self.dropout, self.training)
        return self.last(hidden).unflatten(1, (*self.grid, -1))  # (N, S_y, S_x, numbers a cell)
