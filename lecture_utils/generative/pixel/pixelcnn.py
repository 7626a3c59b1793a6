"""PixelCNN: a picture's probability as a product over its pixels, each told from those before it (S15.1).

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016: the chain rule
(section 2), residual blocks (section 3.3, figure 5), masked convolutions (3.4), PixelCNN (3.5), the layers in
their order (table 1).

Simplified: fewer layers and channels; dropout, which the paper does not have, for data as few as ours (off by
default); no multi-scale variant (section 3.6).

Shapes: B batch, C colours, L levels a colour can have, 2h channels of a layer, H × W picture.
"""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.pixel.masked_convolution import MaskedConv2d, MaskMaker, pixel_mask
from lecture_utils.ops.checks import check_ids, check_images, check_number, check_sizes, check_tensor


class ResidualBlock(nn.Module):
    """Half the channels, look around, all the channels again, and add (figure 5, left).

    Parameters
    ----------
    width : int
        2h, channels in and out: an even multiple of `colours`.
    colours : int
        C.
    dropout : float
        Share of maps left out in training.
    mask : callable
        As in `MaskedConv2d`.

    Raises
    ------
    ValueError
        For an odd width, or one whose half does not fall into equal groups of colours.
    """

    def __init__(
        self, width: int, *, colours: int = 1, dropout: float = 0.0, mask: MaskMaker = pixel_mask
    ) -> None:
        super().__init__()
        check_block(width, colours, dropout)
        half = width // 2
        self.reduce = MaskedConv2d("B", width, half, 1, colours=colours, mask=mask)
        self.look = MaskedConv2d("B", half, half, 3, colours=colours, mask=mask)
        self.expand = MaskedConv2d("B", half, width, 1, colours=colours, mask=mask)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:  # (B, 2h, H, W)
        check_images(x, self.reduce.in_channels, maps=True)
        y = self.reduce(F.relu(x))  # (B, h, H, W)
        y = self.look(F.relu(y))
        y = self.expand(F.relu(y))  # (B, 2h, H, W)
        return x + self.dropout(y)


class PixelCNN(nn.Module):
    """How likely each level of each colour of each pixel is, given the pixels before it (table 1).

    Parameters
    ----------
    levels : int
        L: 256 in the paper.
    colours : int
        C: 1 for grey pictures; 3 are told in the order red, green, blue.
    width : int
        2h, channels of a layer: an even multiple of `colours`.
    layers : int
        Residual blocks: 15 in the paper.
    size : int
        Side of the first kernel, odd: 7 in the paper.
    head : int, optional
        Channels of the two 1 × 1 convolutions before the logits; `width` where none is given.
    dropout : float
        Of the blocks.
    block : callable
        What makes a layer: ``block(width, colours=, dropout=, mask=)``.
    mask : callable
        As in `MaskedConv2d`.

    Raises
    ------
    ValueError
        For sizes below 1 or that do not fall into groups; from `forward`, for what is no (B, C, H, W) int64
        of levels.

    Notes
    -----
    All pixels of a picture that is there are scored by one call; a picture that is not yet there needs a call
    for each number (`likelihood.sample`).
    """

    def __init__(
        self,
        levels: int,
        *,
        colours: int = 1,
        width: int = 32,
        layers: int = 4,
        size: int = 7,
        head: int | None = None,
        dropout: float = 0.0,
        block: Callable[..., nn.Module] = ResidualBlock,
        mask: MaskMaker = pixel_mask,
    ) -> None:
        super().__init__()
        check_sizes("PixelCNN", least=2, levels=levels)
        check_sizes("PixelCNN", colours=colours, width=width, layers=layers, size=size)
        head = width if head is None else head
        self.levels, self.colours = levels, colours
        masked = partial(MaskedConv2d, colours=colours, mask=mask)
        layer = partial(block, width, colours=colours, dropout=dropout, mask=mask)
        self.first = masked("A", colours, width, size)
        self.layers = nn.ModuleList(layer() for _ in range(layers))
        self.mix = masked("B", width, head, 1)
        self.mix_again = masked("B", head, head, 1)
        self.score = masked("B", head, colours * levels, 1)

    def forward(self, image: Tensor) -> Tensor:  # (B, C, H, W) int64 → logits (B, L, C, H, W)
        return self.logits(self.scaled(image))

    def scaled(self, image: Tensor) -> Tensor:
        """Levels as numbers from -1 to 1, of the type of the weights."""
        check_tensor(image, "image", "B", self.colours, "H", "W", kind="any", some=True)
        check_ids(image, self.levels, name="image")
        return image.to(self.first.weight.dtype) * (2 / (self.levels - 1)) - 1

    def logits(self, x: Tensor) -> Tensor:
        """Logits (B, L, C, H, W) of numbers (B, C, H, W), so that one can ask for a gradient."""
        check_images(x, self.colours, maps=True)
        x = self.first(x)  # (B, 2h, H, W): nothing of the pixel itself
        for layer in self.layers:
            x = layer(x)
        x = self.mix(F.relu(x))
        x = self.mix_again(F.relu(x))
        x = self.score(F.relu(x))  # (B, C·L, H, W)
        return x.unflatten(1, (self.colours, self.levels)).transpose(1, 2)  # (B, L, C, H, W)


def check_block(width: int, colours: int, dropout: float) -> None:
    """Raise ValueError unless half the width falls into equal groups, and dropout is a share."""
    check_sizes("block", width=width, colours=colours)
    check_number(dropout, "dropout", 0, 1)
    if width % (2 * colours):
        raise ValueError(f"width: got {width}, want a multiple of {2 * colours}: twice {colours} colours")
