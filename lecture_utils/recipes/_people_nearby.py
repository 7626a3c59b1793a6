"""The distance from a figure's surface where only pieces that are near a vertex at rest count.

So a hand that lies on the belly shapes no belly; and it is ten times as fast as with all pieces.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lecture_utils.data.toyworld.people.figure import Figure, distance_and_slope, piece_distances
from lecture_utils.data.toyworld.people.figure_anatomy import PARTS

# How near, in metres, a piece must be to a vertex: a little more than the piece is thick.
REACH_M = {
    "torso": 0.07, "head": 0.04, "upper_arm": 0.045, "forearm": 0.035, "hand": 0.02, "thigh": 0.06,
    "shank": 0.045, "foot": 0.03, "toes": 0.015,
}  # fmt: skip


@dataclass(frozen=True)
class Nearby:
    """Which pieces shape which vertices of the template.

    Attributes
    ----------
    near : Tensor
        (P, V), bool.
    blocks : tuple of (vertices, pieces)
        Numbers of vertices that lie on one bone, and of the pieces that any of them is near.
    """

    near: Tensor
    blocks: tuple[tuple[Tensor, Tensor], ...]

    def distance(self, points: Tensor, person: Figure) -> tuple[Tensor, Tensor]:
        """`distance_and_slope` of the template's vertices at (V, 3)."""
        value, slope = torch.zeros(len(points)), torch.zeros_like(points)
        for vertices, pieces in self.blocks:
            some = {
                n: getattr(person, n)[pieces] for n in ("centre", "frame", "length", "radii", "bone", "part")
            }
            near = self.near[pieces][:, vertices]
            value[vertices], slope[vertices] = distance_and_slope(
                points[vertices], replace(person, **some), near
            )
        return value, slope


def nearby(vertices: Tensor, mean: Figure) -> Nearby:
    """Find out from the template (V, 3) on the mean figure."""
    distances, _ = piece_distances(vertices, mean)
    kinds = [part.removeprefix("left_").removeprefix("right_") for part in PARTS]
    near = distances < torch.tensor([REACH_M[kind] for kind in kinds])[mean.part][:, None]
    bone = mean.bone[distances.argmin(0)]  # (V,)
    groups = [(bone == j).nonzero()[:, 0] for j in bone.unique()]
    return Nearby(near, tuple((group, near[:, group].any(1).nonzero()[:, 0]) for group in groups))
