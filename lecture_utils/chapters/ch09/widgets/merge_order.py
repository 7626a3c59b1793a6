"""The panoptic merge: whose pixels are they, if masks overlap? First come, first served, in which order?

The rule is that of A. Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 7, as
`segmentation/panoptic_merge.py` has it; the masks are those of `shapes_mask_rcnn` in one test scene. Stuff is
the true map, so that only the objects can be wrong.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data.toyworld import CLASSES, SEMANTIC, STUFF, Objects, render, sample_scenes
from lecture_utils.metrics.panoptic import Means, panoptic_quality
from lecture_utils.plotting.annotations import draw, draw_panoptic, object_colour
from lecture_utils.plotting.images import few
from lecture_utils.plotting.style import INK, QUIET, VERMILION
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from lecture_utils.segmentation.panoptic_merge import merge_panoptic
from lecture_utils.segmentation.structures import Instances
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

SIZE, LARGE, SCENE = 64, 128, 73  # pixels a side that the network sees, that are drawn; which test scene
THINGS = range(len(STUFF), len(SEMANTIC))
ORDERS = ("highest score", "lowest score", "smallest mask", "largest mask")
PANEL, TABLE = 2.02, 1.95  # inches
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"order": "largest mask"},
        "Largest first: a wrong mask, number 4, lies across two objects, claims both, and drops them.",
    ),
    (
        {},
        "Highest score first: the wrong mask comes last, and is dropped. One star is missing.",
    ),
    (
        {"least": 0.05},
        "A lower score limit: of the guesses at the small star the surest comes first, and it is a heart.",
    ),
    (
        {"least": 0.05, "order": "lowest score"},
        "Lowest score first: what is least believed claims the pixels.",
    ),
    (
        {"least": 0.05, "order": "smallest mask"},
        "Smallest first: here the guess that comes first happens to be the right class.",
    ),
    (
        {"least": 0.05, "overlap": 1.0},
        "No overlap limit: nothing is dropped, and slivers of covered masks count as objects.",
    ),
    (
        {"overlap": 0.1},
        "A limit of 0.1: the triangle goes too, since a third of it was claimed. Void is left.",
    ),
    ({"least": 0.9}, "A score limit of 0.9: only two objects are sure enough."),
)


class Scene(NamedTuple):
    """A scene, the objects that the network found in it, and the truth."""

    image: Tensor  # (3, LARGE, LARGE)
    found: Instances  # by falling score
    semantic: Tensor  # (SIZE, SIZE) int64
    panoptic: Tensor  # (SIZE, SIZE) int64 codes


class Turn(NamedTuple):
    """What became of one object when its turn came."""

    row: int  # of the instances
    covered: float  # the share of its mask that others had claimed
    kept: bool


@lru_cache(maxsize=1)
def scene() -> Scene:
    """Show a test scene to the network."""
    from lecture_utils import zoo

    own = sample_scenes(SCENE + 1, seed=0, split="test", objects=Objects(count=(1, 4)))[SCENE : SCENE + 1]
    small = render(own, SIZE, only=("image", "semantic", "panoptic"))
    with torch.no_grad():
        found = zoo.load("shapes_mask_rcnn")(small.image)[0]
    return Scene(render(own, LARGE, only=("image",)).image[0], found, small.semantic[0], small.panoptic[0])


def ordered(order: str) -> list[int]:
    """The rows of the found objects in one of ORDERS."""
    found = scene().found
    area = (found.masks >= 0.5).sum((1, 2))
    key = {ORDERS[0]: -found.scores, ORDERS[1]: found.scores, ORDERS[2]: area, ORDERS[3]: -area}[order]
    return key.argsort(stable=True).tolist()


def merged(order: str, overlap: float, least: float) -> Tensor:
    """The panoptic map (SIZE, SIZE) for an order, an overlap limit and a score limit."""
    own = scene()
    return merge_panoptic(
        own.found,
        own.semantic,
        stuff=len(STUFF),
        score_threshold=least,
        overlap=overlap,
        order=ordered(order),
    )


def turns(order: str, overlap: float, least: float) -> list[Turn]:
    """Tell the merge again, object by object, those below the score limit left out."""
    found = scene().found
    claimed, told = torch.zeros(SIZE, SIZE, dtype=torch.bool), []
    for row in ordered(order):
        if found.scores[row] < least:
            continue
        mask = found.masks[row] >= 0.5
        covered = int((mask & claimed).sum())
        kept = covered <= overlap * int(mask.sum())
        told.append(Turn(row, covered / max(1, int(mask.sum())), kept))
        if kept:
            claimed |= mask
    return told


def quality(panoptic: Tensor) -> Means:
    """PQ, SQ and RQ of a map (SIZE, SIZE): means over the classes of the picture."""
    return panoptic_quality([panoptic], [scene().panoptic], classes=len(SEMANTIC), things=THINGS).all


def merging(order: str, overlap: float, least: float) -> Figure:
    """Draw the masks, what becomes of them, the panoptic map and the truth.

    Parameters
    ----------
    order : str
        One of ORDERS: who comes first.
    overlap : float
        The share of a mask that others may have claimed.
    least : float
        The least score.

    Returns
    -------
    Figure
    """
    own, told = scene(), turns(order, overlap, least)
    panoptic = merged(order, overlap, least)
    fig, axes = strip(
        (PANEL, TABLE, PANEL, PANEL),
        PANEL,
        foot="vermilion: dropped, too much of it was claimed    white in the map: void, nothing is said",
    )
    rows = [turn.row for turn in told]
    times = LARGE // SIZE
    masks = (own.found.masks[rows] >= 0.5).repeat_interleave(times, 1).repeat_interleave(times, 2)
    colours = [object_colour(row) for row in rows]
    draw(axes[0], few(own.image, 32), masks=masks, labels=[str(row + 1) for row in rows],
         colours=colours, fill=0.0)  # fmt: skip
    _table(axes[1], told, len(own.found.scores) - len(told))
    for ax, codes in ((axes[2], panoptic), (axes[3], own.panoptic)):
        said = codes != VOID
        semantic = torch.where(said, codes // CODES, VOID)
        draw_panoptic(ax, semantic, torch.where(said, codes % CODES, 0), stuff=len(STUFF))
    pq = quality(panoptic)
    kept = sum(turn.kept for turn in told)
    numbers = f"PQ {pq.pq:.2f}, SQ {pq.sq:.2f}, RQ {pq.rq:.2f}"
    titles = (f"{len(told)} masks", f"{order} first: {kept} kept", numbers, "the truth, its own numbers")
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    return fig


def _table(ax: Axes, told: list[Turn], below: int) -> None:
    """List the objects in the order of the merge: number, class, score, share that was covered."""
    found = scene().found
    ax.set(xlim=(0, 1), ylim=(0, 1))
    places = ((0.1, "center"), (0.2, "left"), (0.68, "right"), (1.0, "right"))
    lines = torch.linspace(0.96, 0.04, 13).tolist()
    for (x, how), word in zip(places, ("", "class", "score", "covered"), strict=True):
        ax.text(x, lines[0], word, ha=how, va="center", fontsize=9, color=QUIET)
    for y, turn in zip(lines[1:], told, strict=False):
        label, score = int(found.labels[turn.row]), float(found.scores[turn.row])
        words = (str(turn.row + 1), CLASSES[label], f"{score:.2f}", f"{turn.covered:.0%}")
        for (x, how), word in zip(places, words, strict=True):
            colour = INK if turn.kept else VERMILION
            ax.text(x, y, word, ha=how, va="center", fontsize=9, color=colour)
    if below:
        ax.text(0.05, lines[-1], f"{below} below the score limit", va="center", fontsize=9, color=QUIET)


def merge_order() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="The panoptic merge and its order",
        compute=merging,
        controls={
            "order": Choice(list(ORDERS), label="first comes the"),
            "overlap": Slider(0.0, 1.0, 0.05, 0.5, label="overlap limit"),
            "least": Slider(0.0, 1.0, 0.05, 0.5, label="score limit"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"least": 1.0},
        alt="The masks that a network found in a scene, their order with what was covered, the panoptic map "
        "that they are merged to, and the true one.",
    )
