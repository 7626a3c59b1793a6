"""Mel bands against another library's, and sound from magnitudes alone."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import audio_utils

from lecture_utils.ops import mel, stft
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.3")

RATE = 16_000


def theirs(bands: int, length: int, low: float, high: float, scale: str) -> torch.Tensor:
    made = audio_utils.mel_filter_bank(
        length // 2 + 1, bands, low, high, RATE, norm="slaney", mel_scale=scale
    )
    return torch.from_numpy(made.T)


CASES = [(40, 512, 0.0, 8000.0), (20, 255, 0.0, 8000.0), (23, 400, 60.0, 7600.0)]


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize(("bands", "length", "low", "high"), CASES)
def test_filters_are_those_of_transformers(bands, length, low, high, scale):
    ours = mel.mel_filters(bands, length, RATE, low_hz=low, high_hz=high, scale=scale)
    want = theirs(bands, length, low, high, scale)
    if (
        length % 2
    ):  # the library puts the last frequency at half the rate, where it stands for even windows only
        want = triangles_by_loop(bands, length, low, high, scale)
    torch.testing.assert_close(ours.double(), want, rtol=0, atol=1e-8)


def triangles_by_loop(bands: int, length: int, low: float, high: float, scale: str) -> torch.Tensor:
    ends = audio_utils.hertz_to_mel(np.array([low, high]), mel_scale=scale)
    corners = audio_utils.mel_to_hertz(np.linspace(*ends, bands + 2), mel_scale=scale)
    out = torch.zeros(bands, length // 2 + 1, dtype=torch.float64)
    for m in range(bands):
        left, top, right = corners[m : m + 3]
        for k in range(length // 2 + 1):
            hz = k * RATE / length
            height = (hz - left) / (top - left) if hz < top else (right - hz) / (right - top)
            out[m, k] = max(0.0, height) * 2 / (right - left)
    return out


@pytest.mark.parametrize(
    "fault",
    [
        ("filters * 2 / (right - left)", "filters"),
        ("bands + 2, dtype", "bands + 3, dtype"),
        ("27 / math.log(6.4)", "25 / math.log(6.4)"),
        ("* rate / length", "* rate / (length + 1)"),
    ],
)
def test_a_planted_fault_is_seen(fault):
    bad = planted("lecture_utils.ops.mel", fault).mel_filters(40, 512, RATE)
    assert (bad - theirs(40, 512, 0.0, 8000.0, "slaney")).abs().max() > 1e-4


def test_log_mel_is_that_of_transformers():
    x = torch.randn(4000, generator=torch.manual_seed(0)) * 0.1
    window, filters = stft.hann(400), mel.mel_filters(40, 400, RATE)
    want = audio_utils.spectrogram(
        x.numpy(), window.numpy(), 400, 160, power=2.0, mel_filters=filters.numpy().T, log_mel="log10"
    )
    torch.testing.assert_close(
        mel.log_mel(x, window, 160, filters), torch.from_numpy(want).float(), rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_the_scale_and_back(scale):
    hz = torch.tensor([0.0, 60.0, 999.0, 1000.0, 1001.0, 7999.0], dtype=torch.float64)
    torch.testing.assert_close(mel.mel_to_hz(mel.hz_to_mel(hz, scale), scale), hz)
    torch.testing.assert_close(
        mel.hz_to_mel(hz, scale), torch.from_numpy(audio_utils.hertz_to_mel(hz.numpy(), mel_scale=scale))
    )


def test_bands_of_a_magnitude_found_again():
    filters = mel.mel_filters(30, 400, RATE).double()
    magnitude = (filters.T @ torch.rand(30, 6, generator=torch.manual_seed(0), dtype=torch.float64)).sqrt()
    bands = (filters @ magnitude.square()).log10()
    found = mel.magnitude_of(bands, filters)
    torch.testing.assert_close((filters @ found.square()).log10(), bands, rtol=0, atol=1e-6)


def chord(length: int = 4000) -> torch.Tensor:
    time = torch.arange(length, dtype=torch.float64) / RATE
    tones = sum(torch.sin(2 * math.pi * f * time + f) for f in (440.0, 1330.0, 2750.0))
    return tones * torch.exp(-8 * time)


@pytest.mark.parametrize("length", [4000, 4060])
def test_no_round_of_griffin_and_lim_goes_back(length):
    window, hop, x = stft.hann(256).double(), 64, chord(length)
    want = stft.stft(x, window, hop, pad="constant").abs()

    def gap(rounds: int) -> float:
        made = mel.griffin_lim(want, window, hop, rounds=rounds, length=length, pad="constant")
        got = stft.stft(made, window, hop, pad="constant").abs()
        both = torch.full((len(got), 1), 2.0, dtype=torch.float64)
        both[[0, -1]] = 1.0  # all frequencies but the two at the ends stand for two of the full transform
        return float(((got - want).square() * both).sum() / (want.square() * both).sum())

    gaps = [gap(rounds) for rounds in range(12)]
    assert all(after <= before * (1 + 1e-9) for before, after in pairwise(gaps))
    assert gaps[-1] < 0.25 * gaps[0]


@pytest.mark.parametrize(
    "fault",
    [
        (".angle()[..., :count]", ".angle()[..., :count] * 0.5"),
        ("torch.polar(magnitude, angle)", "torch.polar(magnitude.square(), angle)"),
        ("for _ in range(rounds)", "for _ in range(0)"),
    ],
)
def test_a_fault_in_griffin_and_lim_is_seen(fault):
    window, hop, x = stft.hann(256).double(), 64, chord()
    want = stft.stft(x, window, hop).abs()

    def gap(module) -> float:
        got = stft.stft(module.griffin_lim(want, window, hop, length=4000), window, hop).abs()
        return float((got - want).square().sum() / want.square().sum())

    right = gap(mel)
    assert right < 0.1
    assert gap(planted("lecture_utils.ops.mel", fault)) > 2 * right


def test_odd_windows_and_a_batch():
    window, x = stft.hann(101).double(), torch.stack([chord(1200), chord(1200).flip(0)])
    made = mel.griffin_lim(stft.stft(x, window, 25).abs(), window, 25, rounds=2)
    assert made.shape == (2, 1176)
    assert torch.equal(made, mel.griffin_lim(stft.stft(x, window, 25).abs(), window, 25, rounds=2))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: mel.mel_filters(200, 256, RATE), "meets none of 129 frequencies"),
        (lambda: mel.mel_filters(20, 256, RATE, high_hz=9000.0), "up to 8000"),
        (lambda: mel.mel_filters(20, 256, RATE, scale="bark"), "'slaney' or 'htk'"),
        (lambda: mel.griffin_lim(-torch.ones(33, 5), stft.hann(64), 16), "want 0 or more"),
        (lambda: mel.griffin_lim(torch.ones(33, 5), stft.hann(64), 16, length=60), "got 60, want 64 or more"),
        (lambda: mel.log_mel(torch.ones(500), stft.hann(64), 16, torch.ones(3, 30)), r"want .*\(M, 33\)"),
        (lambda: mel.hz_to_mel(torch.tensor([-1.0])), "want 0 or more"),
    ],
)
def test_what_does_not_fit_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        bad()
