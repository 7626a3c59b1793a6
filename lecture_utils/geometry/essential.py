"""The essential matrix of many matches, some of them wrong (S18.2), and whether it can be trusted.

- M. Fischler, R. Bolles, "Random Sample Consensus", Communications of the ACM 1981, with D. Nistér's
  five-point or R. Hartley's eight-point algorithm for the guesses.
- Where a turn or one plane explains the matches as well, no pose is given: the test by a second model is that
  of R. Mur-Artal, J. Montiel, J. Tardós, "ORB-SLAM", T-RO 2015, section IV.

Simplified: with K known one plane does fix the pose, up to two answers (Hartley and Zisserman, section 13);
it is refused here.

Shapes: P matches.
"""

from torch import Tensor

from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.geometry.epipolar import (
    check_intrinsics,
    check_matches,
    essential_to_fundamental,
    fit_eight_points,
    image_coordinates,
    nearest_essential,
    sampson_distance,
)
from lecture_utils.geometry.five_point import five_point
from lecture_utils.geometry.homography import fit_homography, fit_turn, transfer_distance
from lecture_utils.geometry.ransac import Consensus, ransac
from lecture_utils.ops.checks import check_choice, check_number

FEWEST, LEAST_SHARE = 16, 0.25  # inliers: fewer are what chance gives
WIDER = (2 * 5.99 / 3.84) ** 0.5  # a homography errs in two directions, with both pictures' noise: χ² at 95 %
FLAT_SHARE = 0.9  # of the inliers that one plane or a turn may explain


def robust_essential(
    a: Tensor, b: Tensor, intrinsics_a: Tensor, intrinsics_b: Tensor, *,
    threshold_px: float = 1.0, solver: str = "five", seed: int = 0,
) -> Consensus:  # fmt: skip
    """The essential matrix that most matches agree with, by RANSAC.

    Parameters
    ----------
    a, b : Tensor
        (P, 2) in pixels.
    intrinsics_a, intrinsics_b : Tensor
        K of each view, (3, 3).
    threshold_px : float
        A match nearer than this to agreeing (Sampson's distance) counts.
    solver : "five" or "eight"
        From how many matches a guess is made. Five need fewer rounds, and bear scenes that are nearly flat.
    seed : int
        Of the samples.

    Raises
    ------
    DegenerateViews
        With fewer than 16 matches, or where fewer than 16 or a quarter agree.
    ValueError
        For other shapes or types, NaN, another solver.
    """
    check_matches(a, b, FEWEST)
    check_intrinsics(intrinsics_a, "intrinsics_a")
    check_intrinsics(intrinsics_b, "intrinsics_b")
    check_choice(solver, "solver", "five", "eight")
    a, b, k_a, k_b = a.double(), b.double(), intrinsics_a.double(), intrinsics_b.double()
    near_a, near_b = image_coordinates(a, k_a), image_coordinates(b, k_b)

    def five(chosen: Tensor) -> Tensor:
        return five_point(near_a[chosen], near_b[chosen]).flatten(0, 1)  # (10 B, 3, 3)

    def eight(chosen: Tensor) -> Tensor:
        return nearest_essential(fit_eight_points(near_a[chosen], near_b[chosen])[0])

    def distance(essential: Tensor) -> Tensor:
        return sampson_distance(essential_to_fundamental(essential, k_a, k_b), a, b)

    return ransac(
        five if solver == "five" else eight, distance, len(a), sample=5 if solver == "five" else 8,
        batch=16 if solver == "five" else 64, threshold=threshold_px,
        least=max(FEWEST, round(LEAST_SHARE * len(a))), seed=seed,
    )  # fmt: skip


def check_depth(
    a: Tensor,
    b: Tensor,
    intrinsics_a: Tensor,
    intrinsics_b: Tensor,
    *,
    threshold_px: float = 1.0,
    seed: int = 0,
) -> float:
    """Return the share of matches (P, 2) that one homography explains, or raise where it is nearly all.

    Raises
    ------
    DegenerateViews
        Where a turn of the camera or one plane explains more than 90 %: then any step fits as well.
    """
    check_matches(a, b, 4)
    threshold_px = WIDER * check_number(threshold_px, "threshold_px", 0, above=True)
    turned = transfer_distance(fit_turn(a, b, intrinsics_a, intrinsics_b), a, b) < threshold_px
    if (share := float(turned.double().mean())) > FLAT_SHARE:
        raise DegenerateViews(
            f"views: got {share:.0%} of the matches explained by a turn alone, want a step between them"
        )
    plane = ransac(
        lambda chosen: fit_homography(a[chosen], b[chosen]), lambda models: transfer_distance(models, a, b),
        len(a), sample=4, threshold=threshold_px, least=1, most_rounds=256, seed=seed,
    ).inliers  # fmt: skip
    if int(plane.sum()) >= 4:  # fitted to all that agree, more may
        again = transfer_distance(fit_homography(a[plane], b[plane]), a, b) < threshold_px
        plane = again if again.sum() > plane.sum() else plane
    if (share := float(plane.double().mean())) > FLAT_SHARE:
        raise DegenerateViews(f"views: got {share:.0%} of the matches on one plane, want depth")
    return share
