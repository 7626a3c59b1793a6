"""Videos of two people who pass each other, poses to begin with, and how good a fit is; for MultiPly (S20.6).

The poses to begin with stand for a tracker's: the truth with noise that drifts from frame to frame, and grows
while a person is hidden. Two ways to fit with one budget: together, and one at a time, where the other is no
more than a disturbance in the picture.

Shapes: F frames, P people, J joints, H and W height and width.
"""

import dataclasses
import math
import time
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.multiply.avatar import Avatar
from lecture_utils.body.multiply.fit import FitHistory, FitSettings, fit_people
from lecture_utils.body.multiply.layers import render_layers
from lecture_utils.body.multiply.people import People
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.render import render_people
from lecture_utils.data.toyworld.people.sampling import crossing
from lecture_utils.data.toyworld.people.scene import PeopleScene
from lecture_utils.metrics.identity import identity_switches, mask_ious
from lecture_utils.metrics.pose_3d import mpjpe_mm
from lecture_utils.metrics.psnr import psnr
from lecture_utils.ops.camera import Cameras

HIDDEN, GONE = 0.3, 0.95  # from these shares on a person counts as hidden, and as not to be seen at all
GAUSSIANS = 300  # a person
DRIFT = 0.8  # how much of a frame's noise is the last one's


class Video(NamedTuple):
    """F frames of P people, and all that is known about them.

    Attributes
    ----------
    images : Tensor
        (F, 3, H, W) in [0, 1].
    masks : Tensor
        (F, P, H, W) bool: where each is seen.
    hidden : Tensor
        (F, P) in [0, 1]: which share of a person is behind another.
    poses, translations, joints : Tensor
        (P, F, J, 3), (P, F, 3), (P, F, J, 3), the truth.
    camera : Cameras
        One.
    held_out : Tensor
        (F,) bool: each sixth frame, which no fit sees.
    """

    images: Tensor
    masks: Tensor
    hidden: Tensor
    poses: Tensor
    translations: Tensor
    joints: Tensor
    camera: Cameras
    held_out: Tensor


def people_video(
    seed: int,
    body: SMPL,
    *,
    split: str = "train",
    frames: int = 24,
    fps: float = 30.0,
    size: tuple[int, int] = (64, 80),
) -> Video:
    """Render two people who pass each other; see `crossing`."""
    scene = crossing(seed, body, split=split, frames=frames, fps=fps, size=size)
    views = render_people(scene, body)
    numbers = torch.arange(1, scene.people + 1)
    masks = views.person[:, None] == numbers[:, None, None]  # (F, P, H, W)
    whole = [render_people(only(scene, p), body, samples=1).person > 0 for p in range(scene.people)]
    area = torch.stack(whole, dim=1).sum(dim=(2, 3)).clamp_min(1)  # (F, P)
    hidden = 1 - masks.sum(dim=(2, 3)) / area
    poses, places, joints = (x.transpose(0, 1) for x in (scene.pose, scene.translation, views.joints_m))
    held_out = torch.arange(frames) % 6 == 3
    return Video(views.image, masks, hidden, poses, places, joints, views.cameras[0], held_out)


def only(scene: PeopleScene, person: int) -> PeopleScene:
    """Return the scenes with one of their people."""
    one = slice(person, person + 1)
    clothes = type(scene.clothes)(**{k: v[:, one] for k, v in vars(scene.clothes).items()})
    return dataclasses.replace(
        scene, shape=scene.shape[:, one], pose=scene.pose[:, one], translation=scene.translation[:, one],
        clothes=clothes,
    )  # fmt: skip


def drifting(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw noise of variance 1 along axis 1 of which each frame keeps `DRIFT` of the last."""
    noise = torch.randn(shape, generator=generator)
    for frame in range(1, shape[1]):
        noise[:, frame] = DRIFT * noise[:, frame - 1] + math.sqrt(1 - DRIFT**2) * noise[:, frame]
    return noise


def rough_start(
    video: Video, seed: int, *, angle: float = 0.1, place_m: float = 0.03, worse: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return poses (P, F, J, 3) and translations (P, F, 3) to begin with.

    Parameters
    ----------
    video : Video
        Whose truth the noise is added to.
    seed : int
        Of the noise.
    angle, place_m : float
        Its standard deviations in radians (of the root half of it) and metres, where a person is seen.
    worse : float
        Where a person is hidden altogether, the noise is 1 + `worse` times as large.
    """
    generator = torch.Generator().manual_seed(seed)
    more = 1 + worse * video.hidden.T[:, :, None]  # (P, F, 1)
    turn = angle * more[..., None] * drifting(tuple(video.poses.shape), generator)
    turn[:, :, 0] *= 0.5
    return video.poses + turn, video.translations + place_m * more * drifting(
        tuple(video.translations.shape), generator
    )


def start(video: Video, body: SMPL, seed: int) -> People:
    """Return people of mean shape and grey skin, in the rough poses, before the frames' median."""
    avatars = [Avatar(body, GAUSSIANS, seed=p) for p in range(len(video.poses))]
    seen = video.images[~video.held_out]
    return People(avatars, *rough_start(video, seed), seen.median(dim=0).values)


def fit_jointly(
    video: Video, body: SMPL, seed: int, settings: FitSettings | None = None
) -> tuple[People, FitHistory]:
    """Fit all people at once, in layers."""
    people = start(video, body, seed)
    history = fit_people(
        people, video.images, video.camera, settings, held_out=video.held_out, seed=seed,
        clock=time.thread_time,
    )  # fmt: skip
    return people, history


def fit_alone(
    video: Video, body: SMPL, seed: int, settings: FitSettings | None = None
) -> tuple[People, list[FitHistory]]:
    """Fit each person by the same function as if there were no other; put them together afterwards."""
    first, histories, each = start(video, body, seed), [], []
    for p, avatar in enumerate(first.persons):
        one = People(
            [avatar], first.poses[p : p + 1].detach(), first.translations[p : p + 1].detach(),
            first.background.detach(),
        )  # fmt: skip
        histories.append(
            fit_people(
                one, video.images, video.camera, settings, held_out=video.held_out, seed=seed,
                clock=time.thread_time,
            )
        )  # fmt: skip
        each.append(one)
    poses, places = (torch.cat([getattr(o, k).detach() for o in each]) for k in ("poses", "translations"))
    behind = torch.stack([one.background.detach() for one in each]).mean(0)
    return People([one.persons[0] for one in each], poses, places, behind), histories


@torch.no_grad()
def measured(people: People, video: Video) -> dict[str, float]:
    """Measure people against the truth.

    Returns
    -------
    dict
        "mpjpe": mean distance of the joints in the world, in mm; "mpjpe_hidden": the same where a person is
        hidden by 30 to 95 %; "pose_hidden": the same with the pelvises on each other; "iou", "iou_hidden":
        of the layers' masks; "switches": of identity; "order": the share of frames with somebody hidden
        in which the right person's pelvis is nearer; "psnr": on the frames held out, in dB.
    """
    clouds, joints = people.clouds(), people.joints()
    views = [
        render_layers([cloud.frame(f) for cloud in clouds], video.camera, people.background)
        for f in range(len(video.images))
    ]
    masks = torch.stack([view.masks for view in views]) > 0.5
    pictures = torch.stack([view.image for view in views]).clamp(0, 1)[video.held_out]
    bodies = joints.flatten(0, 1), video.joints.flatten(0, 1)  # (P·F, J, 3)
    error, pose_error = (mpjpe_mm(*bodies, root=k).view(len(joints), -1).T for k in (None, 0))  # (F, P)
    ious = mask_ious(masks, video.masks)  # (F, P, P)
    own = ious.diagonal(dim1=1, dim2=2)  # (F, P)
    shown = video.hidden < GONE
    hidden = (video.hidden >= HIDDEN) & shown
    return {
        "mpjpe": float(error.mean()),
        "mpjpe_hidden": float(error[hidden].mean()),
        "pose_hidden": float(pose_error[hidden].mean()),
        "iou": float(own[shown].mean()),
        "iou_hidden": float(own[hidden].mean()),
        "switches": float(identity_switches(ious)),
        "order": float(right_order(joints, video)[hidden.any(dim=1)].mean()),
        "psnr": float(psnr(pictures, video.images[video.held_out]).mean()),
    }


def right_order(joints: Tensor, video: Video) -> Tensor:
    """Return 1 for each frame (F,) in which the right one of two pelvises is nearer, else 0."""
    away = [(x[:, :, 0] - video.camera.centre).norm(dim=-1) for x in (joints, video.joints)]  # (P, F)
    return ((away[0][0] < away[0][1]) == (away[1][0] < away[1][1])).float()
