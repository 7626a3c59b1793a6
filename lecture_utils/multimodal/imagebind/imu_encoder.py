"""ImageBind's encoder of motion: what accelerometer and gyroscope measure, a sentence of short windows.

R. Girdhar et al., "ImageBind: One Embedding Space To Bind Them All", CVPR 2023, section 3.3: a convolution
over time with a kernel of 8 readings, then a transformer. The authors' code cuts the readings into windows of
8 that do not overlap, and maps each to D numbers: a convolution whose stride is its kernel.

Simplified: fewer readings than the paper's five seconds of 2,000, a narrower and shallower trunk.

Shapes: B batch, T readings, N = T / kernel windows, D the trunk's width, J the joint space's.
"""

from einops import rearrange
from torch import Tensor, nn

from lecture_utils.multimodal.imagebind.trunk import Trunk
from lecture_utils.ops.checks import check_sizes, check_tensor, check_type

AXES = 6  # acceleration along x, y and z, and rates of turning about them


class IMUEncoder(nn.Module):
    """Readings (B, 6, T) → windows → transformer → (B, J), of unit length.

    Parameters
    ----------
    readings : int
        T, a multiple of `kernel`.
    joint : int
        J.
    kernel : int
        Readings in a window.
    dim, heads, hidden, layers : int
        Of the trunk.

    Raises
    ------
    ValueError
        For sizes below 1, readings that are no multiple of the kernel, or another input than (B, 6, T).
    """

    def __init__(
        self,
        readings: int,
        joint: int,
        *,
        kernel: int = 8,
        dim: int = 64,
        heads: int = 4,
        hidden: int = 128,
        layers: int = 2,
    ) -> None:
        super().__init__()
        check_sizes("IMU encoder", readings=readings, kernel=kernel, dim=dim)
        if readings % kernel:
            raise ValueError(f"IMU encoder: got {readings} readings and kernel {kernel}, want a multiple")
        self.readings = readings
        self.windows = nn.Conv1d(AXES, dim, kernel_size=kernel, stride=kernel)
        self.norm = nn.LayerNorm(dim)
        self.trunk = Trunk(readings // kernel, joint, dim=dim, heads=heads, hidden=hidden, layers=layers)

    def forward(self, x: Tensor) -> Tensor:  # (B, 6, T)
        check_tensor(x, "IMU", "B", AXES, self.readings, some=True)
        check_type(x, self.windows.weight, name="IMU")
        tokens = rearrange(self.windows(x), "b d n -> b n d")  # (B, N, D)
        return self.trunk(self.norm(tokens))  # (B, J)
