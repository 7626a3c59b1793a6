"""The latent plane: walk over two numbers, see which digit they decode to, and which digits live nearby."""

from functools import lru_cache, partial

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch15.latent_figures import scatter
from lecture_utils.chapters.ch15.latent_study import shipped_latent
from lecture_utils.data import digits
from lecture_utils.generative.vae import VAE
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.recipes import _latent
from lecture_utils.widgets.controls import Slider
from lecture_utils.widgets.widget import Widget

REACH, STEP = 3.0, 0.25
TOUR: list[tuple[str, tuple[float, float]]] = [
    ("Where the zeros live: a clear zero.", (1.5, -0.5)),
    ("One step down, and it is a six.", (1.0, -1.5)),
    ("In the middle several classes meet: a blur of them.", (0.0, 0.25)),
    ("At the left edge the ones.", (-2.0, 0.0)),
    ("At the top the twos.", (-0.5, 1.5)),
    ("Threes and nines are neighbours.", (0.75, 0.75)),
    ("Between fours and sixes: something of both.", (0.0, -1.25)),
    ("Where no digit was encoded: the decoder answers all the same.", (3.0, -3.0)),
]
WIDTH, HEIGHT, PLANE, PANEL = 8.2, 3.6, 3.0, 2.0  # inches


@lru_cache(maxsize=2)
def encoded(model: VAE) -> tuple[Tensor, Tensor, Tensor]:
    """The test digits (N, 1, 8, 8), their classes (N,) and their means on the plane (N, 2)."""
    images, labels = digits.load(8, "test")
    return images, labels, _latent.codes(model.eval(), images)


@lru_cache(maxsize=1)
def shipped() -> VAE:
    """The course's own."""
    model = shipped_latent("digits_vae")
    assert isinstance(model, VAE)
    return model


def decoded_here(z1: float, z2: float, model: VAE | None = None) -> Figure:
    """Draw the plane with a cross at (z1, z2), the digit decoded there, and the test digit nearest to it.

    Parameters
    ----------
    z1, z2 : float
        The two latent numbers.
    model : VAE, optional
        With two latent numbers; the shipped one where none is given.
    """
    model = model or shipped()
    images, labels, codes = encoded(model)
    z = torch.tensor([[z1, z2]])
    nearest = torch.cdist(z, codes)[0]
    row = int(nearest.argmin())
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    plane = fig.add_axes((0.5 / WIDTH, 0.5 / HEIGHT, PLANE / WIDTH, PLANE / HEIGHT))
    scatter(plane, codes, labels, REACH + 0.2)
    for hue, width in (("white", 6), (INK, 2.5)):
        plane.plot([z1], [z2], "+", color=hue, markersize=19, markeredgewidth=width)
    shown = (("decoded here", model.decode(z)[0].detach()), ("nearest test digit", images[row]))
    for i, (said, image) in enumerate(shown):
        left = 3.8 + i * (PANEL + 0.2)
        place = (left / WIDTH, 0.95 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT)
        bare(fig.add_axes(place)).imshow(to_image(image), interpolation="nearest", aspect="auto")
        fig.text((left + PANEL / 2) / WIDTH, 3.1 / HEIGHT, said, ha="center", fontsize=10, color=INK)
    names = " ".join(str(label) for label in labels[nearest.topk(5, largest=False).indices].tolist())
    foot = f"classes of the five nearest: {names}; the nearest is {float(nearest[row]):.2f} away"
    fig.text(3.8 / WIDTH, 0.6 / HEIGHT, foot, fontsize=9.5, color=QUIET)
    return fig


def latent_plane(model: VAE | None = None) -> Widget:
    """Make the widget for a trained VAE of two latent numbers, the shipped one where none is given."""
    tour = [(said if model is None else f"At ({a:g}, {b:g}).", {"z1": a, "z2": b}) for said, (a, b) in TOUR]
    return Widget(
        title="The latent plane",
        compute=partial(decoded_here, model=model),
        controls={
            "z1": Slider(-REACH, REACH, STEP, 0.0, label="z₁"),
            "z2": Slider(-REACH, REACH, STEP, 0.0, label="z₂"),
        },
        tour=tour,
        trivial={"z1": 0.0, "z2": 0.0},
        alt="Encoded test digits as coloured points on a plane with a cross; beside it the digit decoded at "
        "the cross, and the test digit whose code is nearest.",
    )
