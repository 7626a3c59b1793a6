"""Skeletons on pictures: a person's left in blue, the right in orange, the middle dark; the truth in rings.

Shapes: N pictures, H, W pixels, J joints.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lecture_utils.body.skeleton import JOINTS, PARENTS

from .images import panels, to_array, to_image
from .style import BLUE, INK, ORANGE

SIDES = {"left": BLUE, "right": ORANGE, "middle": INK}
FAINT = 0.15  # how much is seen of a joint of confidence 0


def joint_colour(joint: int) -> str:
    """Return the colour of one of the 24 joints: by the person's own left and right."""
    return SIDES.get(JOINTS[joint].split("_")[0], INK)


def draw_skeleton(
    ax: Axes,
    joints: Any,
    *,
    parents: Sequence[int] = PARENTS,
    confidence: Any = None,
    colour: str | None = None,
    rings: bool = False,
    width: float = 2.0,
) -> None:
    """Draw joints and bones into an axes, in its own coordinates.

    Parameters
    ----------
    ax : Axes
    joints : Tensor or ndarray
        (J, 2); joints with NaN are left out, with their bones.
    parents : sequence of int
        J, the joint before each; -1 for the root.
    confidence : (J,), optional
        In [0, 1]: the surer, the larger the dot and the stronger its colour.
    colour : str, optional
        One for all; by the person's sides where not given.
    rings : bool
        Rings and dashed bones, for the truth.
    width : float
        Of a bone, in points.

    Raises
    ------
    ValueError
        For other shapes, or confidences outside [0, 1].
    """
    places = to_array(joints).astype(float)
    if places.shape != (len(parents), 2):
        raise ValueError(
            f"joints: got shape {places.shape}, want ({len(parents)}, 2), a place for each parent"
        )
    sure = np.ones(len(places)) if confidence is None else to_array(confidence).astype(float)
    if sure.shape != (len(places),) or not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError(f"confidence: got {sure.shape}, want ({len(places)},), all in [0, 1]")
    hues = [colour or (joint_colour(j) if len(places) == len(JOINTS) else BLUE) for j in range(len(places))]
    known = np.isfinite(places).all(1)
    seen = FAINT + (1 - FAINT) * sure
    bones = [(j, p) for j, p in enumerate(parents) if p >= 0 and known[j] and known[p]]
    ends = [places[[j, p]] for j, p in bones]
    alphas = [float(min(seen[j], seen[p])) for j, p in bones]
    style: dict[str, Any] = {"linestyles": (0, (3, 2)) if rings else "solid", "capstyle": "round"}
    if not rings:  # a pale edge, so that bones can be told from what is behind them
        ax.add_collection(
            LineCollection(ends, colors="white", linewidths=width + 1.4, alpha=alphas, zorder=3)
        )
    tints = [hues[j] for j, _ in bones]
    ax.add_collection(LineCollection(ends, colors=tints, linewidths=width, alpha=alphas, zorder=4, **style))
    sizes = (2.6 * width) ** 2 * (0.25 + 0.75 * sure[known])
    fill = ["none"] * int(known.sum()) if rings else [h for h, k in zip(hues, known, strict=True) if k]
    edge = [h for h, k in zip(hues, known, strict=True) if k] if rings else ["white"] * int(known.sum())
    for place, s, face, rim, a in zip(places[known], sizes, fill, edge, seen[known], strict=True):
        ax.scatter(place[0], place[1], s=s, facecolors=face, edgecolors=rim, linewidths=1.2 if rings else 0.7,
                   alpha=None if rings else a, zorder=5)  # fmt: skip


def joints_on_pictures(
    pictures: Any,
    joints: Any,
    titles: Sequence[str] | None = None,
    *,
    confidence: Any = None,
    truth: Any = None,
    parents: Sequence[int] = PARENTS,
    columns: int = 4,
    size: float = 2.0,
    suptitle: str | None = None,
) -> Figure:
    """Draw pictures with a skeleton over each.

    Parameters
    ----------
    pictures : N images
        As `plotting.to_image` takes them.
    joints : (N, J, 2), or a sequence of (K, J, 2) where a picture has K persons
        In pixels, u to the right and v down.
    titles : sequence of str, optional
    confidence : as `joints` without the last axis, optional
        In [0, 1].
    truth : as `joints`, optional
        Where the joints really are: rings.
    parents : sequence of int
        J.
    columns : int
    size : float
        Width of a picture in inches.
    suptitle : str, optional

    Returns
    -------
    Figure
    """
    images = [to_image(picture) for picture in pictures]
    check_one_each(len(images), joints=joints, titles=titles, confidence=confidence, truth=truth)
    height, width = images[0].shape[:2]
    fig, axes = panels(len(images), columns, size, width / height, titles is not None, suptitle)
    for k, (ax, image) in enumerate(zip(axes, images, strict=True)):
        picture_panel(ax, image, titles[k] if titles is not None else "")
        if truth is not None:
            for person in _persons(truth[k], 3):
                draw_skeleton(ax, person, parents=parents, colour=INK, rings=True, width=1.1)
        people = _persons(joints[k], 3)
        surely = [None] * len(people) if confidence is None else _persons(confidence[k], 2)
        for person, sure in zip(people, surely, strict=True):
            draw_skeleton(ax, person, parents=parents, confidence=sure, width=1.6)
    side_key(fig, truth is not None, confidence is not None)
    return fig


def _persons(values: Any, axes: int) -> list[Any]:
    """The persons of one picture, of an array for one or with an axis for many."""
    array = to_array(values)
    return list(array) if array.ndim == axes else [array]


def picture_panel(ax: Axes, image: np.ndarray, title: str = "") -> None:
    """Show a picture (H, W, 3) in a panel whose coordinates are its pixels, u to the right and v down."""
    height, width = image.shape[:2]
    ax.imshow(image, extent=(0, width, height, 0), interpolation="nearest" if height < 100 else "antialiased")
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.set_title(title, fontsize=9.5, fontweight="normal", loc="center", pad=3, color=INK)


def side_key(fig: Figure, truth: bool = False, confidence: bool = False) -> None:
    """Say below a figure what colours, rings and sizes mean."""
    marks = [Line2D([], [], marker="o", color=SIDES[side], label=f"the person's {side}")
             for side in ("left", "right")]  # fmt: skip
    if truth:
        marks.append(Line2D([], [], marker="o", color=INK, markerfacecolor="none", linestyle=(0, (3, 2)),
                            linewidth=1.1, label="truth"))  # fmt: skip
    if confidence:
        marks.append(Line2D([], [], marker="o", markersize=3.5, color=INK, alpha=0.4, linestyle="none",
                            label="small and pale: not sure"))  # fmt: skip
    fig.legend(handles=marks, loc="outside lower left", ncols=len(marks), fontsize=9)


def check_one_each(count: int, **given: Any) -> None:
    """Raise ValueError unless each of `given` that is not None has as many entries as there are pictures."""
    for name, got in given.items():
        if got is not None and len(got) != count:
            raise ValueError(f"{name}: got {len(got)} for {count} pictures, want one a picture")
