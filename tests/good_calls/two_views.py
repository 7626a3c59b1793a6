"""Good calls of two-view geometry and structure from motion."""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.geometry import align, matching, sparse_model, tracks
from lecture_utils.ops.camera import Cameras, orbit, project
from lecture_utils.ops.rotation import cross_matrix
from tests.bad_calls import Value, count, floats, images, made, masks, number, pair, pixels, word

SEED = number(0)  # any whole number, below 0 too
THRESHOLD = number(1.0)


def given(make: Callable[[], Tensor]) -> Value:
    """A tensor that must be as it is, spoiled as `floats` are."""
    return Value(make, floats(2).kinds)


def views(n: int = 2) -> Cameras:
    """Cameras on an arc around the origin."""
    return orbit(n, (240, 320), radius_m=4.0, turn_deg=15.0 * n).to(torch.float64)


def cloud() -> Tensor:
    """Points (40, 3) around the origin."""
    random = torch.Generator().manual_seed(0)
    return 2 * torch.rand(40, 3, generator=random, dtype=torch.float64) - 1


def seen(n: int = 2) -> Tensor:
    """Where n cameras see them, (n, 40, 2)."""
    return project(cloud(), views(n))[0]


def bare(which: int) -> Tensor:
    """Where a camera sees them, K taken off."""
    rays = torch.cat([seen()[which], torch.ones(40, 1)], dim=1) @ torch.linalg.inv(views().intrinsics[0]).mT
    return rays[:, :2]


def essential() -> Tensor:
    """Of the two cameras."""
    cameras = views()
    rotation = cameras.rotation[1] @ cameras.rotation[0].mT
    return cross_matrix(cameras.translation[1] - rotation @ cameras.translation[0]) @ rotation


def fundamental() -> Tensor:
    """Of the two cameras."""
    inverse = torch.linalg.inv(views().intrinsics[0])
    return inverse.mT @ essential() @ inverse


def model() -> sparse_model.SparseModel:
    """Two of three pictures have a camera."""
    cameras = views(3)
    own = sparse_model.SparseModel(seen(3), torch.ones(3, 40) > 0, cameras.intrinsics, (240, 320))
    for n in range(2):
        own.add(n, cameras.rotation[n], cameras.translation[n])
    own.triangulate()
    return own


def features() -> list[matching.Features]:
    """Of three pictures; each corner's descriptor is its own."""
    return [matching.Features(seen(3)[n], torch.eye(40).double()) for n in range(3)]


K = given(lambda: views().intrinsics[0])
KS = given(lambda: views(3).intrinsics)
A, B = given(lambda: seen()[0]), given(lambda: seen()[1])
NEAR_A, NEAR_B = given(lambda: bare(0)), given(lambda: bare(1))
E, F = given(essential), given(fundamental)
MATCHED = {"a": A, "b": B}
KNOWN = {**MATCHED, "intrinsics_a": K, "intrinsics_b": K}
PIXELS, SEEN, POINTS = given(seen), Value(lambda: torch.ones(2, 40) > 0, masks(2, 40).kinds), given(cloud)
CAMERAS = made(views)
POSE = given(lambda: torch.cat([views().rotation[1], views().translation[1][:, None]], dim=1))
BRIGHT, MIDDLE = images(1, 1, 32, 32), given(lambda: torch.tensor([[15.0, 17.0], [20.0, 14.0]]))
R = floats(5, 2)
MODELS = (lambda chosen: chosen[:, :1].double(), lambda models: (models - torch.arange(9)).abs())

GOOD = {
    "geometry.corners": {
        "grey": {"images": pixels(2, 3, 16, 20)},
        "blur": {"x": images(1, 2, 16, 20), "sigma_px": number(1.0)},
        "gradients": {"image": BRIGHT},
        "structure_tensor": {"image": BRIGHT, "sigma_px": number(1.0)},
        "harris_score": {"image": BRIGHT, "sigma_px": number(1.0), "kappa": number(0.05)},
        "shi_tomasi_score": {"image": BRIGHT, "sigma_px": number(1.0)},
        "find_corners": {"score": floats(32, 32), "count": count(5), "radius": count(2), "border": count(4),
            "least": number(0.1)},
        "refine": {"score": floats(9, 9), "row": made(lambda: torch.tensor([3, 4])),
            "column": made(lambda: torch.tensor([5, 2]))},
    },
    "geometry.matching": {
        "sample_grid": {"maps": floats(2, 32, 32), "pixels": MIDDLE, "cells": count(3),
            "spacing_px": number(2.0)},
        "patches": {"image": BRIGHT, "pixels": MIDDLE, "cells": count(4), "spacing_px": number(2.0)},
        "gradient_histograms": {"image": BRIGHT, "pixels": MIDDLE, "spacing_px": number(2.0)},
        "find_features": {"image": pixels(3, 48, 48), "count": count(5), "kind": word("patches")},
        "match": {"first": floats(5, 4), "second": floats(6, 4), "ratio": number(0.9)},
    },
    "geometry.ransac": {
        "rounds_needed": {"share": number(0.5), "sample": count(5), "confidence": number(0.9)},
        "ransac": {"*": MODELS, "count": count(9), "sample": count(2), "threshold": number(1.5),
            "least": count(2), "confidence": number(0.9), "most_rounds": count(64), "batch": count(8),
            "seed": SEED},
    },
    "geometry.epipolar": {
        "homogeneous": {"points": floats(3, 2)},
        "normalise": {"points": floats(5, 2)},
        "fit_eight_points": MATCHED,
        "rank_two": {"fundamental": F},
        "eight_point": MATCHED,
        "epipolar_lines": {"fundamental": F, "a": A},
        "sampson_distance": {"fundamental": F, **MATCHED},
        "nearest_essential": {"matrix": E},
        "fundamental_to_essential": {"fundamental": F, "intrinsics_a": K, "intrinsics_b": K},
        "essential_to_fundamental": {"essential": E, "intrinsics_a": K, "intrinsics_b": K},
        "image_coordinates": {"pixels": A, "intrinsics": K},
    },
    "geometry.five_point": {
        "five_point": {"a": given(lambda: bare(0).reshape(8, 5, 2)),
            "b": given(lambda: bare(1).reshape(8, 5, 2))},
        "essential_constraints": {"basis": floats(2, 4, 3, 3)},
        "times_x": {"reduced": floats(2, 10, 10)},
    },
    "geometry.homography": {
        "fit_homography": MATCHED,
        "transfer_distance": {"homography": given(lambda: torch.eye(3).double()), **MATCHED},
        "fit_turn": KNOWN,
    },
    "geometry.essential": {
        "robust_essential": {**KNOWN, "threshold_px": THRESHOLD, "solver": word("five"), "seed": SEED},
    },
    "geometry.pose": {
        "four_poses": {"essential": E},
        "two_cameras": {"rotation": given(lambda: views().rotation[0]), "translation": floats(3)},
        "recover_pose": {"essential": E, "a": NEAR_A, "b": NEAR_B},
        "relative_pose": {**KNOWN, "threshold_px": THRESHOLD, "solver": word("five"), "seed": SEED},
    },
    "geometry.triangulation": {
        "triangulate": {"pixels": PIXELS, "cameras": CAMERAS, "seen": SEEN},
        "ray_angle_deg": {"points": POINTS, "cameras": CAMERAS, "seen": SEEN},
        "reprojection_error": {"points": POINTS, "cameras": CAMERAS, "pixels": PIXELS, "seen": SEEN},
    },
    "geometry.pnp": {
        "fit_pose": {"points": POINTS, "image": NEAR_B},
        "pose_distance": {"poses": POSE, "points": POINTS, "pixels": B, "intrinsics": K},
        "refine_pose": {"pose": POSE, "points": POINTS, "pixels": B, "intrinsics": K, "huber_px": number(1.0),
            "steps": count(3, zero=True)},
        "resection": {"points": POINTS, "pixels": B, "intrinsics": K, "threshold_px": THRESHOLD,
            "seed": SEED},
    },
    "geometry.bundle_adjustment": {
        "huber_weights": {"r": R, "huber_px": number(0.5)},
        "cost": {"r": R, "huber_px": number(0.5)},
        "bundle_adjust": {"cameras": CAMERAS, "points": POINTS, "pixels": PIXELS, "seen": SEEN,
            "huber_px": number(1.0), "steps": count(2, zero=True)},
    },
    "geometry.tracks": {
        "UnionFind": {"count": count(4, zero=True)},
        "UnionFind.find": {"self": made(lambda: tracks.UnionFind(4)), "item": 1},
        "UnionFind.union": {"self": made(lambda: tracks.UnionFind(4)), "a": 1, "b": 2},
        "build_tracks": {"counts": pair(3, 2), "pairs": made(lambda: {(0, 1): torch.tensor([[0, 1]])})},
    },
    "geometry.align": {
        "Similarity.points": {"self": made(lambda: align.umeyama(cloud(), 2 * cloud())), "points": POINTS},
        "Similarity.cameras": {"self": made(lambda: align.umeyama(cloud(), 2 * cloud())), "cameras": CAMERAS},
        "umeyama": {"source": POINTS, "target": given(lambda: 2 * cloud() + 1)},
        "relative_pose_errors": {"cameras": CAMERAS, "truth": CAMERAS},
    },
    "geometry.pairs": {
        "match_pictures": {"features": made(features), "intrinsics": KS, "ratio": number(0.9),
            "threshold_px": THRESHOLD, "seed": SEED},
    },
    "geometry.sparse_model": {
        "SparseModel": {"pixels": PIXELS, "seen": SEEN, "intrinsics": given(lambda: views().intrinsics),
            "size": pair(240, 320)},
        "SparseModel.add": {"self": made(model), "view": count(2, zero=True),
            "rotation": given(lambda: views(3).rotation[2]), "translation": floats(3)},
        "SparseModel.register": {"self": made(model), "view": count(2, zero=True), "threshold_px": THRESHOLD,
            "seed": SEED},
        "SparseModel.prune": {"self": made(model), "worst_px": number(2.0)},
        "SparseModel.adjust": {"self": made(model), "steps": count(1, zero=True)},
    },
}  # fmt: skip
