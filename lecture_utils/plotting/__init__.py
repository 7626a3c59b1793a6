"""Figures of the course: one style, alternative text always, and pictures drawn from live objects.

`show` is the only way by which a figure reaches a notebook. `architecture` and `layer_table`
need torch, and load it when they are first asked for.
"""

from typing import TYPE_CHECKING, Any

from .charts import confusion_matrix, curves
from .claims import claim_figure
from .display import show
from .images import (
    bare,
    boxes,
    colour_labels,
    feature_maps,
    filters,
    image_grid,
    mask_overlay,
    panels,
    signed_image,
    to_image,
)
from .scenes import annotated_scene
from .style import PALETTE, label_colour, label_palette, use_style

if TYPE_CHECKING:
    from .diagram import architecture
    from .trace import layer_table

__all__ = [
    "PALETTE",
    "annotated_scene",
    "architecture",
    "bare",
    "boxes",
    "claim_figure",
    "colour_labels",
    "confusion_matrix",
    "curves",
    "feature_maps",
    "filters",
    "image_grid",
    "label_colour",
    "label_palette",
    "layer_table",
    "mask_overlay",
    "panels",
    "show",
    "signed_image",
    "to_image",
    "use_style",
]


def __getattr__(name: str) -> Any:
    """Load what needs torch when it is first asked for."""
    if name == "architecture":
        from .diagram import architecture

        return architecture
    if name == "layer_table":
        from .trace import layer_table

        return layer_table
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
