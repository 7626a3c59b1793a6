"""Chapter 20, part b: what a detector of joints would report, and the figures of fits to it."""

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from lecture_utils.body.smpl import SMPL, Posed
from lecture_utils.body.smplify.capsules import Capsules
from lecture_utils.body.smplify.fit import SMPLifyFit
from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from lecture_utils.chapters.ch20.clicks import Clicks
from lecture_utils.data.toyworld.people.keypoints import Detected
from lecture_utils.data.toyworld.people.render import PeopleViews
from lecture_utils.data.toyworld.people.scene import PeopleScene, placed
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_number, check_tensor
from lecture_utils.plotting.body_pictures import body_layer, in_world, lay_over, view_camera
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.fits import FIT, fit_gallery
from lecture_utils.plotting.images import panels, to_image
from lecture_utils.plotting.skeletons import draw_skeleton, picture_panel, side_key
from lecture_utils.plotting.style import BLUE, ORANGE, QUIET, VERMILION

__all__ = [
    "as_detected",
    "capsule_figure",
    "clicked_figure",
    "detected",
    "failures_figure",
    "man_figure",
    "mixed_up",
    "robust_figure",
]


def detected(exact: Tensor, seed: int = 0, *, noise_px: float = 1.5) -> tuple[Tensor, Tensor]:
    """Spoil joints (N, J, 2) as a detector does: pixels (N, J, 2) and confidences (N, J), 0.4 to 1.

    The noise is normal, with a standard deviation of `noise_px` where the confidence is 1, and three times as
    much at 0.4.
    """
    check_tensor(exact, "exact", "N", "J", 2, finite=True)
    check_number(noise_px, "noise_px", 0)
    draw = torch.Generator().manual_seed(seed)
    confidence = 0.4 + 0.6 * torch.rand(exact.shape[:2], generator=draw)
    spread = noise_px * (1 + (1 - confidence) / 0.3)
    return exact + spread[..., None] * torch.randn(exact.shape, generator=draw), confidence


def clicked_figure(picture: Tensor, clicked: Clicks, title: str) -> Figure:
    """Draw a photograph (3, H, W), and the clicks on it: the surer, the larger the dot."""
    height, width = picture.shape[1:]
    fig, (ax,) = panels(1, 1, 3.4, width / height, True, None)
    picture_panel(ax, to_image(picture), title)
    draw_skeleton(ax, clicked.pixels, confidence=clicked.confidence, width=1.8)
    side_key(fig, confidence=True)
    return fig


def robust_figure(off: Tensor, rho: Tensor, pull: Tensor, sigma: float) -> Figure:
    """Draw the robust error (D,) beside the square, and the pull, against the distance `off` (D,)."""
    fig = Figure(figsize=(7.6, 2.7), layout="constrained")
    axes = fig.subplots(1, 2)
    fig.suptitle("A joint far off costs no more, and pulls no longer", x=0.01, ha="left", fontsize=11)
    near = off <= 1.6 * sigma
    curves(
        {"ρ": (off, rho), "square": (off[near], off[near] ** 2)},
        "pixels off",
        "error, square pixels",
        ax=axes[0],
    )
    curves({"slope of ρ": (off, pull)}, "pixels off", "pull", ax=axes[1])
    for ax in axes:
        ax.axvline(sigma, color=QUIET, linewidth=0.9, linestyle=(0, (3, 2)))
    for at in (20, 300):
        axes[1].plot(at, pull[at], "o", color=VERMILION if at == 300 else BLUE, markeredgecolor="white")
    return fig


def man_figure(picture: Tensor, skins: dict[str, Tensor], faces: Tensor, lens: Cameras, title: str) -> Figure:
    """Draw a photograph (3, H, W) with bodies over it, and below from the left, where the camera is left.

    Parameters
    ----------
    picture : Tensor
        (3, H, W).
    skins : dict of str to Tensor
        (V, 3) each, in the camera's axes.
    faces : Tensor
        (F, 3).
    lens : Cameras
        One, at the origin.
    title : str
    """
    image, count = to_image(picture), len(skins)
    fig, axes = panels(2 * count, 2 * count, 7.6 / (2 * count) if count > 1 else 2.7, 1.0, True, title)
    for k, (name, skin) in enumerate(skins.items()):
        over = lay_over(image, body_layer(skin, faces, lens, FIT), 0.7)
        picture_panel(axes[2 * k], over, name)
        world = torch.stack([skin[:, 0], skin[:, 2], -skin[:, 1]], dim=1)  # y down, z forward -> z up
        middle = ((world.amin(0) + world.amax(0)) / 2).tolist()
        side = view_camera((0.0, 5.0), (400, 400), middle, 2.0)
        drawn = lay_over(
            np.ones((400, 400, 3), dtype=np.float32), body_layer(in_world(world, "z"), faces, side, FIT)
        )
        axes[2 * k + 1].imshow(drawn, interpolation="antialiased")
        axes[2 * k + 1].set_title(
            "from the side; camera: left", fontsize=9.5, fontweight="normal", loc="center"
        )
    return fig


def capsule_figure(model: SMPL, capsules: Capsules, poses: Tensor, titles: list[str]) -> Figure:
    """Draw mean bodies in poses (B, 24, 3) as the balls of their capsules: trunk dark, limbs in colour."""
    shape = torch.zeros(len(poses), model.shape_directions.shape[-1])
    joints, _ = posed_joints(RestJoints.of(model), shape, poses)
    fig, axes = panels(len(poses), len(poses), 2.3, 0.85, True, "A body as balls")
    radii = capsules.radii(shape[:1])[0]
    for ax, centres, title in zip(axes, capsules.spheres(joints), titles, strict=True):
        order = sorted(
            (
                (float(c[2]), c, float(r), k)
                for k, (own, r) in enumerate(zip(centres, radii, strict=True))
                for c in own
            ),
            key=lambda ball: ball[0],
        )
        for _, c, r, k in order:  # the farthest first
            hue = QUIET if k < 3 else BLUE if k < 9 else ORANGE
            ax.add_patch(
                Circle((float(c[0]), float(c[1])), r, facecolor=hue, edgecolor="white", linewidth=0.6)
            )
        ax.set(xlim=(-0.75, 0.75), ylim=(-1.05, 0.72), aspect="equal")
        ax.set_title(title, fontsize=9.5, fontweight="normal", loc="center", pad=3)
    return fig


def as_detected(
    scene: PeopleScene, views: PeopleViews, truth: Posed, pixels: Tensor, sure: Tensor
) -> Detected:
    """Return what is known of N scenes of one person each, and the joints that were found in them."""
    return Detected(
        scene.pose[:, 0], scene.shape[:, 0], scene.translation[:, 0], truth.joints, views.cameras,
        views.joints_pixel[:, 0], pixels, sure,
    )  # fmt: skip


def mixed_up(views: PeopleViews, *, doubt: float = 0.6) -> tuple[Tensor, Tensor]:
    """Return joints (1, J, 2) and confidence (1, J) of person 0 of two, hidden ones at the other's places."""
    exact, seen = views.joints_pixel[:1], views.visible[:1]
    found, confidence = detected(exact[:, 0])
    hidden = ~seen[:, 0]
    return torch.where(hidden[..., None], exact[:, 1], found), torch.where(hidden, doubt, confidence)


def failures_figure(
    model: SMPL,
    which: dict[str, int],
    people: tuple[PeopleViews, Tensor, Tensor, Tensor],
    pair: tuple[str, PeopleScene, PeopleViews, Tensor, SMPLifyFit],
) -> Figure:
    """Draw fits of some people, and that of person 0 of a picture of two.

    Parameters
    ----------
    model : SMPL
    which : dict of str to int
        What to call each, and its number.
    people : tuple
        N views; true and fitted skins (N, V, 3); joints found (N, J, 2).
    pair : tuple
        Its name, scene and view; the joints found (1, J, 2); the fit.
    """
    views, true, own, pixels = people
    word, scene, both, mixed, fit = pair
    rows = list(which.values())
    with torch.no_grad():
        skin = model(fit.shape, fit.pose, fit.translation).vertices
    one, other = views.cameras[rows], both.cameras
    rotation = torch.cat([one.rotation, other.rotation])
    translation = torch.cat([one.translation, other.translation])
    intrinsics = torch.cat([one.intrinsics, other.intrinsics])
    cameras = Cameras(rotation, translation, intrinsics, one.size)
    return fit_gallery(
        torch.cat([views.image[rows], both.image]), cameras, torch.cat([own[rows], skin]), model.faces,
        torch.cat([true[rows], placed(model, scene).vertices[:1]]), [*which, word],
        joints=torch.cat([pixels[rows], mixed]), size=1.9, suptitle="Right in the picture, or nearly",
    )  # fmt: skip
