"""Short-time Fourier transform (S13.3): which frequencies a sound holds at each moment, and the way back.

J. B. Allen and L. R. Rabiner, "A unified approach to short-time Fourier analysis and synthesis", Proc. IEEE
1977; the way back by D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier
transform", IEEE TASSP 1984, equation 6; mel scale by S. S. Stevens, J. Volkmann and E. B. Newman 1937, as
fitted in HTK and in M. Slaney's Auditory Toolbox (1998).

The conventions are those of `torch.stft`: frame t is centred on sample t · hop, the ends are mirrored, the
transform is not scaled.

Legend: L samples, N samples in a window, F = N // 2 + 1 frequencies from 0 to half the rate, T frames, M
mel bands.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_choice, check_number, check_tensor, check_whole

FLOOR = 1e-10  # least power whose logarithm is taken
SILENT = 1e-11  # least sum of squared windows that can be divided by


def hann(length: int) -> Tensor:
    """Return the periodic Hann window sin²(π n / N), (N,) float32: shifted by N / 2, it sums to 1."""
    place = torch.arange(check_whole(length, "length", 2), dtype=torch.float64)
    return torch.sin(math.pi * place / length).square().float()


def dft_matrix(length: int) -> Tensor:
    """Return the matrix of the discrete Fourier transform of real signals, (F, N) complex64.

    Row k is exp(-2πi k n / N): a cosine and a sine that turn k times within the window.
    """
    n = torch.arange(check_whole(length, "length"))
    turns = (n[: length // 2 + 1, None] * n) % length / length  # (F, N): whole turns leave no trace
    return torch.exp(-2j * math.pi * turns.double()).to(torch.complex64)


def frames(x: Tensor, length: int, hop: int, *, centre: bool = True, pad: str = "reflect") -> Tensor:
    """Cut a sound into frames of N samples, one each `hop` samples.

    Parameters
    ----------
    x : Tensor
        (…, L) floating point.
    length, hop : int
        N, and samples from frame to frame.
    centre : bool
        True adds N // 2 samples at both ends, so that frame t is centred on sample t · hop.
    pad : {"reflect", "constant"}
        Whether these are the sound in a mirror, or zeros.

    Returns
    -------
    Tensor
        (…, T, N), with T = 1 + L // hop for even N and `centre`.

    Raises
    ------
    ValueError
        For a sound that is too short, not finite, or no floating-point tensor.
    """
    check_tensor(x, "x", "…", "L", finite=True, some=True)
    check_whole(length, "length")
    check_whole(hop, "hop")
    check_choice(pad, "pad", "reflect", "constant")
    least = length // 2 + 1 if centre and pad == "reflect" else 1 if centre else length
    if x.shape[-1] < least:
        raise ValueError(f"x: got {x.shape[-1]} samples, want {least} or more for frames of {length}")
    if centre:
        ends = (length // 2, length // 2)
        x = torch.nn.functional.pad(x.reshape(1, -1, x.shape[-1]), ends, mode=pad).reshape(*x.shape[:-1], -1)
    return x.unfold(-1, length, hop)


def stft(x: Tensor, window: Tensor, hop: int, *, centre: bool = True, pad: str = "reflect") -> Tensor:
    """Return the short-time Fourier transform.

    Parameters
    ----------
    x : Tensor
        (…, L) floating point.
    window : Tensor
        (N,), of the type of `x`.
    hop, centre, pad
        As for `frames`.

    Returns
    -------
    Tensor
        (…, F, T) complex: Σₙ window[n] x[t hop + n] exp(-2πi k n / N).

    Raises
    ------
    ValueError
        As for `frames`, and for a window of another type.
    """
    check_window(window, x)
    cut = frames(x, len(window), hop, centre=centre, pad=pad)  # (…, T, N)
    return torch.fft.rfft(window * cut).mT  # (…, F, T): each frame times `dft_matrix`, in N log N steps


def istft(
    spectrum: Tensor, window: Tensor, hop: int, *, length: int | None = None, centre: bool = True
) -> Tensor:
    """Return the sound whose transform comes nearest to a spectrum (Griffin and Lim 1984, equation 6).

    Each frame is turned back, weighted by the window once more, added where it belongs, and the sum divided
    by that of the squared windows. Where the spectrum is the transform of a sound, that is the sound.

    Parameters
    ----------
    spectrum : Tensor
        (…, F, T) complex.
    window : Tensor
        (N,), with F = N // 2 + 1.
    hop : int
    length : int, optional
        L, at most what the frames cover; (T - 1) · hop where not given (with an even N and `centre`).
    centre : bool
        Whether the first N // 2 samples are not the sound's.

    Returns
    -------
    Tensor
        (…, L).

    Raises
    ------
    ValueError
        Where a sample lies under no window (the NOLA condition: nonzero overlap-add), or shapes do not fit.
    """
    check_spectrum(spectrum, window)
    check_whole(hop, "hop")
    check_whole(1 if length is None else length, "length")
    size, count = len(window), spectrum.shape[-1]
    turned = torch.fft.irfft(spectrum.mT, size) * window  # (…, T, N)
    total = overlap_add(turned, hop)  # (…, covered)
    weight = overlap_add(window.square().expand(count, size), hop)  # (covered,)
    first = size // 2 if centre else 0
    most = len(weight) - 2 * first if length is None else length
    if first + most > len(weight) or most < 1:
        raise ValueError(f"length: got {most}, want 1 to {len(weight) - first}, which {count} frames cover")
    total, weight = total[..., first : first + most], weight[first : first + most]
    if bool((weight < SILENT).any()):
        at = int(weight.argmin())
        raise ValueError(
            f"window: got one of {size} samples that with hop {hop} leaves sample {at} under no window, want "
            "a sum of squared windows above 0 everywhere (the NOLA condition): a smaller hop, or centre=True"
        )
    return total / weight


def overlap_add(cut: Tensor, hop: int) -> Tensor:
    """Add frames (…, T, N) that begin `hop` samples after one another, (…, (T - 1) · hop + N)."""
    check_tensor(cut, "frames", "…", "T", "N", some=True)
    check_whole(hop, "hop")
    count, size = cut.shape[-2:]
    covered = (count - 1) * hop + size
    rows = cut.reshape(-1, count, size).mT  # (B, N, T)
    out = torch.nn.functional.fold(rows, (1, covered), (1, size), stride=(1, hop))  # (B, 1, 1, covered)
    return out.reshape(*cut.shape[:-2], covered)


def spectrogram(x: Tensor, window: Tensor, hop: int, *, centre: bool = True, pad: str = "reflect") -> Tensor:
    """Return the power |STFT|², (…, F, T); arguments and errors as of `stft`."""
    return stft(x, window, hop, centre=centre, pad=pad).abs().square()


def decibels(power: Tensor, reference: float = 1.0, *, depth_db: float | None = None) -> Tensor:
    """Return 10 log₁₀(power / reference), of powers below 1e-10 as of 1e-10; any shape.

    Parameters
    ----------
    power : Tensor
        0 or more.
    reference : float
        The power that is called 0 dB, above 0.
    depth_db : float, optional
        What lies so far below the loudest is raised to there.

    Raises
    ------
    ValueError
        For negative or non-finite powers.
    """
    check_tensor(power, "power", "…", finite=True, some=True)
    check_number(reference, "reference", 0, above=True)
    if bool((power < 0).any()):
        raise ValueError(f"power: got {power.min().item():.4g}, want 0 or more")
    level = 10 * (power.clamp(min=FLOOR).log10() - math.log10(max(reference, FLOOR)))
    return level if depth_db is None else level.clamp(min=level.max() - check_number(depth_db, "depth_db", 0))


class Resolution(NamedTuple):
    """How far a window smears a click in time and a tone in frequency: standard deviations of its energy."""

    milliseconds: float
    hertz: float


def resolution(window: Tensor, rate: float) -> Resolution:
    """Return a window's resolution; the product is at least 1 / 4π, or 79.6 ms · Hz.

    D. Gabor, "Theory of communication", J. IEE 1946: σ_t σ_f ≥ 1 / 4π, with equality for a Gaussian.

    Raises
    ------
    ValueError
        For a window of zeros, or a rate that is not above 0.
    """
    check_window(window)
    check_number(rate, "rate", 0, above=True)
    wide = window.double()
    time, near = torch.arange(len(wide)) / rate, 16 * len(wide)
    hertz = torch.fft.fftfreq(near, 1 / rate, dtype=torch.float64)
    energies = ((time, wide.square()), (hertz, torch.fft.fft(wide, near).abs().square()))
    spread = []
    for place, energy in energies:
        share = energy / energy.sum()
        middle = (share * place).sum()
        spread.append(float((share * (place - middle).square()).sum().sqrt()))
    return Resolution(1000 * spread[0], spread[1])


def check_window(window: Tensor, x: Tensor | None = None) -> None:
    """Raise ValueError unless `window` is a finite floating-point (N,), not all 0, of the type of `x`."""
    check_tensor(window, "window", "N", finite=True, some=True)
    if not bool((window != 0).any()):
        raise ValueError("window: got zeros alone, want some other value")
    if x is not None and isinstance(x, Tensor) and x.is_floating_point() and x.dtype != window.dtype:
        raise ValueError(f"window: got {window.dtype}, want {x.dtype}, the type of x")


def check_spectrum(spectrum: Tensor, window: Tensor) -> None:
    """Raise ValueError unless `spectrum` is finite complex (…, F, T) with the F of this window."""
    check_window(window)
    bins = len(window) // 2 + 1
    complex_ = isinstance(spectrum, Tensor) and spectrum.is_complex()
    if not complex_ or spectrum.ndim < 2 or spectrum.shape[-2] != bins or not spectrum.numel():
        got = f"{spectrum.dtype} {tuple(spectrum.shape)}" if isinstance(spectrum, Tensor) else type(spectrum)
        raise ValueError(f"spectrum: got {got}, want complex (…, {bins}, T) for a window of {len(window)}")
    if not bool(torch.isfinite(spectrum).all()):
        raise ValueError("spectrum: got NaN or infinite values, want finite ones")
