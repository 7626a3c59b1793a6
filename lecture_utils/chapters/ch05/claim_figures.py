"""Figures of chapter 05's claims: accuracy by light, by size of the training set, and gains seed by seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.style import INK


def light_matrix(seeds: Sequence[Mapping[str, Any]], worlds: Mapping[str, str], title: str) -> Figure:
    """Draw claim C05.1's matrices, means over the seeds: a row an augmentation and light, a column a test.

    Parameters
    ----------
    seeds : sequence of {world: {training light: {augmentation: {test light: accuracy}}}}
    worlds : dict of world to its name on the panel
    title : str
    """
    first = next(iter(seeds[0].values()))
    rows = [(light, change) for light in first for change in first[light]]
    tests = list(first[rows[0][0]][rows[0][1]])
    fig = Figure(figsize=(7.6, 3.7))
    axes = fig.subplots(1, len(worlds), sharey=True, squeeze=False)[0]
    for ax, (world, name) in zip(axes, worlds.items(), strict=True):
        table = np.array(
            [[np.mean([s[world][a][b][test] for s in seeds]) for test in tests] for a, b in rows]
        )
        ax.imshow(table, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
        for (r, c), value in np.ndenumerate(table):
            ax.text(c, r, f"{value:.0%}", ha="center", va="center", color="white" if value > 0.7 else INK)
        ax.set_xticks(range(len(tests)), [f"tested {test}" for test in tests])
        ax.set_yticks(range(len(rows)), [f"trained {a}, {b}" for a, b in rows])
        ax.grid(False)
        ax.tick_params(length=0)
        ax.set_title(name, fontsize=10, fontweight="normal")
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def light_rows(seeds: Sequence[Mapping[str, Any]], worlds: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Tell claim C05.1's bright-trained nets by size: "accuracy (calibration error)", means over the seeds.

    Parameters
    ----------
    seeds : sequence of the claim's figures
        With "by_size" and "error_by_size": {world: {augmentation: {size: {test light: number}}}}.
    worlds : dict of world to its name in the table

    Returns
    -------
    list of (world's name, augmentation, test light, one text a size)
    """
    rows = []
    for world, name in worlds.items():
        for arm, test in (("none", "bright"), ("none", "dark"), ("photometric", "dark")):
            right, off = (
                np.mean([[each[test] for each in s[key][world][arm].values()] for s in seeds], axis=0)
                for key in ("by_size", "error_by_size")
            )
            rows.append((name, arm, test, *(f"{a:.0%} ({e:.2f})" for a, e in zip(right, off, strict=True))))
    return rows


def size_curves(panels_: Sequence[tuple[str, str, Mapping[str, Any]]], sizes: Sequence[int], xlabel: str,
                suptitle: str, columns: int = 2) -> Figure:  # fmt: skip
    """Draw a panel for each (title, y label, {arm: (seeds, sizes) values}): means and extremes by size.

    The arms are the same in every panel, so one legend below names them for all.
    """
    rows = -(-len(panels_) // columns)
    fig = Figure(figsize=(7.2, 1.0 + 1.6 * rows))
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for k, (ax, (title, ylabel, arms)) in enumerate(zip(axes, panels_, strict=True)):
        means = {name: (list(sizes), np.mean(values, axis=0)) for name, values in arms.items()}
        spread = {name: (np.min(values, axis=0), np.max(values, axis=0)) for name, values in arms.items()}
        last = k >= len(panels_) - columns
        curves(means, xlabel if last else "", ylabel, bands=spread, log_x=True, ax=ax)
        ax.set_title(title, fontsize=10, fontweight="normal")
        ax.set_xticks(list(sizes), [str(size) for size in sizes])
        ax.minorticks_off()
        for name in (*ax.texts, ax.get_legend()):
            if name is not None:
                name.remove()
    lines, names = axes[0].get_legend_handles_labels()
    fig.legend(lines, names, loc="outside lower center", ncols=len(names), frameon=False)
    fig.suptitle(suptitle, x=0.01, ha="left")
    return fig


def mixing_panels(
    arms: Mapping[str, tuple[Sequence[Mapping[str, Any]], str]], worlds: Mapping[str, str]
) -> list[tuple[str, str, dict[str, Any]]]:
    """Arrange claims C05.2 and C05.3 for `size_curves`: accuracy above, calibration error below.

    Parameters
    ----------
    arms : dict of arm to (the seeds' figures, its name in them)
    worlds : dict of world to its title
    """
    return [
        (title, label,
         {arm: [row[key][world][name] for row in seeds] for arm, (seeds, name) in arms.items()})
        for key, label in (("accuracy", "test accuracy"), ("error", "calibration error"))
        for world, title in worlds.items()
    ]  # fmt: skip


def iou_panels(
    seeds: Sequence[Mapping[str, Any]], worlds: Mapping[str, str], key: str = "iou", label: str = "mean IoU"
) -> list[tuple[str, str, dict[str, Any]]]:
    """Arrange a figure of claim C05.4 for `size_curves`: a panel a world, its arms as in the record."""
    return [
        (title, label,
         {arm: [row[key][world][arm] for row in seeds] for arm in seeds[0][key][world]})
        for world, title in worlds.items()
    ]  # fmt: skip


def paired_gains(panels_: Sequence[tuple[str, str, Mapping[str, Any]]], arm: str) -> list[tuple[str, ...]]:
    """Compare an arm with every other, seed by seed: the mean difference and its 95 % t-interval by size.

    Parameters
    ----------
    panels_ : sequence of (title, y label, {arm: (seeds, sizes) values})
        As `size_curves` takes them; two seeds or more.
    arm : str

    Returns
    -------
    list of (title, "arm − other", one "mean ± half interval" a size)
    """
    from scipy import stats

    rows = []
    for title, _, arms in panels_:
        for other in arms:
            if other != arm:
                gain = np.subtract(arms[arm], arms[other])  # (seeds, sizes)
                half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(0, ddof=1) / np.sqrt(len(gain))
                values = (f"{m:+.3f} ± {h:.3f}" for m, h in zip(gain.mean(0), half, strict=True))
                rows.append((title, f"{arm} − {other}", *values))
    return rows


def pixel_errors(seeds: Sequence[Mapping[str, Any]], worlds: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Tell claim C05.4's calibration error of the pixels: (world's title, arm, one mean a size)."""
    return [
        (title, arm, *(f"{error:.2f}" for error in np.mean(errors, axis=0)))
        for title, _, arms in iou_panels(seeds, worlds, "error")
        for arm, errors in arms.items()
    ]
