"""Sounds in a notebook: players that work on any page, and figures of waves with their spectrograms."""

import base64
import html
import io
import wave
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .images import to_array
from .style import BLUE

RATE = 16_000
PEAK = 0.9  # of what is played: each sound is as loud as it can be


def wav_bytes(samples: Any, rate: int = RATE) -> bytes:
    """Encode a sound as a WAV file of 16 bits, mono, scaled to a peak of 0.9.

    Parameters
    ----------
    samples : Tensor or array (L,)
        Finite numbers of any scale.
    rate : int
        Samples a second.

    Raises
    ------
    ValueError
        For another shape, no samples, or values that are not finite.
    """
    sound = to_array(samples).astype(np.float64)
    if sound.ndim != 1 or not len(sound) or not np.isfinite(sound).all():
        raise ValueError(f"sound: got shape {sound.shape}, want (L,) finite samples, one or more")
    if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
        raise ValueError(f"rate: got {rate!r}, want samples a second, 1 or more")
    loud = sound * (PEAK / max(float(np.abs(sound).max()), 1e-9))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.round(32767 * loud).astype("<i2").tobytes())
    return file.getvalue()


def hear(sounds: Mapping[str, Any], rate: int = RATE) -> None:
    """Show a player for each of several sounds, by name; it needs no kernel and no network.

    Parameters
    ----------
    sounds : dict of name to (L,)
    rate : int
        Samples a second.

    Raises
    ------
    ValueError
        For no sounds, or as `wav_bytes` does.
    """
    from IPython.display import display

    if not sounds:
        raise ValueError("sounds: got none, want one or more")
    parts, lines = [], []
    for name, samples in sounds.items():
        data = base64.b64encode(wav_bytes(samples, rate)).decode("ascii")
        label = html.escape(name)
        player = f'<audio controls aria-label="{label}" src="data:audio/wav;base64,{data}"></audio>'
        style = "margin:4px 12px 4px 0"
        parts.append(f'<figure style="{style}">{player}<figcaption>{label}</figcaption></figure>')
        lines.append(f"[sound] {name}, {len(to_array(samples)) / rate:.1f} seconds")
    page = f'<div style="display:flex;flex-wrap:wrap">{"".join(parts)}</div>'
    display({"text/html": page, "text/plain": "\n".join(lines)}, raw=True)


def spectra_figure(
    levels: Mapping[str, Any],
    *,
    seconds: float,
    khz: float,
    columns: int = 4,
    waves: Mapping[str, Any] | None = None,
    title: str = "",
) -> Figure:
    """Draw spectrograms side by side, all on one scale of loudness, their waves above them if given.

    Parameters
    ----------
    levels : dict of name to (F, T)
        Levels in decibels; the first row is 0 Hz.
    seconds, khz : float
        What the axes span: from 0 to these.
    columns : int
        Panels in a row.
    waves : dict of name to (L,), optional
        With the same names.
    title : str
        The claim that the figure makes.
    """
    arrays = {name: to_array(level) for name, level in levels.items()}
    if not arrays or any(array.ndim != 2 for array in arrays.values()):
        raise ValueError(f"levels: got {[a.shape for a in arrays.values()]}, want (F, T) each, one or more")
    low, high = (
        edge(float(edge_of(a)) for a in arrays.values()) for edge, edge_of in ((min, np.min), (max, np.max))
    )
    rows, each = -(-len(arrays) // columns), 2 if waves else 1
    fig = Figure(figsize=(2.1 * columns, rows * (1.75 + 0.4 * (each - 1)) + 0.3), layout="constrained")
    grid = fig.subplots(rows * each, columns, squeeze=False, height_ratios=([1, 4] if waves else [1]) * rows)
    for ax in grid.flat:
        ax.set_visible(False)
    for at, (name, level) in enumerate(arrays.items()):
        row, column = divmod(at, columns)
        ax = grid[row * each + each - 1, column]
        ax.imshow(
            level,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=low,
            vmax=high,
            extent=(0, seconds, 0, khz),
        )
        top = grid[row * each, column]
        if waves:
            top.plot(
                np.linspace(0, seconds, len(waves[name])), to_array(waves[name]), color=BLUE, linewidth=0.5
            )
            top.set(xlim=(0, seconds), xticks=[], yticks=[])
            top.grid(visible=False)
        for one in {ax, top}:
            one.set_visible(True)
        top.set_title(name, fontsize=10)
        ax.grid(visible=False)
        ax.tick_params(labelsize=8, length=2, labelleft=column == 0)
        ax.set(xlabel="seconds" if row == rows - 1 else "", ylabel="kHz" if column == 0 else "")
    if title:
        fig.suptitle(title)
    return fig
