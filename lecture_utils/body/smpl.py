"""SMPL (S20.3): from 10 numbers of shape and 24 rotations to a person's skin, all linear but the last step.

    T(β, θ) = T̄ + S β + P (R(θ) - R(0))      template, shape directions, pose directions
    M(β, θ) = skinning of T(β, θ) about the joints J (T̄ + S β), by the weights W

M. Loper, N. Mahmood, J. Romero, G. Pons-Moll and M. Black, "SMPL: A skinned multi-person linear model", ACM
Transactions on Graphics 2015, section 3, equations 2 to 10. The five matrices T̄, S, P, J, W are learned
from scans; those of the course's own body from generated people (`recipes.people_body`). Left out: soft
tissue that swings (the paper's section 7).

Shapes: B bodies, V vertices, J joints, K shape components, F triangles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.body.lbs import check_tree, forward_kinematics, skin
from lecture_utils.ops.checks import check_tensor, check_type
from lecture_utils.ops.rotation import axis_angle_to_matrix, check_rotation


@dataclass(frozen=True)
class Posed:
    """Bodies in a pose, in metres.

    Attributes
    ----------
    vertices : Tensor
        (B, V, 3), the skin.
    joints : Tensor
        (B, J, 3), the joints.
    rotations : Tensor
        (B, J, 3, 3), the joints' rotations relative to the world.
    """

    vertices: Tensor
    joints: Tensor
    rotations: Tensor


class SMPL(nn.Module):
    """A body model: five matrices and a tree.

    Parameters
    ----------
    template : Tensor
        T̄ (V, 3), the mean person at rest, in metres; y up, z to the front.
    shape_directions : Tensor
        S (V, 3, K), how a vertex moves with each shape number, in metres a standard deviation.
    pose_directions : Tensor
        P (V, 3, 9 (J - 1)), how a vertex moves with the entries of R(θ) - R(0) of all joints but the root.
    joint_regressor : Tensor
        J (J, V), each joint as a mean of vertices; rows add up to 1.
    weights : Tensor
        W (V, J), skinning weights ≥ 0; rows add up to 1.
    faces : Tensor
        (F, 3), triangles as numbers of vertices, counter-clockwise seen from outside.
    parents : sequence of int
        J, the joint before each; -1 for the root, which comes first.

    Raises
    ------
    ValueError
        For shapes that do not fit one another, values that are not finite, weights or regressors whose rows
        do not add up to 1, faces of vertices that are not there, a tree that is none.

    Notes
    -----
    `pose_directions` lies in memory entry by entry (the stride of its last axis is the longest), so that the
    product with few bodies reads it in one go: ten times as fast for one.
    """

    template: Tensor
    shape_directions: Tensor
    pose_directions: Tensor
    joint_regressor: Tensor
    weights: Tensor
    faces: Tensor

    def __init__(
        self,
        template: Tensor,
        shape_directions: Tensor,
        pose_directions: Tensor,
        joint_regressor: Tensor,
        weights: Tensor,
        faces: Tensor,
        parents: Sequence[int],
    ) -> None:
        super().__init__()
        check_tensor(template, "template", "V", 3, finite=True)
        count = len(template)
        check_tree(parents)
        check_tensor(shape_directions, "shape_directions", count, 3, "K", finite=True)
        check_tensor(pose_directions, "pose_directions", count, 3, 9 * (len(parents) - 1), finite=True)
        check_tensor(joint_regressor, "joint_regressor", len(parents), count, finite=True)
        check_tensor(weights, "weights", count, len(parents), finite=True)
        check_tensor(faces, "faces", "F", 3, kind="int")
        if bool((weights < 0).any()):
            raise ValueError(f"weights: got {float(weights.min()):.3g}, want 0 or more")
        for name, rows in (("weights", weights), ("joint_regressor", joint_regressor)):
            if bool(((rows.sum(1) - 1).abs() > 1e-3).any()):
                raise ValueError(f"{name}: got a row that does not add up to 1, want all rows to")
        if faces.numel() and not 0 <= int(faces.min()) <= int(faces.max()) < count:
            raise ValueError(
                f"faces: got vertices {int(faces.min())} to {int(faces.max())}, want 0 to {count - 1}"
            )
        self.parents = tuple(int(parent) for parent in parents)
        self.register_buffer("template", template)
        self.register_buffer("shape_directions", shape_directions)
        by_entry = pose_directions.permute(
            2, 0, 1
        ).contiguous()  # for speed: the same numbers, laid otherwise
        self.register_buffer("pose_directions", by_entry.permute(1, 2, 0))
        self.register_buffer("joint_regressor", joint_regressor)
        self.register_buffer("weights", weights)
        self.register_buffer("faces", faces.long())

    def shaped(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Return skin (B, V, 3) and joints (B, J, 3) at rest of persons of `shape` (B, up to K)."""
        check_tensor(shape, "shape", "B", "k", finite=True)
        check_type(shape, self.template, name="shape")
        if shape.shape[1] > self.shape_directions.shape[-1]:
            raise ValueError(
                f"shape: got {shape.shape[1]} numbers, want at most {self.shape_directions.shape[-1]}"
            )
        rest = self.template + _times(shape, self.shape_directions[..., : shape.shape[1]])  # equation 8
        return rest, torch.einsum("jv,bvc->bjc", self.joint_regressor, rest)  # equation 10

    def correctives(self, rotations: Tensor) -> Tensor:
        """Return what the pose adds to the skin at rest, (B, V, 3), of rotations (B, J, 3, 3); equation 9."""
        check_tensor(rotations, "rotations", "B", len(self.parents), 3, 3, finite=True)
        check_type(rotations, self.template, name="rotations")
        feature = (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1)  # (B, 9 (J - 1)): 0 at rest
        return _times(feature, self.pose_directions)

    def forward(
        self, shape: Tensor, pose: Tensor, translation: Tensor | None = None, *, correctives: bool = True
    ) -> Posed:
        """Pose bodies.

        Parameters
        ----------
        shape : Tensor
            β (B, up to K), in standard deviations; numbers left out are 0.
        pose : Tensor
            θ, each joint's rotation relative to its parent's: axis-angle (B, J, 3) in radians, or matrices
            (B, J, 3, 3).
        translation : Tensor, optional
            (B, 3), added to all points, in metres.
        correctives : bool
            Whether the pose directions are used; without them this is plain linear blend skinning.

        Raises
        ------
        ValueError
            For other shapes, types or values that are not finite, and for matrices that are no rotations.
        """
        rest, joints = self.shaped(shape)
        rotations = self._rotations(pose, len(shape))
        if correctives:
            rest = rest + self.correctives(rotations)
        posed, world = forward_kinematics(rotations, joints, self.parents)
        vertices = skin(rest, joints, posed, world, self.weights)
        if translation is None:
            return Posed(vertices, posed, world)
        check_tensor(translation, "translation", len(shape), 3, finite=True)
        check_type(translation, self.template, name="translation")
        return Posed(vertices + translation[:, None], posed + translation[:, None], world)

    def _rotations(self, pose: Tensor, batch: int) -> Tensor:
        """Return the matrices (B, J, 3, 3) of a pose in either form."""
        matrices = isinstance(pose, Tensor) and pose.ndim == 4
        check_tensor(pose, "pose", batch, len(self.parents), *((3, 3) if matrices else (3,)), finite=True)
        check_type(pose, self.template, name="pose")
        if not matrices:
            return axis_angle_to_matrix(pose)
        check_rotation(pose, "pose")
        return pose


def _times(numbers: Tensor, directions: Tensor) -> Tensor:
    """Return Σₖ numbersₖ · directionsₖ, (B, V, 3), of (B, K) and (V, 3, K)."""
    return (numbers @ directions.flatten(0, 1).T).unflatten(1, (-1, 3))
