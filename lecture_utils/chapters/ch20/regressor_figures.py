"""Chapter 20, part b: what a regressor says of crops, over them and from the side."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.body.smpl import SMPL
from lecture_utils.body.spin.crop import weak_to_translation
from lecture_utils.body.spin.regressor import Estimate
from lecture_utils.data.toyworld.people.sampling import sample_people
from lecture_utils.data.toyworld.people.scene import placed
from lecture_utils.ops.camera import Cameras, world_to_cam
from lecture_utils.plotting.fits import fit_gallery, fit_over
from lecture_utils.plotting.images import panels, to_image
from lecture_utils.recipes._people_crops import People
from lecture_utils.recipes._people_regressor import estimates, joints

__all__ = ["guesses_figure", "iterates_figure", "skins_of", "standing_cameras", "stood_up"]


def stood_up(points: Tensor) -> Tensor:
    """Take points (…, 3) from a camera's axes (y down, z forward) to a world with z up, seen along y."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, z, -y], dim=-1)


def standing_cameras(lenses: Cameras) -> Cameras:
    """Return the cameras, at the origin, in the axes of `stood_up`."""
    turn = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).expand(len(lenses), 3, 3)
    return Cameras(turn, torch.zeros(len(lenses), 3), lenses.intrinsics, lenses.size)


def skins_of(model: SMPL, guess: Estimate, lenses: Cameras) -> Tensor:
    """Return the skins (B, V, 3) of what a regressor says, in the axes of `stood_up`."""
    place = weak_to_translation(guess.camera, lenses)
    return stood_up(model(guess.shape, guess.rotations, place).vertices)


def iterates_figure(model: SMPL, image: Tensor, guesses: list[Estimate], lens: Cameras) -> Figure:
    """Draw a regressor's guesses, one after another, over a crop (3, S, S) bytes."""
    fig, axes = panels(len(guesses), len(guesses), 1.9, 1.0, True, "It corrects its own guess")
    large = to_image(image.float() / 255).repeat(6, 0).repeat(6, 1)
    camera = standing_cameras(lens)
    for k, (ax, guess) in enumerate(zip(axes, guesses, strict=True)):
        skin = skins_of(model, guess, lens)[0]
        ax.imshow(
            fit_over(large, skin, model.faces, camera.scaled(large.shape[:2])), interpolation="antialiased"
        )
        ax.set_title(
            "the mean pose" if not k else f"after {k}", fontsize=9.5, fontweight="normal", loc="center"
        )
    return fig


def guesses_figure(
    model: SMPL, its: People, network: nn.Module, rows: list[int], lenses: Cameras, title: str,
    names: list[str] | None = None, *, split: tuple[str, int] = ("test", 0),
) -> Figure:  # fmt: skip
    """Draw what a network says of crops: over them, and from the side with the truth, pelvises together."""
    guess = estimates(network, its)
    own = skins_of(model, guess, lenses)[rows]
    scene = sample_people(1, split[1], model, split=split[0], count=len(its))  # the same people
    true = world_to_cam(placed(model, scene).vertices, its.cameras)[rows]
    pelvis = stood_up(joints().of(guess, lenses)[rows, 0])
    true = stood_up(true) - stood_up(its.joints_m[rows, 0])[:, None] + pelvis[:, None]
    return fit_gallery(
        its.images[rows].float() / 255, standing_cameras(lenses)[rows], own, model.faces, true, names,
        size=1.9, suptitle=title,
    )  # fmt: skip
