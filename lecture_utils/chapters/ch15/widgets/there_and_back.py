"""There and back: translate a picture, add noise to what was made, and see what comes back of it."""

from functools import lru_cache, partial

import torch
from matplotlib.figure import Figure
from torch import nn

from lecture_utils import zoo
from lecture_utils.chapters.ch15.cycle_shown import Trip, trip
from lecture_utils.generative.cyclegan.cyclegan import CycleGAN
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.recipes._unpaired import DOMAINS, OTHER, WORLDS
from lecture_utils.recipes.shapes_cyclegan import sides
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

PICTURES, PANEL, WIDTH, HEIGHT = 8, 1.95, 8.2, 2.75  # inches, but for the first
TOUR: list[tuple[str, str, int, int]] = [  # what to see, where it starts, which picture, which noise
    ("The star is nearly plain, and yet its stripes come back.", "striped", 5, 0),
    ("What is called plain still has pale stripes: without them there is no way back.", "striped", 1, 0),
    ("Noise on the way, and the stripes come back: they are too strong to be lost.", "striped", 1, 4),
    ("From plain to striped: no picture tells how the stripes should run.", "plain", 7, 0),
    ("The way back from there.", "plain", 1, 0),
    ("Day to dusk: near the exact picture, which was never seen in training.", "day", 0, 0),
    ("Dusk to day: a little blurred.", "dusk", 3, 0),
    ("With much noise on the way back to dusk.", "dusk", 3, 5),
]
NOISES = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)


@lru_cache(maxsize=1)
def shipped() -> nn.Module:
    """The course's own, both worlds."""
    return zoo.load("shapes_cyclegan")


@lru_cache(maxsize=8)
def travelled(models: nn.Module, domain: str) -> tuple[CycleGAN, Trip]:
    """The pair of a domain's world, and eight test pictures there and back."""
    world = next(name for name, pair in WORLDS.items() if domain in pair)
    pair = models.get_submodule(world).eval()
    assert isinstance(pair, CycleGAN)
    return pair, trip(pair, domain, PICTURES)


@torch.no_grad()
def travel(domain: str, number: int, noise: int, models: nn.Module | None = None) -> Figure:
    """Draw a picture, its translation, the exact picture of the same scene, and what came back.

    Parameters
    ----------
    domain : str
        "day", "dusk", "plain" or "striped": where it starts.
    number : int
        Which of eight test pictures.
    noise : int
        Which of NOISES is added to the translation before it goes back.
    models : nn.Module, optional
        With a CycleGAN each under "light" and "material"; the shipped ones where none is given.
    """
    pair, made = travelled(models or shipped(), domain)
    draw = torch.randn(made.there[0].shape, generator=torch.Generator().manual_seed(number))
    sent = (made.there[number] + NOISES[noise] * draw).clamp(0, 1)
    back = sides(pair, domain)[1](sent[None])[0]
    off = float((back - made.own.image[number]).abs().mean())
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    shown = {
        domain: made.own.image[number],
        f"made {OTHER[domain]}, as sent": sent,
        f"back to {domain}": back,
        f"exact {OTHER[domain]}": made.own.partner[number],
    }
    for i, (said, image) in enumerate(shown.items()):
        left = 0.1 + i * (PANEL + 0.07)
        place = (left / WIDTH, 0.4 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT)
        bare(fig.add_axes(place)).imshow(to_image(image), interpolation="nearest", aspect="auto")
        fig.text((left + PANEL / 2) / WIDTH, 2.46 / HEIGHT, said, ha="center", fontsize=10, color=INK)
    foot = f"noise of {NOISES[noise]:g} on the way; what came back is off by {off:.3f} a value"
    fig.text(0.1 / WIDTH, 0.14 / HEIGHT, foot, fontsize=9.5, color=QUIET)
    return fig


def there_and_back(models: nn.Module | None = None) -> Widget:
    """Make the widget for trained pairs of generators, the shipped ones where none are given."""
    tour = [
        (text if models is None else f"From {domain}.", {"domain": domain, "number": n, "noise": noise})
        for text, domain, n, noise in TOUR
    ]
    return Widget(
        title="There and back",
        compute=partial(travel, models=models),
        controls={
            "domain": Choice(tuple((name, name) for name in DOMAINS), "striped", label="start"),
            "number": Slider(0, PICTURES - 1, 1, 0, label="picture"),
            "noise": Slider(0, len(NOISES) - 1, 1, 0, label="noise"),
        },
        tour=tour,
        trivial={"domain": "day", "number": 0, "noise": 0},
        alt="A picture, its translation, what came back from it, and the exact picture in the other domain.",
    )
