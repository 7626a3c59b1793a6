"""Figures of chapter 05: pictures with all that is annotated on them, flow as arrows, reliability diagrams.

Shape letters: B pictures, K objects, P keypoints, H, W pixels, M bins.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .images import bare, boxes, mask_overlay, panels, to_array, to_image
from .style import BLUE, INK, PALETTE, QUIET, label_palette


def draw_annotated(ax: Axes, sample: Any, i: int = 0, *, alpha: float = 0.5, dashed: Any = None) -> None:
    """Draw one picture with its masks, boxes and visible keypoints.

    Parameters
    ----------
    ax : Axes
    sample : lecture_utils.augment.geometric.Annotated
        Anything with `image` (B, 3, H, W) and, each possibly None, `masks` (B, K, H, W), `boxes` (B, K, 4) and
        `keypoints` (B, K, P, 3).
    i : int
        Which picture.
    alpha : float
        Weight of the masks' colours, 0 to 1.
    dashed : (K, 4), optional
        More boxes, drawn with broken lines.
    """
    picture = to_image(to_array(sample.image[i]).clip(0, 1))
    height, width = picture.shape[:2]
    if sample.masks is not None:
        masks = to_array(sample.masks[i])  # (K, H, W)
        labels = (masks * np.arange(1, len(masks) + 1)[:, None, None]).max(0)
        picture = mask_overlay(picture, labels, alpha, label_palette(7))
    ax.imshow(picture, interpolation="nearest" if min(height, width) < 100 else "antialiased")
    for extra, broken in ((sample.boxes, False), (None if dashed is None else [dashed], True)):
        if extra is None:
            continue
        xyxy = to_array(extra[0] if broken else extra[i])
        for k in np.flatnonzero((xyxy[:, 2:] > xyxy[:, :2]).all(1)):
            boxes(ax, xyxy[k : k + 1], colours=[PALETTE[k % 7]], dashed=broken)
    if sample.keypoints is not None:
        for k, points in enumerate(to_array(sample.keypoints[i])):  # (P, 3)
            seen = points[points[:, 2] > 0.5]
            ax.scatter(seen[:, 0] - 0.5, seen[:, 1] - 0.5, s=17, color=PALETTE[k % 7], edgecolor="white",
                       linewidth=0.9, zorder=3)  # fmt: skip
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def annotated_grid(
    samples: Sequence[Any],
    titles: Sequence[str],
    columns: int = 4,
    size: float = 1.95,
    suptitle: str | None = None,
    *,
    dashed: Sequence[Any] | None = None,
    alpha: float = 0.5,
) -> Figure:
    """Draw the first picture of each sample with its annotations, in a grid; parameters as in `image_grid`.

    Raises
    ------
    ValueError
        On another number of titles than samples, or no samples.
    """
    if not samples or len(samples) != len(titles):
        raise ValueError(f"annotated_grid wants one title a sample, got {len(titles)} for {len(samples)}")
    fig, axes = panels(len(samples), columns, size, titled=True, suptitle=suptitle)
    for k, (ax, sample, title) in enumerate(zip(axes, samples, titles, strict=True)):
        draw_annotated(ax, sample, alpha=alpha, dashed=None if dashed is None else dashed[k])
        bare(ax, title)
    return fig


def draw_flow(ax: Axes, flow: Any, step: int = 8, scale: float = 1.0, colour: str = "white") -> None:
    """Draw a flow field (2, H, W) in pixels as one arrow every `step` pixels, where anything moves."""
    array = to_array(flow).astype(float)
    if array.ndim != 3 or array.shape[0] != 2:
        raise ValueError(f"flow wants shape (2, H, W), got {array.shape}")
    row, column = np.mgrid[step // 2 : array.shape[1] : step, step // 2 : array.shape[2] : step]
    u, v = array[:, row, column]
    moving = np.hypot(u, v) > 1e-6
    ax.quiver(column[moving], row[moving], scale * u[moving], scale * v[moving], angles="xy", scale_units="xy",
              scale=1, color=colour, edgecolor=INK, linewidth=0.6, width=0.016, headwidth=3.6, headlength=3.4,
              headaxislength=3.0, zorder=4)  # fmt: skip


def draw_reliability(ax: Axes, bins: Any, title: str = "") -> None:
    """Draw a reliability diagram: a bar of accuracy for each bin of confidence, and the diagonal to compare.

    Parameters
    ----------
    ax : Axes
    bins : lecture_utils.metrics.calibration.Reliability
        Anything with `confidence`, `accuracy`, `share` (M,) and `edges` (M + 1,). A bar is the darker the more
        answers lie in its bin; nothing is drawn for an empty one.
    title : str
    """
    confidence, accuracy, share, edges = (
        to_array(v).astype(float) for v in (bins.confidence, bins.accuracy, bins.share, bins.edges)
    )
    full = share > 0
    middle, width = (edges[:-1] + edges[1:])[full] / 2, np.diff(edges)[full]
    strength = 0.2 + 0.8 * share[full] / share.max()
    for x, y, w, a in zip(middle, accuracy[full], width, strength, strict=True):
        ax.bar(x, y, w * 0.92, color=BLUE, alpha=a, linewidth=0)
    ax.plot(confidence[full], accuracy[full], "o", color=INK, markersize=3.2, zorder=3)
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=1.2, linestyle="--")
    ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="share right")
    ax.set_title(title, fontsize=9.5, fontweight="normal")
