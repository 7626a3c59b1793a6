"""Temporal fusion, the "Fuse" of VPSNet: what an earlier frame saw, brought to where it is now, and weighed.

D. Kim, S. Woo, J.-Y. Lee, I. S. Kweon, "Video Panoptic Segmentation", CVPR 2020: all levels of a pyramid are
gathered into one map, the earlier one is aligned by flow, both are joined by attention over time and space,
and the result is added to every level. Gathering and scattering are those of J. Pang et al., "Libra R-CNN",
CVPR 2019, section 3.2. The attention is that of X. Wang et al., "EDVR: Video Restoration with Enhanced
Deformable Convolutional Networks", CVPR Workshops 2019, section 3.3: a weight for each frame at each place
from how alike it is to the present, then one for each place and channel.

Departures: the last layer starts at 0, so that fusion begins as nothing, and a trained network is where it
starts. EDVR's spatial attention has one more level, a coarser one.

Shapes: B pictures, C channels, h × w map.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.structures import check_map_list
from lecture_utils.ops.checks import check_images, check_size, check_sizes, check_tensor, check_whole
from lecture_utils.ops.flow_warp import warp


class TemporalFusion(nn.Module):
    """ "Fuse": gather, align, attend, scatter.

    Parameters
    ----------
    channels : int
        C of all maps.
    middle : int
        The level, from 0 for the finest, to whose size all are gathered.

    Raises
    ------
    ValueError
        For sizes out of range, or maps and flows that do not fit.
    """

    def __init__(self, channels: int, *, middle: int = 0) -> None:
        super().__init__()
        check_sizes("fusion", channels=channels)
        self.channels, self.middle = channels, check_whole(middle, "middle", 0)
        self.query, self.key = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.join = nn.Conv2d(2 * channels, channels, 1)
        self.squeeze, self.pooled = (nn.Conv2d(2 * channels, channels, 1) for _ in range(2))
        self.around = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale, self.shift, self.refine = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3))
        nn.init.zeros_(self.refine.weight)  # at the start the present is left as it is
        nn.init.zeros_(self.refine.bias)  # type: ignore[arg-type]

    def forward(self, now: Sequence[Tensor], earlier: Sequence[Tensor], flow: Tensor) -> list[Tensor]:
        """Join what an earlier frame saw to the maps of now.

        Parameters
        ----------
        now, earlier : sequence of Tensor
            Levels (B, C, h, w) of both frames, finest first.
        flow : Tensor
            (B, 2, h, w) in cells of the middle level, from now back to earlier.
        """
        gathered, before = self.gather(now), self.gather(earlier)
        check_tensor(before, "earlier", *gathered.shape)
        x = self.refine(self.attend(gathered, warp(before, flow)))
        return [level + resized(x, _size(level)) for level in now]  # scatter

    def gather(self, maps: Sequence[Tensor]) -> Tensor:
        """The mean of all levels, brought to the middle level's size: (B, C, h, w)."""
        check_map_list(maps)
        if self.middle >= len(maps) or maps[0].shape[1] != self.channels:
            got = f"{len(maps)} levels of {maps[0].shape[1]} channels"
            raise ValueError(f"maps: got {got}, want more than {self.middle} levels of {self.channels}")
        size = _size(maps[self.middle])
        return torch.stack([resized(x, size) for x in maps]).mean(0)

    def weights(self, now: Tensor, aligned: Tensor) -> Tensor:
        """How much each place of both frames counts, by how alike it is to now: (B, 2, h, w) in (0, 1)."""
        check_images(now, self.channels, maps=True)
        check_tensor(aligned, "aligned", *now.shape)
        query = self.query(now)
        alike = [(self.key(frame) * query).sum(1) for frame in (now, aligned)]
        return torch.stack(alike, dim=1).sigmoid()

    def attend(self, now: Tensor, aligned: Tensor) -> Tensor:
        """Weigh both frames (B, C, h, w) over time, join them, and weigh the result over space."""
        weights = self.weights(now, aligned)
        frames = torch.cat([now * weights[:, :1], aligned * weights[:, 1:]], dim=1)  # (B, 2C, h, w)
        a = F.relu(self.squeeze(frames))
        a = torch.cat([F.max_pool2d(a, 3, 2, 1), F.avg_pool2d(a, 3, 2, 1)], dim=1)  # at half the size
        a = F.relu(self.around(F.relu(self.pooled(a))))
        a = F.interpolate(a, now.shape[2:], mode="bilinear", align_corners=False)
        return self.join(frames) * 2 * self.scale(a).sigmoid() + self.shift(a)


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[2], x.shape[3]


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a map to a size h, w: the nearest cell where it grows, the largest value where it shrinks."""
    check_images(x, maps=True)
    height, width = check_size(size)
    if height >= x.shape[2] and width >= x.shape[3]:
        return F.interpolate(x, size, mode="nearest")
    return F.adaptive_max_pool2d(x, size)
