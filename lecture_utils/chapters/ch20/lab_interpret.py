"""Chapter 20's lab, step 3: of all bodies with these pixels, the one that the man had.

Depth is lost in a picture: many poses have nearly the same pixels. What else the picture shows has to decide:
his right hand touches his chin, and his left hand holds the camera that he looks into. Who says so of a
picture marks depth by hand, as G. Pavlakos, X. Zhou and K. Daniilidis, "Ordinal Depth Supervision for 3D
Human Pose Estimation", CVPR 2018, do with "nearer" and "farther".

Where the bounds come from: at 2 m and 1,000 pixels of focal length a pixel is 2 mm, and nobody clicks a joint
under a coat to better than a centimetre; the ranges of joints are means over many men, from whom one man may
well differ by 15°; and a head is about 20 cm long.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from lecture_utils import zoo
from lecture_utils.body.skeleton import JOINTS, joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.chapters.ch20.clicks import clicks
from lecture_utils.chapters.ch20.fitting_solutions import data_term, gmm_prior
from lecture_utils.chapters.ch20.lab_debug import fitted, symptoms
from lecture_utils.chapters.ch20.lab_fit import Fit, Mixture, Skeleton, mixture_of
from lecture_utils.data.toyworld.people.limits import LIMITS, pose_to_angles
from lecture_utils.exercises.exercise import Exercise, Mistake

__all__ = ["MOST_DEG", "MOST_M", "MOST_PX", "STEP_3", "Findings", "findings", "start", "tried"]

MOST_PX, MOST_DEG, MOST_M = 6.0, 15.0, 0.2
CONDITIONS = 4
HEAD, HANDS = joint_index("head"), (joint_index("right_hand"), joint_index("left_hand"))
TURN_DEG = 90.0  # he looks to the right edge of the picture
DEPTH_WEIGHT = 5000.0  # of a square metre: a hand 10 cm off costs as much as a joint 7 pixels off


class Findings(NamedTuple):
    """What is found of a fit.

    Attributes
    ----------
    error_px : float
        The mean distance of the joints from the clicks, weighted by confidence.
    beyond_deg : float
        By how much the worst joint is beyond its range, in degrees.
    worst : str
        Which joint that is.
    right_hand_m, left_hand_m : float
        How much farther from the camera the hand is than the head; below 0, it is nearer.
    """

    error_px: float
    beyond_deg: float
    worst: str
    right_hand_m: float
    left_hand_m: float


@lru_cache(maxsize=1)
def start() -> tuple[Skeleton, Mixture]:
    """Return what every fit of the lab begins with: the course's body, and its prior of poses."""
    model, prior = zoo.load("people_body"), zoo.load("people_pose_prior")
    assert isinstance(model, SMPL) and isinstance(prior, GaussianMixturePrior)
    return Skeleton.of(model), mixture_of(prior)


class FitWithDepth(Fit):
    """A fit that is also told how much farther away than the head each hand is, in metres, or None."""

    hands_m: Sequence[float | None] = (None, None)

    def step(self, weight: float) -> float:
        """Make one step; return the energy before it."""
        joints = self.skeleton(self.shape, self.pose) + self.translation
        points, seen = joints @ self.clicks.intrinsics.T, self.clicks
        energy = data_term(points[:, :2] / points[:, 2:], seen.pixels, seen.confidence, 50.0)
        unlikely = gmm_prior(self.pose[None, 1:].flatten(1), *self.prior)[0] + self.shape.square().sum()
        energy = energy + weight * unlikely
        for hand, told in zip(HANDS, self.hands_m, strict=True):
            if told is not None:
                energy = energy + DEPTH_WEIGHT * (joints[hand, 2] - joints[HEAD, 2] - told).square()
        self.optimizer.zero_grad()
        energy.backward()
        self.optimizer.step()
        return energy.item()


def tried(
    weights: Sequence[float], right_hand_m: float | None = None, left_hand_m: float | None = None
) -> FitWithDepth:
    """Return the fit to the clicks that begins turned by 90°: 80 steps with each of the weights in turn."""
    skeleton, prior = start()

    def told(*given: Any) -> FitWithDepth:
        fit = FitWithDepth(*given)
        fit.hands_m = (right_hand_m, left_hand_m)
        return fit

    made: FitWithDepth = fitted(skeleton, clicks(), prior, TURN_DEG, weights, fit=told)
    return made


def findings(fit: Any) -> Findings:
    """Return what is found of a fit."""
    with torch.no_grad():
        joints = fit.skeleton(fit.shape, fit.pose)
        angles = pose_to_angles(fit.pose[None])[0]  # (24, 3)
    low, high = LIMITS.unbind(-1)
    beyond = torch.rad2deg((low - angles).clamp(min=0) + (angles - high).clamp(min=0)).amax(1)  # (24,)
    beyond[0] = 0  # the root has no joint
    hands = (float(joints[hand, 2] - joints[HEAD, 2]) for hand in HANDS)
    worst = int(beyond.argmax())
    return Findings(symptoms(fit).error_px, float(beyond[worst]), JOINTS[worst].replace("_", " "), *hands)


def conditions_met(answer: Any) -> float:
    """How many of the four conditions are met by three weights, and the depths of right and left hand.

    Raises
    ------
    ValueError
        If it is not three weights of 0 or more and two depths in metres, each a number or None.
    """
    found = _of(answer)
    met = (
        found.error_px <= MOST_PX,
        found.beyond_deg <= MOST_DEG,
        abs(found.right_hand_m) <= MOST_M,
        abs(found.left_hand_m) <= MOST_M,
    )
    return float(sum(met))


def _told(answer: Any) -> tuple[tuple[float, ...], tuple[float | None, ...]]:
    """Weights and depths of an answer."""
    given = tuple(None if number is None else float(number) for number in answer)
    weights = tuple(w for w in given[:3] if w is not None and math.isfinite(w) and w >= 0)
    depths = given[3:]
    if len(weights) < 3 or len(depths) != 2 or not all(d is None or math.isfinite(d) for d in depths):
        raise ValueError(
            f"answer: got {answer!r}, want three weights of 0 or more and two depths in metres (or None)"
        )
    return weights, depths


def _of(answer: Any) -> Findings:
    return _found(*_told(answer))


@lru_cache(maxsize=64)
def _found(weights: tuple[float, ...], depths: tuple[float | None, ...]) -> Findings:
    return findings(tried(weights, *depths))


def _apart(answer: Any) -> bool:
    """Whether a hand is not where the head is."""
    found = _of(answer)
    return max(abs(found.right_hand_m), abs(found.left_hand_m)) > MOST_M


def _some(answer: Any, is_so: Callable[[float], bool]) -> bool:
    return any(depth is not None and is_so(depth) for depth in _told(answer)[1])


STEP_3 = Exercise(
    "20.L3",
    "Same pixels, another man",
    (30.0, 10.0, 5.0, 0.0, 0.0),
    None,
    difficulty=2,
    minutes=12,
    hints=(
        "Look at the four figures one by one. Pixels and the ranges of joints pull against each other by "
        "the last weight; where the hands are in depth no pixel tells, and no prior. What in the picture "
        "does?",
        "The weights: strong to weak, and the last one neither 0 nor as strong as the clicks. The hands: "
        "one touches his chin, the other the camera at his eye. How far from the head is that, in metres?",
    ),
    mistakes=(
        Mistake(
            (0.0, 0.0, 0.0, 0.0, 0.0),
            "Without a prior at the end the joints land on their clicks, and bend as no joint does. What "
            "has to stay above 0?",
            when=lambda a: _told(a)[0][2] < 1 and _of(a).beyond_deg > MOST_DEG,
        ),
        Mistake(
            (30.0, 10.0, 5.0, None, None),
            "A body that may well be, with the clicks met to a few pixels, and its hands are up to half a "
            "metre from its face: no pixel says how far away a hand is. What do you see it touch?",
            when=lambda a: _told(a)[1] == (None, None) and _apart(a),
        ),
        Mistake(
            (30.0, 10.0, 5.0, None, 0.0),
            "One hand is where the picture shows it. The other one nobody has told how far away it is: what "
            "does it hold, and where is that?",
            when=lambda a: None in _told(a)[1] and _apart(a),
        ),
        Mistake(
            (30.0, 10.0, 5.0, 10.0, 5.0),
            "Depths are in metres, and are told from the head. Nobody's hand is farther from his head than "
            "an arm is long.",
            when=lambda a: _some(a, lambda depth: abs(depth) > 0.9),
        ),
        Mistake(
            (30.0, 10.0, 5.0, -0.4, 0.4),
            "A hand that you put more than 20 cm from the head in depth is not at the face. Look at the "
            "picture: by how much is a hand nearer than the head that touches a chin?",
            when=lambda a: _some(a, lambda depth: abs(depth) > MOST_M) and _apart(a),
        ),
        Mistake(
            (100.0, 100.0, 100.0, 0.0, 0.0),
            "Your priors outweigh the clicks to the end: a likely pose, but not his. Which of the three "
            "weights decides where the fit comes to rest?",
            when=lambda a: _told(a)[0][2] >= 20 and _of(a).error_px > MOST_PX,
        ),
    ),
    measure=conditions_met,
    bar=float(CONDITIONS),
)
