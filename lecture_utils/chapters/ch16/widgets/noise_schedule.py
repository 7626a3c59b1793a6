"""Noise schedule and what is left of the picture: choose a schedule and a step, see picture, curve, guess."""

from functools import lru_cache, partial

from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.noising_figures import HUES, SCHEDULES, left_of, said
from lecture_utils.chapters.ch16.solutions import noised
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.plotting.images import bare, few
from lecture_utils.plotting.style import HAIRLINE, INK, QUIET
from lecture_utils.recipes._judged import real_pictures
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

WIDTH, HEIGHT, PANEL = 8.2, 3.3, 2.3  # inches
STEPS, STEP = 1000, 25


@lru_cache(maxsize=1)
def picture() -> Tensor:
    """A picture of the narrow world, (3, 32, 32)."""
    return real_pictures(8, 3, "val")[1]


@lru_cache(maxsize=3)
def scheduled(name: str) -> NoiseSchedule:
    """One of the three schedules."""
    return NoiseSchedule(SCHEDULES[name]())


def left(schedule: str, t: int, image: Tensor | None = None) -> Figure:
    """Draw a picture at step t, what is left of it alone, and where t lies on the curves of ᾱ.

    Parameters
    ----------
    schedule : str
        "linear", "cosine" or "scaled linear".
    t : int
        0 to 1,000.
    image : Tensor, (3, S, S), optional
        In [0, 1]; a picture of the toy world where none is given.
    """
    image = picture() if image is None else image
    alpha_bar = scheduled(schedule).alpha_bar[t]
    x = left_of(image, scheduled(schedule), [t], noised, 0)[0]
    alone = (alpha_bar.sqrt().float() * (2 * image - 1) + 1) / 2
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    for place, (title, shown) in enumerate((("x_t", x), ("without its noise: √ᾱ x_0", alone))):
        box = (0.05 + place * (PANEL + 0.15)) / WIDTH, 0.35 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT
        bare(fig.add_axes(box), title).imshow(few(shown, 64), interpolation="nearest", aspect="auto")
    ax = fig.add_axes((5.45 / WIDTH, 0.55 / HEIGHT, 2.65 / WIDTH, 2.1 / HEIGHT))
    for name in SCHEDULES:
        chosen = name == schedule
        ax.plot(
            scheduled(name).alpha_bar,
            color=HUES[name] if chosen else HAIRLINE,
            linewidth=2 if chosen else 1.5,
        )
    ax.plot([t], [alpha_bar], "o", color=HUES[schedule], markersize=9)
    ax.set(xlabel="t", ylim=(-0.03, 1.03))
    ax.set_title("ᾱ", fontsize=9, loc="left", color=INK)
    kept, added = float(alpha_bar.sqrt()), float((1 - alpha_bar).sqrt())
    head = f"{schedule}, t = {t}: ᾱ = {said(float(alpha_bar))}"
    foot = f"kept of the picture: × {said(kept)}; noise: × {said(added)}"
    fig.text(0.05 / WIDTH, 1 - 0.25 / HEIGHT, head, fontsize=11, color=INK)
    fig.text(0.05 / WIDTH, 0.12 / HEIGHT, foot, fontsize=9, color=QUIET)
    return fig


def noise_schedule(image: Tensor | None = None) -> Widget:
    """Make the widget for a picture (3, S, S) in [0, 1], one of the toy world where none is given."""
    tour = [
        (
            "Half of the variance is noise: of the heart a yellow stain is left.",
            {"schedule": "linear", "t": 250},
        ),
        ("A little noise: the eye looks through it.", {"schedule": "linear", "t": 50}),
        (
            "Linear, halfway: hardly a trace. Half of the steps are still to come.",
            {"schedule": "linear", "t": 500},
        ),
        ("Cosine, halfway: half is left.", {"schedule": "cosine", "t": 500}),
        ("Cosine, three quarters: a seventh is left.", {"schedule": "cosine", "t": 750}),
        ("Scaled linear, halfway: between the two.", {"schedule": "scaled linear", "t": 500}),
        ("Scaled linear at the end: a trace of brightness stays.", {"schedule": "scaled linear", "t": 1000}),
        ("Cosine at the end: pure noise.", {"schedule": "cosine", "t": 1000}),
    ]
    return Widget(
        title="Noise schedule and what is left of the picture",
        compute=partial(left, image=image),
        controls={
            "schedule": Choice(tuple((name, name) for name in SCHEDULES), "linear", label="schedule"),
            "t": Slider(0, STEPS, STEP, 0, label="step t"),
        },
        tour=tour,
        trivial={"schedule": "linear", "t": 0},
        alt="A noised picture, the part of it that is left, and the curve of ᾱ with the step marked.",
    )
