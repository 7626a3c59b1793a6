"""Where SMPLify begins (S20.4): the camera's translation and the body's heading, from the torso alone.

Bogo et al. 2016, section 3.3: the depth by similar triangles, from the length of the torso in the body and in
the picture; then translation and heading by a fit to the torso's joints, the pose held at its mean. One
picture does not tell whether a person seen from the side faces left or right of the camera's line: both are
tried.

Ours: the two headings are +ψ and -ψ, with cos ψ read from how wide shoulders and hips look. From the side
they are 180° apart, as the paper's two are; from the front they are one.

Shapes: B pictures, J joints.
"""

import math

import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smplify.data_term import data_residuals
from lecture_utils.body.smplify.derivatives import data_by_joints, joints_by_unknowns
from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from lecture_utils.body.smplify.objective import Unknowns
from lecture_utils.body.smplify.solver import levenberg_marquardt
from lecture_utils.ops.checks import check_tensor
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle

TORSO = [joint_index(name) for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder")]
STEPS = 15
SIGMA_M = 0.5  # of the robust error, more than later: nothing fits yet
DEPTH_WEIGHT = 0.1  # of an error in depth against one across


def torso_depth(rest: Tensor, seen_pixel: Tensor, confidence: Tensor, focal_px: Tensor) -> Tensor:
    """Return the depth (B,) in metres: focal length · torso in metres / torso in pixels.

    Parameters
    ----------
    rest : Tensor
        (B, J, 3), the body's joints in metres.
    seen_pixel, confidence : Tensor
        (B, J, 2), (B, J); a side of which hip or shoulder was not seen is left out.
    focal_px : Tensor
        (B,).

    Raises
    ------
    ValueError
        For shapes that do not fit, NaN, or a person of whom neither side was seen.
    """
    _check_seen(rest, seen_pixel, confidence)
    check_tensor(focal_px, "focal_px", len(rest), finite=True)
    left_hip, right_hip, left_shoulder, right_shoulder = TORSO
    metres, pixels, seen = [], [], []
    for hip, shoulder in ((left_hip, left_shoulder), (right_hip, right_shoulder)):
        metres.append((rest[:, shoulder] - rest[:, hip]).norm(dim=-1))
        pixels.append((seen_pixel[:, shoulder] - seen_pixel[:, hip]).norm(dim=-1))
        seen.append((confidence[:, shoulder] > 0) & (confidence[:, hip] > 0))
    if not bool(torch.stack(seen).any(0).all()):
        raise ValueError("confidence: got a person without hip and shoulder of one side, want both above 0")
    use = torch.stack(seen).to(rest)
    length_m, length_px = (torch.stack(own) * use for own in (metres, pixels))
    return focal_px * length_m.sum(0) / length_px.sum(0).clamp_min(1.0)


def headings(rest: Tensor, seen_pixel: Tensor, confidence: Tensor, metre_px: Tensor) -> Tensor:
    """Return two headings ψ (2, B) in radians, +ψ and -ψ; 0 faces the camera.

    Turned by ψ, a pair of joints w metres apart looks w cos ψ wide, left minus right; more than a right angle
    where the left joint is to the left.
    """
    _check_seen(rest, seen_pixel, confidence)
    check_tensor(metre_px, "metre_px", len(rest), finite=True)
    wide_px, wide_m = torch.zeros_like(metre_px), torch.zeros_like(metre_px)
    for left, right in (TORSO[:2], TORSO[2:]):
        both = ((confidence[:, left] > 0) & (confidence[:, right] > 0)).to(rest)
        wide_px = wide_px + both * (seen_pixel[:, left, 0] - seen_pixel[:, right, 0])
        wide_m = wide_m + both * (rest[:, left, 0] - rest[:, right, 0])
    cosine = wide_px / (wide_m * metre_px).clamp_min(1e-6)
    turn = cosine.clamp(-0.98, 0.98).acos()  # never straight: there both headings are one, and a saddle
    return torch.stack([turn, -turn])


def upright(heading: Tensor) -> Tensor:
    """Return rotations (B, 3, 3) that stand a body up before a camera, whose y is down, turned by ψ (B,)."""
    check_tensor(heading, "heading", "B")
    zero = torch.zeros_like(heading)
    stand = axis_angle_to_matrix(torch.stack([zero + math.pi, zero, zero], dim=-1))
    return stand @ axis_angle_to_matrix(torch.stack([zero, heading, zero], dim=-1))


def _check_seen(rest: Tensor, seen_pixel: Tensor, confidence: Tensor) -> None:
    check_tensor(rest, "rest", "B", 24, 3, finite=True)
    check_tensor(seen_pixel, "seen_pixel", len(rest), 24, 2, finite=True)
    check_tensor(confidence, "confidence", len(rest), 24, finite=True)


def starts(
    rest: RestJoints, seen_pixel: Tensor, confidence: Tensor, intrinsics: Tensor, poses: Tensor
) -> tuple[list[list[Unknowns]], Tensor]:
    """Return where to begin, for each heading in each of M poses, and the depths (B,) by similar triangles.

    Parameters
    ----------
    rest : RestJoints
        Of the body model.
    seen_pixel, confidence, intrinsics : Tensor
        (B, J, 2), (B, J), (B, 3, 3).
    poses : Tensor
        (M, J - 1, 3), axis-angles.
    """
    count, shape_size = len(seen_pixel), rest.directions.shape[-1]
    shape = seen_pixel.new_zeros(count, shape_size)
    focal = intrinsics[:, 0, 0]
    joints = rest.at(shape)
    depth = torso_depth(joints, seen_pixel, confidence, focal)
    weight = (confidence[:, TORSO] > 0).to(seen_pixel)[..., None]  # (B, 4, 1)
    middle_px = (weight * seen_pixel[:, TORSO]).sum(1) / weight.sum(1)
    ray = torch.cat([middle_px, torch.ones_like(middle_px[:, :1])], dim=1)[..., None]
    aim = depth[:, None] * (torch.linalg.inv(intrinsics) @ ray)[..., 0]  # (B, 3): the middle of the torso
    begun: list[list[Unknowns]] = []
    for heading in headings(joints, seen_pixel, confidence, focal / depth):
        root = matrix_to_axis_angle(upright(heading))
        begun.append([])
        for body in poses.to(root):
            pose = torch.cat([root[:, None], body.expand(count, -1, -1)], dim=1)
            placed, _ = posed_joints(rest, shape, pose)
            offset = (weight * placed[:, TORSO]).sum(1) / weight.sum(1) - placed[:, 0]  # from the pelvis
            start = Unknowns(aim - offset, pose, shape)
            begun[-1].append(_torso_fit(rest, start, seen_pixel, confidence, intrinsics, depth))
    return begun, depth


def _torso_fit(
    rest: RestJoints,
    start: Unknowns,
    seen_pixel: Tensor,
    confidence: Tensor,
    intrinsics: Tensor,
    depth: Tensor,
) -> Unknowns:
    """Move translation and heading until the torso's joints project where they were seen."""
    _, pose, shape = start
    seen = (seen_pixel[:, TORSO], confidence[:, TORSO], intrinsics, depth)

    def body(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        turned = torch.cat([x[:, None, 3:], pose[:, 1:]], dim=1)
        return turned, *posed_joints(rest, shape, turned, x[:, :3])

    def residuals(x: Tensor) -> Tensor:
        error = data_residuals(body(x)[1][:, TORSO], *seen, sigma_m=SIGMA_M)  # (B, 8)
        return torch.cat([error, DEPTH_WEIGHT * (x[:, 2:3] - depth[:, None])], dim=1)

    def linearised(x: Tensor) -> tuple[Tensor, Tensor]:
        turned, joints, world = body(x)
        moved = joints_by_unknowns(rest, turned, 0, joints, world)[:, TORSO, :, :6]  # (B, 4, 3, 6)
        by_joint = data_by_joints(joints[:, TORSO], *seen, sigma_m=SIGMA_M)
        deeper = DEPTH_WEIGHT * torch.eye(6).to(x)[2].expand(len(x), 1, 6)
        return residuals(x), torch.cat([(by_joint @ moved).flatten(1, 2), deeper], dim=1)

    begun = torch.cat([start.pelvis, pose[:, 0]], dim=1)
    best, _, _ = levenberg_marquardt(residuals, linearised, begun, steps=STEPS)
    return Unknowns(best[:, :3], body(best)[0], shape)
