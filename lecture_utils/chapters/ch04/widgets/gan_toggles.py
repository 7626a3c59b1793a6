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
    from lecture_utils.generative.dcgan import Generator

LAYER, PICTURES, SHOWN, ROWS, COLUMNS = "blocks.0", 48, 4, 3, 4
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
        Below, the share of 48 pictures that each concept covers, before and after.
    """
    from lecture_utils.explain.gan_dissection import concept_shares, edited, generate
    from lecture_utils.plotting.images import to_image
    from lecture_utils.recipes.shapes_segmenter import CONCEPTS
    from lecture_utils.widgets.layouts import picture, strip

    generator, _ = networks()
    z, pictures, shares = before()
    off = [unit for unit, value in zip(chosen(units), on.flatten().tolist(), strict=True) if value == 0]
    with edited(generator, LAYER, off):
        changed = generate(generator, z)  # (48, 3, 32, 32)
    after = concept_shares(changed, segment, len(CONCEPTS)).mean(0)
    percent = zip(CONCEPTS[::-1], 100 * shares.flip(0), 100 * after.flip(0), strict=True)
    foot = ", ".join(f"{c} {a:.0f}→{b:.0f}" for c, a, b in percent) + " (%)"
    fig, axes = strip([1.6] * SHOWN, 1.6, rows=2, foot=foot, titled=False)
    for ax, image in zip(axes, [*pictures[:SHOWN], *changed[:SHOWN]], strict=True):
        picture(ax, to_image(image))
    return fig


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
    """Give latent vectors (48, Z), their pictures (48, 3, 32, 32), and each concept's share (K,)."""
    from lecture_utils.explain.gan_dissection import concept_shares, generate
    from lecture_utils.recipes.shapes_segmenter import CONCEPTS

    generator, _ = networks()
    z = generator.sample(PICTURES, seed=11)
    pictures = generate(generator, z)
    return z, pictures, concept_shares(pictures, segment, len(CONCEPTS)).mean(0)


@lru_cache(maxsize=8)
def chosen(units: str) -> list[int]:
    """Give the twelve units that agree best with a concept, or twelve others than the object's at random."""
    from lecture_utils.explain.gan_dissection import dissect_generator, top_units
    from lecture_utils.recipes.shapes_segmenter import CONCEPTS

    generator, _ = networks()
    z = generator.sample(200, seed=12)
    found = dissect_generator(generator, LAYER, z, segment, CONCEPTS)
    if units == "at random":
        best = top_units(found, "object", ROWS * COLUMNS)
        others = [unit for unit in range(len(found.iou)) if unit not in best]  # as in claim C04.4
        order = torch.randperm(len(others), generator=torch.Generator().manual_seed(0))
        return [others[i] for i in order[: ROWS * COLUMNS].tolist()]
    return top_units(found, units, ROWS * COLUMNS)
