"""RoIPool and RoIAlign as their papers tell them, region by region: the plain twins of `roi.py`.

Sources and shapes as there.
"""

import math

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_size, check_whole
from lecture_utils.ops.roi import check_regions


def roi_pool(
    features: Tensor,
    boxes: Tensor,
    batch_index: Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
) -> Tensor:
    """Cut each box into P × Q bins of whole cells and keep each bin's largest value; see `roi.roi_pool`."""
    check_regions(features, boxes, batch_index)
    bins_down, bins_across = check_size(output_size, "output_size")
    check_number(spatial_scale, "spatial_scale", 0, above=True)
    pooled = features.new_zeros(len(boxes), features.shape[1], bins_down, bins_across)
    for r, (box, picture) in enumerate(zip(boxes, batch_index, strict=True)):
        x1, y1, x2, y2 = (box * spatial_scale + 0.5).floor().tolist()  # the nearest cells
        bin_height = max(y2 - y1 + 1, 1) / bins_down
        bin_width = max(x2 - x1 + 1, 1) / bins_across
        for p in range(bins_down):
            top = max(y1 + math.floor(p * bin_height), 0)
            bottom = max(y1 + math.ceil((p + 1) * bin_height), 0)
            for q in range(bins_across):
                left = max(x1 + math.floor(q * bin_width), 0)
                right = max(x1 + math.ceil((q + 1) * bin_width), 0)
                cells = features[int(picture), :, int(top) : int(bottom), int(left) : int(right)].flatten(1)
                if cells.shape[1]:
                    pooled[r, :, p, q] = cells.max(1).values  # (C,)
    return pooled


def roi_align(
    features: Tensor,
    boxes: Tensor,
    batch_index: Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int = 2,
    aligned: bool = True,
) -> Tensor:
    """Average bilinear samples at points spread evenly over each bin; see `roi.roi_align`."""
    check_regions(features, boxes, batch_index)
    bins_down, bins_across = check_size(output_size, "output_size")
    check_number(spatial_scale, "spatial_scale", 0, above=True)
    check_whole(sampling_ratio, "sampling_ratio", 0)
    aligned_maps = []
    for box, picture in zip(boxes, batch_index, strict=True):
        x1, y1, x2, y2 = (box * spatial_scale - (0.5 if aligned else 0)).tolist()
        height, width = (y2 - y1, x2 - x1) if aligned else (max(y2 - y1, 1), max(x2 - x1, 1))
        y = sample_points(y1, height, bins_down, sampling_ratio or math.ceil(height / bins_down))
        x = sample_points(x1, width, bins_across, sampling_ratio or math.ceil(width / bins_across))
        values = bilinear(features[int(picture)], y.flatten(), x.flatten())  # (C, P·N, Q·M)
        values = values.view(features.shape[1], *y.shape, *x.shape)  # (C, P, N, Q, M)
        aligned_maps.append(values.sum((2, 4)) / max(y.shape[1] * x.shape[1], 1))
    return (
        torch.stack(aligned_maps) if aligned_maps else features.new_zeros(0, features.shape[1], *output_size)
    )


def sample_points(start: float, size: float, bins: int, points: int) -> Tensor:
    """Spread `points` points over each of `bins` bins, half a step from their edges: (bins, points)."""
    step = size / bins
    within = (torch.arange(points, dtype=torch.float64) + 0.5) / max(points, 1)
    return start + (torch.arange(bins, dtype=torch.float64)[:, None] + within) * step


def bilinear(maps: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Read maps (C, H, W) at all pairs of rows y (N,) and columns x (M,), between cells: (C, N, M).

    A point more than a cell outside reads 0, one nearer the border's value.
    """
    height, width = maps.shape[1:]
    outside = ((y < -1) | (y > height))[:, None] | ((x < -1) | (x > width))[None, :]  # (N, M)
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.floor().long(), x.floor().long()
    bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    down, across = (y - top).to(maps)[:, None], (x - left).to(maps)[None, :]  # shares of the far cells
    upper = (1 - across) * maps[:, top][:, :, left] + across * maps[:, top][:, :, right]
    lower = (1 - across) * maps[:, bottom][:, :, left] + across * maps[:, bottom][:, :, right]
    return ((1 - down) * upper + down * lower).masked_fill(outside, 0)
