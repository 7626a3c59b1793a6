"""SMPLify step by step: a body laid over its picture and seen from the side, with priors and without.

F. Bogo et al., "Keep it SMPL: Automatic estimation of 3D human pose and shape from a single image", ECCV
2016.
"""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.capsules import fit_capsules
from lecture_utils.body.smplify.fit import STAGES, SMPLifyFit, smplify
from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.chapters.ch20.stage import PIXELS, people_body
from lecture_utils.data.toyworld.people.render import render_people
from lecture_utils.data.toyworld.people.sampling import sample_people
from lecture_utils.data.toyworld.people.scene import placed
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.plotting.fits import fit_over, side_image
from lecture_utils.plotting.images import to_image
from lecture_utils.plotting.skeletons import picture_panel
from lecture_utils.plotting.style import BLUE, HAIRLINE, INK, QUIET, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

PANEL, CHART = (3.0, 2.5), 2.3  # inches
PEOPLE = {"a runner": 3, "a squat": 5, "a wave": 4, "a walker": 0}  # of eight scenes: chosen for their poses
NOISE_PX, SIDE_M = 2.0, 2.3
PRIORS = {"with all priors": (), "without priors on pose": ("pose", "limits", "overlap")}
_ALL, _NONE = PRIORS
ENDS = [sum(stage.steps + 1 for stage in STAGES[: k + 1]) - 1 for k in range(len(STAGES))]  # of the stages
LAST = ENDS[-1]
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"step": LAST, "priors": _NONE},
        "Without the priors on pose: the joints fit in the picture. The side shows what was a guess.",
    ),
    ({"step": LAST}, "The same joints, with all priors."),
    ({"step": 0}, "The start, with priors: a mean pose, turned and moved so that the torso fits."),
    ({"step": 2}, "After two steps: most of the way is done."),
    ({"step": ENDS[0]}, "After the first stage, in which the priors weigh most."),
    ({"step": ENDS[1]}, "After the second stage: they weigh less, and no part may enter another."),
    ({"step": LAST, "person": "a squat"}, "A squat, with all priors …"),
    ({"step": LAST, "person": "a squat", "priors": _NONE}, "… and without."),
)


class Seen(NamedTuple):
    """Pictures (N, 3, H, W), cameras, true skins (N, V, 3) and joints (N, 24, 3), joints found (N, 24, 2)."""

    images: Tensor
    cameras: Cameras
    vertices: Tensor
    joints: Tensor
    found: Tensor


@lru_cache(maxsize=2)
def seen(model: SMPL) -> Seen:
    """Four people, and their joints as a detector may find them: exact, and noise of 2 pixels."""
    size = (round(PANEL[0] * PIXELS), round(PANEL[1] * PIXELS))
    scene = sample_people(1, 0, model, split="val", count=8, size=size)[list(PEOPLE.values())]
    views, truth = render_people(scene, model), placed(model, scene)
    noise = torch.randn(len(scene), 24, 2, generator=torch.Generator().manual_seed(0))
    found = views.joints_pixel[:, 0] + NOISE_PX * noise
    return Seen(views.image, views.cameras, truth.vertices, truth.joints, found)


@lru_cache(maxsize=4)
def fitted(model: SMPL, priors: str) -> tuple[SMPLifyFit, Tensor, Tensor]:
    """Fit all four; return the fit, and how far joints are off at each step in pixels and in mm, (S, N) each.

    Millimetres are between skeletons whose pelvises are laid over one another.
    """
    own = seen(model)
    left_out, prior = PRIORS[priors], zoo.load("people_pose_prior")
    assert isinstance(prior, GaussianMixturePrior)
    fit = smplify(
        model, own.found, torch.ones(own.found.shape[:2]), own.cameras,
        prior=prior, capsules=None if left_out else fit_capsules(model),
        stages=[stage.without(*left_out) for stage in STAGES],
    )  # fmt: skip
    steps, count = fit.poses.shape[:2]
    rest, shapes = RestJoints.of(model), fit.shapes.flatten(0, 1)
    joints, _ = posed_joints(rest, shapes, fit.poses.flatten(0, 1))
    joints = (joints + fit.translations.flatten(0, 1)[:, None]).unflatten(0, (steps, count))
    pixels = torch.stack([project(at, own.cameras)[0] for at in joints])
    off_px = (pixels - own.found).norm(dim=-1).mean(-1)
    from_pelvis, truth = joints - joints[:, :, :1], own.joints - own.joints[:, :1]
    return fit, off_px, 1000 * (from_pelvis - truth).norm(dim=-1).mean(-1)


def at_step(person: str, priors: str, step: int, model: SMPL | None = None) -> Figure:
    """Draw the body of one step over the picture and from the side, and the joints' error by steps.

    Parameters
    ----------
    person : str
        A key of PEOPLE.
    priors : str
        A key of PRIORS.
    step : int
        0 to LAST.
    model : SMPL, optional
        The course's own where not given.

    Returns
    -------
    Figure
    """
    body, k = model or people_body(), list(PEOPLE).index(person)
    own, (fit, off_px, off_mm) = seen(body), fitted(body, priors)
    row = (step, slice(k, k + 1))
    posed = body(fit.shapes[row], fit.poses[row], fit.translations[row])
    skin, pelvis = posed.vertices[0], posed.joints[0, 0]
    depth_cm = 100 * float((own.cameras.rotation[k] @ (pelvis - own.joints[k, 0]))[2])
    words = f"{abs(depth_cm):.0f} cm too {'far' if depth_cm > 0 else 'near'}"
    found = f"dots: joints found, with noise of {NOISE_PX:.0f} px"
    foot = f"{found}.    Blue: the fit, its pelvis {words}. Pale: the truth."
    fig, axes = strip((PANEL[1], PANEL[1], CHART), PANEL[0], foot=foot)
    picture_panel(axes[0], fit_over(to_image(own.images[k]), skin, body.faces, own.cameras[k], 0.85))
    axes[0].scatter(
        own.found[k, :, 0], own.found[k, :, 1], s=14, c=VERMILION, edgecolors="white", linewidths=0.6
    )
    size = (round(PANEL[0] * PIXELS), round(PANEL[1] * PIXELS))
    together = skin + own.joints[k, 0] - pelvis
    beside = side_image(together, own.vertices[k], body.faces, own.cameras[k], size, height_m=SIDE_M)
    picture_panel(axes[1], beside)
    titles = (f"off by {off_px[step, k]:.1f} px in the picture", "from the side, pelvises together",
             f"off by {off_mm[step, k]:.0f} mm in space")  # fmt: skip
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    _chart(axes[2], off_mm[:, k], step)
    return fig


def _chart(ax: Axes, off_mm: Tensor, step: int) -> None:
    """The joints' error in mm, step by step; dashed lines where a stage begins."""
    box = ax.get_position()
    ax.set_position((box.x0 + 0.055, box.y0 + 0.08, box.width - 0.065, box.height - 0.08))
    top = 50 * (2 + int(float(off_mm.max()) // 50))
    ax.plot(off_mm, color=BLUE, linewidth=1.8)
    ax.plot(step, off_mm[step], "o", color=VERMILION, markersize=7, markeredgecolor="white")
    begun = 0
    for number, stage in enumerate(STAGES, 1):
        ax.axvline(begun, color=QUIET, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
        words = f"stage {number}" if number == 1 else str(number)
        ax.text(begun + stage.steps / 2, 0.98 * top, words, color=QUIET, fontsize=8.5, ha="center", va="top",
                bbox={"color": "white", "pad": 1})  # fmt: skip
        begun += stage.steps + 1
    ax.set(xlim=(-2, LAST + 2), ylim=(0, top), xticks=range(0, LAST + 1, 10), yticks=range(0, top + 1, 50))
    ax.tick_params(labelsize=8.5, length=2, labelbottom=True, labelleft=True, pad=1)
    ax.grid(True, axis="y", color=HAIRLINE, linewidth=0.6)


def fit_steps(model: SMPL | None = None) -> Widget:
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
        title="SMPLify, step by step",
        compute=partial(at_step, model=model),
        controls={
            "person": Choice(list(PEOPLE)),
            "priors": Choice(list(PRIORS)),
            "step": Slider(0, LAST, 1, LAST),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"priors": _ALL, "step": 0},
        alt="A fitted body over its picture, from the side beside the truth, and the joints' error by steps.",
    )
