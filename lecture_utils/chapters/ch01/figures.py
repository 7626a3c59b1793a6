"""Diagrams of chapter 01, drawn from the numbers themselves: windows, taps, matrix products, fields, blocks.

Shape letters: H, W height and width; h, w those of a kernel or an output; L window positions.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lecture_utils.plotting import display
from lecture_utils.plotting.blocks import arrow, box, page, way_round
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.images import image_grid, signed_image, to_array
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION

show_photographs = functools.partial(display.show_photographs, quality=50, scale=1.0)
PALE_BLUE, PALE_ORANGE, PALE = "#CFE3F1", "#FBE3B8", "#F4F5F7"


def number_grid(ax: Axes, values: Any, title: str = "", fill: Any = None, size: float = 9.0) -> None:
    """Draw a matrix as boxes with numbers.

    Parameters
    ----------
    ax : Axes
    values : (H, W)
        NaN leaves a box empty.
    title : str
    fill : (H, W) of colours, optional
    size : float
        Of the digits, in points.
    """
    table = to_array(values).astype(float)
    for i, j in np.ndindex(*table.shape):
        colour = fill[i][j] if fill is not None else "white"
        ax.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, edgecolor="#B8BEC6", linewidth=0.8))
        if np.isfinite(table[i, j]):
            ax.text(j + 0.5, i + 0.5, f"{table[i, j]:g}", ha="center", va="center", fontsize=size, color=INK)
    ax.set(xlim=(-0.05, table.shape[1] + 0.05), ylim=(table.shape[0] + 0.05, -0.05), aspect="equal")
    ax.axis("off")
    ax.set_title(title, fontsize=10, loc="center", fontweight="normal", pad=4)


def sliding_window(image: Any, kernel: Any, places: Sequence[tuple[int, int]], title: str = "") -> Figure:
    """Draw a kernel at several places of an image, and the output as far as it is computed by then.

    Parameters
    ----------
    image : (H, W)
    kernel : (h, w)
    places : sequence of (row, column)
        Of the output, in reading order.
    title : str
    """
    x, k = to_array(image).astype(float), to_array(kernel).astype(float)
    h, w = k.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (h, w))  # (H-h+1, W-w+1, h, w)
    out = (windows * k).sum((2, 3))
    fig = Figure(figsize=(7.2, 3.7), layout="constrained")
    axes = fig.subplots(2, len(places) + 1, height_ratios=[x.shape[0], out.shape[0] + 1])
    number_grid(axes[0, 0], k, "kernel", [[PALE_BLUE] * w] * h)
    axes[1, 0].axis("off")
    for column, (i, j) in enumerate(places, start=1):
        inside = [[i <= r < i + h and j <= c < j + w for c in range(x.shape[1])] for r in range(x.shape[0])]
        number_grid(
            axes[0, column], x, "", [[PALE_BLUE if hit else "white" for hit in row] for row in inside]
        )
        done = np.arange(out.size).reshape(out.shape) <= i * out.shape[1] + j
        fill = [
            [PALE_ORANGE if (r, c) == (i, j) else PALE for c in range(out.shape[1])] for r in range(len(out))
        ]
        number_grid(axes[1, column], np.where(done, out, np.nan), f"out[{i}, {j}] = {out[i, j]:g}", fill)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def taps(settings: Sequence[dict[str, int]], size: int = 7, kernel: int = 3) -> Figure:
    """Draw which pixels the first two outputs of a row read, for several settings of a convolution.

    Parameters
    ----------
    settings : sequence of dict
        With any of stride, padding, dilation.
    size, kernel : int
        Pixels along the image's side and taps along the kernel's.
    """
    fig = Figure(figsize=(8, 2.75), layout="constrained")
    for ax, setting in zip(fig.subplots(1, len(settings)), settings, strict=True):
        stride, padding, dilation = (
            setting.get(key, default) for key, default in (("stride", 1), ("padding", 0), ("dilation", 1))
        )
        for i, j in np.ndindex(size + 2 * padding, size + 2 * padding):
            border = not (padding <= i < size + padding and padding <= j < size + padding)
            face, line = ("white", ":") if border else (PALE, "-")
            ax.add_patch(
                Rectangle((j, i), 1, 1, facecolor=face, edgecolor="#B8BEC6", linewidth=0.7, linestyle=line)
            )
        for place, (colour, marker, area) in enumerate(((BLUE, "s", 46), (ORANGE, "o", 26))):
            rows, columns = np.mgrid[0:kernel, 0:kernel] * dilation
            ax.scatter(
                columns + place * stride + 0.5, rows + 0.5, s=area, marker=marker, color=colour, linewidths=0
            )
        out = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        total = size + 2 * padding
        ax.set(xlim=(-0.1, total + 0.1), ylim=(total + 0.1, -0.1), aspect="equal")
        ax.axis("off")
        name = ", ".join(f"{key} {value}" for key, value in setting.items()) or "stride 1"
        ax.set_title(f"{name}\n{size}×{size} → {out}×{out}", fontsize=9.5, fontweight="normal", loc="center")
    return fig


def matrix_product(left: Any, right: Any, names: tuple[str, str, str], title: str = "") -> Figure:
    """Draw left @ right = product with all the numbers; the first row, column and result are marked."""
    a, b = to_array(left).astype(float), to_array(right).astype(float)
    product = a @ b
    fig = Figure(figsize=(7.2, 2.4), layout="constrained")
    axes = fig.subplots(1, 3, width_ratios=[a.shape[1], b.shape[1], product.shape[1]])
    marks = (
        [[PALE_BLUE if i == 0 else "white"] * a.shape[1] for i in range(a.shape[0])],
        [[PALE_BLUE if j == 0 else "white" for j in range(b.shape[1])] for _ in range(b.shape[0])],
        [[PALE_ORANGE if i + j == 0 else "white" for j in range(b.shape[1])] for i in range(a.shape[0])],
    )
    for ax, values, name, fill in zip(axes, (a, b, product), names, marks, strict=True):
        number_grid(ax, values, name, fill)
    for ax, sign in ((axes[1], "@"), (axes[2], "=")):
        ax.text(-0.08, 0.5, sign, transform=ax.transAxes, fontsize=15, ha="center", va="center", color=QUIET)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def field_chain(layers: Sequence[tuple[str, int, int]], title: str = "") -> Figure:
    """Draw, along one axis, which units of each layer one output sees, down to the pixels.

    Parameters
    ----------
    layers : sequence of (name, kernel, stride)
        From the input up, without padding.
    title : str
    """
    widths, jumps = [1], []  # units seen, from the output down
    for _, kernel, stride in reversed(layers):
        widths.append((widths[-1] - 1) * stride + kernel)
    for level in range(len(layers) + 1):
        jumps.append(int(np.prod([stride for _, _, stride in layers[:level]])))
    fig = Figure(figsize=(6.4, 0.6 * len(layers) + 0.8), layout="constrained")
    ax = fig.subplots()
    seen, places = widths[::-1], []
    start = 0.0
    for level, width in enumerate(seen):
        if level:
            start += (layers[level - 1][1] - 1) / 2 * jumps[level - 1]
        places.append(start + np.arange(width) * jumps[level])
    for level, (_, kernel, stride) in enumerate(layers):
        for unit in range(seen[level + 1]):
            for tap in range(kernel):
                x = [places[level][unit * stride + tap], places[level + 1][unit]]
                ax.plot(x, [level, level + 1], color="#B8BEC6", linewidth=1.0, zorder=1)
    names = ["input", *(name for name, _, _ in layers)]
    for level, xs in enumerate(places):
        ax.scatter(
            xs, [level] * len(xs), s=110, color=BLUE if level == 0 else ORANGE, zorder=2, edgecolor="white"
        )
        ax.text(-1.1, level, f"{names[level]}: {len(xs)}", ha="right", va="center", fontsize=9.5)
    ax.set(xlim=(-1.0, seen[0] - 0.4), ylim=(-0.4, len(layers) + 0.4), title=title)
    ax.axis("off")
    return fig


def residual_block() -> Figure:
    """Draw a plain and a residual block side by side: the same two layers, with and without a way round."""
    fig, ax = page(8, 3.2)
    for x, shortcut in ((1.7, False), (5.5, True)):
        name = (
            "Residual: learn the difference F, add x back" if shortcut else "Plain: learn the whole mapping H"
        )
        ax.text(x - 1.5, 3.0, name, fontsize=11, fontweight="bold", va="center")
        ax.text(x + 0.1, 2.72, "x", fontsize=12, style="italic")
        for start, end in ((2.8, 2.32), (1.82, 1.52), (1.02, 0.7 if shortcut else 0.4)):
            arrow(ax, (x, start), (x, end), INK)
        box(ax, (x, 2.07), "3×3 conv, batch norm, ReLU", BLUE, width=2.6, face=PALE_BLUE)
        box(ax, (x, 1.27), "3×3 conv, batch norm", BLUE, width=2.6, face=PALE_BLUE)
        if shortcut:
            way_round(ax, (x, 2.6), (x, 0.6), x + 1.6)
            ax.text(x + 1.66, 1.6, "x, as\nit is", fontsize=9.5, color=VERMILION, va="center")
            ax.text(x - 0.12, 0.84, "F(x)", fontsize=10, ha="right", style="italic", va="center")
            arrow(ax, (x, 0.5), (x, 0.28), INK)
        result, colour = ("ReLU(F(x) + x)", GREEN) if shortcut else ("ReLU(H(x))", INK)
        at = 0.14 if shortcut else 0.26
        ax.text(x, at, result, fontsize=10.5, ha="center", va="center", style="italic", color=colour)
    return fig


def scores_and_shares(image: Any, scores: Any, names: Sequence[str], right: int, title: str = "") -> Figure:
    """Draw a picture, a classifier's scores for it, and the shares that the softmax makes of them.

    Parameters
    ----------
    image : (H, W)
    scores : (K,)
    names : sequence of K str
    right : int
        The right class: its bars are green, and its share is written with the loss.
    title : str
    """
    z = to_array(scores).astype(float)
    shares = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    fig = Figure(figsize=(8, 2.6), layout="constrained")
    left, middle, last = fig.subplots(1, 3, width_ratios=[1.1, 1.5, 1.5])
    left.imshow(to_array(image), cmap="gray_r", vmin=0, vmax=1)
    left.set_title(f"a {names[right]}", fontsize=10, fontweight="normal")
    left.axis("off")
    colours = [GREEN if k == right else BLUE for k in range(len(z))]
    loss = f"shares; loss −ln {shares[right]:.3f} = {-np.log(shares[right]):.2f}"
    for ax, values, name in ((middle, z, "scores (logits)"), (last, shares, loss)):
        ax.bar(range(len(z)), values, color=colours)
        ax.axhline(0, color=QUIET, linewidth=0.8)
        ax.set_xticks(range(len(z)), names)
        ax.set_title(name, fontsize=10, fontweight="normal")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def templates(weight: Any) -> Figure:
    """Draw each digit's 64 weights (10, 64) as a map of 8 × 8."""
    maps = [signed_image(row.reshape(8, 8)) for row in weight]
    title = "What speaks for each digit (red) and what against it (blue)"
    return image_grid(maps, [str(k) for k in range(len(maps))], 5, 1.5, title)


def surest(
    images: Any, said: Any, truth: Any, sure: Any, names: Sequence[str], title: str = "", count: int = 5
) -> Figure:
    """Draw the pictures with the surest right answers above those with the surest wrong ones.

    Parameters
    ----------
    images : (N, 3, H, W)
    said, truth : (N,) of class numbers
    sure : (N,)
        The share of the answer.
    names : sequence of str
        Of the classes.
    title : str
    count : int
        Pictures in a row.
    """
    chosen: list[int] = []
    for hit in (said == truth, said != truth):
        chosen += hit.nonzero()[:, 0][sure[hit].argsort(descending=True)][:count].tolist()
    titles = [f"{names[said[k]]} {sure[k]:.0%}\n(is {names[truth[k]]})" for k in chosen]
    return image_grid(images[chosen], titles, columns=count, size=1.5, suptitle=title)


def shift_figure(record: Any, title: str = "") -> Figure:
    """Draw claim C01.1: accuracy against the shift, the mean of the seeds."""
    seeds = record.figures
    means = {name: np.mean([row["accuracy"][name] for row in seeds], 0) for name in seeds[0]["accuracy"]}
    lines = {name: (seeds[0]["shifts"], mean) for name, mean in means.items()}
    fig = curves(lines, "shift of the test digits (pixels of 28)", "test accuracy", title)
    fig.axes[0].set_ylim(0, 1.02)
    fig.axes[0].legend(loc="center right", bbox_to_anchor=(1, 0.48), fontsize=8)
    fig.set_size_inches(6.2, 2.7)
    return fig


def shift_rows(record: Any) -> list[tuple[str, str, str]]:
    """Return claim C01.1's table: each net, its accuracy unmoved and what it loses; means over the seeds."""
    rows = []
    for name in record.figures[0]["lost"]:
        unmoved = np.mean([row["accuracy"][name][0] for row in record.figures])
        lost = np.mean([row["lost"][name] for row in record.figures])
        rows.append((name, f"{unmoved:.2f}", f"{lost:.2f}"))
    return rows


def shared_weights(pixels: int = 3, taps: int = 2) -> Figure:
    """Draw which pixels and weights make which outputs, in a row: a line a product, a colour a weight."""
    outputs = pixels - taps + 1
    fig, ax = page(8, 2.8)
    xs = [2.0 + 2.0 * k for k in range(pixels)]
    os = [2.0 + (taps - 1) + 2.0 * k for k in range(outputs)]
    for k, at in enumerate(os):
        for tap, colour in zip(range(taps), (BLUE, ORANGE, GREEN), strict=False):
            start, end = (xs[k + tap], 0.75), (at, 1.75)
            arrow(ax, start, end, colour, width=2.2)
            middle = (0.65 * start[0] + 0.35 * end[0], 0.65 * start[1] + 0.35 * end[1])
            ax.text(*middle, f"$w_{tap}$", fontsize=12, color=colour, ha="center", va="center",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    for k, at in enumerate(xs):
        box(ax, (at, 0.5), f"$x_{k}$", QUIET, width=0.9, face=PALE)
    for k, at in enumerate(os):
        box(ax, (at, 2.0), f"$o_{k}$", QUIET, width=0.9, face=PALE_ORANGE)
        arrow(ax, (at, 2.75), (at, 2.25), VERMILION)
        ax.text(at + 0.12, 2.55, f"$g_{k}$ from above", fontsize=10, va="center", color=VERMILION)
    return fig


def weights_and_work(layers: Sequence[tuple[str, float, float]], title: str = "") -> Figure:
    """Draw each layer's weights and multiplications; layers whose name begins with "dense" in another colour.

    Parameters
    ----------
    layers : sequence of (name, millions of weights, billions of multiplications)
    title : str
    """
    names = [name for name, _, _ in layers]
    colours = [ORANGE if name.startswith("dense") else BLUE for name in names]
    fig = Figure(figsize=(6.4, 3.0), layout="constrained")
    left, right = fig.subplots(1, 2, sharey=True)
    for ax, column, what in ((left, 1, "weights (millions)"), (right, 2, "multiplications (billions)")):
        ax.barh(names, [layer[column] for layer in layers], color=colours)
        ax.set_title(what, fontsize=10, fontweight="normal")
    left.invert_yaxis()
    left.tick_params(axis="y", labelsize=8)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def dots_and_intervals(ax: Axes, groups: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Draw a dot a seed and the mean with its 95 % interval, for each named group, around a line at 0."""
    from lecture_utils.experiments.record import derive_effect
    from lecture_utils.experiments.rules import Rule

    ax.axhline(0, color=QUIET, linewidth=1)
    for k, (_, values) in enumerate(groups):
        ax.plot(k + np.linspace(-0.12, 0.12, len(values)), values, "o", color=BLUE, markersize=4, alpha=0.6)
        effect: dict[str, Any] = derive_effect(Rule("value", above=0.0), [{"value": v} for v in values])
        ax.plot([k, k], [effect["low"], effect["high"]], color=INK, linewidth=2)
        ax.plot(k, effect["mean"], "D", color=INK, markersize=6)
    ax.set_xticks(range(len(groups)), [name for name, _ in groups], fontsize=8.5)
    ax.set_xlim(-0.5, len(groups) - 0.5)


def race_figure(record: Any, title: str = "") -> Figure:
    """Draw claim C01.2: steps at every rate on one seed, and who is ahead from each start.

    Of a record without a boundary: the training error of its first seed.

    Parameters
    ----------
    record : lecture_utils.experiments.ledger.Record
    title : str
    """
    seeds = record.figures
    if not record.boundary:
        lines = {name: (20 * np.arange(len(own)), own) for name, own in seeds[0]["errors"].items()}
        fig = curves(lines, "step", "training error", title)
        fig.set_size_inches(6.4, 2.6)
        return fig
    fig = Figure(figsize=(7.2, 2.8), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1, 1.35])
    for name, colour, mark in (("ReLU", BLUE, "o"), ("tanh", ORANGE, "s")):
        steps = {float(rate): n for rate, n in seeds[0]["common"][name].items() if float(rate) >= 0.01}
        rates = sorted(steps)
        left.plot(rates, [steps[r] for r in rates], "-", marker=mark, color=colour, label=name)
    left.axhline(seeds[0]["cap"], color=QUIET, linestyle=":", linewidth=1)
    left.text(0.01, seeds[0]["cap"], "given up", fontsize=8.5, va="top", color=QUIET)
    left.set(xscale="log", xlabel="learning rate, the same for both", ylabel="steps to 25 % error")
    left.set_xticks([0.01, 0.03, 0.1], ["0.01", "0.03", "0.1"], minor=False)
    left.set_xticks([], minor=True)
    left.set_title("One seed, one common rate", fontsize=10, fontweight="normal")
    left.legend(fontsize=9)
    groups = [("its own\nwidth", [row["log2_speedup"] for row in seeds])]
    for point in record.boundary["points"]:
        groups.append((f"{point['at']:g} times\nas wide", [row["log2_speedup"] for row in point["figures"]]))
    for name in seeds[0]["elsewhere"]:
        groups.append((name.replace(" ", "\n"), [row["elsewhere"][name]["log2_speedup"] for row in seeds]))
    dots_and_intervals(right, groups)
    right.set(ylabel="log2 (steps, tanh / ReLU)")
    right.set_title("Own best rates: above 0, ReLU leads", fontsize=10, fontweight="normal")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def degradation_figure(record: Any, title: str = "") -> Figure:
    """Draw claim C01.4: training loss of the plain and the residual pair, and the gaps along the training.

    Of a record without a boundary: the losses alone.
    """
    seeds = record.figures
    fig = Figure(figsize=(7.2, 2.5), layout="constrained")
    axes = fig.subplots(1, 3, width_ratios=[1, 1, 1.3]) if record.boundary else fig.subplots(1, 2)
    steps = np.linspace(0, seeds[0]["steps"], len(next(iter(seeds[0]["loss"].values()))))
    for ax, kind in zip(axes[:2], ("plain", "residual"), strict=True):
        names = [name for name in seeds[0]["loss"] if name.startswith(kind)]
        for name, colour in zip(names, (BLUE, VERMILION), strict=True):
            mean = np.mean([row["loss"][name] for row in seeds], axis=0)
            ax.plot(steps, mean, color=colour, label=f"{name.partition('-')[2]} layers")
        ax.set_title(f"{kind} nets", fontsize=10, fontweight="normal")
        ax.set(xlabel="step", ylim=(0, 2.3))
        ax.legend(fontsize=9)
    axes[0].set_ylabel("training loss")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    if not record.boundary:
        return fig
    points = {point["at"]: point["figures"] for point in record.boundary["points"]} | {1.0: seeds}
    gaps = ("plain_gap", BLUE, "plain: deep − shallow"), ("residual_gap", GREEN, "residual: shallow − deep")
    for figure, colour, name in gaps:
        at = sorted(points)
        x = [share * seeds[0]["steps"] for share in at]
        means = [np.mean([row[figure] for row in points[share]]) for share in at]
        axes[2].plot(x, means, "-o", color=colour, label=name)
        for place, share in zip(x, at, strict=True):
            found = [row[figure] for row in points[share]]
            axes[2].plot([place] * len(found), found, ".", color=colour, alpha=0.5)
    axes[2].axhline(0, color=QUIET, linewidth=1)
    axes[2].set(xscale="log", xlabel="step", ylabel="difference in\ntraining error")
    axes[2].set_xticks(x, [f"{place:g}" for place in x], minor=False)
    axes[2].set_xticks([], minor=True)
    axes[2].set_title("above 0 as in the paper", fontsize=10, fontweight="normal")
    axes[2].legend(fontsize=8, loc="upper left", handlelength=1.2)
    low, high = axes[2].get_ylim()
    axes[2].set_ylim(low, high + 0.5 * (high - low))  # room for the legend
    return fig


def learning_curves(history: Any) -> Figure:
    """Draw the loss of a training, averaged over 10 steps, and the accuracies looked at on the way."""
    fig = Figure(figsize=(6.4, 2.3), layout="constrained")
    left, right = fig.subplots(1, 2)
    smooth = np.convolve(history.losses, np.ones(10) / 10, "valid")
    steps, found = zip(*history.evaluations, strict=True)
    curves({"loss": smooth}, "step", "mean of 10 losses", "The loss falls …", ax=left)
    curves(
        {"accuracy": (steps, found)}, "step", "validation accuracy", "… and unseen pictures profit", ax=right
    )
    right.set_ylim(0, 1.02)
    return fig


def gradient_figure(live: dict[str, Any], title: str = "") -> Figure:
    """Draw claim C01.5: the first layer's gradient against depth, a panel a regime."""
    fig = Figure(figsize=(5.8, 2.9), layout="constrained")
    panels = fig.subplots(2, 2)
    for ax, (regime, arms) in zip(panels.flat, live["norms"].items(), strict=True):
        lines = {name: (live["depths"], norms) for name, norms in arms.items()}
        below = "depth" if ax in panels[1] else ""
        curves(lines, below, "first layer's\ngradient", regime, log_y=True, ax=ax)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return fig


def deletions(kept: dict[str, Sequence[float]], title: str = "") -> Figure:
    """Draw what accuracy is left when a block loses a part; the last bar of each part is all blocks."""
    fig = Figure(figsize=(6.4, 2.4), layout="constrained")
    ax = fig.subplots()
    for k, (part, shares) in enumerate(kept.items()):
        places = np.arange(1, len(shares) + 1) + 0.4 * k - 0.2
        ax.bar(places, shares, 0.38, label=f"without {part}", color=(VERMILION, BLUE)[k])
    count = len(next(iter(kept.values())))
    ax.set_xticks(range(1, count + 1), [*map(str, range(1, count)), "all"])
    ax.set(xlabel="block from which it is removed", ylabel="test accuracy", ylim=(0, 1.3), title=title)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.legend(ncols=2, loc="upper left", fontsize=9)
    return fig


def shift_and_turn(
    followed: dict[str, tuple[Sequence[float], Sequence[float]]],
    shifts: Sequence[float],
    angles: Sequence[float],
) -> Figure:
    """Draw the share of a network's first answer along a shift and along a turn, a line a photograph."""
    fig = Figure(figsize=(5.8, 2.2), layout="constrained")
    left, right = fig.subplots(1, 2, sharey=True)
    for (name, (moved, turned)), colour in zip(followed.items(), (BLUE, ORANGE, GREEN), strict=False):
        left.plot(shifts, moved, "-o", color=colour, label=name, markersize=4)
        right.plot(angles, turned, "-o", color=colour, label=name, markersize=4)
    left.set(xlabel="moved down by (pixels)", ylabel="share of its first answer", ylim=(0, 1.02))
    right.set(xlabel="turned by (degrees)")
    right.set_xticks(range(0, 361, 90))
    left.set_title("Shifts matter little …", fontsize=10.5)
    right.set_title("… large turns much more", fontsize=10.5)
    left.legend(fontsize=9)
    return fig
