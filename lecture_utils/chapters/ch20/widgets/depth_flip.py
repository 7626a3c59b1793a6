"""Two depths that project alike: a limb towards the camera or away from it, and the one picture of both.

H.-J. Lee and Z. Chen, "Determination of 3D human body postures from a single view", Computer Vision,
Graphics, and Image Processing 1985: each bone of known length has two such places; C. Sminchisescu and
B. Triggs, "Kinematic jump processes for monocular 3D human tracking", CVPR 2003.
"""

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from lecture_utils.chapters.ch20.stage import PIXELS, carried, people_body
from lecture_utils.data.toyworld.people.limits import LIMITS, angles_to_pose, pose_to_angles
from lecture_utils.ops.camera import Cameras, orbit, project
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from lecture_utils.plotting.bodies import weight_colours
from lecture_utils.plotting.body_pictures import (
    body_layer,
    in_world,
    lay_over,
    view_camera,
)
from lecture_utils.plotting.skeletons import draw_skeleton, picture_panel
from lecture_utils.plotting.style import BLUE, HAIRLINE, INK, QUIET, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

PANEL, CHART = (3.0, 2.2), 2.3  # inches
TRUE_DEG, MOST_DEG, STEP_DEG = 45, 75, 5
AWAY_M, FRAME_M = 15.0, 2.05  # of the camera; what the panel's height spans
SLACK = 0.02  # radians


class Limb(NamedTuple):
    """The joint that turns, and the angles x, y, z in degrees of all joints that do not hang down."""

    joint: str
    stance: dict[str, tuple[float, float, float]]


_ARMS = {"left_shoulder": (0.0, 0.0, -70.0), "right_shoulder": (0.0, 0.0, 70.0)}
LIMBS = {
    "left arm": Limb("left_shoulder", _ARMS | {"left_shoulder": (0.0, 0.0, -45.0)}),
    "left forearm": Limb("left_elbow", _ARMS | {"left_shoulder": (0.0, 0.0, -30.0)}),
    "right leg": Limb("right_hip", _ARMS),
}
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"limb": "left arm", "angle": -45},
        "The arm points back by 45°, and in the picture it is about where it was seen.",
    ),
    (
        {"limb": "left arm", "angle": 45},
        "How it really was: 45° to the front. The two pictures are nearly the same.",
    ),
    (
        {"limb": "left arm", "angle": 0},
        "Between the two the arm looks too long: a hill, with a valley on each side.",
    ),
    ({"limb": "left forearm", "angle": 45}, "A forearm to the front …"),
    (
        {"limb": "left forearm", "angle": -45},
        "… and back. No elbow bends that way: here limits can tell the two apart.",
    ),
    ({"limb": "right leg", "angle": 45}, "A leg to the front …"),
    (
        {"limb": "right leg", "angle": -45},
        "… and back, too far for a hip. Its foot is seen elsewhere, too, so this valley is not so deep.",
    ),
)


def camera() -> Cameras:
    """A camera far before the body, as high as its middle."""
    size = (round(PANEL[0] * PIXELS), round(PANEL[1] * PIXELS))
    wide = 2 * math.degrees(math.atan(FRAME_M * PANEL[1] / PANEL[0] / 2 / AWAY_M))
    return orbit(1, size, radius_m=AWAY_M, elevation_deg=0.0, start_deg=-90.0, field_of_view_deg=wide)


def flipped(model: SMPL, limb: str, angles_deg: Tensor) -> Tensor:
    """Return poses (B, 24, 3) for angles (B,) of a limb out of the picture's plane.

    The limb turns about the axis in that plane that is across it: its direction in the picture stays, and
    it is as long there as the cosine says.
    """
    own, joint = LIMBS[limb], joint_index(LIMBS[limb].joint)
    angles = torch.zeros(len(JOINTS), 3)
    for name, value in own.stance.items():
        angles[joint_index(name)] = torch.deg2rad(torch.tensor(value))
    stance = angles_to_pose(angles)[None]
    joints, rotations = posed_joints(RestJoints.of(model), torch.zeros(1, 1), stance)
    along = joints[0, model.parents.index(joint)] - joints[0, joint]
    across = torch.nn.functional.normalize(torch.linalg.cross(along, torch.tensor([0.0, 0.0, 1.0])), dim=0)
    turn = axis_angle_to_matrix(torch.deg2rad(angles_deg)[:, None] * across)  # (B, 3, 3), in the body's frame
    pose = stance.repeat(len(angles_deg), 1, 1)
    parent = rotations[0, model.parents[joint]]
    pose[:, joint] = matrix_to_axis_angle(parent.mT @ turn @ rotations[0, joint])
    return pose


def centred(model: SMPL, points: Tensor) -> Tensor:
    """Points (P, 3) of a body in the world, with the middle of the mean person at the origin."""
    low, high = model.template[:, 1].aminmax()
    return in_world(points - torch.tensor([0.0, float(low + high) / 2, 0.0]))


def joints_pixel(model: SMPL, poses: Tensor) -> Tensor:
    """Where the joints (B, 24, 2) are in the picture."""
    joints, _ = posed_joints(RestJoints.of(model), torch.zeros(len(poses), 1), poses)
    pixels, _ = project(centred(model, joints.flatten(0, 1)), camera())
    return pixels[0].unflatten(0, (len(poses), -1))


@lru_cache(maxsize=8)
def errors_px(model: SMPL, limb: str) -> Tensor:
    """How far the limb's joints are from where they were seen, in the mean, at each angle (A,)."""
    angles = torch.arange(-MOST_DEG, MOST_DEG + 1, STEP_DEG).float()
    pixels = joints_pixel(model, flipped(model, limb, angles))
    moving = carried(model, joint_index(LIMBS[limb].joint))[1:]
    return (pixels - pixels[angles == TRUE_DEG])[:, moving].norm(dim=-1).mean(1)


def possible(limb: str, pose: Tensor) -> bool:
    """Whether a person's joint turns as the limb's does in a pose (24, 3)."""
    joint = joint_index(LIMBS[limb].joint)
    low, high = LIMITS[joint].unbind(-1)
    angles = pose_to_angles(pose)[joint]
    return bool(((angles >= low - SLACK) & (angles <= high + SLACK)).all())


def two_depths(limb: str, angle: float, model: SMPL | None = None) -> Figure:
    """Draw the camera's view with what was seen, the body from the side, and the error against the angle.

    Parameters
    ----------
    limb : str
        A key of LIMBS.
    angle : float
        Of the limb out of the picture's plane, in degrees, above 0 towards the camera.
    model : SMPL, optional
        The course's own where not given.

    Returns
    -------
    Figure
    """
    body, seen_by = model or people_body(), camera()
    poses = flipped(body, limb, torch.tensor([float(angle), float(TRUE_DEG)]))
    moving = carried(body, joint_index(LIMBS[limb].joint))
    seen = torch.full((len(JOINTS), 2), torch.nan)
    seen[moving] = joints_pixel(body, poses[1:])[0, moving]
    error = float(errors_px(body, limb)[round((angle + MOST_DEG) / STEP_DEG)])
    can = "a person can do this" if possible(limb, poses[0]) else "no person's joint turns so"
    foot = f"rings: the joints that were seen.    {limb} at {angle:.0f}°: {can}".replace("-", "−")
    fig, axes = strip((PANEL[1], PANEL[1], CHART), PANEL[0], foot=foot)
    skin = centred(body, body(torch.zeros(1, 1), poses[:1]).vertices[0])
    colours = limb_colours(body, limb)
    front = lay_over(torch.ones(3, *seen_by.size), body_layer(skin, body.faces, seen_by, colours), 0.75)
    side = view_camera("side", seen_by.size, (0.0, 0.0, 0.0), FRAME_M)
    beside = lay_over(torch.ones(3, *seen_by.size), body_layer(skin, body.faces, side, colours))
    picture_panel(axes[0], front)
    draw_skeleton(axes[0], seen, colour=INK, rings=True, width=1.5)
    picture_panel(axes[1], beside)
    words = ("what the camera sees", "from its left; camera: left", f"off by {error:.1f} px in the mean")
    for ax, title in zip(axes, words, strict=True):
        ax.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    _chart(axes[2], errors_px(body, limb), angle)
    return fig


def limb_colours(model: SMPL, limb: str) -> Tensor:
    """The limb in blue, the rest pale, (V, 3)."""
    share = model.weights[:, carried(model, joint_index(LIMBS[limb].joint))].sum(1, keepdim=True)
    return weight_colours(share, 0)


def _chart(ax: Axes, errors: Tensor, angle: float) -> None:
    """The error in the picture against the angle: two valleys."""
    box = ax.get_position()
    ax.set_position((box.x0 + 0.05, box.y0 + 0.08, box.width - 0.06, box.height - 0.08))
    angles = list(range(-MOST_DEG, MOST_DEG + 1, STEP_DEG))
    ax.plot(angles, errors, color=BLUE, linewidth=1.8)
    ax.plot(
        angle, errors[angles.index(round(angle))], "o", color=VERMILION, markersize=7, markeredgecolor="white"
    )
    ax.axvline(TRUE_DEG, color=QUIET, linewidth=0.9, linestyle=(0, (3, 2)), zorder=0)
    top = 1.15 * float(errors.max())
    ax.text(TRUE_DEG, 0.97 * top, "truth", color=QUIET, fontsize=8.5, ha="center", va="top",
            bbox={"color": "white", "pad": 1})  # fmt: skip
    ax.set(xlim=(-80, 80), ylim=(-0.03 * top, top), xticks=(-60, -30, 0, 30, 60))
    ax.set_yticks(range(0, int(top), 5 if top < 25 else 10))
    ax.tick_params(labelsize=8.5, length=2, labelbottom=True, labelleft=True, pad=1)
    ax.grid(True, color=HAIRLINE, linewidth=0.6)


def depth_flip(model: SMPL | None = None) -> Widget:
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
        title="Two depths that project alike",
        compute=partial(two_depths, model=model),
        controls={
            "limb": Choice(list(LIMBS), label="limb"),
            "angle": Slider(-MOST_DEG, MOST_DEG, STEP_DEG, -TRUE_DEG, label="towards the camera, degrees"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"angle": TRUE_DEG},
        alt="A body as a camera sees it, with the joints that were seen; the same body from its left; and "
        "how far the joints are off in the picture, against the angle of a limb.",
    )
