"""Figures of chapter 18, part b: views in rows, samples on rays, shadows of Gaussians, waves on a sphere.

One colour a quantity: density orange, the light that is left sky, weights vermilion; NeRF blue, Gaussians
green. Shapes: H × W pixels, S samples, N Gaussians.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from torch import Tensor

from lecture_utils.plotting.annotations import draw
from lecture_utils.plotting.images import bare, few, panels, to_array
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, SKY, VERMILION


def middle(images: Tensor) -> Tensor:
    """Cut the middle out of views (…, H, W), 11/16 of each side: around a scene all is white."""
    h, w = images.shape[-2:]
    return images[..., h * 11 // 64 : h * 55 // 64, w * 10 // 64 : w * 54 // 64]


def view_rows(
    rows: Mapping[str, Sequence[Any]],
    title: str,
    *,
    titles: Sequence[str] | None = None,
    size: float = 1.9,
    most: float = 0.3,
) -> Figure:
    """Draw rows of pictures (3, H, W) or of errors (H, W), each row with its name at the left.

    Parameters
    ----------
    rows : dict of the row's name to pictures or errors, as many in each
    title : str
    titles : sequence of str, optional
        Above the first row.
    size : float
        Width of one picture, in inches.
    most : float
        The error that is black.
    """
    count = len(next(iter(rows.values())))
    fig = Figure(figsize=(size * count + 0.35, (size + 0.08) * len(rows) + 0.62), layout="constrained")
    axes = fig.subplots(len(rows), count, squeeze=False)
    for (name, items), line in zip(rows.items(), axes, strict=True):
        for ax, item in zip(line, items, strict=True):
            bare(ax)
            if item.ndim == 3:
                draw(ax, few(item, 20))
            else:
                ax.imshow(
                    np.round(to_array(item) / most * 12) * most / 12,
                    vmin=0,
                    vmax=most,
                    cmap="gray_r",
                    interpolation="nearest",
                )
        line[0].set_ylabel(name, fontsize=9.5)
    for ax, words in zip(axes[0], titles or (), strict=False):
        ax.set_title(words, fontsize=9.5, fontweight="normal", loc="center", pad=3, color=INK)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def sample_figure(
    edges_m: Tensor, weights: Tensor, samples: Mapping[str, Tensor], surface_m: float, title: str
) -> Figure:
    """Draw a ray's coarse weights, and where its fine samples fall.

    Parameters
    ----------
    edges_m : (S + 1,)
    weights : (S,)
    samples : dict of name to distances (K,)
    surface_m : float
        Where the surface is.
    title : str
    """
    fig = Figure(figsize=(8, 2.3 + 0.35 * len(samples)), layout="constrained")
    ax = fig.subplots()
    edges, heights = to_array(edges_m), to_array(weights)
    ax.bar(edges[:-1], heights, np.diff(edges), align="edge", color=VERMILION, alpha=0.55)
    for k, (_, own) in enumerate(samples.items()):
        ax.plot(to_array(own), np.full(len(own), -0.08 - 0.12 * k), "|", color=INK, markersize=13)
    rows = [-0.08 - 0.12 * k for k in range(len(samples))]
    ax.set_yticks([*rows, 0, 0.5, 1], [*samples, "0", "0.5", "1"])
    ax.axvline(surface_m, color=BLUE, linewidth=1.5)
    ax.text(surface_m, 1.0, " surface", color=BLUE, fontsize=9.5, va="top")
    ax.set(xlabel="metres from the camera", ylim=(rows[-1] - 0.1, 1.04), title=title)
    ax.grid(axis="y", visible=False)
    return fig


def ray_figure(
    distance_m: Tensor, density: Tensor, left: Tensor, samples: Mapping[str, Tensor], title: str
) -> Figure:
    """Draw what a field says along a ray: its density, the light that is left, and where it was asked.

    Parameters
    ----------
    distance_m, density, left : (S,)
        `left` is the transmittance.
    samples : dict of name to distances (K,)
    title : str
    """
    fig = Figure(figsize=(8, 3.4), layout="constrained")
    top, low = fig.subplots(2, 1, sharex=True, height_ratios=(1, 1))
    t = to_array(distance_m)
    top.fill_between(t, to_array(density), color=ORANGE, alpha=0.5, linewidth=0)
    top.set_ylabel("density, 1/m", color=ORANGE)
    low.plot(t, to_array(left), color=SKY, linewidth=2)
    low.set_ylabel("light left", color=SKY)
    for k, (_, own) in enumerate(samples.items()):
        low.plot(to_array(own), np.full(len(own), -0.2 - 0.25 * k), "|", color=INK, markersize=11)
    rows = [-0.2 - 0.25 * k for k in range(len(samples))]
    low.set_yticks([*rows, 0, 1], [*samples, "0", "1"])
    low.set(xlabel="metres from the camera", ylim=(rows[-1] - 0.15, 1.05))
    low.grid(axis="y", visible=False)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def alpha_figure(matrices: Mapping[str, Tensor], title: str, *, reach: float = 3.0) -> Figure:
    """Draw exp(-½ dᵀ Σ⁻¹ d) of 2 × 2 matrices over the plane; what exceeds 1 is vermilion.

    Parameters
    ----------
    matrices : dict of name to (2, 2)
    title : str
    reach : float
        From the middle to the edge.
    """
    fig, axes = panels(len(matrices), len(matrices), 2.6, titled=True, suptitle=title)
    side = torch.linspace(-reach, reach, 121)
    d = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)  # (121, 121, 2): x, y
    for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
        powers = -0.5 * torch.einsum("hwi,ij,hwj->hw", d, torch.linalg.inv(matrix.float()), d)
        shade = 1 - 0.85 * (32 * powers.exp().clamp(max=1)).round()[..., None].expand(-1, -1, 3) / 32
        over = (powers > 1e-4)[..., None]
        vermilion = torch.tensor([0.835, 0.369, 0.0])
        ax.imshow(torch.where(over, vermilion, shade).numpy(), interpolation="nearest", origin="lower")
        ax.set_title(name, fontsize=9.5, fontweight="normal", loc="center", pad=4, color=INK)
    return fig


def draw_ellipses(
    ax: Axes,
    means: Any,
    covariances: Any,
    colours: Any,
    size: tuple[int, int],
    *,
    times: float = 1.0,
    alpha: float = 0.7,
) -> None:
    """Draw the ellipses of 2-D Gaussians, `times` standard deviations large, into an empty picture.

    Parameters
    ----------
    ax : Axes
    means : (N, 2) pixels
    covariances : (N, 2, 2) square pixels
    colours : (N, 3) in [0, 1]
    size : (int, int)
        Height and width of the picture.
    times, alpha : float
    """
    values, vectors = np.linalg.eigh(to_array(covariances))
    axes = 2 * times * np.sqrt(np.maximum(values, 0))
    angles = np.degrees(np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1]))
    ellipses = EllipseCollection(
        axes[:, 1], axes[:, 0], angles, units="xy", offsets=to_array(means), offset_transform=ax.transData,
        facecolors=to_array(colours).clip(0, 1), edgecolors=INK, linewidths=0.25, alpha=alpha,
    )  # fmt: skip
    ax.add_collection(ellipses)
    ax.set(xlim=(0, size[1]), ylim=(size[0], 0), aspect="equal")


def sphere_figure(values: Mapping[str, Any], title: str) -> Figure:
    """Draw functions of the direction on the half of a sphere that faces the reader.

    Parameters
    ----------
    values : dict of name to function
        Of directions (P, 3) of length 1, giving brightness (P,), clipped to [0, 1].
    title : str
    """
    fig, axes = panels(len(values), len(values), 1.62, titled=True, suptitle=title)
    side = torch.linspace(-1, 1, 121)
    y, x = torch.meshgrid(-side, side, indexing="ij")
    inside = x**2 + y**2 <= 1
    z = (1 - x**2 - y**2).clamp_min(0).sqrt()
    directions = torch.nn.functional.normalize(torch.stack([x, y, z], dim=-1)[inside], dim=-1)
    for ax, (name, function) in zip(axes, values.items(), strict=True):
        image = torch.ones(121, 121)
        image[inside] = (40 * function(directions).clamp(0, 1).float()).round() / 40
        ax.imshow(image.numpy(), vmin=0, vmax=1, cmap="gray", interpolation="nearest")
        ax.add_patch(_circle())
        ax.set_title(name, fontsize=9.5, fontweight="normal", loc="center", pad=4, color=INK)
    return fig


def _circle() -> Any:
    from matplotlib.patches import Circle

    return Circle((60, 60), 60, fill=False, edgecolor=QUIET, linewidth=1)


def control_figure(changes: Sequence[tuple[int, Any]], title: str) -> Figure:
    """Draw how many Gaussians there are after each round of density control, and who came and went.

    Parameters
    ----------
    changes : sequence of (step, Change)
        As in a `FitHistory`.
    title : str
    """
    fig = Figure(figsize=(8, 3.2), layout="constrained")
    ax = fig.subplots()
    steps = np.array([step + 1 for step, _ in changes])
    wide = 0.8 * (np.diff(steps).min() if len(steps) > 1 else 10)
    low = np.zeros(len(steps))
    for name, colour in (("cloned", SKY), ("split", ORANGE)):
        own = np.array([getattr(change, name) for _, change in changes])
        ax.bar(steps, own, wide, low, color=colour, label=name)
        low = low + own
    ax.bar(steps, [-change.pruned for _, change in changes], wide, color=VERMILION, label="pruned")
    ax.plot(steps, [change.count for _, change in changes], "-o", color=GREEN, label="Gaussians")
    ax.axhline(0, color=QUIET, linewidth=0.8)
    ax.set(xlabel="step", title=title)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig


def plain_log(ax: Axes) -> None:
    """Make the x axis logarithmic, with plain numbers at 1, 2 and 5 of each decade."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def speed_figure(rows: Mapping[str, tuple[float, float]], title: str) -> Figure:
    """Draw systems by pictures a second and PSNR; names with "NeRF" are blue, others green.

    Parameters
    ----------
    rows : dict of name to (pictures a second, dB)
    title : str
    """
    fig = Figure(figsize=(8, 3.2), layout="constrained")
    ax = fig.subplots()
    for k, (name, (rate, decibels)) in enumerate(rows.items()):
        colour = BLUE if "NeRF" in name else GREEN
        ax.plot(rate, decibels, "o", color=colour, markersize=10)
        beside = -9 if k % 2 else 9  # below and above in turn
        va = "top" if k % 2 else "bottom"
        ax.annotate(
            name, (rate, decibels), (0, beside), textcoords="offset points", ha="center", va=va, color=colour
        )
    plain_log(ax)
    low, high = ax.get_xlim()
    ax.set(
        xlim=(low / 1.6, high * 1.6), xlabel="pictures a second, on one core", ylabel="PSNR, dB", title=title
    )
    ax.margins(y=0.25)
    return fig
