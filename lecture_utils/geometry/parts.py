"""Shapes as an assembly of parts (S18.1): a few numbers that a person can name, not many points.

Boxes, cylinders and the like stand for the parts of a thing: I. Biederman, "Recognition-by-Components",
Psychological Review, 1987; learnt by a network: S. Tulsiani et al., "Learning Shape Abstractions by
Assembling Volumetric Primitives", CVPR 2017.

Shapes: points (…, 3) in metres.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_choice, check_numbers, check_tensor

from . import signed_distance as sd

# Kind → how many sizes it has, and its distance around its own origin.
KINDS: dict[str, tuple[int, Callable[..., Tensor]]] = {
    "sphere": (1, lambda p, radius: sd.sphere(p, radius)),
    "box": (3, lambda p, *half: sd.box(p, half)),
    "torus": (2, lambda p, ring, tube: sd.torus(p, ring, tube)),
    "cylinder": (2, lambda p, radius, half: sd.cylinder(p, radius, half)),
}


@dataclass(frozen=True)
class Part:
    """A simple solid somewhere in space.

    Attributes
    ----------
    kind : {"sphere", "box", "torus", "cylinder"}
    sizes : tuple of float
        What the formula of its kind takes (`signed_distance`), in metres, above 0.
    centre : tuple of float
        Where it is, in metres.
    rotation : Tensor, optional
        (3, 3), from the part's axes to the world's; unturned without.
    name : str
        What it is of the thing, such as "leg".
    """

    kind: str
    sizes: tuple[float, ...]
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: Tensor | None = None
    name: str = ""

    def __post_init__(self) -> None:
        check_choice(self.kind, "kind", *KINDS)
        check_numbers(self.sizes, "sizes", KINDS[self.kind][0])
        check_numbers(self.centre, "centre", 3)
        if min(self.sizes) <= 0:
            raise ValueError(f"sizes: got {self.sizes!r}, want all above 0")
        if self.rotation is not None:
            check_tensor(self.rotation, "rotation", 3, 3, finite=True)
            off = (self.rotation @ self.rotation.mT - torch.eye(3).to(self.rotation)).abs().max()
            if float(off) > 1e-3:
                raise ValueError("rotation: got a matrix that is no rotation, want R Rᵀ = 1")

    def distance(self, points: Tensor) -> Tensor:
        """Signed distance of points (…, 3) to this part, (…), in metres."""
        check_tensor(points, "points", "…", 3, finite=True)
        own = points - torch.tensor(self.centre).to(points)
        if self.rotation is not None:
            own = own @ self.rotation.to(points)  # Rᵀ (x − c), for rows
        return KINDS[self.kind][1](own, *self.sizes)


def distances_to_parts(parts: Sequence[Part], points: Tensor) -> Tensor:
    """Signed distance of points (…, 3) to each of N parts, (…, N), in metres."""
    if not len(parts):
        raise ValueError("parts: got none, want one or more")
    return torch.stack([part.distance(points) for part in parts], dim=-1)


def assembly_distance(parts: Sequence[Part], points: Tensor) -> Tensor:
    """Signed distance to all parts together, (…): parts → implicit shape, their union."""
    return distances_to_parts(parts, points).amin(-1)


def part_labels(parts: Sequence[Part], points: Tensor) -> Tensor:
    """Say to which part points (…, 3) on a surface belong, (…) int64: the one with the nearest surface."""
    return distances_to_parts(parts, points).abs().argmin(-1)
