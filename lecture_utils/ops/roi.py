"""Regions of interest: from boxes of any size to maps of one size, cut out of a feature map.

- RoIPool: R. Girshick, "Fast R-CNN", ICCV 2015, section 2.1; its gradient is equation 4 (section 2.3).
- RoIAlign: K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", ICCV 2017, section 3.
- The level of a pyramid that a region is cut from: T.-Y. Lin et al., "Feature Pyramid Networks for Object
  Detection", CVPR 2017, section 4.2, equation 1.

No gradient flows into the boxes, as in the papers. `roi_plain.py` has both operators as the papers tell them,
with a loop over the regions; the tests hold the two equal.

Shapes: B pictures, C channels, H × W feature map, R regions, P × Q bins, N cells or points of a bin.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import (
    check_boxes,
    check_finite,
    check_images,
    check_number,
    check_size,
    check_tensor,
    check_whole,
)

CHUNK = 2**25  # numbers held at a time


def check_regions(features: Tensor, boxes: Tensor, batch_index: Tensor) -> None:
    """Raise ValueError unless boxes (R, 4) and batch_index (R,) cut regions out of finite features."""
    check_images(features, maps=True)
    check_finite(features, "features")
    check_boxes(boxes, "R")
    check_tensor(batch_index, "batch_index", len(boxes), kind="int")
    if len(batch_index):
        low, high = int(batch_index.min()), int(batch_index.max())
        if low < 0 or high >= len(features):
            raise ValueError(f"batch_index: got numbers from {low} to {high}, want 0 to {len(features) - 1}")


def roi_pool(
    features: Tensor,
    boxes: Tensor,
    batch_index: Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
) -> Tensor:
    """Round each box to whole cells, cut it into bins of whole cells, and keep each bin's largest value.

    Parameters
    ----------
    features : Tensor
        (B, C, H, W).
    boxes : Tensor
        (R, 4) x1, y1, x2, y2 in pixels of the picture.
    batch_index : Tensor
        (R,) integers: which picture each box belongs to.
    output_size : (int, int)
        P, Q: bins down and across.
    spatial_scale : float
        Cells of the map per pixel of the picture: 1/16 in the paper.

    Returns
    -------
    Tensor
        (R, C, P, Q); 0 in bins that lie outside the map.

    Raises
    ------
    ValueError
        For boxes that are none, numbers of pictures that there are not, or settings below 1 (0 for the
        scale).

    Notes
    -----
    Neighbouring bins may share a row or column of cells. The last cell that a box touches belongs to it. Bins
    are cut in floating point, as torchvision cuts them.
    """
    check_regions(features, boxes, batch_index)
    height, width = check_size(output_size, "output_size")
    scale = check_number(spatial_scale, "spatial_scale", 0, above=True)
    x1, y1, x2, y2 = (boxes.detach().to(features.dtype) * scale + 0.5).floor().unbind(1)  # the nearest cells
    rows, row_count = bin_cells(y1, y2, height, features.shape[2])  # (R, P, N), (R, P)
    columns, column_count = bin_cells(x1, x2, width, features.shape[3])  # (R, Q, M), (R, Q)
    first_row = batch_index.long()[:, None, None] * features.shape[2]
    rows = (first_row + rows) * features.shape[3]
    table = features.movedim(1, -1).flatten(0, 2)  # (B·H·W, C): one row a cell
    with torch.no_grad():  # (R, P, Q, C): i*(r, j) of equation 4
        best = largest_cell(table, rows, columns, row_count.amax(1), column_count.amax(1))
    pooled = table.gather(0, best.flatten(0, 2)).view(best.shape)  # the gradient goes to that cell alone
    empty = (row_count[:, :, None] * column_count[:, None]) == 0  # (R, P, Q)
    return pooled.masked_fill(empty[..., None], 0).movedim(-1, 1)  # (R, C, P, Q)


def largest_cell(table: Tensor, rows: Tensor, columns: Tensor, tall: Tensor, wide: Tensor) -> Tensor:
    """Find, for each channel, where each bin is largest: the first place, should several be.

    Parameters
    ----------
    table : Tensor
        (B·H·W, C) values.
    rows, columns : Tensor
        (R, P, N) and (R, Q, M) int64: a bin's cells are all sums of its N and its M numbers.
    tall, wide : Tensor
        (R,) how many rows and columns the largest bin of each region has.

    Returns
    -------
    Tensor
        (R, P, Q, C) int64 rows of the table.
    """
    best = (rows[:, :, None, 0] + columns[:, None, :, 0])[..., None].repeat(1, 1, 1, table.shape[1])
    largest = table[best[..., 0]]  # (R, P, Q, C)
    for n in range(rows.shape[2]):
        for m in range(columns.shape[2]):
            own = ((tall > n) & (wide > m)).nonzero()[:, 0]  # most regions have small bins
            place = rows[own, :, None, n] + columns[own, None, :, m]  # (r, P, Q)
            value = table[place]  # (r, P, Q, C)
            better = value > largest[own]
            best[own] = torch.where(better, place[..., None], best[own])
            largest[own] = torch.where(better, value, largest[own])
    return best


def bin_cells(first: Tensor, last: Tensor, bins: int, length: int) -> tuple[Tensor, Tensor]:
    """Cut an axis from cell `first` to cell `last` (R,) into bins: which cells each has.

    Returns
    -------
    cells : Tensor
        (R, bins, N) int64 in [0, length), N being the cells of the largest bin; smaller ones repeat their
        last.
    count : Tensor
        (R, bins) how many cells each bin has: 0 outside the axis.
    """
    size = (last - first + 1).clamp(min=1)[:, None] / bins  # (R, 1) cells a bin, not whole
    number = torch.arange(bins, device=first.device, dtype=first.dtype)
    start = (first[:, None] + (number * size).floor()).clamp(0, length).long()  # (R, bins)
    stop = (first[:, None] + ((number + 1) * size).ceil()).clamp(0, length).long()
    count = (stop - start).clamp(min=0)
    most = max(1, int(count.max())) if len(first) else 1
    cells = start[..., None] + torch.arange(most, device=first.device)  # (R, bins, N)
    return cells.minimum(stop[..., None] - 1).clamp(0, length - 1), count


def roi_align(
    features: Tensor,
    boxes: Tensor,
    batch_index: Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int = 2,
    aligned: bool = True,
) -> Tensor:
    """Average bilinear samples at points spread evenly over each bin; nothing is rounded.

    A bilinear sample is a weighted sum of cells whose weights are a product: one number for the row, one for
    the column. So is the mean over a grid of points. Each region then is W_y · features · W_xᵀ, two matrix
    products.

    Parameters
    ----------
    features, boxes, batch_index, output_size, spatial_scale
        As for `roi_pool`.
    sampling_ratio : int
        Points along each side of a bin; 0: as many as the bin has cells, rounded up.
    aligned : bool
        Take the centre of cell 0 as lying half a cell inside the map. False puts it on the edge, as the first
        implementations did (torchvision's detectors still do), and makes every box a cell wide or more.

    Returns
    -------
    Tensor
        (R, C, P, Q). Points over a cell outside the map count as 0, those nearer take the border's value.

    Raises
    ------
    ValueError
        As `roi_pool` does.
    """
    check_regions(features, boxes, batch_index)
    height, width = check_size(output_size, "output_size")
    scale = check_number(spatial_scale, "spatial_scale", 0, above=True)
    check_whole(sampling_ratio, "sampling_ratio", 0)
    x1, y1, x2, y2 = (boxes.detach().to(features.dtype) * scale - (0.5 if aligned else 0)).unbind(1)
    weigh_rows = bin_weights(y1, y2, height, features.shape[2], sampling_ratio, aligned)  # (R, P, H)
    weigh_columns = bin_weights(x1, x2, width, features.shape[3], sampling_ratio, aligned)  # (R, Q, W)
    step = max(1, CHUNK // (height * features.shape[3] * features.shape[1]))  # not shown
    parts, places = [], []
    for picture, maps in enumerate(features):
        for own in (batch_index == picture).nonzero()[:, 0].split(step):
            lines = torch.einsum("rph,chw->rpwc", weigh_rows[own], maps)
            parts.append(torch.einsum("rqw,rpwc->rpqc", weigh_columns[own], lines))
            places.append(own)
    order = torch.cat(places).argsort()  # back from picture by picture to the order of the boxes
    return torch.cat(parts)[order].movedim(-1, 1)  # (R, C, P, Q)


def bin_weights(
    start: Tensor, stop: Tensor, bins: int, length: int, sampling_ratio: int, aligned: bool
) -> Tensor:
    """Say how much each cell of an axis counts for each bin: the mean of the bin's points.

    Parameters
    ----------
    start, stop : Tensor
        (R,) where the regions begin and end, in cells.
    bins, length : int
        Bins to cut a region into, and cells of the axis.
    sampling_ratio, aligned
        As for `roi_align`.

    Returns
    -------
    Tensor
        (R, bins, length), rows that sum to 1 inside the map.
    """
    size = stop - start if aligned else (stop - start).clamp(min=1)  # (R,)
    step = size / bins
    points = torch.full_like(step, sampling_ratio) if sampling_ratio else step.ceil()
    most = max(1, int(points.max())) if len(points) else 1
    index = torch.arange(most, device=start.device)
    within = (index + 0.5) / points.clamp(min=1)[:, None]  # (R, N) shares of a bin
    number = torch.arange(bins, device=start.device)
    at = start[:, None, None] + (number[:, None] + within[:, None, :]) * step[:, None, None]  # (R, bins, N)
    counts = (at >= -1) & (at <= length) & (index < points[:, None, None])
    at = at.clamp(0, length - 1)
    cell = torch.arange(length, device=start.device)
    hat = (1 - (at[..., None] - cell).abs()).clamp(min=0)  # (R, bins, N, length): linear between two cells
    return (hat * counts[..., None]).sum(2) / points.clamp(min=1)[:, None, None]


def roi_levels(
    boxes: Tensor,
    *,
    finest: int = 2,
    coarsest: int = 5,
    canonical_level: int = 4,
    canonical_size: float = 224.0,
) -> Tensor:
    """Choose the level of a pyramid for each box: k = ⌊k₀ + log₂(√(w·h) / 224)⌋ (FPN, equation 1).

    Parameters
    ----------
    boxes : Tensor
        (R, 4) x1, y1, x2, y2 in pixels.
    finest, coarsest : int
        The levels that there are; level k has stride 2^k.
    canonical_level, canonical_size
        k₀, and the side in pixels of the box that belongs there.

    Returns
    -------
    Tensor
        (R,) int64 from `finest` to `coarsest`.

    Raises
    ------
    ValueError
        For boxes that are none, or levels out of order.
    """
    check_boxes(boxes, "R")
    check_whole(finest, "finest", 0)
    check_whole(coarsest, "coarsest", finest)
    check_whole(canonical_level, "canonical_level", 0)
    check_number(canonical_size, "canonical_size", 0, above=True)
    width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
    size = (width * height).sqrt() if boxes.is_floating_point() else (width * height).float().sqrt()
    level = canonical_level + torch.log2(size / canonical_size) + 1e-6  # 224 itself is not rounded down
    return level.floor().clamp(finest, coarsest).long()
