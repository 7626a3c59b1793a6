"""How far joints turn: ranges of the angles x, y, z, R = R_x R_y R_z about the parent's axes, from T-pose.

Hips, knees, shoulders, elbows and wrists are rounded from D. Boone and S. Azen, "Normal range of motion of
joints in male subjects", Journal of Bone and Joint Surgery 1979; a wrist also has what a forearm turns.
Trunk and neck are of the order of what is tabulated after the American Academy of Orthopaedic Surgeons,
"Joint Motion: Method of Measuring and Recording", 1965: a third of the trunk's range at each joint of the
spine, half of the neck's at neck and head. Assumptions of the toy world: the collar, the toes, the sides of
an ankle, an arm that crosses the trunk by 10°, and an ankle that bends by 38°, as one does under load (the
source has 13°, without). Simplified: the ranges do not depend on one another, as those of real joints do;
and an arm turns outwards by 90° (104° in the source), beyond which the three angles of a rotation are not
its only ones.

The axes are the body's: x to its left, y up, z to the front. A positive x bends trunk, neck and knee (whose
heel goes to the back), and takes an arm or a leg backwards.
"""

import math

import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, MIRROR, joint_index
from lecture_utils.ops.checks import check_tensor
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle

# degrees of x, y, z; of the left side where there are two
RANGES: dict[str, tuple[tuple[float, float], ...]] = {
    "pelvis": ((-15, 45), (-20, 20), (-15, 15)),  # of our activities, not a joint's: the whole body's stance
    "left_hip": ((-122, 10), (-47, 47), (-27, 46)),
    "left_knee": ((0, 143), (0, 0), (0, 0)),
    "left_ankle": ((-38, 56), (-10, 10), (-20, 20)),
    "left_foot": ((-60, 30), (0, 0), (0, 0)),
    "spine1": ((-10, 27), (-15, 15), (-12, 12)),
    "spine2": ((-10, 27), (-15, 15), (-12, 12)),
    "spine3": ((-10, 27), (-15, 15), (-12, 12)),
    "neck": ((-22, 22), (-30, 30), (-22, 22)),
    "head": ((-22, 22), (-30, 30), (-22, 22)),
    "left_collar": ((-10, 10), (-15, 15), (-10, 25)),
    "left_shoulder": ((-167, 62), (-90, 69), (-100, 94)),
    "left_elbow": ((0, 0), (-143, 0), (0, 0)),
    "left_wrist": ((-76, 76), (-22, 36), (-76, 75)),
    "left_hand": ((0, 0), (0, 0), (0, 0)),
}


def _limits() -> Tensor:
    table = torch.zeros(len(JOINTS), 3, 2)
    for name, ranges in RANGES.items():
        table[joint_index(name)] = torch.tensor(ranges)
        other = MIRROR[joint_index(name)]
        if other != joint_index(name):
            x, y, z = ranges  # y and z change sign, and so their ends places
            table[other] = torch.tensor([x, (-y[1], -y[0]), (-z[1], -z[0])])
    return torch.deg2rad(table)


LIMITS = _limits()  # (24, 3, 2): least and most, in radians


def angles_to_pose(angles: Tensor) -> Tensor:
    """Turn angles x, y, z (…, 24, 3) in radians into axis-angles (…, 24, 3) of R_x R_y R_z."""
    check_tensor(angles, "angles", "…", len(JOINTS), 3, finite=True)
    x, y, z = torch.diag_embed(angles).unbind(-2)  # (…, 24, 3) each: axis-angles about one axis
    return matrix_to_axis_angle(axis_angle_to_matrix(x) @ axis_angle_to_matrix(y) @ axis_angle_to_matrix(z))


def pose_to_angles(pose: Tensor) -> Tensor:
    """Turn axis-angles (…, 24, 3) into angles x, y, z in radians; undoes `angles_to_pose`.

    A rotation has two triples. This is the one with y within ±π/2, but of the elbows, which bend further
    about y, the one with the smaller x.
    """
    check_tensor(pose, "pose", "…", len(JOINTS), 3, finite=True)
    matrix = axis_angle_to_matrix(pose)
    x = torch.atan2(-matrix[..., 1, 2], matrix[..., 2, 2])
    y = torch.atan2(matrix[..., 0, 2], torch.hypot(matrix[..., 0, 0], matrix[..., 0, 1]))
    z = torch.atan2(-matrix[..., 0, 1], matrix[..., 0, 0])
    elbow = torch.zeros(len(JOINTS), dtype=torch.bool, device=pose.device)
    elbow[[joint_index("left_elbow"), joint_index("right_elbow")]] = True
    other = elbow & (x.abs() > math.pi / 2)
    x = torch.where(other, x - math.pi * x.sign(), x)
    y = torch.where(other, math.pi * torch.where(y < 0, -1.0, 1.0) - y, y)
    z = torch.where(other, z - math.pi * z.sign(), z)
    return torch.stack([x, y, z], dim=-1)
