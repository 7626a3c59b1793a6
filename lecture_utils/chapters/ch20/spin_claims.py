"""Chapter 20: does a fit in the loop teach a regressor more than 2-D joints do, measured.

The claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies it.
"""

from collections.abc import Callable

from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.body.spin.fits import BestFits
from lecture_utils.body.spin.loop import Crops, unmirrored
from lecture_utils.body.spin.losses import parameter_losses, picture_loss
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.ops.rotation import axis_angle_to_matrix
from lecture_utils.recipes import _people_regressor as shared
from lecture_utils.recipes import people_hmr2d, people_spin
from lecture_utils.recipes._people_crops import People, people, views
from lecture_utils.recipes.people_joints import found_joints
from lecture_utils.training.kit import Figures, size

LONGER = 3  # times SPIN's steps: so that the arm without fits has as many seconds too


# --- C20.3 -------------------------------------------------------------------------------------------
def sizes(budget: str) -> tuple[int, int, int]:
    """Steps of SPIN, training people, test people."""
    return size(budget, quick=(2, 64, 6), full=(600, 2000, 100), gpu=(6000, 20_000, 500))


def first_fits_loss(fits: BestFits) -> Callable[[nn.Module, tuple[Crops, Tensor], None], Tensor]:
    """SPIN's loss without the loop: the fits from the mean pose stay what they are."""

    def loss(model: nn.Module, batch: tuple[Crops, Tensor], _: None) -> Tensor:
        crops, features = batch
        guess = model.iterates(features)[-1]  # type: ignore[operator]
        best, usable = fits.of(crops.rows)
        best, weights = unmirrored(best, crops.mirrored), people_spin.WEIGHTS
        turned, shaped = parameter_losses(guess, axis_angle_to_matrix(best.pose), best.shape, usable)
        seen = picture_loss(
            guess, shared.joints(), crops.joints2d, crops.confidence, views(len(crops)), weights
        )
        return seen + weights.rotations * turned + weights.shape * shaped

    return loss


def of_fits(fits: BestFits, its: People) -> float:
    """MPJPE in millimetres of a dictionary."""
    found = shared.placed_joints((fits.pose, fits.shape, fits.translation))
    return shared.errors(found, its)["mpjpe_mm"]


def smplify_on(its: People, joints2d: Tensor, confidence: Tensor) -> dict[str, float]:
    """Errors of SMPLify from the mean pose, on these joints of the crops."""
    seen = People(its.name, its.images, joints2d, confidence, its.joints_m, its.cameras)
    return shared.errors(shared.placed_joints(shared.from_the_mean(seen)), its)


@claim(
    "C20.3",
    statement="A regressor that learns in SPIN's loop is nearer to the truth on held-out people than one "
    "that learns from 2-D joints and priors alone, and than SMPLify from the mean pose on joints found in"
    " the same pictures.",
    paper="N. Kolotouros, G. Pavlakos, M. Black, K. Daniilidis, Learning to Reconstruct 3D Human Pose and"
    " Shape via Model-Fitting in the Loop, ICCV 2019, section 5 (against HMR without paired 3-D labels, "
    "and SMPLify)",
    rule=(Rule("gain_2d_mm", above=0.0), Rule("gain_smplify_mm", above=0.0)),
    seeds=3,
    note="No arm sees a 3-D label. Crops of 64 × 64 pixels; 2,000 training people, whose 2-D joints have "
    "noise of 1.5 to 4.5 % of a person's height, 5 % missing and 2 % elsewhere; 100 test people a seed, "
    "half in combinations of legs and arms that no training pose has. Both regressors read one encoder, "
    "trained on the same 2-D joints and then held; they differ in the teacher alone. The arm without fits"
    " has SMPLify's priors for HMR's discriminator, with the weights that they have in the fit, and runs "
    "twice: for SPIN's 600 steps, and for three times as many; the better run counts. SMPLify's joints "
    "are those of the encoder, which is all that a picture gives at test time; what it does with joints "
    "as good as the training's is in the record, and not ruled on. All arms assume one focal length for "
    "all crops, as SPIN does. MPJPE is in millimetres, pelvis on pelvis.",
    names={
        "gain_2d_mm": "MPJPE of the regressor from 2-D joints and priors minus SPIN's",
        "gain_smplify_mm": "MPJPE of SMPLify from the mean pose minus SPIN's",
        "gain_loop_mm": "MPJPE of a regressor taught by the first fits minus SPIN's",
    },
)
def c20_3_loop(seed: int, budget: str) -> Figures:
    """MPJPE and PA-MPJPE on test people of all arms."""
    steps, count, judged = sizes(budget)
    encoder = zoo.load("people_joints")
    its, test = people(count, "train"), people(judged, "test", seed)
    first = shared.first_fits(its, people_spin.MOST_PX)
    before = of_fits(first, its)
    arms = {}
    model, _ = shared.trained(its, seed, steps, first_fits_loss(first), "first fits")
    arms["first fits"] = shared.score(model, test)
    model, _ = shared.trained(its, seed, steps, people_spin.loop_loss(first), "SPIN")
    arms["SPIN"] = shared.score(model, test)
    for name, longer in (("2-D", 1), ("2-D, longer", LONGER)):
        model, _ = shared.trained(its, seed, longer * steps, people_hmr2d.joints_loss, name)
        arms[name] = shared.score(model, test)
    arms["SMPLify"] = smplify_on(test, *found_joints(encoder, test.images))
    arms["SMPLify, joints as in training"] = smplify_on(test, test.joints2d, test.confidence)
    off = {name: scores["mpjpe_mm"] for name, scores in arms.items()}
    return {
        "gain_2d_mm": min(off["2-D"], off["2-D, longer"]) - off["SPIN"],
        "gain_smplify_mm": off["SMPLify"] - off["SPIN"],
        "gain_loop_mm": off["first fits"] - off["SPIN"],
        "scores": arms,
        "dictionary_mm": {"at first": before, "at last": of_fits(first, its)},
    }
