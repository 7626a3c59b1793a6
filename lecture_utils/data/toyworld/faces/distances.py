"""Signed distances that toy faces are drawn with: negative inside, in centimetres, exact on the outline.

Elsewhere they are first-order distances f / |∇f|, which is all that an edge of one pixel needs.

Shapes: N faces, Q points (pixels or landmarks). Coordinates are (N, Q), a face's numbers (N, 1).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

FAR = 1e3  # cm: the distance of what is not there


def cover(distance: Tensor, pixel: Tensor) -> Tensor:
    """Share of a pixel (N, Q) in [0, 1] that lies inside, for an edge that runs straight through it."""
    return (0.5 - distance / pixel).clamp(0, 1)


def ellipse(u: Tensor, v: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """Distance (N, Q) to an ellipse about 0 with half axes a and b."""
    p, q = u / a, v / b
    k = (p * p + q * q).sqrt()
    slope = ((p / a).square() + (q / b).square()).sqrt().clamp_min(1e-6)
    return k * (k - 1) / slope


def box(u: Tensor, v: Tensor, a: Tensor | float, b: Tensor | float, rounding: Tensor | float) -> Tensor:
    """Distance (N, Q) to a rectangle about 0 of half sides a and b with round corners."""
    p, q = u.abs() - (a - rounding), v.abs() - (b - rounding)
    outside = (p.clamp_min(0).square() + q.clamp_min(0).square()).sqrt()
    return outside + torch.maximum(p, q).clamp_max(0) - rounding


def segment(u: Tensor, v: Tensor, start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor]) -> Tensor:
    """Distance (N, Q) to a line from `start` to `end`; less a radius, to a stroke."""
    x, y = end[0] - start[0], end[1] - start[1]
    p, q = u - start[0], v - start[1]
    t = ((p * x + q * y) / (x * x + y * y).clamp_min(1e-6)).clamp(0, 1)
    return ((p - t * x).square() + (q - t * y).square()).sqrt()


def between(v: Tensor, upper: Tensor, lower: Tensor, slope: Tensor | float) -> Tensor:
    """Distance (N, Q) to the lens between two curves v = upper and v = lower that run about so steeply."""
    return torch.maximum(upper - v, v - lower) / (1 + slope * slope) ** 0.5


@dataclass(frozen=True, eq=False)
class Outline:
    """The outline of a head in its own frame: half an ellipse above, a superellipse with a narrowing below.

    With t = v / below for v > 0, the half width is a·s(t)·(1 - t^p)^(1/p), s(t) = 1 - taper·t² +
    4·cheek·t²·(1 - t), about the middle line c(t) = shift + chin·t². Above, p = 2, s = 1 and c = shift.

    Attributes
    ----------
    a, above, below : Tensor
        (N, 1): half width, heights above and below the widest level, in cm.
    power, taper, cheek : Tensor
        (N, 1): p (2 is round, 3 square), how much narrower the jaw is, how much the cheekbones stand out.
    shift, chin : Tensor
        (N, 1), cm to the right: of the whole, and of the chin beyond that. A turned head has both.
    """

    a: Tensor
    above: Tensor
    below: Tensor
    power: Tensor
    taper: Tensor
    cheek: Tensor
    shift: Tensor
    chin: Tensor

    def middle(self, v: Tensor) -> Tensor:
        """u of the middle line at height v."""
        return self.shift + self.chin * (v / self.below).clamp(0, 1).square()

    def swell(self, v: Tensor) -> Tensor:
        """s, the factor of the half width at height v."""
        t = (v / self.below).clamp(0, 1)
        return 1 + t * t * (4 * self.cheek * (1 - t) - self.taper)

    def distance(self, u: Tensor, v: Tensor, grow: Tensor | float = 0.0) -> Tensor:
        """Distance (N, Q) to the outline grown by so many cm on all sides."""
        t = (v / self.below).clamp(0, 1)
        low = v > 0
        a, b = (self.a + grow) * self.swell(v), torch.where(low, self.below + grow, self.above + grow)
        p = torch.where(low, self.power, 2.0)
        x, y = (u - self.middle(v)) / a, v / b
        far, up = x.abs().clamp_min(1e-4), y.abs().clamp_min(1e-4)
        fx, fy = far**p, up**p
        total = (fx + fy).clamp_min(1e-6)
        k = total ** (1 / p)  # homogeneous of degree 1, so that k - 1 is smooth everywhere but at 0
        scale = k / total
        ds = torch.where(low, t * (4 * self.cheek * (2 - 3 * t) - 2 * self.taper) / self.below, 0.0)
        dc = torch.where(low, 2 * self.chin * t / self.below, 0.0)
        along_u = scale * fx / (far * a)
        along_v = scale * (fy / (up * b) - fx * ds / self.swell(v)) - along_u * x.sign() * dc
        return (k - 1) / (along_u.square() + along_v.square()).sqrt().clamp_min(1e-4)

    def half_width(self, v: Tensor) -> Tensor:
        """Half width (N, Q) at height v, 0 beyond the top and the chin."""
        low = v > 0
        y = (v / torch.where(low, self.below, self.above)).abs().clamp(0, 1)
        p = torch.where(low, self.power, 2.0)
        return self.a * self.swell(v) * (1 - y**p).clamp_min(0) ** (1 / p)
