"""Skinning weights: how much of the skin follows each joint, at rest and with the joint bent.

M. Loper et al., "SMPL: A skinned multi-person linear model", ACM Transactions on Graphics 2015, section 3.
"""

from functools import partial
from typing import Any

import torch
from matplotlib.figure import Figure

from lecture_utils.body.skeleton import JOINTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.chapters.ch20.stage import NAMES, on_stage, people_body, turned
from lecture_utils.plotting.bodies import READING, weight_colours
from lecture_utils.plotting.style import INK
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

PANEL = (3.0, 2.8)  # inches: height, width
ALL = "all, a colour each"
SOME = 0.01  # of a vertex: less does not count as having a part of it
# The axis about which a joint bends, as its angle grows; of the left side where there are two.
AXES = {
    "hip": (-1, 0, 0), "knee": (1, 0, 0), "ankle": (-1, 0, 0), "foot": (-1, 0, 0), "collar": (0, 0, 1),
    "shoulder": (0, 0, -1), "elbow": (0, -1, 0), "wrist": (0, 0, -1), "hand": (0, 0, -1),
    "pelvis": (0, 1, 0),
}  # fmt: skip
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    ({"joint": "left knee", "angle": 90}, "The left knee has the shank; near the joint it shares."),
    ({"joint": "left shoulder", "angle": 60}, "The shoulder: a wide band of skin follows it in part."),
    ({"joint": "left elbow", "angle": 90}, "The elbow has the forearm, not the hand: the wrist has that."),
    ({"joint": "left hip", "angle": 90}, "The hip: its weights reach into the trunk."),
    ({"joint": "spine 2", "angle": 30}, "A joint of the spine has a belt; all above moves with it."),
    ({"joint": "pelvis", "angle": 45}, "The root turns the whole body, whatever the weights."),
    ({"joint": ALL, "angle": 90}, "All joints at once: a mixed colour is a shared vertex."),
)


def bend(joint: str, angle: float) -> tuple[float, float, float]:
    """Return the angles x, y, z in degrees by which a joint bends so far."""
    side, _, part = joint.rpartition(" ")
    x, y, z = AXES.get(part, (1, 0, 0))
    mirror = -1 if side == "right" else 1  # y and z change sign
    return angle * x, angle * y * mirror, angle * z * mirror


def painted(joint: str, angle: float, model: SMPL | None = None) -> Figure:
    """Draw the weights on the skin, at rest and bent.

    Parameters
    ----------
    joint : str
        A key of NAMES, or ALL.
    angle : float
        In degrees; with ALL the left elbow bends.
    model : SMPL, optional
        The course's own where not given.

    Returns
    -------
    Figure
    """
    body = model or people_body()
    which = None if joint == ALL else NAMES[joint]
    colours = weight_colours(body.weights, which)
    moving = "left elbow" if which is None else joint
    pose = torch.cat([torch.zeros(1, len(JOINTS), 3), turned(NAMES[moving], bend(moving, angle))])
    rest, bent = body(torch.zeros(2, 1), pose).vertices
    if which is None:
        shared = int((body.weights > SOME).sum(1).gt(1).sum())
        foot = f"{shared:,} of {len(body.template):,} vertices follow two joints or more"
    else:
        own, all_own = (int((body.weights[:, which] > least).sum()) for least in (SOME, 1 - SOME))
        whole = f"{own:,} of {len(body.template):,} vertices"
        foot = f"{whole} follow this joint, {all_own:,} of them no other"
    fig, axes = strip((PANEL[1],) * 2, PANEL[0], foot=foot)
    view = (-50.0 if not joint.startswith("right") else -130.0, 12.0)
    for ax, vertices, words in zip(axes, (rest, bent), ("at rest", f"{moving} by {angle:.0f}°"), strict=True):
        drawn = on_stage(body, vertices, PANEL, view=view, room=1.15, colours=colours, flat=READING)
        ax.imshow(drawn, aspect="auto", interpolation="nearest")
        ax.set_title(words, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    return fig


def skin_weights(model: SMPL | None = None) -> Widget:
    """Make the widget.

    Parameters
    ----------
    model : SMPL, optional
        The course's own where not given.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Skinning weights",
        compute=partial(painted, model=model),
        controls={
            "joint": Choice([ALL, *NAMES], "left knee"),
            "angle": Slider(0, 120, 15, 90, label="bent by, degrees"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"joint": "pelvis", "angle": 0},
        alt="A body at rest and with a joint bent; the bluer the skin, the more of it follows that joint.",
    )
