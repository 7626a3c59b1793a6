"""Chapter 15: figures of CycleGAN: there and back, arms side by side, what is hidden, the tint, failures.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N pictures, S their side.
"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch15.cycle_shown import Hidden, Trip, worst
from lecture_utils.chapters.ch15.pix2pix_figures import rows_figure
from lecture_utils.plotting.style import BLUE, INK, QUIET, VERMILION
from lecture_utils.recipes._unpaired import OTHER
from lecture_utils.recipes.shapes_cyclegan_arms import ARMS, Gallery

ROWS = {
    "cycle": "cycle loss",
    "cycle, seed 2": "… other seed",
    "no cycle": "no cycle loss",
    "no cycle, no shortcut": "… no shortcuts",
    "cycle and identity": "and identity",
}


def trip_figure(made: Trip, domain: str, title: str, *, count: int = 9, exact: bool = True) -> Figure:
    """Draw pictures, their translations, the exact pictures of the same scenes, and what came back."""
    other = OTHER[domain]
    rows = {domain: made.own.image, f"made {other}": made.there}
    if exact:
        rows[f"exact {other}"] = made.own.partner
    rows[f"back to {domain}"] = made.back
    return rows_figure({name: images[:count] for name, images in rows.items()}, title)


def arms_figure(
    gallery: Gallery, domain: str = "day", arms: Sequence[str] = ("cycle", "no cycle"), *, count: int = 9
) -> Figure:
    """Draw the same pictures as generators of several objectives translate them."""
    rows = {domain: gallery.pictures(domain, "start"), "exact": gallery.pictures(domain, "exact")}
    rows |= {ROWS[name]: gallery.pictures(domain, name) for name in arms}
    title = f"The same inputs, {len(arms)} objectives: {domain} to {OTHER[domain]}, 16 × 16 pixels"
    return rows_figure({name: images[:count] for name, images in rows.items()}, title)


def all_arms_figure(gallery: Gallery, domain: str = "day", *, count: int = 9) -> Figure:
    """Draw every arm of the gallery."""
    return arms_figure(gallery, domain, tuple(ARMS), count=count)


def hidden_figure(made: Trip, noisy: Tensor, title: str, *, gain: float = 2.0, count: int = 8) -> Figure:
    """Draw what a plain picture hides: how it differs from the exact plain one, amplified; and the way back.

    Parameters
    ----------
    made : Trip
        From "striped".
    noisy : Tensor
        (N, 3, S, S), what came back after noise was added to the plain pictures.
    gain : float
        By how much the difference is amplified; grey is none.
    """
    off = (0.5 + gain * (made.there - made.own.partner)).clamp(0, 1)
    rows = {
        "striped": made.own.image,
        "made plain": made.there,
        f"off × {gain:g}": off,
        "came back": made.back,
        "with noise": noisy,
    }
    return rows_figure({name: images[:count] for name, images in rows.items()}, title)


def noise_figure(found: Hidden, title: str) -> Figure:
    """Draw how much of the true stripes comes back, by the noise that was added on the way."""
    fig = Figure(figsize=(8.4, 3.1), layout="constrained")
    ax = fig.subplots()
    ax.plot(found.noise, found.back, "o-", color=BLUE, label="what came back")
    ax.axhline(found.seen, color=VERMILION, linestyle="--", label="in the plain picture itself")
    ax.axhline(found.from_exact, color=QUIET, linestyle=":", label="from the exact plain picture")
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set_xlabel("noise added to the plain picture, standard deviation")
    ax.set_ylabel("share of the true stripes")
    ax.set_ylim(-0.05, 1.05)
    ax.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.set_title(title, fontsize=11, loc="left")
    return fig


def failures_figure(made: Trip, domain: str, title: str, *, count: int = 9) -> Figure:
    """Draw the pictures whose translations are farthest from the exact ones."""
    these = worst(made, count)
    rows = {
        domain: made.own.image,
        f"made {OTHER[domain]}": made.there,
        f"exact {OTHER[domain]}": made.own.partner,
    }
    return rows_figure({name: images[these] for name, images in rows.items()}, title)


def identity_figure(rows: Mapping[str, Tensor], title: str, *, count: int = 9) -> Figure:
    """Draw pictures of a domain, and what generators that lead into this domain make of them."""
    return rows_figure({name: images[:count] for name, images in rows.items()}, title)
