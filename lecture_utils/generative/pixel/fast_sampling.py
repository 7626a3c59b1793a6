"""Sampling that computes what is new only: one pixel of every layer for each pixel drawn (S15.1).

What a layer made of earlier pixels does not change when a later one is drawn, so it is kept:
P. Ramachandran et al., "Fast Generation for Convolutional Autoregressive Models", ICLR workshop 2017. The Row
LSTM keeps its states of the row above in the same way. The pictures are those of `likelihood.sample`.

Simplified: every map is kept whole, not only the rows that are still needed.

Shapes: n pictures, C colours, L levels, 2h channels of a layer, H × W picture, k side of a kernel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.pixel.likelihood import start
from lecture_utils.generative.pixel.masked_convolution import MaskedConv2d
from lecture_utils.generative.pixel.pixelcnn import PixelCNN, ResidualBlock
from lecture_utils.generative.pixel.row_lstm import MaskedRowConv, RowLSTM
from lecture_utils.ops.checks import check_classes, check_sizes, check_whole

Masked = MaskedConv2d | MaskedRowConv
Convolution = nn.Conv1d | nn.Conv2d


@torch.no_grad()
def fast_sample(
    model: PixelCNN,
    n: int,
    size: tuple[int, int] = (8, 8),
    *,
    seed: int = 0,
    given: Tensor | None = None,
    rows: int = 0,
) -> Tensor:
    """Draw pictures as `likelihood.sample` does, the same ones, with H·W times less to compute.

    Parameters
    ----------
    model : PixelCNN
        Of residual blocks or Row LSTMs, in evaluation mode; it tells how many colours there are.
    n, size, seed, given, rows
        As of `likelihood.sample`.

    Returns
    -------
    Tensor (n, C, H, W) int64

    Raises
    ------
    ValueError
        As `likelihood.sample` does; for a model of other layers, or one in training mode.
    """
    check_whole(seed, "seed", 0)
    image = start(n, size, model.colours, given, rows)  # (n, C, H, W)
    known = PixelByPixel(model, n, size)
    generator = torch.Generator().manual_seed(seed)
    for row in range(size[0]):
        for column in range(size[1]):
            if row < rows:
                known.logits_at(image, row, column)  # for what the layers keep of it
                continue
            for colour in range(model.colours):
                p = known.logits_at(image, row, column)[:, :, colour].softmax(1)  # (n, L)
                image[:, colour, row, column] = torch.multinomial(p, 1, generator=generator)[:, 0]
    return image


class PixelByPixel:
    """A network in use, with what its layers keep of the pixels that were asked for so far.

    Parameters
    ----------
    model : PixelCNN
        Of residual blocks or Row LSTMs, in evaluation mode.
    n : int
        Pictures at a time.
    size : (int, int)
        H and W.

    Raises
    ------
    ValueError
        For a model of other layers, or one in training mode; sizes below 1.
    """

    def __init__(self, model: PixelCNN, n: int, size: tuple[int, int]) -> None:
        check_sizes("pixel by pixel", n=n, height=size[0], width=size[1])
        self.layers = [x for x in model.layers if isinstance(x, ResidualBlock | RowLSTM)]
        if len(self.layers) < len(model.layers) or model.training:
            got = "a model in training mode" if model.training else "one of other layers"
            raise ValueError(f"model: got {got}, want residual blocks or Row LSTMs, and model.eval()")
        self.model, self.n, self.size = model, n, size
        self.maps: dict[tuple[nn.Module, str], Tensor] = {}  # (n, channels, H + 2 edge, W + 2 edge)
        self.edge = (
            max(conv.kernel_size[-1] for conv in model.modules() if isinstance(conv, Convolution)) // 2
        )

    def logits_at(self, image: Tensor, row: int, column: int) -> Tensor:
        """Logits (n, L, C) of one pixel of `image` (n, C, H, W).

        Ask for the pixels in reading order, so that those before this one are known; and again, for each
        colour, when one was drawn.
        """
        model, at = self.model, (row, column)
        check_classes(image, "image", self.n, model.colours, *self.size, classes=model.levels)
        for name, place, end in (("row", row, self.size[0]), ("column", column, self.size[1])):
            if check_whole(place, name, 0) >= end:
                raise ValueError(f"{name}: got {place}, want 0 to {end - 1}")
        picture = F.pad(model.scaled(image), (self.edge,) * 4)
        x = _apply(model.first, self._window(picture, at, model.first))  # (n, 2h, 1, 1)
        for layer in self.layers:
            x = x + (
                self._look(layer, x, at) if isinstance(layer, ResidualBlock) else self._recur(layer, x, at)
            )
        for conv in (model.mix, model.mix_again, model.score):
            x = _apply(conv, x.relu())
        return x.unflatten(1, (model.colours, model.levels)).transpose(1, 2)[..., 0, 0]  # (n, L, C)

    def _look(self, layer: ResidualBlock, x: Tensor, at: tuple[int, int]) -> Tensor:
        """What a residual block adds at one pixel, (n, 2h, 1, 1)."""
        y = _apply(layer.reduce, x.relu()).relu()
        y = _apply(layer.look, self._window(self._keep(layer, "input", y, at), at, layer.look))
        return _apply(layer.expand, y.relu())

    def _recur(self, layer: RowLSTM, x: Tensor, at: tuple[int, int]) -> Tensor:
        """What a Row LSTM adds at one pixel, (n, 2h, 1, 1)."""
        row_conv, above = layer.input_to_state, (at[0] - 1, at[1])
        from_input = _apply(
            row_conv, self._window(self._keep(layer, "input", x, at), at, row_conv)
        )  # (n, 4h, 1, 1)
        nothing = x.new_zeros(self.n, layer.hidden, 1, 1)
        states, cells = (self._keep(layer, name, nothing, at) for name in "hc")
        states = self._window(states, above, row_conv)[:, :, 0]  # (n, h, k)
        gates = from_input[..., 0] + F.conv1d(states, layer.state_to_state.weight)  # (n, 4h, 1)
        h, c = layer.cell(gates, self._window(cells, above, layer.expand)[..., 0])
        for name, value in (("h", h), ("c", c)):
            self._keep(layer, name, value[..., None], at)
        return _apply(layer.expand, h[..., None])

    def _keep(self, layer: nn.Module, name: str, pixel: Tensor, at: tuple[int, int]) -> Tensor:
        """Write a pixel (n, I, 1, 1) into one of the maps of a layer, and return this map."""
        if (layer, name) not in self.maps:
            height, width = (side + 2 * self.edge for side in self.size)
            self.maps[layer, name] = pixel.new_zeros(self.n, pixel.shape[1], height, width)
        kept = self.maps[layer, name]
        kept[:, :, at[0] + self.edge, at[1] + self.edge] = pixel[..., 0, 0]
        return kept

    def _window(self, kept: Tensor, at: tuple[int, int], conv: nn.Conv2d) -> Tensor:
        """What a kernel reads at one pixel of a map, (n, I, k, k); of a row kernel (n, I, 1, k)."""
        rows, columns = (
            slice(place + self.edge - size // 2, place + self.edge + size // 2 + 1)
            for place, size in zip(at, conv.kernel_size, strict=True)
        )
        return kept[:, :, rows, columns]


def _apply(conv: Masked, read: Tensor) -> Tensor:
    """A masked convolution at one place: what its kernel reads (n, I, k, k) → (n, O, 1, 1)."""
    return F.conv2d(read, conv.weight * conv.mask, conv.bias)
