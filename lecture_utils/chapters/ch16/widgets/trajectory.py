"""One denoising trajectory, scrubbed: x_t, the picture believed and the noise believed at every step."""

from functools import lru_cache
from typing import Any

from matplotlib.figure import Figure

from lecture_utils.chapters.ch16.denoising_study import Trajectory, digit_trajectory
from lecture_utils.chapters.ch16.guidance_study import shipped_digits
from lecture_utils.chapters.ch16.noising_figures import said, visible
from lecture_utils.plotting.images import bare, few, signed_image
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

COUNT = 20
WIDTH, HEIGHT, PANEL = 8.2, 3.5, 2.6  # inches
# In words: what DDIM is, the chapter says only after this widget.
SAMPLERS = {"DDIM": "no fresh noise", "DDPM, small variance": "fresh noise at every step"}


@lru_cache(maxsize=32)
def walked(digit: int, seed: int, sampler: str) -> Trajectory:
    """The whole way of one digit, kept."""
    return digit_trajectory(digit, seed, COUNT, sampler=sampler)


def scrubbed(step: int, digit: int, seed: int, sampler: str) -> Figure:
    """Draw what a sampler has, and what the network believes of it, before its step number `step`.

    Parameters
    ----------
    step : int
        0 (pure noise) to 19 (the last prediction).
    digit : int
        Which is asked for, 0 to 9.
    seed : int
        Of the noise.
    sampler : str
        One of SAMPLERS.
    """
    way = walked(digit, seed, sampler)
    t = way.times[step]
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    parts = {
        "x_t": few(visible(way.x[step, 0]), 32),
        "picture believed, x̂_0": few(visible(way.x0[step, 0]), 32),
        "noise believed (blue < 0 < orange)": signed_image(way.epsilon[step, 0, 0], 2.5),
    }
    for place, (title, shown) in enumerate(parts.items()):
        box = (0.05 + place * (PANEL + 0.15)) / WIDTH, 0.25 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT
        bare(fig.add_axes(box), title).imshow(shown, interpolation="nearest", aspect="auto")
    alpha_bar = float(shipped_digits().schedule.alpha_bar[t])
    head = f"step {step + 1} of {COUNT}, {SAMPLERS[sampler]}: t = {t}, ᾱ = {said(alpha_bar)}"
    fig.text(0.05 / WIDTH, 1 - 0.25 / HEIGHT, head, fontsize=11, color=INK)
    changed = (way.x0[step] - way.x0[max(step - 1, 0)]).square().mean().sqrt().item() / 2
    fig.text(
        0.05 / WIDTH, 0.07 / HEIGHT, f"the belief moved by {changed:.3f} of full ink", fontsize=9, color=QUIET
    )
    return fig


def trajectory() -> Widget:
    """Make the widget, with the shipped network of digits."""
    tour: list[tuple[str, dict[str, Any]]] = [
        ("Halfway: x_t is mostly noise, and the 3 is decided.", {"step": 9}),
        ("Pure noise: the network believes a mean of all threes.", {"step": 0}),
        ("A quarter of the way: this three begins to lean its own way.", {"step": 5}),
        ("Near the end: only edges are still moved.", {"step": 17}),
        ("Another noise, another three.", {"step": 9, "seed": 4}),
        ("An 8 from the first three's noise.", {"step": 9, "digit": 8}),
        (
            "Fresh noise at every step: the belief wanders longer.",
            {"step": 9, "sampler": "DDPM, small variance"},
        ),
        (
            "At the end: another three than without fresh noise.",
            {"step": 19, "sampler": "DDPM, small variance"},
        ),
    ]
    return Widget(
        title="One denoising trajectory",
        compute=scrubbed,
        controls={
            "step": Slider(0, COUNT - 1, 1, 0, label="step"),
            "digit": Slider(0, 9, 1, 3, label="digit"),
            "seed": Slider(0, 9, 1, 0, label="noise"),
            "sampler": Choice(tuple((words, name) for name, words in SAMPLERS.items()), "DDIM", label="walk"),
        },
        tour=tour,
        trivial={"step": 0},
        alt="Three panels: the noisy picture, the digit that is believed, and the noise that is believed.",
    )
