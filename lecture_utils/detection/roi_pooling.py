"""How a head reads its regions: from one map, or from the level of a pyramid that fits each region's size.

RoIPool and RoIAlign are in `ops/roi.py`; the choice of a level is equation 1 of T.-Y. Lin et al., "Feature
Pyramid Networks for Object Detection", CVPR 2017.

Shapes: B pictures, C channels, R regions of all pictures, P × Q bins.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.detection.structures import check_map_list, check_proposals, picture_index
from lecture_utils.ops.checks import check_choice, check_size, check_sizes, check_whole
from lecture_utils.ops.roi import roi_align, roi_levels, roi_pool


class MapPooling(nn.Module):
    """Regions from one feature map.

    Parameters
    ----------
    output_size : (int, int)
        P, Q: 7, 7 in Fast R-CNN.
    stride : int
        Pixels of the picture per cell of the map: 16 there.
    operator : {"pool", "align"}
        RoIPool (Fast and Faster R-CNN) or RoIAlign (Mask R-CNN), with 2 × 2 points a bin.

    Raises
    ------
    ValueError
        For settings out of range, or other than one map and one set of boxes a picture.
    """

    def __init__(self, output_size: tuple[int, int], *, stride: int, operator: str = "pool") -> None:
        super().__init__()
        self.output_size = check_size(output_size, "output_size")
        check_sizes("pooling", stride=stride)
        check_choice(operator, "operator", "pool", "align")
        self.stride, self.operator = stride, operator

    def forward(self, features: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        check_map_list(features, 1)
        check_proposals(boxes, len(features[0]))
        cut = roi_pool if self.operator == "pool" else roi_align
        index = picture_index(boxes)
        return cut(
            features[0], torch.cat(list(boxes)), index, self.output_size, 1 / self.stride
        )  # (R, C, P, Q)


class PyramidPooling(nn.Module):
    """Regions from a pyramid by RoIAlign, large ones from coarse levels.

    Parameters
    ----------
    output_size : (int, int)
        P, Q.
    finest, coarsest : int
        Levels to cut from, 2^k being the stride of level k; further maps (P6) are passed over.
    sampling_ratio, aligned
        As for `roi_align`.
    canonical_level, canonical_size
        As for `roi_levels`.

    Raises
    ------
    ValueError
        For settings out of range, fewer maps than levels, or not one set of boxes a picture.
    """

    def __init__(
        self,
        output_size: tuple[int, int] = (7, 7),
        *,
        finest: int = 2,
        coarsest: int = 5,
        sampling_ratio: int = 2,
        aligned: bool = True,
        canonical_level: int = 4,
        canonical_size: float = 224.0,
    ) -> None:
        super().__init__()
        self.output_size = check_size(output_size, "output_size")
        self.finest = check_whole(finest, "finest", 0)
        self.coarsest = check_whole(coarsest, "coarsest", finest)
        self.sampling_ratio = check_whole(sampling_ratio, "sampling_ratio", 0)
        self.aligned, self.canonical_level, self.canonical_size = aligned, canonical_level, canonical_size

    def forward(self, features: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        levels = range(self.finest, self.coarsest + 1)
        check_map_list(features)
        if len(features) < len(levels):
            raise ValueError(f"features: got {len(features)} maps, want {len(levels)} or more, finest first")
        check_proposals(boxes, len(features[0]))
        every, index = torch.cat(list(boxes)), picture_index(boxes)
        level = roi_levels(
            every, finest=self.finest, coarsest=self.coarsest,
            canonical_level=self.canonical_level, canonical_size=self.canonical_size,
        )  # fmt: skip
        pooled = features[0].new_zeros(len(every), features[0].shape[1], *self.output_size)
        for k, x in zip(levels, features, strict=False):
            own = (level == k).nonzero()[:, 0]
            cut = roi_align(
                x, every[own], index[own], self.output_size, 2.0**-k, self.sampling_ratio, self.aligned
            )
            pooled = pooled.index_copy(0, own, cut)
        return pooled  # (R, C, P, Q)
