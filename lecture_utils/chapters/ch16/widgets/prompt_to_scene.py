"""Prompt to scene: say what should stand where, on what ground and in what colour, and see what is made."""

from functools import lru_cache, partial
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.guidance_study import shipped_scenes
from lecture_utils.chapters.ch16.latent_figures import draw_box
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.plotting.images import bare, few
from lecture_utils.plotting.style import GREEN, INK, QUIET, VERMILION
from lecture_utils.recipes._judged import Judged, judged
from lecture_utils.recipes._latent_diffusion import ids_of
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

ANY, COUNT, STEPS = "any", 4, 20
PLACES: dict[str, tuple[float, float, float, float] | None] = {  # shares of the sides
    ANY: None, "left": (0.02, 0.45, 0.47, 0.9), "middle": (0.27, 0.45, 0.72, 0.9),
    "right": (0.52, 0.45, 0.97, 0.9), "large": (0.15, 0.22, 0.85, 0.92), "small": (0.38, 0.6, 0.63, 0.85),
}  # fmt: skip
WIDTH, HEIGHT, LARGE, SMALL = 8.2, 3.9, 2.7, 1.62  # inches
Setting = tuple[str, str, str, str, float, int]


def text_of(name: str, colour: str, ground: str) -> str:
    """The sentence: what is "any" is not said."""
    if name == ANY:
        said = "something" if colour == ANY else f"something {colour}"
    elif colour == ANY:
        said = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    else:
        said = f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {name}"
    return f"a photo of {said}" + ("" if ground == ANY else f" on {ground}")


@lru_cache(maxsize=64)
def made(setting: Setting, model: LatentDiffusion) -> tuple[Tensor, Judged]:
    """Four pictures (4, 3, 32, 32) of a setting, each from noise of its own, and what the judge sees."""
    name, colour, ground, place, scale, seed = setting
    told = [ids_of([text_of(name, colour, ground)] * COUNT)]
    box = PLACES[place]
    if box is not None and name != ANY:
        told += [torch.tensor([[box]] * COUNT), torch.full((COUNT, 1), CLASSES.index(name))]
    images = model.sample(*told, steps=STEPS, scale=scale, seed=seed)
    return images, judged(images)


def scene_of(
    name: str,
    colour: str,
    ground: str,
    place: str,
    scale: float,
    seed: int,
    model: LatentDiffusion | None = None,
) -> Figure:
    """Draw a picture of what is asked for, three more from other noise, and what the judge sees.

    Parameters
    ----------
    name, colour, ground, place : str
        What should be seen, on what, and where; "any" is not said. A box needs a class.
    scale : float
        Of guidance.
    seed : int
        Of the noise.
    model : LatentDiffusion, optional
        The shipped one where none is given.
    """
    images, seen = made((name, colour, ground, place, float(scale), int(seed)), model or shipped_scenes())
    asked = {"class": name, "colour": colour, "ground": ground}
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    text = text_of(name, colour, ground)
    fig.text(0.15 / WIDTH, 3.68 / HEIGHT, f"“{text}”", fontsize=12, va="center", color=INK)
    for i in range(COUNT):
        size = LARGE if i == 0 else SMALL
        left = 0.15 if i == 0 else 0.15 + LARGE + 0.15 + (i - 1) * (SMALL + 0.1)
        bottom = 0.72 if i == 0 else 0.72 + LARGE - SMALL
        ax = bare(fig.add_axes((left / WIDTH, bottom / HEIGHT, size / WIDTH, size / HEIGHT)))
        ax.imshow(few(images[i], 32), interpolation="nearest", aspect="auto")
        box = PLACES[place]
        if box is not None and name != ANY:
            draw_box(ax, torch.tensor(box), images.shape[-1], INK)
        verdicts(fig, left, bottom, asked, seen, i)
    note = "Beside it: the same words, other noise. Below each: what the judge sees."
    if PLACES[place] is not None and name == ANY:
        note = "A box is told with its class: choose one."
    fig.text((0.15 + LARGE + 0.15) / WIDTH, 0.95 / HEIGHT, note, fontsize=9, color=QUIET)
    return fig


def verdicts(fig: Figure, left: float, bottom: float, asked: dict[str, str], seen: Judged, i: int) -> None:
    """Write below a picture what the judge sees: green as asked for, vermilion not, grey if not asked."""
    found = {
        "colour": COLOURS[int(seen.colour_id[i])],
        "class": CLASSES[int(seen.class_id[i])],
        "ground": f"on {STUFF[int(seen.ground_id[i])]}",
    }
    for row, (key, word) in enumerate(found.items()):
        right = word.removeprefix("on ") == asked[key]
        hue = QUIET if asked[key] == ANY else GREEN if right else VERMILION
        fig.text(
            left / WIDTH, (bottom - 0.17 - 0.2 * row) / HEIGHT, word, fontsize=9.5, va="center", color=hue
        )


def prompt_to_scene(model: LatentDiffusion | None = None) -> Widget:
    """Make the widget for a model that is told sentences and boxes, the shipped one where none is given."""
    first: dict[str, Any] = {
        "name": "ring", "colour": "red", "ground": "sand", "place": "right", "scale": 3.0, "seed": 0,
    }  # fmt: skip
    tour = [
        ("A sentence and a box become a scene.", first),
        ("Another place, the same words and noise.", first | {"place": "left"}),
        ("Another ground.", first | {"place": "left", "ground": "water"}),
        ("No box: it may stand anywhere.", first | {"place": ANY}),
        ("No colour said: colours are sampled.", first | {"colour": ANY, "place": ANY}),
        ("No class said: shapes between the classes.", first | {"name": ANY, "colour": "blue", "place": ANY}),
        (
            "Without guidance: the colour is right, the shape is less sure.",
            first | {"name": "heart", "place": ANY, "scale": 1.0},
        ),
        ("A pair that training never showed.", first | {"name": "ball", "colour": "yellow", "place": ANY}),
    ]
    grounds = (ANY, *STUFF[1:])
    return Widget(
        title="Prompt to scene",
        compute=partial(scene_of, model=model),
        controls={
            "name": Choice((*CLASSES, ANY), "ring", label="class"),
            "colour": Choice((*COLOURS, ANY), "red", label="colour"),
            "ground": Choice(grounds, "sand", label="ground"),
            "place": Choice(tuple(PLACES), "right", label="box"),
            "scale": Slider(0.0, 8.0, 0.5, 3.0, label="guidance"),
            "seed": Slider(0, 20, 1, 0, label="noise"),
        },
        tour=tour,
        trivial=first | {"scale": 0.0},
        alt="A generated scene with the box that was asked for, three more of the same sentence from other "
        "noise, and below each the colour, class and ground that a judge sees, green where as asked.",
    )
