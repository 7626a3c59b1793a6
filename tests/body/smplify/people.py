"""A small body, a prior and people to fit, for the tests of SMPLify: quick, and without weights."""

import dataclasses
import functools

import torch
from torch import Tensor

from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.capsules import Capsules, fit_capsules
from lecture_utils.body.smplify.fit import _to_cam
from lecture_utils.body.smplify.joints import RestJoints
from lecture_utils.body.smplify.objective import Problem, Stage
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.data.toyworld.people.keypoints import Detected, sample_detections
from tests.body.stick import stick_body


@functools.lru_cache
def body() -> SMPL:
    return stick_body()


@functools.lru_cache
def capsules() -> Capsules:
    return fit_capsules(body())


@functools.lru_cache
def prior(components: int = 3, size: int = 69, seed: int = 0) -> GaussianMixturePrior:
    """Gaussians around random poses, none of them round."""
    random = torch.Generator().manual_seed(seed)
    means = 0.3 * torch.randn(components, size, generator=random)
    roots = 0.3 * torch.randn(components, size, size, generator=random) / size**0.5
    covariances = roots @ roots.mT + 0.05 * torch.eye(size)
    weights = torch.softmax(torch.randn(components, generator=random), 0)
    return GaussianMixturePrior(means, covariances, weights)


@functools.lru_cache
def people(count: int = 3, noise_px: float = 1.0) -> Detected:
    return sample_detections(body(), count, 5, "val", noise_px=noise_px)


def problem(*, fat: float = 4.0) -> tuple[Problem, Tensor]:
    """A problem in double precision with a body whose capsules do overlap, and unknowns near the truth."""
    found, sticks = people(), capsules()
    rest = RestJoints.of(stick_body(dtype=torch.float64))
    pose, shape, translation = (part.double() for part in (found.pose, found.shape, found.translation))
    at = _to_cam(rest, pose, shape, translation, found.cameras.to(torch.float64))
    sticks = dataclasses.replace(
        sticks,
        radius=fat * sticks.radius.double(),
        radius_directions=sticks.radius_directions.double(),
    )
    seen = Problem(
        rest, found.joints_pixel.double(), found.confidence.double(),
        found.cameras.intrinsics.double(), at.pelvis[:, 2],
        GaussianMixturePrior(*_parts(prior())), sticks, 0.3,
    )  # fmt: skip
    return seen, at.packed()


def _parts(mixture: GaussianMixturePrior) -> tuple[Tensor, Tensor, Tensor]:
    lower = torch.linalg.inv(mixture.whitening.double())
    return mixture.means.double(), lower @ lower.mT, mixture.log_weights.double().exp()


QUICK = Stage(pose=1.0, shape=1.0, limits=1.0, overlap=1.0, steps=1)
