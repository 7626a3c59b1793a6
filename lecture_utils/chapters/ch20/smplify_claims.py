"""Chapter 20: what the priors do for a body fitted to joints in a picture, measured.

The claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it.
"""

from lecture_utils import zoo
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.capsules import fit_capsules
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.chapters.ch20.smplify_arms import ARMS, fitted, measured, summary
from lecture_utils.data.toyworld.people.keypoints import sample_detections
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.training.kit import Figures, size

RULED = ("full", "no priors")


# --- C20.2 -------------------------------------------------------------------------------------------
def with_noise(seed: int, budget: str, noise_px: float, arms: tuple[str, ...] = RULED) -> Figures:
    """Measures of each arm on a seed's own people, whose joints are found with so much noise."""
    people = size(budget, quick=4, full=48, gpu=200)
    body, prior = zoo.load("people_body"), zoo.load("people_pose_prior")
    assert isinstance(body, SMPL)
    assert isinstance(prior, GaussianMixturePrior)
    found, capsules = sample_detections(body, people, seed, "test", noise_px=noise_px), fit_capsules(body)
    scores = {arm: summary(measured(body, found, fitted(arm, body, prior, capsules, found))) for arm in arms}
    bare = scores["no priors"]["flips"]
    return {
        "flips_left": scores["full"]["flips"] / bare if bare > 0 else 1.0,
        "scores": scores,
    }


@claim(
    "C20.2",
    statement="The priors of SMPLify more than halve its depth flips: bones that are right in the picture "
    "and point towards the camera instead of away from it, or the other way round.",
    paper="F. Bogo, A. Kanazawa, C. Lassner, P. Gehler, J. Romero, M. Black, Keep it SMPL: Automatic "
    "estimation of 3D human pose and shape from a single image, ECCV 2016, sections 3.2 and 4 "
    "(priors against ambiguity, in words and pictures; flips are not counted there)",
    rule=(Rule("flips_left", below=0.5),),
    seeds=5,
    note="48 people of the test split a seed, half in combinations of legs and arms that the prior's "
    "training poses never have; each in one picture of 256 × 256 pixels, the joints with noise "
    "of 1 to 3 pixels, 5 % not found and 2 % found elsewhere. Both arms have the same starts, "
    "steps and shape prior; without priors the terms for pose, joint limits and overlap are "
    "left out. A bone counts where the true depths of its ends differ by 10 cm or more and both "
    "ends project to within 8 pixels (about 10 cm) of the truth; it is flipped where the depth "
    "changes the wrong way by 5 cm or more. Other arms are shown and not ruled on. Along the "
    "boundary the noise is that of a joint found with confidence 1.",
    names={
        "flips_left": "share of flipped bones with priors over that without",
    },
    boundary=Boundary("noise of the detected joints, in pixels", (0.0, 2.0, 4.0), with_noise),
)
def c20_2_priors(seed: int, budget: str) -> Figures:
    """Errors and flips with all priors, without, and without each."""
    return with_noise(seed, budget, 1.0, tuple(ARMS))
