"""Disparity and depth (S18.1): two eyes on one line, similar triangles, and how far off a disparity map is.

D. Scharstein et al., "High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth", GCPR 2014, for
the principal points' offset and the share of bad pixels.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor


def disparity_to_depth(
    disparity: Tensor, focal_px: float, baseline_m: float, *, offset_px: float = 0.0
) -> Tensor:
    """Depth by similar triangles: z = f · baseline / (disparity + offset).

    Parameters
    ----------
    disparity : Tensor
        Any shape, in pixels.
    focal_px, baseline_m : float
        Focal length in pixels, distance of the two eyes in metres.
    offset_px : float
        How much further right the right camera's principal point is (`doffs` at Middlebury): what a point at
        infinity has as −disparity.

    Returns
    -------
    Tensor
        Metres; infinite at infinity, NaN beyond it and where there is no disparity.
    """
    check_tensor(disparity, "disparity", "…", some=True)
    shift = disparity + check_number(offset_px, "offset_px")
    top = check_number(focal_px, "focal_px", 0, above=True) * check_number(
        baseline_m, "baseline_m", 0, above=True
    )
    return torch.where(shift >= 0, top / shift, torch.nan)


def depth_to_disparity(
    depth_m: Tensor, focal_px: float, baseline_m: float, *, offset_px: float = 0.0
) -> Tensor:
    """Undo `disparity_to_depth`: f · baseline / z − offset, in pixels; NaN where the depth is not above 0."""
    check_tensor(depth_m, "depth_m", "…", some=True)
    check_number(offset_px, "offset_px")
    top = check_number(focal_px, "focal_px", 0, above=True) * check_number(
        baseline_m, "baseline_m", 0, above=True
    )
    return torch.where(depth_m > 0, top / depth_m - offset_px, torch.nan)


def bad_pixels(disparity: Tensor, truth: Tensor, threshold: float, valid: Tensor | None = None) -> float:
    """Share of pixels whose disparity is off by more than `threshold` pixels (Middlebury's "bad 4.0" for 4).

    Parameters
    ----------
    disparity, truth : Tensor
        One shape; where the truth is NaN nothing is known and nothing is counted. A disparity of NaN is bad.
    threshold : float
        Pixels.
    valid : Tensor, optional
        bool: count only these pixels; all otherwise.

    Returns
    -------
    float
        NaN where no pixel counts.
    """
    check_tensor(truth, "truth", "…", some=True)
    check_tensor(disparity, "disparity", *truth.shape)
    check_number(threshold, "threshold", 0)
    known = truth.isfinite()
    if valid is not None:
        check_tensor(valid, "valid", *truth.shape, kind="bool")
        known = known & valid
    return 1 - float(((disparity - truth).abs() <= threshold)[known].float().mean())
