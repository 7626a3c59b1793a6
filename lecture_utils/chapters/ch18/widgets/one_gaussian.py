"""One Gaussian and its shadow: sizes, turn and place in space, and the ellipse that comes of them.

M. Zwicker et al., "EWA Volume Splatting", IEEE Visualization 2001; B. Kerbl et al., "3D Gaussian Splatting",
SIGGRAPH 2023, equations 5 and 6. Dots are points drawn from the Gaussian and projected exactly, the ellipses
are those of the straight map J.

Shapes: P points.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.ops.camera import Cameras, pinhole, project
from lecture_utils.ops.rotation import axis_angle_to_matrix
from lecture_utils.plotting.style import BLUE, GREEN, INK, QUIET, VERMILION
from lecture_utils.rendering.gaussians.projection import project_gaussians
from lecture_utils.widgets.controls import Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

SIZE, VIEW_DEG, AWAY_M, SHORT_M = 96, 90.0, 2.0, 0.12  # pixels, degrees, metres
POINTS, NAMES = 500, ("long", "turn_deg", "lean_deg", "aside_m")
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "A long Gaussian, turned and leaning, left of the middle: its shadow leans too."),
    (
        {"turn_deg": 90.0, "lean_deg": 0.0, "aside_m": 0.0},
        "Its long axis towards the camera: the shadow is small.",
    ),
    ({"turn_deg": 0.0, "lean_deg": 0.0, "aside_m": 0.0}, "Its long axis across: the shadow is long."),
    (
        {"long": 0.12, "aside_m": 0.0},
        "A ball in the middle: its shadow is a circle, however the ball is turned.",
    ),
    (
        {"long": 0.12, "aside_m": -1.6},
        "The same ball at the left edge: wider than high. A flat picture stretches what is aside.",
    ),
    (
        {"long": 0.6, "turn_deg": 75.0, "lean_deg": 0.0, "aside_m": -1.2},
        "Long, and towards the camera: the dots make an egg, the straight map an ellipse. Here they part.",
    ),
    ({"turn_deg": 30.0, "lean_deg": -60.0, "aside_m": 0.8}, "Leaning the other way, right of the middle."),
)


@lru_cache(maxsize=1)
def camera() -> Cameras:
    """A camera at the origin that looks along +y, with a wide angle; z is up."""
    rotation = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return Cameras(rotation[None], torch.zeros(1, 3), pinhole((SIZE, SIZE), VIEW_DEG)[None], (SIZE, SIZE))


def gaussian(long: float, turn_deg: float, lean_deg: float, aside_m: float) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (3,), R S (3, 3) and covariance (3, 3) of a Gaussian with one long axis, before the camera."""
    turn = axis_angle_to_matrix(torch.tensor([[0.0, 0.0, math.radians(turn_deg)]]))[0]
    lean = axis_angle_to_matrix(torch.tensor([[0.0, -math.radians(lean_deg), 0.0]]))[0]
    root = turn @ lean @ torch.diag(torch.tensor([long, SHORT_M, SHORT_M]))
    return torch.tensor([aside_m, AWAY_M, 0.0]), root, root @ root.T


@lru_cache(maxsize=1)
def drawn() -> Tensor:
    """Points (P, 3) of the standard normal distribution."""
    return torch.randn(POINTS, 3, generator=torch.Generator().manual_seed(0))


def shadow(long: float, turn_deg: float, lean_deg: float, aside_m: float) -> tuple[Tensor, Tensor]:
    """Mean (2,) and covariance (2, 2) in the picture, without the blur of a pixel."""
    mean, _, covariance = gaussian(long, turn_deg, lean_deg, aside_m)
    splats = project_gaussians(mean[None], covariance[None], camera(), dilation=0.0)
    return splats.means[0], splats.covariances[0]


def ring(mean: Tensor, covariance: Tensor, times: float) -> np.ndarray:
    """Where a 2-D Gaussian is `times` standard deviations from its mean, (100, 2)."""
    angle = torch.linspace(0, 2 * torch.pi, 100)
    values, vectors = torch.linalg.eigh(covariance)
    circle = torch.stack([angle.cos(), angle.sin()], dim=1) * values.clamp_min(0).sqrt() * times
    return np.asarray(mean + circle @ vectors.T)


def shadows(long: float, turn_deg: float, lean_deg: float, aside_m: float) -> Figure:
    """Draw the Gaussian from above, and what the camera sees.

    Parameters
    ----------
    long : float
        Standard deviation of its long axis in metres; the others have 0.12.
    turn_deg, lean_deg : float
        About the vertical, and of the long axis out of the level.
    aside_m : float
        How far right of the middle it stands.

    Returns
    -------
    Figure
    """
    mean, root, covariance = gaussian(long, turn_deg, lean_deg, aside_m)
    points = mean + drawn() @ root.T
    pixels = project(points[points[:, 1] > 0.05], camera())[0][0]
    centre, flat = shadow(long, turn_deg, lean_deg, aside_m)
    fig, (above, seen) = strip((3.4, 3.4), 3.4, foot="rings: one and two standard deviations    dots: exact")
    _above(above, points, mean, covariance)
    seen.plot(*pixels.numpy().T, ".", color=QUIET, markersize=2.2, alpha=0.7)
    for times in (1, 2):
        seen.plot(*ring(centre, flat, times).T, color=VERMILION, linewidth=2)
    seen.plot([0, SIZE, SIZE, 0, 0], [0, 0, SIZE, SIZE, 0], color=INK, linewidth=1)
    seen.set(xlim=(-1, SIZE + 1), ylim=(SIZE + 1, -1))
    (uu, uv), (_, vv) = flat.tolist()
    words = f"shadow, in px²: {uu:.0f} across, {vv:.0f} down, both {uv:.0f}".replace("-", "−")
    for ax, title in ((above, "from above, in metres"), (seen, words)):
        ax.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    return fig


def _above(ax: Axes, points: Tensor, mean: Tensor, covariance: Tensor) -> None:
    """Draw the camera, what it sees, and the Gaussian: x to the right, y away from the camera."""
    half = math.tan(math.radians(VIEW_DEG / 2)) * 3.4
    ax.plot([-half, 0, half], [3.4, 0, 3.4], color=BLUE, linewidth=1.5)
    ax.plot([-1, 1], [1, 1], color=BLUE, linewidth=2.5)
    ax.text(0.2, 0.0, "camera", color=BLUE, fontsize=9.5, ha="left", va="center")
    ax.text(1.04, 0.98, "picture", color=BLUE, fontsize=9.5, ha="left", va="center")
    ax.plot(*points[:, :2].numpy().T, ".", color=QUIET, markersize=2.2, alpha=0.7)
    for times in (1, 2):
        ax.plot(*ring(mean[:2], covariance[:2, :2], times).T, color=GREEN, linewidth=2)
    ax.set(xlim=(-2.4, 2.4), ylim=(-0.1, 4.0))


def one_gaussian() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="One Gaussian and its shadow",
        compute=shadows,
        controls={
            "long": Slider(0.12, 0.72, 0.06, 0.42, label="long axis in metres"),
            "turn_deg": Slider(0.0, 180.0, 15.0, 30.0, label="turn in degrees"),
            "lean_deg": Slider(-90.0, 90.0, 15.0, 45.0, label="lean in degrees"),
            "aside_m": Slider(-1.6, 1.6, 0.4, -0.8, label="metres right of the middle"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"long": 0.12, "aside_m": 0.0, "turn_deg": 0.0, "lean_deg": 0.0},
        alt="A Gaussian before a camera, seen from above, and its shadow in the picture: an ellipse, and "
        "dots drawn from the Gaussian and projected exactly.",
    )
