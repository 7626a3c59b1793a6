"""Spoken toy words by formant synthesis: a buzz and two noises, shaped by the resonances of a tube.

Source and filter: glottal pulses at f0, noise from the throat and noise at the teeth, a cascade of
resonators for the formants, as in D. H. Klatt, "Software for a cascade/parallel formant synthesizer", JASA
1980 (the resonator is its equation 2; voicing goes through the low-pass resonator RGP, and the lips
differentiate).

A sound that changes is made as in overlap-add (S13.3): frames that fade into one another, each filtered by
itself.

Simplified: one resonator for each hissing sound instead of a parallel bank, no anti-resonances (nasals have
wide formants instead), gliding targets instead of rules for each pair of sounds, a straight fall of the
pitch.

Legend: T samples, P frames of 5 ms, F formants.
"""

import math
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.hashing import uniform
from lecture_utils.data.toyworld.sound.impact import RATE
from lecture_utils.data.toyworld.sound.phonemes import Sound, sounds, spell
from lecture_utils.data.toyworld.sound.voices import Voice

FRAME = 80  # samples: 5 ms, after which the filter is set anew
GLIDE, ONSET = 11, 3  # frames over which formants and strengths are smoothed
HIGHER = (3500.0, 4500.0, 5500.0)  # F4, F5, F6 of the neutral tube
BANDS = np.array([60.0, 90.0, 150.0, 200.0, 250.0, 300.0])  # Hz, their widths
PLAIN = Voice()
SILENCE = Sound(40, (500, 1500, 2500))
PEAK = 0.5  # of each utterance
RESPONSE = 1024  # samples: so long a formant may ring
LIMIT = 0.48 * RATE  # a formant above it is left out


def speak(text: str | Sequence[str], voice: Voice | Sequence[Voice] = PLAIN) -> list[Tensor]:
    """Speak each text.

    Parameters
    ----------
    text : str or sequence of str
        Words of `phonemes.WORDS`; full stops and commas are passed over.
    voice : Voice or sequence of Voice
        One for all texts, or one for each.

    Returns
    -------
    list of Tensor
        (T,) float32 in [-0.5, 0.5] at 16 kHz for each text, each of its own length. The same text in the
        same voice is the same sound.

    Raises
    ------
    ValueError
        For an unknown word, no text, or another number of voices.
    """
    texts = [text] if isinstance(text, str) else list(text)
    voices = [voice] * len(texts) if isinstance(voice, Voice) else list(voice)
    if not texts or len(voices) != len(texts) or not all(isinstance(v, Voice) for v in voices):
        raise ValueError(
            f"voice: got {len(voices)} for {len(texts)} texts, want one Voice, or one for each text"
        )
    return [utter(one, own) for one, own in zip(texts, voices, strict=True)]


def utter(text: str, voice: Voice) -> Tensor:
    """Speak one text, (T,) float32; see `speak`."""
    track = tracks(text, voice)
    samples = len(track["f0"]) * FRAME
    key = np.array([zlib.crc32(f"{text} {voice}".encode())], dtype=np.uint64)
    noise = np.sqrt(3) * (2 * uniform(key, "speech", 2, samples)[0] - 1)  # (2, T), of variance 1
    voiced, airy = (_each_sample(track[name]) for name in ("voice", "breath"))
    buzz = (1 - 0.5 * voice.breath) * voiced * pulses(_each_sample(track["f0"]))
    breath = (airy + 0.3 * voice.breath * voiced) * noise[0]
    hiss = _each_sample(track["hiss"]) * noise[1]
    tract = resonance(track["formants"], track["bands"])  # (P, 513)
    teeth = resonance(track["hiss_hz"][:, None], track["hiss_band"][:, None])
    teeth = teeth / teeth.abs().amax(dim=1, keepdim=True)
    spoken = tract * (glottis() * spectra(buzz) + 0.25 * spectra(breath)) + teeth * spectra(hiss)
    wave = overlapped(spoken)
    return (PEAK / wave.abs().max() * wave).float()


def tracks(text: str, voice: Voice) -> dict[str, np.ndarray]:
    """Return what the synthesizer is told, frame by frame.

    Returns
    -------
    dict
        "f0" in Hz, the strengths "voice", "breath" and "hiss", "hiss_hz" and "hiss_band", each (P,);
        "formants" and "bands" in Hz, (P, 6).
    """
    parts = [SILENCE, *(s for phoneme in spell(text) for s in sounds(phoneme)), SILENCE]
    for i in range(len(parts) - 2, -1, -1):  # from the last: whoever has no formants takes the next one's
        if not parts[i].formants[0]:
            parts[i] = Sound(**{**vars(parts[i]), "formants": parts[i + 1].formants})
    frames = [max(1, round(p.milliseconds / voice.rate / 5)) for p in parts]

    def steps(values: list) -> np.ndarray:
        return np.repeat(np.array(values, dtype=float), frames, axis=0)

    formants = smooth(steps([(*p.formants, *HIGHER) for p in parts]), GLIDE) / voice.tract  # (P, 6)
    out = {"formants": formants, "bands": smooth(steps([p.damped * BANDS for p in parts]), ONSET)}
    jump = steps([p.sudden for p in parts]) > 0
    for name in ("voice", "breath", "hiss"):
        level = steps([getattr(p, name) for p in parts])
        out[name] = np.where(jump, level, smooth(level, 2 * ONSET + 1))
    out["hiss_hz"] = steps([p.hiss_hz for p in parts]) / voice.tract
    out["hiss_band"] = steps([p.hiss_band_hz for p in parts])
    out["f0"] = voice.f0_hz * np.linspace(1.1, 0.9, len(jump))
    return out


def smooth(track: np.ndarray, width: int) -> np.ndarray:
    """Return the mean over `width` frames (odd) around each, the ends held; (P,) or (P, F)."""
    ends = [(width // 2, width // 2)] + [(0, 0)] * (track.ndim - 1)
    total = np.cumsum(np.pad(track, ends, mode="edge"), axis=0)
    total = np.concatenate([np.zeros_like(total[:1]), total])
    return (total[width:] - total[:-width]) / width


def pulses(f0: np.ndarray) -> np.ndarray:
    """Return clicks at the pitch f0 (T,) in Hz, of mean square 1; each shared by two samples: f0 is exact."""
    phase = np.cumsum(f0) / RATE
    at = np.flatnonzero(np.diff(np.floor(phase), prepend=0.0) > 0)
    late = (phase[at] - np.floor(phase[at])) / (f0[at] / RATE)  # samples since the click, in [0, 1)
    out = np.zeros(len(f0))
    np.add.at(out, at, 1 - late)
    np.add.at(out, np.maximum(at - 1, 0), late)
    return out * np.sqrt(RATE / f0)


def resonance(frequency: np.ndarray, band: np.ndarray) -> Tensor:
    """Return the response of a cascade of Klatt's resonators at the 513 frequencies of `spectra`, (P, 513).

    Equation 2: y[t] = A x[t] + B y[t-1] + C y[t-2] with C = -exp(-2π b / rate), B = 2 exp(-π b / rate)
    cos(2π f / rate) and A = 1 - B - C, for the frequencies f and widths b in Hz, (P, F) each. So its response
    is A / (1 - B z⁻¹ - C z⁻²). A resonator above 0.48 of the rate lets all through.
    """
    c = -np.exp(-2 * np.pi * band / RATE)
    b = 2 * np.exp(-np.pi * band / RATE) * np.cos(2 * np.pi * frequency / RATE)
    one, two = (torch.from_numpy(np.where(frequency < LIMIT, x, 0.0)).float()[..., None] for x in (b, c))
    back = unit_delay()  # (513,)
    return ((1 - one - two) / (1 - one * back - two * back * back)).prod(dim=1)


def glottis() -> Tensor:
    """Return how throat and lips shape a click, (513,): Klatt's low-pass RGP, then the flow's change."""
    shape = resonance(np.zeros((1, 1)), np.full((1, 1), 100.0))[0] * (1 - unit_delay())
    return shape / torch.fft.irfft(shape).square().sum().sqrt()


def unit_delay() -> Tensor:
    """Return z⁻¹ = exp(-2πi f / rate) at each frequency, (513,) complex64."""
    return torch.exp(-2j * math.pi * torch.arange(RESPONSE // 2 + 1) / RESPONSE)


def spectra(sound: np.ndarray) -> Tensor:
    """Transform a sound (P × 80,) by frames of 160 samples that fade into one another, (P, 513)."""
    fade = 1 - (torch.arange(2 * FRAME) + 0.5 - FRAME).abs() / FRAME  # (160,): neighbours sum to 1
    padded = torch.nn.functional.pad(torch.from_numpy(sound).float(), (FRAME // 2, FRAME - FRAME // 2))
    return torch.fft.rfft(fade * padded.unfold(0, 2 * FRAME, FRAME), RESPONSE)


def overlapped(frames: Tensor) -> Tensor:
    """Turn filtered frames (P, 513) back and add them where they belong, (P × 80,)."""
    whole = torch.fft.irfft(frames, RESPONSE).mT  # (1024, P)
    length = (whole.shape[1] - 1) * FRAME + RESPONSE
    added = torch.nn.functional.fold(whole[None], (1, length), (1, RESPONSE), stride=(1, FRAME))
    return added.flatten()[FRAME // 2 : FRAME // 2 + whole.shape[1] * FRAME]


def _each_sample(track: np.ndarray) -> np.ndarray:
    """A track of frames (P,) as one of samples (P × 80,), straight lines between the frames' middles."""
    samples = np.arange(len(track) * FRAME)
    return np.interp(samples, (np.arange(len(track)) + 0.5) * FRAME, track)
