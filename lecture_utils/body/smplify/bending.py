"""Joint limits of SMPLify (S20.4): elbows and knees that bend the wrong way cost more and more.

Bogo et al. 2016, equation 3: E_a = Σ exp(θ_i) over the four hinges, with θ_i > 0 where the bend is unnatural.
A straight joint costs 1, one bent the natural way next to nothing.

The sign rule, in SMPL's axes (y up, z to the front, arms out in the rest pose): a knee bends about +x, the
left elbow about -y and the right one about +y.

Shapes: B bodies.
"""

import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.ops.checks import check_tensor

# joint, axis of its axis-angle, sign that makes an unnatural bend positive
HINGES = (("left_knee", 0, -1.0), ("right_knee", 0, -1.0), ("left_elbow", 1, 1.0), ("right_elbow", 1, -1.0))


def unnatural_bend(pose: Tensor) -> Tensor:
    """Return the angles (B, 4) in radians of knees and elbows, positive where they bend the wrong way."""
    check_tensor(pose, "pose", "B", 24, 3, finite=True)
    return torch.stack([sign * pose[:, joint_index(name), axis] for name, axis, sign in HINGES], dim=1)


def bending_residuals(pose: Tensor) -> Tensor:
    """Return numbers (B, 4) whose squares add up to E_a = Σ exp(θ_i), for poses (B, 24, 3)."""
    return (unnatural_bend(pose) / 2).exp()


def hinge_columns() -> list[tuple[int, float]]:
    """Return where each hinge's angle stands among the 72 numbers of a pose, and its sign."""
    return [(3 * joint_index(name) + axis, sign) for name, axis, sign in HINGES]
