"""What a detector of joints would report of people in the toy world: places, some wrong, some missing.

The true joints are projected, then spoilt: noise that grows as the confidence falls, joints that were not
found (confidence 0) and joints found at a wrong place (with a low confidence). So what is fitted to them is
tested without a detector's own training, and how bad they are can be chosen.

Shapes: N people, each in a picture of its own; K shape components.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from lecture_utils.data.toyworld.checks import check_request
from lecture_utils.data.toyworld.hashing import between, scene_keys, uniform
from lecture_utils.data.toyworld.names import SPLITS
from lecture_utils.data.toyworld.people.poses import sample_poses, sample_shapes
from lecture_utils.data.toyworld.people.scene import on_the_floor, upright
from lecture_utils.ops.camera import Cameras, look_at, pinhole, project
from lecture_utils.ops.checks import check_number

TORSO = [joint_index(name) for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder")]
SIZE = (256, 256)  # of the pictures, in pixels


@dataclass(frozen=True)
class Detected:
    """People, the cameras that see them, and the joints that were found.

    Attributes
    ----------
    pose, shape, translation : Tensor
        The truth: (N, 24, 3) axis-angles, the root's about the world's axes, (N, K) and (N, 3) in metres.
    joints : Tensor
        (N, 24, 3), the truth in the world.
    cameras : Cameras
        N of them.
    exact_pixel : Tensor
        (N, 24, 2), where the joints are in the picture.
    joints_pixel, confidence : Tensor
        (N, 24, 2) and (N, 24) in [0, 1]: what was found. 0 is a joint that was not.
    """

    pose: Tensor
    shape: Tensor
    translation: Tensor
    joints: Tensor
    cameras: Cameras
    exact_pixel: Tensor
    joints_pixel: Tensor
    confidence: Tensor

    def __len__(self) -> int:
        return len(self.pose)


def sample_detections(
    model: SMPL,
    count: int,
    seed: int = 0,
    split: str = "train",
    *,
    noise_px: float = 1.0,
    missed: float = 0.05,
    wrong: float = 0.02,
) -> Detected:
    """Draw people, cameras around them at 3 to 5 m, and what a detector finds.

    Parameters
    ----------
    model : SMPL
        The body.
    count, seed, split
        As `sample_poses`; headings and cameras too are different in each split.
    noise_px : float
        Standard deviation of the noise of a joint found with confidence 1, in pixels of a picture of
        256 × 256, where a person is about 130 pixels tall; three times it at confidence 0.4.
    missed, wrong : float
        Share of joints that are not found, and of those found 15 to 50 pixels away with a confidence of 0.1
        to 0.4. Of hips and shoulders at most one is missed.

    Raises
    ------
    ValueError
        For numbers out of range.
    """
    check_request(count, seed, split)
    check_number(noise_px, "noise_px", 0)
    check_number(missed, "missed", 0, 1)
    check_number(wrong, "wrong", 0, 1)
    keys = scene_keys(seed, SPLITS.index(split), count)
    shape = sample_shapes(count, seed, split)[:, : model.shape_directions.shape[-1]]
    heading = _float(between(keys, "heading", (-math.pi, math.pi)))
    shape = shape.to(model.template)
    pose = upright(sample_poses(count, seed, split), heading).to(shape)
    translation = on_the_floor(model, shape, pose, torch.zeros(count, 2).to(shape))
    rest = RestJoints.of(model)
    joints, _ = posed_joints(rest, shape, pose, rest.at(shape)[:, 0] + translation)
    cameras = _cameras(keys, joints)
    exact, _ = project(joints, cameras)  # (N, 24, 2)
    confidence = _float(between(keys, "confidence", (0.4, 1.0), 24))
    angle = _float(between(keys, "direction", (0, 2 * math.pi), 24))
    length = (-2 * torch.log1p(-_float(uniform(keys, "noise", 24)))).sqrt()  # Rayleigh's: both axes normal
    spread = noise_px * (1 + (1 - confidence) / 0.3)  # 1 to 3 times
    is_wrong = torch.from_numpy(uniform(keys, "wrong", 24) < wrong)
    off = torch.where(is_wrong, _float(between(keys, "off", (15.0, 50.0), 24)), spread * length)
    confidence = torch.where(is_wrong, _float(between(keys, "doubt", (0.1, 0.4), 24)), confidence)
    found = exact + off[..., None] * torch.stack([angle.cos(), angle.sin()], dim=-1)
    lost = torch.from_numpy(uniform(keys, "missed", 24) < missed)
    lost[:, TORSO] &= lost[:, TORSO].cumsum(1) <= 1
    confidence = confidence.masked_fill(lost, 0.0)
    return Detected(pose, shape, translation, joints, cameras, exact, found, confidence)


def _cameras(keys: np.ndarray, joints: Tensor) -> Cameras:
    """Cameras in front (the heading is what varies), at eye level or somewhat above, not quite centred."""
    count = len(keys)
    distance = _float(between(keys, "distance", (3.0, 5.0)))
    elevation = torch.deg2rad(_float(between(keys, "elevation", (-5.0, 20.0))))
    middle = (joints.amin(1) + joints.amax(1)) / 2 + _float(between(keys, "aim", (-0.2, 0.2), 3))
    flat = distance * elevation.cos()
    eye = middle + torch.stack([torch.zeros(count), -flat, distance * elevation.sin()], dim=1)
    rotation, translation = look_at(eye, middle)
    return Cameras(rotation, translation, pinhole(SIZE, 45.0).expand(count, 3, 3), SIZE)


def _float(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x).float()
