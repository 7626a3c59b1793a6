"""Sliding windows (S07.4): every place, size and shape of a grid; what came before proposals.

The dense search that selective search replaces: N. Dalal, B. Triggs, "Histograms of Oriented Gradients for
Human Detection", CVPR 2005; P. Viola, M. Jones, "Rapid Object Detection using a Boosted Cascade of Simple
Features", CVPR 2001.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_sizes


def sliding_windows(
    height: int,
    width: int,
    *,
    sides: Sequence[float] = (16, 24, 36, 54),
    ratios: Sequence[float] = (0.5, 1, 2),
    step: float = 0.25,
    seed: int | None = 0,
) -> Tensor:
    """All windows of these sizes and shapes that lie inside a picture.

    Parameters
    ----------
    height, width : int
        Of the picture.
    sides : sequence of float
        Square roots of the windows' areas.
    ratios : sequence of float
        Height over width.
    step : float
        From one window to the next, as a share of its own width and height; above 0.
    seed : int, optional
        Of the random order in which they come, so that the first n are a fair sample; None leaves them row by
        row, size by size.

    Returns
    -------
    Tensor
        (N, 4) x1, y1, x2, y2, float32.

    Raises
    ------
    ValueError
        For a size, side, ratio or step that is not above 0.
    """
    check_sizes("sliding windows", height=height, width=width)
    check_number(step, "step", 0, above=True)
    for name, values in (("sides", sides), ("ratios", ratios)):
        if not isinstance(values, Sequence) or len(values) == 0:
            raise ValueError(f"{name}: got {values!r}, want one number above 0 or more")
        for value in values:
            check_number(value, name, 0, above=True)
    windows = [torch.zeros(0, 4)]
    for side in sides:
        for ratio in ratios:
            h, w = side * ratio**0.5, side / ratio**0.5
            if h > height or w > width:
                continue
            y = step * h * torch.arange(int((height - h) / (step * h) + 1e-6) + 1)
            x = step * w * torch.arange(int((width - w) / (step * w) + 1e-6) + 1)
            corner = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).flatten(0, 1)  # (n, 2) x1, y1
            windows.append(torch.cat([corner, corner + torch.tensor([w, h])], dim=1))
    boxes = torch.cat(windows)
    if seed is None:
        return boxes
    return boxes[torch.randperm(len(boxes), generator=torch.Generator().manual_seed(seed))]
