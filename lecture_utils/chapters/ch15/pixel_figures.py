"""Chapter 15: figures of PixelCNN and PixelRNN: masks, what a pixel sees, bits, completions.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N digits, K completions of each, L levels, H × W picture.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.chapters.ch15.pixel_study import entropy
from lecture_utils.generative.pixel.masked_convolution import Kind, MaskMaker, pixel_mask
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import BLUE, GREEN, HAIRLINE, INK, ORANGE, QUIET, SKY, VERMILION
from lecture_utils.recipes._digits_pixels import LEVELS

__all__ = [
    "bits_figure",
    "bits_map_figure",
    "colour_mask_figure",
    "completions_figure",
    "draw_levels",
    "drawing_figure",
    "field_figure",
    "masks_figure",
    "next_pixel_figure",
]

SEEN = LinearSegmentedColormap.from_list("seen", ["white", BLUE])
KINDS: tuple[Kind, Kind] = ("A", "B")


def grid(ax: Axes, height: int, width: int, colour: str = HAIRLINE) -> None:
    """Lines between the cells of a map."""
    for y in range(height + 1):
        ax.plot([-0.5, width - 0.5], [y - 0.5] * 2, color=colour, linewidth=0.7, zorder=2)
    for x in range(width + 1):
        ax.plot([x - 0.5] * 2, [-0.5, height - 0.5], color=colour, linewidth=0.7, zorder=2)


def frame(ax: Axes, row: int, column: int, colour: str = ORANGE) -> None:
    """A thick frame around one cell."""
    cell = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=colour, linewidth=2.5, zorder=4)
    ax.add_patch(cell)


def masks_figure(size: int = 5, mask: MaskMaker = pixel_mask, title: str = "") -> Figure:
    """Draw the kernels of kind A and B for grey pictures: blue is what is seen, framed the pixel itself."""
    fig = Figure(figsize=(5.6, 3.1), layout="constrained")
    for ax, kind in zip(fig.subplots(1, 2), KINDS, strict=True):
        seen = mask(kind, size, 1, 1, 1)[0, 0]  # (k, k)
        bare(ax).imshow(seen.float().numpy(), cmap=SEEN, vmin=0, vmax=1.3)
        for y, x in np.ndindex(size, size):
            shown = int(seen[y, x])
            ax.text(x, y, str(shown), ha="center", va="center", color="white" if shown else QUIET)
        grid(ax, size, size)
        frame(ax, size // 2, size // 2)
        ax.set_title(f"kind {kind}: {'first layer' if kind == 'A' else 'all later layers'}", fontsize=10)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def colour_mask_figure(mask: MaskMaker = pixel_mask, title: str = "") -> Figure:
    """Draw what each colour sees of each colour at the pixel itself, of kind A and B."""
    names = ["red", "green", "blue"]
    fig = Figure(figsize=(5.8, 3.0), layout="constrained")
    for ax, kind in zip(fig.subplots(1, 2), KINDS, strict=True):
        seen = mask(kind, 1, 3, 3, 3)[:, :, 0, 0]  # (O, I)
        ax.imshow(seen.float().numpy(), cmap=SEEN, vmin=0, vmax=1.3)
        for o, i in np.ndindex(3, 3):
            ax.text(
                i, o, str(int(seen[o, i])), ha="center", va="center", color="white" if seen[o, i] else QUIET
            )
        ax.set_xticks(range(3), names)
        ax.set_yticks(range(3), names)
        ax.grid(visible=False)
        ax.tick_params(length=0)
        grid(ax, 3, 3)
        ax.set(xlabel="what is seen", ylabel="what is told")
        ax.set_title(f"kind {kind}", fontsize=10)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def field_figure(seen: Mapping[str, Tensor], row: int, column: int, title: str = "") -> Figure:
    """Draw what one pixel's distribution depends on.

    Parameters
    ----------
    seen : mapping of name to Tensor (H, W)
        From `influence`, of one colour: above 0 where something comes through.
    row, column : int
        The pixel that is told: framed. Earlier pixels that it does not see are vermilion, later ones grey.
    title : str
        Above all.
    """
    fig = Figure(figsize=(0.2 + 2.8 * len(seen), 3.3), layout="constrained")
    for ax, (name, strength) in zip(np.atleast_1d(fig.subplots(1, len(seen))), seen.items(), strict=True):
        height, width = strength.shape
        order = torch.arange(height * width).view(height, width)
        earlier = order < row * width + column
        picture = np.ones((height, width, 3))
        picture[~earlier.numpy()] = 0.9
        picture[(earlier & (strength > 0)).numpy()] = SEEN(0.7)[:3]
        picture[(earlier & (strength == 0)).numpy()] = (0.91, 0.6, 0.45)
        picture[(~earlier & (strength > 0)).numpy()] = (0, 0, 0)  # a leak
        bare(ax).imshow(picture)
        grid(ax, height, width, "white")
        frame(ax, row, column)
        blind = int((earlier & (strength == 0)).sum())
        leaks = int((~earlier & (strength > 0)).sum())
        said = f"{name}\nblind to {blind} of {int(earlier.sum())}"
        ax.set_title(said + (f", {leaks} leaks" if leaks else ""), fontsize=10, loc="left")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def draw_levels(ax: Axes, image: Tensor, known: int | None = None) -> None:
    """Draw levels (H, W), ink bright; a pale cell where they are not known: after the first `known`."""
    height, width = image.shape
    picture = np.repeat(image.numpy()[..., None] / (LEVELS - 1), 3, axis=2).astype(float)
    if known is not None:
        picture.reshape(-1, 3)[known:] = (0.87, 0.92, 0.97)
    bare(ax).imshow(picture, vmin=0, vmax=1)
    if known is not None and known < height * width:
        frame(ax, known // width, known % width)


def drawing_figure(image: Tensor, stops: Sequence[int] = (0, 16, 27, 36, 48, 64), title: str = "") -> Figure:
    """Draw pictures (N, H, W) as they come about, a row each: after so many pixels."""
    fig = Figure(figsize=(8.4, 1.45 * len(image) + 0.6), layout="constrained")
    axes = fig.subplots(len(image), len(stops), squeeze=False)
    for line, one in zip(axes, image, strict=True):
        for ax, known in zip(line, stops, strict=True):
            draw_levels(ax, one, known)
            if line is axes[0]:
                ax.set_title(f"{known} pixels", fontsize=10, loc="center")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def completions_figure(image: Tensor, drawn: Tensor, rows: int = 4, title: str = "") -> Figure:
    """Draw the given rows of digits (N, 1, H, W), completions (N, K, 1, H, W), and the digits themselves."""
    n, k = drawn.shape[:2]
    fig = Figure(figsize=(0.95 * (k + 2), 0.95 * n + 0.7), layout="constrained")
    axes = fig.subplots(n, k + 2, squeeze=False)
    for i, line in enumerate(axes):
        draw_levels(line[0], image[i, 0], rows * image.shape[3])
        for ax, one in zip(line[1:], [*drawn[i, :, 0], image[i, 0]], strict=True):
            draw_levels(ax, one)
    for ax, text in ((axes[0, 0], "given"), (axes[0, 1], "drawn"), (axes[0, -1], "written")):
        ax.set_title(text, fontsize=10, loc="left")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def bits_figure(bits: Mapping[str, float], title: str = "") -> Figure:
    """Draw bits per dimension as bars, the networks' in blue, what comes before them in grey."""
    fig = Figure(figsize=(7.2, 0.42 * len(bits) + 1.0), layout="constrained")
    ax = fig.subplots()
    values = list(bits.values())
    colours = [BLUE if name.startswith("Pixel") else SKY for name in bits]
    ax.barh(range(len(bits)), values, color=colours, height=0.7)
    for i, value in enumerate(values):
        ax.text(value + 0.05, i, f"{value:.2f}", va="center", color=INK)
    ax.set_yticks(range(len(bits)), list(bits))
    ax.set(
        ylim=(len(bits) - 0.4, -0.6), xlim=(0, max(values) * 1.12), xlabel="bits for a pixel: less is better"
    )
    ax.grid(visible=False, axis="y")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def bits_map_figure(maps: Mapping[str, Tensor], title: str = "") -> Figure:
    """Draw what each pixel costs, maps (H, W) in bits, on one scale."""
    top = max(float(bits.max()) for bits in maps.values())
    fig = Figure(figsize=(0.4 + 3.6 * len(maps), 3.9), layout="constrained")
    for ax, (name, bits) in zip(np.atleast_1d(fig.subplots(1, len(maps))), maps.items(), strict=True):
        bare(ax).imshow(bits.numpy(), cmap="cividis", vmin=0, vmax=top)
        for y, x in np.ndindex(*bits.shape):
            value = float(bits[y, x])
            ax.text(x, y, f"{value:.1f}", ha="center", va="center", fontsize=8,
                    color=INK if value > 0.6 * top else "white")  # fmt: skip
        ax.set_title(f"{name}: {float(bits.mean()):.2f} bits on average", fontsize=10, loc="left")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def next_pixel_figure(image: Tensor, logits: Tensor, at: int) -> Figure:
    """Draw what is seen of a digit (H, W) before pixel number `at`, and how likely each level of it is.

    Parameters
    ----------
    image : Tensor (H, W)
        Levels.
    logits : Tensor (L, H, W)
        Of all pixels.
    at : int
        0 to H·W - 1, in reading order.
    """
    width, height = 8.2, 3.1
    row, column = divmod(at, image.shape[1])
    p = logits[:, row, column].softmax(0)  # (L,)
    level = int(image[row, column])
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    side = 2.5
    for left, known in ((0.1, at), (0.2 + side, None)):
        ax = fig.add_axes((left / width, 0.1 / height, side / width, side / height))
        draw_levels(ax, image, known)
    frame(ax, row, column)
    ax = fig.add_axes((5.75 / width, 0.5 / height, (width - 5.9) / width, 2.1 / height))
    colours = [GREEN if i == level else BLUE for i in range(len(p))]
    ax.bar(range(len(p)), p.tolist(), color=colours, width=0.8)
    top = 1.0 if float(p.max()) > 0.4 else 0.4
    ax.set(ylim=(0, top), xlabel="level: 0 paper (black), 16 ink", xticks=[0, 4, 8, 12, 16])
    ax.grid(visible=False, axis="x")
    doubt = float(entropy(logits[:, row, column]))
    cost = -float(p[level].log2())
    for x, text, colour in (
        (0.1, f"seen: {at} of {image.numel()} pixels", INK),
        (0.2 + side, "the digit", INK),
        (5.4, f"doubt {doubt:.2f} bits", BLUE),
        (7.0, f"cost {cost:.2f} bits", GREEN if cost < 4.09 else VERMILION),
    ):
        fig.text(x / width, 1 - 0.3 / height, text, fontsize=10.5, color=colour)
    return fig
