"""The skeleton of SMPL (S20.3): 24 joints in a tree, in the order of the published files.

A body stands in its own frame: y up, z to the front, x to its own left; metres. Scenes have z up
(`ops.camera`): the root rotation `UPRIGHT` stands a body up there, and turns its face to -y.

M. Loper, N. Mahmood, J. Romero, G. Pons-Moll and M. Black, "SMPL: A skinned multi-person linear model", ACM
Transactions on Graphics 2015, section 3. The names are those that the field uses; a joint's rotation moves
what lies behind it: "left_knee" turns the shank.
"""

import math

JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand",
    "right_hand",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
# The same joint on the other side, or itself: what a mirrored body needs.
MIRROR = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)
UPRIGHT = (math.pi / 2, 0.0, 0.0)  # axis-angle: the body's y becomes the world's z, its z the world's -y


def joint_index(name: str) -> int:
    """Return the number of a joint by its name; ValueError with the names there are."""
    if name not in JOINTS:
        raise ValueError(f"name: got {name!r}, want one of {', '.join(JOINTS)}")
    return JOINTS.index(name)
