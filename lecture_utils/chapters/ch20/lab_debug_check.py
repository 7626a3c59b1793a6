"""Chapter 20's lab, step 2: files on which `read_clicks` is tried, and the usual mistakes (`lab_debug`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, MIRROR, joint_index
from lecture_utils.chapters.ch20.lab_debug import read_clicks, read_clicks_faulty
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["STEP_2"]


def _files(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for some, size in (
        (("head",), (100, 100)),  # alone, and in the middle of the body
        (("left_hand",), (100, 100)),
        (("head", "pelvis"), (100, 200)),
        (("left_elbow", "right_knee"), (120, 160)),
        (("left_shoulder", "right_shoulder", "neck"), (512, 512)),
        (JOINTS[::3], (480, 640)),
        (JOINTS, (640, 480)),
        ((), (100, 100)),
    ):
        rows = np.zeros((24, 3))
        for name in some:
            rows[joint_index(name)] = (*rng.uniform(0.05, 0.95, 2), rng.uniform(0.2, 1))
        yield floats(rows), size


def _read(
    rows: Tensor,
    size: tuple[int, int],
    *,
    sides: Callable[[Tensor], Tensor] = lambda rows: rows[list(MIRROR)],
    sure: Callable[[Tensor, Tensor], Tensor] = lambda rows, mirrored: mirrored[:, 2],
    down: Callable[[Tensor, int], Tensor] = lambda y, height: (1 - y) * height,
    across: Callable[[Tensor, int], Tensor] = lambda x, width: x * width,
    hide: float = torch.nan,
    turned: bool = False,
) -> tuple[Tensor, Tensor]:
    """The file read with one part exchanged."""
    height, width = size[::-1] if turned else size
    own = sides(rows)
    pixels = torch.stack([across(own[:, 0], width), down(own[:, 1], height)], dim=1)
    confidence = sure(rows, own)
    return torch.where(confidence[:, None] > 0, pixels, hide), confidence


@mistake(
    "Both faults are still there. In the file y grows upwards from the lower edge; where does v grow, and "
    "from where? And whose left is the file's left?"
)
def _both_kept(rows: Tensor, size: tuple[int, int]) -> Any:
    return read_clicks_faulty(rows, size)


@mistake(
    "The person stands on their feet now. But the near arm is the wrong one: the file's left is the left of "
    "who looks. Which list of the skeleton says where a joint's other side is?"
)
def _sides_kept(*given: Any) -> Any:
    return _read(*given, sides=lambda rows: rows)


@mistake(
    "Left and right are the person's own now. But the person still hangs upside down: v counts from the "
    "upper edge of the picture."
)
def _y_kept(*given: Any) -> Any:
    return _read(*given, down=lambda y, height: y * height)


@mistake(
    "You mirror the picture: u counts from the right. Then the man looks to the left. It "
    "is the names of the joints that have to be exchanged, not their places."
)
def _picture_mirrored(*given: Any) -> Any:
    return _read(*given, sides=lambda rows: rows, across=lambda x, width: (1 - x) * width)


@mistake(
    "You do both: the names are exchanged, and the picture is mirrored as well. Places stay where they are."
)
def _names_and_picture(*given: Any) -> Any:
    return _read(*given, across=lambda x, width: (1 - x) * width)


@mistake(
    "You change the sign of y. Then all joints lie above the picture: how far is it from its upper edge?"
)
def _minus_y(*given: Any) -> Any:
    return _read(*given, down=lambda y, height: -y * height)


@mistake("You mix units: y is a share of the height, and from 1 it is to be taken before it becomes pixels.")
def _units_mixed(*given: Any) -> Any:
    return _read(*given, down=lambda y, height: height - y)


@mistake(
    "You exchange the places of left and right, but not how sure each was. All three numbers of a row go "
    "along."
)
def _sureness_kept(*given: Any) -> Any:
    return _read(*given, sure=lambda rows, mirrored: rows[:, 2])


@mistake("You take the picture's size the wrong way round: height comes first.")
def _size_turned(*given: Any) -> Any:
    return _read(*given, turned=True)


@mistake(
    "What nobody clicked stands in a corner of the picture with you, as if it had been seen there. The "
    "docstring wants NaN."
)
def _corner(*given: Any) -> Any:
    return _read(*given, hide=0.0)


@mistake(
    "You exchange neighbours, or turn the whole list round. Which joint is the other side of which, "
    "`MIRROR` of `body.skeleton` says."
)
def _list_turned(*given: Any) -> Any:
    return _read(*given, sides=lambda rows: rows.flip(0))


@mistake(
    "You take x from the lower edge and y from the left: the two are exchanged. In a row x comes first, as "
    "u does in a pixel."
)
def _x_and_y(*given: Any) -> Any:
    return _read(*given, sides=lambda rows: rows[list(MIRROR)][:, [1, 0, 2]])


STEP_2 = Exercise(
    "20.L2",
    "A colleague's clicks",
    read_clicks,
    _files,
    difficulty=2,
    minutes=10,
    hints=(
        "There are two faults, and each has a symptom of its own. Which one makes it impossible to reach "
        "the clicks, and which one reaches them with another man? Mend one, and fit again.",
        "A plot counts y from below, a picture counts v from above. And the left of who looks at somebody "
        "is that person's right. Only names change for that, no place.",
        "v is (1 - y) · height. rows[list(MIRROR)] exchanges left and right of all that a row tells; do it "
        "before anything else.",
    ),
    mistakes=(
        _both_kept,
        _sides_kept,
        _y_kept,
        _picture_mirrored,
        _names_and_picture,
        _minus_y,
        _units_mixed,
        _sureness_kept,
        _size_turned,
        _corner,
        _list_turned,
        _x_and_y,
    ),
)
