"""Batch norm that no longer learns: a fixed scale and shift a channel.

Detectors train on few pictures at a time, too few for statistics of their own, so they keep those of the
classifier that they start from: R. Girshick et al., Detectron, 2018, and before it K. He et al., "Deep
Residual Learning for Image Recognition", CVPR 2016, appendix A.

Shapes: B batch, C channels, H × W map.
"""

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_images, check_number, check_sizes


class FrozenBatchNorm2d(nn.Module):
    """Normalise by stored statistics, in training too; its four vectors are buffers: no optimizer moves them.

    Parameters
    ----------
    channels : int
        C.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        For sizes below 1, a negative ε, or input that is not floating point (B, C, H, W).
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        check_sizes("frozen batch norm", channels=channels)
        self.eps = check_number(eps, "frozen batch norm, eps", 0)
        self.register_buffer("weight", torch.ones(channels))  # γ
        self.register_buffer("bias", torch.zeros(channels))  # β
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, len(self.weight), maps=True)
        scale = self.weight * (self.running_var + self.eps).rsqrt()  # (C,)
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def extra_repr(self) -> str:
        """What `print(layer)` shows between the brackets."""
        return f"{len(self.weight)}, eps={self.eps}"
