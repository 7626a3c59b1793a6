"""What toy faces are painted on: linear light and the part that is uppermost at each point.

Small parts are painted in windows, so that an eye costs what an eye's pixels cost.

Shapes: N faces, S the picture's side in pixels, Q points: S², or a window's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces.distances import cover
from lecture_utils.data.toyworld.faces.names import PARTS
from lecture_utils.data.toyworld.faces.scene import Faces

Region = tuple[Tensor, Tensor, Tensor, Tensor]  # middle and half sides (N, 1), cm in the head's frame


@dataclass(eq=False)
class Canvas:
    """Paint of N faces, laid on from back to front.

    Attributes
    ----------
    light : (N, 3, Q), linear. part : (N, Q) int64, into PARTS. pixel : (N, 1), a pixel's side in cm.
    u, v : (N, Q), where the points are in the head's frame, in cm.
    x, y : (N, Q), the same before the head tips.
    """

    light: Tensor
    part: Tensor
    pixel: Tensor
    u: Tensor
    v: Tensor
    x: Tensor
    y: Tensor

    def lay(self, distance: Tensor, colour: Tensor, part: str = "", opacity: Tensor | float = 1.0) -> None:
        """Paint what is inside; `colour` is linear, (N, 3, 1) or (N, 3, Q). Without a part it is a shade."""
        covered = cover(distance, self.pixel) * opacity
        self.light = torch.lerp(self.light, colour, covered[:, None])
        if part:
            self.part = torch.where(covered > 0.5, PARTS.index(part), self.part)

    def cut(self, faces: Faces, size: int, which: Tensor, region: Region) -> tuple["Canvas", Tensor]:
        """A window of some faces as a canvas of its own, and its pixels' numbers (M, Q).

        Parameters
        ----------
        faces : Faces
            All N. size : S.
        which : Tensor
            (M,) int64, numbers of the faces wanted, one or more.
        region : Region
            What the window must show of each of the M; all windows are as large as the largest.
        """
        some = faces[which]
        x, y, across, down = region
        cos, sin = torch.cos(some.roll)[:, None], torch.sin(some.roll)[:, None]
        scale = size / some.side[:, None]  # pixels a cm
        middle = torch.cat([cos * x - sin * y, sin * x + cos * y], 1) * scale + size * some.centre
        half = torch.cat([cos * across + sin.abs() * down, cos * down + sin.abs() * across], 1) * scale + 1
        wide, high = (int(torch.ceil(2 * h.max()).clamp(1, size)) for h in half.unbind(1))
        extent = torch.tensor([wide, high], device=middle.device)
        start = (middle - extent / 2).round().long().clamp_min(0).minimum(size - extent)  # (M, 2)
        columns = start[:, :1] + torch.arange(wide, device=start.device)
        rows = start[:, 1:] + torch.arange(high, device=start.device)
        index = (rows[:, :, None] * size + columns[:, None, :]).flatten(1)  # (M, Q)

        def take(values: Tensor) -> Tensor:
            return (values if len(which) == len(values) else values[which]).gather(1, index)

        every = index[:, None].expand(-1, 3, -1)
        light = self.light if len(which) == len(self.light) else self.light[which]
        coordinates = (take(c) for c in (self.u, self.v, self.x, self.y))
        return Canvas(light.gather(2, every), take(self.part), self.pixel[which], *coordinates), index

    def put(self, window: "Canvas", which: Tensor, index: Tensor) -> None:
        """Lay a window back into its place."""
        self.light[which[:, None, None], torch.arange(3)[:, None], index[:, None]] = window.light
        self.part[which[:, None], index] = window.part


def blend(a: Tensor, b: Tensor | float, share: float) -> Tensor:
    """Mix two colours."""
    return a + share * (b - a)
