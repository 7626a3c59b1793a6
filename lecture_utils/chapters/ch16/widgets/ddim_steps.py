"""DDIM's steps: how many, and how much fresh noise, with the same starting noises throughout."""

from functools import lru_cache
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch16.denoising_study import starting_noise, told
from lecture_utils.chapters.ch16.denoising_study import trajectory as walked
from lecture_utils.chapters.ch16.guidance_study import shipped_digits
from lecture_utils.chapters.ch16.noising_figures import visible
from lecture_utils.chapters.ch16.steps_figures import sheet
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.recipes._judged import digits_named
from lecture_utils.widgets.controls import Choice
from lecture_utils.widgets.widget import Widget

COUNTS, ETAS = (1, 2, 5, 10, 20, 50), (0.0, 0.5, 1.0)
WIDTH, HEIGHT, PANEL = 8.2, 4.2, 3.4  # inches
SHOWN = 6  # of one digit's steps


@lru_cache(maxsize=len(COUNTS) * len(ETAS))
def made(count: int, eta: float) -> tuple[Tensor, list[int], Tensor]:
    """Twenty-five digits (25, 1, 16, 16); and one of them on its way: steps t, and beliefs (K, 1, 16, 16)."""
    labels = torch.arange(25) % 10
    model = shipped_digits()
    way = walked(told(labels), model.schedule, starting_noise(25), count, kind=model.kind, clip=1.0, eta=eta)
    return visible(way.x[-1]), way.times[:-1], visible(way.x0[:, 3])


def sampled(count: int, eta: float) -> Figure:
    """Draw 25 digits by `count` steps with η, and what is believed of one of them on the way.

    Parameters
    ----------
    count : int
        One of COUNTS.
    eta : float
        η: 0 is DDIM, 1 adds as much noise as DDPM.
    """
    images, times, beliefs = made(count, eta)
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    ax = fig.add_axes((0.05 / WIDTH, 0.3 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT))
    bare(ax).imshow(sheet(images, 5), interpolation="nearest", aspect="auto")
    rows = torch.linspace(0, len(times) - 1, min(SHOWN, len(times))).round().long().tolist()
    strip = torch.ones(SHOWN, *beliefs.shape[1:])
    strip[: len(rows)] = beliefs[rows]
    wide = WIDTH - PANEL - 0.4
    low = 1.0
    ax = fig.add_axes(((PANEL + 0.3) / WIDTH, low / HEIGHT, wide / WIDTH, wide / 3 * 2 / HEIGHT))
    bare(ax).imshow(sheet(strip, 3), interpolation="nearest", aspect="auto")
    said = ", ".join(str(times[row]) for row in rows)
    fig.text(
        (PANEL + 0.3) / WIDTH, 0.7 / HEIGHT, f"the 3 as it is believed at t = {said}", fontsize=9, color=QUIET
    )
    right = int((digits_named(images) == torch.arange(25) % 10).sum())
    foot = f"{right} of 25 are read as what was asked for"
    fig.text((PANEL + 0.3) / WIDTH, 0.38 / HEIGHT, foot, fontsize=9, color=QUIET)
    word = "DDIM" if eta == 0 else "as much noise as DDPM" if eta == 1 else "between the two"
    head = f"{count} step{'s' if count > 1 else ''}, η = {eta:g} ({word})"
    fig.text(0.05 / WIDTH, 1 - 0.25 / HEIGHT, head, fontsize=11, color=INK)
    return fig


def ddim_steps() -> Widget:
    """Make the widget, with the shipped network of digits."""
    tour: list[tuple[str, dict[str, Any]]] = [
        ("Twenty steps without fresh noise.", {"count": 20}),
        ("Five steps: softer, and the same digits.", {"count": 5}),
        ("Two steps: readable, and still soft.", {"count": 2}),
        ("One step: the first belief, a mean.", {"count": 1}),
        ("Fifty steps: the same digits again.", {"count": 50}),
        ("Twenty steps with DDPM's noise: other digits.", {"count": 20, "eta": 1.0}),
        ("Five steps with DDPM's noise.", {"count": 5, "eta": 1.0}),
        ("Half as much noise.", {"count": 20, "eta": 0.5}),
    ]
    return Widget(
        title="DDIM steps",
        compute=sampled,
        controls={
            "count": Choice(tuple((str(count), count) for count in COUNTS), 20, label="steps"),
            "eta": Choice(tuple((f"{eta:g}", eta) for eta in ETAS), 0.0, label="η"),
        },
        tour=tour,
        trivial={"count": 1},
        alt="A sheet of 25 sampled digits, and the picture believed at up to six steps on one digit's way.",
    )
