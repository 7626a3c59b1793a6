"""The same scenes seen, heard, measured in depth and felt: what ImageBind's encoders read (S13.6).

What each sense can know: a struck object's sound tells its class (and size, distance, room), not its colour;
depth tells its outline and so its class; the walker's sensor tells the ground alone; the picture tells all.

Preparation as in R. Girdhar et al., "ImageBind: One Embedding Space To Bind Them All", CVPR 2023, section
3.3: sound as a log-mel spectrogram, depth as disparity. Each is brought to a mean of about 0 and a spread of
about 1 by fixed numbers, measured on 2,000 training scenes.

Shapes: N scenes, S the picture's side, F mel bands, T frames or readings.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.captioned import Captioned
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.sound import RATE, impact, shake
from lecture_utils.multimodal.imagebind.depth_encoder import disparity
from lecture_utils.ops.checks import check_tensor
from lecture_utils.ops.mel import log_mel, mel_filters
from lecture_utils.ops.stft import hann

SECONDS, WINDOW, HOP, MELS = 0.5, 1024, 256, 64  # of sound; 64 ms and 16 ms at 16 kHz
WALK = 2.0  # seconds of motion
FRAMES, READINGS = 32, 200
LOG_MEL = (-6.4, 3.0)  # mean and spread
DISPARITY = (0.4, 0.38)
IMU_MEAN = (0.0, -9.8, 0.0, 0.0, 0.0, 0.04)  # m/s², three times, and rad/s, three times
IMU_SPREAD = (0.84, 1.6, 0.58, 0.19, 0.09, 0.12)
PART = 500  # scenes heard at a time


@dataclass(frozen=True, eq=False)
class Sensed:
    """N scenes as four senses have them; row i of each is the same scene.

    Attributes
    ----------
    image : Tensor
        (N, 3, S, S) float32 in [0, 1].
    audio : Tensor
        (N, 1, 64, 32) float32: log-mel spectrogram of half a second after the object was struck.
    depth : Tensor
        (N, 1, S, S) float32: disparity.
    imu : Tensor
        (N, 6, 200) float32: acceleration x, y, z and rates of turning about x, y, z, for two seconds.
    """

    image: Tensor
    audio: Tensor
    depth: Tensor
    imu: Tensor

    def __len__(self) -> int:
        return len(self.image)


def sensed(some: Captioned) -> Sensed:
    """Return what four senses have of captioned pictures: the very same scenes, each sense normalised.

    Raises
    ------
    ValueError
        For anything but captioned pictures, one or more.
    """
    if not isinstance(some, Captioned) or len(some) == 0:
        raise ValueError(f"sensed: got {type(some).__name__}, want Captioned pictures, one or more")
    parts = [some.scenes[i : i + PART] for i in range(0, len(some), PART)]
    depth_m = render(some.scenes, some.image.shape[-1], only="depth").depth  # (N, S, S)
    return Sensed(
        image=some.image,
        audio=torch.cat([listened(impact(scenes, SECONDS)) for scenes in parts]),
        depth=(disparity(depth_m) - DISPARITY[0]) / DISPARITY[1],
        imu=torch.cat([felt(shake(scenes, WALK)) for scenes in parts]),
    )


def listened(waves: Tensor) -> Tensor:
    """Return the normalised log-mel spectrograms (N, 1, 64, T) of sounds (N, samples) at 16 kHz."""
    check_tensor(waves, "waves", "N", "samples", some=True)
    return (log_mel(waves, hann(WINDOW), HOP, bank())[:, None] - LOG_MEL[0]) / LOG_MEL[1]


@functools.cache
def bank() -> Tensor:
    """The mel bands, (64, 513)."""
    return mel_filters(MELS, WINDOW, RATE)


def felt(readings: Tensor) -> Tensor:
    """Return the normalised readings (N, 6, T) of `shake`."""
    check_tensor(readings, "readings", "N", 6, "T", some=True)
    mean, spread = (torch.tensor(values)[:, None] for values in (IMU_MEAN, IMU_SPREAD))
    return (readings - mean) / spread
