"""What the recipes of moving people share: joints and pictures of motions, sentences, and who judges actions.

Shapes: N motions, F frames, S = 32 the side of a picture, A sentences.
"""

import functools
import itertools

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.actions import (
    ARM_ACTIONS,
    ARM_NAMES,
    LEG_ACTIONS,
    LEG_NAMES,
    SUBJECTS,
    action_pairs,
    action_text,
)
from lecture_utils.data.toyworld.people.motions import PACES, Motions
from lecture_utils.data.toyworld.people.sticks import stick_looks, stick_pictures
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.motion_clip import motion_joints, pose_to_rotation_6d
from lecture_utils.multimodal.tokenizer import Tokenizer

ALL_PAIRS = action_pairs() + action_pairs(held_out=True)  # 48 that are seen, then 16 that are not
PORTION = 500  # pictures or motions at a time: a question of memory


@functools.cache
def rest_joints() -> tuple[Tensor, tuple[int, ...]]:
    """Return the joints (24, 3) of the mean person at rest in metres, and the tree of the skeleton."""
    body = zoo.load("people_body")
    assert isinstance(body, SMPL)
    return body.shaped(torch.zeros(1, 1))[1][0], body.parents


def joints_of(motion: Tensor) -> Tensor:
    """Return the places (N, F, 24, 3) in metres of the mean person's joints in motions (N, F, 24, 6)."""
    return torch.cat([motion_joints(part, *rest_joints()) for part in motion.split(PORTION)])


def rotations_of(motions: Motions) -> Tensor:
    """Return motions as the model has them, (N, F, 24, 6)."""
    return pose_to_rotation_6d(motions.pose)


def motion_pictures(motion: Tensor, frame: Tensor, seed: int, split: str = "train") -> Tensor:
    """Render some frames of motions, each in its own look.

    Parameters
    ----------
    motion : Tensor
        (N, F, 24, 6).
    frame : Tensor
        (N, k) int64, which frames.
    seed, split
        Of the looks.

    Returns
    -------
    Tensor (N, k, 3, 32, 32), in [0, 1]
    """
    chosen = motion[torch.arange(len(motion))[:, None], frame]  # (N, k, 24, 6)
    joints = joints_of(chosen).flatten(0, 1)
    azimuth, colours = stick_looks(len(joints), seed, split)
    parts = zip(joints.split(PORTION), azimuth.split(PORTION), colours.split(PORTION), strict=True)
    return torch.cat([stick_pictures(*part) for part in parts]).unflatten(0, frame.shape)


def some_frames(count: int, each: int, frames: int, seed: int) -> Tensor:
    """Choose frames (N, each) of motions by chance."""
    return torch.randint(frames, (count, each), generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def embedded(clip: CLIP, pictures: Tensor) -> Tensor:
    """Return CLIP's embeddings (…, D) of pictures (…, 3, 32, 32)."""
    parts = [clip.encode_image(part) for part in pictures.flatten(0, -4).split(PORTION)]
    return torch.cat(parts).unflatten(0, pictures.shape[:-3]).clone()


@functools.cache
def motion_tokenizer(merges: int) -> Tokenizer:
    """Return the tokenizer of the captions' grammar: all that can be said of the seen pairs."""
    return Tokenizer.train(
        (
            action_text(legs, arms, subject=subject, form=form, wording=(w, w), side=side, pace=pace)
            for legs, arms in action_pairs()
            for subject, form, w, side, pace in itertools.product(
                SUBJECTS, range(3), range(2), ("", "left", "right"), PACES
            )
        ),
        merges,
    )


def action_sentences(form: int = 0) -> list[str]:
    """Return one sentence for each of ALL_PAIRS, such as "a person walks and waves"."""
    return [action_text(legs, arms, form=form) for legs, arms in ALL_PAIRS]


def pair_ids(motions: Motions) -> Tensor:
    """Return the place (N,) of each motion's pair in ALL_PAIRS."""
    pairs = zip(motions.legs_id.tolist(), motions.arms_id.tolist(), strict=True)
    return torch.tensor([ALL_PAIRS.index((LEG_NAMES[legs], ARM_NAMES[arms])) for legs, arms in pairs])


def action_numbers() -> Tensor:
    """Return the places in LEG_NAMES and ARM_NAMES of ALL_PAIRS, (64, 2)."""
    return torch.tensor([(LEG_NAMES.index(legs), ARM_NAMES.index(arms)) for legs, arms in ALL_PAIRS])


class ActionJudge(nn.Module):
    """Names the actions of legs and arms in a motion: convolutions over time, the mean of all frames.

    It sees rotations (N, F, 24, 6) and their changes, never a picture or a word, and gives scores
    (N, 16): eight of legs, eight of arms.
    """

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2 * 144, width, 5, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=2), nn.BatchNorm1d(width), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(2 * width, len(LEG_ACTIONS) + len(ARM_ACTIONS))

    def forward(self, motion: Tensor) -> Tensor:
        rows = motion.flatten(2).mT  # (N, 144, F)
        change = nn.functional.pad(rows.diff(dim=2), (1, 0))
        x = self.layers(torch.cat([rows, 5 * change], dim=1))  # (N, width, F)
        return self.head(torch.cat([x.mean(2), x.amax(2)], dim=1))

    @torch.inference_mode()
    def names(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Return which of LEG_NAMES and of ARM_NAMES it is, (N,) each."""
        legs, arms = self(motion).split([len(LEG_ACTIONS), len(ARM_ACTIONS)], dim=1)
        return legs.argmax(1), arms.argmax(1)
