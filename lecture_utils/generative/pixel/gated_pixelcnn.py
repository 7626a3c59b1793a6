"""Gated PixelCNN: two stacks without a blind spot, gates as in an LSTM, and a class to draw (S15.1).

A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu, "Conditional Image
Generation with PixelCNN Decoders", NeurIPS 2016: gated units (section 2.1, equation 2), the two stacks (2.2,
figures 1 and 2), the class (2.3, equation 4).

Simplified: fewer layers and channels; the class moves every pixel alike (the paper's first form), not by a
map of its own.

Shapes: B batch, C colours, L levels, K classes, 2h channels of a layer, H × W picture, k side of a kernel.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.pixel.masked_convolution import Kind, MaskedConv2d, MaskMaker, pixel_mask
from lecture_utils.generative.pixel.row_lstm import MaskedRowConv
from lecture_utils.ops.checks import (
    check_choice,
    check_ids,
    check_images,
    check_labels,
    check_number,
    check_sizes,
    check_tensor,
    check_whole,
)


def vertical_mask(kind: Kind, size: int, in_channels: int, out_channels: int, colours: int = 1) -> Tensor:
    """What a kernel of the vertical stack may see, (O, I, k, k) bool: whole rows.

    Kind "A" sees the rows above. Kind "B" sees its own row too, which holds what a layer of kind "A" made of
    the rows above. Arguments and errors are those of `pixel_mask`.
    """
    check_choice(kind, "kind", "A", "B")
    check_sizes("mask", size=size, in_channels=in_channels, out_channels=out_channels, colours=colours)
    if size % 2 == 0:
        raise ValueError(f"size: got {size}, want an odd one: an even kernel has no centre")
    mask = torch.zeros(out_channels, in_channels, size, size, dtype=torch.bool)
    mask[:, :, : size // 2 + (kind == "B")] = True
    return mask


class GatedLayer(nn.Module):
    """One step of both stacks (figure 2).

    Parameters
    ----------
    kind : "A" or "B"
        A for the first layer, which reads the picture.
    in_channels, width : int
        Channels in, and 2h out of either stack: multiples of `colours`.
    size : int
        k, odd.
    colours, classes : int
        C; K, or 0 where no class is given.
    dropout : float
        Share of maps left out in training, of what the horizontal stack adds.

    Raises
    ------
    ValueError
        For sizes that do not fall into groups of colours.
    """

    def __init__(
        self,
        kind: Kind,
        in_channels: int,
        width: int,
        size: int,
        *,
        colours: int = 1,
        classes: int = 0,
        dropout: float = 0.0,
        mask: MaskMaker = pixel_mask,
    ) -> None:
        super().__init__()
        check_sizes("gated layer", in_channels=in_channels, width=width, size=size, colours=colours)
        check_whole(classes, "classes", 0)
        check_number(dropout, "dropout", 0, 1)
        self.colours, self.residual = colours, kind == "B"
        self.down = MaskedConv2d(kind, in_channels, 2 * width, size, mask=vertical_mask)
        self.along = MaskedRowConv(kind, in_channels, 2 * width, size, colours=colours, mask=mask)
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        self.expand = MaskedConv2d("B", width, width, 1, colours=colours, mask=mask)
        self.of_class = nn.Embedding(max(classes, 1), 4 * width)
        self.dropout = nn.Dropout2d(dropout)

    def forward(
        self, v: Tensor, h: Tensor, label: Tensor
    ) -> tuple[Tensor, Tensor]:  # (B, I, H, W) twice, (B,)
        check_images(v, self.down.in_channels, maps=True)
        check_tensor(h, "h", *v.shape)
        check_labels(label, "label", len(v), self.of_class.num_embeddings)
        for_v, for_h = self.of_class(label)[:, :, None, None].chunk(2, 1)  # (B, 4h, 1, 1) each
        rows_above = self.down(v)  # (B, 4h, H, W): before the gate
        row_and_above = self.along(h) + self.across(rows_above)  # and never back
        added = self.dropout(self.expand(gate(row_and_above + for_h, self.colours)))  # (B, 2h, H, W)
        return gate(rows_above + for_v), h + added if self.residual else added


def gate(x: Tensor, colours: int = 1) -> Tensor:
    """tanh of one half of the channels times the sigmoid of the other (equation 2): (B, 2N, H, W) → N."""
    check_images(x, maps=True)
    check_sizes("gate", colours=colours)
    if x.shape[1] % (2 * colours):
        raise ValueError(f"channels: got {x.shape[1]}, want a multiple of {2 * colours}")
    what, how_much = x.unflatten(1, (colours, 2, -1)).unbind(2)  # (B, C, N/C, H, W) each
    return (what.tanh() * how_much.sigmoid()).flatten(1, 2)


class GatedPixelCNN(nn.Module):
    """How likely each level of each number is, given those before it and, if asked, the picture's class.

    Parameters
    ----------
    levels : int
        L.
    colours, width, layers, size
        As of `PixelCNN`; `layers` after the first.
    classes : int
        K; 0: no class is given.
    dropout : float
        Of the layers.
    mask : callable
        Of the horizontal stack, as in `MaskedConv2d`.

    Raises
    ------
    ValueError
        As `PixelCNN` does; for labels that are no (B,) int64 below K, or that are missing.
    """

    def __init__(
        self,
        levels: int,
        *,
        colours: int = 1,
        width: int = 32,
        layers: int = 4,
        size: int = 7,
        classes: int = 0,
        dropout: float = 0.0,
        mask: MaskMaker = pixel_mask,
    ) -> None:
        super().__init__()
        check_sizes("gated PixelCNN", least=2, levels=levels)
        check_sizes("gated PixelCNN", colours=colours, width=width, layers=layers, size=size)
        self.levels, self.colours, self.classes = levels, colours, check_whole(classes, "classes", 0)
        layer = partial(GatedLayer, colours=colours, classes=classes, dropout=dropout, mask=mask)
        self.first = layer("A", colours, width, size)
        self.layers = nn.ModuleList(layer("B", width, width, 3) for _ in range(layers))
        self.mix = MaskedConv2d("B", width, width, 1, colours=colours, mask=mask)
        self.score = MaskedConv2d("B", width, colours * levels, 1, colours=colours, mask=mask)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Levels (B, C, H, W) int64 and classes (B,) int64 → logits (B, L, C, H, W)."""
        return self.logits(self.scaled(image), label)

    def scaled(self, image: Tensor) -> Tensor:
        """Levels as numbers from -1 to 1, of the type of the weights."""
        check_tensor(image, "image", "B", self.colours, "H", "W", kind="any", some=True)
        check_ids(image, self.levels, name="image")
        return image.to(self.score.weight.dtype) * (2 / (self.levels - 1)) - 1

    def logits(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Logits (B, L, C, H, W) of numbers (B, C, H, W) and classes (B,)."""
        check_images(x, self.colours, maps=True)
        if (label is None) != (self.classes == 0):
            got = "none" if label is None else "labels"
            raise ValueError(
                f"label: got {got}, want {'none' if self.classes == 0 else 'one for each picture'}"
            )
        if label is None:
            label = torch.zeros(len(x), dtype=torch.long, device=x.device)
        v, h = self.first(x, x, label)  # rows above; the row to the left
        for layer in self.layers:
            v, h = layer(v, h, label)  # (B, 2h, H, W) each
        x = self.score(F.relu(self.mix(F.relu(h))))  # (B, C·L, H, W)
        return x.unflatten(1, (self.colours, self.levels)).transpose(1, 2)  # (B, L, C, H, W)
