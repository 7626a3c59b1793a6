"""The course's look: a style sheet, Okabe and Ito's colour-blind safe palette (2008), fixed label colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np

STYLE_SHEET = Path(__file__).with_name("style.mplstyle")

#: Okabe and Ito's colours, in the order in which a figure uses them.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, YELLOW, BLACK = PALETTE
INK, QUIET, HAIRLINE = "#222222", "#6B6B6B", "#D9D9D9"

# Label maps: four kinds of "stuff" in natural pale tones, then strong colours for things.
_STUFF = ("#BFD9EE", "#BFD8A6", "#9CC3D5", "#EBDDB5")
_THINGS = (*PALETTE[:7], "#7F3C8D", "#8C564B", "#3D3D3D", "#A6D854", "#FB9A99")


def use_style() -> None:
    """Make the course's style sheet the one that every later figure uses."""
    matplotlib.style.use(str(STYLE_SHEET))


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the course's style inside a `with`, whatever style is in force outside."""
    with matplotlib.rc_context(_sheet()):
        yield


@cache
def _sheet() -> Any:
    """Read the style sheet once."""
    return matplotlib.rc_params_from_file(STYLE_SHEET, use_default_template=False)


def rgb(colour: str) -> tuple[float, float, float]:
    """Turn a colour's name or hex code into red, green and blue in [0, 1]."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return float(red), float(green), float(blue)


def on_colour(colour: str) -> str:
    """Give the colour, dark or white, of letters that can be read on a colour."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(colour))
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.21 else "white"


def label_colour(label: int, stuff: int = 0) -> tuple[float, float, float]:
    """Give the fixed colour of one label: the first `stuff` labels are pale, the others strong."""
    if label < stuff:
        return rgb(_STUFF[label % len(_STUFF)])
    return rgb(_THINGS[(label - stuff) % len(_THINGS)])


def label_palette(count: int, stuff: int = 0) -> np.ndarray:
    """Give a table of fixed label colours.

    Parameters
    ----------
    count : int
        How many labels.
    stuff : int
        How many of the first labels are background stuff, drawn in pale tones.

    Returns
    -------
    ndarray (count, 3), float32 in [0, 1]
    """
    return np.array([label_colour(k, stuff) for k in range(count)], dtype=np.float32).reshape(count, 3)
