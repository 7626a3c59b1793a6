"""Spoken toy words: the resonators, pitch and formants found again, voices, words told apart."""

import numpy as np
import pytest
import torch
from scipy import linalg, signal
from sklearn.linear_model import LogisticRegression

from lecture_utils.data.toyworld import names
from lecture_utils.data.toyworld.language.captioned import OPENINGS
from lecture_utils.data.toyworld.sound import RATE, WORDS, Voice, phonemes, sample_voices, speak, speech
from lecture_utils.ops.mel import log_mel, mel_filters
from lecture_utils.ops.stft import hann
from tests.mutants import planted

pytestmark = pytest.mark.system("S00.3")


@pytest.fixture
def say(monkeypatch):
    """Speak phonemes that make no word."""

    def spoken(sounds: str, voice: Voice) -> tuple[torch.Tensor, dict[str, np.ndarray]]:
        monkeypatch.setitem(phonemes.WORDS, "nonsense", sounds)
        return speak("nonsense", voice)[0], speech.tracks("nonsense", voice)

    return spoken


def lpc_formants(wave: np.ndarray, order: int = 18) -> np.ndarray:
    """Frequencies in Hz of the poles of linear prediction (autocorrelation method), narrow ones, in order."""
    x = signal.lfilter([1, -0.97], [1], wave) * np.hamming(len(wave))
    r = np.correlate(x, x, "full")[len(x) - 1 : len(x) + order]
    poles = np.roots(np.r_[1, -linalg.solve_toeplitz(r[:-1], r[1:])])
    poles = poles[poles.imag > 0]
    hertz, band = np.angle(poles) * RATE / (2 * np.pi), -np.log(np.abs(poles)) * RATE / np.pi
    return np.sort(hertz[(band < 500) & (hertz > 150)])


@pytest.mark.parametrize("tract", [1.0, 0.85])
@pytest.mark.parametrize("vowel", phonemes.VOWELS)
def test_the_formants_are_found_by_linear_prediction(say, vowel, tract):
    """Within 10 % of each, where prediction itself errs: it sees harmonics 90 Hz apart, not the envelope."""
    wave, _ = say(f"{vowel} {vowel}", Voice(90.0, tract, 0.5, 0.0))
    middle = len(wave) // 2
    found = lpc_formants(wave[middle - 800 : middle + 800].double().numpy())
    for wanted in np.array(phonemes.VOWELS[vowel]) / tract:
        assert np.abs(found - wanted).min() < max(0.1 * wanted, 60)


@pytest.mark.parametrize("f0_hz", [90.0, 151.0, 287.0])
def test_the_pitch_is_found_by_autocorrelation(say, f0_hz):
    wave, track = say("AA AA AA", Voice(f0_hz, 0.9, 1.0, 0.0))
    middle = len(wave) // 2
    x = wave[middle - 500 : middle + 500].double().numpy()
    r = np.correlate(x, x, "full")[len(x) - 1 :] / np.arange(len(x), 0, -1)
    least, most = int(RATE / f0_hz / 1.5), int(RATE / f0_hz * 1.5)
    lag = least + int(r[least:most].argmax())
    a, b, c = r[lag - 1 : lag + 2]
    top = lag + 0.5 * (a - c) / (a - 2 * b + c)  # of the parabola through three points
    assert RATE / top == pytest.approx(track["f0"][len(track["f0"]) // 2], rel=0.01)


def test_the_cascade_is_klatts_difference_equation():
    f, b = np.array([[500.0, 1500.0, 2500.0, 8000.0]]), np.array([[60.0, 90.0, 120.0, 200.0]])
    response = speech.resonance(f, b)[0].numpy()
    want = np.ones(513, dtype=complex)
    for hertz, band in zip(f[0, :3], b[0, :3], strict=True):  # the fourth is too high and lets all through
        c = -np.exp(-2 * np.pi * band / RATE)
        bb = 2 * np.exp(-np.pi * band / RATE) * np.cos(2 * np.pi * hertz / RATE)
        want *= signal.freqz([1 - bb - c], [1, -bb, -c], np.arange(513) * np.pi / 512)[1]
    np.testing.assert_allclose(response, want, rtol=1e-3, atol=1e-5)


def test_frames_that_fade_add_up_to_the_sound_and_filter_like_a_recursion():
    x = np.random.default_rng(0).standard_normal(40 * speech.FRAME)
    x[:200] = x[-200:] = 0
    np.testing.assert_allclose(speech.overlapped(speech.spectra(x)), x, rtol=0, atol=1e-5)
    f, b = np.full((40, 1), 700.0), np.full((40, 1), 60.0)
    got = speech.overlapped(speech.spectra(x) * speech.resonance(f, b))
    c = -np.exp(-2 * np.pi * 60 / RATE)
    bb = 2 * np.exp(-np.pi * 60 / RATE) * np.cos(2 * np.pi * 700 / RATE)
    want = signal.lfilter([1 - bb - c], [1, -bb, -c], x)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-3 * np.abs(want).max())


@pytest.mark.parametrize(
    "fault",
    [
        ("np.cos(2 * np.pi * frequency / RATE)", "np.cos(np.pi * frequency / RATE)"),
        ("c = -np.exp(-2 * np.pi * band / RATE)", "c = -np.exp(-np.pi * band / RATE)"),
        ("added.flatten()[FRAME // 2 :", "added.flatten()[FRAME // 2 + 1 : 1 +"),
        ("(FRAME // 2, FRAME - FRAME // 2)", "(0, FRAME)"),
    ],
)
def test_a_fault_in_them_is_seen(fault):
    bad = planted("lecture_utils.data.toyworld.sound.speech", fault)
    x = np.random.default_rng(0).standard_normal(40 * speech.FRAME)
    f, b = np.full((40, 1), 700.0), np.full((40, 1), 60.0)
    want = speech.overlapped(speech.spectra(x) * speech.resonance(f, b))
    got = bad.overlapped(bad.spectra(x) * bad.resonance(f, b))
    assert (got - want).abs().max() > 0.05 * want.abs().max()


def test_hisses_are_high_and_vowels_low(say):
    def share_above(sounds: str, hertz: float) -> float:
        wave, _ = say(sounds, Voice(110.0))
        power = torch.fft.rfft(wave.double()).abs().square()
        return float(power[round(hertz * len(wave) / RATE) :].sum() / power.sum())

    assert share_above("S", 3000) > 0.9
    assert share_above("AA", 3000) < 0.1
    assert share_above("CH", 2000) > share_above("F AA", 2000)


def test_every_word_of_the_world_is_spelt_and_spoken():
    said = {*names.CLASSES, *names.COLOURS, *names.STUFF, *names.MATERIALS, *" ".join(OPENINGS).split()}
    said |= {
        "a",
        "an",
        "on",
        "something",
        "under",
        "clear",
        "cloudy",
        "the",
        "and",
        "left",
        "right",
        "in",
        "behind",
    }
    assert said <= set(WORDS)
    assert len({tuple(phonemes.spell(word)) for word in WORDS}) == len(WORDS)
    voice = sample_voices(1)[0]
    for word, wave in zip(WORDS, speak(list(WORDS), voice), strict=True):
        assert wave.dtype == torch.float32
        assert wave.abs().max() == pytest.approx(0.5, rel=1e-5), word
        assert 0.1 < len(wave) / RATE < 1.5


def test_the_same_words_in_the_same_voice_are_the_same_sound():
    voice = Voice(180.0, 0.85, 1.1, 0.2)
    a, b = (
        speak(["a red ball on sand.", "A red ball, on sand"], voice)[0],
        speak("a red ball on sand.", voice)[0],
    )
    assert torch.equal(a, b)
    slow = speak("a red ball on sand.", Voice(180.0, 0.85, 0.55, 0.2))[0]
    assert len(slow) == pytest.approx(2 * len(a), rel=0.05)


def test_voices_are_as_people_and_no_split_shares_one():
    voices = {split: sample_voices(200, seed=1, split=split) for split in names.SPLITS}
    assert len({v for group in voices.values() for v in group}) == 600
    assert sample_voices(5, seed=1) == voices["train"][:5]
    pitch, tract = np.array([(v.f0_hz, v.tract) for v in voices["train"]]).T
    assert np.corrcoef(np.log(pitch), np.log(tract))[0, 1] < -0.8
    assert 80 < pitch.min() < 160 < 240 < pitch.max() < 400


def test_words_can_be_told_in_voices_never_heard():
    """A linear model on mel bands; the rule, set beforehand: 0.9 of eight words, where chance is 0.125."""
    window, filters = hann(512), mel_filters(40, 512, RATE)
    parts = []
    for count, split in ((20, "train"), (8, "test")):
        texts = [word for _ in range(count) for word in names.COLOURS]
        voices = [voice for voice in sample_voices(count, split=split) for _ in names.COLOURS]
        waves = speak(texts, voices)
        mels = [log_mel(wave, window, 160, filters) for wave in waves]
        same = [torch.nn.functional.interpolate(m[None], 12)[0].flatten() for m in mels]
        parts.append((torch.stack(same), texts))
    (x, y), (unheard, truth) = parts
    assert LogisticRegression(max_iter=300).fit(x / 10, y).score(unheard / 10, truth) >= 0.9


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: speak("a mauve ball"), "got the word 'mauve'"),
        (lambda: speak(""), "one or more of the words"),
        (lambda: speak([]), "want one Voice"),
        (lambda: speak(["red", "blue"], [Voice()]), "got 1 for 2 texts"),
        (lambda: Voice(f0_hz=float("nan")), "Voice.f0_hz: got nan"),
        (lambda: Voice(tract=3.0), "Voice.tract: got 3"),
        (lambda: phonemes.sounds("QQ"), "phoneme: got 'QQ'"),
        (lambda: sample_voices(-1), "want"),
    ],
)
def test_what_does_not_fit_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        bad()
