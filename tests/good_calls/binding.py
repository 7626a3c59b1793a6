"""Good calls of ImageBind, and of what the toy world's senses have of one scene."""

import functools

import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.multimodal.imagebind.audio_encoder import AudioEncoder
from lecture_utils.multimodal.imagebind.depth_encoder import DepthEncoder
from lecture_utils.multimodal.imagebind.imagebind import ImageBind
from lecture_utils.multimodal.imagebind.imu_encoder import IMUEncoder
from lecture_utils.multimodal.imagebind.trunk import Trunk
from tests.bad_calls import count, floats, made, number, pixels, word
from tests.good_calls.makers import Call
from tests.good_calls.retrieving import small_clip

JOINT = 6  # `small_clip`'s
NARROW = {"dim": count(8), "heads": count(2), "hidden": count(8), "layers": count(1)}
UNIT = floats(3, JOINT, of=lambda x: F.normalize(x + 0.1, dim=-1))
POSITIVE = floats(2, 6, 8, of=lambda x: 1 + x)


def small(kind: type, *sizes: int, **more: int) -> nn.Module:
    """An encoder or trunk of width 8 into `small_clip`'s space."""
    torch.manual_seed(0)
    return kind(*sizes, JOINT, dim=8, heads=2, hidden=8, layers=1, **more).eval()


def audio() -> nn.Module:
    """Spectrograms (B, 1, 6, 9)."""
    return small(AudioEncoder, 6, 9, patch=4, stride=2)


def depth() -> nn.Module:
    """Disparity (B, 1, 8, 8)."""
    return small(DepthEncoder, 8, patch=4)


def imu() -> nn.Module:
    """Readings (B, 6, 16)."""
    return small(IMUEncoder, 16)


def whole() -> ImageBind:
    """All of it, small."""
    return ImageBind(small_clip(), audio(), depth(), imu())  # type: ignore[arg-type]


@functools.cache
def few() -> Captioned:
    """Two captioned scenes."""
    return captioned(2, size=8)


GOOD: dict[str, dict[str, Call]] = {
    "multimodal.imagebind.trunk": {
        "Trunk": {"tokens": count(5), "joint": count(JOINT), **NARROW},
        "Trunk.forward": {"self": made(lambda: small(Trunk, 5)), "tokens": floats(2, 5, 8)},
    },
    "multimodal.imagebind.audio_encoder": {
        "AudioEncoder": {
            "mels": count(6), "frames": count(9), "joint": count(JOINT), "patch": count(4),
            "stride": count(2), **NARROW,
        },
        "AudioEncoder.forward": {"self": made(audio), "x": floats(2, 1, 6, 9)},
    },
    "multimodal.imagebind.depth_encoder": {
        "disparity": {"depth_m": POSITIVE},
        "DepthEncoder": {"size": count(8), "joint": count(JOINT), "patch": count(4), **NARROW},
        "DepthEncoder.forward": {"self": made(depth), "x": floats(2, 1, 8, 8)},
    },
    "multimodal.imagebind.imu_encoder": {
        "IMUEncoder": {"readings": count(16), "joint": count(JOINT), "kernel": count(8), **NARROW},
        "IMUEncoder.forward": {"self": made(imu), "x": floats(2, 6, 16)},
    },
    "multimodal.imagebind.imagebind": {
        "info_nce": {"query": UNIT, "key": UNIT, "temperature": number(0.1)},
        "binding_loss": {"image": UNIT, "other": UNIT, "temperature": number(0.1)},
        "ImageBind": {"clip": made(small_clip), "audio": made(audio), "depth": made(depth), "imu": made(imu)},
        "ImageBind.encode": {"self": made(whole), "modality": word("audio"), "x": floats(2, 1, 6, 9)},
        "ImageBind.forward": {
            "self": made(whole), "images": pixels(2, 3, 8, 8), "modality": word("imu"), "x": floats(2, 6, 16),
        },
    },
    "data.toyworld.senses": {
        "sensed": {"some": made(few)},
        "listened": {"waves": floats(2, 1200)},
        "felt": {"readings": floats(2, 6, 16)},
    },
}  # fmt: skip
