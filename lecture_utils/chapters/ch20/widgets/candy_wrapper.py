"""The candy wrapper: a joint turned far, by skinning alone and with pose correctives, and the volume there.

J. P. Lewis, M. Cordner and N. Fong, "Pose Space Deformation", SIGGRAPH 2000 (the artefact and its cure);
M. Loper et al., "SMPL: A skinned multi-person linear model", ACM Transactions on Graphics 2015, equation 9.
"""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.chapters.ch20.stage import carried, on_stage, people_body, turned
from lecture_utils.chapters.ch20.volumes import limb_piece, volume_ml
from lecture_utils.chapters.ch20.widgets.pose_and_shape import within_limits
from lecture_utils.plotting.bodies import READING, weight_colours
from lecture_utils.plotting.style import BLUE, HAIRLINE, INK, QUIET, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

PANEL, CHART = (2.5, 2.5), 2.3  # inches
STEP_DEG = 15


class Turn(NamedTuple):
    """A joint, what 1° of it is about x, y and z, the limb's axis at rest, a piece's half length, a view."""

    joint: str
    about: tuple[int, int, int]
    axis: int
    reach_m: float
    view: tuple[float, float]


TURNS = {
    "forearm and hand twisted": Turn("left_wrist", (1, 0, 0), 0, 0.10, (-70.0, 25.0)),
    "elbow bent": Turn("left_elbow", (0, -1, 0), 0, 0.09, (-60.0, 40.0)),
    "knee bent": Turn("left_knee", (1, 0, 0), 1, 0.12, (0.0, 8.0)),
}
_TWIST, _ELBOW, _KNEE = TURNS
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"turn": _TWIST, "angle": 165},
        "A hand turned by 165°: the mean of turns that differ so much is no turn, and the skin falls in.",
    ),
    (
        {"turn": _TWIST, "angle": 75},
        "By 75°, as far as a person can. Correctives are learned there; beyond, they are a guess.",
    ),
    (
        {"turn": _TWIST, "angle": 180},
        "By 180°, where two joints share the skin evenly, no thickness is left.",
    ),
    ({"turn": _ELBOW, "angle": 120}, "A bent elbow loses volume outside, and folds into itself inside."),
    ({"turn": _ELBOW, "angle": 60}, "A little bent, a little loss."),
    ({"turn": _KNEE, "angle": 105}, "A bent knee."),
)


@lru_cache(maxsize=8)
def volumes_ml(model: SMPL, turn: str) -> Tensor:
    """The piece's volume at 0, 15, … 180 degrees: by skinning, and with correctives (2, A)."""
    own = TURNS[turn]
    joint = joint_index(own.joint)
    piece = limb_piece(model, joint, own.axis, own.reach_m)
    angles = range(0, 180 + STEP_DEG, STEP_DEG)
    return torch.tensor(
        [[volume_ml(piece, _posed(model, turn, angle, on)) for angle in angles] for on in (False, True)]
    )


def _posed(model: SMPL, turn: str, angle: float, correctives: bool) -> Tensor:
    """The skin (V, 3) with the joint turned so far."""
    x, y, z = TURNS[turn].about
    pose = turned(joint_index(TURNS[turn].joint), (angle * x, angle * y, angle * z))
    return model(torch.zeros(1, 1), pose, correctives=correctives).vertices[0]


def wrapped(turn: str, angle: float, model: SMPL | None = None) -> Figure:
    """Draw the joint by skinning alone and with correctives, and the volume of the piece against the angle.

    Parameters
    ----------
    turn : str
        A key of TURNS.
    angle : float
        In degrees.
    model : SMPL, optional
        The course's own where not given.

    Returns
    -------
    Figure
    """
    body, own = model or people_body(), TURNS[turn]
    joint = joint_index(own.joint)
    volumes = volumes_ml(body, turn)
    now = volumes[:, round(angle / STEP_DEG)] / volumes[0, 0]
    x, y, z = (angle * k for k in own.about)
    can = "" if within_limits(joint, (x, y, z)) else "    No person turns it so far."
    piece = f"volume of {200 * own.reach_m:.0f} cm of limb, at rest {volumes[0, 0]:.0f} ml"
    foot = f"{piece}.    Blue: follows the joint.{can}"
    fig, axes = strip((PANEL[1], PANEL[1], CHART), PANEL[0], foot=foot)
    around = body.shaped(torch.zeros(1, 1))[1][0, joint]
    colours = weight_colours(body.weights[:, carried(body, joint)].sum(1, keepdim=True), 0)
    titles = (f"skinning alone: {100 * now[0]:.0f} %", f"with correctives: {100 * now[1]:.0f} %")
    for ax, on, words in zip(axes, (False, True), titles, strict=False):
        drawn = on_stage(body, _posed(body, turn, angle, on), PANEL, view=own.view, around=around,
                         room=0.28, colours=colours, flat=READING / 2)  # fmt: skip
        ax.imshow(drawn, aspect="auto", interpolation="nearest")
        ax.set_title(words, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    _chart(axes[2], volumes, angle)
    return fig


def _chart(ax: Axes, volumes: Tensor, angle: float) -> None:
    """Both volumes against the angle, as shares of that at rest."""
    box = ax.get_position()
    ax.set_position((box.x0 + 0.05, box.y0 + 0.08, box.width - 0.06, box.height - 0.08))
    share, angles = 100 * volumes / volumes[0, 0], [STEP_DEG * k for k in range(volumes.shape[1])]
    for row, colour, words in ((share[0], VERMILION, "skinning"), (share[1], BLUE, "correctives")):
        ax.plot(angles, row, color=colour, linewidth=1.8, label=words)
        ax.plot(angle, row[round(angle / STEP_DEG)], "o", color=colour, markersize=6, markeredgecolor="white")
    ax.axvline(angle, color=QUIET, linewidth=0.9, zorder=0)
    low, high = min(float(share.min()) - 12, 80.0), max(float(share.max()), 100.0) + 3
    ax.set(xlim=(-5, 185), ylim=(low, high), xticks=(0, 60, 120, 180))
    ax.set_yticks([tick for tick in range(0, 300, 10 if low > 50 else 20) if low < tick < high])
    ax.tick_params(labelsize=8.5, length=2, labelbottom=True, labelleft=True, pad=1)
    ax.grid(True, color=HAIRLINE, linewidth=0.6)
    ax.legend(fontsize=8.5, loc="lower left", handlelength=1.2, borderaxespad=0.1)
    ax.set_title("volume in %, by degrees", fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)


def candy_wrapper(model: SMPL | None = None) -> Widget:
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
        title="The candy wrapper",
        compute=partial(wrapped, model=model),
        controls={
            "turn": Choice(list(TURNS), _TWIST, label="what is turned"),
            "angle": Slider(0, 180, STEP_DEG, 165, label="by, degrees"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"angle": 0},
        alt="A joint turned, by skinning alone and with pose correctives, and the volume around it against "
        "the angle.",
    )
