"""Chapter 15: figures of Pix2Pix: objectives side by side, patches, skips, noise, failures, super-resolution.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N maps or pictures, S their side.
"""

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch15.pix2pix_study import FLAT, odd_maps
from lecture_utils.data import toyworld
from lecture_utils.generative.pix2pix.generator import Generator
from lecture_utils.generative.pix2pix.patchgan import patch_field
from lecture_utils.plotting.annotations import semantic_image
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.sheets import mosaic
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION
from lecture_utils.recipes._translated import OBJECT, Pairs, outputs
from lecture_utils.recipes.scenes_pix2pix_arms import Gallery, enlarged

COLOURS = {"L1": QUIET, "GAN": VERMILION, "cGAN": ORANGE, "L1 + GAN": GREEN, "L1 + cGAN": BLUE}

LONGER = "L1 + cGAN,\ntrained longer"  # the shipped generator


def map_pictures(labels: Tensor) -> Tensor:
    """Label maps (N, S, S) in flat colours, stuff in pale tones: (N, 3, S, S)."""
    flat = [torch.as_tensor(semantic_image(part, len(toyworld.STUFF))) for part in labels]
    return torch.stack(flat).movedim(-1, 1).float()


def rows_figure(rows: Mapping[str, Tensor], title: str, *, width: float = 8.4, left: float = 1.25) -> Figure:
    """Draw rows of as many pictures (N, 3, S, S) each, under one another, each named at its left."""
    count = len(next(iter(rows.values())))
    side = (width - left) / count
    fig = Figure(figsize=(width, side * len(rows) + 0.5))
    fig.set_layout_engine("none")
    height = float(fig.get_figheight())
    fig.text(0.01, 1 - 0.2 / height, title, fontsize=11, va="center", color=INK)
    for i, (name, images) in enumerate(rows.items()):
        low = (side * (len(rows) - 1 - i) + 0.05) / height
        ax = fig.add_axes((left / width, low, 1 - left / width - 0.005, (side - 0.06) / height))
        bare(ax).imshow(mosaic(images, count), interpolation="nearest")
        fig.text(
            (left - 0.12) / width,
            low + side / 2 / height,
            name,
            ha="right",
            va="center",
            fontsize=9.5,
            color=INK,
        )
    return fig


def sheet_figure(model: Generator, pairs: Pairs, title: str, *, seed: int = 0) -> Figure:
    """Draw label maps, what a generator makes of them, and the pictures that they were read from."""
    made = outputs(model, pairs.labels, seed=seed)
    rows = {"label map": map_pictures(pairs.labels), "generated": made, "real": pairs.image}
    return rows_figure(rows, title)


def arms_figure(gallery: Gallery, model: Generator, count: int = 8) -> Figure:
    """Draw the same maps as five objectives paint them (the paper's figure 4), then the shipped model."""
    rows = {"label map": map_pictures(gallery.maps())}
    rows |= {name: gallery.pictures(name) for name in COLOURS}
    rows |= {LONGER: outputs(model, gallery.maps()), "real": gallery.pictures("real")}
    return rows_figure(
        {name: images[:count] for name, images in rows.items()},
        "One generator, five objectives: the same maps",
    )


def patches_figure(gallery: Gallery, count: int = 8) -> Figure:
    """Draw what discriminators with patches of 1, 16 and 34 pixels let pass (the paper's figure 6)."""
    shown = {"1 × 1": "1 × 1", "L1 + cGAN": f"{patch_field(1)} × {patch_field(1)}", "34 × 34": "34 × 34"}
    rows = {"label map": map_pictures(gallery.maps())}
    rows |= {f"patch {said}": gallery.pictures(name) for name, said in shown.items()}
    rows["real"] = gallery.pictures("real")
    return rows_figure(
        {name: images[:count] for name, images in rows.items()}, "The patch that one score sees, in pixels"
    )


def skips_figure(gallery: Gallery, count: int = 8) -> Figure:
    """Draw what the generator makes with its skips and without them (the paper's figure 5)."""
    rows = {
        "label map": map_pictures(gallery.maps()),
        "without skips": gallery.pictures("no skips"),
        "with skips": gallery.pictures("L1 + cGAN"),
        "real": gallery.pictures("real"),
    }
    return rows_figure(
        {name: images[:count] for name, images in rows.items()},
        "All through the bottleneck, or handed across",
    )


def sharpened_figure(gallery: Gallery, count: int = 8) -> Figure:
    """Draw super-resolution as conditional generation: 8 × 8 pixels, and what two objectives make of them."""
    sharp = gallery.pictures("sharp")
    rows = {
        "8 × 8, enlarged": enlarged(sharp),
        "L1": gallery.pictures("sharpened L1"),
        "L1 + cGAN": gallery.pictures("sharpened L1 + cGAN"),
        "real, 32 × 32": sharp,
    }
    return rows_figure(
        {name: images[:count] for name, images in rows.items()}, "Sixteen pixels from each one"
    )


def flat_figure(painted: Mapping[str, Tensor]) -> Figure:
    """Draw the colours (3, 3) that generators paint for three grounds, in a row each, under the real ones."""
    fig = Figure(figsize=(5.2, 0.62 * (len(painted) + 1) + 0.45), layout="constrained")
    rows = {"real": FLAT, **painted}
    for axes, (name, colours) in zip(fig.subplots(len(rows), 3), rows.items(), strict=True):
        for ax, ground, colour in zip(axes, toyworld.STUFF[1:], colours, strict=True):
            bare(ax, ground if name == "real" else None).imshow(
                colour.clamp(0, 1)[None, None].numpy(), aspect="auto"
            )
        axes[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9.5)
    fig.suptitle("The input names the ground; the game alone, without L1", x=0.01, ha="left", fontsize=11)
    return fig


def noise_figure(model: Generator, labels: Tensor, draws: int = 6) -> Figure:
    """Draw what a generator makes of one map (S, S) with other dropout, and how much each pixel varies."""
    made = torch.cat([outputs(model, labels[None], seed=seed) for seed in range(draws)])  # (draws, 3, S, S)
    spread = made.std(dim=0).mean(dim=0)  # (S, S)
    fig = Figure(figsize=(8.4, 1.75), layout="constrained")
    first, *others, last = fig.subplots(1, draws + 2)
    bare(first, "label map").imshow(
        map_pictures(labels[None])[0].movedim(0, -1).numpy(), interpolation="nearest"
    )
    for i, (ax, image) in enumerate(zip(others, made, strict=True)):
        bare(ax, f"noise {i + 1}").imshow(mosaic(image[None], 1), interpolation="nearest")
    shown = bare(last, "deviation").imshow(
        spread.numpy(), cmap="viridis", vmin=0, vmax=0.25, interpolation="nearest"
    )
    fig.colorbar(shown, ax=last, shrink=0.6)
    return fig


def failures_figure(model: Generator) -> Figure:
    """Draw hand-made label maps that training never met, and what the generator makes of them."""
    maps = odd_maps()
    labels = torch.stack(list(maps.values()))
    fig = Figure(figsize=(8.4, 3.3), layout="constrained")
    top, bottom = fig.subplots(2, len(maps))
    made = outputs(model, labels)
    for i, name in enumerate(maps):
        bare(top[i], name).imshow(
            map_pictures(labels[i : i + 1])[0].movedim(0, -1).numpy(), interpolation="nearest"
        )
        bare(bottom[i]).imshow(mosaic(made[i : i + 1], 1), interpolation="nearest")
    return fig


def statistics_figure(model: Generator, stored: Generator, pairs: Pairs) -> Figure:
    """Draw what a generator makes by each picture's own statistics, and by stored ones."""
    rows = {
        "label map": map_pictures(pairs.labels),
        "its own": outputs(model, pairs.labels),
        "stored": outputs(stored, pairs.labels),
        "real": pairs.image,
    }
    return rows_figure(rows, "Normalised by the picture's own statistics, or by stored ones")


def colours_figure(gallery: Gallery, model: Generator) -> Figure:
    """Draw how far from grey the objects' pixels are, by objective (after the paper's figure 7)."""
    on_objects = gallery.maps() >= OBJECT  # (N, S, S)
    fig = Figure(figsize=(7.6, 3.0), layout="constrained")
    ax = fig.subplots()
    shown = {
        "L1": (QUIET, gallery.pictures("L1")),
        LONGER.replace("\n", " "): (BLUE, outputs(model, gallery.maps())),
        "real": (INK, gallery.pictures("real")),
    }
    for name, (colour, images) in shown.items():
        away = (images.amax(1) - images.amin(1))[on_objects]
        share = torch.histc(away, 20, 0, 1) / len(away)
        ax.stairs(share.numpy(), torch.linspace(0, 1, 21).numpy(), color=colour, linewidth=2, label=name)
    ax.set(xlabel="distance from grey: largest of R, G, B minus smallest", ylabel="share of objects' pixels")
    ax.legend(fontsize=9)
    ax.set_title("L1 alone paints objects grey: the map does not tell their colour", loc="left", fontsize=11)
    return fig


def objectives_figure(record: Any) -> Figure:
    """Draw C15.2: detail, agreement with the map and Fréchet distance of each objective, one dot a seed."""
    fig = Figure(figsize=(8.6, 3.0), layout="constrained")
    shown = {
        "detail": ("detail, share of the real", 1.0),
        "agreement": ("pixels that agree with the map", None),
        "frechet": ("Fréchet distance to the real", None),
    }
    for ax, (figure, (said, real)) in zip(fig.subplots(1, 3), shown.items(), strict=True):
        for place, (arm, colour) in enumerate(COLOURS.items()):
            values = [figures["arms"][arm][figure] for figures in record.figures]
            ax.plot([place] * len(values), values, "o", color=colour, alpha=0.8, markeredgecolor="white")
        limit(ax, record, figure, real)
        ax.set_xticks(range(len(COLOURS)), [name.replace(" + ", " +\n") for name in COLOURS], fontsize=8)
        ax.set_title(said, loc="left", fontsize=9.5)
    fig.suptitle(
        f"{record.id} {'holds' if record.holds else 'not reproduced'}: five objectives, three seeds",
        fontsize=11,
    )
    return fig


def limit(ax: Axes, record: Any, figure: str, real: float | None) -> None:
    """Draw a dashed line at what real pictures get, mean over the seeds."""
    if real is None:
        values = [figures["real"][figure] for figures in record.figures]
        real = sum(values) / len(values)
    ax.axhline(real, color=INK, linestyle=":", linewidth=1.2)
    ax.text(len(COLOURS) - 0.85, real, "real", fontsize=8, ha="right", va="bottom", color=INK)
