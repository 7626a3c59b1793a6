"""What the recipes on people in pictures share: crops of one person each, and the joints a detector found.

A crop is rendered as the camera of the cut-out square would see it, so that no picture has to be cut. The
square comes from where the joints are, a little off, as a detector of people would have it. Joints are spoilt
as in `keypoints`: noise of 1.5 % of a person's height, up to three times as much where confidence is low,
some missing, some wrong.

Shapes: N people, S pixels a side, J = 24 joints.
"""

import functools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils import runtime, zoo
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.start import TORSO
from lecture_utils.body.spin.crop import crop_cameras, fixed_cameras, square_around
from lecture_utils.body.spin.loop import Crops, mirror_some
from lecture_utils.data.toyworld.people.render import render_people
from lecture_utils.data.toyworld.people.sampling import sample_people
from lecture_utils.data.toyworld.people.scene import PeopleScene, placed
from lecture_utils.ops.camera import Cameras, project, world_to_cam
from lecture_utils.provenance import fingerprint

SIZE = 64
FOCAL = 1.5 * SIZE  # pixels: about what the toy world's cameras have in a crop
WIDER, SHIFT, STRETCH = 1.4, 0.04, 0.06  # of the square: over the joints' box; how far it is off
NOISE = 0.011  # standard deviation of a sure joint's noise, of the square's side: 1.5 % of a person's height
MISSED, WRONG = 0.05, 0.02  # shares of the joints


@dataclass(frozen=True, eq=False)
class People:
    """N crops, and the truth that no training reads.

    Attributes
    ----------
    name : str
        Split, seed and number.
    images : Tensor
        (N, 3, S, S) uint8.
    joints2d, confidence : Tensor
        (N, J, 2) in pixels of the crop, and (N, J): what a detector found.
    joints_m : Tensor
        (N, J, 3), the truth, in the axes of the camera that looks there.
    cameras : Cameras
        N, of the crops: the true ones.
    """

    name: str
    images: Tensor
    joints2d: Tensor
    confidence: Tensor
    joints_m: Tensor
    cameras: Cameras

    def __len__(self) -> int:
        return len(self.images)


@functools.lru_cache
def body() -> SMPL:
    """The course's body model."""
    model = zoo.load("people_body")
    assert isinstance(model, SMPL)
    return model


@functools.lru_cache(maxsize=4)
def people(count: int, split: str, seed: int = 0) -> People:
    """Draw people one by one, and render the crops around them; many are kept on disk for a next time."""
    draw = torch.Generator().manual_seed(1000 * seed + ("train", "val", "test").index(split))
    scene = sample_people(1, seed, body(), split=split, count=count)
    with torch.no_grad():
        joints = placed(body(), scene).joints  # (N, J, 3)
    exact, _ = project(joints, scene.cameras)
    squares = square_around(exact, torch.ones(exact.shape[:2]), wider=WIDER)
    moved = SHIFT * squares[:, 2:] * torch.randn(count, 2, generator=draw)
    wide = squares[:, 2:] * (STRETCH * torch.randn(count, 1, generator=draw)).exp()
    cameras = crop_cameras(scene.cameras, torch.cat([squares[:, :2] + moved, wide], dim=1), SIZE)
    pixels, _ = project(joints, cameras)
    found, confidence = detected(pixels, draw)
    name = f"{split}-{seed}-{count}"
    images = kept(f"people-{name}", lambda: rendered(scene, cameras), rendered, sample_people, count=count)
    return People(name, images, found, confidence, world_to_cam(joints, cameras), cameras)


def kept(name: str, make: Callable[[], Tensor], *logic: Callable[..., Any], count: int) -> Tensor:
    """Make, or read what the same code made before of the same bodies; less than 500 are made anew."""
    if count < 500:
        return make()
    key = f"{zoo.card('people_body').sha256[:12]}-{fingerprint.closure_hash(*logic)[:12]}"
    file = runtime.course_home() / f"{name}-{key}.npy"
    if file.exists():
        return torch.from_numpy(np.load(file))
    made = make()
    part = file.with_suffix(f".{os.getpid()}.npy")  # whole or not at all
    np.save(part, made.numpy())
    part.replace(file)
    return made


def rendered(scene: PeopleScene, cameras: Cameras) -> Tensor:
    """Pictures of scenes by other cameras, as bytes, some at a time."""
    parts = []
    for rows in torch.arange(len(scene)).split(256):
        part = scene[rows]
        views = render_people(PeopleScene(part.shape, part.pose, part.translation, part.clothes,
            part.surroundings, cameras[rows]), body())  # fmt: skip
        parts.append((255 * views.image).round().to(torch.uint8))
    return torch.cat(parts)


def detected(pixels: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Spoil joints (N, J, 2) in crops: noise by confidence, some joints elsewhere, some missing (0)."""
    shape = pixels.shape[:2]
    confidence = 0.4 + 0.6 * torch.rand(shape, generator=draw)
    spread = NOISE * SIZE * (1 + (1 - confidence) / 0.3)  # 1 to 3 times
    off = spread[..., None] * torch.randn(pixels.shape, generator=draw)
    wrong = torch.rand(shape, generator=draw) < WRONG
    angle = 2 * math.pi * torch.rand(shape, generator=draw)
    far = SIZE * (0.08 + 0.2 * torch.rand(shape, generator=draw))
    elsewhere = far[..., None] * torch.stack([angle.cos(), angle.sin()], dim=-1)
    doubt = 0.1 + 0.3 * torch.rand(shape, generator=draw)
    missed = torch.rand(shape, generator=draw) < MISSED
    missed[:, TORSO] &= missed[:, TORSO].cumsum(1) <= 1  # of hips and shoulders at most one
    confidence = torch.where(wrong, doubt, confidence).masked_fill(missed, 0.0)
    return pixels + torch.where(wrong[..., None], elsewhere, off), confidence


def views(count: int) -> Cameras:
    """The cameras that networks and fits assume: one focal length for all crops."""
    return fixed_cameras(count, SIZE, FOCAL)


def batches(its: People, seed: int, batch: int) -> Iterator[tuple[Crops, None]]:
    """Batches without end in random order, each crop mirrored or not."""
    if len(its) < batch:
        raise ValueError(f"batch: got {batch} of {len(its)} people, want no more than there are")
    draw = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(len(its), generator=draw).split(batch):
            if len(rows) < batch:
                break
            plain = Crops(its.images[rows].float() / 255, its.joints2d[rows], its.confidence[rows], rows,
                torch.zeros(batch, dtype=torch.bool))  # fmt: skip
            yield mirror_some(plain, torch.rand(batch, generator=draw) < 0.5), None
