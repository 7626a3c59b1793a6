"""Chapter 18: what the lecture claims about structure from motion and radiance fields, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. What
speaks of radiance fields stands in `radiance_claims` and `splat_claims`.
"""

import functools
from dataclasses import replace

import torch
from torch import Tensor

from lecture_utils.chapters.ch18.radiance_claims import c18_2_encoding, c18_4_directions
from lecture_utils.chapters.ch18.splat_claims import c18_1_frames, c18_5_views
from lecture_utils.data.toyworld import solids
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.geometry.align import relative_pose_errors
from lecture_utils.geometry.bundle_adjustment import bundle_adjust
from lecture_utils.geometry.matching import Features, find_features
from lecture_utils.geometry.pairs import match_pictures
from lecture_utils.geometry.sfm import Reconstruction, finished, grow, start
from lecture_utils.geometry.sparse_model import HUBER_PX
from lecture_utils.geometry.triangulation import reprojection_error, triangulate
from lecture_utils.ops.camera import Cameras, orbit
from lecture_utils.training.kit import Figures, size

__all__ = ["c18_1_frames", "c18_2_encoding", "c18_3_bundle", "c18_4_directions", "c18_5_views"]


# --- C18.3 -------------------------------------------------------------------------------------------
def arc(budget: str) -> Cameras:
    """Twelve cameras on 66° of a circle, 5.5° apart (quick: four, as far apart)."""
    views, pixels = size(budget, quick=(4, 160), full=(12, 240))
    return orbit(
        views,
        (pixels, pixels),
        elevation_deg=38,
        turn_deg=5.5 * views,
        target=(0.0, 0.0, -0.5),
        field_of_view_deg=38,
    )


@functools.lru_cache(maxsize=2)
def pictures(seed: int, budget: str) -> Tensor:
    """Views (N, 3, H, W) of four to six solids on a ground with fine texture."""
    scene = solids.sample_solid(seed, split="test", count=(4, 6), speckle=0.8)
    return solids.render_solids(scene, arc(budget), samples=2).image


def three_arms(seed: int, budget: str, noise_px: float) -> dict[str, Reconstruction]:
    """Structure from motion without bundle adjustment; the same adjusted at the end; adjusted all along."""
    images, k = pictures(seed, budget), arc(budget).intrinsics
    random = torch.Generator().manual_seed(seed)
    features = []
    for image in images:
        pixels, descriptors = find_features(image)
        noise = noise_px * torch.randn(pixels.shape, generator=random)
        features.append(Features(pixels + noise, descriptors))
    pairs = match_pictures(features, k, threshold_px=1.0 + 2 * noise_px, seed=seed)
    found = {}
    for name, adjust in (("without", False), ("all along", True)):
        model = start(features, pairs, k, images.shape[2:])
        grow(model, adjust=adjust, seed=seed)
        found[name] = finished(model, images)
    own = found["without"]
    better = bundle_adjust(own.cameras, own.points, own.pixels, own.seen, huber_px=HUBER_PX)
    found["with"] = replace(own, cameras=better.cameras, points=better.points)
    return found


def held_out_px(own: Reconstruction) -> float:
    """Error in a view that did not help to place the point: each in turn is left out of triangulation."""
    errors = []
    for view in range(len(own.views)):
        others = own.seen.clone()
        others[view] = False
        placed = triangulate(own.pixels, own.cameras, others)
        tested = (own.seen[view] & (others.sum(0) >= 2))[None]
        seen = torch.zeros_like(own.seen)
        seen[view] = tested
        error = reprojection_error(placed, own.cameras, own.pixels, seen)[seen]
        errors.append(error[torch.isfinite(error)])
    return float(torch.cat(errors).median())


def with_noise(seed: int, budget: str, noise_px: float) -> Figures:
    """Errors in the picture and of the poses, without bundle adjustment and with it."""
    truth, scores = arc(budget), {}
    for name, own in three_arms(seed, budget, noise_px).items():
        rotation, direction = relative_pose_errors(own.cameras, truth[own.views])
        scores[name] = {
            "reprojection_px": float(own.errors_px.mean()),
            "held_out_px": held_out_px(own),
            "rotation_deg": float(rotation.mean()),
            "direction_deg": float(direction.mean()),
            "views": float(len(own.views)),
            "points": float(len(own.points)),
        }
    before, after = scores["without"], scores["with"]
    return {
        "reprojection_left": after["reprojection_px"] / before["reprojection_px"],
        "rotation_left": after["rotation_deg"] / before["rotation_deg"],
        "direction_left": after["direction_deg"] / before["direction_deg"],
        "views": after["views"],
        "scores": scores,
    }


@claim(
    "C18.3",
    statement="Bundle adjustment cuts the reprojection error of structure from motion, and the cameras come "
    "nearer to the truth.",
    paper="B. Triggs, P. McLauchlan, R. Hartley, A. Fitzgibbon, Bundle Adjustment - A Modern Synthesis, "
    "2000; J. Schönberger, J.-M. Frahm, Structure-from-Motion Revisited, CVPR 2016, section 2.2",
    rule=(
        Rule("reprojection_left", below=1.0),
        Rule("rotation_left", below=1.0),
        Rule("direction_left", below=1.0),
    ),
    seeds=5,
    note="Twelve pictures of 240 × 240 pixels of toy solids, 5.5° apart. Without adjustment each view keeps "
    "the pose that resection gave it, and each point the place of its first triangulation (the first pair's "
    "pose is refined alone). With: the same cameras, points and observations, adjusted once, at the end, "
    "with Huber's cost. A third arm, adjusted after every view, which also drops what then does not fit, is "
    "shown and not ruled on. The reprojection error is a mean over observations. Errors of poses are means "
    "over all pairs of cameras. Held out is the median error in a view that was left out when the point was "
    "placed again. Along the boundary normal noise of so many pixels is added to each corner.",
    names={
        "reprojection_left": "reprojection error with adjustment over that without",
        "rotation_left": "rotation error with adjustment over that without",
        "direction_left": "error of the translation's direction with adjustment over that without",
        "views": "pictures of twelve that got a camera",
    },
    boundary=Boundary("noise added to the corners, in pixels", (0.25, 0.5, 1.0), with_noise),
)
def c18_3_bundle(seed: int, budget: str) -> Figures:
    """Errors without and with bundle adjustment, corners as they were found."""
    return with_noise(seed, budget, 0.0)
