"""Chapter 20's lab, step 1: a body fitted to the joints that were clicked in a picture, one step at a time.

F. Bogo et al., "Keep it SMPL", ECCV 2016, section 3, with Adam in place of their optimiser, and with two of
their priors: the mixture of poses and the shape. What the step is made of are the exercises of part b.

Shapes: J joints, D = 3 (J - 1) numbers of a pose without its root, M components, K shape numbers.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.joints import RestJoints
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.chapters.ch20.clicks import Clicks
from lecture_utils.chapters.ch20.fitting_solutions import data_term, gmm_prior, place
from lecture_utils.chapters.ch20.solutions import rodrigues
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle

__all__ = ["Fit", "Mixture", "Skeleton", "mixture_of", "stance", "use_fit"]


class Skeleton:
    """A body model's joints alone: `skeleton(shape (K,), pose (J, 3))` -> (J, 3), in metres.

    A fit to joints needs no skin, and is a hundred times faster without. The joints are turned generation by
    generation, all those as far from the root at a time.
    """

    def __init__(self, mean: Tensor, directions: Tensor, parents: Sequence[int]) -> None:
        self.mean, self.directions = mean, directions  # (J, 3), (J, 3, K)
        self.parents = tuple(parents)
        depth = [0]
        for parent in self.parents[1:]:
            depth.append(depth[parent] + 1)
        self.generations = [
            [j for j, own in enumerate(depth) if own == now] for now in range(1, max(depth) + 1)
        ]

    @classmethod
    def of(cls, model: SMPL) -> "Skeleton":
        """Return that of a body model."""
        rest = RestJoints.of(model)
        return cls(rest.mean, rest.directions, rest.parents)

    def __call__(self, shape: Tensor, pose: Tensor) -> Tensor:
        """Return where the joints are, (J, 3)."""
        rest = self.mean + self.directions @ shape  # (J, 3)
        turns = rodrigues(pose)  # (J, 3, 3)
        order, world, placed = [0], turns[:1], rest[:1]
        for now in self.generations:
            before = [self.parents[j] for j in now]
            rows = [order.index(parent) for parent in before]
            placed = torch.cat([placed, placed[rows] + _turned(world[rows], rest[now] - rest[before])])
            world = torch.cat([world, world[rows] @ turns[now]])
            order = order + now
        return placed[[order.index(j) for j in range(len(order))]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Skeleton) and (
            self.parents == other.parents
            and torch.equal(self.mean, other.mean)
            and torch.equal(self.directions, other.directions)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"a skeleton of {len(self.parents)} joints"


def _turned(rotation: Tensor, vector: Tensor) -> Tensor:
    return (rotation @ vector[..., None])[..., 0]


class Mixture(NamedTuple):
    """The prior of poses: means (M, D), precisions (M, D, D) and weights (M,)."""

    means: Tensor
    precisions: Tensor
    weights: Tensor


def mixture_of(prior: GaussianMixturePrior) -> Mixture:
    """Return the numbers of the package's prior."""
    return Mixture(prior.means, prior.whitening.mT @ prior.whitening, prior.log_weights.exp())


def stance(turn_deg: float) -> Tensor:
    """Return the root's rotation (3,) of a body that stands upright before a camera, whose y points down.

    0 faces the camera, 90 the right edge of the picture, -90 its left edge, 180 turns the back to the camera.
    """
    stand, turn = torch.tensor([math.pi, 0.0, 0.0]), torch.tensor([0.0, math.radians(turn_deg), 0.0])
    return matrix_to_axis_angle(axis_angle_to_matrix(stand) @ axis_angle_to_matrix(turn))


class Fit:
    """A person found from clicked joints: pose, shape and place, by Adam with a rate of 0.02.

    It begins in the mixture's mean pose, weights · means, its root turned by `stance`; with shape 0 (10
    numbers); and where `place` puts these joints.
    """

    optimizer: torch.optim.Optimizer  # not shown

    def __init__(self, skeleton: Skeleton, clicks: Clicks, prior: Mixture, turn_deg: float) -> None:
        self.skeleton, self.clicks, self.prior = skeleton, clicks, prior
        mean = (prior.weights @ prior.means).view(-1, 3)  # (J - 1, 3)
        self.pose = torch.cat([stance(turn_deg)[None], mean])  # (J, 3)
        self.shape = torch.zeros(10)
        joints = skeleton(self.shape, self.pose)
        self.translation, _ = place(joints, *clicks)
        learned = [self.pose, self.shape, self.translation]
        self.optimizer = torch.optim.Adam([numbers.requires_grad_() for numbers in learned], lr=0.02)

    def projected(self) -> Tensor:
        """Where the joints fall in the picture now, (J, 2) pixels."""
        points = (self.skeleton(self.shape, self.pose) + self.translation) @ self.clicks.intrinsics.T
        return points[:, :2] / points[:, 2:]

    def step(self, weight: float) -> float:
        """Make one step; return the energy before it.

        The energy is the data term with σ = 50 pixels, plus `weight` times what the priors say: the mixture
        of the pose without its root, and the sum of squares of the shape.
        """
        energy = data_term(self.projected(), self.clicks.pixels, self.clicks.confidence, 50.0)
        unlikely = gmm_prior(self.pose[None, 1:].flatten(1), *self.prior)[0] + self.shape.square().sum()
        energy = energy + weight * unlikely
        self.optimizer.zero_grad()
        energy.backward()
        self.optimizer.step()
        return energy.item()


def use_fit(
    fit: Any, skeleton: Skeleton, clicks: Clicks, prior: Mixture, turn_deg: float, weights: Sequence[float]
) -> Any:
    """What a fit knows before its steps and after each, and the energies that the steps told."""
    made = fit(skeleton, clicks, prior, turn_deg)
    told: dict[str, Any] = {"at the start": _state(made)}
    energies = []
    for number, weight in enumerate(weights, start=1):
        energies.append(float(made.step(weight)))
        told[f"after step {number}"] = _state(made)
    return told | {"energies": energies} if energies else told


def _state(made: Any) -> list[Tensor]:
    state = made.pose, made.shape, made.translation, made.projected()
    return [part.detach().clone() for part in state]
