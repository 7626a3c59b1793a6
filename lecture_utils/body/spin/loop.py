"""SPIN's loop (S20.5): the network starts the fit, the fit supervises the network.

    1. the network looks at a crop: Θ_reg
    2. a fit to the 2-D joints starts there, not at the mean: Θ_opt
    3. the dictionary keeps the best Θ_opt of each picture
    4. the network learns from it: | Θ_reg - Θ_opt |², and from the 2-D joints

No 3-D label is used. A fit from a good start seldom falls into a wrong minimum, and a network that learns
from good fits gives good starts.

N. Kolotouros, G. Pavlakos, M. Black and K. Daniilidis, "Learning to Reconstruct 3D Human Pose and Shape via
Model-Fitting in the Loop", ICCV 2019, section 3 and figure 2.

Shapes: B crops, J joints, K shape numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.body.spin.crop import (
    check_joints2d,
    mirror_confidence,
    mirror_points,
    mirror_pose,
    weak_to_translation,
)
from lecture_utils.body.spin.fits import BestFits, Fit
from lecture_utils.body.spin.losses import (
    WEIGHTS,
    BodyJoints,
    Weights,
    parameter_losses,
    picture_loss,
    reprojection_error_px,
)
from lecture_utils.body.spin.regressor import Estimate
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.checks import check_finite, check_images, check_tensor
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle

# (pose (B, J, 3), shape (B, K), translation (B, 3), joints2d, confidence, cameras) → pose, shape, translation
Fitter = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Cameras], tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class Crops:
    """Training pictures with the 2-D joints that were seen in them.

    Attributes
    ----------
    images : Tensor
        (B, 3, S, S), floating point.
    joints2d : Tensor
        (B, J, 2), pixels of the crop.
    confidence : Tensor
        (B, J), 0 or more; 0 where a joint was not seen.
    rows : Tensor
        (B,) int64, the number of each picture in the dictionary.
    mirrored : Tensor
        (B,) bool, whether picture and joints have been mirrored.
    """

    images: Tensor
    joints2d: Tensor
    confidence: Tensor
    rows: Tensor
    mirrored: Tensor

    def __post_init__(self) -> None:
        check_images(self.images)
        check_finite(self.images, "images")
        check_joints2d(self.joints2d, self.confidence)
        check_tensor(self.joints2d, "joints2d", len(self.images), "J", 2)
        check_tensor(self.rows, "rows", len(self.images), kind="int")
        check_tensor(self.mirrored, "mirrored", len(self.images), kind="bool")

    def __len__(self) -> int:
        return len(self.rows)


def mirror_some(crops: Crops, which: Tensor) -> Crops:
    """Mirror the crops that `which` (B,) bool says: another picture and another person, for nothing."""
    check_tensor(which, "which", len(crops), kind="bool")
    images = torch.where(which[:, None, None, None], crops.images.flip(-1), crops.images)
    turned = mirror_points(crops.joints2d, crops.images.shape[-1])
    joints2d = torch.where(which[:, None, None], turned, crops.joints2d)
    other = torch.where(which[:, None], mirror_confidence(crops.confidence), crops.confidence)
    return Crops(images, joints2d, other, crops.rows, crops.mirrored ^ which)


def unmirrored(fit: Fit, mirrored: Tensor) -> Fit:
    """Return fits as they are for the pictures as they were; it also goes the other way."""
    check_tensor(mirrored, "mirrored", len(fit.pose), kind="bool")
    pose = torch.where(mirrored[:, None, None], mirror_pose(fit.pose), fit.pose)
    sign = torch.tensor([-1.0, 1.0, 1.0]).to(fit.translation)
    place = torch.where(mirrored[:, None], sign * fit.translation, fit.translation)
    return Fit(pose, fit.shape, place, fit.error_px)


def fitted(crops: Crops, guess: Estimate, joints: BodyJoints, cameras: Cameras, fit: Fitter) -> Fit:
    """Fit bodies to the crops' joints from where a regressor stands."""
    start = guess.detach()
    pose, shape, translation = fit(
        matrix_to_axis_angle(start.rotations), start.shape, weak_to_translation(start.camera, cameras),
        crops.joints2d, crops.confidence, cameras,
    )  # fmt: skip
    with torch.no_grad():
        pixels, _ = project(joints(shape, axis_angle_to_matrix(pose), translation), cameras)
        error_px = reprojection_error_px(pixels, crops.joints2d, crops.confidence)
    return Fit(pose.detach(), shape.detach(), translation.detach(), error_px)


def spin_loss(
    regressor: Callable[[Tensor], Estimate], crops: Crops, cameras: Cameras, joints: BodyJoints,
    fits: BestFits, fit: Fitter, weights: Weights = WEIGHTS,
) -> Tensor:  # fmt: skip
    """Go once round the loop; return the loss to descend.

    Parameters
    ----------
    regressor : callable
        Images → `Estimate`, a network in training.
    crops : Crops
        A batch of training pictures.
    cameras : Cameras
        Of the crops (`crop.fixed_cameras`).
    joints : BodyJoints
        Of the body model.
    fits : BestFits
        Of all training pictures; changed in place.
    fit : callable
        `Fitter`, for example SMPLify with few iterations.
    """
    guess = regressor(crops.images)  # 1. Θ_reg
    found = fitted(crops, guess, joints, cameras, fit)  # 2. Θ_opt
    fits.keep(crops.rows, unmirrored(found, crops.mirrored))  # 3.
    best, usable = fits.of(crops.rows)
    best = unmirrored(best, crops.mirrored)
    turned, shaped = parameter_losses(guess, axis_angle_to_matrix(best.pose), best.shape, usable)  # 4.
    seen = picture_loss(guess, joints, crops.joints2d, crops.confidence, cameras, weights)
    return seen + weights.rotations * turned + weights.shape * shaped
