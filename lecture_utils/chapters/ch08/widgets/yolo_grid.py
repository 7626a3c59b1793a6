"""YOLO's grid: which cell answers for which object, what it has to say, and who finds no room.

The grid and both layouts are those of `detection/yolo_grid.py`: J. Redmon et al., "You Only Look Once",
CVPR 2016, section 2, and J. Redmon, A. Farhadi, "YOLO9000", CVPR 2017, section 2.
"""

from functools import lru_cache
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.data.toyworld import CLASSES
from lecture_utils.detection.yolo_grid import Cells, Encoded, Layout, Placed, encode, place_objects
from lecture_utils.plotting.annotations import draw, object_colour
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import HAIRLINE, INK, QUIET
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIZE, SCENE, OBJECTS, BOXES = 240, 26, 5, 2  # pixels a side, which scene, its objects, B
LAYOUTS = {"by cell": "cell", "by box": "box"}
NUMBERS = ("x (cell = 1)", "y (cell = 1)", "√w (picture = 1)", "√h (picture = 1)", "confidence")
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"S": 4, "object": 4},
        "4 × 4: objects 2 and 4 are centred in one cell. It has one set of class probabilities: 4 is lost.",
    ),
    (
        {"S": 4, "object": 4, "layout": "by box"},
        "The same grid, each box with classes of its own: the second box of the cell says object 4.",
    ),
    ({"S": 8, "object": 4}, "8 × 8: the two centres lie in different cells, and all five are written."),
    ({"S": 7, "object": 5}, "7 × 7, as in the paper: finer than 4 × 4, and two other centres share a cell."),
    (
        {"S": 2, "object": 4, "layout": "by box"},
        "2 × 2: three centres in one cell. Its two boxes say two of them.",
    ),
    ({"S": 12, "object": 3}, "12 × 12: most cells have no object, and all their numbers are 0."),
)


@lru_cache(maxsize=1)
def scene() -> tuple[Tensor, Tensor, Tensor]:
    """Render one scene: picture (3, SIZE, SIZE), boxes (G, 4), classes (G,)."""
    from lecture_utils.data.toyworld import Objects, render, sample_scenes

    objects = Objects(count=OBJECTS, size=(0.3, 0.54), distance=(2.2, 5.0))
    scenes = sample_scenes(SCENE + 1, seed=0, split="val", objects=objects)
    drawn = render(scenes[SCENE : SCENE + 1], SIZE, only=("image", "class_id", "boxes"))
    return drawn.image[0], drawn.boxes[0].float(), drawn.class_id[0]


def written(S: int, layout: str) -> tuple[Layout, Placed, Encoded]:
    """Write the scene as a block of S × S cells; say where each object went."""
    _, boxes, classes = scene()
    how = Layout(BOXES, len(CLASSES), LAYOUTS[layout])
    placed = place_objects(boxes, (S, S), (SIZE, SIZE), how.room)
    return how, placed, encode(boxes, classes, how, (S, S), (SIZE, SIZE))


def cell_of(k: int, S: int) -> tuple[int, int]:
    """Row and column of the cell in which object k has its centre, kept or not."""
    alone = place_objects(scene()[1][k : k + 1], (S, S), (SIZE, SIZE), 1)
    return int(alone.row), int(alone.column)


def grid(S: int, object: int, layout: str) -> Figure:
    """Draw the grid over the scene, and beside it all numbers of one cell.

    Parameters
    ----------
    S : int
        Cells a side.
    object : int
        Whose cell is shown, from 1.
    layout : "by cell" or "by box"
        One set of class probabilities for each cell, or for each box.

    Returns
    -------
    Figure
    """
    how, placed, encoded = written(S, layout)
    row, column = cell_of(object - 1, S)
    fig = Figure(figsize=(7.4, 4.3))
    fig.set_layout_engine("none")
    left = bare(fig.add_axes((0.005, 0.07, 3.7 / 7.4, 3.7 / 4.3)))
    right = bare(fig.add_axes((0.515, 0.02, 0.48, 0.91)))
    _picture(left, S, placed, (row, column))
    kept = len(placed.kept)
    left.set_title(f"{OBJECTS} objects: {kept} written, {encoded.lost} lost", fontsize=10.5)
    size = f"{BOXES}·5 + {how.classes}" if how.classes_per == "cell" else f"{BOXES}·(5 + {how.classes})"
    told = f"{S} × {S} × ({size}) = {encoded.block.numel():,} numbers"
    fig.text(0.01, 0.03, told, fontsize=10, color=INK)
    inside = [int(k) for k, r, c in zip(placed.kept, placed.row, placed.column, strict=True)
              if (int(r), int(c)) == (row, column)]  # fmt: skip
    _numbers(right, how.split(encoded.block[row, column][None, None]), how, inside)
    note = f"row {row + 1}, column {column + 1}: object {object}"
    right.set_title(note if object - 1 in inside else note + " finds no room", fontsize=10.5)
    return fig


def _picture(ax: Axes, S: int, placed: Placed, chosen: tuple[int, int]) -> None:
    """Draw the scene, the grid, the cells that answer, and the objects: broken lines where one is lost."""
    image, boxes, _ = scene()
    side = SIZE / S
    draw(ax, image)
    for k, row, column in zip(placed.kept.tolist(), placed.row.tolist(), placed.column.tolist(), strict=True):
        at = column * side - 0.5, row * side - 0.5
        ax.add_patch(Rectangle(at, side, side, facecolor=object_colour(k), alpha=0.4, linewidth=0))
    for line in range(S + 1):
        ax.axhline(line * side - 0.5, color="white", linewidth=0.8, alpha=0.9)
        ax.axvline(line * side - 0.5, color="white", linewidth=0.8, alpha=0.9)
    for k in range(OBJECTS):
        lost = k not in placed.kept.tolist()
        colour = INK if lost else object_colour(k)
        draw(ax, None, boxes=boxes[k : k + 1], labels=[str(k + 1)], colours=[colour], dashed=lost)
        x, y = ((boxes[k, :2] + boxes[k, 2:]) / 2 - 0.5).tolist()
        ax.plot(x, y, "o", color=colour, markersize=7, markeredgecolor="white", zorder=6)
    at = chosen[1] * side - 0.5, chosen[0] * side - 0.5
    for colour, width in (("white", 4.4), (INK, 2.4)):
        ax.add_patch(Rectangle(at, side, side, fill=False, edgecolor=colour, linewidth=width, zorder=4))


def _numbers(ax: Axes, says: Cells, how: Layout, inside: list[int]) -> None:
    """Write the numbers of a cell in a column for each box; what says an object has its colour."""
    by_cell = how.classes_per == "cell"
    x = [0.58, 0.84]
    line = iter(torch.linspace(0.96, 0.03, len(NUMBERS) + how.classes + 2).tolist())

    def write(y: float, name: str, values: list[float], places: list[float]) -> None:
        ax.text(0.41, y, name, ha="right", va="center", fontsize=9.5, color=INK)
        for turn, (value, place) in enumerate(zip(values, places, strict=True)):
            mine = turn < len(inside)
            colour = object_colour(inside[turn]) if mine and value else INK if mine else QUIET
            text = f"{value:.2f}" if name in NUMBERS else f"{value:.0f}"
            weight = "bold" if mine and value else "normal"
            ax.text(place, y, text, ha="center", va="center", fontsize=9.5, color=colour, fontweight=weight)

    y = next(line)
    for turn in range(BOXES):
        whose = f"object {inside[turn] + 1}" if turn < len(inside) else "no object"
        ax.text(
            x[turn], y + 0.006, f"box {turn + 1}\n{whose}", ha="center", va="center", fontsize=9.5, color=INK
        )
    numbers = torch.cat([says.boxes, says.confidence[..., None]], dim=-1)[0, 0]  # (B, 5)
    for k, name in enumerate(NUMBERS):
        write(next(line), name, numbers[:, k].tolist(), x)
    y = next(line)
    ax.plot([0.06, 0.97], [y, y], color=HAIRLINE, linewidth=1)
    note = "classes, once a cell" if by_cell else "classes, for each box"
    ax.text(0.5, y, note, ha="center", va="center", fontsize=9.5, color=QUIET, backgroundcolor="white")
    classes = says.classes[0, 0]  # (B, C)
    for k, name in enumerate(CLASSES):
        values = classes[:1, k] if by_cell else classes[:, k]
        write(next(line), name, values.tolist(), [sum(x) / 2] if by_cell else x)
    ax.set(xlim=(0, 1), ylim=(0, 1))


def yolo_grid() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="YOLO's grid and what each cell says",
        compute=grid,
        controls={
            "S": Slider(2, 12, 1, 4, label="cells a side, S"),
            "object": Slider(1, OBJECTS, 1, 4, label="the cell of object"),
            "layout": Choice(list(LAYOUTS), "by cell", label="class probabilities"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"S": 12, "object": 1},
        alt="A scene under a grid of cells, objects in the colours of the cells that answer for them, and "
        "the numbers of one cell.",
    )
