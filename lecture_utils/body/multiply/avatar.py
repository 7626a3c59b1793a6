"""An avatar in canonical space, moved by a body model; part of MultiPly (S20.6).

Z. Jiang, C. Guo, M. Kaufmann, T. Jiang, J. Valentin, O. Hilliges, J. Song, "MultiPly: Reconstruction of
multiple people from monocular video in the wild", CVPR 2024, section 3.1: each person is learned once, at
rest, and SMPL's skinning carries it into each frame's pose. What moves is the pose; what is learned of the
person stays.

Simplified: the paper's person is a network of a signed distance and a colour (Vid2Avatar, Guo et al., CVPR
2023), asked at points that are carried back to rest. Here it is a cloud of round Gaussians on the body's
surface, which are carried forward: no search for the point at rest. Each has an offset, a size, a colour and
an opacity of its own; they do not split, and their colour is the same from everywhere.

Shapes: N Gaussians, F frames, V vertices, J joints, K shape components.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from lecture_utils.body.lbs import check_tree, forward_kinematics, skin
from lecture_utils.body.smpl import SMPL
from lecture_utils.ops.checks import check_tensor, check_whole
from lecture_utils.ops.rotation import axis_angle_to_matrix

START_OPACITY = 0.9


class Cloud(NamedTuple):
    """A person in F frames, or in one (then without the first axis).

    Attributes
    ----------
    points : Tensor
        (F, N, 3), the Gaussians' centres in the world, in metres.
    joints : Tensor
        (F, J, 3), in the world, in metres.
    radii_m : Tensor
        (N,), standard deviations.
    colours : Tensor
        (N, 3) in [0, 1].
    opacities : Tensor
        (N,) in [0, 1].
    """

    points: Tensor
    joints: Tensor
    radii_m: Tensor
    colours: Tensor
    opacities: Tensor

    def frame(self, number: int) -> Self:
        """Return one frame: points (N, 3) and joints (J, 3)."""
        return self._replace(points=self.points[number], joints=self.joints[number])


def surface_points(body: SMPL, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw points on the surface at rest, evenly by area.

    Parameters
    ----------
    body : SMPL
        The body model.
    count : int
        N.
    seed : int
        Of the places within the triangles.

    Returns
    -------
    mixture : Tensor
        (N, V), each point as a mean of three vertices; rows add up to 1.
    normals : Tensor
        (N, 3), outwards, of length 1, at rest.
    """
    check_whole(count, "count")
    check_whole(seed, "seed", None)
    corners = body.template[body.faces]  # (faces, 3, 3)
    across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = across.norm(dim=1).cumsum(0)
    steps = (torch.arange(count).to(area) + 0.5) / count * area[-1]  # every N-th part of the surface
    face = torch.searchsorted(area, steps).clamp(max=len(area) - 1)
    u, v = torch.rand(2, count, generator=torch.Generator().manual_seed(seed)).to(area)
    share = torch.stack([1 - u.sqrt(), u.sqrt() * (1 - v), u.sqrt() * v], dim=1)  # even in a triangle
    mixture = torch.zeros(count, len(body.template)).to(area).scatter_add_(1, body.faces[face], share)
    return mixture, torch.nn.functional.normalize(across[face], dim=1)


def bone_radii(points: Tensor, joints: Tensor, parents: Sequence[int]) -> Tensor:
    """Return how thick a body is around each bone, (J - 1,) in metres.

    The median distance of those points that no other bone is nearer to; of a bone without any, 1 cm.

    Parameters
    ----------
    points : Tensor
        (N, 3), on the skin at rest.
    joints : Tensor
        (J, 3), at rest.
    parents : sequence of int
        J; a bone leads from each joint but the first to its parent.
    """
    check_tensor(points, "points", "N", 3, finite=True, some=True)
    check_tree(parents)
    check_tensor(joints, "joints", len(parents), 3, finite=True)
    start, along = joints[list(parents[1:])], joints[1:] - joints[list(parents[1:])]  # (J - 1, 3)
    offset = points[:, None] - start  # (N, J - 1, 3)
    t = (offset * along).sum(-1) / along.square().sum(-1).clamp_min(1e-9)
    distance = (offset - t.clamp(0, 1)[..., None] * along).norm(dim=-1)  # (N, J - 1)
    nearest = distance.argmin(1)
    radii = [distance[nearest == bone, bone] for bone in range(len(along))]
    return torch.stack([own.median() if len(own) else own.new_tensor(0.01) for own in radii])


class Avatar(nn.Module):
    """One person at rest: Gaussians on a body's surface, and the body's shape.

    Parameters
    ----------
    body : SMPL
        The body model. Of its five matrices the rows that the Gaussians need are kept.
    count : int
        N.
    seed : int
        Of the places on the surface.
    """

    template: Tensor
    shape_directions: Tensor
    pose_directions: Tensor
    weights: Tensor
    joint_template: Tensor
    joint_directions: Tensor
    bone_radii_m: Tensor
    first_offsets: Tensor

    def __init__(self, body: SMPL, count: int = 500, *, seed: int = 0) -> None:
        if not isinstance(body, SMPL):
            raise ValueError(f"body: got {type(body).__name__}, want an SMPL")
        mixture, normals = surface_points(body, count, seed)
        super().__init__()
        self.parents = body.parents
        kept = {
            "template": mixture @ body.template,
            "shape_directions": torch.einsum("nv,vck->nck", mixture, body.shape_directions),
            "pose_directions": torch.einsum("nv,vcp->ncp", mixture, body.pose_directions),
            "weights": mixture @ body.weights,
            "joint_template": body.joint_regressor @ body.template,
            "joint_directions": torch.einsum("jv,vck->jck", body.joint_regressor, body.shape_directions),
        }
        for name, value in kept.items():
            self.register_buffer(name, value.detach().clone(), persistent=False)  # the body's, not learned
        radii = bone_radii(self.template, self.joint_template, self.parents)
        self.register_buffer("bone_radii_m", radii, persistent=False)
        corners = body.template[body.faces]
        edges = corners[:, 1:] - corners[:, :1]
        area = float(torch.linalg.cross(edges[:, 0], edges[:, 1]).norm(dim=1).sum() / 2)
        radius = 0.4 * math.sqrt(area / count)  # 0.4 of the distance of neighbours: no holes
        self.shape = nn.Parameter(torch.zeros(body.shape_directions.shape[-1]).to(normals))  # β (K,)
        self.first_radius_m = radius
        self.offsets = nn.Parameter(-1.5 * radius * normals)  # (N, 3): where a Gaussian fades is the skin
        self.register_buffer("first_offsets", self.offsets.detach().clone(), persistent=False)
        self.log_radii = nn.Parameter(torch.full((count,), math.log(radius)).to(normals))
        self.colour_logits = nn.Parameter(torch.zeros(count, 3).to(normals))  # grey
        self.opacity_logits = nn.Parameter(
            torch.full((count,), math.log(START_OPACITY / (1 - START_OPACITY))).to(normals)
        )

    def __len__(self) -> int:
        return len(self.template)

    def forward(self, pose: Tensor, translation: Tensor) -> Cloud:
        """Carry the person into F frames.

        Parameters
        ----------
        pose : Tensor
            θ (F, J, 3), axis-angle in radians; the first joint's is the root's, relative to the world.
        translation : Tensor
            (F, 3), in metres.
        """
        check_tensor(pose, "pose", "F", len(self.parents), 3, finite=True, some=True)
        check_tensor(translation, "translation", len(pose), 3, finite=True)
        rotations = axis_angle_to_matrix(pose)  # (F, J, 3, 3)
        feature = (rotations[:, 1:] - torch.eye(3).to(pose)).flatten(1)  # (F, 9 (J - 1))
        rest = self.template + self.shape_directions @ self.shape + self.offsets  # (N, 3)
        rest = rest + (feature @ self.pose_directions.flatten(0, 1).T).unflatten(1, (-1, 3))  # (F, N, 3)
        joints = (self.joint_template + self.joint_directions @ self.shape).expand(len(pose), -1, 3)
        posed, world = forward_kinematics(rotations, joints, self.parents)  # (F, J, 3), (F, J, 3, 3)
        points = skin(rest, joints, posed, world, self.weights) + translation[:, None]  # (F, N, 3)
        return Cloud(
            points,
            posed + translation[:, None],
            self.log_radii.exp(),
            self.colour_logits.sigmoid(),
            self.opacity_logits.sigmoid(),
        )

    def strayed(self) -> Tensor:
        """Return how far this is from the body model's mean person: offsets, sizes, shape, squared."""
        away = (self.offsets - self.first_offsets).square().sum(1).mean() / self.first_radius_m**2
        sizes = (self.log_radii - math.log(self.first_radius_m)).square().mean()
        return away + sizes + self.shape.square().mean()
