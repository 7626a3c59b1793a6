"""DCGAN: a generator and a discriminator of strided convolutions.

A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", ICLR 2016 (section 3 and figure 1): transposed convolutions with batch norm and ReLU
up, strided convolutions with leaky ReLU down, no pooling, no hidden linear layers.

Departures: the picture ends in a sigmoid and lies in [0, 1], as everywhere in this course (the paper: tanh);
the discriminator has no batch norm, because its gradient is penalised instead (`gan_loss.r1_penalty`), and
tells how varied the batch is (the standard deviation of Karras et al., "Progressive Growing of GANs", ICLR
2018, section 3); pictures of 32 × 32, an eighth of the paper's channels.

Shapes: B batch, Z latent numbers, U units (channels) of a layer, S side of the picture.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_images, check_whole

SLOPE = 0.2  # of the leaky ReLU below zero


class UpBlock(nn.Module):
    """Twice the side: a transposed convolution with 4 × 4 kernels, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        check_whole(in_channels, "in_channels")
        check_whole(out_channels, "out_channels")
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False)
        self.norm = FusedBatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, S, S)
        check_images(x, self.conv.in_channels, maps=True)
        return F.relu(self.norm(self.conv(x)))  # (B, C', 2S, 2S)


class Generator(nn.Module):
    """From latent numbers to pictures.

    The latent numbers become a 4 × 4 map of `widths[0]` units; each block doubles its side and gives it the
    next number of units; a last 3 × 3 convolution makes the colours.

    Parameters
    ----------
    latent : int
        Z, latent numbers, drawn from a standard normal distribution.
    widths : tuple of int
        Units at sides 4, 8, 16, …: two or more. Four make pictures of 32 × 32.
    channels : int
        Of the picture.

    Raises
    ------
    ValueError
        For fewer widths, sizes below 1, or latent numbers that are not floating point (B, Z) with B ≥ 1.
    """

    def __init__(
        self, *, latent: int = 64, widths: tuple[int, ...] = (128, 96, 64, 32), channels: int = 3
    ) -> None:
        super().__init__()
        check_widths(widths, 2)
        check_whole(latent, "latent")
        check_whole(channels, "channels")
        self.latent, self.widths, self.size = latent, widths, 2 ** (len(widths) + 1)
        self.stem = nn.Linear(latent, widths[0] * 16, bias=False)
        self.norm = FusedBatchNorm2d(widths[0])
        self.blocks = nn.Sequential(*(UpBlock(a, b) for a, b in itertools.pairwise(widths)))
        self.head = nn.Conv2d(widths[-1], channels, 3, padding=1)
        init_(self)

    def forward(self, z: Tensor) -> Tensor:  # (B, Z)
        check_latent(z, self.latent)
        x = self.stem(z).reshape(len(z), -1, 4, 4)  # (B, U, 4, 4)
        x = self.blocks(F.relu(self.norm(x)))  # (B, U, 8, 8) … (B, U, S, S)
        return torch.sigmoid(self.head(x))  # (B, channels, S, S) in [0, 1]

    def sample(self, n: int, *, seed: int) -> Tensor:
        """Draw n ≥ 1 latent vectors (n, Z) for this generator, on its device; the same for the same seed."""
        check_whole(n, "n")
        check_whole(seed, "seed", 0)
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(n, self.latent, generator=generator).to(self.stem.weight)


class Discriminator(nn.Module):
    """From pictures to one score each: positive for "real", negative for "generated" (a logit).

    Parameters
    ----------
    widths : tuple of int
        Channels after each convolution, which halves the side, down to 4. Three take pictures of 32 × 32.
    channels : int
        Of the pictures.

    Raises
    ------
    ValueError
        For no widths, or pictures that are not floating point (B, channels, S, S).
    """

    def __init__(self, *, widths: tuple[int, ...] = (48, 96, 192), channels: int = 3) -> None:
        super().__init__()
        check_widths(widths, 1)
        check_whole(channels, "channels")
        self.channels, self.size = channels, 2 ** (len(widths) + 2)
        self.blocks = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise((channels, *widths))
        )
        self.head = nn.Linear((widths[-1] + 1) * 16, 1)
        init_(self)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, S, S)
        return self.head(self.features(x)).squeeze(1)  # (B,)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer judges by: pictures (B, C, S, S) → (B, (U + 1) · 16)."""
        check_images(x, self.channels)
        if x.shape[2:] != (self.size, self.size):
            raise ValueError(f"images: got {tuple(x.shape)}, want (B, C, {self.size}, {self.size})")
        x = 2 * x - 1
        for conv in self.blocks:
            x = F.leaky_relu(conv(x), SLOPE)  # (B, U, S/2, S/2) … (B, U, 4, 4)
        return torch.cat([x, batch_spread(x)], dim=1).flatten(1)


def batch_spread(x: Tensor) -> Tensor:
    """How much a batch varies: the standard deviation over it, meaned over channels and places, as one map.

    (B, U, H, W) → (B, 1, H, W), the same number everywhere. A generator that always paints the same picture
    gives itself away by it.
    """
    check_images(x)
    spread = (x.var(dim=0, correction=0) + 1e-8).sqrt().mean()
    return spread.expand(len(x), 1, *x.shape[2:])


def init_(model: nn.Module) -> None:
    """Give convolutions and linear layers their first weights, and biases of 0.

    The generator's come from a normal distribution of deviation 0.02, as in the paper (section 4); those of
    the discriminator, which has no batch norm, go by fan-in (He).
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if isinstance(model, Generator):
                nn.init.normal_(layer.weight, std=0.02)
            else:
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def check_widths(widths: tuple[int, ...], least: int) -> None:
    """Raise ValueError unless there are `least` widths or more, all of 1 or more."""
    whole = all(isinstance(width, int) and width >= 1 for width in widths)
    if len(widths) < least or not whole:
        raise ValueError(f"widths: got {widths}, want {least} or more numbers of channels, each 1 or more")


def check_latent(z: Tensor, latent: int) -> None:
    """Raise ValueError unless z is floating point (B, latent), B ≥ 1."""
    if not isinstance(z, Tensor) or z.ndim != 2 or z.shape[1] != latent or len(z) == 0:
        got = tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__
        raise ValueError(f"latent numbers: got {got}, want a tensor of shape (B, {latent}), B 1 or more")
    if not z.is_floating_point():
        raise ValueError(f"latent numbers: got dtype {z.dtype}, want a floating-point type")
