"""A window's length against its hop: sharp in time or sharp in frequency, never both."""

import math
from functools import lru_cache

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data.toyworld.sound import RATE, speak
from lecture_utils.ops.stft import decibels, hann, resolution, spectrogram
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.widgets.controls import Choice
from lecture_utils.widgets.widget import Widget

SECONDS, TOP_HZ, DEPTH_DB = 0.8, 4000, 60.0
CLICKS_MS, TONES_HZ = 12.0, 60.0
SOUNDS = ("two clicks and two tones", "a spoken word", "a rising tone")
WINDOWS_MS = (4, 8, 16, 32, 64, 128)
HOPS = {"a quarter of the window": 0.25, "half of it": 0.5, "all of it": 1.0}


@lru_cache(maxsize=len(SOUNDS))
def sound(name: str) -> Tensor:
    """Make one of SOUNDS, (L,) at 16 kHz, no louder than 0.5."""
    time = torch.arange(round(SECONDS * RATE)) / RATE
    if name == SOUNDS[0]:
        tones = sum(torch.sin(2 * math.pi * (1500 + side * TONES_HZ / 2) * time) for side in (-1, 1))
        x = 0.1 * tones * torch.sigmoid((time - 0.35) * 400)
        for start in (0.15, 0.15 + CLICKS_MS / 1000):
            x[round(start * RATE)] = 0.5
        return x
    if name == SOUNDS[1]:
        (said,) = speak("purple star")
        return torch.nn.functional.pad(said, (0, len(time)))[: len(time)]
    return 0.3 * torch.sin(2 * math.pi * (300 + 1800 * time) * time)


def windowed(sound_name: str, window_ms: int, hop: float) -> Figure:
    """Draw a sound and its spectrogram.

    Parameters
    ----------
    sound_name : str
        Of SOUNDS.
    window_ms : int
        The window's length, milliseconds.
    hop : float
        Share of the window from frame to frame.
    """
    x, window = sound(sound_name), hann(round(window_ms * RATE / 1000))
    step = max(1, round(hop * len(window)))
    level = decibels(spectrogram(x, window, step), depth_db=DEPTH_DB).numpy()  # (F, T)
    rows = int(TOP_HZ / RATE * len(window)) + 1
    fig = Figure(figsize=(7.2, 3.5))
    fig.set_layout_engine("none")
    wave, ax = fig.add_axes((0.09, 0.79, 0.88, 0.12)), fig.add_axes((0.09, 0.13, 0.88, 0.62))
    wave.plot(np.arange(len(x)) / RATE, x, color=INK, linewidth=0.5)
    wave.set(xlim=(0, SECONDS), ylim=(-0.55, 0.55), xticks=[], yticks=[])
    wave.grid(visible=False)
    half, top = 0.5 * step / RATE, rows / len(window) * RATE / 1000
    ax.imshow(level[:rows], origin="lower", aspect="auto", cmap="magma", interpolation="nearest",
              extent=(-half, (level.shape[1] - 0.5) * step / RATE, 0, top))  # fmt: skip
    ax.set(xlim=(0, SECONDS), ylim=(0, TOP_HZ / 1000))
    ax.set_xlabel("seconds", fontsize=9, labelpad=1)
    ax.set_ylabel("kHz", fontsize=9)
    ax.tick_params(labelsize=9, length=2)
    ax.grid(visible=False)
    spread = resolution(window, RATE)
    smears = f"{spread.milliseconds:.1f} ms in time, {spread.hertz:.0f} Hz in frequency"
    fig.text(0.09, 0.94, f"window {window_ms} ms: smears {smears}", fontsize=10, color=INK)
    fig.text(0.97, 0.02, f"{level.shape[1]} frames", fontsize=9, color=QUIET, ha="right")
    return fig


def spectrogram_window() -> Widget:
    """Make the widget."""
    first, spoken, rising = SOUNDS
    return Widget(
        title="Window against hop",
        compute=windowed,
        controls={
            "sound_name": Choice(SOUNDS, label="sound"),
            "window_ms": Choice([(f"{ms} ms", ms) for ms in WINDOWS_MS], 32, label="window"),
            "hop": Choice(list(HOPS.items()), label="hop"),
        },
        tour=[
            ("A long window: two tones, 60 Hz apart, are two. The clicks have run into one.",
             {"sound_name": first, "window_ms": 64}),
            ("A short window: two clicks, 12 ms apart, are two. The tones have run into one.",
             {"sound_name": first, "window_ms": 8}),
            ("Between them, neither is sharp.", {"sound_name": first, "window_ms": 32}),
            ("A word with a short window: each pulse of the voice is a stripe.",
             {"sound_name": spoken, "window_ms": 8}),
            ("The same with a long one: stripes of pitch and its multiples.",
             {"sound_name": spoken, "window_ms": 64}),
            ("A hop as long as the window: what falls at its ends is hardly seen.",
             {"sound_name": spoken, "window_ms": 32, "hop": 1.0}),
            ("A rising tone through a long window: it moves within the window, and smears.",
             {"sound_name": rising, "window_ms": 128}),
        ],
        trivial={"sound_name": first, "window_ms": 32},
        alt="A sound as a curve, and its spectrogram: time to the right, frequency up, bright is loud.",
    )  # fmt: skip
