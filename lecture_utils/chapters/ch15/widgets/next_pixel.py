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


def next_pixel(digit: int, pixel: int, model: PixelCNN | None = None) -> Figure:
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


def next_pixels_distribution(model: PixelCNN | None = None) -> Widget:
    """Make the widget for a trained network, the shipped PixelCNN where none is given."""
    tour = [
        ("In the middle of a stroke: two heaps, paper or ink.", {"digit": 3, "pixel": 27}),
        ("The first pixel of all: nearly always paper.", {"digit": 3, "pixel": 0}),
        ("The first that can be ink: nobody knows yet which digit it will be.", {"digit": 3, "pixel": 2}),
        ("Beside full ink.", {"digit": 3, "pixel": 4}),
        ("The last column: paper, and little doubt.", {"digit": 3, "pixel": 31}),
        ("Further down, the digit is clear, the stroke's edge is not.", {"digit": 3, "pixel": 45}),
        ("Another digit at the same pixel.", {"digit": 0, "pixel": 27}),
        ("And another.", {"digit": 7, "pixel": 27}),
    ]
    return Widget(
        title="The next pixel's distribution",
        compute=partial(next_pixel, model=model),
        controls={
            "digit": Slider(0, 9, 1, 3, label="digit"),
            "pixel": Slider(0, SIDE * SIDE - 1, 1, 0, label="pixel"),
        },
        tour=tour,
        trivial={"digit": 3, "pixel": 0},
        alt="A digit as far as it is seen, the whole digit, and a bar for each level that the next pixel can "
        "have; the level that is there is green.",
    )
