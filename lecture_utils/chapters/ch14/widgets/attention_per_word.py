"""Attention per word: step through a caption, and see where the captioner looked for each of its words."""

from functools import lru_cache, partial
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.render import render
from lecture_utils.multimodal.scene_eye import CELLS
from lecture_utils.multimodal.show_attend_tell.captioner import ShowAttendTell
from lecture_utils.multimodal.show_attend_tell.describe import Told, describe
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import INK, QUIET, VERMILION
from lecture_utils.recipes.scenes_captioner import captioned, truths
from lecture_utils.widgets.controls import Slider
from lecture_utils.widgets.widget import Widget

SCENES, SIDE, LONGEST = 8, 192, 46  # pictures, their pixels, and the words that a caption may have
PANEL = 2.9  # inches


class Shown(NamedTuple):
    """A picture (3, S, S), what is told of it, and whether each word stands in a true statement."""

    picture: Tensor
    told: Told
    true: list[bool]


@lru_cache(maxsize=2)
def scenes(captioner: ShowAttendTell) -> list[Shown]:
    """Eight validation scenes with the most objects, captioned."""
    some = captioned(24, seed=5, split="val")
    rows = sorted(range(24), key=lambda n: -len(some.facts[n].things))[:SCENES]
    pictures = render(some.scenes[torch.tensor(rows)], SIDE, only="image").image
    captioner = captioner.eval()
    told = describe(captioner, some.grid[rows].float(), longest=LONGEST)
    out = []
    for row, picture, one in zip(rows, pictures, told, strict=True):
        right, true = truths(one.text, some.facts[row]), []
        for word in one.words:
            true.append(right[0] if right else False)
            right = right[1:] if word == "." else right
        out.append(Shown(picture, one, true))
    return out


@lru_cache(maxsize=1)
def shipped() -> ShowAttendTell:
    """The course's own."""
    captioner = zoo.load("scenes_captioner")
    assert isinstance(captioner, ShowAttendTell)
    return captioner


def look(scene: int, word: int, captioner: ShowAttendTell | None = None) -> Figure:
    """Draw a scene, where the captioner looked for one word of its caption, and the caption with this word.

    Parameters
    ----------
    scene, word : int
        Their numbers; behind the caption's end the last word stays.
    captioner : ShowAttendTell, optional
        The shipped one where none is given.
    """
    picture, told, true = scenes(captioner or shipped())[scene]
    at = min(word, len(told.words) - 1)
    width, height = 2 * PANEL + 0.3, PANEL + 1.6
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    heat = heat_overlay(picture, told.weights[at].reshape(CELLS, CELLS))
    for left, image in ((0.1, to_image(picture)), (PANEL + 0.2, heat)):
        place = (left / width, 1 - (PANEL + 0.1) / height, PANEL / width, PANEL / height)
        bare(fig.add_axes(place)).imshow(image, interpolation="nearest", aspect="auto")
    ax = bare(fig.add_axes((0.1 / width, 0, 1 - 0.2 / width, 1.45 / height)))
    ax.set(xlim=(0, 66), ylim=(4.9, 0))
    x, y = 0.0, 0.6
    for i, said in enumerate(told.words):
        if x + len(said) > 63:
            x, y = 0.0, y + 1
        colour = INK if true[i] else VERMILION
        ax.text(
            x, y, said, family="monospace", fontsize=9.5, va="center", color="white" if i == at else colour,
            bbox={"boxstyle": "square,pad=0.15", "color": colour} if i == at else None,
        )  # fmt: skip
        x += len(said) + 1
    share = 100 * float(told.weights[at].max())
    foot = f"word {at + 1} of {len(told.words)}; the most attended cell has {share:.0f} % of the look"
    ax.text(0, 4.5, foot, fontsize=8.5, va="center", color=QUIET)
    return fig


def attention_per_word(captioner: ShowAttendTell | None = None) -> Widget:
    """Make the widget for a trained captioner, the shipped one where none is given."""
    said = {
        (0, 4): "The nearest object is named first, and looked at.",
        (0, 10): "The next one: the look has moved on.",
        (0, 16): "The farthest is small, and has most of the look in one cell.",
        (0, 21): "The first sentence about two objects begins with the pink square again.",
        (0, 23): "To say left or right of what, it looks at the other object.",
        (0, 43): "The ground.",
        (2, 10): "A mistake: the ball's shape with the heart's colour.",
    }
    tour = [
        (text if captioner is None else f"Word {word + 1} of its caption.", {"scene": scene, "word": word})
        for (scene, word), text in said.items()
    ]
    return Widget(
        title="Attention, word by word",
        compute=partial(look, captioner=captioner),
        controls={
            "scene": Slider(0, SCENES - 1, 1, 0, label="scene"),
            "word": Slider(0, LONGEST - 1, 1, 0, label="word"),
        },
        tour=tour,
        trivial={"scene": 0, "word": 0},
        alt="A scene, beside it the cells that the captioner attended to for one word, and the caption.",
    )
