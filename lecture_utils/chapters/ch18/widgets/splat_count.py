"""How many splats: a scene of about 2,000 Gaussians of which only some are kept, chosen in one of four ways.

Choosing by what each contributes to the training views: Z. Fan et al., "LightGaussian", NeurIPS 2024, section
3.2, without its factor for volume. The scene is `solids_gaussians`; nothing is trained after the choice.

Shapes: N Gaussians, H × W pixels.
"""

from functools import lru_cache
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.metrics.psnr import psnr
from lecture_utils.plotting.images import few
from lecture_utils.plotting.style import GREEN, HAIRLINE, INK, QUIET
from lecture_utils.rendering.gaussians.blending import blend
from lecture_utils.rendering.gaussians.gaussians import Gaussians
from lecture_utils.rendering.gaussians.projection import project_gaussians
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

ORDERS = ("contribution", "opacity", "size", "chance")
COUNTS = (50, 100, 200, 400, 700, 1000, 1500, 2000)  # of the curve
CUT = (slice(None), slice(12, 56), slice(8, 52))  # of the drawn view: what is not white
VIEW, WATCHED = 1, 10  # which test view is drawn; training views that say who contributes
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "Half of them, those that contribute most: all shapes are there, the ground is thin."),
    ({"order": "chance"}, "1,000 by chance: half of everything, so that all of it lets light through."),
    ({"order": "opacity"}, "1,000 by opacity: the ground goes first. It is made of many thin ones."),
    ({"order": "size"}, "1,000 by size: the large and blurred ones; patterns and edges are lost."),
    ({"count": 100}, "100: patches of colour."),
    ({"count": 400}, "400: one knows what it is."),
    ({"count": 1500}, "1,500: a quarter of them hardly mattered."),
    ({"count": 2000}, "All of them, as they were trained."),
)


@lru_cache(maxsize=1)
def scene() -> tuple[Gaussians, Any, Tensor]:
    """The shipped scene, the cameras of its test views, and what is to be seen there."""
    from lecture_utils import zoo
    from lecture_utils.data.toyworld import solids
    from lecture_utils.recipes import _views

    cameras, seen = _views.pictures(solids.showpiece(), "test")
    return zoo.load("solids_gaussians"), cameras, seen.image  # type: ignore[return-value]


@lru_cache(maxsize=1)
def contributions() -> Tensor:
    """How much light each Gaussian (N,) sends into some training views: the sum of its weights."""
    from lecture_utils.recipes import _views

    model, total = scene()[0], torch.zeros(len(scene()[0]))
    for i in range(0, 40, 40 // WATCHED):
        camera = _views.cameras("train")[i]
        with torch.no_grad():
            splats = project_gaussians(model.means, model.covariances, camera)
        white = torch.ones(len(model), 3, requires_grad=True)  # a weight is ∂ picture / ∂ colour
        parts = splats.means, splats.covariances, splats.depth_m, white, model.opacities.detach()
        with torch.enable_grad():
            blend(*parts, camera.size, torch.zeros(3))[0].sum().backward()
        total += white.grad[:, 0]  # type: ignore[index]
    return total


@lru_cache(maxsize=4)
def ranked(order: str) -> Tensor:
    """The rows of the Gaussians, the best first, in one of ORDERS."""
    model = scene()[0]
    with torch.no_grad():
        if order == ORDERS[0]:
            return contributions().argsort(descending=True)
        if order == ORDERS[1]:
            return model.opacities.argsort(descending=True)
        if order == ORDERS[2]:
            return model.log_scales.sum(dim=1).argsort(descending=True)
    return torch.randperm(len(model), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def kept(order: str, count: int, view: int = VIEW) -> Tensor:
    """A test view (3, H, W) of the first `count` Gaussians in that order."""
    model, cameras, _ = scene()
    rows, camera = ranked(order)[:count], cameras[view]
    splats = project_gaussians(model.means[rows], model.covariances[rows], camera)
    colours = model.colours(rows, camera.centre[0])
    parts = splats.means, splats.covariances, splats.depth_m, colours, model.opacities[rows]
    return blend(*parts, camera.size, model.background)[0].clamp(0, 1)


@lru_cache(maxsize=64)
def decibels(order: str, count: int) -> float:
    """PSNR of the drawn test view."""
    return float(psnr(kept(order, count)[None], scene()[2][VIEW : VIEW + 1])[0])


def counted(count: int, order: str) -> Figure:
    """Draw the truth, what the kept Gaussians show, and PSNR against their number.

    Parameters
    ----------
    count : int
        How many are kept.
    order : str
        One of ORDERS: who is kept.

    Returns
    -------
    Figure
    """
    fig, axes = strip((2.5, 2.5, 2.6), 2.5, foot="a held-out view; nothing is trained after the choice")
    axes[0].imshow(few(scene()[2][VIEW][CUT], 32), interpolation="nearest")
    axes[1].imshow(few(kept(order, count)[CUT], 32), interpolation="nearest")
    ax = axes[2]
    for name in (*[o for o in ORDERS if o != order], order):
        colour, wide = (GREEN, 2.4) if name == order else (HAIRLINE, 1.4)
        ax.plot(COUNTS, [decibels(name, n) for n in COUNTS], color=colour, linewidth=wide)
    now = decibels(order, count)
    ax.plot(count, now, "o", color=GREEN, markersize=8, markeredgecolor="white", clip_on=False)
    for level in (15, 20, 25, 30):
        ax.axhline(level, color=QUIET, linewidth=0.5, alpha=0.4)
        ax.text(-60, level, str(level), fontsize=8.5, color=QUIET, ha="right", va="center")
    ax.text(2060, 8.6, "Gaussians kept: up to 2,000", fontsize=8.5, color=QUIET, ha="right", va="bottom")
    ax.text(-310, 32.6, "PSNR, dB", fontsize=8.5, color=QUIET, ha="left", va="center")
    ax.set(xlim=(-330, 2080), ylim=(8, 34))
    own, every = len(ranked(order)[:count]), len(ranked(order))
    titles = ("what is so", f"{own:,} of {every:,} by {order}", f"{now:.1f} dB; grey: other orders")
    for panel, title in zip(axes, titles, strict=True):
        panel.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    return fig


def splat_count() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="How many splats",
        compute=counted,
        controls={
            "count": Slider(50, 2000, 50, 1000, label="Gaussians kept"),
            "order": Choice(list(ORDERS), label="chosen by"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"count": 2000},
        alt="A held-out view of the scene, the same with some of the Gaussians, and PSNR by their number.",
    )
