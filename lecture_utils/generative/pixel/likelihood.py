"""The chain rule at work: what a picture costs in bits, and pictures drawn pixel by pixel (S15.1).

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016: equations 1
and 2, bits per dimension (section 5.1), completions of half pictures (figure 1).

Simplified: none. A dimension is one number: one colour of one pixel.

Shapes: B batch, n pictures, C colours, L levels, H × W picture.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_classes, check_sizes, check_tensor, check_whole

Model = Callable[[Tensor], Tensor]  # levels (n, C, H, W) int64 → logits (n, L, C, H, W)


def pixel_bits(logits: Tensor, image: Tensor) -> Tensor:
    """What each number of a picture costs: -log2 of the probability that the model gave it.

    Parameters
    ----------
    logits : Tensor (B, L, C, H, W)
        Of each level of each colour of each pixel.
    image : Tensor (B, C, H, W)
        The levels that are there, integers from 0 to L - 1.

    Returns
    -------
    Tensor (B, C, H, W)
        Bits, 0 or more; their sum is the picture's (equations 1 and 2).

    Raises
    ------
    ValueError
        For shapes that do not fit, or a level that does not exist.
    """
    check_tensor(logits, "logits", "B", "L", "C", "H", "W", some=True)
    batch, levels, *shape = logits.shape
    check_classes(image, "image", batch, *shape, classes=levels)
    log_p = logits.log_softmax(1)  # (B, L, C, H, W)
    return -log_p.gather(1, image.long()[:, None])[:, 0] / math.log(2)  # (B, C, H, W)


def bits_per_dim(logits: Tensor, image: Tensor) -> Tensor:
    """Bits for each number of a picture in the mean over the picture, (B,); arguments as of `pixel_bits`."""
    check_tensor(logits, "logits", "B", "L", "C", "H", "W", some=True)
    return pixel_bits(logits, image).flatten(1).mean(1)


def sample(
    model: Model,
    n: int,
    size: tuple[int, int] = (8, 8),
    *,
    colours: int = 1,
    seed: int = 0,
    given: Tensor | None = None,
    rows: int = 0,
) -> Tensor:
    """Draw pictures in reading order, each pixel from the model's distribution given those before it.

    Parameters
    ----------
    model : callable
        Levels (n, C, H, W) int64 → logits (n, L, C, H, W).
    n : int
        Pictures.
    size : (int, int)
        H and W.
    colours : int
        C.
    seed : int
        Of the drawing.
    given : Tensor (n, C, H, W) int64, optional
        Pictures of which the first `rows` rows stay as they are.
    rows : int
        0 to H: rows that are given.

    Returns
    -------
    Tensor (n, C, H, W) int64

    Raises
    ------
    ValueError
        For sizes below 1, given pictures of another shape, or more rows than there are.
    """
    return sample_with_bits(model, n, size, colours=colours, seed=seed, given=given, rows=rows)[0]


@torch.no_grad()
def sample_with_bits(
    model: Model,
    n: int,
    size: tuple[int, int] = (8, 8),
    *,
    colours: int = 1,
    seed: int = 0,
    given: Tensor | None = None,
    rows: int = 0,
) -> tuple[Tensor, Tensor]:
    """Draw as `sample` does; also return what each drawn number cost, (n, C, H, W) bits, 0 where given."""
    check_whole(seed, "seed", 0)
    image = start(n, size, colours, given, rows)  # (n, C, H, W)
    bits = torch.zeros(image.shape)
    generator = torch.Generator().manual_seed(seed)
    for row in range(rows, size[0]):
        for column in range(size[1]):
            for colour in range(colours):
                p = model(image[:, :, : row + 1])[:, :, colour, row, column].softmax(1)  # (n, L)
                level = torch.multinomial(p, 1, generator=generator)  # (n, 1)
                image[:, colour, row, column] = level[:, 0]
                bits[:, colour, row, column] = -p.gather(1, level)[:, 0].log2()
    return image, bits


def start(n: int, size: tuple[int, int], colours: int, given: Tensor | None, rows: int) -> Tensor:
    """The picture before the first draw: zeros (n, C, H, W), and the rows that are given."""
    height, width = size
    check_sizes("sample", n=n, height=height, width=width, colours=colours)
    check_whole(rows, "rows", 0)
    if rows > height or (rows and given is None):
        raise ValueError(f"rows: got {rows}, want 0 to {height if given is not None else 0} that are given")
    image = torch.zeros(n, colours, height, width, dtype=torch.long)
    if given is not None:
        check_classes(given, "given", n, colours, height, width)
        image[:, :, :rows] = given[:, :, :rows]
    return image
