"""SMPLify with and without its parts, and what is measured of a fit: for claim C20.2 and the notebook.

Shapes: B people.
"""

import torch
from torch import Tensor

from lecture_utils.body.skeleton import PARENTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.capsules import Capsules
from lecture_utils.body.smplify.fit import STAGES, SMPLifyFit, smplify
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.data.toyworld.people.keypoints import Detected
from lecture_utils.metrics.pose_3d import depth_flips, mpjpe_mm, pa_mpjpe_mm, vertex_error_mm
from lecture_utils.ops.camera import project, world_to_cam

NEAR_PX = 8.0  # of a picture of 256 × 256: about 10 cm at the person

# Which priors an arm goes without, and whether it tries both headings. The shape's prior is in every arm but
# the last: nothing else holds the size of a body whose distance is not known.
ARMS: dict[str, tuple[tuple[str, ...], bool]] = {
    "full": ((), True),
    "one heading": ((), False),
    "no pose prior": (("pose",), True),
    "no joint limits": (("limits",), True),
    "no capsules": (("overlap",), True),
    "no priors": (("pose", "limits", "overlap"), True),
    "reprojection only": (("pose", "limits", "overlap", "shape"), True),
}


def fitted(
    arm: str, model: SMPL, prior: GaussianMixturePrior, capsules: Capsules, found: Detected
) -> SMPLifyFit:
    """Fit bodies to what was detected, without the priors that the arm lacks: same starts, same steps."""
    dropped, two_starts = ARMS[arm]
    return smplify(
        model, found.joints_pixel, found.confidence, found.cameras, prior=prior, capsules=capsules,
        stages=[stage.without(*dropped) for stage in STAGES], two_starts=two_starts,
    )  # fmt: skip


def near_bones(found: Detected, joints: Tensor) -> Tensor:
    """Whether both ends of the bone that ends in a joint are right in the picture, (B, 24) bool."""
    pixels, _ = project(joints, found.cameras)
    near = (pixels - found.exact_pixel).norm(dim=-1) <= NEAR_PX  # False for NaN
    return near & near[:, [max(parent, 0) for parent in PARENTS]]


def flips(found: Detected, joints: Tensor) -> tuple[Tensor, Tensor]:
    """Return which bones have a depth flip, and which could have one, each (B, 24) bool.

    A bone could where the true depths of its ends differ by 10 cm or more, and both are right in the picture.
    """
    in_cam, true = (world_to_cam(own, found.cameras) for own in (joints, found.joints))
    flipped, counts = depth_flips(in_cam, true, PARENTS)
    near = near_bones(found, joints)
    return flipped & near, counts & near


@torch.no_grad()
def measured(model: SMPL, found: Detected, fit: SMPLifyFit) -> dict[str, Tensor]:
    """Errors of each fit (B,): of joints and vertices in mm, in the picture in pixels, flips and chances."""
    own = model(fit.shape, fit.pose, fit.translation)
    true = model(found.shape, found.pose, found.translation)
    flipped, counts = flips(found, own.joints)
    pixels, _ = project(own.joints, found.cameras)
    return {
        "mpjpe_mm": mpjpe_mm(own.joints, true.joints),
        "pa_mpjpe_mm": pa_mpjpe_mm(own.joints, true.joints),
        "vertex_mm": vertex_error_mm(own.vertices, true.vertices, own.joints[:, 0], true.joints[:, 0]),
        "pixel": (pixels - found.exact_pixel).norm(dim=-1).nanmean(1),
        "flipped": flipped.sum(1).float(),
        "counted": counts.sum(1).float(),
    }


def summary(scores: dict[str, Tensor]) -> dict[str, float]:
    """Means over people; and the share of bones that are flipped, of all that could be."""
    means = {name: float(scores[name].mean()) for name in scores if name.endswith(("mm", "pixel"))}
    return {**means, "flips": float(scores["flipped"].sum() / scores["counted"].sum().clamp_min(1))}
