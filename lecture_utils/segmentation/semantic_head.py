"""The semantic head of UPSNet: a deformable network for all levels of a pyramid, then logits.

Y. Xiong et al., "UPSNet: A Unified Panoptic Segmentation Network", CVPR 2019, section 3.1 ("Semantic
Segmentation Head"): all levels go through the same deformable convolutions, are brought to the finest level's
size, and stacked; a 1 × 1 convolution gives the logits.

In a deformable convolution (J. Dai et al., "Deformable Convolutional Networks", ICCV 2017, section 2.1) each
of the k × k points of the kernel is moved by an offset that a second convolution predicts at each place. The
offsets start at 0, where it is an ordinary convolution.

Departures: group normalisation after each layer is an option, off unless asked for. The paper reads four
levels of 256 channels; here any number of levels will do, one too.

Shapes: B pictures, C channels, h × w map of the finest level, S + K classes, k × k kernel.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.structures import check_map_list
from lecture_utils.ops.checks import check_images, check_sizes
from lecture_utils.ops.deformable import deform_conv2d


class DeformableConv(nn.Module):
    """A convolution of stride 1 whose kernel's points move: (B, C, h, w) → (B, D, h, w).

    Parameters
    ----------
    inputs, outputs : int
        C, D.
    kernel : int
        k, odd.

    Raises
    ------
    ValueError
        For sizes below 1, an even kernel, or input that is not floating point (B, C, h, w).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        check_sizes("deformable convolution", inputs=inputs, outputs=outputs, kernel=kernel)
        if kernel % 2 == 0:
            raise ValueError(f"kernel: got {kernel}, want an odd number")
        self.offsets = nn.Conv2d(inputs, 2 * kernel**2, kernel, padding=kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)  # type: ignore[arg-type]
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:  # (B, C, h, w)
        check_images(x, self.conv.in_channels, maps=True)
        offsets = self.offsets(x)  # (B, 2·k·k, h, w): y and x of each point, in cells
        return deform_conv2d(x, offsets, self.conv.weight, self.conv.bias)


class SemanticHead(nn.Module):
    """From the maps of a pyramid to logits of all classes, at the finest map's size.

    Parameters
    ----------
    channels : int
        C of every map.
    levels : int
        How many maps there are.
    classes : int
        S + K, stuff first.
    hidden : int
        Channels of the deformable layers: 128 in the paper.
    layers : int
        Deformable layers.
    groups : int, optional
        Of group normalisation after each; none if not given.

    Raises
    ------
    ValueError
        For sizes below 1, or maps that do not fit.
    """

    def __init__(
        self,
        channels: int,
        *,
        levels: int,
        classes: int,
        hidden: int = 128,
        layers: int = 2,
        groups: int | None = None,
    ) -> None:
        super().__init__()
        check_sizes("semantic head", channels=channels, levels=levels, classes=classes)
        check_sizes("semantic head", hidden=hidden, layers=layers, groups=1 if groups is None else groups)
        if hidden % (groups or 1):
            raise ValueError(f"groups: got {groups}, want a divisor of the {hidden} hidden channels")
        self.levels, self.classes = levels, classes
        steps: list[nn.Module] = []
        for a, b in pairwise([channels] + [hidden] * layers):
            steps.append(DeformableConv(a, b))
            if groups is not None:
                steps.append(nn.GroupNorm(groups, b))
            steps.append(nn.ReLU())
        self.shared = nn.Sequential(*steps)  # one network for all levels
        self.last = nn.Conv2d(hidden * levels, classes, 1)
        nn.init.normal_(self.last.weight, std=0.01)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        check_map_list(features, self.levels)
        size = features[0].shape[2:]  # h, w
        maps = [self.shared(x) for x in features]
        maps = [F.interpolate(x, size, mode="bilinear", align_corners=False) for x in maps]
        return self.last(torch.cat(maps, dim=1))  # (B, S + K, h, w)
