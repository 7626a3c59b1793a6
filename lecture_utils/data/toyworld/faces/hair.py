"""Hair, beards and glasses.

Shapes: N faces, Q points.
"""

import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces.anatomy import SIDES, Anatomy
from lecture_utils.data.toyworld.faces.canvas import Canvas, Region, blend
from lecture_utils.data.toyworld.faces.distances import FAR, between, box, ellipse, segment
from lecture_utils.data.toyworld.faces.names import BEARDS, GLASSES, HAIR_STYLES
from lecture_utils.data.toyworld.faces.scene import Faces
from lecture_utils.data.toyworld.faces.sitters import Sitters

# In the order of HAIR_STYLES: bald, short, side part, fringe, curly, long, bun.
THICK = (0.0, 1.1, 1.4, 1.3, 2.3, 1.2, 0.7)  # cm by which hair stands off the head
LINE = (0.0, 0.62, 0.58, 0.30, 0.52, 0.74, 0.72)  # share of the height above the eyes that is brow
DROP = (1.0, 3.2, 2.6, 3.2, 2.4, 1.5, 4.0)  # how late the hairline falls to the ears: its power


def _of(faces: Faces, table: tuple[float, ...]) -> Tensor:
    """Look up a number of the hair's style, (N, 1)."""
    return torch.tensor(table).to(faces.yaw)[faces.hair_style][:, None]


def wears(faces: Faces, *styles: str) -> Tensor:
    """Whether hair is worn in one of these styles, (N,) bool."""
    return torch.stack([faces.hair_style == HAIR_STYLES.index(s) for s in styles]).any(0)


def _is(faces: Faces, style: str) -> Tensor:
    return wears(faces, style)[:, None]


def _parted(faces: Faces) -> Tensor:
    """-1 or 1 (N, 1): on which side hair is parted."""
    return (faces.key[:, None] % 2 * 2 - 1).to(faces.yaw.dtype)


def hair_behind(faces: Faces, parts: Anatomy, u: Tensor, v: Tensor) -> Tensor:
    """Distance (N, Q) to hair behind the head: long hair, or a bun for all who wear none."""
    o = parts.outline
    length, top = o.below + 3.0, -0.25 * o.above
    middle = 0.5 * (length + top)
    wide = o.a + 1.5 - 0.15 * o.a * torch.cos((v - middle) / length * 2.6)
    long = box(u - 0.6 * o.shift, v - middle, wide, 0.5 * (length - top), 0.5 * o.a)
    knot = ellipse(u + 0.8 * o.shift, v + o.above + 1.4, 0.42 * o.a, 0.38 * o.a)
    return torch.where(_is(faces, "long"), long, knot)


def hair_before(faces: Faces, parts: Anatomy, u: Tensor, v: Tensor) -> Tensor:
    """Distance (N, Q) to hair on the head: outside the hairline, inside a grown outline."""
    o, side = parts.outline, _parted(faces)
    x = (u - o.shift) / o.a
    waves = 0.55 * torch.sin(13 * torch.atan2(u - o.shift, -v)) * _is(faces, "curly")
    skull = o.distance(u, v, _of(faces, THICK)) - waves
    brow = _of(faces, LINE) * o.above
    line = -brow + (brow + 0.05 * o.below) * x.abs().clamp_max(1.0) ** _of(faces, DROP)
    # From the parting hair goes up steeply to one side, and falls over the brow to the other.
    gap = (0.24 - 0.5 * (x - 0.42 * side).abs()).clamp_min(0)
    swept = -brow - 0.9 * o.above * gap + 0.30 * o.above * (-x * side).clamp_min(-0.2)
    line = torch.where(_is(faces, "side part"), torch.maximum(swept, line), line)
    line = torch.where(_is(faces, "fringe"), line + 0.35 * torch.sin(9 * x + 1).abs(), line)
    curtain = o.above * (1.02 * (1.05 * x.abs()) ** 1.35 - 0.86)
    line = torch.where(_is(faces, "long"), curtain, line)
    cap = torch.maximum(skull, 0.75 * (v - line))
    locks = torch.maximum(0.86 * o.a - (u - o.middle(v)).abs(), v - o.below - 2.0)
    locks = torch.maximum(locks, (u - o.shift).abs() - o.a - 1.2 - 0.06 * v.clamp_min(0))
    locks = torch.where(_is(faces, "long") & (v > -1.0), locks, FAR)
    return torch.where(_is(faces, "bald"), FAR, torch.minimum(cap, locks))


def lay_hair(canvas: Canvas, sitters: Sitters, distance: Tensor) -> None:
    """Paint hair with strands and a sheen."""
    faces, paint, o = sitters.faces, sitters.paint, sitters.parts.outline
    u, v = canvas.u, canvas.v
    x, y = (u - o.shift) / o.a, v / o.above
    parting = 0.42 * _parted(faces) * _is(faces, "side part")
    angle = torch.atan2(x - parting, 1.25 + y.clamp(-1.2, 3))
    strands = 0.5 * torch.sin(34 * angle + 3 * torch.sin(2.5 * y)) + 0.3 * torch.sin(71 * angle + 1.3)
    curls = torch.sin(2.1 * u + 2 * torch.sin(1.3 * v)) * torch.sin(2.3 * v + 2 * torch.sin(1.2 * u))
    strands = torch.where(_is(faces, "curly"), 1.1 * curls, strands)
    to_x, to_y, to_z = paint.towards[:, None].unbind(-1)
    facing = (0.85 * x).clamp(-1, 1) * to_x + (0.8 * y + 0.2).clamp(-1, 0.6) * to_y - 0.6 * to_z
    light = (0.85 * paint.ambient + 1.1 * (1 - paint.ambient) * facing.clamp(0, 1))[:, None]
    sheen = 0.10 * torch.exp(-((y + 0.72 + 0.15 * x * x) / 0.16).square()) * (1 + 0.6 * strands)
    colour = paint.hair * (0.95 + 0.28 * strands)[:, None] + sheen[:, None] * (0.25 + paint.hair)
    canvas.lay(distance, colour * light, "hair")


def beard_distance(faces: Faces, parts: Anatomy, u: Tensor, v: Tensor) -> Tensor:
    """Distance (N, Q) to the beard, a stubble too; far where there is none."""
    o, nose, mouth, kind = parts.outline, parts.nose, parts.mouth, faces.beard[:, None]
    x, y = mouth.at.local(u, v)
    t = x / (1.25 * mouth.half)
    low = mouth.bend - 0.3 * mouth.open - 0.2 * mouth.lip
    gap = (mouth.at.y - nose.y) / mouth.at.down
    upper = low - 0.72 * (gap + low) * (1 - 0.55 * t.abs()) + 0.9 * t * t
    moustache = between(y, upper, low + 0.8 * t * t + 0.15, 0.4)
    moustache = torch.maximum(moustache, (t.abs() - 1) * 1.25 * mouth.half)
    # The rest: below a line from the ears to the mouth's corners.
    side = ((u - o.middle(v)) / (o.a * o.swell(v))).abs()
    down = mouth.at.y + mouth.at.down * (mouth.bend + mouth.open + 1.3 * mouth.lip)
    around = mouth.at.y - 0.4 * mouth.lip + 0 * u
    cheeks = 0.2 * down - mouth.at.y * (0.85 * ((side - 0.30).clamp_min(0) / 0.7) ** 1.5 - 0.80)
    line = torch.where(side < 0.30, around, torch.minimum(around, cheeks))
    head = o.distance(u, v, 0.45)
    full = torch.minimum(moustache, torch.maximum(head, 0.8 * (line - v)))
    tuft = 0.5 * (o.below + 1.6 - down)
    chin = ellipse(u - o.middle(o.below), v - down - tuft + 0.35, 0.85 * mouth.half, tuft)
    goatee = torch.minimum(moustache, torch.maximum(chin, head))
    out = torch.where(kind == BEARDS.index("moustache"), moustache, full)
    out = torch.where(kind == BEARDS.index("goatee"), goatee, out)
    return torch.where(kind == BEARDS.index("none"), FAR, out)


def lay_beard(canvas: Canvas, sitters: Sitters) -> None:
    """Paint a beard; of a stubble the skin shows through."""
    faces, paint, u, v = sitters.faces, sitters.paint, canvas.u, canvas.v
    hairs = torch.sin(5.3 * u + 1.5 * torch.sin(4.1 * v)) * torch.sin(6.1 * v + 1.5 * torch.sin(3.7 * u))
    light = (1 + 0.30 * hairs) * (0.45 + 0.5 * paint.ambient)
    stubble = (faces.beard == BEARDS.index("stubble"))[:, None]
    distance = beard_distance(faces, sitters.parts, u, v)
    colour = blend(paint.hair, 0.02, 0.25) * light[:, None]
    canvas.lay(distance, colour, "beard", torch.where(stubble, 0.52, 0.95))


def glasses_region(parts: Anatomy) -> Region:
    """Where glasses are, with their arms."""
    o = parts.outline
    y = parts.eyes[0].at.y
    return o.shift, y, 1.02 * o.a + 0.4, 2.6 + 0 * y


def lay_glasses(canvas: Canvas, sitters: Sitters) -> None:
    """Paint frames, bridge and arms, and a breath of glass."""
    faces, parts, u, v = sitters.faces, sitters.parts, canvas.u, canvas.v
    square = (faces.glasses == GLASSES.index("square"))[:, None]
    gold = torch.tensor([0.35, 0.22, 0.06])[:, None].to(u)
    frame = torch.where(faces.key[:, None, None] % 3 == 0, gold, torch.full_like(gold, 0.015))
    inner = []
    for (_, sign), eye in zip(SIDES, parts.eyes, strict=True):
        x, y = eye.at.local(u, v)
        round_ = ellipse(x, y - 0.1, 1.42 * eye.half, 1.36 * eye.half)
        rim = torch.where(square, box(x, y - 0.15, 1.50 * eye.half, 1.06 * eye.half, 0.5), round_)
        canvas.lay(rim, torch.ones_like(frame), "", 0.03)
        canvas.lay(rim.abs() - 0.16, frame, "glasses")
        outer = (eye.at.x + sign * eye.at.across * 1.45 * eye.half, eye.at.y - 0.3)
        temple = (parts.outline.shift + sign * 0.985 * parts.outline.a, eye.at.y - 0.3)
        canvas.lay(segment(u, v, outer, temple) - 0.15, frame, "glasses")
        inner.append((eye.at.x - sign * eye.at.across * 1.4 * eye.half, eye.at.y - 0.3))
    canvas.lay(segment(u, v, *inner) - 0.15, frame, "glasses")
