"""Figures of ImageBind: one scene in four senses, what emerged, sums of senses, and the box that was heard.

Shapes: N scenes, K classes or objects, D the joint space.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.chapters.ch13.imagebind_study import Struck, Sums
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.data.toyworld.senses import SECONDS, WALK, Sensed
from lecture_utils.multimodal.clip.zero_shot import TEMPLATES, class_embeddings
from lecture_utils.multimodal.imagebind.imagebind import ImageBind
from lecture_utils.plotting.images import bare, few
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, PINK, QUIET, SKY, VERMILION
from lecture_utils.recipes._imagebind import Perceived
from lecture_utils.training.loop import predictions

SENSES = {"audio": "sound", "depth": "depth", "imu": "motion"}
AXES = ((BLUE, "x"), (VERMILION, "y"), (GREEN, "z"), (SKY, "about x"), (ORANGE, "about y"), (PINK, "about z"))


def sense_rows(senses: Sensed, texts: Sequence[str], rows: Sequence[int] = (0, 1, 2)) -> Figure:
    """Draw some scenes as they are seen, heard, measured and felt: one row each."""
    fig = Figure(figsize=(8.0, 2.1 * len(rows) + 0.3), layout="constrained")
    grid = fig.subplots(len(rows), 4, squeeze=False, width_ratios=(1, 1.25, 1, 1.6))
    for line, i in zip(grid, rows, strict=True):
        picture, sound, depth, motion = line
        bare(picture, textwrap.fill(texts[i], 24)).imshow(few(senses.image[i]))
        spectrum = senses.audio[i, 0].numpy()
        sound.imshow(spectrum, origin="lower", aspect="auto", cmap="magma", extent=(0, SECONDS, 0, 64))
        bare(depth).imshow(senses.depth[i, 0].numpy(), cmap="cividis")
        time = torch.linspace(0, WALK, senses.imu.shape[2])
        for trace, (colour, name) in zip(senses.imu[i], AXES, strict=True):
            motion.plot(time, trace, color=colour, linewidth=0.9, label=name)
        motion.set_ylim(-5.2, 5.2)
        for ax in (sound, motion):
            ax.tick_params(labelsize=7)
            ax.grid(False)
    for ax, name in zip(grid[0], ("", "heard: mel bands", "disparity", "felt: six axes"), strict=True):
        if name:
            ax.set_title(name, fontsize=9, fontweight="normal", loc="center", pad=4, color=INK)
    for ax in (grid[-1][1], grid[-1][3]):
        ax.set_xlabel("seconds", fontsize=8)
    lines, names = grid[0][3].get_legend_handles_labels()
    fig.legend(lines, names, loc="outside lower right", ncols=6, fontsize=7.5, frameon=False)
    return fig


@torch.no_grad()
def class_means(model: ImageBind, scenes: Perceived) -> dict[str, Tensor]:
    """The mean embeddings (K, D) of each class: by its name, in pictures, sounds and depth."""
    own = {"pictures": scenes.image} | {
        SENSES[name]: predictions(model.get_submodule(name), scenes.sense(name))
        for name in ("audio", "depth")
    }
    classes = range(len(CLASSES))
    means = {
        name: torch.stack([x[scenes.some.class_id == k].mean(0) for k in classes]) for name, x in own.items()
    }
    return {"words": class_embeddings(model.clip, CLASSES, TEMPLATES)} | means


def meetings(means: dict[str, Tensor]) -> Figure:
    """Draw similarities of classes between two senses: a pair that was trained, and two that never met."""
    pairs = (("pictures", "sound"), ("words", "sound"), ("sound", "depth"))
    fig = Figure(figsize=(8.0, 3.1), layout="constrained")
    for ax, (first, second) in zip(fig.subplots(1, 3), pairs, strict=True):
        a, b = (x - x.mean(0) for x in (means[first], means[second]))  # what all have in common tells nothing
        alike = torch.nn.functional.cosine_similarity(a[:, None], b[None], dim=-1)
        ax.imshow(alike.numpy(), cmap="RdBu_r", vmin=-1, vmax=1)
        ax.grid(False)
        ax.set_xticks(range(len(CLASSES)), CLASSES, rotation=90, fontsize=7)
        ax.set_yticks(range(len(CLASSES)), CLASSES if first == "pictures" else [""] * 8, fontsize=7)
        ax.set_xlabel(second, fontsize=9)
        ax.set_ylabel(first, fontsize=9)
        met = "trained" if first == "pictures" else "never met"
        right = int((alike.argmax(1) == torch.arange(len(CLASSES))).sum())
        ax.set_title(f"{met}: {right} of 8 nearest", fontsize=9.5, fontweight="normal", loc="center")
    return fig


def emergent_figure(record: Any) -> Figure:
    """Draw C13.5: recall from text of each sense, bound by pictures and trained on text, beside chance."""
    fig = Figure(figsize=(8.0, 2.6), layout="constrained")
    ax = fig.subplots()
    kinds = (
        ("emergent", BLUE, "pairs with pictures alone", 0.1),
        ("direct", ORANGE, "pairs with text", -0.1),
    )
    for row, sense in enumerate(SENSES):
        arms = [figures["arms"][sense] for figures in record.figures]
        for kind, colour, label, off in kinds:
            values = [arm[kind]["from_text"] for arm in arms]
            ax.plot(
                values, [row + off] * len(values), "o", color=colour, markersize=7, alpha=0.8,
                markeredgecolor="white", label=label if row == 0 else None,
            )  # fmt: skip
        chance = sum(arm["emergent"]["chance"] for arm in arms) / len(arms)
        ax.plot(
            [chance, chance],
            [row - 0.3, row + 0.3],
            color=QUIET,
            linewidth=2,
            label=None if row else "chance",
        )
    ax.set_yticks(range(3), [f"text → {name}" for name in SENSES.values()])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.03)
    ax.set_xlabel("recall@1: share of sentences whose nearest scene is right")
    ax.legend(loc="center left", bbox_to_anchor=(0.38, 0.5), fontsize=8.5)
    ax.set_title(
        f"{record.id} {'holds' if record.holds else 'not reproduced'}: found by words never trained on"
    )
    return fig


def sums_figure(its: Sums, rows: Sequence[int] = (0, 1, 2)) -> Figure:
    """Draw a picture, the sound that is added, and what is found by their sum and by the swap."""
    fig = Figure(figsize=(8.0, 1.75 * len(rows) + 0.2), layout="constrained")
    grid = fig.subplots(len(rows), 4, squeeze=False, width_ratios=(1, 0.6, 1, 1))
    for line, i in zip(grid, rows, strict=True):
        heard = CLASSES[int(its.heard.class_id[i, 0])]
        bare(line[0], thing(its.some, i)).imshow(few(its.some.image[i]))
        said(line[1], f"+ the sound\nof a {heard}")
        for ax, name in ((line[2], "sum"), (line[3], "swapped")):
            at = int(its.found[name][i])
            bare(ax, f"{name}: {thing(its.gallery, at)}").imshow(few(its.gallery.image[at]))
    return fig


def thing(some: Any, i: int) -> str:
    """Colour, class and ground of captioned picture i."""
    ground = STUFF[int(some.ground_id[i])]
    return f"{COLOURS[int(some.colour_id[i])]} {CLASSES[int(some.class_id[i])]}, {ground}"


def said(ax: Axes, text: str) -> None:
    """Write into an empty axes."""
    bare(ax).text(0.5, 0.5, text, ha="center", va="center", fontsize=10, color=INK, transform=ax.transAxes)


def struck_figure(
    its: Struck, rows: Sequence[int] = (0, 1, 2, 3), query: str = "sound of its kind"
) -> Figure:
    """Draw scenes with each object's box: thick is the one that fits the query best."""
    fig = Figure(figsize=(8.0, 2.3), layout="constrained")
    for ax, i in zip(fig.subplots(1, len(rows)), rows, strict=True):
        best = int(its.scores[query][i].argmax())
        bare(ax, f"asked for: {CLASSES[int(its.class_id[i, 0])]}").imshow(few(its.image[i]))
        for k, (x1, y1, x2, y2) in enumerate(its.boxes[i].tolist()):
            right = GREEN if best == 0 else VERMILION
            colour, width = (right, 3.0) if k == best else ("white", 1.0)
            ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=width))
            ax.text(x1, y1 - 2, f"{float(its.scores[query][i, k]):.2f}", color="white", fontsize=8)
    return fig
