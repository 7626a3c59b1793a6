"""A subnet: convolutions that read every level of a pyramid with the same weights.

T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 4 (figure 3, c and d) and
section 4.1, "Initialization". RetinaNet has two: one for classes, one for boxes.

Shapes: B pictures, C channels, h × w map, A anchors a place.
"""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.structures import check_map_list
from lecture_utils.ops.checks import check_number, check_sizes


class Subnet(nn.Module):
    """Four 3 × 3 convolutions with ReLU, then one that speaks for every anchor; one for all levels.

    Parameters
    ----------
    channels : int
        C of the maps, and of the layers between.
    anchors : int
        A.
    outputs : int
        Numbers an anchor: K for classes, 4 for boxes.
    start : float
        The probability that each output, as a logit, starts at; 1/2 is the logit 0.
    std : float
        Of the first weights: 0.01 in the paper, for 256 channels. Narrower subnets lose the signal with that;
        He et al.'s √(2 / 9C) keeps it.

    Raises
    ------
    ValueError
        For sizes below 1, a start that is not between 0 and 1, a negative std, or maps that are not
        (B, C, h, w).
    """

    def __init__(
        self, channels: int, anchors: int, outputs: int, *, start: float = 0.5, std: float = 0.01
    ) -> None:
        super().__init__()
        check_sizes("subnet", channels=channels, anchors=anchors, outputs=outputs)
        check_number(start, "start", 1e-6, 1 - 1e-6)
        check_number(std, "std", 0)
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(4))
        self.last = nn.Conv2d(channels, anchors * outputs, 3, padding=1)
        self.outputs = outputs
        for layer in (*self.convs, self.last):  # section 4.1, "Initialization"
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.last.bias, -math.log((1 - start) / start))  # type: ignore[arg-type]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Give each map's numbers (B, h·w·A, outputs), in the order of the anchors."""
        check_map_list(features)
        answers = []
        for x in features:
            for conv in self.convs:
                x = F.relu(conv(x))  # (B, C, h, w)
            answer = self.last(x).unflatten(1, (-1, self.outputs))  # (B, A, outputs, h, w)
            answers.append(answer.permute(0, 3, 4, 1, 2).flatten(1, 3))  # (B, h·w·A, outputs)
        return answers
