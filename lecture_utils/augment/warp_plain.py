"""Bilinear sampling as its formula says: what chapter 05 shows; a test holds it equal to warp.py's.

warp.py's also mixes half precision in float32, and checks what it is given.

Shapes: B pictures, C channels, H and W height and width, H' and W' those of the result.
"""

from torch import Tensor

from lecture_utils.augment.warp import take_pixels


def sample_bilinear(image: Tensor, grid: Tensor, fill: float | None = 0.0) -> Tensor:
    """Read a picture between its pixels: the mean of the four nearest, weighted by closeness.

    Parameters as in `lecture_utils.augment.warp.sample_bilinear`.
    """
    x, y = (grid - 0.5).unbind(-1)  # (B, H', W') from pixel centre to pixel centre
    j, i = x.floor().long(), y.floor().long()  # the centre up and left of each point
    a, b = (x - j)[:, None], (y - i)[:, None]  # (B, 1, H', W') the rests, in [0, 1)
    upper = (1 - a) * take_pixels(image, j, i, fill) + a * take_pixels(image, j + 1, i, fill)
    lower = (1 - a) * take_pixels(image, j, i + 1, fill) + a * take_pixels(image, j + 1, i + 1, fill)
    return (1 - b) * upper + b * lower
