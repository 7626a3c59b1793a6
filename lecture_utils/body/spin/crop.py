"""Crops around a person (S20.5), and the camera of a crop: weak perspective to a place in front of a pinhole.

A network for people sees a square around one person, in a fixed size. What it says of the camera is weak
perspective in that square: u = W/2 + W/2 · s (x + t_x), the same scale for all points. A pinhole gives its
points nearly these pixels from a distance of t_z = 2 f / (W s): there f / t_z = W/2 · s.

N. Kolotouros, G. Pavlakos, M. Black and K. Daniilidis, "Learning to Reconstruct 3D Human Pose and Shape via
Model-Fitting in the Loop", ICCV 2019, section 3; A. Kanazawa, M. Black, D. Jacobs and J. Malik, "End-to-end
Recovery of Human Shape and Pose", CVPR 2018, section 3.

Simplified, as in both: each crop has its centre for its principal point and one focal length for all,
whatever the camera was that took the picture. Boxes come from joints, not from a detector.

Shapes: B crops, J joints, N pictures, C channels.
"""

import torch
from torch import Tensor

from lecture_utils.body.skeleton import MIRROR
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_images, check_number, check_tensor, check_whole
from lecture_utils.ops.roi import roi_align

LEAST_SCALE = 0.05  # a person is never taken to be farther away than this scale says


def square_around(joints2d: Tensor, confidence: Tensor, *, wider: float = 1.3) -> Tensor:
    """Return a square around each person: (B, 3), middle u, v and side, in pixels.

    Parameters
    ----------
    joints2d : Tensor
        (B, J, 2), pixels.
    confidence : Tensor
        (B, J), 0 or more; joints of 0 are not looked at.
    wider : float
        Side of the square over the longer side of the joints' box: skin lies around the joints.

    Raises
    ------
    ValueError
        For wrong shapes, values that are not finite, or a person with fewer than two joints seen.
    """
    check_joints2d(joints2d, confidence)
    check_number(wider, "wider", 0, above=True)
    seen = confidence > 0  # (B, J)
    if bool((seen.sum(1) < 2).any()):
        raise ValueError(
            f"confidence: got a person with {int(seen.sum(1).min())} joints seen, want 2 or more"
        )
    low = joints2d.masked_fill(~seen[..., None], torch.inf).amin(1)  # (B, 2)
    high = joints2d.masked_fill(~seen[..., None], -torch.inf).amax(1)
    side = wider * (high - low).amax(1, keepdim=True).clamp_min(1)
    return torch.cat([(low + high) / 2, side], dim=1)


def crop_points(points: Tensor, squares: Tensor, size: int) -> Tensor:
    """Return where pixels (B, P, 2) of pictures fall in the crops of squares (B, 3), `size` pixels wide."""
    check_tensor(points, "points", "B", "P", 2, finite=True)
    check_squares(squares, len(points))
    check_whole(size, "size")
    corner = squares[:, None, :2] - squares[:, None, 2:] / 2  # (B, 1, 2)
    return (points - corner) * (size / squares[:, None, 2:])


def crop_cameras(cameras: Cameras, squares: Tensor, size: int) -> Cameras:
    """Return the cameras that see the crops: cutting and scaling a picture changes K alone.

    So a crop of a scene can be rendered as it is, with no picture to cut it from.
    """
    check_squares(squares, len(cameras))
    check_whole(size, "size")
    scale = size / squares[:, 2]  # (B,)
    corner = squares[:, :2] - squares[:, 2:] / 2  # (B, 2)
    intrinsics = cameras.intrinsics.clone()
    intrinsics[:, :2, 2] -= corner
    intrinsics[:, :2] *= scale[:, None, None]
    return Cameras(cameras.rotation, cameras.translation, intrinsics, (size, size))


def crop_pictures(images: Tensor, squares: Tensor, size: int) -> Tensor:
    """Cut a square (B, 3) out of each picture (B, C, H, W): (B, C, size, size), averaged; black outside."""
    check_images(images)
    check_squares(squares, len(images))
    check_whole(size, "size")
    middle, half = squares[:, :2], squares[:, 2:] / 2
    boxes = torch.cat([middle - half, middle + half], dim=1)
    return roi_align(images, boxes, torch.arange(len(images)), (size, size), 1.0, sampling_ratio=0)


def fixed_cameras(count: int, size: int, focal: float) -> Cameras:
    """Return the cameras that SPIN gives to all crops: at the origin, with one focal length, in pixels.

    Bodies are placed in the camera's own axes, so that a person upright before it has a root rotation of half
    a turn about x.
    """
    check_whole(count, "count")
    check_whole(size, "size")
    check_number(focal, "focal", 0, above=True)
    k = torch.tensor([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], dtype=torch.float32)
    return Cameras(
        torch.eye(3).expand(count, 3, 3), torch.zeros(count, 3), k.expand(count, 3, 3), (size, size)
    )


def weak_to_translation(camera: Tensor, cameras: Cameras) -> Tensor:
    """Return where a body stands, (B, 3) in metres in the camera's axes, of s, t_x, t_y (B, 3).

    t_z = 2 f / (W s); scales below 0.05 are taken for 0.05, so that nobody stands behind the camera.
    """
    check_tensor(camera, "camera", len(cameras), 3, finite=True)
    scale, tx, ty = camera.unbind(1)
    depth = 2 * cameras.intrinsics[:, 0, 0] / (cameras.size[1] * scale.clamp_min(LEAST_SCALE))
    return torch.stack([tx, ty, depth], dim=1)


def translation_to_weak(translation: Tensor, cameras: Cameras) -> Tensor:
    """Return s, t_x, t_y (B, 3) of bodies at `translation` (B, 3) in the camera's axes; undoes the above."""
    check_tensor(translation, "translation", len(cameras), 3, finite=True)
    if bool((translation[:, 2] <= 0).any()):
        raise ValueError(f"translation: got a depth of {float(translation[:, 2].min()):.3g} m, want above 0")
    scale = 2 * cameras.intrinsics[:, 0, 0] / (cameras.size[1] * translation[:, 2])
    return torch.cat([scale[:, None], translation[:, :2]], dim=1)


def mirror_points(joints2d: Tensor, size: int) -> Tensor:
    """Return the joints (B, 24, 2) of mirrored crops: u becomes W - u, and left is right."""
    check_tensor(joints2d, "joints2d", "B", len(MIRROR), 2, finite=True, some=True)
    check_whole(size, "size")
    u, v = joints2d[:, list(MIRROR)].unbind(-1)
    return torch.stack([size - u, v], dim=-1)


def mirror_confidence(confidence: Tensor) -> Tensor:
    """Return the confidences (B, 24) of mirrored crops: left is right."""
    check_tensor(confidence, "confidence", "B", len(MIRROR), finite=True, some=True)
    return confidence[:, list(MIRROR)]


def mirror_pose(pose: Tensor) -> Tensor:
    """Return axis-angle (B, 24, 3) of the mirror image in x: the axes' y and z turn, and left is right."""
    check_tensor(pose, "pose", "B", len(MIRROR), 3, finite=True, some=True)
    return pose[:, list(MIRROR)] * torch.tensor([1.0, -1.0, -1.0]).to(pose)


def check_squares(squares: Tensor, count: int) -> None:
    """Raise ValueError unless these are middles and sides (count, 3), sides above 0."""
    check_tensor(squares, "squares", count, 3, finite=True)
    if bool((squares[:, 2] <= 0).any()):
        raise ValueError(f"squares: got a side of {float(squares[:, 2].min()):.3g} pixels, want above 0")


def check_joints2d(joints2d: Tensor, confidence: Tensor) -> None:
    """Raise ValueError unless these are finite joints (B, J, 2) and confidences (B, J) of 0 or more."""
    check_tensor(joints2d, "joints2d", "B", "J", 2, finite=True)
    check_tensor(confidence, "confidence", *joints2d.shape[:2], finite=True)
    if bool((confidence < 0).any()):
        raise ValueError(f"confidence: got {float(confidence.min()):.3g}, want 0 or more")
