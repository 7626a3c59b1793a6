"""A GAN on 25 Gaussians as it trains: its points, what D thinks of the plane, and what is covered."""

import functools
from typing import Any

from matplotlib.figure import Figure

from lecture_utils.chapters.ch15.gan_figures import ARM_COLOURS, draw_game
from lecture_utils.chapters.ch15.gan_study import recorded
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.recipes.gaussians_gan import ARMS, TIMES, Record
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

WIDTH, HEIGHT, PANEL = 8.2, 3.9, 3.4  # inches


def game(arm: str, when: int, record: Record | None = None) -> Figure:
    """Draw one game at one recorded time: the plane, and beside it both curves with a mark."""
    record = record or recorded()
    a = list(ARMS).index(arm)
    fig = Figure(figsize=(WIDTH, HEIGHT))
    fig.set_layout_engine("none")
    plane = fig.add_axes((0.05 / WIDTH, 0.1 / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT))
    draw_game(plane, record.points[a, when], record.fields[a, when], size=4.0)
    parts = (("modes hit, of 25", record.modes, 26.0), ("share of good points", record.quality, 1.03))
    for k, (label, values, top) in enumerate(parts):
        low = 0.45 + (1 - k) * 1.72
        ax = fig.add_axes((4.35 / WIDTH, low / HEIGHT, (WIDTH - 4.5) / WIDTH, 1.3 / HEIGHT))
        for r, line in enumerate(values[a]):
            colour = ARM_COLOURS[arm] if r == 0 else QUIET
            ax.plot(TIMES, line.numpy(), color=colour, linewidth=2 if r == 0 else 0.9, zorder=3 - r)
        ax.plot(TIMES[when], float(values[a, 0, when]), "o", color=ARM_COLOURS[arm], markersize=9, zorder=4)
        ax.set(ylim=(0, top))
        ax.set_title(label, fontsize=9, loc="left", color=INK)
        if k == 0:
            ax.tick_params(labelbottom=False)
    fig.text(0.05 / WIDTH, 1 - 0.24 / HEIGHT, f"{arm}, after {TIMES[when]} rounds", fontsize=11, color=INK)
    return fig


def gan_on_gaussians(record: Record | None = None) -> Widget:
    """Make the widget from a record of games, the shipped one where none is given."""
    good, bare, saturating, strong, weak = ARMS
    last = len(TIMES) - 1
    parts: list[tuple[str, dict[str, Any]]] = [
        ("The end of a game. Blue: D calls it real; red: generated. Grey: other seeds.", {"arm": good}),
        (
            "After 50 rounds: a cloud, which hits modes by chance. Few points are good.",
            {"arm": good, "when": 1},
        ),
        ("Halfway: D draws stripes, and the points gather along them.", {"arm": good, "when": 4}),
        ("Without the penalty: D is steep, and some modes are given up.", {"arm": bare}),
        ("With the loss of the first equation, log(1 − D), and the penalty.", {"arm": saturating}),
        ("That loss, no penalty, three steps of D for one of G.", {"arm": strong}),
        ("A D that learns too slowly: one blob, driven about.", {"arm": weak, "when": 2}),
        ("The same at the end: a cloud, and a D without an opinion.", {"arm": weak}),
    ]
    tour = [(caption, {"when": last, **values}) for caption, values in parts]
    return Widget(
        title="A GAN on 25 Gaussians as it trains",
        compute=functools.partial(game, record=record),
        controls={
            "arm": Choice(tuple((name, name) for name in ARMS), good, label="game"),
            "when": Slider(0, last, 1, 0, label="recorded time"),
        },
        tour=tour,
        trivial={"when": 0},
        alt="Orange points over 25 circles on a plane shaded by the discriminator; beside it two curves.",
    )
