"""Pictures told aloud, for `shapes_image_speech`, `spoken_words` and their study: "red ball", and so on.

Shapes: N pictures or sounds, M mel bands, T frames.
"""

import functools
import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.data.toyworld.sound import RATE, Voice, speak
from lecture_utils.ops.mel import griffin_lim, log_mel, magnitude_of, mel_filters
from lecture_utils.ops.stft import hann

WINDOW, HOP, BANDS, QUIET = 1024, 256, 64, -7.0  # log₁₀ of power that counts as silence
SPEAKER = Voice()  # who tells: one voice, as in the paper
FRAMES = 72  # of a sound that is to be recognised: 1.15 s
WORDS = (*COLOURS, *CLASSES)
PAIRS = tuple(itertools.product(range(len(CLASSES)), range(len(COLOURS))))  # all 64; some are held out
CHANNELS = 80  # of `features_of`


@functools.cache
def filters() -> Tensor:
    """The mel bands (64, 513)."""
    return mel_filters(BANDS, WINDOW, RATE)


def said(class_id: int, colour_id: int) -> str:
    """What is said of an object."""
    return f"{COLOURS[colour_id]} {CLASSES[class_id]}"


def listened(wave: Tensor) -> Tensor:
    """A sound (samples,) as log-mel (M, T), with what is next to silent raised to QUIET."""
    return log_mel(wave, hann(WINDOW), HOP, filters()).clamp_min(QUIET)


@functools.cache
def told() -> dict[tuple[int, int], Tensor]:
    """Log-mel (M, T) of what SPEAKER says of each class and colour that training pictures show."""
    pairs = [pair for pair in PAIRS if pair not in HELD_OUT]
    waves = speak([said(*pair) for pair in pairs], SPEAKER)
    return {pair: listened(wave) for pair, wave in zip(pairs, waves, strict=True)}


def features_of(resnet: nn.Module, images: Tensor) -> Tensor:
    """What `shapes_resnet` sees at each of 8 × 8 places, (N, 80, 8, 8), no part of any graph.

    The first stage's 16 maps beside the last one's 64 (hypercolumns: B. Hariharan et al., CVPR 2015): a
    network that was trained to name shapes has forgotten colours by its last stage.
    """
    parts = []
    with torch.inference_mode():
        for x in images.split(250):
            first = resnet.stages[0](resnet.stem(x))  # type: ignore[index, operator]
            last = resnet.stages[2](resnet.stages[1](first))  # type: ignore[index, operator]
            parts.append(torch.cat([2 * F.avg_pool2d(first, 4), last], dim=1))
    return torch.cat(parts).clone()


def sounded(mel: Tensor, rounds: int = 32) -> Tensor:
    """A waveform (samples,) of a log-mel spectrogram (M, T), phases by Griffin and Lim; peak 0.5."""
    wave = griffin_lim(magnitude_of(mel, filters()), hann(WINDOW), HOP, rounds=rounds)
    return 0.5 * wave / wave.abs().max().clamp_min(1e-6)


def fitted(mel: Tensor, frames: int = FRAMES) -> Tensor:
    """Cut a spectrogram (M, T) off, or fill it up with silence, in front of and behind it: (M, frames)."""
    spare = frames - mel.shape[1]
    if spare < 0:
        return mel[:, :frames]
    return F.pad(mel, (spare // 2, spare - spare // 2), value=QUIET)


def recognised(judge: nn.Module, mels: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The colour (N,) and the class (N,) that a `WordRecogniser` hears in sounds, (M, T) each."""
    with torch.inference_mode():
        scores = judge(torch.stack([fitted(mel) for mel in mels]))  # (N, 16)
    return scores[:, : len(COLOURS)].argmax(1), scores[:, len(COLOURS) :].argmax(1)
