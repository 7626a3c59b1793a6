"""The generator of CycleGAN: down, residual blocks, up, with instance norm and mirrored edges (S15.6).

J.-Y. Zhu, T. Park, P. Isola, A. Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks", ICCV 2017, section 4 and appendix 7.2: c7s1-64, d128, d256, R256 × 6 or × 9, u128, u64,
c7s1-3. The blocks come from J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer
and Super-Resolution", ECCV 2016; instance norm from D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance
Normalization: The Missing Ingredient for Fast Stylization", arXiv 1607.08022, 2016.

Departures: pictures in [0, 1], as everywhere in this course (inside they are put into the paper's [-1, 1]);
no biases before an instance norm, which would take them away again; `width`, `halvings` and `kernel` scale it
to pictures of 32 × 32, of which a quarter of the side would leave 8 × 8 places.

Shapes: B batch, C channels, H × W picture, U units (channels) of a layer.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.pix2pix.patchgan import init_
from lecture_utils.ops.checks import check_images, check_number, check_sizes


class InstanceNorm2d(nn.Module):
    """Each channel of each picture with mean 0 and variance 1 over its own places; nothing is learned.

    As batch norm with a batch of one picture, and the same in training and evaluation. How bright a picture
    is, and how strong its contrast, is lost: what is left is where it is brighter than itself elsewhere.

    Parameters
    ----------
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        For eps of 0 or below; from `forward`, for a map that is not floating point (B, C, H, W), or of one
        place only, which has no variance.
    """

    def __init__(self, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = check_number(eps, "eps", 0, above=True)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_places(x)
        mean = x.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
        var = (x - mean).square().mean(dim=(2, 3), keepdim=True)
        return (x - mean) / (var + self.eps).sqrt()


class FusedInstanceNorm2d(InstanceNorm2d):
    """The same by PyTorch's operator, which is about twice as fast."""

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_places(x)
        return F.instance_norm(x, eps=self.eps)


def conv(before: int, after: int, kernel: int, *, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps the side, or divides it by the stride; the edge is mirrored."""
    check_sizes("convolution", before=before, after=after, kernel=kernel, stride=stride)
    if kernel % 2 == 0:
        raise ValueError(f"kernel: got {kernel}, want an odd number")
    edge = kernel // 2
    return nn.Conv2d(before, after, kernel, stride, edge, bias=bias, padding_mode="reflect")


def c7s1(before: int, after: int, *, kernel: int = 7) -> nn.Sequential:
    """c7s1-k: a 7 × 7 convolution of stride 1, instance norm, ReLU."""
    return nn.Sequential(conv(before, after, kernel), FusedInstanceNorm2d(), nn.ReLU())


def d(before: int, after: int) -> nn.Sequential:
    """dk: a 3 × 3 convolution of stride 2, instance norm, ReLU: half the side."""
    return nn.Sequential(conv(before, after, 3, stride=2), FusedInstanceNorm2d(), nn.ReLU())


def u(before: int, after: int) -> nn.Sequential:
    """uk: a 3 × 3 transposed convolution of stride 2 (the paper: "fractional-strided"), norm, ReLU."""
    check_sizes("u", before=before, after=after)
    up = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1, bias=False)
    return nn.Sequential(up, FusedInstanceNorm2d(), nn.ReLU())


class R(nn.Module):
    """Rk: two 3 × 3 convolutions with instance norm, added to what came in; no ReLU after the sum.

    Parameters
    ----------
    width : int
        U, the same before and after.
    shortcut : bool
        Off, what came in is not added: a block that has to carry the picture through its convolutions.
    """

    def __init__(self, width: int, *, shortcut: bool = True) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.first, self.second = conv(width, width, 3), conv(width, width, 3)
        self.norm = FusedInstanceNorm2d()

    def forward(self, x: Tensor) -> Tensor:  # (B, U, H, W)
        check_images(x, self.first.in_channels, maps=True)
        y = F.relu(self.norm(self.first(x)))
        y = self.norm(self.second(y))
        return x + y if self.shortcut else y  # (B, U, H, W)


class Generator(nn.Module):
    """From a picture to a picture of the same size.

    Parameters
    ----------
    width : int
        Channels of the first layer, 64 in the paper; every halving doubles them.
    halvings : int
        How often the side is halved, 2 in the paper.
    blocks : int
        Residual blocks: in the paper 6 for pictures of 128 × 128, 9 for larger ones.
    kernel : int
        Side of the first and the last convolution, odd.
    channels : int
        C, of the pictures in and out.
    shortcut : bool
        Of the blocks.

    Raises
    ------
    ValueError
        For sizes below 1; from `forward`, for pictures that are not floating point (B, C, H, W), or whose
        sides cannot be halved evenly or mirrored.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        halvings: int = 2,
        blocks: int = 9,
        kernel: int = 7,
        channels: int = 3,
        shortcut: bool = True,
    ) -> None:
        super().__init__()
        check_sizes("generator", width=width, halvings=halvings, blocks=blocks, channels=channels)
        self.channels, self.halvings = channels, halvings
        widths = [width * 2**level for level in range(halvings + 1)]  # 64, 128, 256
        pairs = list(itertools.pairwise(widths))
        self.down = nn.Sequential(
            c7s1(channels, width, kernel=kernel), *(d(before, after) for before, after in pairs)
        )
        self.blocks = nn.Sequential(*(R(widths[-1], shortcut=shortcut) for _ in range(blocks)))
        self.up = nn.Sequential(*(u(after, before) for before, after in reversed(pairs)))
        self.head = conv(width, channels, kernel, bias=True)
        init_(self)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) in [0, 1]
        check_images(x, self.channels)
        check_sides(x, self.halvings, self.head.kernel_size[0])
        x = self.down(2 * x - 1)  # (B, 64, H, W), (B, 128, H/2, W/2), (B, 256, H/4, W/4)
        x = self.blocks(x)  # (B, 256, H/4, W/4)
        x = self.up(x)  # (B, 128, H/2, W/2), (B, 64, H, W)
        return (torch.tanh(self.head(x)) + 1) / 2  # (B, C, H, W) in [0, 1]


def check_places(x: Tensor) -> None:
    """Raise ValueError unless these are maps of more than one place."""
    check_images(x, maps=True)
    if x.shape[2] * x.shape[3] == 1:
        raise ValueError(f"instance norm: got a map {tuple(x.shape)}, want more than one place")


def check_sides(images: Tensor, halvings: int, kernel: int) -> None:
    """Raise ValueError unless both sides can be halved so often, and mirrored at each size."""
    step = 2**halvings
    least = max(2 * step, kernel // 2 + 1)
    if any(side % step or side < least for side in images.shape[2:]):
        raise ValueError(
            f"images: got {tuple(images.shape)}, want sides of {least} or more that {step} divides"
        )
