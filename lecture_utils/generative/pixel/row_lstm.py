"""PixelRNN with the Row LSTM: a memory that walks down the picture, a row at a time (S15.1).

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016: the Row LSTM
(section 3.1, equation 3), residual connections around it (section 3.3, figure 5), the layers (table 1).

Simplified: fewer layers and channels; the Diagonal BiLSTM (section 3.2), which sees every earlier pixel, is
left out. Of several colours each has its share of the states; of the row above all colours are known, so
state-to-state has no mask.

Shapes: B batch, 2h channels of a layer, h units of the state, H × W map, k width of a kernel.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.pixel.masked_convolution import (
    Kind,
    MaskedConv2d,
    MaskMaker,
    checked,
    pixel_mask,
)
from lecture_utils.generative.pixel.pixelcnn import PixelCNN, check_block
from lecture_utils.ops.checks import check_images, check_sizes, check_tensor


class MaskedRowConv(nn.Conv2d):
    """A k × 1 convolution along a row, masked: the middle row of a kernel of `pixel_mask`.

    Parameters
    ----------
    kind : "A" or "B"
        As for `pixel_mask`.
    in_channels, out_channels : int
        Multiples of `colours`.
    size : int
        k, odd.
    colours : int
        C.
    mask : callable
        As in `MaskedConv2d`.

    Raises
    ------
    ValueError
        As `pixel_mask` does; from `forward` for what is no map.
    """

    mask: Tensor

    def __init__(
        self,
        kind: Kind,
        in_channels: int,
        out_channels: int,
        size: int,
        *,
        colours: int = 1,
        mask: MaskMaker = pixel_mask,
    ) -> None:
        check_sizes("row convolution", in_channels=in_channels, out_channels=out_channels, size=size)
        super().__init__(in_channels, out_channels, (1, size), padding=(0, size // 2))
        whole = mask(kind, size, in_channels, out_channels, colours)  # (O, I, k, k)
        middle = checked(whole[:, :, size // 2, None], self.weight)  # (O, I, 1, k)
        self.register_buffer("mask", middle, persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, I, H, W)
        check_images(x, self.in_channels, maps=True, like=self.weight)
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)  # (B, O, H, W)


class RowLSTM(nn.Module):
    """A convolutional LSTM over the rows from the top, with a residual connection around it.

    Parameters
    ----------
    width : int
        2h, channels in and out: an even multiple of `colours`.
    colours : int
        C.
    size : int
        k of both convolutions, odd, 3 or more: how far a state sees to each side in the row above.
    dropout : float
        Share of maps left out in training, of what is added.
    mask : callable
        As in `MaskedConv2d`.

    Raises
    ------
    ValueError
        For an odd width, one whose half does not fall into equal groups, or a k that is even.
    """

    def __init__(
        self,
        width: int,
        *,
        colours: int = 1,
        size: int = 3,
        dropout: float = 0.0,
        mask: MaskMaker = pixel_mask,
    ) -> None:
        super().__init__()
        check_block(width, colours, dropout)
        self.hidden, self.colours = width // 2, colours
        self.input_to_state = MaskedRowConv("B", width, 4 * self.hidden, size, colours=colours, mask=mask)
        self.state_to_state = nn.Conv1d(self.hidden, 4 * self.hidden, size, padding=size // 2, bias=False)
        self.expand = MaskedConv2d("B", self.hidden, width, 1, colours=colours, mask=mask)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:  # (B, 2h, H, W)
        check_images(x, self.expand.out_channels, maps=True)
        from_input = self.input_to_state(x)  # (B, 4h, H, W): all rows at once
        h = c = x.new_zeros(len(x), self.hidden, x.shape[3])  # (B, h, W): nothing is above the first row
        states = []
        for row in from_input.unbind(2):  # (B, 4h, W), from the top
            h, c = self.cell(row + self.state_to_state(h), c)
            states.append(h)
        return x + self.dropout(self.expand(torch.stack(states, 2)))  # (B, 2h, H, W)

    def cell(self, gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Equation 3 for one row: gates (B, 4h, W) before they are squashed, c above (B, h, W) → h and c."""
        check_tensor(c, "c", "B", self.hidden, "W", some=True)
        check_tensor(gates, "gates", len(c), 4 * self.hidden, c.shape[2])
        by_gate = gates.unflatten(1, (self.colours, 4, -1)).unbind(2)  # four of (B, C, h/C, W)
        o, f, i, g = (gate.flatten(1, 2) for gate in by_gate)  # each (B, h, W)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class PixelRNN(PixelCNN):
    """PixelCNN's first and last layers, with Row LSTMs between them (table 1).

    Parameters
    ----------
    levels : int
        L.
    **sizes
        `colours`, `width`, `layers`, `size`, `head`, `dropout` and `mask` as of `PixelCNN`.
    """

    def __init__(self, levels: int, **sizes: Any) -> None:
        super().__init__(levels, **{"block": RowLSTM, **sizes})
