"""The toy world in three dimensions (S18.1): its shapes as solids, seen by cameras, all exact."""

from lecture_utils.data.toyworld.solids.points import SolidPoints, surface_points
from lecture_utils.data.toyworld.solids.render import SolidViews, render_solids
from lecture_utils.data.toyworld.solids.sampling import sample_solid, showpiece
from lecture_utils.data.toyworld.solids.scene import SolidScene
from lecture_utils.data.toyworld.solids.shapes import PARTS, parts_of
from lecture_utils.data.toyworld.solids.tracing import GROUND, NOTHING

__all__ = [
    "GROUND",
    "NOTHING",
    "PARTS",
    "SolidPoints",
    "SolidScene",
    "SolidViews",
    "parts_of",
    "render_solids",
    "sample_solid",
    "showpiece",
    "surface_points",
]
