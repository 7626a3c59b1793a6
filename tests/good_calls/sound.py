"""Good calls of sound: the Fourier transform of short times, mel bands, the toy world heard and felt."""

import torch

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.sound import Voice
from lecture_utils.data.toyworld.sound.inertial import head_motion
from lecture_utils.ops.mel import mel_filters
from lecture_utils.ops.stft import hann
from tests.bad_calls import Value, count, floats, made, number, word
from tests.good_calls.makers import Call

SCENES = made(lambda: captioned(2, size=8).scenes)
WINDOW = floats(8, of=lambda x: 0.1 + x)
CUT = {"x": floats(20), "hop": count(3), "centre": True, "pad": word("reflect")}
POWERS = floats(2, 5, 7, of=lambda x: 0.1 + x)


def spectra(*shape: int) -> Value:
    """Complex numbers."""
    value = floats(*shape)
    kinds = {kind: spoil for kind, spoil in value.kinds.items() if kind != "uint8"}
    return Value(lambda: value.make().to(torch.complex64), kinds)


GOOD: dict[str, dict[str, Call]] = {
    "ops.stft": {
        "hann": {"length": count(8)},
        "dft_matrix": {"length": count(8)},
        "frames": {**CUT, "length": count(8)},
        "stft": {**CUT, "window": WINDOW},
        "istft": {"spectrum": spectra(2, 5, 7), "window": WINDOW, "hop": count(3), "length": count(18)},
        "overlap_add": {"cut": floats(2, 5, 8), "hop": count(3)},
        "spectrogram": {**CUT, "window": WINDOW},
        "decibels": {"power": POWERS, "reference": number(1.0), "depth_db": number(60.0)},
        "resolution": {"window": WINDOW, "rate": number(16_000.0)},
    },
    "ops.mel": {
        "hz_to_mel": {"hz": POWERS, "scale": word("htk")},
        "mel_to_hz": {"mel": POWERS, "scale": word("slaney")},
        "mel_filters": {"bands": count(10), "length": count(256), "rate": number(16_000.0),
            "low_hz": number(20.0), "high_hz": number(7_000.0), "scale": word("htk")},
        "log_mel": {"x": floats(900), "window": made(lambda: hann(256)), "hop": count(64),
            "filters": made(lambda: mel_filters(10, 256, 16_000))},
        "magnitude_of": {"mel": floats(10, 4), "filters": made(lambda: mel_filters(10, 256, 16_000))},
        "griffin_lim": {"magnitude": POWERS, "window": WINDOW, "hop": count(3), "length": count(18),
            "rounds": count(1, zero=True), "pad": word("reflect"), "seed": count(0, zero=True)},
    },
    "data.toyworld.sound.impact": {
        "impact": {"scenes": SCENES, "seconds": number(0.05)},
    },
    "data.toyworld.sound.inertial": {
        "shake": {"scenes": SCENES, "seconds": number(0.1)},
        "felt": {"motion": made(lambda: head_motion(captioned(2, size=8).scenes)),
            "time": made(lambda: torch.linspace(0, 1, 5, dtype=torch.float64))},
    },
    "data.toyworld.sound.phonemes": {
        "sounds": {"phoneme": word("IY")},
        "spell": {"text": word("red")},
    },
    "data.toyworld.sound.speech": {
        "speak": {"text": word("red"), "voice": made(Voice)},
        "utter": {"text": word("red"), "voice": made(Voice)},
        "tracks": {"text": word("red"), "voice": made(Voice)},
    },
    "data.toyworld.sound.voices": {
        "Voice": {"f0_hz": number(120.0), "tract": number(1.0), "rate": number(1.0), "breath": number(0.1)},
        "sample_voices": {"count": count(2, zero=True), "seed": count(0, zero=True), "split": word("train")},
    },
}  # fmt: skip
