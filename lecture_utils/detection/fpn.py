"""Feature pyramid network: the deep maps' meaning handed down to the fine maps, which know the place.

T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan, S. Belongie, "Feature Pyramid Networks for Object
Detection", CVPR 2017: lateral connections and the top-down path (section 3, figure 3), the coarser level that
only the region proposal network uses (section 4.1, footnote 2). `ResNetPyramid` is RetinaNet's version of it.

Shapes: B batch, C_l channels and h_l × w_l cells of the backbone's map l, finest first; D channels of the
pyramid.
"""

from collections.abc import Iterable, Sequence

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
        return self.fpn(_stage_maps(self.stem, self.stages, x))


def _stage_maps(stem: nn.Module, stages: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """Read pictures (B, 3, H, W) stage by stage."""
    x = stem(x)  # (B, 64, H/4, W/4)
    maps = []
    for stage in stages:
        x = stage(x)
        maps.append(x)  # C2 to C5: strides 4, 8, 16, 32
    return maps


class CoarserLevels(nn.Module):
    """Two levels on top of a pyramid, each of half the resolution of the one below (Lin et al., ICCV 2017).

    Parameters
    ----------
    inputs : int
        Channels of the map that they are made from.
    channels : int
        D.

    Raises
    ------
    ValueError
        For sizes below 1, or a map of other channels.
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        check_sizes("coarser levels", inputs=inputs, channels=channels)
        self.p6 = nn.Conv2d(inputs, channels, 3, stride=2, padding=1)
        self.p7 = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        for layer in (self.p6, self.p7):
            nn.init.kaiming_uniform_(layer.weight, a=1)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> list[Tensor]:  # (B, inputs, h, w)
        check_images(x, self.p6.in_channels, maps=True)
        p6 = self.p6(x)  # (B, D, h/2, w/2)
        return [p6, self.p7(F.relu(p6))]  # (B, D, h/4, w/4)


class ResNetPyramid(nn.Module):
    """RetinaNet's pyramid on a ResNet: levels P3 to P7, strides 8, 16, 32, 64 and 128.

    T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 4: P3 to P5 from the stages
    C3 to C5 as in `FPN`; P6 by a strided convolution, and P7 by ReLU and another. P2, which has most places
    of all, is left out.

    Parameters
    ----------
    resnet : ResNet
        Its stem and stages are used as they are; its head is left behind.
    channels : int
        D.
    from_c5 : bool
        Make P6 from C5, as in the paper, or from P5, as in torchvision's first RetinaNet.

    Raises
    ------
    ValueError
        From `forward`, for input that is not floating point (B, 3, H, W) with sides of 32 pixels or more.
    """

    def __init__(self, resnet: ResNet, *, channels: int = 256, from_c5: bool = True) -> None:
        super().__init__()
        self.in_channels, self.channels, self.from_c5 = resnet.in_channels, channels, from_c5
        self.stem, self.stages = resnet.stem, resnet.stages
        deepest = resnet.head.in_features
        self.fpn = FPN([deepest // 4, deepest // 2, deepest], channels=channels, extra=False)
        self.coarser = CoarserLevels(deepest if from_c5 else channels, channels)

    def forward(self, x: Tensor) -> list[Tensor]:  # (B, 3, H, W)
        check_images(x, self.in_channels, like=self.fpn.lateral[0].weight)  # type: ignore[arg-type]
        maps = _stage_maps(self.stem, self.stages, x)
        pyramid = self.fpn(maps[1:])  # P3, P4, P5
        return pyramid + self.coarser(maps[-1] if self.from_c5 else pyramid[-1])
