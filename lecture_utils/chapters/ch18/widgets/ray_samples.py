"""Samples along a ray: what each stretch of fog stops, and what colour comes of it.

B. Mildenhall et al., "NeRF", ECCV 2020, equations 2, 3 and 5; the functions are those of `rendering.volume`
and `rendering.ray_sampling`. The ray passes a green haze, then meets a thin blue wall; white lies behind.

Shapes: S samples.
"""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import BLUE, GREEN, HAIRLINE, INK, ORANGE, QUIET, SKY, VERMILION, rgb
from lecture_utils.rendering.ray_sampling import bin_edges, hierarchical, stratified
from lecture_utils.rendering.volume import composite, intervals, transmittance
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

NEAR_M, FAR_M = 2.0, 4.0
HAZE = (2.35, 0.12, 1.2)  # where its middle is, its width in metres, its density in 1/metre
WALL = (3.1, 3.16, 60.0)  # from, to, density
SECOND = ("none", "as many again")
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"samples": 12},
        "Twelve samples: the thin wall lies between two of them. The ray sees haze, and white behind it.",
    ),
    (
        {"samples": 20},
        "Twenty: one falls into the wall. It stands for all of its stretch, and stops what light there is.",
    ),
    ({"samples": 64}, "64 samples: nearly the true colour. Most of them lie where nothing is."),
    (
        {"samples": 12, "second": SECOND[1]},
        "Twelve, and twelve more where the first twelve found weight: in the haze. What the first pass "
        "misses, the second cannot find.",
    ),
    (
        {"samples": 20, "second": SECOND[1]},
        "Twenty, and twenty more: now most of them crowd at the wall, where they are needed.",
    ),
    (
        {"samples": 64, "times": 0.1},
        "All fog ten times thinner: the wall is a mist, and white shows through.",
    ),
    (
        {"samples": 64, "times": 8.0},
        "Eight times denser: the haze alone hides the wall. No density is opaque by itself; only density "
        "times length counts.",
    ),
    ({"samples": 64, "times": 0.0}, "No fog: all light comes from the white behind."),
)


def density_at(distance_m: Tensor, times: float) -> Tensor:
    """The density in 1/metre at distances along the ray, all of it `times` as dense."""
    middle, width, high = HAZE
    haze = high * torch.exp(-((distance_m - middle) ** 2) / (2 * width**2))
    wall = WALL[2] * ((distance_m >= WALL[0]) & (distance_m < WALL[1]))
    return times * (haze + wall)


def colour_at(distance_m: Tensor) -> Tensor:
    """Green before the wall, blue in it: (…, 3)."""
    green, blue = torch.tensor(rgb(GREEN)), torch.tensor(rgb(BLUE))
    return torch.where((distance_m < 0.5 * (HAZE[0] + WALL[0]) + 0.2)[..., None], green, blue)


def placed(samples: int, times: float, second: str) -> Tensor:
    """Where the samples lie, (1, S) in metres."""
    near, far = torch.tensor([NEAR_M]), torch.tensor([FAR_M])
    t = stratified(near, far, samples, jitter=False)
    if second == SECOND[0]:
        return t
    rough = composite(density_at(t, times), colour_at(t), t, far)
    more = hierarchical(bin_edges(t, near, far), rough.weights, samples, jitter=False)
    return torch.cat([t, more], dim=1).sort(dim=1).values


def seen(samples: int, times: float, second: str) -> Tensor:
    """The colour (3,) that comes of these samples."""
    t = placed(samples, times, second)
    return composite(density_at(t, times), colour_at(t), t, torch.tensor([FAR_M])).colour[0]


def along(samples: int, times: float, second: str) -> Figure:
    """Draw density, transmittance and weights along the ray, and the colour beside the true one.

    Parameters
    ----------
    samples : int
        Of the first pass.
    times : float
        All densities are so many times as high.
    second : str
        One of SECOND: whether a second pass adds as many where the weight is.

    Returns
    -------
    Figure
    """
    t, far = placed(samples, times, second), torch.tensor([FAR_M])
    density, step = density_at(t, times), intervals(t, far)
    weights = composite(density, colour_at(t), t, far).weights[0]
    width, height = 8.0, 3.9
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")

    def place(left: float, low: float, wide: float, high: float) -> Axes:
        return fig.add_axes((left / width, low / height, wide / width, high / height))

    fine = torch.linspace(NEAR_M, FAR_M, 801)
    top, low = place(0.55, 2.3, 5.3, 1.3), place(0.55, 0.5, 5.3, 1.3)
    shown = density_at(fine, times).clamp(max=12.0)
    top.fill_between(fine.numpy(), shown.numpy(), color=ORANGE, alpha=0.35, linewidth=0)
    top.vlines(t[0].numpy(), 0, density[0].clamp(max=12.0).numpy(), color=ORANGE, linewidth=1.6)
    top.plot(t[0].numpy(), density[0].clamp(max=12.0).numpy(), "o", color=ORANGE, markersize=4.5)
    top.set(xlim=(NEAR_M, FAR_M), ylim=(0, 12.6), xticks=[])
    _titled(top, "density σ in 1/metre, cut off at 12", ORANGE)
    reaches = transmittance(density, step)[0]
    low.bar(t[0].numpy(), weights.numpy(), step[0].numpy(), align="edge", color=VERMILION, alpha=0.55)
    low.step(t[0].numpy(), reaches.numpy(), where="post", color=SKY, linewidth=2)
    low.set(xlim=(NEAR_M, FAR_M), ylim=(0, 1.05))
    low.set_xlabel("metres from the camera", fontsize=9.5, labelpad=1)
    _titled(low, "light that gets here", SKY)
    low.text(FAR_M, 1.09, "weight of each sample", color=VERMILION, fontsize=10, ha="right", va="bottom")
    patches = place(6.15, 0.5, 1.75, 3.1)
    true = seen(2000, times, SECOND[0])
    for k, (name, colour) in enumerate(
        (("true colour", true), ("these samples", seen(samples, times, second)))
    ):
        patches.add_patch(_patch(k, colour))
        patches.text(0.5, 0.995 - 0.52 * k, name, fontsize=10, color=INK, ha="center", va="top")
    bare(patches).set(xlim=(0, 1), ylim=(0, 1))
    return fig


def _patch(k: int, colour: Tensor) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (0.0, 0.52 - 0.52 * k),
        1.0,
        0.4,
        facecolor=colour.clamp(0, 1).tolist(),
        edgecolor=QUIET,
        linewidth=0.8,
    )


def _titled(ax: Axes, title: str, colour: str) -> None:
    ax.set_title(title, fontsize=10, fontweight="normal", loc="left", pad=3, color=colour)
    ax.tick_params(labelsize=8.5)
    ax.grid(True, color=HAIRLINE, linewidth=0.6)


def ray_samples() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Samples along a ray",
        compute=along,
        controls={
            "samples": Slider(2, 64, 1, 12, label="samples"),
            "times": Slider(0.0, 8.0, 0.1, 1.0, label="all fog so many times as dense"),
            "second": Choice(list(SECOND), SECOND[0], label="second pass"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"times": 0.0, "samples": 64},
        alt="Density along a ray with samples on it, the light that reaches each of them and the weight of "
        "each, and the colour that the ray sees beside the true one.",
    )
