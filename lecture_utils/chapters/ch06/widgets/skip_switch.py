"""Skip switch: one trained FCN-8s, and what is left of its answer when the scores of its skips are set to 0.

No network is trained anew: the weights are those of the 8s throughout. So this shows what the 8s owes to its
skips, and not how good a 32s or 16s is that was trained as one (C06.1 measures that).
"""

import copy
from functools import lru_cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.chapters.ch06.figures import STUFF
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SCENES, SIZE = 8, 96
KEPT = {"32s": 0, "16s": 1, "8s": 2}  # how many skips are left on: that of pool4, and that of pool3
SKIPS = {"32s": "both skips off", "16s": "pool4 on", "8s": "pool4 and pool3 on"}
LEAST = 0.015  # objects that cover at least this share of the picture are named
_FIRST = 2
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"net": "32s"},
        "Both skips off: one score for every 32 pixels. A blob around each object, and outlines that follow "
        "nothing.",
    ),
    ({"net": "16s"}, "With the scores of pool4, one for every 16 pixels."),
    (
        {"net": "8s"},
        "With those of pool3 as well, one for every 8 pixels: this is the net as it was trained.",
    ),
    ({"scene": 0, "net": "32s"}, "Another scene, without skips."),
    ({"scene": 0, "net": "16s"}, "With pool4."),
    ({"scene": 0, "net": "8s"}, "With both."),
)


@lru_cache(maxsize=1)
def networks() -> dict[str, nn.Module]:
    """The trained FCN-8s, and copies of it with the score layers of some skips set to zero."""
    from lecture_utils import zoo

    trained, made = zoo.load("shapes_fcn"), {}
    for name, kept in KEPT.items():
        made[name] = copy.deepcopy(trained)
        for layer in list(made[name].skips)[kept:]:  # type: ignore[arg-type]
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
    return made


@lru_cache(maxsize=1)
def scenes() -> tuple[Tensor, Tensor]:
    """Test scenes (8, 3, 96, 96) and the class of each pixel (8, 96, 96)."""
    from lecture_utils.data.toyworld import segmentation

    return segmentation(SCENES, size=SIZE, split="test", seed=11)


@lru_cache(maxsize=3)
def guesses(net: str) -> Tensor:
    """The predicted class of each pixel of the scenes, (8, 96, 96)."""
    from lecture_utils.training.loop import predictions

    return predictions(networks()[net], scenes()[0]).argmax(1)


@lru_cache(maxsize=3 * SCENES)
def scores(scene: int, net: str) -> tuple[float, float]:
    """mIoU and boundary IoU of one scene."""
    from lecture_utils.data.toyworld import SEMANTIC
    from lecture_utils.metrics.boundary_iou import mean_boundary_iou
    from lecture_utils.metrics.segmentation import mean_iou

    pair = guesses(net)[scene : scene + 1], scenes()[1][scene : scene + 1]
    return mean_iou(*pair, len(SEMANTIC)), mean_boundary_iou(*pair, len(SEMANTIC))


def switch(scene: int = _FIRST, net: str = "32s") -> Figure:
    """Draw a scene with the outlines of its regions, the predicted regions' outlines, and both scores.

    Parameters
    ----------
    scene : int
        0 to 7.
    net : "32s", "16s" or "8s"
        Which skips of the FCN-8s are left on.

    Returns
    -------
    Figure
    """
    from lecture_utils.plotting.annotations import outline
    from lecture_utils.plotting.images import to_image
    from lecture_utils.plotting.style import BLUE, INK, VERMILION
    from lecture_utils.widgets.layouts import strip

    images, labels = scenes()
    truth, guess = labels[scene], guesses(net)[scene]
    fig, axes = strip([2.3, 2.3, 2.3], 2.3)
    for ax, regions, colour, title in (
        (axes[0], truth, BLUE, f"scene {scene}: true regions"),
        (axes[1], guess, VERMILION, f"{net}: {SKIPS[net]}"),
    ):
        ax.imshow(0.3 + 0.7 * to_image(images[scene]))
        for k in regions.unique().tolist():
            outline(ax, regions == k, colour, 1.6)
        _name_objects(ax, regions, colour)
        ax.set_title(title, fontsize=9.5, loc="center", pad=3, color=INK)
    _scores(axes[2], scene, net)
    return fig


def _name_objects(ax: Axes, regions: Tensor, colour: str) -> None:
    """Write the names of the larger objects of a label map (H, W) at the middle of their boxes."""
    from lecture_utils.data.toyworld import SEMANTIC
    from lecture_utils.plotting.annotations import write_labels

    spans: list[Any] = []
    large = [k for k in regions.unique().tolist() if k >= STUFF and (regions == k).float().mean() >= LEAST]
    for k in large:
        rows, columns = (regions == k).nonzero(as_tuple=True)
        edges = [columns.min(), rows.min(), columns.max(), rows.max()]
        spans.append(tuple(float(edge) for edge in edges))
    write_labels(ax, spans, [SEMANTIC[k] for k in large], [colour] * len(large))


def _scores(ax: Axes, scene: int, net: str) -> None:
    """Bars of both scores for each setting of the switch; the chosen one is dark."""
    from lecture_utils.plotting.style import HAIRLINE, INK, QUIET

    ax.set_position((0.70, 0.05, 0.28, 0.80))
    ax.set_title("of this scene", fontsize=9.5, loc="center", pad=3, color=INK)
    for block, name in enumerate(("mIoU", "boundary IoU")):
        ax.text(0.0, 4 * block - 0.55, name, fontsize=9.5, va="bottom", color=INK)
        for row, other in enumerate(KEPT, start=4 * block):
            value, chosen = scores(scene, other)[block], other == net
            ax.barh(row, value, left=0.12, height=0.75, color=INK if chosen else HAIRLINE)
            ax.text(0.1, row, other, fontsize=9.5, ha="right", va="center", color=INK if chosen else QUIET)
            weight = "bold" if chosen else "normal"
            ax.text(
                value + 0.14, row, f"{value:.2f}", fontsize=9.5, va="center", fontweight=weight, color=INK
            )
    ax.set(xlim=(0, 1.3), ylim=(6.6, -1.3))


def skip_switch() -> Widget:
    """Make the skip switch: a scene, and which skips are on.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Skip switch",
        compute=switch,
        controls={
            "scene": Slider(0, SCENES - 1, 1, _FIRST, label="scene"),
            "net": Choice(list(KEPT), "32s", label="skips"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"net": "8s"},
        alt="A scene with its true outlines, then with predicted ones, and scores with and without skips.",
    )
