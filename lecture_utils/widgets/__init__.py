"""Widgets: each a pure function, its controls and a tour; `present` shows one, live or as a static slider.

A chapter writes
`from lecture_utils.widgets import present, kernel_painter; present(kernel_painter.kernel_painter())`.
"""

from .shell import Choice, Matrix, Slider, Widget, present

__all__ = ["Choice", "Matrix", "Slider", "Widget", "present"]
