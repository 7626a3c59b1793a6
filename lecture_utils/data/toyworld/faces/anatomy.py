"""Where the parts of a face are in its frame, seen from the camera, and the landmarks on them.

The frame: origin on the head's middle line at its widest level (the eyes'), u to the picture's right, v down,
in cm, before the head tips. A turned head is half an ellipsoid whose points move by weak perspective:
x' = x·cos(yaw) + z·sin(yaw), y' = y·cos(pitch) + z·sin(pitch).

Shapes: N faces, Q points, L landmarks. All of a face's numbers are (N, 1).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces.distances import Outline
from lecture_utils.data.toyworld.faces.names import LANDMARKS
from lecture_utils.data.toyworld.faces.scene import Faces

SIDES = (("right", -1.0), ("left", 1.0))  # the person's own; -1 is left in the picture
DEPTH = 0.62  # of the face, in half head widths
NOSE_OUT = 2.2  # cm by which the tip stands out


@dataclass(frozen=True, eq=False)
class Place:
    """A part's middle (x, y) in the frame, and how much it is foreshortened across and down."""

    x: Tensor
    y: Tensor
    across: Tensor
    down: Tensor

    def local(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Points (N, Q) in cm on the part itself, from its middle."""
        return (u - self.x) / self.across, (v - self.y) / self.down

    def seen(self, x: Tensor, y: Tensor) -> Tensor:
        """Points on the part back in the frame, (N, 2)."""
        return torch.cat([self.x + self.across * x, self.y + self.down * y], dim=1)


@dataclass(frozen=True, eq=False)
class Eye:
    """Half width, heights of the lids above and below the corners' line, how far out is up, iris and gaze."""

    at: Place
    half: Tensor
    upper: Tensor
    lower: Tensor
    tilt: Tensor
    iris: Tensor
    look: tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Brow:
    """Half length, rise of the middle, rise of the outer end (towards the side `sign`), half thickness."""

    at: Place
    half: Tensor
    arch: Tensor
    slant: Tensor
    thick: Tensor


@dataclass(frozen=True, eq=False)
class Mouth:
    """Half width, how far its middle hangs below the corners, opening (0.3 up, 1 down), a lip's thickness."""

    at: Place
    half: Tensor
    bend: Tensor
    open: Tensor
    lip: Tensor


@dataclass(frozen=True, eq=False)
class Anatomy:
    """All parts of N faces; eyes, brows and ears are of the right and the left side."""

    outline: Outline
    eyes: tuple[Eye, Eye]
    brows: tuple[Brow, Brow]
    ears: tuple[Place, Place]
    ear: Tensor
    bridge: Place
    nose: Place
    wing: Tensor
    mouth: Mouth
    yaw: Tensor


def anatomy(faces: Faces) -> Anatomy:
    """Work out the parts of N faces."""
    f = {name: getattr(faces, name)[:, None] for name in _NUMBERS}
    a, below = f["head_width"] / 2, f["head_length"] * (1 - f["eye_level"])
    above = f["head_length"] * f["eye_level"]
    turned, nodded = torch.sin(f["yaw"]), torch.sin(f["pitch"])
    jaw_open = 0.8 * f["mouth_open"]  # cm by which the chin drops
    outline = Outline(
        a, above - 0.25 * a * nodded, below + 0.25 * a * nodded + jaw_open, f["squareness"], f["jaw"],
        f["cheek"], shift=0.10 * a * turned, chin=0.45 * a * turned,
    )  # fmt: skip

    def place(x: Tensor, y: Tensor, out: float = 0.0) -> Place:
        bulge = (1 - (x / a).square() - (y / (1.25 * below)).square()).clamp_min(0.12).sqrt()
        z, steep = DEPTH * a * bulge + out, -DEPTH * x / (a * bulge)
        level = -DEPTH * a * y / ((1.25 * below).square() * bulge)
        return Place(
            x * torch.cos(f["yaw"]) + z * turned,
            y * torch.cos(f["pitch"]) + z * nodded,
            (torch.cos(f["yaw"]) + steep * turned).clamp_min(0.3),
            (torch.cos(f["pitch"]) + level * nodded).clamp_min(0.3),
        )

    zero, eyes, brows, ears = torch.zeros_like(a), [], [], []
    half, opened = f["eye_size"] / 2, f["eye_open"].clamp_min(0.12)
    squint = 0.12 * f["smile"].clamp_min(0)
    for _, sign in SIDES:
        at = place(sign * f["eye_distance"] / 2, zero)
        look = (0.45 * half * faces.gaze[:, :1], 0.30 * half * faces.gaze[:, 1:])
        eyes.append(
            Eye(at, half, half * (0.62 * opened - squint), half * (0.36 + 0.1 * opened - squint),
                sign * f["eye_tilt"], 0.48 * half + 0.06, look)
        )  # fmt: skip
        lift = f["brow_height"] + 0.55 * f["brow_raise"]
        slant = 0.12 - 0.25 * (-f["brow_raise"]).clamp_min(0)
        at = place(sign * 0.52 * f["eye_distance"], -lift)
        brows.append(Brow(at, 1.28 * half, f["brow_arch"], sign * slant, f["brow_thickness"]))
        # An ear sits beside the head: the one on the far side goes behind it.
        far = sign * turned
        x = outline.shift + sign * a * (0.99 - 0.25 * far.abs())
        ears.append(Place(x, 0.12 * below - 0.3 * a * nodded, 1 - 0.9 * far, 1 + zero))
    nose_y = f["nose_length"]
    mouth_y = nose_y + 0.46 * (below - nose_y) + 0.35 * jaw_open
    smile = f["smile"]
    wide = 0.5 * f["mouth_width"] * (1 + 0.10 * smile - 0.12 * f["mouth_open"])
    mouth = Mouth(
        place(zero, mouth_y), wide, 0.85 * smile + 0.08, 0.8 * f["mouth_open"],
        f["lip_thickness"] * (1 - 0.18 * smile.clamp_min(0)),
    )  # fmt: skip
    return Anatomy(
        outline, (eyes[0], eyes[1]), (brows[0], brows[1]), (ears[0], ears[1]), f["ear_size"],
        place(zero, zero + 0.2, 0.6), place(zero, nose_y, NOSE_OUT), f["nose_width"] / 2, mouth, f["yaw"],
    )  # fmt: skip


_NUMBERS = (
    "head_width", "head_length", "eye_level", "jaw", "squareness", "cheek", "eye_distance", "eye_size",
    "eye_tilt", "brow_height", "brow_thickness", "brow_arch", "nose_length", "nose_width", "mouth_width",
    "lip_thickness", "ear_size", "smile", "mouth_open", "eye_open", "brow_raise", "yaw", "pitch",
)  # fmt: skip


def landmarks(parts: Anatomy) -> Tensor:
    """Landmarks (N, L, 2) in the frame, in the order of LANDMARKS; each lies on what is drawn."""
    points: dict[str, Tensor] = {}
    outline = parts.outline
    zero = torch.zeros_like(outline.a)
    for (side, sign), eye, brow in zip(SIDES, parts.eyes, parts.brows, strict=True):
        for name, v in (
            ("temple", -0.3 * outline.above),
            ("cheek", 0.3 * outline.below),
            ("jaw", 0.74 * outline.below),
        ):
            u = outline.middle(v) + sign * outline.half_width(v)
            points[f"{side} {name}"] = torch.cat([u, v], dim=1)
        for name, t in (("inner", -sign), ("middle", 0.0), ("outer", sign)):
            points[f"{side} {name} brow"] = brow.at.seen(t * brow.half, brow_line(brow, zero + t))
        for name, t in (("inner", -sign), ("outer", sign)):
            points[f"{side} {name} eye corner"] = eye.at.seen(t * eye.half, -eye.tilt * t * eye.half)
        points[f"{side} upper lid"] = eye.at.seen(zero, -eye.upper)
        points[f"{side} lower lid"] = eye.at.seen(zero, eye.lower)
        points[f"{side} pupil"] = eye.at.seen(*eye.look)
        points[f"{side} nose wing"] = parts.nose.seen(sign * parts.wing, zero)
        points[f"{side} mouth corner"] = parts.mouth.at.seen(sign * parts.mouth.half, zero)
    mouth, down = parts.mouth, parts.mouth.bend
    points["crown"] = torch.cat([outline.shift, -outline.above], dim=1)
    points["chin"] = torch.cat([outline.shift + outline.chin, outline.below], dim=1)
    points["nose bridge"], points["nose tip"] = (
        parts.bridge.seen(zero, zero),
        parts.nose.seen(zero, zero - 0.35),
    )
    points["upper lip"] = mouth.at.seen(zero, down - 0.3 * mouth.open - bow(zero) * mouth.lip)
    points["lower lip"] = mouth.at.seen(zero, down + mouth.open + 1.15 * mouth.lip)
    return torch.stack([points[name] for name in LANDMARKS], dim=1)


def brow_line(brow: Brow, t: Tensor) -> Tensor:
    """Height of a brow's middle line where it is t half lengths from its middle, t in [-1, 1]."""
    return -brow.arch * (1 - t * t) - brow.slant * t * brow.half


def bow(t: Tensor) -> Tensor:
    """Thickness of the upper lip, as a share, t half widths from the middle: Cupid's bow."""
    return (1 - t * t).clamp_min(0) * (1 - 0.30 * torch.exp(-(t * t) / 0.03))
