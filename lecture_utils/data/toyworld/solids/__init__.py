"""The toy world in three dimensions (S18.1): its shapes as solids, seen by cameras, all exact."""

from lecture_utils.data.toyworld.solids.boxes import YAW_PERIOD_DEG, boxes_of
from lecture_utils.data.toyworld.solids.brain import TISSUES, brain, brains
from lecture_utils.data.toyworld.solids.clouds import PointClouds, point_clouds
from lecture_utils.data.toyworld.solids.points import SolidPoints, surface_points
from lecture_utils.data.toyworld.solids.render import SolidViews, render_solids
from lecture_utils.data.toyworld.solids.rooms import ROOM_LABELS, Room, room
from lecture_utils.data.toyworld.solids.sampling import sample_solid, showpiece
from lecture_utils.data.toyworld.solids.scene import SolidScene
from lecture_utils.data.toyworld.solids.shapes import PARTS, parts_of
from lecture_utils.data.toyworld.solids.tracing import GROUND, NOTHING

__all__ = [
    "GROUND",
    "NOTHING",
    "PARTS",
    "ROOM_LABELS",
    "TISSUES",
    "YAW_PERIOD_DEG",
    "PointClouds",
    "Room",
    "SolidPoints",
    "SolidScene",
    "SolidViews",
    "boxes_of",
    "brain",
    "brains",
    "parts_of",
    "point_clouds",
    "render_solids",
    "room",
    "sample_solid",
    "showpiece",
    "surface_points",
]
