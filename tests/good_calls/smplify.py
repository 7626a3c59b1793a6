"""Good calls of SMPLify, of people's poses and detections, and of the errors of bodies."""

import torch

from lecture_utils.body.skeleton import PARENTS
from lecture_utils.body.smplify.joints import RestJoints
from tests.bad_calls import Value, count, floats, made, number, word
from tests.body.smplify import people
from tests.body.stick import stick_body

STICK = stick_body()
FOUND = people.people(2)
MODEL, REST = made(lambda: STICK), made(lambda: RestJoints.of(STICK))
PRIOR, CAPSULES = made(people.prior), made(people.capsules)
DRAWN = {"seed": count(0, zero=True), "split": word("train")}
POSE, SHAPE, JOINTS = floats(2, 24, 3), floats(2, 10), floats(2, 24, 3)
IN_FRONT = floats(2, 24, 3, of=lambda x: x + 2.0)
SURE = floats(2, 24, of=lambda x: 0.2 + 0.8 * x)


def given(make) -> Value:  # type: ignore[no-untyped-def]
    """A tensor that must be as it is, spoiled as `floats` are."""
    return Value(make, floats(2).kinds)


SEEN = given(lambda: FOUND.joints_pixel.clone())
CAMERAS = made(lambda: FOUND.cameras)
K = given(lambda: FOUND.cameras.intrinsics.clone())
DEPTH = floats(2, of=lambda x: x + 3.0)

GOOD: dict[str, dict[str, Value | object]] = {
    "data.toyworld.people.poses": {
        "pairs": {"split": word("train")},
        "sample_activities": {"count": count(3, zero=True), **DRAWN},
        "sample_poses": {"count": count(3, zero=True), **DRAWN},
        "sample_shapes": {"count": count(3, zero=True), **DRAWN},
        "walk": {"frames": count(3), "phase": number(0.5), "speed": number(1.3), "fps": number(25.0)},
        "mirror_pose": {"pose": POSE},
    },
    "data.toyworld.people.limits": {
        "angles_to_pose": {"angles": POSE},
        "pose_to_angles": {"pose": POSE},
    },
    "data.toyworld.people.keypoints": {
        "sample_detections": {"model": MODEL, "count": count(2, zero=True), **DRAWN,
            "noise_px": number(1.0), "missed": number(0.1), "wrong": number(0.1)},
    },
    "body.smplify.joints": {
        "RestJoints.at": {"self": REST, "shape": SHAPE},
        "posed_joints": {"rest": REST, "shape": SHAPE, "pose": POSE, "pelvis": floats(2, 3)},
    },
    "body.smplify.prior": {
        "GaussianMixturePrior": {"means": floats(2, 4),
            "covariances": given(lambda: torch.eye(4).repeat(2, 1, 1)),
            "weights": given(lambda: torch.full((2,), 0.5))},
        **{f"GaussianMixturePrior.{name}": {"self": PRIOR, "body_pose": floats(2, 69)}
            for name in ("components", "log_likelihood", "residuals", "energy")},
    },
    "body.smplify.bending": {"unnatural_bend": {"pose": POSE}, "bending_residuals": {"pose": POSE}},
    "body.smplify.data_term": {
        "project_joints": {"joints": IN_FRONT, "intrinsics": K},
        "geman_mcclure": {"error": floats(2, 24, 2), "sigma": number(0.3)},
        "data_residuals": {"joints": IN_FRONT, "seen_pixel": SEEN, "confidence": SURE, "intrinsics": K,
            "depth_m": DEPTH, "sigma_m": number(0.3)},
    },
    "body.smplify.capsules": {
        "Capsules.radii": {"self": CAPSULES, "shape": SHAPE},
        "Capsules.spheres": {"self": CAPSULES, "joints": JOINTS},
        "fit_capsules": {"model": MODEL},
        "overlap_residuals": {"capsules": CAPSULES, "joints": JOINTS, "shape": SHAPE, "floor": number(1e-6)},
    },
    "body.smplify.solver": {
        "damped_step": {"r": floats(2, 5), "j": floats(2, 5, 3), "damp": floats(2, 1, of=lambda x: x + 0.1)},
        "levenberg_marquardt": {"residuals": made(lambda: lambda x: x - 1),
            "linearised": made(lambda: lambda x: (x - 1, torch.eye(3).expand(len(x), 3, 3))),
            "start": floats(2, 3), "steps": count(2, zero=True), "damping": number(0.1)},
    },
    "body.smplify.start": {
        "torso_depth": {"rest": JOINTS, "seen_pixel": SEEN, "confidence": SURE, "focal_px": DEPTH},
        "headings": {"rest": JOINTS, "seen_pixel": SEEN, "confidence": SURE, "metre_px": DEPTH},
        "upright": {"heading": floats(2)},
    },
    "body.smplify.objective": {
        "Stage": {"steps": count(2, zero=True),
            **{name: number(1.0) for name in ("pose", "shape", "limits", "overlap")}},
    },
    "body.smplify.fit": {
        "smplify": {"model": MODEL, "joints_pixel": SEEN, "confidence": SURE, "cameras": CAMERAS,
            "prior": PRIOR, "capsules": CAPSULES, "start_poses": floats(1, 23, 3),
            "stages": made(lambda: (people.QUICK,)), "sigma_m": number(0.3)},
    },
    "metrics.pose_3d": {
        "mpjpe_mm": {"joints": JOINTS, "truth": IN_FRONT, "root": count(0, zero=True)},
        "pa_mpjpe_mm": {"joints": JOINTS, "truth": IN_FRONT},
        "vertex_error_mm": {"vertices": JOINTS, "truth": IN_FRONT, "root": floats(2, 3),
            "true_root": floats(2, 3)},
        "depth_flips": {"joints_cam": JOINTS, "truth_cam": IN_FRONT, "parents": PARENTS,
            "least_m": number(0.1)},
    },
}  # fmt: skip
