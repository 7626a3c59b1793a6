"""Auto-encoder (S15.2): squeeze a picture through a few numbers, and make it again from them.

G. Hinton, R. Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 2006
(figure 1): an encoder, a code much smaller than the picture, a decoder, trained to give back what went in.
With linear layers and the squared error the best it can do is what principal components do: P. Baldi,
K. Hornik, "Neural Networks and Principal Component Analysis: Learning from Examples Without Local Minima",
Neural Networks 1989.

Departures: convolutions instead of full layers, all trained at once by back-propagation (the paper's layers
were trained one by one first, as restricted Boltzmann machines). Encoder and decoder are also those of the
variational auto-encoder (`vae`), whose encoder gives two numbers for each one here.

Shapes: B batch, Z latent numbers, U units (channels) of a layer, C colours, S side of the picture.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_images, check_tensor, check_type, check_whole, check_wholes

WIDTHS = (32, 64, 64)


class Encoder(nn.Module):
    """From pictures to numbers: convolutions that halve the side, then one linear layer.

    Parameters
    ----------
    outputs : int
        Numbers a picture: Z for an auto-encoder, 2 Z for a variational one.
    size, channels : int
        S and C. S must be a multiple of 2 for each width.
    widths : tuple of int
        Units after each convolution (4 × 4, stride 2).

    Raises
    ------
    ValueError
        For sizes below 1, a side that cannot be halved so often, or what are not pictures (B, C, S, S) of
        the weights' type.
    """

    def __init__(
        self, outputs: int, *, size: int = 32, channels: int = 3, widths: tuple[int, ...] = WIDTHS
    ) -> None:
        super().__init__()
        side = side_after(size, channels, widths)
        check_whole(outputs, "outputs")
        self.size, self.channels = size, channels
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise((channels, *widths))
        )
        self.head = nn.Linear(widths[-1] * side * side, outputs)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, S, S)
        check_images(x, self.channels, like=self.head.weight)
        if x.shape[2:] != (self.size, self.size):
            raise ValueError(
                f"images: got {tuple(x.shape)}, want (B, {self.channels}, {self.size}, {self.size})"
            )
        for conv in self.convs:
            x = F.silu(conv(x))  # (B, U, S/2, S/2) … (B, U, s, s)
        return self.head(x.flatten(1))  # (B, outputs)


class Decoder(nn.Module):
    """The encoder in the mirror: one linear layer, then transposed convolutions that double the side.

    Parameters
    ----------
    latent : int
        Z.
    size, channels, widths
        As for the encoder; the widths are used from the last to the first.

    Raises
    ------
    ValueError
        As the encoder does; for latent numbers that are not (B, Z) of the weights' type.
    """

    def __init__(
        self, latent: int, *, size: int = 32, channels: int = 3, widths: tuple[int, ...] = WIDTHS
    ) -> None:
        super().__init__()
        self.side = side_after(size, channels, widths)
        check_whole(latent, "latent")
        self.latent, self.size, self.channels = latent, size, channels
        self.stem = nn.Linear(latent, widths[-1] * self.side * self.side)
        self.convs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1)
            for a, b in itertools.pairwise((*reversed(widths), channels))
        )

    def logits(self, z: Tensor) -> Tensor:
        """Give the pictures before they are squashed to [0, 1]: (B, Z) → (B, C, S, S)."""
        check_tensor(z, "latent numbers", "B", self.latent, some=True)
        check_type(z, self.stem.weight, name="latent numbers")
        x = self.stem(z).reshape(len(z), -1, self.side, self.side)  # (B, U, s, s)
        for conv in self.convs:
            x = conv(F.silu(x))  # (B, U, 2s, 2s) … (B, C, S, S)
        return x

    def forward(self, z: Tensor) -> Tensor:  # (B, Z)
        return torch.sigmoid(self.logits(z))  # (B, C, S, S) in [0, 1]


class AutoEncoder(nn.Module):
    """An encoder and a decoder; what lies between them is the code.

    Parameters
    ----------
    encoder : nn.Module
        Pictures (B, C, S, S) → codes (B, Z).
    decoder : nn.Module
        Codes (B, Z) → pictures (B, C, S, S).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> Tensor:
        """Compress pictures (B, C, S, S) to codes (B, Z)."""
        check_images(x)
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Make pictures (B, C, S, S) from codes (B, Z)."""
        check_tensor(z, "latent numbers", "B", "Z", some=True)
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, S, S)
        return self.decode(self.encode(x))  # the same shape


def reconstruction_loss(made: Tensor, x: Tensor) -> Tensor:
    """Squared error of each picture, summed over its pixels and colours: (B, C, S, S) twice → (B,)."""
    check_images(made)
    check_images(x)
    if made.shape != x.shape:
        raise ValueError(
            f"reconstruction_loss: got {tuple(made.shape)} and {tuple(x.shape)}, want them equal"
        )
    return (made - x).square().sum(dim=(1, 2, 3))


def side_after(size: int, channels: int, widths: tuple[int, ...]) -> int:
    """Return the side of the last map when `size` is halved once for each width.

    Raises
    ------
    ValueError
        For sizes below 1, or a side that is not a multiple of 2 so often.
    """
    check_whole(size, "size")
    check_whole(channels, "channels")
    check_wholes(widths, "widths")
    if size % 2 ** len(widths):
        raise ValueError(f"size: got {size} for {len(widths)} widths, want a multiple of {2 ** len(widths)}")
    return size // 2 ** len(widths)
