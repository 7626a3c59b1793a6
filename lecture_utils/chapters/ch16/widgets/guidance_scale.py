"""The scale of guidance: five noises stay, the scale moves; more of what was asked for, all of one kind."""

from functools import lru_cache, partial

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.guidance_study import guided_samples, shipped_digits, shipped_scenes
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.generative.diffusion.model import Diffusion
from lecture_utils.plotting.images import bare, few, to_image
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.recipes._judged import digits_named, judged
from lecture_utils.recipes._latent_diffusion import ids_of
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

COUNT, PANEL, WIDTH, HEIGHT = 5, 1.56, 8.2, 2.4  # pictures, inches
DIGITS = tuple(f"digit {k}" for k in range(10))
SCENES = ("red ring", "blue heart", "yellow star")
TOUR: list[tuple[str, float, str, int]] = [  # what to see, w, what is asked for, which noises
    ("w = 4: five noises, and nearly all become stars.", 4.0, "yellow star", 0),
    ("w = 1, no guidance: yellow it is, a star not always.", 1.0, "yellow star", 0),
    ("w = 0, nothing told: whatever the noise makes of itself.", 0.0, "yellow star", 0),
    ("w = 12: colours burn out, and edges fray.", 12.0, "yellow star", 0),
    ("Hearts without guidance differ in size and place.", 1.0, "blue heart", 0),
    ("Hearts at w = 8: all large, all alike.", 8.0, "blue heart", 0),
    ("Eights without guidance: some are hardly eights.", 1.0, "digit 8", 0),
    ("Eights at w = 8: each is clear, and they are of one kind.", 8.0, "digit 8", 0),
]


@lru_cache(maxsize=256)
@torch.no_grad()
def strip(what: str, scale: float, noise: int, model: Diffusion | None = None) -> Tensor:
    """Five pictures (5, C, S, S) of what is asked for, from the five noises of a number.

    Parameters
    ----------
    what : str
        One of DIGITS or SCENES.
    scale : float
        w.
    noise : int
        Seed.
    model : Diffusion, optional
        Of labelled digits; the shipped one where not given. Scenes have a model of their own.
    """
    if what in SCENES:
        model, told = shipped_scenes(), ids_of([f"a photo of a {what}"] * COUNT)
    else:
        model, told = model or shipped_digits(), torch.full((COUNT, 1), DIGITS.index(what))
    start = torch.randn(COUNT, *model.shape, generator=torch.Generator().manual_seed(noise))
    return guided_samples(model, told, scale=scale, noise=start)


def seen_rightly(what: str, images: Tensor) -> int:
    """In how many of the pictures the course's judge sees what was asked for."""
    if what in SCENES:
        return int((judged(images).class_id == CLASSES.index(what.split()[1])).sum())
    return int((digits_named(images) == DIGITS.index(what)).sum())


def strip_figure(what: str, scale: float, noise: int, model: Diffusion | None = None) -> Figure:
    """Draw the five pictures, and say in how many a judge sees what was asked for; as `strip`."""
    images = strip(what, scale, noise, model)
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    for i, image in enumerate(images):
        left = 0.1 + i * (PANEL + 0.05)
        place = (left / WIDTH, 0.42 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT)
        shown = few(to_image(image), 32)
        bare(fig.add_axes(place)).imshow(shown, interpolation="nearest", aspect="auto", vmin=0, vmax=1)
    fig.text(0.1 / WIDTH, 2.16 / HEIGHT, f"{what}, w = {scale:g}", fontsize=11, color=INK, weight="bold")
    foot = f"the course's judge sees the {what.split()[-1] if what in SCENES else what} in "
    foot += f"{seen_rightly(what, images)} of {COUNT}"
    fig.text(0.1 / WIDTH, 0.14 / HEIGHT, foot, fontsize=9.5, color=QUIET)
    return fig


def guidance_scale(model: Diffusion | None = None) -> Widget:
    """Make the widget for a diffusion model of labelled digits, the shipped one where none is given."""
    tour = [
        (said if model is None else f"{what}, w = {w:g}.", {"what": what, "scale": w, "noise": noise})
        for said, w, what, noise in TOUR
    ]
    return Widget(
        title="The scale of guidance",
        compute=partial(strip_figure, model=model),
        controls={
            "what": Choice(
                tuple((name, name) for name in (*SCENES, *DIGITS)), "yellow star", label="asked for"
            ),
            "scale": Slider(0.0, 12.0, 0.5, 4.0, label="scale w"),
            "noise": Slider(0, 9, 1, 0, label="noises"),
        },
        tour=tour,
        trivial={"what": "yellow star", "scale": 1.0, "noise": 0},
        alt="Five generated pictures of one thing, each from a noise that stays while the scale moves; "
        "below, in how many a judge sees it.",
    )
