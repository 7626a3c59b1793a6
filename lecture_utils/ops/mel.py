"""Mel bands and sound from magnitudes alone (S13.3): what a network hears, and how its picture is heard
again.

The mel scale is that of S. S. Stevens, J. Volkmann and E. B. Newman, JASA 1937: equal steps sound equally
far apart. Two fits are in use. "htk" (D. O'Shaughnessy, Speech Communication, 1987): 2595 log₁₀(1 + f /
700). "slaney" (M. Slaney, Auditory Toolbox, 1998): 3 f / 200 below 1,000 Hz, 15 + 27 ln(f / 1000) / ln 6.4
above. Phases are found by D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier
transform", IEEE TASSP 1984, section III.

Legend: L samples, N samples in a window, F = N // 2 + 1 frequencies, T frames, M mel bands.
"""

import math

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_choice, check_number, check_tensor, check_whole
from lecture_utils.ops.stft import FLOOR, check_window, istft, spectrogram, stft

BEND_HZ, BEND_MEL = 1000.0, 15.0  # where Slaney's scale turns from straight to logarithmic


def hz_to_mel(hz: Tensor, scale: str = "slaney") -> Tensor:
    """Return frequencies in Hz, 0 or more, of any shape, on the "slaney" or the "htk" mel scale."""
    check_tensor(hz, "hz", "…", finite=True)
    check_choice(scale, "scale", "slaney", "htk")
    if bool((hz < 0).any()):
        raise ValueError(f"hz: got {hz.min().item():.4g}, want 0 or more")
    if scale == "htk":
        return 2595 * (1 + hz / 700).log10()
    bent = BEND_MEL + 27 / math.log(6.4) * (hz.clamp(min=BEND_HZ) / BEND_HZ).log()
    return torch.where(hz < BEND_HZ, hz * BEND_MEL / BEND_HZ, bent)


def mel_to_hz(mel: Tensor, scale: str = "slaney") -> Tensor:
    """Undo `hz_to_mel`."""
    check_tensor(mel, "mel", "…", finite=True)
    check_choice(scale, "scale", "slaney", "htk")
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    bent = BEND_HZ * ((mel - BEND_MEL) * math.log(6.4) / 27).exp()
    return torch.where(mel < BEND_MEL, mel * BEND_HZ / BEND_MEL, bent)


def mel_filters(
    bands: int,
    length: int,
    rate: float,
    *,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: str = "slaney",
) -> Tensor:
    """Return triangles that add up the frequencies of a spectrogram into mel bands.

    Parameters
    ----------
    bands : int
        M.
    length : int
        N, of the window.
    rate : float
        Samples a second.
    low_hz, high_hz : float
        Where the first triangle begins and the last one ends; half the rate where not given.
    scale : {"slaney", "htk"}
        On which the triangles' corners are equally far apart.

    Returns
    -------
    Tensor
        (M, F) float32, each triangle of area 1 over Hz (Slaney's norm): white noise gives equal bands.

    Raises
    ------
    ValueError
        For numbers out of range, or so many bands that one meets no frequency.
    """
    check_whole(bands, "bands")
    check_whole(length, "length", 2)
    check_number(rate, "rate", 0, above=True)
    high_hz = rate / 2 if high_hz is None else check_number(high_hz, "high_hz", 0, rate / 2, above=True)
    check_number(low_hz, "low_hz", 0, high_hz)
    first, last = hz_to_mel(torch.tensor([low_hz, high_hz], dtype=torch.float64), scale).tolist()
    corners = mel_to_hz(torch.linspace(first, last, bands + 2, dtype=torch.float64), scale)  # (M + 2,)
    left, top, right = (corners[i : i + bands, None] for i in range(3))  # (M, 1)
    hz = torch.arange(length // 2 + 1, dtype=torch.float64) * rate / length  # (F,)
    filters = torch.minimum((hz - left) / (top - left), (right - hz) / (right - top)).clamp(min=0)
    if bool((filters.sum(dim=1) == 0).any()):
        raise ValueError(f"bands: got {bands}, of which one meets none of {len(hz)} frequencies, want fewer")
    return (filters * 2 / (right - left)).float()


def log_mel(x: Tensor, window: Tensor, hop: int, filters: Tensor) -> Tensor:
    """Return log₁₀ of the power in each mel band, at least -10.

    Parameters
    ----------
    x, window, hop
        As for `stft`.
    filters : Tensor
        (M, F), as of `mel_filters`.

    Returns
    -------
    Tensor
        (…, M, T).

    Raises
    ------
    ValueError
        As `stft`, and for filters that do not fit the window.
    """
    check_filters(filters, window)
    return (filters.to(window.dtype) @ spectrogram(x, window, hop)).clamp(min=FLOOR).log10()


def magnitude_of(mel: Tensor, filters: Tensor) -> Tensor:
    """Return magnitudes (…, F, T) whose mel bands are nearly those of `mel` = log₁₀ of power, (…, M, T).

    The least power in the sense of squares that has these bands (pseudo-inverse), negative ones raised to 0.
    """
    check_tensor(filters, "filters", "M", "F", finite=True, some=True)
    check_tensor(mel, "mel", "…", filters.shape[0], "T", finite=True, some=True)
    return (torch.linalg.pinv(filters.to(mel.dtype)) @ 10**mel).clamp(min=0).sqrt()


def griffin_lim(
    magnitude: Tensor,
    window: Tensor,
    hop: int,
    *,
    rounds: int = 32,
    length: int | None = None,
    pad: str = "reflect",
    seed: int = 0,
) -> Tensor:
    """Return a sound with nearly this magnitude spectrogram.

    From random phases on: back to a sound, and from there the phases anew. No round makes the distance
    between the magnitudes wanted and got larger (Griffin and Lim 1984, section III; with zeros as padding).

    Parameters
    ----------
    magnitude : Tensor
        (…, F, T) floating point, 0 or more: |STFT|.
    window : Tensor
        (N,), of the type of `magnitude`.
    hop, length, pad
        As for `istft` and `stft`.
    rounds : int
        0 keeps the random phases.
    seed : int
        Of the first phases.

    Returns
    -------
    Tensor
        (…, L).

    Raises
    ------
    ValueError
        As `istft`, and for negative magnitudes.
    """
    check_window(window, magnitude)
    check_tensor(magnitude, "magnitude", "…", len(window) // 2 + 1, "T", finite=True, some=True)
    check_whole(rounds, "rounds", 0)
    if bool((magnitude < 0).any()):
        raise ValueError(f"magnitude: got {magnitude.min().item():.4g}, want 0 or more")
    check_whole(hop, "hop")
    count, odd = magnitude.shape[-1], len(window) % 2
    if length is not None and not (count - 1) * hop + odd <= check_whole(length, "length"):
        raise ValueError(f"length: got {length}, want {(count - 1) * hop + odd} or more for {count} frames")
    made = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
    angle = 2 * math.pi * torch.rand(magnitude.shape, generator=made, dtype=magnitude.dtype)
    x = istft(torch.polar(magnitude, angle.to(magnitude.device)), window, hop, length=length)
    for _ in range(rounds):
        angle = stft(x, window, hop, pad=pad).angle()[..., :count]  # (…, F, T)
        x = istft(torch.polar(magnitude, angle), window, hop, length=length)
    return x


def check_filters(filters: Tensor, window: Tensor) -> None:
    """Raise ValueError unless `filters` are finite (M, F) for this window."""
    check_window(window)
    check_tensor(filters, "filters", "M", len(window) // 2 + 1, finite=True, some=True)
