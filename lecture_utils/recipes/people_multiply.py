"""Weights `people_multiply`: two people who pass each other, fitted together by MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, on one toy video of 24 frames of 64 × 80 pixels, which chapter 20 shows.
What is stored is the fit itself: both avatars, their poses in all frames, and the background. The start, the
settings and the split are those of `_people_video`.
"""

from typing import Any

import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.body.multiply.avatar import Avatar
from lecture_utils.body.multiply.people import People
from lecture_utils.body.smpl import SMPL
from lecture_utils.recipes._people_video import GAUSSIANS, Video, fit_jointly, measured, people_video

SEED, FRAMES, SIZE = 0, 24, (64, 80)


def body() -> SMPL:
    """The body model that the avatars stand on."""
    model = zoo.load("people_body")
    assert isinstance(model, SMPL)
    return model


def video() -> Video:
    """The video that was fitted."""
    return people_video(SEED, body(), split="val", frames=FRAMES, size=SIZE)


def build() -> People:
    """Two people of mean shape, upright nowhere, before black."""
    own = body()
    avatars = [Avatar(own, GAUSSIANS, seed=p) for p in range(2)]
    joints = len(own.parents)
    return People(
        avatars, torch.zeros(2, FRAMES, joints, 3), torch.zeros(2, FRAMES, 3), torch.zeros(3, *SIZE)
    )


def train(seed: int = 0) -> tuple[nn.Module, dict[str, Any]]:
    """Fit both; return the people and steps, CPU seconds, last loss."""
    people, history = fit_jointly(video(), body(), seed)
    steps = len(history.person_losses) + len(history.pose_losses)
    return people, {"steps": steps, "seconds": history.seconds, "loss": history.pose_losses[-1]}


def evaluate(model: nn.Module) -> dict[str, float]:
    """Errors of joints in mm, mask IoUs, identity switches, PSNR of the held-out frames in dB."""
    assert isinstance(model, People)
    return measured(model, video())
