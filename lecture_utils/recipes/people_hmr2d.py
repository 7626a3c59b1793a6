"""Weights `people_hmr2d`: the network of `people_spin`, taught by reprojection and priors, with no fit.

A. Kanazawa et al., "End-to-end Recovery of Human Shape and Pose", CVPR 2018, without discriminator and
3-D labels. In place of the discriminator stand the priors of SMPLify, with the weights that they have in the
fit of `people_spin`.
Network, crops, joints and rate are the same.
"""

from torch import Tensor, nn

from lecture_utils.body.spin.loop import Crops
from lecture_utils.body.spin.losses import picture_loss, prior_loss
from lecture_utils.body.spin.regressor import Regressor
from lecture_utils.recipes import _people_regressor as shared
from lecture_utils.recipes._people_crops import people, views

PICTURES, STEPS = 2000, 3000
PRIORS = 1e-5  # SMPLify's energy over the loss of the joints: a centimetre², summed, over a share of a crop²


def build() -> Regressor:
    """The network, untrained: (B, 3, 64, 64) → `Estimate`."""
    return shared.build()


def joints_loss(model: nn.Module, batch: tuple[Crops, Tensor], _: None) -> Tensor:
    """Reprojection and priors."""
    crops, features = batch
    guess = model.iterates(features)[-1]  # type: ignore[operator]
    seen = picture_loss(guess, shared.joints(), crops.joints2d, crops.confidence, views(len(crops)))
    return seen + PRIORS * prior_loss(guess, shared.prior(), shared.STAGE)


def train(seed: int = 0, *, steps: int = STEPS, count: int = PICTURES) -> tuple[nn.Module, dict[str, float]]:
    """Train on 2,000 people, 64 a step; return the model and steps, seconds, last loss."""
    return shared.trained(people(count, "train", seed), seed, steps, joints_loss, "HMR, 2-D")


def evaluate(model: nn.Module) -> dict[str, float]:
    """MPJPE and PA-MPJPE on 300 test people: other poses, persons, clothes and views."""
    return shared.score(model, people(300, "test"))
