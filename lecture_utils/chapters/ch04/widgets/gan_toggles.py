"""GAN unit toggles: switch units of a generator off, one by one, and see what leaves its pictures."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.widgets.controls import Choice, Matrix
from lecture_utils.widgets.widget import Widget

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lecture_utils.explain.dissection import Dissection
    from lecture_utils.generative.dcgan import Generator

LAYER, PICTURES, SHOWN, ROWS, COLUMNS = "blocks.0", 12, 4, 3, 4
PRESETS = {
    "all on": np.ones((ROWS, COLUMNS)),
    "first off": np.array([[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]),
    "first 4 off": np.array([[0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]),
    "first 8 off": np.array([[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]),
    "all off": np.zeros((ROWS, COLUMNS)),
}
_TOUR = (
    ("object", "all off", "The twelve units that agree best with objects, switched off (below)."),
    ("object", "first 4 off", "Only the first four of them."),
    ("object", "all on", "All on: the generator as it was trained."),
    ("at random", "all off", "Twelve of the other units, drawn at random, for comparison."),
    ("grass", "all off", "The twelve units that agree best with grass."),
    ("sky", "all off", "And with the sky."),
)


def toggle(units: str, on: np.ndarray) -> Figure:
    """Draw four generated pictures, above as they are, below with some units switched off.

    Parameters
    ----------
    units : str
        Which twelve: those that agree best with a concept of the segmenter, or "at random".
    on : ndarray (3, 4)
        0 switches a unit off; any other number leaves it as it is. In reading order, the best first.

    Returns
    -------
    Figure
        At the right the numbers of the units, grey where switched off. Below, the share of the pictures that
        each concept covers, before and after.
    """
    from lecture_utils.explain.gan_dissection import concept_shares, edited, generate
    from lecture_utils.recipes.shapes_segmenter import CONCEPTS
    from lecture_utils.widgets.layouts import picture, strip

    generator, _ = networks()
    z, pictures, shares = before()
    off = [unit for unit, value in zip(chosen(units), on.flatten().tolist(), strict=True) if value == 0]
    with edited(generator, LAYER, off):
        changed = generate(generator, z)  # (12, 3, 32, 32)
    after = concept_shares(changed, segment, len(CONCEPTS)).mean(0)
    percent = zip(CONCEPTS[::-1], 100 * shares.flip(0), 100 * after.flip(0), strict=True)
    foot = ", ".join(f"{c} {a:.0f}→{b:.0f}" for c, a, b in percent) + " (%)"
    fig, (left, right) = strip([1.5 * SHOWN, 1.5], 3.0, foot=foot, titled=False)
    picture(left, mosaic(pictures[:SHOWN], changed[:SHOWN]))
    name_units(right, chosen(units), on)
    return fig


def mosaic(above: Tensor, below: Tensor, gap: int = 2) -> np.ndarray:
    """Put two rows of pictures (n, 3, S, S) into one (2 S + gap, n S + gaps, 3): one panel draws quickly."""
    rows = []
    for row in (above, below):
        framed = torch.nn.functional.pad(row, (0, gap, 0, gap), value=1.0)  # (n, 3, S + gap, S + gap)
        rows.append(torch.cat(list(framed), dim=2))
    whole = torch.cat(rows, dim=1)[:, :-gap, :-gap]
    return np.asarray(whole.permute(1, 2, 0).clamp(0, 1))


def name_units(ax: "Axes", units: list[int], on: np.ndarray) -> None:
    """Write the units' numbers where their switches are, in grey where they are off."""
    ax.set_axis_off()
    ax.set(xlim=(0, COLUMNS), ylim=(2 * ROWS, -0.6))
    ax.text(0, -0.3, "units, best first", fontsize=8, va="center")
    switched = list(zip(units, on.flatten().tolist(), strict=True))
    for wanted, colour in ((True, "#222222"), (False, "#AAAAAA")):
        words = [f"{unit:3d}" if bool(value) == wanted else "   " for unit, value in switched]
        rows = [" ".join(words[k : k + COLUMNS]) for k in range(0, len(words), COLUMNS)]
        ax.text(0, 0.1, "\n\n".join(rows), family="monospace", fontsize=10, color=colour, va="top")


def gan_toggles() -> Widget:
    """Make the toggles: which units, and a switch for each."""
    from lecture_utils.recipes.shapes_segmenter import CONCEPTS

    return Widget(
        title="GAN unit toggles",
        compute=toggle,
        controls={
            "units": Choice(["object", "at random", *CONCEPTS[:-1]], "object", label="best units for"),
            "on": Matrix(
                ROWS, COLUMNS, PRESETS["first 4 off"], PRESETS, label="units on, best first", switches=True
            ),
        },
        tour=[(caption, {"units": units, "on": preset}) for units, preset, caption in _TOUR],
        trivial={"on": "all on"},
        alt="Four generated scenes as they are, and below the same with units of the generator switched off.",
    )


@lru_cache(maxsize=1)
def networks() -> tuple["Generator", nn.Module]:
    """Load the generator, and the network that names each pixel of its pictures."""
    from lecture_utils import zoo
    from lecture_utils.generative.dcgan import Generator

    generator = zoo.load("shapes_gan")
    assert isinstance(generator, Generator)
    return generator, zoo.load("shapes_segmenter")


def segment(pictures: Tensor) -> Tensor:
    """Name each pixel: pictures (N, 3, H, W) to concepts (N, H, W)."""
    with torch.inference_mode():
        return torch.as_tensor(networks()[1](pictures).argmax(1))


@lru_cache(maxsize=1)
def before() -> tuple[Tensor, Tensor, Tensor]:
    """Give latent vectors (12, Z), their pictures (12, 3, 32, 32), and each concept's share (K,)."""
    from lecture_utils.explain.gan_dissection import concept_shares, generate
    from lecture_utils.recipes.shapes_segmenter import CONCEPTS

    generator, _ = networks()
    z = generator.sample(PICTURES, seed=11)
    pictures = generate(generator, z)
    shares = concept_shares(pictures, segment, len(CONCEPTS))  # (12, K)
    order = shares[:, CONCEPTS.index("object")].argsort(descending=True)  # those with most objects are shown
    return z[order], pictures[order], shares.mean(0)


@lru_cache(maxsize=1)
def dissected() -> "Dissection":
    """Compare every unit with every concept, on 100 other pictures."""
    from lecture_utils.explain.gan_dissection import dissect_generator
    from lecture_utils.recipes.shapes_segmenter import CONCEPTS

    generator, _ = networks()
    return dissect_generator(generator, LAYER, generator.sample(100, seed=12), segment, CONCEPTS)


@lru_cache(maxsize=8)
def chosen(units: str) -> list[int]:
    """Give the twelve units that agree best with a concept, or twelve others than the object's at random."""
    from lecture_utils.explain.gan_dissection import top_units

    found = dissected()
    if units == "at random":
        best = top_units(found, "object", ROWS * COLUMNS)
        others = [unit for unit in range(len(found.iou)) if unit not in best]  # as in claim C04.4
        order = torch.randperm(len(others), generator=torch.Generator().manual_seed(0))
        return [others[i] for i in order[: ROWS * COLUMNS].tolist()]
    return top_units(found, units, ROWS * COLUMNS)
