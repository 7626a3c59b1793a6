"""What a regressor of bodies is taught by (S20.5): joints in the picture, parameters, and a scale above 0.

N. Kolotouros et al., ICCV 2019, section 3; the weights are those of the authors' code: 5 for the joints in
the picture, 1 for rotations, 0.001 for shape, 1 for the scale.

Simplified: no loss on 3-D joints or on vertices, which the parameters settle.

Shapes: B crops, J joints, K shape numbers, V vertices.
"""

from dataclasses import dataclass

from torch import Tensor

from lecture_utils.body.lbs import forward_kinematics
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.bending import bending_residuals
from lecture_utils.body.smplify.joints import RestJoints
from lecture_utils.body.smplify.objective import Stage
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.body.spin.crop import check_joints2d, weak_to_translation
from lecture_utils.body.spin.regressor import Estimate
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.checks import check_number, check_tensor
from lecture_utils.ops.rotation import matrix_to_axis_angle


@dataclass(frozen=True)
class Weights:
    """How much each loss counts."""

    joints: float = 5.0
    rotations: float = 1.0
    shape: float = 0.001
    scale: float = 1.0


WEIGHTS = Weights()


class BodyJoints:
    """The joints of a body model without its skin.

    Parameters
    ----------
    body : SMPL
        The body model.
    """

    def __init__(self, body: SMPL) -> None:
        self.rest = RestJoints.of(body)

    def __call__(self, shape: Tensor, rotations: Tensor, translation: Tensor) -> Tensor:
        """Return joints (B, J, 3) of shape (B, up to K), rotations (B, J, 3, 3) and translation (B, 3)."""
        check_tensor(shape, "shape", "B", "K", finite=True)
        check_tensor(translation, "translation", len(shape), 3, finite=True)
        parents = self.rest.parents
        check_tensor(rotations, "rotations", len(shape), len(parents), 3, 3, finite=True)
        posed, _ = forward_kinematics(rotations, self.rest.at(shape), parents)
        return posed + translation[:, None]

    def of(self, guess: Estimate, cameras: Cameras) -> Tensor:
        """Return the joints (B, J, 3) of what a regressor says, in the camera's axes."""
        return self(guess.shape, guess.rotations, weak_to_translation(guess.camera, cameras))


def reprojection_loss(pixels: Tensor, joints2d: Tensor, confidence: Tensor, size: int) -> Tensor:
    """Mean squared distance of joints (B, J, 2) from where they were seen, weighted by confidence (B, J).

    In units of half a crop's width, so that it does not depend on `size`.
    """
    check_joints2d(joints2d, confidence)
    check_tensor(pixels, "pixels", *joints2d.shape, finite=True)
    check_number(size, "size", 0, above=True)
    off = (pixels - joints2d) / (size / 2)  # (B, J, 2)
    return (confidence[..., None] * off.square()).mean()


def reprojection_error_px(pixels: Tensor, joints2d: Tensor, confidence: Tensor) -> Tensor:
    """Mean distance in pixels of each person's joints from where they were seen, weighted: (B,)."""
    check_joints2d(joints2d, confidence)
    check_tensor(pixels, "pixels", *joints2d.shape, finite=True)
    distance = (pixels - joints2d).norm(dim=-1)  # (B, J)
    return (confidence * distance).sum(1) / confidence.sum(1).clamp_min(1e-6)


def parameter_losses(
    guess: Estimate, rotations: Tensor, shape: Tensor, usable: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean squared differences of rotations and of shape from a fit, over the persons whose fit is usable.

    Parameters
    ----------
    guess : Estimate
        Of B persons.
    rotations, shape : Tensor
        The fit's, (B, J, 3, 3) and (B, K).
    usable : Tensor
        (B,) bool; where none is, both losses are 0.
    """
    check_tensor(rotations, "rotations", *guess.rotations.shape, finite=True)
    check_tensor(shape, "shape", *guess.shape.shape, finite=True)
    check_tensor(usable, "usable", len(shape), kind="bool")
    share = usable.to(shape) / usable.sum().clamp_min(1)  # (B,), adding up to 1
    turned = (guess.rotations - rotations).square().mean((1, 2, 3))
    return (share * turned).sum(), (share * (guess.shape - shape).square().mean(1)).sum()


def scale_loss(camera: Tensor) -> Tensor:
    """exp(-10 s)², which is nothing but where the scale s of cameras (B, 3) comes near 0 or below."""
    check_tensor(camera, "camera", "B", 3, finite=True, some=True)
    return (-20 * camera[:, 0]).exp().mean()


def picture_loss(
    guess: Estimate, joints: BodyJoints, joints2d: Tensor, confidence: Tensor, cameras: Cameras,
    weights: Weights = WEIGHTS,
) -> Tensor:  # fmt: skip
    """What the picture's joints alone teach: reprojection, and a scale above 0."""
    pixels, _ = project(joints.of(guess, cameras), cameras)  # (B, J, 2)
    seen = reprojection_loss(pixels, joints2d, confidence, cameras.size[1])
    return weights.joints * seen + weights.scale * scale_loss(guess.camera)


def prior_loss(guess: Estimate, prior: GaussianMixturePrior, stage: Stage) -> Tensor:
    """Mean of SMPLify's priors, by the weights of `stage`: pose, natural bends of knees and elbows, shape.

    Where no fit teaches a network, this takes the place of HMR's discriminator: a network that is taught by
    reprojection alone says monsters.
    """
    pose = matrix_to_axis_angle(guess.rotations)  # (B, J, 3)
    energy = stage.pose * prior.energy(pose[:, 1:].flatten(1))  # (B,)
    energy = energy + stage.limits * bending_residuals(pose).square().sum(1)
    return (energy + stage.shape * guess.shape.square().sum(1)).mean()
