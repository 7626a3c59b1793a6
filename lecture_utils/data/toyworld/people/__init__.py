"""People of the toy world: their bodies, poses, shapes and pictures (chapter 20)."""

from lecture_utils.data.toyworld.people.poses import sample_poses, sample_shapes, walk
from lecture_utils.data.toyworld.people.render import PeopleViews, render_people
from lecture_utils.data.toyworld.people.sampling import crossing, sample_people
from lecture_utils.data.toyworld.people.scene import PeopleScene, on_the_floor, placed, upright

__all__ = [
    "PeopleScene",
    "PeopleViews",
    "crossing",
    "on_the_floor",
    "placed",
    "render_people",
    "sample_people",
    "sample_poses",
    "sample_shapes",
    "upright",
    "walk",
]
