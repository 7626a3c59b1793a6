"""What a pixel's distribution depends on, asked of the network itself by its gradient (S15.1).

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016: receptive
fields (figure 4). That masked convolutions, stacked, never see some of the earlier pixels (the blind spot):
A. van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", NeurIPS 2016, section 2.2,
figure 1.

Simplified: a gradient tells what a change does at some pictures only; random pictures, several, are asked.

Shapes: C colours, L levels, H × W picture.
"""

import torch
from torch import Tensor

from lecture_utils.generative.pixel.gated_pixelcnn import GatedPixelCNN
from lecture_utils.generative.pixel.pixelcnn import PixelCNN
from lecture_utils.ops.checks import check_sizes, check_whole


def influence(
    model: PixelCNN | GatedPixelCNN,
    size: tuple[int, int],
    row: int,
    column: int,
    *,
    colour: int = 0,
    draws: int = 8,
    seed: int = 0,
) -> Tensor:
    """How much each number of a picture moves what is told of one of them.

    Parameters
    ----------
    model : PixelCNN or GatedPixelCNN
        The latter without classes.
    size : (int, int)
        H and W.
    row, column, colour : int
        The number that is told.
    draws : int
        Random pictures that are asked.
    seed : int
        Of these pictures, and of the weights with which the logits are summed.

    Returns
    -------
    Tensor (C, H, W)
        The mean size of the gradient; exactly 0 where nothing can come through.

    Raises
    ------
    ValueError
        For sizes below 1, or a number outside the picture.
    """
    check_sizes("influence", height=size[0], width=size[1], draws=draws)
    places = {"row": (row, size[0]), "column": (column, size[1]), "colour": (colour, model.colours)}
    for name, (place, end) in places.items():
        if check_whole(place, name, 0) >= end:
            raise ValueError(f"{name}: got {place}, want 0 to {end - 1}")
    generator = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
    levels = torch.randint(model.levels, (draws, model.colours, *size), generator=generator)
    x = model.scaled(levels).requires_grad_()  # (draws, C, H, W)
    told = model.logits(x)[:, :, colour, row, column]  # (draws, L)
    told = told * torch.randn(told.shape, generator=generator).to(told)
    (gradient,) = torch.autograd.grad(told.sum(), x)
    return gradient.abs().mean(0)  # (C, H, W)
