"""Chapter 13, part a: the figures of words, sounds and pictures in one space.

Shapes: N pictures, D the joint space, K concepts or classes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch13.unit_study import CONCEPTS
from lecture_utils.data.toyworld.language.captioned import Captioned
from lecture_utils.data.toyworld.senses import sensed
from lecture_utils.data.toyworld.sound import RATE, impact, shake
from lecture_utils.explain.pca import fit_pca
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION

SECONDS = 0.4  # of sound


def senses_figure(some: Captioned, title: str) -> Figure:
    """Draw one scene as words, picture, sound, depth, and what a sensor on the walker's head feels."""
    its = sensed(some)
    fig = Figure(figsize=(9.2, 2.5), layout="constrained")
    axes = fig.subplots(1, 5, width_ratios=(1.15, 1, 1.2, 1, 1.2))
    words = bare(axes[0], "words")
    words.text(0.5, 0.5, some.text[0].replace(" on ", "\non ").replace(" under ", "\nunder "),
               ha="center", va="center", fontsize=10, style="italic", transform=words.transAxes)  # fmt: skip
    bare(axes[1], "picture").imshow(to_image(some.image[0]), interpolation="nearest")
    wave = impact(some.scenes[:1], SECONDS)[0].numpy()
    axes[2].plot(np.arange(len(wave)) / RATE, wave, color=BLUE, linewidth=0.6)
    axes[2].set_title("struck: sound", fontsize=11)
    bare(axes[3], "depth").imshow(its.depth[0, 0].numpy(), cmap="viridis", interpolation="nearest")
    felt = shake(some.scenes[:1], 2.0)[0].numpy()
    for row, colour in zip(felt[:3], (BLUE, ORANGE, GREEN), strict=True):
        axes[4].plot(np.linspace(0, 2, felt.shape[1]), row - row.mean(), color=colour, linewidth=0.8)
    axes[4].set_title("walked past: shake", fontsize=11)
    for ax, label in ((axes[2], "seconds"), (axes[4], "seconds")):
        ax.set_yticks([])
        ax.set_xlabel(label, fontsize=9)
        ax.tick_params(labelsize=8)
        ax.grid(visible=False)
    fig.suptitle(title)
    return fig


def plane_figure(
    vectors: Tensor, words: Sequence[str], pairs: Sequence[tuple[str, str]], title: str
) -> Figure:
    """Draw pairs of words on the plane of their two principal axes, an arrow from the first to the second."""
    rows = [words.index(word) for pair in pairs for word in pair]
    chosen = vectors[rows]
    pca = fit_pca(chosen, 2)
    flat = pca.transform(chosen).numpy().reshape(len(pairs), 2, 2)
    fig = Figure(figsize=(8, 4), layout="constrained")
    ax = fig.subplots()
    for (first, second), (start, end) in zip(pairs, flat, strict=True):
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": QUIET, "lw": 1.2})
        for word, at, colour in ((first, start, BLUE), (second, end, VERMILION)):
            ax.plot(*at, "o", color=colour, markersize=4)
            ax.annotate(word, at, (3, 3), textcoords="offset points", fontsize=9, color=INK)
    ax.set(xlabel="first principal axis", ylabel="second")
    ax.set_title(title)
    return fig


def scores_figure(images: Tensor, texts: Sequence[str], scores: Tensor, title: str) -> Figure:
    """Draw pictures, and under each the scores (N, K) of all texts, the largest dark."""
    count, options = scores.shape
    fig = Figure(figsize=(1.45 * count + 2.6, 1.6 + 0.28 * options), layout="constrained")
    axes = fig.subplots(2, count, height_ratios=(1.5, 0.3 * options), squeeze=False)
    for i in range(count):
        bare(axes[0, i]).imshow(to_image(images[i]), interpolation="nearest")
        ax, values = axes[1, i], scores[i].numpy()
        colours = [BLUE if k == values.argmax() else "#BFD5E5" for k in range(options)]
        ax.barh(range(options), values, color=colours, height=0.72)
        ax.set(ylim=(options - 0.5, -0.5), xlim=(0, max(1e-6, float(scores.max())) * 1.05), xticks=[])
        ax.set_yticks(range(options), list(texts) if i == 0 else [""] * options, fontsize=9)
        ax.tick_params(length=0)
        ax.grid(visible=False)
    fig.suptitle(title)
    return fig


def ranked_figure(images: Tensor, queries: Sequence[str], order: Tensor, right: Tensor, title: str) -> Figure:
    """Draw for each query its nearest pictures (Q, R) in order, framed where they are right (Q, R) bool."""
    rows, columns = order.shape
    fig = Figure(figsize=(1.15 * columns + 2.6, 1.22 * rows + 0.4), layout="constrained")
    axes = fig.subplots(rows, columns + 1, width_ratios=[2.3] + [1.15] * columns, squeeze=False)
    for row in range(rows):
        label = bare(axes[row, 0])
        label.text(1, 0.5, queries[row], ha="right", va="center", fontsize=10, transform=label.transAxes)
        for column in range(columns):
            ax = bare(axes[row, column + 1])
            ax.imshow(to_image(images[int(order[row, column])]), interpolation="nearest")
            colour = GREEN if right[row, column] else VERMILION
            for spine in ax.spines.values():
                spine.set(visible=True, color=colour, linewidth=2.4)
    fig.suptitle(title)
    return fig


def matrix_figure(cosine: Tensor, title: str) -> Figure:
    """Draw cosines of pictures, down, with captions, across (N, N)."""
    fig = Figure(figsize=(4.6, 4.0), layout="constrained")
    ax = fig.subplots()
    drawn = ax.imshow(cosine.numpy(), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    ax.set(xlabel="captions", ylabel="pictures", xticks=[], yticks=[])
    ax.grid(visible=False)
    fig.colorbar(drawn, ax=ax, shrink=0.8, label="cosine")
    fig.suptitle(title)
    return fig


def units_figure(units: Tensor, scores: Tensor, chance: Tensor, title: str) -> Figure:
    """Draw each concept's best unit (K,) by its selectivity (K,) beside that of turned axes (turns, K)."""
    order = scores.argsort(descending=True)
    fig = Figure(figsize=(9, 3.6), layout="constrained")
    ax = fig.subplots()
    places = np.arange(len(order))
    ax.bar(places, scores[order].numpy(), color=BLUE, width=0.6, label="best unit")
    low, high = chance[:, order].numpy().min(0), chance[:, order].numpy().max(0)
    ax.vlines(places, low, high, color=ORANGE, linewidth=5, label="best of arbitrary directions")
    ax.set_xticks(places, [CONCEPTS[i] for i in order.tolist()], rotation=45, ha="right", fontsize=9)
    for place, i in enumerate(order.tolist()):
        ax.text(place, 0.02, str(int(units[i])), ha="center", fontsize=8, color="white")
    ax.set(ylim=(0, 1), ylabel="selectivity in both senses")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=9)
    ax.set_title(title)
    return fig


def firing_figure(answers: Mapping[str, tuple[Tensor, Tensor]], title: str) -> Figure:
    """Draw how strongly one unit answers: for each sense, with the concept and without, as two histograms."""
    fig = Figure(figsize=(8, 2.8), layout="constrained")
    axes = fig.subplots(1, len(answers), sharex=True)
    for ax, (name, (with_it, without)) in zip(np.atleast_1d(axes), answers.items(), strict=True):
        both = torch.cat([with_it, without])
        bins = np.linspace(float(both.min()), float(both.max()), 30)
        ax.hist(without.numpy(), bins, color=QUIET, alpha=0.6, density=True, label="without")
        ax.hist(with_it.numpy(), bins, color=BLUE, alpha=0.7, density=True, label="with the concept")
        ax.set(yticks=[], xlabel="answer of the unit")
        ax.set_title(name, fontsize=11)
        ax.legend(frameon=False, fontsize=9)
        ax.grid(visible=False)
    fig.suptitle(title)
    return fig
