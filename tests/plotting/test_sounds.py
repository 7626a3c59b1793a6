"""Sounds: what a player plays is what was given, and pictures of sounds share one scale."""

import base64
import io
import re
import wave

import numpy as np
import pytest
import torch

from lecture_utils.plotting.sounds import hear, spectra_figure, wav_bytes


def played(data: bytes) -> tuple[np.ndarray, int]:
    with wave.open(io.BytesIO(data)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767, file.getframerate()


def test_a_sound_is_played_as_it_is_but_for_its_loudness():
    sound = torch.sin(torch.arange(800) / 5) * 0.01
    back, rate = played(wav_bytes(sound, 8000))
    assert rate == 8000 and len(back) == 800
    np.testing.assert_allclose(back, 0.9 * sound / sound.abs().max(), atol=2e-5)
    assert played(wav_bytes(torch.zeros(5)))[0].tolist() == [0.0] * 5


def test_players_stand_alone_and_say_what_they_play(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    hear({"a <ball>": torch.ones(1600), "a ring": torch.ones(3200)})
    page = shown[0]["text/html"]
    assert "a &lt;ball&gt;" in page and page.count("<audio controls") == 2 and "http" not in page
    data = re.findall(r"base64,([^\"]+)", page)
    assert len(played(base64.b64decode(data[1]))[0]) == 3200
    assert shown[0]["text/plain"] == "[sound] a <ball>, 0.1 seconds\n[sound] a ring, 0.2 seconds"


@pytest.mark.parametrize("bad", [torch.zeros(2, 3), torch.zeros(0), torch.tensor([1.0, torch.nan])])
def test_what_is_no_sound_is_refused(bad):
    with pytest.raises(ValueError, match="sound: got shape"):
        wav_bytes(bad)
    with pytest.raises(ValueError, match="rate: got 0"):
        wav_bytes(torch.ones(3), 0)
    with pytest.raises(ValueError, match="sounds: got none"):
        hear({})


def test_spectra_share_one_scale_and_have_their_waves_above():
    levels = {"quiet": torch.zeros(4, 6) - 60, "loud": torch.zeros(4, 6)}
    fig = spectra_figure(
        levels, seconds=0.5, khz=8, columns=2, waves={name: torch.ones(9) for name in levels}
    )
    pictures = [ax.images[0] for ax in fig.axes if ax.images]
    assert [picture.get_clim() for picture in pictures] == [(-60.0, 0.0)] * 2
    assert [ax.get_title("left") or ax.get_title() for ax in fig.axes if ax.get_visible() and ax.lines] == [
        "quiet",
        "loud",
    ]
    assert sum(bool(ax.lines) for ax in fig.axes) == 2
    with pytest.raises(ValueError, match="levels: got"):
        spectra_figure({"flat": torch.zeros(3)}, seconds=1, khz=1)
