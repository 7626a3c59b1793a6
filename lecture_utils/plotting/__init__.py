"""Figures of the course: one style, alternative text always, and pictures drawn from live objects.

`show` is the only way by which a figure reaches a notebook. What needs torch is imported from its own module:
`plotting.diagram.architecture` and `plotting.trace.layer_table`.
"""

from .annotations import boxes, draw, draw_instances, draw_panoptic, draw_semantic, outline
from .charts import confusion_matrix, curves
from .claims import claim_figure
from .display import show
from .images import (
    bare,
    colour_labels,
    feature_maps,
    few,
    filters,
    image_grid,
    mask_overlay,
    panels,
    signed_image,
    to_image,
)
from .overlays import dim_outside, heat_overlay, signed_overlay
from .scenes import annotated_scene
from .style import PALETTE, label_colour, label_palette, use_style

__all__ = [
    "PALETTE",
    "annotated_scene",
    "bare",
    "boxes",
    "claim_figure",
    "colour_labels",
    "confusion_matrix",
    "curves",
    "dim_outside",
    "draw",
    "draw_instances",
    "draw_panoptic",
    "draw_semantic",
    "feature_maps",
    "few",
    "filters",
    "heat_overlay",
    "image_grid",
    "label_colour",
    "label_palette",
    "mask_overlay",
    "outline",
    "panels",
    "show",
    "signed_image",
    "signed_overlay",
    "to_image",
    "use_style",
]
