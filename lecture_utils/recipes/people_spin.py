"""Weights `people_spin`: a body from a 64 × 64 crop of a person, learned in SPIN's loop from 2-D joints.

N. Kolotouros et al., ICCV 2019. As in the paper the dictionary begins with what SMPLify finds from the mean
pose. In the loop each fit is ten steps of Adam from where the network stands. Beyond the paper, the encoder
has learned from the same 2-D joints (`people_joints`) and stays as it is; shape counts more (0.01).
"""

import time

from torch import Tensor, nn

from lecture_utils.body.spin.fits import BestFits
from lecture_utils.body.spin.loop import Crops, spin_loss
from lecture_utils.body.spin.losses import Weights
from lecture_utils.body.spin.regressor import Regressor
from lecture_utils.recipes import _people_regressor as shared
from lecture_utils.recipes._people_crops import People, people, views

PICTURES, STEPS = 2000, 600
MOST_PX = 3.0  # fits that are farther from the joints are not used
WEIGHTS = Weights(shape=0.01)


def build() -> Regressor:
    """The network, untrained: (B, 3, 64, 64) → `Estimate`."""
    return shared.build()


def loop_loss(fits: BestFits) -> shared.Loss:
    """SPIN's loss, with a dictionary that it fills."""
    fit = shared.loop_fit()

    def loss(model: nn.Module, batch: tuple[Crops, Tensor], _: None) -> Tensor:
        crops, features = batch
        return spin_loss(
            lambda _: model.iterates(features)[-1],  # type: ignore[operator]
            crops, views(len(crops)), shared.joints(), fits, fit, WEIGHTS,
        )  # fmt: skip

    return loss


def learned(its: People, seed: int, steps: int) -> tuple[nn.Module, dict[str, float], BestFits]:
    """Train on given people; return the model, steps, seconds and last loss, and the dictionary."""
    start = time.thread_time()
    fits = shared.first_fits(its, MOST_PX)
    before = time.thread_time() - start
    model, info = shared.trained(its, seed, steps, loop_loss(fits), "SPIN")
    return model, info | {"seconds": info["seconds"] + before}, fits


def train(seed: int = 0, *, steps: int = STEPS, count: int = PICTURES) -> tuple[nn.Module, dict[str, float]]:
    """Train on 2,000 people, 64 a step; return the model and steps, seconds, last loss."""
    model, info, _ = learned(people(count, "train", seed), seed, steps)
    return model, info


def evaluate(model: nn.Module) -> dict[str, float]:
    """MPJPE and PA-MPJPE on 300 test people: other poses, persons, clothes and views."""
    return shared.score(model, people(300, "test"))
