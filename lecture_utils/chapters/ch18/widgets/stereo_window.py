"""Block matching and the size of its window: noise where it is small, swollen things where it is large.

D. Scharstein and R. Szeliski, "A Taxonomy and Evaluation of Dense Two-Frame Stereo Correspondence
Algorithms", IJCV 2002. The pair is the motorcycle at half its bundled size; costs and choice are those of
`geometry/stereo.py`.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.geometry.corners import grey
from lecture_utils.geometry.stereo import best_disparity, cost_volume
from lecture_utils.plotting.style import BLUE, HAIRLINE, INK, ORANGE, QUIET
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

MOST = 32  # pixels of disparity, at half size
BAD_PX = 2.0  # at half size; 4 at the bundled one
SIZES = (1, 3, 5, 7, 9, 13, 17, 25, 33)
MEASURES = {"differences": "sad", "correlation": "zncc"}
CUT = (slice(10, 190), slice(60, 320))  # what is drawn: the motorcycle and some wall
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    ({"size": 3}, "3 × 3: the wheels are crisp, and the wall is noise."),
    ({"size": 1}, "A single pixel: hundreds of others are as grey. Most of the picture is a lottery."),
    ({"size": 9}, "9 × 9: the wall calms down. Spokes begin to grow together."),
    ({"size": 17}, "17 × 17: better still on the wall, worse at every edge."),
    ({"size": 33}, "33 × 33: things are swollen by half a window."),
    (
        {"size": 9, "measure": "correlation"},
        "Correlation forgives one picture for being brighter than the other. Plain parts gain most by it.",
    ),
    (
        {"size": 17, "measure": "correlation"},
        "A larger window: the edges lose, and now the plain parts lose too.",
    ),
)


class Pair(NamedTuple):
    """Both pictures in grey (1, 1, H, W), the true disparity (H, W), what is plain, what is near an edge."""

    left: Tensor
    right: Tensor
    truth: Tensor
    plain: Tensor
    edge: Tensor


@lru_cache(maxsize=1)
def pair() -> Pair:
    """Load the motorcycle at half its size."""
    from lecture_utils.data.photographs import stereo

    whole = stereo()
    left, right = (F.avg_pool2d(grey(x[None]), 2) for x in (whole.left, whole.right))
    truth = whole.disparity[: 2 * left.shape[2] : 2, : 2 * left.shape[3] : 2] / 2
    known = truth.isfinite()
    mean = F.avg_pool2d(torch.cat([left, left**2], 1), 9, 1, 4)[0]
    contrast = mean[1] - mean[0] ** 2
    high, low = (F.max_pool2d(x.nan_to_num(-999)[None, None], 9, 1, 4)[0, 0] for x in (truth, -truth))
    return Pair(left, right, truth, contrast < contrast[known].quantile(0.25), high + low > 3)


@lru_cache(maxsize=24)
def disparity(size: int, measure: str) -> Tensor:
    """The disparity (H, W) for a window of size × size, with a whole number of pixels between them."""
    own = pair()
    volume = cost_volume(own.left, own.right, MOST, radius=size // 2, measure=MEASURES[measure])
    return best_disparity(volume)[0]


def shares(size: int, measure: str) -> tuple[float, float, float]:
    """Share of pixels over 2 off: of all, of the quarter with least contrast, of those at edges of depth."""
    own = pair()
    known = own.truth.isfinite()
    bad = ~((disparity(size, measure) - own.truth).abs() <= BAD_PX)
    every, plain, edge = (float(bad[known & where].float().mean()) for where in (known, own.plain, own.edge))
    return every, plain, edge


def windows(size: int, measure: str) -> Figure:
    """Draw the disparity found with a window, the true one, and how errors depend on the window.

    Parameters
    ----------
    size : int
        Pixels a side, odd.
    measure : str
        A key of MEASURES.

    Returns
    -------
    Figure
    """
    own, wide = pair(), 2.55
    height = wide * (CUT[0].stop - CUT[0].start) / (CUT[1].stop - CUT[1].start)
    fig, axes = strip((wide, wide, 2.35), height, foot="share of pixels over 2 off, at half the bundled size")
    for ax, values, name in (
        (axes[0], disparity(int(size), measure), f"found, window {int(size)} × {int(size)}"),
        (axes[1], own.truth, "true disparity"),
    ):
        ax.imshow(values[CUT], cmap="viridis", vmin=0, vmax=30)
        ax.set_title(name, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    _curves(axes[2], int(size), measure)
    return fig


def _curves(ax: Axes, size: int, measure: str) -> None:
    """The three shares against the window's size, and where the slider is."""
    table = [shares(k, measure) for k in SIZES]
    box = ax.get_position()
    ax.set_position((box.x0 + 0.05, box.y0 + 0.09, box.width - 0.06, box.height - 0.09))
    for column, (name, colour) in enumerate((("all", INK), ("plain", BLUE), ("edges", ORANGE))):
        values = [row[column] for row in table]
        ax.plot(SIZES, values, color=colour, linewidth=1.8)
        low = (0.045 if name == "plain" else -0.055 if name == "all" else 0) + values[-1]
        ax.text(SIZES[-1] + 0.9, low, name, color=colour, fontsize=9, va="center")
        ax.plot(size, shares(size, measure)[column], "o", color=colour, markersize=6, markeredgecolor="white")
    ax.axvline(size, color=QUIET, linewidth=0.9, zorder=0)
    ax.set(
        xlim=(0, 41), ylim=(0, 1), xticks=(1, 9, 17, 25, 33), yticks=(0, 0.5, 1), yticklabels=("0", "½", "1")
    )
    ax.tick_params(labelsize=8.5, length=2, labelbottom=True, labelleft=True, pad=1)
    ax.grid(True, color=HAIRLINE, linewidth=0.6)
    ax.set_title("wrong pixels by window", fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)


def stereo_window() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Block matching and its window",
        compute=windows,
        controls={
            "size": Slider(1, 33, 2, 3, label="window, pixels a side"),
            "measure": Choice(list(MEASURES), label="compare by"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"size": 1},
        alt="The disparity that block matching finds for a motorcycle, the true one, and the share of wrong "
        "pixels against the size of the window.",
    )
