"""Figures of chapter 05: annotated pictures, flow as arrows, reliability diagrams, accuracy by light.

Shape letters: B pictures, K objects, P keypoints, H, W pixels, M bins.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.plotting.annotations import draw
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.images import bare, image_grid, panels, to_array
from lecture_utils.plotting.style import BLUE, INK, PALETTE, QUIET, rgb


def draw_annotated(
    ax: Axes, sample: Any, i: int = 0, *, alpha: float = 0.5, dashed: Any = None, outline: bool = False
) -> None:
    """Draw one picture with its masks, boxes and visible keypoints.

    Parameters
    ----------
    ax : Axes
    sample : lecture_utils.augment.geometric.Annotated
        Anything with `image` (B, 3, H, W) and, each possibly None, `masks` (B, K, H, W), `boxes` (B, K, 4),
        and `keypoints` (B, K, P, 3).
    i : int
        Which picture.
    alpha : float
        Weight of the masks' colours, 0 to 1.
    dashed : (K, 4), optional
        More boxes, drawn with broken lines.
    outline : bool
        Draw each mask as a line around its pixels, so that the objects keep their own colours.
    """
    picture = to_array(sample.image[i]).clip(0, 1)
    parts = {name: getattr(sample, name) for name in ("masks", "boxes", "keypoints")}
    given = {name: value[i] for name, value in parts.items() if value is not None}
    if "keypoints" in given:
        points = to_array(given["keypoints"]).astype(float)
        given["keypoints"] = np.where(points[..., 2:] > 0.5, points, np.nan)  # hidden ones are left out
    draw(ax, picture, **given, fill=0.0 if outline else alpha)
    if dashed is not None:
        draw(ax, None, boxes=dashed, dashed=True)


def annotated_grid(
    samples: Sequence[Any],
    titles: Sequence[str],
    columns: int = 4,
    size: float = 1.95,
    suptitle: str | None = None,
    *,
    dashed: Sequence[Any] | None = None,
    alpha: float = 0.5,
    outline: bool = False,
) -> Figure:
    """Draw the first picture of each sample with its annotations, in a grid.

    Parameters as in `image_grid` and `draw_annotated`.

    Raises
    ------
    ValueError
        On another number of titles than samples, or no samples.
    """
    if not samples or len(samples) != len(titles):
        raise ValueError(f"annotated_grid wants one title a sample, got {len(titles)} for {len(samples)}")
    fig, axes = panels(len(samples), columns, size, titled=True, suptitle=suptitle)
    for k, (ax, sample, title) in enumerate(zip(axes, samples, titles, strict=True)):
        extra = None if dashed is None else dashed[k]
        draw_annotated(ax, sample, alpha=alpha, dashed=extra, outline=outline)
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
    u, v = scale * u[moving], scale * v[moving]
    ax.quiver(column[moving], row[moving], u, v, angles="xy", scale_units="xy",
              scale=1, color=colour, edgecolor=INK, linewidth=0.6, width=0.016, headwidth=3.6, headlength=3.4,
              headaxislength=3.0, zorder=4)  # fmt: skip


def flow_grid(cases: Mapping[str, tuple[Any, Any]], title: str, step: int = 7) -> Figure:
    """Draw pictures (3, H, W) in a row, each with its flow (2, H, W) as arrows."""
    fig = image_grid([image for image, _ in cases.values()], list(cases), len(cases), 2.0, title)
    for ax, (_, flow) in zip(fig.axes, cases.values(), strict=True):
        draw_flow(ax, flow, step)
    return fig


def light_curves(levels: Sequence[float], lines: Mapping[str, Sequence[float]], trained: tuple[float, float],
                 ylabel: str, title: str) -> Figure:  # fmt: skip
    """Draw lines against brightness, with the band of brightness that the training pictures had."""
    series = {name: (levels, line) for name, line in lines.items()}
    low, high = trained
    xlabel = f"brightness of the test scenes (trained on {low:g} to {high:g})"
    fig = curves(series, xlabel, ylabel, title, log_x=True)
    fig.set_size_inches(8, 2.9)
    ax = fig.axes[0]
    ax.axvspan(low, high, color=PALETTE[1], alpha=0.15, linewidth=0)
    ax.set_xticks(levels, [f"{level:g}" for level in levels])
    ax.minorticks_off()
    return fig


def light_clouds(dark: Any, clouds: Mapping[str, tuple[Any, str]]) -> Figure:
    """Draw each picture (N, C, H, W) as a dot, mean against spread: one panel a cloud, each over `dark`.

    Parameters
    ----------
    dark : (N, C, H, W)
    clouds : dict of name to (pictures, title)
    """
    fig = Figure(figsize=(8, 2.7))
    axes = fig.subplots(1, len(clouds), sharex=True, sharey=True)
    for k, (ax, (name, (pictures, title))) in enumerate(zip(axes, clouds.items(), strict=True)):
        for x, label, colour in ((pictures, name, PALETTE[k + 1]), (dark, "dark test scenes", INK)):
            values = to_array(x).reshape(len(x), -1)
            ax.plot(values.mean(1), values.std(1), ".", markersize=3, label=label, color=colour)
        ax.set(xlabel="mean value of a picture", ylabel="" if k else "spread of its values", title=title)
        ax.legend(loc="upper left")
    return fig


def draw_reliability(ax: Axes, bins: Any, title: str = "") -> None:
    """Draw a reliability diagram: a bar of accuracy for each bin of confidence, and the diagonal.

    Parameters
    ----------
    ax : Axes
    bins : lecture_utils.metrics.calibration.Reliability
        Anything with `confidence`, `accuracy`, `share` (M,) and `edges` (M + 1,). The more answers lie in a
        bin, the darker its bar; nothing is drawn for an empty one.
    title : str
    """
    confidence, accuracy, share, edges = (
        to_array(v).astype(float) for v in (bins.confidence, bins.accuracy, bins.share, bins.edges)
    )
    full = share > 0
    middle, width = (edges[:-1] + edges[1:])[full] / 2, np.diff(edges)[full]
    strength = (0.2 + 0.8 * share[full] / share.max()).clip(0, 1)
    for x, y, w, a in zip(middle, accuracy[full], width, strength, strict=True):
        ax.bar(x, y, w * 0.92, color=BLUE, alpha=a, linewidth=0)
    ax.plot(confidence[full], accuracy[full], "o", color=INK, markersize=3.2, zorder=3)
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=1.2, linestyle="--")
    ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="share right")
    ax.set_title(title, fontsize=9.5, fontweight="normal")


def reliability_pair(cases: Mapping[str, Any], title: str | None = None) -> Figure:
    """Draw reliability diagrams side by side, each titled with its calibration error."""
    fig = Figure(figsize=(2.6 * len(cases) + 0.6, 2.8))
    for ax, (name, bins) in zip(fig.subplots(1, len(cases)), cases.items(), strict=True):
        draw_reliability(ax, bins, f"{name}: error {bins.error:.2f}")
    if title:
        fig.suptitle(title, x=0.01, ha="left")
    return fig


def answers_grid(pictures: Any, probabilities: Any, truth: Any, names: Sequence[str], title: str,
                 scenes: Any = None) -> Figure:  # fmt: skip
    """Draw pictures (N, C, H, W), brightened to their own maximum, under what was said and what is true.

    Parameters
    ----------
    pictures : (N, C, H, W)
    probabilities : (N, K)
    truth : (N,)
    names : sequence of K str
    title : str
        The number of pictures is added; the five with the surest answers are drawn.
    scenes : (N,), optional
        Which scene each picture shows; then only the surest picture of a scene is drawn.

    Raises
    ------
    ValueError
        On no pictures.
    """
    x, p, y = to_array(pictures), to_array(probabilities), to_array(truth)
    chosen = np.argsort(-p.max(1), kind="stable")
    if scenes is not None:
        chosen = chosen[np.sort(np.unique(to_array(scenes)[chosen], return_index=True)[1])]
    chosen = chosen[:5]
    said = [f"“{names[p[k].argmax()]}” {p[k].max():.0%}\nis {names[y[k]]}" for k in chosen]
    return image_grid(brightened(x[chosen]), said, 5, 1.6, f"{title} ({len(x)})")


def brightened(pictures: Any) -> list[np.ndarray]:
    """Scale each picture (N, C, H, W) to its own maximum: for the eye, not for a network."""
    return [x / max(x.max(), 1e-6) for x in to_array(pictures)]


def pasted_panels(standing: Any, newcomers: Mapping[str, Any], told: Mapping[str, tuple[Any, Any, Any]],
                  names: Sequence[str], title: str) -> Figure:  # fmt: skip
    """Draw flat objects and a newcomer over them, and the boxes and names that a function tells.

    Parameters
    ----------
    standing : (K, H, W) bool
        Masks of the objects before; object k is called ``names[k]``.
    newcomers : dict of panel title to mask (H, W)
        The newcomer is called ``names[K]``.
    told : dict of panel title to (masks, boxes, labels)
        What stands in the list after the paste.
    names : sequence of str
    title : str
    """
    before = to_array(standing)
    fig, axes = panels(len(newcomers), 2, 3.9, before.shape[2] / before.shape[1], True, title)
    for ax, (case, newcomer) in zip(axes, newcomers.items(), strict=True):
        over = to_array(newcomer)
        seen = np.concatenate([before & ~over, over[None]])  # (K + 1, H, W)
        picture = np.ones((*over.shape, 3), np.float32)
        for k, mask in enumerate(seen):
            picture[mask] = 0.5 + 0.5 * np.asarray(rgb(PALETTE[k]), np.float32)
        _, boxes, labels = (to_array(part) for part in told[case])
        draw(ax, picture, boxes=boxes, labels=[names[k] for k in labels[: len(boxes)]],
             colours=[PALETTE[k] for k in labels[: len(boxes)]])  # fmt: skip
        bare(ax, case)
    return fig


def training_panels(histories: Mapping[str, Any], width: int = 8) -> Figure:
    """Draw the losses of two trainings, means of `width` steps, and their accuracies in the dark.

    The first has the colour of plain noon, the second that of augmented noon, as in `light_clouds`.

    Parameters
    ----------
    histories : dict of name to lecture_utils.training.loop.History
        Anything with `losses` (N,) and `evaluations`, pairs of step and accuracy.
    width : int
    """
    fig = Figure(figsize=(8, 2.9))
    left, right = fig.subplots(1, 2)
    for k, (name, history) in enumerate(histories.items(), start=1):
        losses = np.asarray(history.losses, dtype=float)
        left.plot(np.convolve(losses, np.full(width, 1 / width), "valid"), color=PALETTE[k], label=name)
        right.plot(*zip(*history.evaluations, strict=True), ".-", color=PALETTE[k], label=name)
    left.set(xlabel="step", ylabel=f"mean of {width} losses", title="Augmentation makes training harder …")
    right.set(
        xlabel="step", ylabel="accuracy in the dark", title="… and reaches what was never shown", ylim=(0, 1)
    )
    left.legend(loc="upper right")
    return fig


def shift_panels(held: Mapping[str, tuple[Sequence[float], Mapping[str, Any]]], ylabel: str, title: str
                 ) -> Figure:  # fmt: skip
    """Draw a panel for each kind of shift: a line (N,) for each picture, over N steps at equal distances.

    Parameters
    ----------
    held : dict of x label to (values of the shift (N,), lines)
        The lines {name: (N,)} have the same names in all panels.
    ylabel : str
    title : str
    """
    fig = Figure(figsize=(8, 3.2))
    axes = fig.subplots(1, len(held), sharey=True)
    for ax, (xlabel, (values, lines)) in zip(axes, held.items(), strict=True):
        for k, (name, line) in enumerate(lines.items()):
            ax.plot(to_array(line), ".-", color=PALETTE[k], label=name)
        ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        ax.set(xlabel=xlabel, ylim=(0, 1))
    axes[0].set_ylabel(ylabel)
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def dots_on_diagonal(x: Any, y: Any, xlabel: str, ylabel: str, title: str) -> Figure:
    """Draw dots (N,) against (N,) in the unit square with its diagonal, where both would agree."""
    fig = Figure(figsize=(4.6, 3.3))
    ax = fig.subplots()
    ax.plot(to_array(x), to_array(y), ".", markersize=3, color=BLUE)
    ax.plot([0, 1], [0, 1], "--", color=INK, linewidth=1)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, xlim=(0, 1), ylim=(0, 1.02))
    return fig
