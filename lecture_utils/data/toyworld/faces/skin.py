"""Head, ears, neck and shoulders: skin, lit as a solid with a nose, brows, cheeks and a chin.

Shapes: N faces, Q points.
"""

import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces.anatomy import SIDES, Anatomy
from lecture_utils.data.toyworld.faces.canvas import Canvas, Region
from lecture_utils.data.toyworld.faces.distances import ellipse
from lecture_utils.data.toyworld.faces.sitters import Sitters, lit


def lay_body(canvas: Canvas, sitters: Sitters) -> None:
    """Paint shoulders and neck; they stay upright when the head tips."""
    o, paint = sitters.parts.outline, sitters.paint
    x, y, end = canvas.x, canvas.y, o.below
    shoulders = ellipse(x, y - end - 12.5, 2.75 * o.a, torch.full_like(end, 9.5))
    across = (x / (2.9 * o.a)).clamp(-1, 1)
    light = lit(paint, across, torch.full_like(x, -0.25), (1 - 0.8 * across.square()).sqrt())
    canvas.lay(shoulders, paint.clothes * light[:, None], "clothes")
    # A neck that widens at its foot, in a round collar.
    half = (0.46 + 0.07 * sitters.faces.masculinity[:, None]) * o.a
    x = x - 0.5 * o.shift
    flare = half + 0.05 * (y - end).clamp_min(0).square()
    neck = torch.maximum(x.abs() - flare, 0.2 * end - y)
    collar = ellipse(x, y - end - 2.2, 1.35 * half, 2.6 * torch.ones_like(end))
    neck = torch.maximum(neck, torch.where(y > end + 2.2, collar, neck))
    across = (x / flare).clamp(-1, 1)
    light = lit(paint, across, torch.zeros_like(x), (1 - 0.75 * across.square()).sqrt())
    under = 1 - 0.5 * torch.exp(-((y - 0.97 * end).clamp_min(0) / 2.6).square())  # the chin's shade
    canvas.lay(neck, paint.skin * (light * under)[:, None], "neck")


def ear_region(parts: Anatomy, side: int) -> Region:
    """Where an ear is."""
    at = parts.ears[side]
    return at.x, at.y, 0.45 * parts.ear * at.across, 0.56 * parts.ear


def lay_ear(canvas: Canvas, sitters: Sitters, side: int) -> None:
    """Paint an ear: a rim, and a darker hollow."""
    parts, paint, sign = sitters.parts, sitters.paint, SIDES[side][1]
    x, y = parts.ears[side].local(canvas.u, canvas.v)
    x = sign * x + 0.12 * y  # leans back
    light = lit(paint, sign * torch.full_like(x, 0.35), y / parts.ear, torch.full_like(x, 0.9))
    outer = ellipse(x, y, 0.27 * parts.ear, 0.52 * parts.ear)
    canvas.lay(outer, paint.skin * (0.95 * light)[:, None], "ear")
    inner = ellipse(x - 0.1, y + 0.05 * parts.ear, 0.14 * parts.ear, 0.32 * parts.ear)
    canvas.lay(inner, paint.skin * (0.62 * light)[:, None] * _reddish(paint.skin))


def head_region(parts: Anatomy) -> Region:
    """Where the head is, and a beard that stands out from it."""
    o = parts.outline
    middle = o.shift + 0.5 * o.chin
    return (
        middle,
        0.5 * (o.below - o.above),
        1.03 * o.a + 0.5 * o.chin.abs() + 0.5,
        0.5 * (o.below + o.above) + 0.7,
    )


def lay_head(canvas: Canvas, sitters: Sitters) -> None:
    """Paint the head's skin with the light on its relief."""
    o, paint, u, v = sitters.parts.outline, sitters.paint, canvas.u, canvas.v
    x = (u - o.middle(v)) / (o.a * o.swell(v))
    y = v / torch.where(v > 0, o.below, o.above)
    out = (x * x + y * y).clamp_max(1)
    across, down, rosy = _relief(sitters.parts, u, v)
    # The front of a head is flat: its normals turn aside late.
    nx, ny = x * (0.35 + 0.65 * out) - across, y * (0.15 + 0.55 * out) - down
    colour = paint.skin * lit(paint, nx, ny, (1.04 - out).sqrt())[:, None]
    colour = torch.lerp(colour, colour * _reddish(paint.skin), (0.75 * rosy).clamp(0, 1)[:, None])
    canvas.lay(o.distance(u, v), colour, "skin")


def _reddish(skin: Tensor) -> Tensor:
    """Factors (3, 1) that make skin rosier."""
    return torch.tensor([1.0, 0.70, 0.68])[:, None].to(skin)


def _relief(parts: Anatomy, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes of what stands out of the face, in cm a cm, across and down; and how rosy the cheeks are."""
    o, nose, mouth = parts.outline, parts.nose, parts.mouth
    long, wing = nose.y - parts.bridge.y, parts.wing
    slopes = [torch.zeros_like(u), torch.zeros_like(u)]

    def bump(x: Tensor, y: Tensor, wide: Tensor | float, high: Tensor | float, tall: float) -> Tensor:
        p, q = (u - x) / wide, (v - y) / high
        h = tall * torch.exp(-0.5 * (p * p + q * q))
        slopes[0] = slopes[0] - h * p / wide
        slopes[1] = slopes[1] - h * q / high
        return h

    ridge = parts.bridge.x + (nose.x - parts.bridge.x) * ((v - parts.bridge.y) / long).clamp(0, 1)
    bump(ridge, nose.y - 0.45 * long, 0.62 * wing, 0.42 * long, 0.75)
    bump(nose.x, nose.y - 0.3, 0.75 * wing, 0.85, 0.55)
    bump(o.middle(o.below), o.below - 1.5, 1.7, 1.0, 0.42)
    bump(mouth.at.x, mouth.at.y + mouth.bend + mouth.open + 1.8 * mouth.lip, 1.6, 0.55, -0.28)
    rosy = torch.zeros_like(u)
    for (_, sign), eye in zip(SIDES, parts.eyes, strict=True):
        bump(eye.at.x, eye.at.y - 0.1, eye.half, 0.75 * eye.half, -0.55)
        bump(eye.at.x, eye.at.y - 1.25 * eye.half, 1.2 * eye.half, 0.5 * eye.half, 0.22)
        cheek = o.middle(nose.y) + sign * 0.60 * o.half_width(nose.y) + 0.3 * nose.x
        rosy = rosy + bump(cheek, 0.85 * nose.y, 1.7, 1.35, 0.42)
        bump(nose.x + sign * 0.8 * wing, nose.y - 0.05, 0.35 * wing, 0.45, 0.22)
    return slopes[0], slopes[1], rosy
