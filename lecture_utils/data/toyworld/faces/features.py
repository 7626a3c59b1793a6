"""Eyes, brows, nose, mouth and wrinkles.

Shapes: N faces, Q points.
"""

import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces.anatomy import SIDES, Anatomy, Eye, bow, brow_line
from lecture_utils.data.toyworld.faces.canvas import Canvas, Region, blend
from lecture_utils.data.toyworld.faces.distances import FAR, between, ellipse, segment
from lecture_utils.data.toyworld.faces.sitters import Paint, Sitters


def eye_region(parts: Anatomy, side: int) -> Region:
    """Where an eye is, with its crease and its foldings."""
    eye = parts.eyes[side]
    return eye.at.x, eye.at.y, 2 * eye.half * eye.at.across, 1.45 * eye.half


def lay_eye(canvas: Canvas, sitters: Sitters, side: int) -> None:
    """Paint an eye: white, iris, pupil and glint, the shade of the lid, its rim, and its crease."""
    eye, paint = sitters.parts.eyes[side], sitters.paint
    x, y = eye.at.local(canvas.u, canvas.v)
    upper, lower = lids(eye, x)
    inside = between(y, upper, lower, (eye.upper + eye.lower) / eye.half)
    inside = torch.maximum(inside, x.abs() - eye.half)
    shadow = (1 - 0.35 * torch.exp(-((y - upper).clamp_min(0) / 0.35)))[:, None]
    white = torch.tensor([0.86, 0.84, 0.82])[:, None].to(x) * (0.55 + 0.45 * paint.ambient)[:, None]
    canvas.lay(inside, white * shadow, "eye")
    p, q = x - eye.look[0], y - eye.look[1]
    far = (p * p + q * q).sqrt()
    shade = (1.35 - 0.75 * (far / eye.iris).clamp(0, 1).square() + 0.35 * q / eye.iris).clamp_min(0.2)
    canvas.lay(torch.maximum(far - eye.iris, inside), paint.iris * shade[:, None] * shadow, "eye")
    canvas.lay(torch.maximum(far - 0.45 * eye.iris, inside), torch.full_like(paint.skin, 0.01), "eye")
    glint = ((p - 0.35 * eye.iris * paint.side).square() + (q + 0.35 * eye.iris).square()).sqrt()
    canvas.lay(torch.maximum(glint - 0.24 * eye.iris, inside), torch.ones_like(paint.skin), "", 0.9)
    t = (x / eye.half).clamp(-1, 1)
    along, round_, line = (x - t * eye.half).square(), 1 - t * t, -eye.tilt * t * eye.half
    rim = (along + (y - line + eye.upper * round_).square()).sqrt()
    canvas.lay(rim - 0.15 * (1.2 - 0.5 * t.abs()), 0.06 * paint.skin + 0.004, "", 0.85)
    crease = (along + (y - line + eye.upper * round_ + 0.32 + 0.18 * round_).square()).sqrt()
    canvas.lay(crease - 0.07, 0.45 * paint.skin, "", 0.5)
    under = (along + (y - line - eye.lower * round_).square()).sqrt()
    canvas.lay(under - 0.06, 0.4 * paint.skin, "", 0.45)


def lids(eye: Eye, x: Tensor) -> tuple[Tensor, Tensor]:
    """Heights of the upper and the lower lid at x (N, Q) on the eye; they meet in the corners."""
    line, round_ = -eye.tilt * x, 1 - (x / eye.half).square()
    return line - eye.upper * round_, line + eye.lower * round_


def brow_region(parts: Anatomy, side: int) -> Region:
    """Where a brow is."""
    brow = parts.brows[side]
    return brow.at.x, brow.at.y - 0.5 * brow.arch, (brow.half + 0.8) * brow.at.across, brow.arch + 1.2


def lay_brow(canvas: Canvas, sitters: Sitters, side: int) -> None:
    """Paint a brow, thinner towards the temple."""
    brow, paint, sign = sitters.parts.brows[side], sitters.paint, SIDES[side][1]
    x, y = brow.at.local(canvas.u, canvas.v)
    t = (x / brow.half).clamp(-1, 1)
    far = ((x - t * brow.half).square() + (y - brow_line(brow, t)).square()).sqrt()
    canvas.lay(
        far - brow.thick * (0.95 - 0.4 * sign * t), 0.75 * blend(paint.hair, paint.skin, 0.12), "brow", 0.92
    )


def nose_region(parts: Anatomy) -> Region:
    """Where the nose is."""
    nose, bridge = parts.nose, parts.bridge
    high = 0.5 * (nose.y - bridge.y) + 1.2
    across = 0.5 * (nose.x - bridge.x).abs() + 1.3 * parts.wing + 0.2
    return 0.5 * (nose.x + bridge.x), 0.5 * (nose.y + bridge.y), across, high


def lay_nose(canvas: Canvas, sitters: Sitters) -> None:
    """Paint what light alone does not show of a nose: nostrils, the wings' edges and a glint."""
    parts, paint, w = sitters.parts, sitters.paint, sitters.parts.wing
    nose, bridge, u, v = parts.nose, parts.bridge, canvas.u, canvas.v
    x, y = nose.local(u, v)
    down = (v - bridge.y) / (nose.y - bridge.y)
    aside = (u - bridge.x - (nose.x - bridge.x) * down.clamp(0, 1)).abs() / nose.across
    wide = w * (0.36 + 0.64 * down.clamp(0, 1) ** 3)
    body = torch.maximum(aside - wide, torch.maximum(bridge.y - v, y - 0.35 * (1 - (x / w).square())))
    canvas.lay(body, canvas.light, "nose")  # the relief has painted it: this marks the part
    for _, sign in SIDES:
        q = sign * x
        nostril = ellipse(q - 0.48 * w, y - 0.14, 0.30 * w, 0.17 * torch.ones_like(w))
        canvas.lay(nostril, 0.12 * paint.skin, "nose", 0.75)
        wing = ellipse(q - 0.62 * w, y + 0.12, 0.38 * w, 0.58 * torch.ones_like(w)).abs() - 0.07
        canvas.lay(torch.maximum(wing, 0.72 * w - q), 0.4 * paint.skin, "", 0.5)
    glow = ((x - 0.2 * w * paint.side) / (0.3 * w)).square() + ((y + 0.55) / 0.35).square()
    canvas.light = canvas.light + (0.10 * torch.exp(-0.5 * glow) * (1 - paint.ambient))[:, None]


def mouth_region(parts: Anatomy) -> Region:
    """Where the mouth is."""
    mouth = parts.mouth
    y = mouth.at.y + 0.5 * mouth.bend + 0.35 * mouth.open
    return (
        mouth.at.x,
        y,
        1.1 * mouth.half * mouth.at.across + 0.2,
        1.5 * mouth.lip + mouth.open + 0.5 * mouth.bend.abs(),
    )


def lay_mouth(canvas: Canvas, sitters: Sitters) -> None:
    """Paint lips, the line between them, and, where it is open, teeth, tongue and dark."""
    mouth, paint = sitters.parts.mouth, sitters.paint
    x, y = mouth.at.local(canvas.u, canvas.v)
    t = (x / mouth.half).clamp(-1, 1)
    round_, beyond = 1 - t * t, x.abs() - mouth.half
    line = mouth.bend * round_
    top, bottom = line - 0.3 * mouth.open * round_, line + mouth.open * round_
    slope = 2 * (mouth.lip + mouth.open) / mouth.half
    upper, lower = top - bow(t) * mouth.lip, bottom + 1.15 * mouth.lip * round_
    lips = torch.maximum(between(y, upper, lower, slope), beyond)
    canvas.lay(lips, paint.lips * _on_lips(paint, (y - bottom) / mouth.lip)[:, None], "lips")
    inside = torch.maximum(between(y, top, bottom, slope), beyond)
    inside = torch.where(mouth.open < 0.1, FAR, inside)
    canvas.lay(inside, _colour(x, 0.10, 0.02, 0.02), "mouth")
    tongue = ellipse(x, y - line - 0.9 * mouth.open, 0.55 * mouth.half, 0.7 * mouth.open + 0.01)
    canvas.lay(torch.maximum(inside, tongue), _colour(x, 0.42, 0.13, 0.13), "mouth")
    teeth = torch.maximum(y - top - 0.45, x.abs() - 0.8 * mouth.half)
    canvas.lay(torch.maximum(inside, teeth), _colour(x, 0.78, 0.76, 0.70), "mouth")
    seam = (y - line).abs() / (1 + (2 * mouth.bend / mouth.half).square()).sqrt() - 0.10
    shut = (1 - mouth.open / 0.15).clamp(0, 1)
    canvas.lay(torch.maximum(seam, x.abs() - 1.04 * mouth.half), 0.30 * paint.lips, "", 0.8 * shut)


def _colour(like: Tensor, *rgb: float) -> Tensor:
    """A linear colour (1, 3, 1)."""
    return torch.tensor(rgb)[None, :, None].to(like)


def _on_lips(paint: Paint, below: Tensor) -> Tensor:
    """Light (N, Q) on lips: the upper one in shade, the lower one with a glow."""
    glow = 0.22 * torch.exp(-((below - 0.5) / 0.3).square())
    return (0.55 + 0.35 * paint.ambient) * torch.where(below < 0, 0.78, 1.0) + glow


def lay_folds(canvas: Canvas, sitters: Sitters, side: int) -> None:
    """Paint crow's feet beside an eye and a bag below it."""
    eye, sign = sitters.parts.eyes[side], SIDES[side][1]
    ink, strength = 0.42 * sitters.paint.skin, sitters.faces.wrinkles[:, None]
    x, y = eye.at.local(canvas.u, canvas.v)
    for k in (-1, 0, 1):
        start, end = (1.15, 0.25 * k), (1.75, 0.55 * k)
        ends = ((sign * a * eye.half, b * eye.half) for a, b in (start, end))
        canvas.lay(segment(x, y, *ends) - 0.06, ink, "", 0.55 * strength)
    t = (x / (0.9 * eye.half)).clamp(-1, 1)
    y = y - 0.85 * eye.half * (1 - 0.5 * t * t)
    canvas.lay(((x - 0.9 * t * eye.half).square() + y * y).sqrt() - 0.07, ink, "", 0.6 * strength)


def forehead_region(parts: Anatomy) -> Region:
    """Where the lines on the brow are."""
    o = parts.outline
    return o.shift, -0.52 * o.above, 0.55 * o.a + 0.3, 0.12 * o.above + 0.6


def lay_forehead(canvas: Canvas, sitters: Sitters) -> None:
    """Paint lines on the brow."""
    o, ink = sitters.parts.outline, 0.42 * sitters.paint.skin
    x = canvas.u - o.shift
    t = (x / (0.55 * o.a)).clamp(-1, 1)
    for k, share in enumerate((0.42, 0.52, 0.62)):
        y = canvas.v + share * o.above + 0.25 * (1 - t * t) - 0.12 * k
        far = ((x - 0.55 * o.a * t).square() + y * y).sqrt()
        canvas.lay(far - 0.08, ink, "", 0.65 * sitters.faces.wrinkles[:, None])


def cheeks_region(parts: Anatomy) -> Region:
    """Where the folds from the nose to the mouth are."""
    nose, mouth = parts.nose, parts.mouth
    across = 0.5 * (nose.x - mouth.at.x).abs() + 1.2 * mouth.half + 0.3
    return 0.5 * (nose.x + mouth.at.x), 0.5 * (nose.y + mouth.at.y), across, 0.5 * (mouth.at.y - nose.y) + 0.5


def lay_cheeks(canvas: Canvas, sitters: Sitters) -> None:
    """Paint the folds from the nose to the mouth, of old faces and of those that smile."""
    faces, nose, mouth = sitters.faces, sitters.parts.nose, sitters.parts.mouth
    strength = (0.5 * faces.wrinkles + 0.3 * faces.smile.clamp_min(0)).clamp(0, 0.6)[:, None]
    for _, sign in SIDES:
        start = (nose.x + sign * nose.across * 1.2 * sitters.parts.wing, nose.y - 0.3)
        end = (mouth.at.x + sign * mouth.at.across * 1.16 * mouth.half, mouth.at.y - 0.1)
        canvas.lay(segment(canvas.u, canvas.v, start, end) - 0.08, 0.42 * sitters.paint.skin, "", strength)
