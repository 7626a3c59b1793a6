"""The pieces that a figure is made of: tapered capsules and ellipsoids in one form, each rigid on one bone.

A piece is a capsule in a frame of its own, which may be stretched: q = M (x - c), a segment of length L along
q's first axis, and a radius that is a parabola along it. With L = 0 and a stretched frame it is an ellipsoid.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Triple = Sequence[float]


@dataclass
class Pieces:
    """P pieces, gathered one by one.

    Attributes
    ----------
    centre, frame : list
        c (3,) in metres at rest, M (3, 3).
    length, radii : list
        L, and the radii (3,) at the segment's start, middle and end, in the piece's own frame.
    bone, part : list of int
        The joint that moves it; the part of the body that it belongs to.
    """

    centre: list[Tensor] = field(default_factory=list)
    frame: list[Tensor] = field(default_factory=list)
    length: list[float] = field(default_factory=list)
    radii: list[Triple] = field(default_factory=list)
    bone: list[int] = field(default_factory=list)
    part: list[int] = field(default_factory=list)

    def limb(
        self, bone: int, part: int, start: Triple, end: Triple, radii: Triple, flat: float = 1.0,
        thin: Triple = (0.0, 0.0, 1.0),
    ) -> None:  # fmt: skip
        """Add a capsule from `start` to `end`, `flat` times as thick along `thin` as across."""
        a, b = torch.tensor(start, dtype=torch.float32), torch.tensor(end, dtype=torch.float32)
        along = (b - a) / (b - a).norm()
        if flat == 1.0:  # round: any frame will do, but one of thin and along must not be the other
            thin = torch.eye(3)[int(along.abs().argmin())].tolist()
        normal = torch.tensor(thin, dtype=torch.float32) - along * (
            torch.tensor(thin, dtype=torch.float32) @ along
        )
        normal = normal / normal.norm()
        axes = torch.stack([along, torch.linalg.cross(normal, along), normal / flat])
        self._add(bone, part, a, axes, float((b - a).norm()), radii)

    def ball(
        self, bone: int, part: int, centre: Triple, axes: Triple, turn: tuple[int, float] | None = None
    ) -> None:
        """Add an ellipsoid with half-axes `axes`, turned by (axis, radians): x to y, x to z or y to z."""
        frame = torch.eye(3)
        if turn is not None:
            i, j = [k for k in range(3) if k != turn[0]]
            cosine, sine = torch.cos(torch.tensor(turn[1])), torch.sin(torch.tensor(turn[1]))
            frame[i, i], frame[i, j], frame[j, i], frame[j, j] = cosine, -sine, sine, cosine
        size = sum(axes) / 3
        scale = torch.tensor([size / max(axis, 1e-4) for axis in axes])
        self._add(
            bone,
            part,
            torch.tensor(centre, dtype=torch.float32),
            scale[:, None] * frame.T,
            0.0,
            (size, size, size),
        )

    def _add(self, bone: int, part: int, centre: Tensor, frame: Tensor, length: float, radii: Triple) -> None:
        self.centre.append(centre.float())
        self.frame.append(frame.float())
        self.length.append(length)
        self.radii.append(tuple(radii))
        self.bone.append(bone)
        self.part.append(part)
