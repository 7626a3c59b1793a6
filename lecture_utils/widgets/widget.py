"""The thin shell around a widget's pure function: alive in a notebook, a slider over frames elsewhere.

A widget is `compute(**values) -> Figure | picture`, its controls, and a tour: 6 to 10 captioned settings.
`present.present` shows it live with ipywidgets, or with COURSE_STATIC=1 as one self-contained piece of HTML,
with a PNG for viewers without scripts.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.plotting.display import checked_alt, pixels
from lecture_utils.plotting.images import to_image
from lecture_utils.plotting.style import styled

from .controls import Choice, Control, Matrix, Slider, Text

__all__ = ["Choice", "Control", "Matrix", "Slider", "Text", "Widget"]

TOUR_FRAMES = (6, 10)


@dataclass(frozen=True)
class Widget:
    """A pure function with its controls and a tour for pages that have no kernel.

    Parameters
    ----------
    title : str
        Unique on its page: the widget's HTML id is made from it.
    compute : callable
        compute(**values) -> Figure, or picture as `plotting.to_image` takes it. Pure.
    controls : dict of argument name to Choice, Slider, Matrix or Text
    tour : sequence of (caption, values)
        6 to 10 frames; an argument that is not given keeps its control's first value.
        The first is the most telling one: a page without a kernel shows it, and the live widget starts there.
    alt : str
        A sentence on what the picture shows, for a reader who cannot see it.
    trivial : dict of argument name to value, optional
        The setting that shows nothing yet (switches off, a kernel that changes nothing); empty where the
        controls' own values are it. The tour does not begin there.

    Raises
    ------
    ValueError
        On a missing title or alt, another number of frames, an unknown argument, a value off its control, or
        a tour that begins at the trivial setting.
    """

    title: str
    compute: Callable[..., Any]
    controls: Mapping[str, Control]
    tour: Sequence[tuple[str, Mapping[str, Any]]]
    alt: str
    trivial: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check everything once, so that a chapter fails when it is built and not when it is read."""
        if not self.slug:
            raise ValueError(f"title: got {self.title!r}, want a title with a letter or digit")
        checked_alt(self.alt)
        if not TOUR_FRAMES[0] <= len(self.tour) <= TOUR_FRAMES[1]:
            raise ValueError(f"{self.title}: tour: got {len(self.tour)} frames, want 6 to 10")
        for caption, values in self.tour:
            if not caption.strip():
                raise ValueError(f"{self.title}: tour: got the caption {caption!r}, want one for every frame")
            self.values(**values)
        if self.trivial is not None and same(self.first, self.values(**self.trivial)):
            raise ValueError(
                f"{self.title}: tour: got the trivial setting {dict(self.trivial)} first, want a telling one"
            )

    @property
    def first(self) -> dict[str, Any]:
        """The values of the tour's first frame, at which the live widget starts too."""
        return self.values(**self.tour[0][1])

    @property
    def slug(self) -> str:
        """The title as an HTML id: lower case, words joined by hyphens."""
        return "-".join(re.findall(r"[a-z0-9]+", self.title.lower()))

    def values(self, **given: Any) -> dict[str, Any]:
        """Give a checked value for every control, its first one where none is given."""
        unknown = set(given) - set(self.controls)
        if unknown:
            raise ValueError(f"{self.title}: got values for {sorted(unknown)}, want {list(self.controls)}")
        checked = {}
        for name, control in self.controls.items():
            try:
                checked[name] = control.check(given.get(name, control.value))
            except ValueError as error:
                raise ValueError(f"{self.title}: {name}: {error}") from None
        return checked

    def picture(self, **given: Any) -> np.ndarray:
        """Call compute with checked values and draw what it gives, (H, W, 3) in uint8.

        Raises
        ------
        ValueError
            On a value outside its control.
        """
        return self.draw(given)

    def draw(self, given: Mapping[str, Any], scale: int = 1) -> np.ndarray:
        """Draw a setting with `scale` times the pixels a side.

        Returns
        -------
        ndarray (H, W, 3), uint8

        Raises
        ------
        ValueError
            On a value outside its control.
        """
        values = self.values(**given)
        with styled():
            drawn = self.compute(**values)
            if isinstance(drawn, Figure):
                return pixels(drawn, dpi=drawn.dpi * scale if scale != 1 else None)
        image = np.rint(to_image(drawn) * 255).astype(np.uint8)
        return image.repeat(scale, axis=0).repeat(scale, axis=1)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two settings are equal; values may be arrays."""
    return all(np.array_equal(value, other[name]) for name, value in one.items())
