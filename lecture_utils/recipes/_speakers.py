"""Speakers for `faces_from_voices` and its study: what is asked of a face, and what is heard of a voice.

Shapes: N persons, M mel bands, T frames.
"""

import functools

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces import (
    EYES,
    HAIR_STYLES,
    HAIRS,
    SKINS,
    Faces,
    Speakers,
    canonical,
    render_faces,
    sample_faces,
)
from lecture_utils.data.toyworld.hashing import uniform
from lecture_utils.data.toyworld.sound import RATE, WORDS, speak
from lecture_utils.multimodal.speech_to_face import FaceEncoder
from lecture_utils.ops.mel import log_mel, mel_filters
from lecture_utils.ops.stft import hann

AGES = (13.0, 20.0, 35.0, 50.0, 65.0)  # years, between the six answers
FIFTHS = ("head width", "head length", "jaw width")  # in cm, asked for by fifths of all persons
QUESTIONS = {
    "age": len(AGES) + 1, "woman or man": 2, **dict.fromkeys(FIFTHS, 5), "beard": 2,
    "skin": len(SKINS), "hair colour": len(HAIRS), "hair style": len(HAIR_STYLES), "eye colour": len(EYES),
    "glasses": 2,
}  # fmt: skip
HEARD = (
    "age",
    "woman or man",
    "head width",
    "head length",
    "jaw width",
    "beard",
)  # what bodies tie to voices
UNHEARD = tuple(name for name in QUESTIONS if name not in HEARD)
SIZE, BANDS, FRAMES, WINDOW, HOP, SPOKEN = 64, 64, 64, 1024, 256, 3


def measures(faces: Faces) -> dict[str, Tensor]:
    """Lengths (N,) in cm that are asked for by fifths."""
    return {
        "head width": faces.head_width,
        "head length": faces.head_length,
        "jaw width": faces.head_width * (1 - faces.jaw),
    }


@functools.cache
def fifths() -> dict[str, Tensor]:
    """Four lengths in cm between the five answers: quantiles of 20,000 persons of the training split."""
    share = torch.tensor([0.2, 0.4, 0.6, 0.8])
    return {name: length.quantile(share) for name, length in measures(sample_faces(20_000)).items()}


def answers(faces: Faces) -> dict[str, Tensor]:
    """The right answer (N,) int64 to each of QUESTIONS."""
    cut = {name: torch.bucketize(length, fifths()[name]) for name, length in measures(faces).items()}
    return {
        "age": torch.bucketize(faces.age, torch.tensor(AGES)),
        "woman or man": (faces.masculinity > 0.5).long(),
        **cut,
        "beard": (faces.beard > 0).long(),
        "skin": faces.skin_id,
        "hair colour": faces.hair_id,
        "hair style": faces.hair_style,
        "eye colour": faces.eye_id,
        "glasses": (faces.glasses > 0).long(),
    }


def portraits(faces: Faces, *, frontal: bool = False) -> Tensor:
    """Pictures (N, 3, 64, 64) as bytes; `frontal`: each person from the front with a neutral face."""
    parts = []
    for start in range(0, len(faces), 500):
        some = faces[start : start + 500]
        image = render_faces(canonical(some) if frontal else some, SIZE).image
        parts.append((image * 255).round().to(torch.uint8))
    return torch.cat(parts)


def sentences(faces: Faces, telling: int = 0) -> list[str]:
    """Three toy words for each person to say; another `telling`, other words."""
    words = sorted(WORDS)
    die = uniform(faces.key.numpy().view(np.uint64), f"says {telling}", SPOKEN)
    return [" ".join(words[int(d * len(words))] for d in row) for row in die.tolist()]


def heard(speakers: Speakers, telling: int = 0) -> Tensor:
    """What each speaker says, as log-mel spectrograms (N, 64, 64): the first second, 16 ms a frame."""
    waves = speak(sentences(speakers.faces, telling), speakers.voices)
    return spectrograms(waves)


@functools.cache
def filters() -> Tensor:
    """The mel bands (64, 513)."""
    return mel_filters(BANDS, WINDOW, RATE)


def spectrograms(waves: list[Tensor], frames: int = FRAMES) -> Tensor:
    """Log-mel spectrograms (N, 64, frames) of sounds, cut off or filled up with silence."""
    length = (frames - 1) * HOP
    cut = torch.stack([torch.nn.functional.pad(w[:length], (0, max(0, length - len(w)))) for w in waves])
    return torch.cat([log_mel(part, hann(WINDOW), HOP, filters()) for part in cut.split(250)])


@functools.cache
def log_priors() -> dict[str, Tensor]:
    """How common each answer is, as a logarithm, among 20,000 persons of the training split."""
    known = answers(sample_faces(20_000)).items()
    counts = ((name, right.bincount(minlength=QUESTIONS[name])) for name, right in known)
    return {name: (count / count.sum()).clamp_min(1e-4).log() for name, count in counts}


def guesses(encoder: FaceEncoder, embedding: Tensor) -> dict[str, Tensor]:
    """The answers (N,) that an embedding (N, D) speaks for most, as if all answers were equally common."""
    with torch.inference_mode():
        scores = encoder.answers(embedding)
    return {name: (s.log_softmax(1) - log_priors()[name]).argmax(1) for name, s in scores.items()}


def balanced(encoder: FaceEncoder, embedding: Tensor, right: dict[str, Tensor]) -> dict[str, float]:
    """Balanced accuracy for each question: the mean over its answers of the share guessed right."""
    return {
        name: balanced_accuracy(guess, right[name]) for name, guess in guesses(encoder, embedding).items()
    }


def balanced_accuracy(guess: Tensor, right: Tensor) -> float:
    """Mean over the answers that occur of the share of their persons (N,) who were guessed right."""
    hit = (guess == right).double()
    return float(torch.stack([hit[right == k].mean() for k in right.unique()]).mean())
