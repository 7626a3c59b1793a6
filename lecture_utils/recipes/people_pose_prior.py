"""Weights `people_pose_prior`: eight Gaussians over poses of the toy world's people, for SMPLify.

Bogo et al., "Keep it SMPL", ECCV 2016, section 3.2. The mixture is fitted by scikit-learn's EM; what is
taught is what a prior does to a fit, not EM. Each variance has (5°)² added: many angles, such as a knee's
twist, never change in the toy world, and a prior that is certain of them would be as stiff as a weld.
"""

import math
import time

import torch
from sklearn.mixture import GaussianMixture
from torch import nn

from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.data.toyworld.names import SPLITS
from lecture_utils.data.toyworld.people.poses import sample_poses

COMPONENTS, POSES, STEPS = 8, 8000, 100
SPREAD_RAD = math.radians(5.0)


def build() -> GaussianMixturePrior:
    """A mixture of the right sizes, not fitted."""
    size = 3 * 23
    means, weights = torch.zeros(COMPONENTS, size), torch.full((COMPONENTS,), 1 / COMPONENTS)
    return GaussianMixturePrior(means, torch.eye(size).expand(COMPONENTS, -1, -1), weights)


def train(seed: int = 0, *, steps: int = STEPS, poses: int = POSES) -> tuple[nn.Module, dict[str, float]]:
    """Fit the mixture to training poses, in at most `steps` rounds of EM."""
    start = time.perf_counter()
    data = sample_poses(poses, seed, "train")[:, 1:].flatten(1).double().numpy()
    mixture = GaussianMixture(
        COMPONENTS, covariance_type="full", reg_covar=SPREAD_RAD**2, random_state=seed, max_iter=steps
    ).fit(data)
    own = (
        torch.from_numpy(part).float() for part in (mixture.means_, mixture.covariances_, mixture.weights_)
    )
    return GaussianMixturePrior(*own), {
        "steps": mixture.n_iter_,
        "seconds": time.perf_counter() - start,
    }


def evaluate(model: nn.Module) -> dict[str, float]:
    """Mean log-likelihood of poses of each split; of test poses half are of activities not seen before."""
    assert isinstance(model, GaussianMixturePrior)
    return {
        f"{split}_log_likelihood": float(
            model.log_likelihood(sample_poses(2000, 1, split)[:, 1:].flatten(1)).mean()
        )
        for split in SPLITS
    }
