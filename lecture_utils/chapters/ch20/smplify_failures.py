"""Where SMPLify goes wrong, by kind: for the notebook's gallery of failures.

Shapes: B people.
"""

import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.fit import SMPLifyFit
from lecture_utils.chapters.ch20.smplify_arms import flips
from lecture_utils.data.toyworld.people.keypoints import Detected
from lecture_utils.ops.rotation import axis_angle_to_matrix

FEET = [joint_index(f"{side}_{name}") for side in ("left", "right") for name in ("ankle", "foot")]
HANDS = [joint_index(f"{side}_{name}") for side in ("left", "right") for name in ("wrist", "hand")]


@torch.no_grad()
def kinds(model: SMPL, found: Detected, fit: SMPLifyFit) -> dict[str, Tensor]:
    """How bad each fit is in each way (B,).

    "turned": degrees between the true and the fitted heading of the pelvis. "flipped": bones with a depth
    flip. "feet" and "hands": how much further they are from the truth than the other joints, in mm.
    """
    joints = model(fit.shape, fit.pose, fit.translation).joints
    own, true = joints - joints[:, :1], found.joints - found.joints[:, :1]
    error = 1000 * (own - true).norm(dim=-1)  # (B, 24)
    rest = [j for j in range(24) if j not in FEET + HANDS]
    return {
        "turned": _heading_off_deg(fit.pose[:, 0], found.pose[:, 0]),
        "flipped": flips(found, joints)[0].sum(1).float(),
        "feet": error[:, FEET].mean(1) - error[:, rest].mean(1),
        "hands": error[:, HANDS].mean(1) - error[:, rest].mean(1),
    }


def gallery(scores: dict[str, Tensor]) -> dict[str, int]:
    """The worst fit of each kind, by number; nobody twice."""
    taken: dict[str, int] = {}
    for kind, score in scores.items():
        order = score.argsort(descending=True).tolist()
        taken[kind] = next(b for b in order if b not in taken.values())
    return taken


def _heading_off_deg(root: Tensor, true: Tensor) -> Tensor:
    """Angle (B,) between where two pelvises face, seen from above."""
    ahead = [
        axis_angle_to_matrix(own)[:, :2, 2] for own in (root, true)
    ]  # the body's z, in the world's x and y
    angle = [torch.atan2(own[:, 1], own[:, 0]) for own in ahead]
    off = torch.remainder(angle[0] - angle[1] + torch.pi, 2 * torch.pi) - torch.pi
    return torch.rad2deg(off.abs())
