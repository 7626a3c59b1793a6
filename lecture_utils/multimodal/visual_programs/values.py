"""What the lines of a visual program hand on (S14.7): pictures, and things found in them.

T. Gupta and A. Kembhavi, "Visual Programming", CVPR 2023, section 3: a program's state maps names to values.

Shapes: H × W pixels.
"""

from dataclasses import dataclass

from torch import Tensor

from lecture_utils.ops.checks import check_number, check_numbers, check_rgb, check_tensor

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, and for a part of another one the window that it was cut from.

    Attributes
    ----------
    pixels : Tensor
        (3, H, W) in [0, 1].
    window : (float, float, float, float), optional
        x1, y1, x2, y2 in pixels of the picture that it was cut from; None for a whole one.
    """

    pixels: Tensor
    window: Box | None = None

    def __post_init__(self) -> None:
        check_rgb(self.pixels, unit_range=True)
        check_tensor(self.pixels, "picture", 3, "H", "W")


@dataclass(frozen=True, eq=False)
class Found:
    """One thing that was found in a picture.

    Attributes
    ----------
    box : (float, float, float, float)
        x1, y1, x2, y2 in pixels.
    shape, colour : str
        What it was taken for.
    x : float
        Of its centre, as a share of the picture's width.
    depth_m : float
        Metres from the camera.
    mask : Tensor
        (H, W) bool: its pixels.
    """

    box: Box
    shape: str
    colour: str
    x: float
    depth_m: float
    mask: Tensor

    def __post_init__(self) -> None:
        check_numbers(self.box, "found, box", 4)
        x1, y1, x2, y2 = self.box
        if not (x1 < x2 and y1 < y2):
            raise ValueError(f"found, box: got {self.box}, want x1 < x2 and y1 < y2")
        check_number(self.x, "found, x", 0, 1)
        check_number(self.depth_m, "found, depth_m", 0, above=True)
        check_tensor(self.mask, "found, mask", "H", "W", kind="bool", some=True)

    def called(self, words: str) -> bool:
        """Whether each of the words fits: its shape, its colour, or "thing", which fits all."""
        return all(word in ("thing", self.shape, self.colour) for word in words.split())


Value = Picture | list[Found] | Tensor | int | str
