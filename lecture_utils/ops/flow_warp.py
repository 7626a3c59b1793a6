"""Warping: a map of an earlier moment, brought to where its parts are now.

Warping features backward along a flow, bilinearly: X. Zhu, Y. Xiong, J. Dai, L. Yuan, Y. Wei, "Deep Feature
Flow for Video Recognition", CVPR 2017, section 3.

A backward flow says of each cell of *now* where its content was *earlier*: x to the right, y down, in cells.
A flow of (−2, 0) means that what is here now was two cells further left.

Shapes: B batch, C channels, H × W cells.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_finite, check_images, check_size, check_tensor, check_type


def check_flow(flow: Tensor, features: Tensor) -> None:
    """Raise ValueError unless `flow` is finite (B, 2, H, W), of the features' size and type."""
    check_tensor(flow, "flow", len(features), 2, *features.shape[2:], some=True)
    check_finite(flow, "flow")
    check_type(flow, features, name="flow")


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """Fetch, for each cell of now, what the earlier map has at the place that the flow names.

    Parameters
    ----------
    features : Tensor
        (B, C, H, W), floating point: the earlier map.
    flow : Tensor
        (B, 2, H, W) of the same type, in cells: where each cell of now was earlier, minus its own place.

    Returns
    -------
    Tensor
        (B, C, H, W), bilinear between the four nearest cells; cells outside the map count as 0. Gradients
        flow to the features and to the flow.

    Raises
    ------
    ValueError
        For shapes or types that do not fit, and for NaN or infinity in the flow.
    """
    check_images(features, maps=True)
    check_flow(flow, features)
    height, width = features.shape[2:]
    column, row = torch.arange(width).to(flow), torch.arange(height).to(flow)
    x, y = column + flow[:, 0], row[:, None] + flow[:, 1]  # (B, H, W) each: the places to look at
    # `grid_sample` counts from −1 to 1 over the map's whole width: half a cell beyond the outer centres.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=3)  # (B, H, W, 2)
    return F.grid_sample(features, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def warp_plain(features: Tensor, flow: Tensor) -> Tensor:
    """`warp` as its formula: the four cells around each place, weighed by how near they are.

    Parameters, result and errors are those of `warp`.
    """
    check_images(features, maps=True)
    check_flow(flow, features)
    height, width = features.shape[2:]
    out = torch.zeros_like(features)
    for b in range(len(features)):
        for i in range(height):
            for j in range(width):
                x, y = j + flow[b, 0, i, j], i + flow[b, 1, i, j]
                left, top = int(x.floor()), int(y.floor())
                for row in (top, top + 1):
                    for column in (left, left + 1):
                        if 0 <= row < height and 0 <= column < width:
                            near = (1 - (x - column).abs()) * (1 - (y - row).abs())
                            out[b, :, i, j] += near * features[b, :, row, column]
    return out


def resize_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a flow to a map of another size: its vectors are counted in cells, so they shrink with it.

    Parameters
    ----------
    flow : Tensor
        (B, 2, H, W), floating point, in cells of that map (or in pixels of the picture).
    size : (int, int)
        h, w. Where neither is larger than before, each new cell takes the mean of those it covers; where one
        is, values are interpolated bilinearly (cells as areas, not as corner points).

    Returns
    -------
    Tensor
        (B, 2, h, w), in cells of the new map: x times w / W, y times h / H.

    Raises
    ------
    ValueError
        For a flow that is not floating point (B, 2, H, W) or not finite, or a size below 1.
    """
    check_tensor(flow, "flow", "B", 2, "H", "W", some=True)
    check_finite(flow, "flow")
    h, w = check_size(size)
    height, width = flow.shape[2:]
    if h <= height and w <= width:
        moved = F.interpolate(flow, (h, w), mode="area")
    else:
        moved = F.interpolate(flow, (h, w), mode="bilinear", align_corners=False)
    return moved * flow.new_tensor([w / width, h / height])[:, None, None]
