"""Pose and shape of a body: one joint's three angles, and the first four numbers of its shape.

M. Loper et al., "SMPL: A skinned multi-person linear model", ACM Transactions on Graphics 2015.
"""

from functools import partial
from typing import Any

import torch
from matplotlib.figure import Figure

from lecture_utils.body.skeleton import JOINTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.chapters.ch20.stage import NAMES, on_stage, people_body, turned
from lecture_utils.data.toyworld.people.limits import LIMITS
from lecture_utils.plotting.style import INK
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

PANEL = (3.0, 2.9)  # inches: height, width
SLACK_DEG = 0.5
_REST = {"x": 0, "y": 0, "z": 0, "shape_1": 0.0, "shape_2": 0.0, "shape_3": 0.0, "shape_4": 0.0}
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        _REST | {"joint": "left hip", "x": -90, "shape_1": 1.5, "shape_2": -1.5},
        "Two numbers of shape and one angle of a hip: another person, with a leg raised. All else follows.",
    ),
    (_REST | {"joint": "left hip", "x": -90}, "The same leg of the mean person: pose and shape are apart."),
    (
        _REST | {"joint": "left shoulder", "z": -60},
        "A shoulder about z, the axis to the front: the arm comes down.",
    ),
    (
        _REST | {"joint": "left shoulder", "y": -60},
        "About y, the axis upwards: the arm goes to the front. Elbow, wrist and hand go with it.",
    ),
    (
        _REST | {"joint": "spine 2", "x": 25},
        "A joint of the spine: what is above it bows, arms and head too.",
    ),
    (_REST | {"joint": "left knee", "x": -60}, "A knee bent the wrong way. Nothing in the model objects."),
    (_REST | {"joint": "left knee", "shape_1": 2.5}, "The first number of shape alone, at 2.5."),
    (_REST | {"joint": "left knee", "shape_2": 2.5}, "The second one."),
)


def within_limits(joint: int, angles_deg: tuple[float, float, float]) -> bool:
    """Whether a person's joint turns so far."""
    low, high = torch.rad2deg(LIMITS[joint]).unbind(-1)
    angles = torch.tensor(angles_deg)
    return bool(((angles >= low - SLACK_DEG) & (angles <= high + SLACK_DEG)).all())


def posed(
    joint: str, x: float, y: float, z: float,
    shape_1: float, shape_2: float, shape_3: float, shape_4: float, model: SMPL | None = None,
) -> Figure:  # fmt: skip
    """Draw the body from two sides.

    Parameters
    ----------
    joint : str
        A key of NAMES.
    x, y, z : float
        Its angles in degrees.
    shape_1, shape_2, shape_3, shape_4 : float
        In standard deviations.
    model : SMPL, optional
        The course's own where not given.

    Returns
    -------
    Figure
    """
    body = model or people_body()
    which = NAMES[joint]
    shape = torch.tensor([[shape_1, shape_2, shape_3, shape_4]])
    vertices = body(shape, turned(which, (x, y, z))).vertices[0]
    numbers, out = 3 * len(JOINTS) + body.shape_directions.shape[-1], len(body.template)
    can = "a person can do this" if within_limits(which, (x, y, z)) else "no person's joint turns so far"
    foot = f"{numbers} numbers in, {out:,} vertices out.    {joint}: {can}"
    fig, axes = strip((PANEL[1],) * 2, PANEL[0], foot=foot)
    for ax, view, words in zip(axes, ("front", "side"), ("from the front", "from its left"), strict=True):
        ax.imshow(on_stage(body, vertices, PANEL, view=view), aspect="auto", interpolation="nearest")
        ax.set_title(words, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    return fig


def pose_and_shape(model: SMPL | None = None) -> Widget:
    """Make the widget.

    Parameters
    ----------
    model : SMPL, optional
        The course's own where not given.

    Returns
    -------
    Widget
    """
    axes = (("x", -90, "to its left"), ("y", 20, "up"), ("z", 20, "to the front"))
    turn = {axis: Slider(-120, 120, 10, value, label=f"about {axis} ({words}), degrees")
            for axis, value, words in axes}  # fmt: skip
    shape = {f"shape_{k}": Slider(-3.0, 3.0, 0.5, 1.5 if k == 1 else 0.0, label=f"shape, number {k}")
             for k in range(1, 5)}  # fmt: skip
    return Widget(
        title="Pose and shape of a body",
        compute=partial(posed, model=model),
        controls={"joint": Choice(list(NAMES), "left hip"), **turn, **shape},
        tour=[(caption, values) for values, caption in _TOUR],
        trivial=_REST,
        alt="A body from the front and from its left, with one joint turned and four numbers of shape set.",
    )
