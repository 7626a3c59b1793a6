"""Pairs of pictures (S18.2): matches that one pose explains, the pair to begin with, two of your own.

J. Schönberger, J.-M. Frahm, "Structure-from-Motion Revisited" (COLMAP), CVPR 2016, section 2.1: geometric
verification and initialisation.

Shapes: N pictures, K corners, M matches.
"""

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.geometry.matching import Features, find_features, match
from lecture_utils.geometry.pose import RelativePose, relative_pose, two_cameras
from lecture_utils.ops.camera import Cameras, pinhole
from lecture_utils.ops.checks import check_tensor

FIRST_ANGLE_DEG = 8.0  # between the rays of the first pair, if any has so much


class Verified(NamedTuple):
    """The matches (M, 2) of two pictures that one pose explains, and that pose."""

    pairs: Tensor
    pose: RelativePose


def match_pictures(
    features: Sequence[Features],
    intrinsics: Tensor,
    *,
    ratio: float = 0.8,
    threshold_px: float = 1.0,
    seed: int = 0,
) -> dict[tuple[int, int], Verified]:
    """Match every two of N pictures, (i, j) with i < j; pairs from which no pose follows are left out.

    Parameters
    ----------
    features : sequence of Features
        Of each picture.
    intrinsics : Tensor
        (N, 3, 3).
    ratio : float
        Of `match`.
    threshold_px, seed
        Of `relative_pose`.
    """
    check_tensor(intrinsics, "intrinsics", len(features), 3, 3, finite=True)
    found = {}
    for i, j in itertools.combinations(range(len(features)), 2):
        pairs = match(features[i].descriptors, features[j].descriptors, ratio=ratio).pairs
        a, b = features[i].pixels[pairs[:, 0]], features[j].pixels[pairs[:, 1]]
        with contextlib.suppress(DegenerateViews):
            pose = relative_pose(a, b, intrinsics[i], intrinsics[j], threshold_px=threshold_px, seed=seed)
            found[i, j] = Verified(pairs[pose.inliers], pose)
    return found


def first_pair(poses: Mapping[tuple[int, int], RelativePose]) -> tuple[int, int]:
    """The pair with most inliers among those with 8° or more between rays; else that of the widest angle."""
    if not poses:
        raise DegenerateViews("pictures: got no pair with a pose, want two that see the same from two places")
    wide = {pair: int(p.inliers.sum()) for pair, p in poses.items() if p.angle_deg >= FIRST_ANGLE_DEG}
    if wide:
        return max(wide, key=lambda pair: wide[pair])
    return max(poses, key=lambda pair: poses[pair].angle_deg)


class TwoPictures(NamedTuple):
    """What two pictures show: cameras (2, the distance between them is 1), points (M, 3), colours (M, 3).

    features of each picture, pairs (M, 2) of corners that agree, in the order of the points.
    """

    cameras: Cameras
    points: Tensor
    colours: Tensor
    features: tuple[Features, Features]
    pairs: Tensor
    pose: RelativePose


def two_pictures(
    first: Tensor, second: Tensor, *, field_of_view_deg: float = 60.0, count: int = 2000, seed: int = 0
) -> TwoPictures:
    """Pose and points from two pictures of your own, whose camera is not known.

    Parameters
    ----------
    first, second : Tensor
        (C, H, W) in [0, 1], of one size, C of 1 or 3: the same still scene from two places, the camera
        upright both times. A step to the side of about a tenth of the distance is good.
    field_of_view_deg : float
        What is assumed of the lens, across the picture. A phone's main camera has about 65° held sideways,
        50° upright. A wrong value bends the scene, and changes the pose a little.
    count : int
        Corners a picture.
    seed : int
        Of RANSAC.

    Raises
    ------
    DegenerateViews
        With too few matches, without a step between the views, of one plane.
    ValueError
        For other shapes or types, values out of range.
    """
    check_tensor(first, "first", "C", "H", "W")
    check_tensor(second, "second", *first.shape)
    size = (first.shape[1], first.shape[2])
    k = pinhole(size, field_of_view_deg).to(first)
    features = (find_features(first, count=count), find_features(second, count=count))
    pairs = match(features[0].descriptors, features[1].descriptors).pairs
    a, b = (own.pixels[which] for own, which in zip(features, pairs.mT, strict=True))
    pose = relative_pose(a, b, k, k, seed=seed)
    pairs, points = pairs[pose.inliers], pose.points[pose.inliers].to(first)
    cameras = two_cameras(pose.rotation, pose.translation, torch.stack([k, k]).double()).to(first.dtype)
    cameras = Cameras(cameras.rotation, cameras.translation, cameras.intrinsics, size)
    at = a[pose.inliers].long()  # (M, 2): column, row
    colours = first[:, at[:, 1], at[:, 0]].mT.expand(-1, 3)
    return TwoPictures(cameras, points, colours, features, pairs, pose)
