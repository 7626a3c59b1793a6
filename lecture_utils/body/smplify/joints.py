"""Where a body's joints are (S20.4), without its skin: all that a fit to joints needs.

The joints at rest are linear in the shape, J (T̄ + S β) = J T̄ + (J S) β, and so need no vertex once J T̄ and
J S are known: a fit is some hundred times faster for it.

Shapes: B bodies, J joints, K shape components.
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from lecture_utils.body.lbs import forward_kinematics
from lecture_utils.body.smpl import SMPL
from lecture_utils.ops.checks import check_tensor
from lecture_utils.ops.rotation import axis_angle_to_matrix


class RestJoints(NamedTuple):
    """Joints at rest of any shape: mean (J, 3) and directions (J, 3, K) in metres, and the tree."""

    mean: Tensor
    directions: Tensor
    parents: tuple[int, ...]

    @classmethod
    def of(cls, model: SMPL) -> Self:
        """Those of a body model: J T̄ and J S."""
        directions = torch.einsum("jv,vck->jck", model.joint_regressor, model.shape_directions)
        return cls(model.joint_regressor @ model.template, directions, model.parents)

    def at(self, shape: Tensor) -> Tensor:
        """Return the joints at rest (B, J, 3) of shapes (B, up to K)."""
        check_tensor(shape, "shape", "B", "k")
        if shape.shape[1] > self.directions.shape[-1]:
            raise ValueError(f"shape: got {shape.shape[1]} numbers, want at most {self.directions.shape[-1]}")
        return self.mean + torch.einsum("jck,bk->bjc", self.directions[..., : shape.shape[1]], shape)


def posed_joints(
    rest: RestJoints, shape: Tensor, pose: Tensor, pelvis: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Pose the joints alone.

    Parameters
    ----------
    rest : RestJoints
        Of the body model.
    shape, pose : Tensor
        β (B, up to K) and axis-angles θ (B, J, 3).
    pelvis : Tensor, optional
        (B, 3), where to put the root, in metres; left out, it stays where it was at rest.

    Returns
    -------
    joints : Tensor
        (B, J, 3), as `SMPL.forward` has them.
    world : Tensor
        (B, J, 3, 3), the joints' rotations.
    """
    check_tensor(pose, "pose", len(shape), len(rest.parents), 3)
    joints = rest.at(shape)
    if pelvis is not None:
        check_tensor(pelvis, "pelvis", len(shape), 3)
        joints = joints + (pelvis - joints[:, 0])[:, None]
    return forward_kinematics(axis_angle_to_matrix(pose), joints, rest.parents)
