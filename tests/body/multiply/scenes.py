"""Two stick bodies that pass each other before a still camera, drawn by a z-buffer of points."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.ops.camera import Cameras, look_at, pinhole, project
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from tests.body.stick import stick_body

SKIN = (0.85, 0.65, 0.5)


class Crossing(NamedTuple):
    """F frames: pictures (F, 3, H, W), who is seen (F, P, H, W) bool, poses and places of P people."""

    images: Tensor
    masks: Tensor
    poses: Tensor  # (P, F, 24, 3)
    translations: Tensor  # (P, F, 3)
    joints: Tensor  # (P, F, 24, 3)
    camera: Cameras
    background: Tensor  # (3, H, W)


def still_camera(size: tuple[int, int] = (48, 64)) -> Cameras:
    """One camera 3.6 m before the middle, at the height of the hips."""
    rotation, translation = look_at(torch.tensor([[0.0, -3.6, 1.0]]), torch.tensor([0.0, 0.0, 0.85]))
    return Cameras(rotation, translation, pinhole(size, 42.0)[None], size)


def walk(frames: int, yaw_deg: float, phase: float = 0.0) -> Tensor:
    """Poses (F, 24, 3) of somebody who walks, arms down, the root turned."""
    t = 2 * math.pi * torch.arange(frames) / 12 + phase
    pose = torch.zeros(frames, 24, 3)
    yaw = axis_angle_to_matrix(torch.tensor([0.0, 0.0, math.radians(yaw_deg)]))
    pose[:, 0] = matrix_to_axis_angle(yaw @ axis_angle_to_matrix(torch.tensor([math.pi / 2, 0.0, 0.0])))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, joint_index(f"{side}_shoulder"), 2] = -1.2 * sign
        pose[:, joint_index(f"{side}_hip"), 0] = -0.5 * sign * t.sin()
        pose[:, joint_index(f"{side}_knee"), 0] = 0.4 * (1 + sign * t.cos())
        pose[:, joint_index(f"{side}_elbow"), 1] = -0.3 * sign * (1 + 0.5 * t.sin())
    return pose


def vertex_colours(body: SMPL, top: tuple[float, ...], bottom: tuple[float, ...]) -> Tensor:
    """Colours (V, 3): trousers, a shirt to the elbows, skin."""
    x, y, _ = body.template.unbind(1)
    colours = torch.tensor(top).repeat(len(x), 1)
    colours[y < 0.95] = torch.tensor(bottom)
    colours[(y > 1.42) & (x.abs() < 0.15) | (x.abs() > 0.5) | (y < 0.08)] = torch.tensor(SKIN)
    return colours


def drawn(body: SMPL, vertices: Tensor, colours: Tensor, camera: Cameras, background: Tensor):
    """Draw P bodies (P, V, 3) with colours (P, V, 3): picture (3, H, W), masks (P, H, W)."""
    corners = body.faces
    grid = torch.tensor([(i, j, 7 - i - j) for i in range(8) for j in range(8 - i)]) / 7  # (36, 3)
    points = torch.einsum("gk,pfkc->pfgc", grid, vertices[:, corners]).flatten(1, 2)
    paint = torch.einsum("gk,pfkc->pfgc", grid, colours[:, corners]).flatten(1, 2)
    pixels, depth = project(points.flatten(0, 1), camera)
    owner = torch.arange(len(vertices)).repeat_interleave(points.shape[1])
    h, w = camera.size
    u, v = pixels[0].floor().long().unbind(1)
    inside = (u >= 0) & (u < w) & (v >= 0) & (v < h) & (depth[0] > 0)
    far_first = depth[0][inside].argsort(descending=True)
    at = (v * w + u)[inside][far_first]
    image, masks = background.clone().flatten(1), torch.zeros(len(vertices), h * w, dtype=torch.bool)
    seen = torch.full((h * w,), -1)
    for k in (at.tolist(),):  # the last to write is the nearest
        seen[k] = owner[inside][far_first]
        image[:, k] = paint.flatten(0, 1)[inside][far_first].T
    for p in range(len(vertices)):
        masks[p] = seen == p
    return image.reshape(3, h, w), masks.reshape(-1, h, w)


def crossing(frames: int = 12, size: tuple[int, int] = (48, 64), body: SMPL | None = None) -> Crossing:
    """The second person passes before the first."""
    body = body or stick_body()
    camera = still_camera(size)
    x = torch.linspace(-0.8, 0.8, frames)
    zero = torch.zeros(frames)
    translations = torch.stack(
        [torch.stack([x, zero + 0.35, zero], 1), torch.stack([-x, zero - 0.25, zero], 1)]
    )
    poses = torch.stack([walk(frames, 90.0), walk(frames, -90.0, 1.0)])
    posed = [body(torch.zeros(frames, 10), poses[p], translations[p]) for p in range(2)]
    colours = torch.stack(
        [vertex_colours(body, (0.8, 0.2, 0.2), (0.2, 0.2, 0.3)),
         vertex_colours(body, (0.2, 0.4, 0.8), (0.6, 0.55, 0.3))]
    )  # fmt: skip
    h, w = size
    v, u = torch.meshgrid(torch.linspace(0, 1, h), torch.linspace(0, 1, w), indexing="ij")
    background = torch.stack([0.55 + 0.2 * v, 0.6 + 0.1 * (9 * u).sin(), 0.5 + 0.2 * u])
    views = [
        drawn(body, torch.stack([one.vertices[f] for one in posed]), colours, camera, background)
        for f in range(frames)
    ]
    return Crossing(
        torch.stack([image for image, _ in views]), torch.stack([masks for _, masks in views]),
        poses, translations, torch.stack([one.joints for one in posed]), camera, background,
    )  # fmt: skip
