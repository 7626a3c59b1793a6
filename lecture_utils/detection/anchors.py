"""Anchors: boxes laid over the picture in advance, and which of them answer for which object.

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks", NeurIPS 2015: anchors (section 3.1.1), which are positive and which negative, and the sample of 256
that is trained on (3.1.2, 3.1.3).

Shapes: A anchors a place, h × w places, N anchors in all, G true boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_number, check_numbers, check_size, check_tensor, check_whole

BACKGROUND, BETWEEN = -1, -2  # what `match_anchors` says where there is no object, or it cannot tell


def cell_anchors(sizes: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """Make the anchors of one place, centred on (0, 0), corners rounded to whole pixels.

    Parameters
    ----------
    sizes : sequence of float
        Square roots of the areas, in pixels.
    ratios : sequence of float
        Height over width.

    Returns
    -------
    Tensor
        (A, 4) x1, y1, x2, y2: all sizes of the first ratio, then of the second, …

    Raises
    ------
    ValueError
        For no size or ratio, or one that is not above 0.
    """
    for name, values in (("sizes", sizes), ("ratios", ratios)):
        check_numbers(values, name, max(1, len(values)) if isinstance(values, Sequence) else 1)
        for value in values:
            check_number(value, name, 0, above=True)
    stretch = torch.tensor(ratios, dtype=torch.float32).sqrt()[:, None]  # (ratios, 1)
    side = torch.tensor(sizes, dtype=torch.float32)
    width, height = (side / stretch).flatten(), (side * stretch).flatten()  # (A,): area side², ratio h / w
    return (torch.stack([-width, -height, width, height], dim=1) / 2).round()


def grid_anchors(
    cell: Tensor, map_size: Sequence[int], stride: Sequence[int], *, offset: float = 0.5
) -> Tensor:
    """Put the anchors of a place at every cell of a feature map.

    Parameters
    ----------
    cell : Tensor
        (A, 4) around (0, 0), as `cell_anchors` makes them.
    map_size : (int, int)
        h, w.
    stride : (int, int)
        Pixels from one cell to the next, down and across.
    offset : float
        Where in a cell the anchors are centred, as a share of the stride: 0.5 is the middle; torchvision
        takes the corner, 0.

    Returns
    -------
    Tensor
        (h·w·A, 4): the anchors of the first cell, then of the one to its right, …

    Raises
    ------
    ValueError
        For boxes that are none, sizes below 1, or an offset outside [0, 1].
    """
    check_box_set(cell, "cell")
    height, width = check_size(map_size, "map_size")
    down, across = check_size(stride, "stride")
    check_number(offset, "offset", 0, 1)
    y = (torch.arange(height, device=cell.device) + offset) * down
    x = (torch.arange(width, device=cell.device) + offset) * across
    y, x = torch.meshgrid(y, x, indexing="ij")  # (h, w)
    centres = torch.stack([x, y, x, y], dim=-1).view(-1, 1, 4).to(cell.dtype)
    return (centres + cell).view(-1, 4)


@dataclass(frozen=True)
class Anchors:
    """The anchors of a detector: for each feature map its sizes, and ratios for all.

    Parameters
    ----------
    sizes : tuple of tuple of float
        One tuple a map, finest first. The paper, with one map: ((128, 256, 512),); FPN, section 4.1: ((32,),
        (64,), (128,), (256,), (512,)).
    ratios : tuple of float
        Heights over widths.
    offset : float
        As for `grid_anchors`.

    Raises
    ------
    ValueError
        For no map, or values that are not above 0.
    """

    sizes: tuple[tuple[float, ...], ...]
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    offset: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, Sequence) or not len(self.sizes):
            raise ValueError(f"sizes: got {self.sizes!r}, want a tuple of sizes for each map")
        if len({len(cell_anchors(sizes, self.ratios)) for sizes in self.sizes}) > 1:
            raise ValueError(f"sizes: got {self.sizes!r}, want as many for each map, as they share a head")
        check_number(self.offset, "offset", 0, 1)

    @property
    def per_place(self) -> int:
        """A."""
        return len(self.sizes[0]) * len(self.ratios)

    def __call__(self, features: Sequence[Tensor], image_size: tuple[int, int]) -> list[Tensor]:
        """Lay anchors over feature maps (B, C, h, w) of a picture of H × W: a list of (h·w·A, 4)."""
        if len(features) != len(self.sizes):
            raise ValueError(f"features: got {len(features)} maps, want {len(self.sizes)}, one for each size")
        height, width = check_size(image_size, "image_size")
        laid = []
        for x, sizes in zip(features, self.sizes, strict=True):
            cell = cell_anchors(sizes, self.ratios).to(x)
            stride = (height // x.shape[2], width // x.shape[3])
            laid.append(grid_anchors(cell, tuple(x.shape[2:]), stride, offset=self.offset))
        return laid


def match_anchors(iou: Tensor, *, high: float, low: float, allow_low_quality: bool = False) -> Tensor:
    """Say for each anchor which object it answers for: by its best IoU (section 3.1.2).

    Parameters
    ----------
    iou : Tensor
        (G, N), true boxes by anchors; G may be 0.
    high, low : float
        Positive from `high` on, background below `low`, neither between: 0.7 and 0.3 in the paper.
    allow_low_quality : bool
        Also make those positive that overlap some object most of all anchors (ties included), so that no
        object goes without. Each answers for the object that it overlaps most itself.

    Returns
    -------
    Tensor
        (N,) int64: number of the true box, or BACKGROUND (-1), or BETWEEN (-2).

    Raises
    ------
    ValueError
        For another shape, numbers outside [0, 1], or `low` above `high`.
    """
    check_tensor(iou, "iou", "G", "N", finite=True)
    check_number(low, "low", 0, 1)
    check_number(high, "high", low, 1)
    if iou.numel() and not 0 <= float(iou.min()) <= float(iou.max()) <= 1 + 1e-4:
        raise ValueError(f"iou: got values from {iou.min():.4g} to {iou.max():.4g}, want all in [0, 1]")
    if len(iou) == 0:
        return torch.full((iou.shape[1],), BACKGROUND, device=iou.device)
    best, match = iou.max(0)  # (N,)
    answer = match.masked_fill(best < high, BETWEEN).masked_fill(best < low, BACKGROUND)
    if allow_low_quality:
        favourite = ((iou == iou.amax(1, keepdim=True)) & (iou > 0)).any(0)  # (N,)
        answer = torch.where(favourite, match, answer)
    return answer


def sample_balanced(
    labels: Tensor, number: int, positive_share: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw a minibatch from one picture: at most a share of positives, filled up with negatives.

    Parameters
    ----------
    labels : Tensor
        (N,) above 0 for positives, 0 for negatives, below 0 for those to leave out.
    number : int
        How many to draw: 256 anchors in Faster R-CNN (section 3.1.3), 64 regions in Fast R-CNN (section 2.3).
    positive_share : float
        1/2 and 1/4 there.
    generator : torch.Generator, optional
        The global one if not given.

    Returns
    -------
    positive, negative : Tensor
        int64 indices in rising order. Fewer than `number` where there are too few negatives.

    Raises
    ------
    ValueError
        For labels that are no integers (N,), fewer than 1 to draw, or a share outside [0, 1].
    """
    check_tensor(labels, "labels", "N", kind="int")
    check_whole(number, "number")
    check_number(positive_share, "positive_share", 0, 1)
    positive, negative = (labels > 0).nonzero()[:, 0], (labels == 0).nonzero()[:, 0]
    positive = draw(positive, int(number * positive_share), generator)
    negative = draw(negative, number - len(positive), generator)
    return positive, negative


def draw(indices: Tensor, number: int, generator: torch.Generator | None = None) -> Tensor:
    """Keep `number` of some indices at random, or all where there are fewer; in rising order."""
    check_tensor(indices, "indices", "N", kind="int")
    check_whole(number, "number", 0)
    order = torch.randperm(len(indices), generator=generator).to(indices.device)
    return indices[order[:number]].sort().values
