"""Epipolar lines: where the match of a pixel may lie in a second picture, and where all these lines meet.

R. Hartley and A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004, chapter 9. The
cameras are known here, so that F is exact: K⁻ᵀ [t]× R K⁻¹ (`geometry/epipolar.py`).
"""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.geometry.epipolar import epipolar_lines as lines_of
from lecture_utils.geometry.epipolar import essential_to_fundamental
from lecture_utils.ops.camera import Cameras, look_at, pinhole, project, unproject, world_to_cam
from lecture_utils.ops.rotation import cross_matrix
from lecture_utils.plotting.images import few
from lecture_utils.plotting.style import BLUE, INK, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

SIZE = (240, 240)
STEPS = {  # how the second camera differs from the first: its place, in metres along the first one's axes
    "a step to the side": (0.7, 0.0, 0.0),
    "a step forward": (0.03, 0.02, 0.75),
    "aside and forward": (0.35, 0.0, 0.55),
}
OTHERS = (
    (70.0, 95.0),
    (110.0, 70.0),
    (165.0, 80.0),
    (95.0, 172.0),
    (140.0, 188.0),
    (190.0, 130.0),
    (120.0, 130.0),
)
PANEL = 3.1  # inches
FORWARD = {"step": "a step forward"}
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {**FORWARD, "u": 120.0, "v": 112.0},
        "Straight forward: all lines meet inside the picture, at the cross. The first camera stands there.",
    ),
    ({**FORWARD, "u": 176.0, "v": 160.0}, "Whatever is seen moves outward, along its line."),
    ({**FORWARD, "u": 108.0, "v": 118.0}, "Near the cross things hardly move: there depth is hard to tell."),
    (
        {"step": "aside and forward", "u": 120.0, "v": 112.0},
        "Aside and forward: the cross is outside, and the lines come nearer to one another on its side.",
    ),
    ({"u": 120.0, "v": 112.0}, "A step to the side: the lines hardly part, as they meet far outside."),
    ({"u": 80.0, "v": 150.0}, "Another pixel, another line. The match is the ring on it."),
    ({"u": 172.0, "v": 110.0}, "A pixel of the ring. Its match is the ring's, on the vermilion line."),
)


class Views(NamedTuple):
    """Two pictures (2, 3, H, W), their cameras, the exact depth of the first (H, W), and F (3, 3)."""

    images: Tensor
    cameras: Cameras
    depth_m: Tensor
    fundamental: Tensor


@lru_cache(maxsize=3)
def views(step: str) -> Views:
    """Render the course's scene from two places."""
    from lecture_utils.data.toyworld import solids

    eye, target = torch.tensor([[2.1, -0.9, 1.6]]), torch.tensor([[0.0, 0.0, -0.2]])
    rotation, _ = look_at(eye, target)
    second = eye + torch.tensor([STEPS[step]]) @ rotation[0]
    aim = second + (target - eye) if step == "a step forward" else target
    turned, _ = look_at(second, aim)
    rotations, places = torch.cat([rotation, turned]), torch.cat([eye, second])
    translations = -(rotations @ places[:, :, None])[:, :, 0]
    cameras = Cameras(rotations, translations, pinhole(SIZE, 40.0).expand(2, 3, 3), SIZE)
    seen = solids.render_solids(solids.showpiece(speckle=0.6), cameras)
    between = cameras.rotation[1] @ cameras.rotation[0].mT
    t = cameras.translation[1] - between @ cameras.translation[0]
    k = cameras.intrinsics[0].double()
    f = essential_to_fundamental(cross_matrix(t.double()) @ between.double(), k, k)
    return Views(seen.image, cameras, seen.depth_m[0], f)


def epipole(step: str) -> Tensor:
    """Where the first camera falls in the second picture, (2,), also where it is behind that one."""
    own = views(step)
    place = own.cameras.intrinsics[1] @ world_to_cam(own.cameras.centre[:1], own.cameras[1])[0, 0]
    return place[:2] / place[2]


def partner(step: str, pixels: Tensor) -> Tensor:
    """Where pixels (P, 2) of the first picture truly are in the second, by their exact depth, (P, 2).

    NaN, NaN for a pixel that shows nothing.
    """
    own = views(step)
    depth_m = own.depth_m[pixels[:, 1].long(), pixels[:, 0].long()]
    solid = depth_m.isfinite()
    places = unproject(pixels[None], torch.where(solid, depth_m, 1.0)[None], own.cameras[0])[0]
    return torch.where(solid[:, None], project(places, own.cameras[1])[0][0], torch.nan)


def drawing(u: float, v: float, step: str) -> Figure:
    """Draw a pixel and seven more in the first picture, and their lines in the second.

    Parameters
    ----------
    u, v : float
        The pixel.
    step : str
        A key of STEPS.

    Returns
    -------
    Figure
    """
    own = views(step)
    fig, axes = strip(
        (PANEL, PANEL), PANEL, foot="ring: where the point really is    cross: the first camera"
    )
    pixels = torch.tensor([(u, v), *OTHERS])
    for ax, picture, name in zip(
        axes, own.images, ("first picture: pixels", "second picture: their lines"), strict=True
    ):
        ax.imshow(0.2 + 0.8 * few(picture, 10), extent=(0, SIZE[1], SIZE[0], 0))
        ax.set_title(name, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
        ax.set(xlim=(0, SIZE[1]), ylim=(SIZE[0], 0))
    axes[0].scatter(pixels[1:, 0], pixels[1:, 1], s=26, c=BLUE, edgecolors="white", linewidths=0.6)
    axes[0].scatter(u, v, s=70, c=VERMILION, edgecolors="white", linewidths=0.9, zorder=4)
    _lines(axes[1], lines_of(own.fundamental, pixels.double()))
    place = partner(step, pixels)
    hollow: dict[str, Any] = {"facecolors": "none", "zorder": 4}
    axes[1].scatter(place[1:, 0], place[1:, 1], s=26, edgecolors=BLUE, linewidths=1.1, **hollow)
    axes[1].scatter(place[:1, 0], place[:1, 1], s=80, edgecolors=VERMILION, linewidths=2.0, **hollow)
    meet = epipole(step)
    if meet.min() > 0 and meet.max() < SIZE[0]:
        axes[1].plot(*meet.tolist(), "x", color=INK, markersize=11, markeredgewidth=2.6, zorder=5)
    return fig


def _lines(ax: Axes, lines: Tensor) -> None:
    """Draw p u + q v + r = 0 across the panel: the first line vermilion, the others blue."""
    for k, (p, q, r) in enumerate(lines.tolist()):
        colour, wide = (VERMILION, 2.2) if k == 0 else (BLUE, 0.9)
        if abs(q) > abs(p):
            ends = [(x, -(p * x + r) / q) for x in (0, SIZE[1])]
        else:
            ends = [(-(q * y + r) / p, y) for y in (0, SIZE[0])]
        ax.plot(*zip(*ends, strict=True), color=colour, linewidth=wide, alpha=1.0 if k == 0 else 0.75,
                zorder=3 if k == 0 else 2)  # fmt: skip


def epipolar_lines() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Epipolar lines",
        compute=drawing,
        controls={
            "u": Slider(20.0, 220.0, 2.0, 120.0, label="u, to the right"),
            "v": Slider(60.0, 200.0, 2.0, 112.0, label="v, down"),
            "step": Choice(list(STEPS), label="second camera"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"u": 20.0, "v": 60.0},
        alt="A pixel in one picture, and in a second one the line on which its match must lie, with those of "
        "seven more pixels and the point in which all of them meet.",
    )
