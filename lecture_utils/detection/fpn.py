"""Feature pyramid network: the deep maps' meaning handed down to the fine maps, which know the place.

T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan, S. Belongie, "Feature Pyramid Networks for Object
Detection", CVPR 2017: lateral connections and the top-down path (section 3, figure 3), the coarser level that
only the region proposal network uses (section 4.1, footnote 2).

Shapes: B batch, C_l channels and h_l × w_l cells of the backbone's map l, finest first; D channels of the
pyramid.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.resnet import ResNet
from lecture_utils.ops.checks import check_images, check_sizes, check_wholes


class FPN(nn.Module):
    """A pyramid of maps of one width from a backbone's maps.

    Parameters
    ----------
    widths : sequence of int
        C_l, finest map first: (256, 512, 1024, 2048) for ResNet-50.
    channels : int
        D: 256 in the paper.
    extra : bool
        Add a level of twice the coarsest stride, every second cell of the coarsest map.

    Raises
    ------
    ValueError
        For sizes below 1, or other maps than these.
    """

    def __init__(self, widths: Sequence[int], *, channels: int = 256, extra: bool = True) -> None:
        super().__init__()
        check_wholes(widths, "FPN, widths")
        check_sizes("FPN", channels=channels)
        self.widths, self.channels, self.extra = tuple(widths), channels, extra
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in widths)
        for layer in (*self.lateral, *self.smooth):
            nn.init.kaiming_uniform_(layer.weight, a=1)
            nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        if not isinstance(maps, Sequence) or len(maps) != len(self.widths):
            got = len(maps) if isinstance(maps, Sequence) else type(maps).__name__
            raise ValueError(f"maps: got {got}, want a list of {len(self.widths)}, finest first")
        for x, width in zip(maps, self.widths, strict=True):
            check_images(x, width, maps=True)
        merged = self.lateral[-1](maps[-1])  # (B, D, h, w), the coarsest
        pyramid = [self.smooth[-1](merged)]
        for level in reversed(range(len(maps) - 1)):
            coarser = F.interpolate(merged, size=maps[level].shape[2:], mode="nearest")
            merged = self.lateral[level](maps[level]) + coarser  # (B, D, h_l, w_l)
            pyramid.insert(0, self.smooth[level](merged))
        if self.extra:
            pyramid.append(pyramid[-1][:, :, ::2, ::2])
        return pyramid  # P2, P3, P4, P5, P6


class ResNetFPN(nn.Module):
    """A ResNet's four stages, and a pyramid on them: strides 4, 8, 16, 32, and 64 with the extra level.

    Parameters
    ----------
    resnet : ResNet
        Its stem and stages are used as they are; its head is left behind.
    channels, extra
        As for `FPN`.

    Raises
    ------
    ValueError
        From `forward`, for input that is not floating point (B, 3, H, W) with sides of 32 pixels or more.
    """

    def __init__(self, resnet: ResNet, *, channels: int = 256, extra: bool = True) -> None:
        super().__init__()
        self.in_channels, self.channels = resnet.in_channels, channels
        self.stem, self.stages = resnet.stem, resnet.stages
        deepest = resnet.head.in_features
        self.fpn = FPN([deepest // 8, deepest // 4, deepest // 2, deepest], channels=channels, extra=extra)

    def forward(self, x: Tensor) -> list[Tensor]:  # (B, 3, H, W)
        check_images(x, self.in_channels, like=self.fpn.lateral[0].weight)  # type: ignore[arg-type]
        x = self.stem(x)  # (B, 64, H/4, W/4)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)  # C2 to C5: strides 4, 8, 16, 32
        return self.fpn(maps)
