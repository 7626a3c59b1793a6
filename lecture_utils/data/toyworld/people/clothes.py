"""Clothes of people: the colour of a place on the body, told from the body model alone.

What a place is (arm, head, …) the skinning weights say, and how far down the arm it lies, the template: so
that any SMPL can be dressed, and the edges of the clothes are as sharp as the pixels are.

Shapes: V vertices, J joints, Q places on the skin.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.scene import PATTERNS, Clothes

GROUPS = {
    "trunk": ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar"),
    "neck": ("neck",),
    "head": ("head",),
    "arm": ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    "hand": ("left_wrist", "right_wrist", "left_hand", "right_hand"),
    "leg": ("left_hip", "right_hip", "left_knee", "right_knee"),
    "foot": ("left_ankle", "right_ankle", "left_foot", "right_foot"),
}
NAMES = tuple(GROUPS)
HEM_M = -0.02  # of the shirt, above the pelvis
EYE, LIP = (0.12, 0.08, 0.07), (0.62, 0.25, 0.25)


@dataclass(frozen=True, eq=False)
class Tailor:
    """What has to be known of a body to dress it.

    Attributes
    ----------
    known : Tensor
        (V, 7 + 3): how much of a vertex each group of joints has, and its place in the template, from the
        pelvis.
    joints : Tensor
        (J, 3), the template's, from the pelvis.
    head : Tensor
        (2, 3), the lowest and the highest corner of the head's box.
    """

    known: Tensor
    joints: Tensor
    head: Tensor


def tailor(model: SMPL) -> Tailor:
    """Measure a body model, at its mean shape."""
    share = [model.weights[:, [joint_index(j) for j in names]].sum(1) for names in GROUPS.values()]
    groups = torch.stack(share, dim=1)  # (V, 7)
    joints = model.joint_regressor @ model.template
    pelvis = joints[joint_index("pelvis")]
    places, joints = model.template - pelvis, joints - pelvis
    head = places[groups.argmax(1) == NAMES.index("head")]
    if not len(head):
        raise ValueError("model: got one without vertices that the head moves most, want some")
    return Tailor(torch.cat([groups, places], dim=1), joints, torch.stack([head.amin(0), head.amax(0)]))


def dress(known: Tensor, own: Tailor, clothes: Clothes, scene: int, person: int) -> Tensor:
    """Return the colours (Q, 3) of places on a person's skin, sRGB in [0, 1].

    Parameters
    ----------
    known : Tensor
        (Q, 10), `Tailor.known` carried to the places.
    own : Tailor
    clothes : Clothes
    scene, person : int
        Whose clothes.
    """
    group, place = known[:, : len(GROUPS)].argmax(1), known[:, len(GROUPS) :]
    part = {name: group == i for i, name in enumerate(NAMES)}
    skin, hair, shirt, second, trousers, shoes = clothes.colour[scene, person]  # (3,) each
    kind = PATTERNS[int(clothes.pattern[scene, person])]
    second_cloth = pattern(place, kind, float(clothes.period_m[scene, person]))[:, None]
    cloth = torch.where(second_cloth, second, shirt)  # (Q, 3)
    along_arm, along_leg = _along(place, own)
    trunk = part["trunk"] | (part["leg"] & (place[:, 1] > HEM_M))
    sleeve = part["arm"] & (along_arm < clothes.sleeve[scene, person])
    lower = (trunk & (place[:, 1] < HEM_M)) | (part["leg"] & (along_leg < clothes.leg[scene, person]))
    colour = skin.expand(len(known), 3)
    colour = torch.where(lower[:, None], trousers, colour)
    colour = torch.where(((trunk & ~lower) | sleeve)[:, None], cloth, colour)
    belt = trunk & ((place[:, 1] - HEM_M).abs() < 0.015)
    colour = torch.where(belt[:, None], 0.4 * trousers, colour)
    colour = torch.where(part["foot"][:, None], shoes, colour)
    sole = part["foot"] & (place[:, 1] < own.known[:, -2].min() + 0.015)
    colour = torch.where(sole[:, None], 0.35 * shoes + 0.5, colour)
    return _faced(colour, place, part["head"], own, hair, float(clothes.hairline[scene, person]))


def pattern(place: Tensor, kind: str, period_m: float) -> Tensor:
    """Say where a cloth has its second colour, (Q,) bool, by places (Q, 3) in the template."""
    x, y = (place[:, :2] / period_m).unbind(1)
    stripes, columns = y.remainder(1) < 0.45, (x + 0.25).remainder(1) < 0.45
    if kind == "stripes":
        return stripes
    if kind == "pinstripes":
        return columns
    if kind == "checks":
        return stripes ^ columns
    if kind == "dots":
        return (x.remainder(1) - 0.5).square() + (y.remainder(1) - 0.5).square() < 0.09
    return torch.zeros_like(stripes)


def _along(place: Tensor, own: Tailor) -> tuple[Tensor, Tensor]:
    """Return how far places lie from shoulder to wrist and from hip to ankle, 0 to 1."""
    shoulder, wrist, hip, ankle = (
        own.joints[joint_index(f"left_{name}")] for name in ("shoulder", "wrist", "hip", "ankle")
    )
    mirrored = torch.cat([place[:, :1].abs(), place[:, 1:]], dim=1)  # as if all were on the left

    def share(start: Tensor, end: Tensor) -> Tensor:
        start, end = (torch.cat([x[:1].abs(), x[1:]]) for x in (start, end))
        return (mirrored - start) @ (end - start) / (end - start).square().sum()

    return share(shoulder, wrist), share(hip, ankle)


def _faced(colour: Tensor, place: Tensor, head: Tensor, own: Tailor, hair: Tensor, line: float) -> Tensor:
    """Put hair, eyes, brows and a mouth on heads."""
    low, high = own.head
    side = (place[:, 0] - (low[0] + high[0]) / 2).abs() / (high[0] - low[0]).clamp_min(1e-6)  # 0 to 0.5
    up = (place[:, 1] - low[1]) / (high[1] - low[1]).clamp_min(1e-6)  # 0 to 1
    front = (place[:, 2] - low[2]) / (high[2] - low[2]).clamp_min(1e-6)
    haired = head & (up > line + 0.9 * (line - 0.1) * (front - 1)) & (line < 1)
    facing = head & (front > 0.55)
    eye = facing & ((side - 0.2).square() / 0.06**2 + (up - 0.52).square() / 0.03**2 < 1)
    brow = facing & ((side - 0.2).abs() < 0.09) & ((up - 0.6).abs() < 0.012)
    mouth = facing & (side < 0.13) & ((up - 0.22).abs() < 0.025)
    colour = torch.where(haired[:, None], hair, colour)
    colour = torch.where(brow[:, None], 0.7 * hair, colour)
    colour = torch.where(eye[:, None], colour.new_tensor(EYE), colour)
    return torch.where(mouth[:, None], colour.new_tensor(LIP), colour)
