"""Masked convolution: a kernel that sees only the pixels that come earlier in reading order (S15.1).

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016: masks A and B
and the order of the colours (section 3.4, figure 2).

Simplified: none. Of several colours each has an equal share of a layer's channels, as in the paper.

Shapes: B batch, I and O channels in and out, k side of the kernel, H × W map.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_choice, check_images, check_sizes

Kind = Literal["A", "B"]
MaskMaker = Callable[[Kind, int, int, int, int], Tensor]


def pixel_mask(kind: Kind, size: int, in_channels: int, out_channels: int, colours: int = 1) -> Tensor:
    """What each weight of a kernel may see: the rows above, and what is to the left in its own row.

    At the centre it depends on colours. Channels, in and out, are `colours` equal groups in a row (red, then
    green, then blue). Kind "A" sees there the groups before its own; kind "B" its own too, which is right
    where that group was made by a layer of kind "A" and so does not hold the pixel itself.

    Parameters
    ----------
    kind : "A" or "B"
        A for the first layer, which reads the picture; B for all later ones.
    size : int
        k, odd.
    in_channels, out_channels : int
        I and O, multiples of `colours`.
    colours : int
        1 for grey pictures, 3 for coloured ones.

    Returns
    -------
    Tensor (O, I, k, k) bool
        True where a weight stays.

    Raises
    ------
    ValueError
        For another kind, an even kernel, or channels that do not fall into equal groups.
    """
    check_choice(kind, "kind", "A", "B")
    check_sizes("mask", size=size, in_channels=in_channels, out_channels=out_channels, colours=colours)
    if size % 2 == 0:
        raise ValueError(f"size: got {size}, want an odd one: an even kernel has no centre")
    if in_channels % colours or out_channels % colours:
        raise ValueError(
            f"channels: got {in_channels} in and {out_channels} out, want multiples of {colours} colours"
        )
    group_in = torch.arange(in_channels) // (in_channels // colours)  # (I,): 0 0 1 1 2 2
    group_out = torch.arange(out_channels) // (out_channels // colours)  # (O,)
    centre = size // 2
    mask = torch.zeros(out_channels, in_channels, size, size, dtype=torch.bool)
    mask[:, :, :centre, :] = True  # rows above
    mask[:, :, centre, :centre] = True  # to the left
    before = group_in < group_out[:, None]  # (O, I)
    same = group_in == group_out[:, None]
    mask[:, :, centre, centre] = before if kind == "A" else before | same
    return mask


class MaskedConv2d(nn.Conv2d):
    """A convolution whose kernel is multiplied by `pixel_mask`; the size of the map stays.

    Parameters
    ----------
    kind : "A" or "B"
        As for `pixel_mask`, like `size` and `colours`.
    in_channels, out_channels : int
        I and O.
    size : int
        k, odd.
    colours : int
        Into which the channels are grouped.
    mask : callable
        ``mask(kind, size, in_channels, out_channels, colours)`` -> (O, I, k, k), for one that you wrote.

    Raises
    ------
    ValueError
        As `pixel_mask` does; for a mask of another shape; from `forward` for what is no map (B, I, H, W).
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
        check_sizes("masked convolution", in_channels=in_channels, out_channels=out_channels, size=size)
        super().__init__(in_channels, out_channels, size, padding=size // 2)
        self.register_buffer(
            "mask",
            checked(mask(kind, size, in_channels, out_channels, colours), self.weight),
            persistent=False,
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, I, H, W)
        check_images(x, self.in_channels, maps=True, like=self.weight)
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)  # (B, O, H, W)


def checked(mask: Tensor, weight: Tensor) -> Tensor:
    """Return a mask if it has the shape of the weight, else raise ValueError."""
    if not isinstance(mask, Tensor) or mask.shape != weight.shape:
        got = tuple(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"mask: got {got}, want a tensor {tuple(weight.shape)}")
    return mask
