"""Structure from motion (S18.2): from pictures alone to where the cameras stood and what they saw.

J. Schönberger, J.-M. Frahm, "Structure-from-Motion Revisited" (COLMAP), CVPR 2016, figure 2: match every two
pictures, keep the matches that one pose explains, begin with a good pair, then add one view at a time
(resection), triangulate what it brings, and adjust all of it.

Simplified: K is known; all pairs are matched, so it is for tens of pictures; the next view is the one that
sees most points, wherever they lie in it; a view that fails is not tried again.

Shapes: N pictures, P points; V of the pictures got a camera.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.geometry.matching import Features, find_features
from lecture_utils.geometry.pairs import Verified, first_pair, match_pictures
from lecture_utils.geometry.sparse_model import SparseModel
from lecture_utils.geometry.tracks import build_tracks
from lecture_utils.geometry.triangulation import reprojection_error
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_images, check_tensor

WORST_PX = 2.0  # what is seen further than this from where it projects is dropped


@dataclass(frozen=True)
class Reconstruction:
    """What structure from motion found, in the axes of the first view's camera; the scale is arbitrary.

    Attributes
    ----------
    views : list of int
        Which of the N pictures have a camera, in the order in which they were added.
    cameras : Cameras
        V, in this order.
    points : Tensor
        (P, 3).
    colours : Tensor
        (P, 3) in [0, 1], each from the first of the views that sees the point.
    pixels : Tensor
        (V, P, 2): where each is seen; NaN where it is not.
    seen : Tensor
        (V, P) bool.
    """

    views: list[int]
    cameras: Cameras
    points: Tensor
    colours: Tensor
    pixels: Tensor
    seen: Tensor

    @property
    def errors_px(self) -> Tensor:
        """The reprojection error of each observation, (O,) in pixels."""
        return reprojection_error(self.points, self.cameras, self.pixels, self.seen)[self.seen]


def reconstruct(
    images: Tensor, intrinsics: Tensor, *, count: int = 1000, adjust: bool = True, seed: int = 0
) -> Reconstruction:
    """Cameras and points from N pictures.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W) in [0, 1], C of 1 or 3; N ≥ 2. Neighbours should overlap well (up to about 10° apart),
        and the scene must have texture and depth.
    intrinsics : Tensor
        K of all, (3, 3), or of each, (N, 3, 3).
    count : int
        Corners a picture.
    adjust : bool
        Bundle adjustment after each view and at the end. False shows what it is good for.
    seed : int
        Of RANSAC.

    Raises
    ------
    DegenerateViews
        Where no two pictures give a pose. Views that cannot be added are left out of `views` instead.
    ValueError
        For other shapes or types, values out of range, fewer than two pictures.
    """
    check_images(images, unit_range=True)
    if len(images) < 2:
        raise ValueError(f"images: got {len(images)}, want two or more")
    if isinstance(intrinsics, Tensor) and intrinsics.ndim == 2:
        intrinsics = intrinsics.expand(len(images), 3, 3)
    check_tensor(intrinsics, "intrinsics", len(images), 3, 3, finite=True)
    features = [find_features(image, count=count) for image in images]
    pairs = match_pictures(features, intrinsics, seed=seed)
    model = start(features, pairs, intrinsics, images.shape[2:])
    grow(model, adjust=adjust, seed=seed)
    return finished(model, images)


def start(
    features: Sequence[Features], pairs: Mapping[tuple[int, int], Verified], intrinsics: Tensor,
    size: Sequence[int],
) -> SparseModel:  # fmt: skip
    """Join the matches into tracks, and begin a model with the first pair."""
    chosen = first_pair({pair: found.pose for pair, found in pairs.items()})
    tracks = build_tracks(
        [len(f.pixels) for f in features], {pair: found.pairs for pair, found in pairs.items()}
    )
    seen = (tracks >= 0).mT  # (N, P)
    pixels = torch.stack([f.pixels[own] for f, own in zip(features, tracks.mT, strict=True)])  # (N, P, 2)
    model = SparseModel(pixels, seen, intrinsics, (size[0], size[1]))
    pose = pairs[chosen].pose
    model.add(chosen[0], torch.eye(3), torch.zeros(3))
    model.add(chosen[1], pose.rotation, pose.translation)
    model.triangulate()
    model.prune(2 * WORST_PX)
    return model


def grow(model: SparseModel, *, adjust: bool = True, seed: int = 0) -> None:
    """Add view after view to a model, until none is left that sees enough of it."""
    failed: set[int] = set()
    if adjust:
        model.adjust(steps=20)
    while (view := model.next_view(failed)) is not None:
        if not model.register(view, threshold_px=2 * WORST_PX, seed=seed):
            failed.add(view)
            continue
        model.triangulate()
        model.prune(2 * WORST_PX)
        if adjust:
            model.adjust(steps=5)
            model.prune(WORST_PX)
    if adjust:
        model.adjust(steps=50)


def finished(model: SparseModel, images: Tensor) -> Reconstruction:
    """Read a model out, with colours from the pictures (N, C, H, W)."""
    known, views = torch.nonzero(model.known)[:, 0], model.views
    seen = model.seen[views][:, known]
    pixels = torch.where(seen[..., None], model.pixels[views][:, known], torch.nan)
    first = seen.int().argmax(0)  # (P,): the first of the views that sees it
    at = pixels[first, torch.arange(len(known))].floor().long()  # (P, 2): column, row
    colours = images[torch.tensor(views)[first], :, at[:, 1], at[:, 0]].expand(-1, 3)
    kind = images.dtype
    return Reconstruction(
        list(views), model.cameras.to(kind), model.points[known].to(kind), colours, pixels.to(kind), seen
    )
