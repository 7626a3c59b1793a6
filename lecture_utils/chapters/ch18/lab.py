"""The lab of chapter 18: from pictures of a scene to cameras, points, Gaussians and a new view.

Step 1 begins Gaussians on the points of structure from motion and trains them, as B. Kerbl et al., "3D
Gaussian Splatting for Real-Time Radiance Field Rendering", SIGGRAPH 2023, section 5. Step 2 reads cameras in
the axes of NeRF's program (B. Mildenhall et al., ECCV 2020), which are OpenGL's. Step 3 puts Gaussians on the
pixels of pictures with depth, as N. Keetha et al., "SplaTAM", CVPR 2024, section 3, and trains none.

Simplified: in steps 1 and 3 each Gaussian is a ball, of one colour from everywhere.

The checks of the three steps are in `tasks`; `lab_capture` and `lab_places` have what is not shown.

Shapes: P points or Gaussians, N pictures, H × W pixels.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.chapters.ch18.lab_capture import Capture, Render, capture, renderer
from lecture_utils.chapters.ch18.lab_places import Places, lifted, new_views, object_psnr, places, worst_view
from lecture_utils.ops.camera import Cameras, project

__all__ = [
    "Capture",
    "Cloud",
    "Places",
    "Render",
    "Symptoms",
    "capture",
    "exported",
    "lifted",
    "new_views",
    "object_psnr",
    "places",
    "read_cameras",
    "read_cameras_faulty",
    "renderer",
    "symptoms",
    "worst_view",
]


# --- step 1: Gaussians on points -------------------------------------------------------------------
class Cloud:
    """Gaussians on the points of structure from motion, balls of one colour each, and how they are trained.

    Each begins at its point (P, 3) with its point's colour (P, 3) and an opacity of 0.1. Its standard
    deviation is the root of the mean square of the distances to its three nearest neighbours, at least
    0.0001. What is learned are the means, the logarithms of the standard deviations, the logits of the
    opacities, and the colours, by Adam with rates of 0.002, 0.01, 0.05 and 0.01.
    """

    optimizer: torch.optim.Optimizer  # not shown

    def __init__(self, points: Tensor, colours: Tensor) -> None:
        nearest = torch.cdist(points, points).topk(4, largest=False).values[:, 1:]  # (P, 3), not to itself
        scales = nearest.square().mean(dim=1).sqrt().clamp(min=1e-4)
        self.means = points.clone().requires_grad_()
        self.log_scales = scales.log().requires_grad_()
        self.logits = torch.full((len(points),), 0.1).logit().requires_grad_()
        self.colours = colours.clone().requires_grad_()
        learned = [self.means, self.log_scales, self.logits, self.colours]
        rates = [0.002, 0.01, 0.05, 0.01]
        groups = [{"params": [numbers], "lr": rate} for numbers, rate in zip(learned, rates, strict=True)]
        self.optimizer = torch.optim.Adam(groups)

    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What `render` wants: means (P, 3), standard deviations (P,), opacities (P,), colours (P, 3)."""
        return self.means, self.log_scales.exp(), self.logits.sigmoid(), self.colours

    def step(self, render: Render, picture: Tensor) -> float:
        """One step of training; return the loss before it: the mean |rendered - picture| over all numbers."""
        loss = (render(*self.values()) - picture).abs().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


# --- step 2: a colleague's cameras, with a fault ---------------------------------------------------
def exported(cameras: Cameras) -> Tensor:
    """Return poses as NeRF's program stores them, (N, 4, 4): camera to world, in OpenGL's axes."""
    poses = torch.eye(4).repeat(len(cameras), 1, 1)
    poses[:, :3, :3] = cameras.rotation.mT * torch.tensor([1.0, -1.0, -1.0])
    poses[:, :3, 3] = cameras.centre
    return poses


def read_cameras_faulty(poses: Tensor) -> tuple[Tensor, Tensor]:
    """Return R (N, 3, 3) and t (N, 3) of cameras, X_cam = R X + t, from the poses in a NeRF program's file.

    Each of the poses (N, 4, 4) takes points from a camera's axes to the world's. That camera has x to the
    right, y up and z backward, ours x to the right, y down and z forward; the world is the same.
    """
    flip = torch.tensor([1.0, -1.0, -1.0])
    turn = flip[:, None] * poses[:, :3, :3]
    centre = poses[:, :3, 3]
    rotation = turn.mT
    translation = -(rotation @ centre[:, :, None])[:, :, 0]
    return rotation, translation


def read_cameras(poses: Tensor) -> tuple[Tensor, Tensor]:
    """Return R (N, 3, 3) and t (N, 3) of cameras, X_cam = R X + t, from the poses in a NeRF program's file.

    Each of the poses (N, 4, 4) takes points from a camera's axes to the world's. That camera has x to the
    right, y up and z backward, ours x to the right, y down and z forward; the world is the same.
    """
    flip = torch.tensor([1.0, -1.0, -1.0])
    turn = poses[:, :3, :3] * flip  # its columns are the camera's axes, in the world
    centre = poses[:, :3, 3]
    rotation = turn.mT
    translation = -(rotation @ centre[:, :, None])[:, :, 0]
    return rotation, translation


class Symptoms(NamedTuple):
    """How points of a reconstruction fall in one picture.

    Attributes
    ----------
    in_front : float
        The share of the points seen there that the camera has in front of it, in [0, 1].
    error_px : float
        The median distance from where they were seen to where they project; NaN if none is in front.
    centre_off : float
        How far the camera stands from where it should, in units of the reconstruction.
    """

    in_front: float
    error_px: float
    centre_off: float


def symptoms(
    read: Callable[[Tensor], tuple[Tensor, Tensor]],
    cameras: Cameras,
    points: Tensor,
    pixels: Tensor,
    seen: Tensor,
) -> list[Symptoms]:
    """What comes of cameras that are stored with `exported` and read again with `read`, picture by picture.

    Parameters
    ----------
    read : callable
        As `read_cameras`.
    cameras : Cameras
        N, as they should be.
    points, pixels, seen : Tensor
        (P, 3), (N, P, 2) and (N, P) bool, as `geometry.sfm.reconstruct` gives them.
    """
    rotation, translation = read(exported(cameras))
    got = Cameras(rotation, translation, cameras.intrinsics, cameras.size)
    found, depth = project(points, got)
    off = (got.centre - cameras.centre).norm(dim=1)
    each = []
    for i in range(len(cameras)):
        front = depth[i, seen[i]] > 0
        errors = (found[i, seen[i]] - pixels[i, seen[i]]).norm(dim=1)[front]
        median = float(errors.median()) if len(errors) else math.nan
        each.append(Symptoms(float(front.float().mean()), median, float(off[i])))
    return each
