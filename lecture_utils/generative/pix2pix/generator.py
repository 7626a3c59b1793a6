"""Pix2Pix's generator: a U-Net from one picture to another, whose only noise is dropout (S15.5).

P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks",
CVPR 2017, sections 3.2.1, 3.3, 6.1 and 6.1.1: an encoder of 4 × 4 convolutions that halve the map (C64 …
C512), a decoder of transposed ones that double it, and at every level what was seen on the way down handed
across. Dropout of one half in the first three levels of the decoder stays on at test time, and so do the
statistics of the batch at hand, which for a batch of one is instance norm. So there is one way to run it,
and `train()` and `eval()` change nothing.

Simplified: the widths are arguments; pictures lie in [0, 1] as everywhere in this course (the tanh's
[−1, 1] is moved there). As in the paper's corrected code the innermost level, often 1 × 1, has no norm, which
would set it to zero.

Shapes: B batch, C channels, H × W picture, U units (channels) of a level.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.pix2pix.patchgan import SLOPE, Norm, init_, norm_layer
from lecture_utils.ops.checks import check_choice, check_images, check_number, check_sizes, check_wholes

PAPER = (64, 128, 256, 512, 512, 512, 512, 512)  # units on the way down, for pictures of 256 × 256


class Generator(nn.Module):
    """From a picture or label map to a picture of the same size.

    Parameters
    ----------
    in_channels, channels : int
        Of the input and of the output.
    widths : tuple of int
        Units of each level of the encoder: two or more; each level halves the map.
    norm : "batch" or "instance"
        Batch norm takes the batch at hand, instance norm each picture by itself: the same for a batch of one.
    dropout : float
        Share that is dropped; 0 makes the generator deterministic.
    noisy : int
        Levels of the decoder that have dropout, from the innermost: the paper's 3 of 8.
    skips : bool
        Hand finer maps across. Without, zeros take their place, so that the number of weights stays.

    Raises
    ------
    ValueError
        For fewer widths or sizes below 1; from `forward`, for other shapes, or sides that cannot be halved so
        often.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: int = 3,
        *,
        widths: tuple[int, ...] = PAPER,
        norm: Norm = "batch",
        dropout: float = 0.5,
        noisy: int = 3,
        skips: bool = True,
    ) -> None:
        super().__init__()
        check_sizes("generator", in_channels=in_channels, channels=channels)
        check_wholes(widths, "widths")
        if len(widths) < 2:
            raise ValueError(f"widths: got {widths}, want two or more")
        check_choice(norm, "norm", "batch", "instance")
        check_number(dropout, "dropout", 0, 0.99)
        check_sizes("generator", noisy=noisy, least=0)
        self.in_channels, self.dropout, self.noisy, self.skips = in_channels, dropout, noisy, skips
        last = len(widths) - 1
        self.down = nn.ModuleList(
            Halve(a, b, norm if 0 < i < last else "none")
            for i, (a, b) in enumerate(zip((in_channels, *widths[:-1]), widths, strict=True))
        )
        self.up = nn.ModuleList(
            Double(
                widths[i] * (1 if i == last else 2), widths[i - 1] if i else channels, norm if i else "none"
            )
            for i in range(last, -1, -1)
        )
        init_(self)

    def forward(self, x: Tensor, noise: torch.Generator | None = None) -> Tensor:  # (B, C, H, W)
        check_images(x, self.in_channels, maps=True, like=next(self.parameters()))
        check_halvings(x, len(self.down))
        x = 2 * x - 1
        maps = []
        for i, halve in enumerate(self.down):
            x = halve(x if i == 0 else F.leaky_relu(x, SLOPE))  # (B, U, H/2, W/2) … (B, U, 1, 1)
            maps.append(x)
        for i, double in enumerate(self.up):
            if i > 0:
                finer = maps[-1 - i]
                x = torch.cat([finer if self.skips else torch.zeros_like(finer), x], dim=1)
            x = double(F.relu(x))  # twice the side
            if i < min(self.noisy, len(self.up) - 1):
                x = drop(x, self.dropout, noise)
        return (torch.tanh(x) + 1) / 2  # (B, channels, H, W) in [0, 1]


class Halve(nn.Module):
    """Half the side: a 4 × 4 convolution, and a norm if one is named."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        check_sizes("level", in_channels=in_channels, out_channels=out_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=norm == "none")
        self.norm = nn.Identity() if norm == "none" else norm_layer(norm, out_channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, self.conv.in_channels, maps=True)
        return self.norm(self.conv(x))  # (B, C', H/2, W/2)


class Double(nn.Module):
    """Twice the side: a transposed 4 × 4 convolution, and a norm if one is named."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        check_sizes("level", in_channels=in_channels, out_channels=out_channels)
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=norm == "none")
        self.norm = nn.Identity() if norm == "none" else norm_layer(norm, out_channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, self.conv.in_channels, maps=True)
        return self.norm(self.conv(x))  # (B, C', 2H, 2W)


def drop(x: Tensor, share: float, noise: torch.Generator | None = None) -> Tensor:
    """Dropout that is always on: this share of the numbers becomes 0, and the rest grows to make up for it.

    The noise of Pix2Pix (section 3.1): a generator of random numbers makes it repeatable.
    """
    check_images(x, maps=True)
    check_number(share, "share", 0, 0.99)
    if share == 0:
        return x
    kept = torch.rand(x.shape, generator=noise).to(x) >= share  # (B, U, h, w)
    return x * kept / (1 - share)


def check_halvings(x: Tensor, times: int) -> None:
    """Raise ValueError unless both sides of (B, C, H, W) can be halved so often."""
    step = 2**times
    if x.shape[2] % step or x.shape[3] % step:
        raise ValueError(
            f"images: got {x.shape[2]} × {x.shape[3]} pixels, want multiples of {step} for {times} halvings"
        )
