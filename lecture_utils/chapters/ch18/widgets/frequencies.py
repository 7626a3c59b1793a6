"""How many frequencies: what a very wide network draws of a photograph, from its places encoded so finely.

M. Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains",
NeurIPS 2020: the training of a very wide network is a regression with a kernel (A. Jacot et al., "Neural
Tangent Kernel", NeurIPS 2018), in closed form for every number of steps. The network here has three hidden
layers of ReLUs; it is trained on every second pixel of every second row, and draws them all.

Shapes: P places, D coordinates, T trained pixels.
"""

from functools import lru_cache
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.ops.camera import pixel_grid
from lecture_utils.plotting.images import few
from lecture_utils.plotting.style import INK
from lecture_utils.rendering.radiance_field import positional_encoding
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import photograph, strip
from lecture_utils.widgets.widget import Widget

SIDE, HIDDEN = 60, 3  # pixels a side; layers
PHOTOGRAPHS = ("coffee", "cat")
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    ({"frequencies": 0, "log_steps": 4.0}, "No waves, only x and y: ten thousand steps, and still a blur."),
    (
        {"frequencies": 2, "log_steps": 4.0},
        "Two frequencies: things have edges, and it is best between pixels.",
    ),
    (
        {"frequencies": 4, "log_steps": 4.0},
        "Four: the trained pixels are exact, and those between them still follow.",
    ),
    (
        {"frequencies": 5, "log_steps": 4.0},
        "Five: its fastest wave is shorter than two trained pixels. Between these it is free to swing.",
    ),
    (
        {"frequencies": 7, "log_steps": 4.0},
        "Seven: exact where it was trained, and a grid of guesses between. More waves are not better.",
    ),
    ({"frequencies": 4, "log_steps": 2.5}, "Four again, after 316 steps: the slow waves come first."),
    ({"frequencies": 4, "log_steps": 4.0, "photo": "cat"}, "Four, on another photograph."),
)


def places() -> tuple[Tensor, Tensor]:
    """All places (P, 2) from -1 to 1, and which of them are trained (P,) bool."""
    grid = pixel_grid((SIDE, SIDE))
    return (2 * grid / SIDE - 1).reshape(-1, 2).double(), (grid % 2 < 1).all(-1).reshape(-1)


def kernel(a: Tensor, b: Tensor) -> Tensor:
    """The tangent kernel of a network of HIDDEN layers of ReLUs, between inputs (P, D) and (T, D): (P, T)."""
    size_a, size_b = a.norm(dim=1, keepdim=True), b.norm(dim=1)
    cosine = (a @ b.T / (size_a * size_b)).clamp(-1, 1)
    tangent = cosine
    for _ in range(HIDDEN):
        angle = cosine.acos()
        slope = 1 - angle / torch.pi
        cosine = ((1 - cosine**2).clamp_min(0).sqrt() / torch.pi + slope * cosine).clamp(-1, 1)
        tangent = cosine + tangent * slope
    return size_a * size_b * tangent


@lru_cache(maxsize=10)
def solved(frequencies: int) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues (T,) of the trained pixels' kernel, its eigenvectors (T, T), the kernel to all (P, T)."""
    where, trained = places()
    inputs = positional_encoding(where, frequencies)
    inputs = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)  # the bias
    to_all = kernel(inputs, inputs[trained])
    values, vectors = torch.linalg.eigh(to_all[trained])
    return values, vectors, to_all.float()


def drawn(photo: str, frequencies: int, log_steps: float) -> Tensor:
    """The picture (3, SIDE, SIDE) after so many steps, each as long as is stable."""
    _, trained = places()
    truth = photograph(photo, SIDE).flatten(1).T  # (P, 3)
    mean = truth[trained].mean(0)
    values, vectors, to_all = solved(frequencies)
    share = (values / values[-1]).clamp(0, 1)
    learned = 1 - (1 - share).clamp_min(0) ** (10**log_steps)  # of each eigenvector
    gains = torch.where(share > 1e-12, learned / values.clamp_min(1e-12 * float(values[-1])), 0.0)
    known = vectors.T @ (truth[trained] - mean).double()  # (T, 3)
    weights = (vectors @ (gains[:, None] * known)).float()
    return (to_all @ weights + mean).clamp(0, 1).T.view(3, SIDE, SIDE)


def decibels(photo: str, frequencies: int, log_steps: float) -> tuple[float, float]:
    """PSNR on the pixels that were trained, and on those between."""
    error = (drawn(photo, frequencies, log_steps) - photograph(photo, SIDE)).square().mean(0).reshape(-1)
    _, trained = places()
    on, between = (float(-10 * error[own].mean().clamp_min(1e-9).log10()) for own in (trained, ~trained))
    return on, between


def fitted(photo: str, frequencies: int, log_steps: float) -> Figure:
    """Draw the photograph, what the network draws, and where it errs.

    Parameters
    ----------
    photo : str
        One of PHOTOGRAPHS.
    frequencies : int
        L of the encoding; 0 hands over x and y.
    log_steps : float
        The decimal logarithm of the number of steps.

    Returns
    -------
    Figure
    """
    truth, picture = photograph(photo, SIDE), drawn(photo, frequencies, log_steps)
    on, between = decibels(photo, frequencies, log_steps)
    fig, axes = strip((2.5,) * 3, 2.5, foot="dark: where it errs. Trained on a quarter of the pixels.")
    for ax, image in zip(axes, (truth, picture), strict=False):
        ax.imshow(few(image, 32), interpolation="nearest")
    axes[2].imshow((picture - truth).abs().mean(0), vmin=0, vmax=0.25, cmap="gray_r", interpolation="nearest")
    words = ("the photograph", f"{frequencies} frequencies, {10**log_steps:,.0f} steps")
    for ax, title in zip(axes, (*words, f"{on:.1f} dB trained, {between:.1f} between"), strict=True):
        ax.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    return fig


def frequencies() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Frequencies and detail",
        compute=fitted,
        controls={
            "frequencies": Slider(0, 7, 1, 0, label="frequencies"),
            "log_steps": Slider(0.0, 5.0, 0.5, 4.0, label="steps: 10 to the power of"),
            "photo": Choice(list(PHOTOGRAPHS), PHOTOGRAPHS[0], label="photograph"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"log_steps": 0.0},
        alt="A photograph, what a wide network draws of it from encoded places, and where it errs.",
    )
