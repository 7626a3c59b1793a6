"""Towards a sentence: turn a picture's embedding, and let DALL-E 2's decoder paint what it says then.

The text diff of DALL-E 2's paper (section 3.3): the noise is the picture's own, found by DDIM walked the
other way.
"""

from functools import lru_cache, partial
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.unclip_study import picture_of, shipped
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.unclip.manipulation import text_diff
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.recipes._judged import judged
from lecture_utils.recipes._latent_diffusion import ids_of
from lecture_utils.recipes.shapes_prior import embedded, told_by
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

THINGS = (("red", "ring"), ("green", "heart"), ("yellow", "cross"), ("purple", "ball"), ("orange", "square"))
WISHES = ("blue", "a star", "on water")
STEPS, SHARE, PANEL, WIDTH, HEIGHT = 30, 0.05, 2.2, 7.2, 3.0  # the last three in inches
TOUR: list[tuple[str, int, str, int]] = [  # what to see, which picture, towards what, which share
    ("The ring has turned blue, and stands where it stood.", 0, "blue", 5),
    ("A little way: the colour has begun to turn.", 0, "blue", 1),
    ("The ring is a star now, and as red as before.", 0, "a star", 8),
    ("A little too short of the other shape: a thing without a name.", 1, "a star", 6),
    ("The ground can be told as well.", 3, "on water", 8),
    ("The heart is painted again from its own embedding: nothing is turned yet.", 1, "blue", 0),
    ("Too far: it is blue, and no square any more, though nobody spoke of a star.", 4, "blue", 16),
]


class Beginning(NamedTuple):
    """A picture (3, 32, 32), its embedding (1, 64), and the noise (1, 4, 8, 8) from which it is painted."""

    picture: Tensor
    embedding: Tensor
    noise: Tensor


@lru_cache(maxsize=8)
def beginning(model: LatentDiffusion, number: int) -> Beginning:
    """One of THINGS, as the first test picture of it shows it."""
    picture = picture_of(*THINGS[number])
    embedding = embedded(picture[None])
    return Beginning(picture, embedding, model.encode(picture[None], embedding, steps=STEPS))


def sentences(number: int, wish: str) -> tuple[str, str]:
    """A sentence that fits a picture, and one that should."""
    colour, name = THINGS[number]
    before = f"a photo of {'an' if colour[0] in 'aeiou' else 'a'} {colour} {name}"
    after = {
        "blue": f"a photo of a blue {name}",
        "a star": before.replace(name, "star"),
        "on water": f"{before} on water",
    }
    return before, after[wish]


@torch.no_grad()
def turn(number: int, wish: str, share: int, model: LatentDiffusion | None = None) -> Figure:
    """Draw a picture, what is painted of its embedding, and what is painted once it is turned.

    Parameters
    ----------
    number : int
        Which of THINGS.
    wish : str
        One of WISHES: towards what.
    share : int
        How far, in twentieths of the way to the difference of the two sentences.
    model : LatentDiffusion, optional
        The decoder; the shipped one where none is given.
    """
    model = model or shipped().decoder
    start, (before, after) = beginning(model, number), sentences(number, wish)
    old, new = told_by(ids_of([before, after]))[1].split(1)
    turned = text_diff(start.embedding, old, new, share * SHARE)
    told, noise = torch.cat([start.embedding, turned]), start.noise.expand(2, -1, -1, -1)
    plain, made = model.sample(told, noise=noise, steps=STEPS)
    seen = judged(made[None])
    what = f"{COLOURS[int(seen.colour_id)]} {CLASSES[int(seen.class_id)]} on {STUFF[int(seen.ground_id)]}"
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    shown = {"the picture": start.picture, "painted of its embedding": plain}
    shown[f"turned by {share * SHARE:.2f}"] = made
    for i, (said, image) in enumerate(shown.items()):
        left = 0.12 + i * (PANEL + 0.18)
        place = (left / WIDTH, 0.45 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT)
        bare(fig.add_axes(place)).imshow(to_image(image), interpolation="nearest", aspect="auto")
        fig.text((left + PANEL / 2) / WIDTH, 2.73 / HEIGHT, said, ha="center", fontsize=10, color=INK)
    foot = f"from “{before}” towards “{after}”; a judge sees: {what}"
    fig.text(0.12 / WIDTH, 0.17 / HEIGHT, foot, fontsize=8.5, color=QUIET)
    return fig


def towards_a_sentence(model: LatentDiffusion | None = None) -> Widget:
    """Make the widget for a trained decoder, the shipped one where none is given."""
    tour = [
        (text if model is None else f"Towards {wish}.", {"number": n, "wish": wish, "share": share})
        for text, n, wish, share in TOUR
    ]
    return Widget(
        title="Towards a sentence",
        compute=partial(turn, model=model),
        controls={
            "number": Slider(0, len(THINGS) - 1, 1, 0, label="picture"),
            "wish": Choice(tuple((name, name) for name in WISHES), "blue", label="towards"),
            "share": Slider(0, 16, 1, 5, label="how far"),
        },
        tour=tour,
        trivial={"number": 0, "wish": "blue", "share": 0},
        alt="A picture, what is painted of its embedding, and what once it is turned towards a sentence.",
    )
