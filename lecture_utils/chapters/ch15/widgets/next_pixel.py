"""The next pixel's distribution: walk over a digit's pixels, and see what PixelCNN expects of each."""

from functools import lru_cache, partial

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch15.pixel_figures import next_pixel_figure
from lecture_utils.chapters.ch15.pixel_study import one_of_each, shipped_pixels
from lecture_utils.generative.pixel.pixelcnn import PixelCNN
from lecture_utils.recipes._digits_pixels import SIDE
from lecture_utils.widgets.controls import Slider
from lecture_utils.widgets.widget import Widget


@lru_cache(maxsize=2)
def told(model: PixelCNN) -> tuple[Tensor, Tensor]:
    """A test digit of each class (10, 8, 8), and the logits of all their pixels (10, L, 8, 8)."""
    image = one_of_each()
    with torch.inference_mode():
        return image[:, 0], model.eval()(image)[:, :, 0]


def expected(digit: int, pixel: int, model: PixelCNN | None = None) -> Figure:
    """Draw what is seen of a digit before a pixel, and how likely each level of this pixel is.

    Parameters
    ----------
    digit : int
        0 to 9.
    pixel : int
        0 to 63, in reading order.
    model : PixelCNN, optional
        The shipped one where none is given.
    """
    image, logits = told(model or shipped_pixels())
    return next_pixel_figure(image[digit], logits[digit], pixel)


def next_pixel(model: PixelCNN | None = None) -> Widget:
    """Make the widget for a trained network, the shipped PixelCNN where none is given."""
    tour = [
        ("Full ink was expected here, and grey came: a surprise.", {"digit": 3, "pixel": 21}),
        ("The first pixel of all: paper, without a doubt.", {"digit": 3, "pixel": 0}),
        ("The first that is often ink: nearly every level is possible.", {"digit": 3, "pixel": 2}),
        ("To the right of ink: more ink.", {"digit": 3, "pixel": 3}),
        ("The last column: paper again.", {"digit": 3, "pixel": 31}),
        ("Inside the 0: by now the hole is no surprise.", {"digit": 0, "pixel": 36}),
        ("The bar of the 7: full ink.", {"digit": 7, "pixel": 34}),
        ("Where the 8 becomes narrow: much doubt.", {"digit": 8, "pixel": 26}),
    ]
    return Widget(
        title="The next pixel's distribution",
        compute=partial(expected, model=model),
        controls={
            "digit": Slider(0, 9, 1, 3, label="digit"),
            "pixel": Slider(0, SIDE * SIDE - 1, 1, 0, label="pixel"),
        },
        tour=tour,
        trivial={"digit": 3, "pixel": 0},
        alt="A digit as far as it is seen, the whole digit, and a bar for each level that the next pixel can "
        "have; the level that is there is green.",
    )
