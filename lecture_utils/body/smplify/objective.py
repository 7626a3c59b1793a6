"""What SMPLify minimises (S20.4): the data term and four priors, each with the weight of its stage.

Bogo et al. 2016, equation 1:  E = E_J + λ_θ E_θ + λ_a E_a + λ_sp E_sp + λ_β E_β.

Every term is a sum of squares, and the terms' residuals stand one after the other.

Shapes: B pictures, J joints, K shape components, P = 3 + 3 J + K unknowns, R residuals.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.smplify.bending import bending_residuals, hinge_columns
from lecture_utils.body.smplify.capsules import Capsules, overlap_residuals
from lecture_utils.body.smplify.data_term import data_residuals
from lecture_utils.body.smplify.derivatives import (
    data_by_joints,
    joints_by_unknowns,
    overlap_by_unknowns,
    prior_by_pose,
)
from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.ops.checks import check_choice, check_number, check_whole


@dataclass(frozen=True)
class Stage:
    """Weights of the priors, relative to a data term in square centimetres, and steps of the optimiser.

    Attributes
    ----------
    pose, shape, limits, overlap : float
        λ_θ, λ_β, λ_a, λ_sp; 0 leaves a term out.
    steps : int
        Of the optimiser.
    """

    pose: float = 0.0
    shape: float = 0.0
    limits: float = 0.0
    overlap: float = 0.0
    steps: int = 10

    def __post_init__(self) -> None:
        for name in ("pose", "shape", "limits", "overlap"):
            check_number(getattr(self, name), name, 0)
        check_whole(self.steps, "steps", 0)

    def without(self, *names: str) -> "Stage":
        """Return the stage without some of its priors."""
        for name in names:
            check_choice(name, "name", "pose", "shape", "limits", "overlap")
        gone: dict[str, Any] = dict.fromkeys(names, 0.0)
        return replace(self, **gone)


class Unknowns(NamedTuple):
    """What a fit seeks: pelvis (B, 3) in the camera's axes, pose (B, J, 3) and shape (B, K)."""

    pelvis: Tensor
    pose: Tensor
    shape: Tensor

    def packed(self) -> Tensor:
        """Return them as rows of numbers (B, P)."""
        return torch.cat([self.pelvis, self.pose.flatten(1), self.shape], dim=1)


def unpacked(x: Tensor, joints: int) -> Unknowns:
    """Read rows of numbers (B, P)."""
    return Unknowns(x[:, :3], x[:, 3 : 3 + 3 * joints].unflatten(1, (joints, 3)), x[:, 3 + 3 * joints :])


@dataclass(frozen=True)
class Problem:
    """B pictures to fit a body to.

    Attributes
    ----------
    rest : RestJoints
        Of the body model.
    seen_pixel, confidence : Tensor
        (B, J, 2) and (B, J); no NaN.
    intrinsics : Tensor
        (B, 3, 3).
    depth_m : Tensor
        (B,), about how far the person is.
    prior : GaussianMixturePrior, optional
        Of poses.
    capsules : Capsules, optional
        Of the body model.
    sigma_m : float
        σ of the robust error.
    """

    rest: RestJoints
    seen_pixel: Tensor
    confidence: Tensor
    intrinsics: Tensor
    depth_m: Tensor
    prior: GaussianMixturePrior | None
    capsules: Capsules | None
    sigma_m: float

    def repeated(self, times: int) -> "Problem":
        """Return the same pictures several times, one after the other, for as many starts."""
        names = ("seen_pixel", "confidence", "intrinsics", "depth_m")
        more: dict[str, Any] = {name: torch.cat([getattr(self, name)] * times) for name in names}
        return replace(self, **more)

    def residuals(self, x: Tensor, stage: Stage) -> Tensor:
        """Return numbers (B, R) whose squares add up to E, equation 1, for unknowns (B, P)."""
        pelvis, pose, shape = unpacked(x, len(self.rest.parents))
        joints, _ = posed_joints(self.rest, shape, pose, pelvis)  # (B, J, 3)
        return torch.cat(list(self._terms(pose, shape, joints, stage).values()), dim=1)

    def linearised(self, x: Tensor, stage: Stage) -> tuple[Tensor, Tensor]:
        """Return the residuals (B, R) and their derivatives by the unknowns, (B, R, P)."""
        pelvis, pose, shape = unpacked(x, len(self.rest.parents))
        joints, world = posed_joints(self.rest, shape, pose, pelvis)
        moved = joints_by_unknowns(self.rest, pose, shape.shape[1], joints, world)  # (B, J, 3, P)
        terms = self._terms(pose, shape, joints, stage)
        slopes = {name: r.new_zeros(*r.shape, x.shape[1]) for name, r in terms.items()}  # (B, R, P) each
        by_joint = data_by_joints(joints, *self._seen, sigma_m=self.sigma_m)  # (B, J, 2, 3)
        slopes["data"] = 100 * (by_joint @ moved).flatten(1, 2)
        if "pose" in terms and self.prior is not None:
            slope = prior_by_pose(self.prior, pose[:, 1:].flatten(1))
            slopes["pose"][:, :, 6 : 3 + pose[0].numel()] = stage.pose**0.5 * slope
        if "limits" in terms:
            for i, (column, sign) in enumerate(hinge_columns()):
                slopes["limits"][:, i, 3 + column] = sign / 2 * terms["limits"][:, i]
        if "shape" in terms:
            slopes["shape"][:, :, 3 + pose[0].numel() :] = stage.shape**0.5 * torch.eye(shape.shape[1]).to(x)
        if "overlap" in terms and self.capsules is not None:
            root = stage.overlap**0.5
            slope = overlap_by_unknowns(self.capsules, joints, shape, moved, terms["overlap"] / root)
            slopes["overlap"] = root * slope
        return torch.cat(list(terms.values()), dim=1), torch.cat(list(slopes.values()), dim=1)

    @property
    def _seen(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.seen_pixel, self.confidence, self.intrinsics, self.depth_m

    def _terms(self, pose: Tensor, shape: Tensor, joints: Tensor, stage: Stage) -> dict[str, Tensor]:
        """The residuals of each term, with the root of its weight: squares are what is added up."""
        terms = {"data": 100 * data_residuals(joints, *self._seen, sigma_m=self.sigma_m)}  # centimetres
        if stage.pose and self.prior is not None:
            terms["pose"] = stage.pose**0.5 * self.prior.residuals(pose[:, 1:].flatten(1))
        if stage.limits:
            terms["limits"] = stage.limits**0.5 * bending_residuals(pose)
        if stage.shape:
            terms["shape"] = stage.shape**0.5 * shape  # E_β: β counts standard deviations, so Σ_β is 1
        if stage.overlap and self.capsules is not None:
            terms["overlap"] = stage.overlap**0.5 * overlap_residuals(self.capsules, joints, shape)
        return terms
