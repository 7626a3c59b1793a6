"""Chapter 15: figures of auto-encoders and VAEs: codes, decoded noise, the plane, what a latent number does.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N pictures, Z latent numbers, K samples, C colours, S side.
"""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.distributions import Normal

from lecture_utils.chapters.ch15.latent_study import Units
from lecture_utils.generative.vae import VAE
from lecture_utils.metrics.psnr import psnr
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.sheets import mosaic
from lecture_utils.plotting.style import BLUE, HAIRLINE, INK, ORANGE, QUIET, label_palette
from lecture_utils.recipes import _latent

__all__ = [
    "blur_figure",
    "plane_figure",
    "reconstructions_figure",
    "rows_figure",
    "traversal_figure",
    "units_figure",
    "widths_figure",
]


def titled(width: float, height: float, title: str) -> Figure:
    """A figure with its claim on top."""
    fig = Figure(figsize=(width, height), layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def strip(ax: Axes, images: Tensor, said: str = "") -> None:
    """Put pictures (N, C, S, S) in a row on an axes, with what is said at its left."""
    sheet = mosaic(images, len(images))
    bare(ax).imshow(sheet, interpolation="nearest")
    if said:
        ax.text(
            -0.015 * sheet.shape[1], sheet.shape[0] / 2, said, ha="right", va="center", fontsize=9, color=INK
        )


def rows_figure(rows: Mapping[str, Tensor], title: str, *, width: float = 8.5, left: float = 1.6) -> Figure:
    """Draw rows of pictures, each with its name at the left: a walk, samples above their nearest pictures.

    Parameters
    ----------
    rows : mapping
        Name → (N, C, S, S) in [0, 1]; N the same for all.
    title : str
    width, left : float
        Inches of the figure, and of what is kept for the names.
    """
    first = next(iter(rows.values()))
    side = (width - left) / len(first)
    fig = Figure(figsize=(width, side * len(rows) + 0.5))
    fig.set_layout_engine("none")
    height = float(fig.get_figheight())
    fig.text(0.01, 1 - 0.2 / height, title, fontsize=11, va="center", color=INK)
    for row, (name, images) in enumerate(rows.items()):
        bottom = 1 - (0.45 + (row + 1) * side) / height
        ax = fig.add_axes((left / width, bottom, 1 - (left + 0.05) / width, 0.95 * side / height))
        strip(ax, images.clamp(0, 1), name)
    return fig


def reconstructions_figure(models: Mapping[str, nn.Module], x: Tensor, title: str) -> Figure:
    """Draw pictures (N, C, S, S), and what each model makes of them, with its mean PSNR over them."""
    rows = {"picture": x}
    for name, model in models.items():
        made = _latent.reconstructed(model, x)
        rows[f"{name}\n{psnr(made, x).mean().item():.1f} dB"] = made
    return rows_figure(rows, title)


def widths_figure(points: Mapping[int, Mapping[str, float]], title: str) -> Figure:
    """Draw PSNR over the width of the code: `points` is width → {"auto-encoder": dB, "PCA": dB}."""
    fig = titled(7.0, 3.2, title)
    ax = fig.subplots()
    widths = sorted(points)
    for name, hue in (("auto-encoder", ORANGE), ("PCA", QUIET)):
        ax.plot(range(len(widths)), [points[w][name] for w in widths], "o-", color=hue, label=name)
    ax.set_xticks(range(len(widths)), [str(w) for w in widths])
    ax.set(xlabel="numbers in the code (a digit has 64 pixels)", ylabel="PSNR of test digits, dB")
    ax.legend(frameon=False)
    return fig


# --- the plane of two latent numbers --------------------------------------------------------------------
def scatter(ax: Axes, codes: Tensor, labels: Tensor, reach: float) -> None:
    """Draw encoded digits (N, 2) as points in their class's colour, each class named at its middle."""
    colours = label_palette(10)
    for digit in range(10):
        own = codes[labels == digit]
        ax.scatter(own[:, 0], own[:, 1], s=10, color=colours[digit], linewidths=0)
        x, y = own.median(0).values.tolist()
        box = {"boxstyle": "circle,pad=0.15", "color": "white", "alpha": 0.85}
        ax.text(x, y, str(digit), ha="center", va="center", fontsize=10, color=INK, weight="bold", bbox=box)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="z₁", ylabel="z₂", aspect="equal")
    ax.grid(False)


def plane_figure(model: VAE, images: Tensor, labels: Tensor, title: str, *, side: int = 13) -> Figure:
    """Draw encoded digits on the plane, and beside it the decoded plane.

    The grid's places are equally likely under the prior: at the quantiles of a standard normal, so that each
    shown digit stands for the same share of what is sampled.
    """
    fig = titled(8.5, 4.5, title)
    left, right = fig.subplots(1, 2)
    scatter(left, _latent.codes(model, images), labels, 3.0)
    left.set_title("300 test digits, by class", fontsize=10, loc="left")
    places = Normal(0.0, 1.0).icdf((torch.arange(side) + 0.5) / side)  # (side,)
    z = torch.stack(torch.meshgrid(places, places.flip(0), indexing="xy"), dim=-1)  # top row: large z₂
    bare(right).imshow(mosaic(_latent.decoded(model, z.reshape(-1, 2)), side), interpolation="nearest")
    right.set_title("what the decoder makes of the plane", fontsize=10, loc="left")
    return fig


# --- what a latent number carries -----------------------------------------------------------------------
def units_figure(said: Mapping[str, Units], title: str) -> Figure:
    """Draw the divergence of each latent number, largest first, for one or more models, in nats."""
    fig = titled(8.5, 2.9, title)
    axes = fig.subplots(1, len(said), squeeze=False, sharey=True)[0]
    for ax, (name, one) in zip(axes, said.items(), strict=True):
        kl = one.kl.sort(descending=True).values
        alive = kl > _latent.ACTIVE
        ax.bar(range(len(kl)), kl.tolist(), color=[BLUE if on else HAIRLINE for on in alive.tolist()])
        ax.set(xlabel="latent number, by rank", xlim=(-0.7, len(kl) - 0.3))
        ax.set_title(
            f"{name}: {int(alive.sum())} of {len(kl)} carry more than {_latent.ACTIVE:g}\n"
            f"PSNR {one.psnr:.1f} dB, with another's code {one.psnr_shuffled:.1f} dB",
            fontsize=9.5, loc="left",
        )  # fmt: skip
    axes[0].set_ylabel("KL, nats")
    return fig


def traversal_figure(made: Tensor, names: Sequence[str], values: Sequence[float], title: str) -> Figure:
    """Draw `latent_study.traversal`'s pictures (units, values, C, S, S), a row for each latent number."""
    fig = rows_figure(dict(zip(names, made, strict=True)), title, left=1.2)
    for place, value in enumerate(values):
        at = 1.2 / 8.5 + (1 - 1.25 / 8.5) * (place + 0.5) / len(values)
        fig.text(
            at,
            1 - 0.38 / fig.get_figheight(),
            f"{value:g}",
            ha="center",
            va="center",
            fontsize=9,
            color=QUIET,
        )
    return fig


def blur_figure(parts: tuple[Tensor, Tensor, Tensor], title: str) -> Figure:
    """Draw `latent_study.unsure`: what was decoded, the pictures that share its code, and their mean."""
    made, near, mean = parts
    count = len(near)
    fig = titled(9.0, 1.5, title)
    axes = fig.subplots(1, count + 2)
    for i, (ax, image) in enumerate(zip(axes, [made, *near, mean], strict=True)):
        bare(ax).imshow(to_image(image.clamp(0, 1)), interpolation="nearest")
        said = "decoded" if i == 0 else "their mean" if i == count + 1 else f"near {i}"
        ax.set_title(said, fontsize=9, loc="center", color=INK if i in (0, count + 1) else QUIET)
    return fig
