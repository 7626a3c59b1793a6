"""Struck objects for `shapes_sound_image` and its study: what is heard and seen, and where it stands.

Shapes: N scenes, M mel bands, T frames.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld import Scenes
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import COLOURS
from lecture_utils.data.toyworld.sound import RATE, impact
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.ops.mel import log_mel, mel_filters
from lecture_utils.ops.stft import hann

SECONDS, WINDOW, HOP, BANDS = 0.5, 1024, 256, 64


@dataclass(frozen=True, eq=False)
class Struck:
    """N scenes seen and heard: `seen`, log-mel `mel` (N, 64, 32), and `layout` (N, 5)."""

    seen: Captioned
    mel: Tensor
    layout: Tensor

    def __len__(self) -> int:
        return len(self.mel)


def struck(count: int, seed: int = 0, split: str = "train", *, held_out: bool = False) -> Struck:
    """Draw N captioned scenes, and strike the object of each."""
    seen = captioned(count, seed=seed, split=split, held_out=held_out)
    return Struck(seen, heard(seen.scenes), layout(seen.scenes))


@functools.cache
def filters() -> Tensor:
    """The mel bands (64, 513)."""
    return mel_filters(BANDS, WINDOW, RATE)


def heard(scenes: Scenes) -> Tensor:
    """Half a second after each first object was struck, log-mel (N, 64, 32)."""
    parts = (scenes[i : i + 250] for i in range(0, len(scenes), 250))
    return torch.cat([log_mel(impact(p, SECONDS), hann(WINDOW), HOP, filters()) for p in parts])


def layout(scenes: Scenes) -> Tensor:
    """Where each first object stands, its size and turn, and the horizon: (N, 5), in the order of LAYOUT."""
    object_ = (scenes.radius[:, :1], scenes.turn[:, :1], scenes.horizon[:, None])
    return torch.cat([scenes.centre[:, 0], *object_], dim=1)


def places(clip: CLIP, images: Tensor) -> Tensor:
    """Where CLIP puts pictures (N, 3, 32, 32): (N, D) of unit length, no part of any graph."""
    with torch.inference_mode():
        found = torch.cat([clip.encode_image(part) for part in images.split(250)])
    return found.clone()


def classes_of(judge: nn.Module, images: Tensor) -> Tensor:
    """What a classifier takes the objects for, (N,)."""
    with torch.inference_mode():
        return torch.cat([judge(part).argmax(1) for part in images.split(250)])


def colours_of(clip: CLIP, images: Tensor) -> Tensor:
    """Which colour CLIP takes the objects for, (N,), among "a photo of something red" and so on."""
    with torch.inference_mode():
        words = clip.texts([f"a photo of something {colour}" for colour in COLOURS])
    return (places(clip, images) @ words.T).argmax(1)
