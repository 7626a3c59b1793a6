"""Sampling explorer: how many samples, filtered before or not, at how many bits; and what is lost."""

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.style import PALETTE
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import PHOTOGRAPH_SIZE, grey_photograph
from lecture_utils.widgets.widget import Widget

ZONE_PLATE = "zone plate"
FINEST = 16  # waves a side at the zone plate's border
ROW_PART = 0.4  # the share of a row that is drawn as a curve
_TOUR = (
    (
        ZONE_PLATE,
        24,
        False,
        8,
        "24 samples carry 12 waves: near the border appear rings that are not in the scene.",
    ),
    (
        ZONE_PLATE,
        16,
        False,
        8,
        "16 samples: false rings everywhere; nothing in the samples tells them from real ones.",
    ),
    (
        ZONE_PLATE,
        16,
        True,
        8,
        "The mean over each pixel before sampling: rings that are too fine fade instead of lying.",
    ),
    (
        ZONE_PLATE,
        208,
        False,
        8,
        "208 samples a side carry up to 104 waves: the rings, at most 16, come out right.",
    ),
    (
        "astronaut",
        48,
        False,
        8,
        "A photograph at 48 samples without a filter: jagged edges, broken fine lines.",
    ),
    ("astronaut", 48, True, 8, "With the filter: soft, but every pixel stands for its whole square."),
    ("astronaut", 208, True, 3, "3 bits, 8 levels: faint bands where the brightness changes slowly."),
    (
        "astronaut",
        208,
        True,
        1,
        "1 bit, 2 levels: what is left of a picture when each sample may only say yes or no.",
    ),
)


def sample_and_round(picture: str, samples: int, low_pass: bool, bits: int) -> Figure:
    """Sample a continuous scene, round the samples, and draw scene, image and a part of one row side by side.

    Parameters
    ----------
    picture : str
        "zone plate" or a name in `lecture_utils.data.photographs`.
    samples : int
        A side.
    low_pass : bool
        Take the mean over each pixel's square, not the value at its centre.
    bits : int
        1 to 8, for each sample.

    Returns
    -------
    Figure
    """
    from lecture_utils.imaging.formation import quantise, sample
    from lecture_utils.widgets.layouts import PHOTOGRAPH_SIZE, three_panels

    image = sample(scene_of(picture), samples, low_pass=low_pass, subsamples=4)  # (samples, samples)
    image = quantise(image.clamp(0, 1), bits)
    scene = truth(picture, PHOTOGRAPH_SIZE)  # (S, S)
    fine = truth(picture, 3 * PHOTOGRAPH_SIZE)  # (3S, 3S)
    held = F.interpolate(image[None, None], size=fine.shape, mode="nearest")[
        0, 0
    ]  # each sample fills its square
    error = (held - fine).square().mean().sqrt()

    fig, (left, middle, right) = three_panels(captioned=True)
    left.imshow(scene.numpy(), cmap="gray", vmin=0, vmax=1)
    left.set_title("scene")
    middle.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
    middle.set_title(f"{samples}×{samples}, {bits} bit" + "s" * (bits > 1))
    draw_row(right, scene, image)
    right.set_title(f"one row; RMS error {error:.3f}")
    fig.text(0.01, 0.1, limits(picture, samples, bits), fontsize=9.5, va="center", linespacing=1.35)
    return fig


def sampling() -> Widget:
    """Make the sampling explorer: picture, samples a side, low-pass filter, bits.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Sampling and quantisation explorer",
        compute=sample_and_round,
        controls={
            "picture": Choice([ZONE_PLATE, "astronaut", "coffee"], label="scene"),
            "samples": Slider(16, 208, 8, 24, label="samples a side"),
            "low_pass": Choice(
                [("off", False), ("on: mean over each pixel", True)], False, label="low-pass filter"
            ),
            "bits": Slider(1, 8, 1, 8, label="bits a sample"),
        },
        tour=[
            (caption, {"picture": picture, "samples": samples, "low_pass": low_pass, "bits": bits})
            for picture, samples, low_pass, bits, caption in _TOUR
        ],
        trivial={"picture": ZONE_PLATE, "samples": 208, "low_pass": False, "bits": 8},
        alt="A scene, its sampled and rounded image, and part of a row: the scene's curve, the samples.",
    )


def scene_of(picture: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Give a scene: brightness at any place of the unit square. A photograph is read between its pixels."""
    from lecture_utils.imaging.formation import zone_plate

    if picture == ZONE_PLATE:
        return zone_plate(FINEST)
    pixels = grey_photograph(picture, 2 * PHOTOGRAPH_SIZE)  # (1, 1, H, W)

    def brightness(x: Tensor, y: Tensor) -> Tensor:
        places = torch.stack(torch.broadcast_tensors(2 * x - 1, 2 * y - 1), dim=-1)  # (h, w, 2)
        return F.grid_sample(pixels, places[None], padding_mode="border", align_corners=False)[0, 0]

    return brightness


@lru_cache(maxsize=8)
def truth(picture: str, size: int) -> Tensor:
    """Give the scene as a fine image, (size, size)."""
    from lecture_utils.imaging.formation import sample

    return sample(scene_of(picture), size, low_pass=True, subsamples=4)


def draw_row(ax: Axes, scene: Tensor, image: Tensor) -> None:
    """Draw the right part of the middle row: the scene (S, S) as a curve, the image (n, n) as dots."""
    first = 1 - ROW_PART
    for values, style in ((scene, "curve"), (image, "dots")):
        n = len(values)
        x, y = (torch.arange(n) + 0.5) / n, values[n // 2]
        x, y = x[x > first - 0.5 / n], y[x > first - 0.5 / n]
        if style == "curve":
            ax.plot(x.numpy(), y.numpy(), color="#B5B5B5", linewidth=1.5)
        else:
            ax.plot(
                x.numpy(), y.numpy(), "o-", color=PALETTE[5], markersize=4 if n < 100 else 2.5, linewidth=1.1
            )
    ax.set(xlim=(first, 1), ylim=(-0.08, 1.08))
    ax.spines["bottom"].set(visible=True, color="#8A8A8A")
    ax.spines["left"].set(visible=True, color="#8A8A8A")


def limits(picture: str, samples: int, bits: int) -> str:
    """Say what these samples can carry, and what rounding alone costs."""
    step = 1 / (2**bits - 1)
    carried = f"{samples} samples a side carry at most {samples // 2} waves"
    if picture == ZONE_PLATE:
        carried += f"; the rings reach {FINEST} at the border."
    else:
        carried += "; what is finer comes back as something coarser."
    levels = f"{2**bits} levels, Δ = {step:.3g}: rounding alone costs about Δ/√12 = {step / 12**0.5:.3g} RMS."
    return f"{carried}\n{levels}"
