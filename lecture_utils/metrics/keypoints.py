"""Keypoints: the share that lies near enough to the truth (PCK).

Y. Yang, D. Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013, section 6: a
keypoint is right within α · max(height, width) of its object's box.

Shapes: G objects, N keypoint types.
"""

from torch import Tensor

from lecture_utils.ops.boxes import check_box_set
from lecture_utils.ops.checks import check_number, check_tensor


def correct_keypoints(found: Tensor, truth: Tensor, boxes: Tensor, *, alpha: float = 0.1) -> Tensor:
    """Say which keypoints lie within α times the longer side of their object's box.

    Parameters
    ----------
    found : Tensor
        (G, N, 2) x, y in pixels; NaN where none was found, which is wrong.
    truth : Tensor
        (G, N, 2) likewise, finite.
    boxes : Tensor
        (G, 4) x1, y1, x2, y2 in pixels, around each object.
    alpha : float
        0 or more; 0.1 or 0.2 in most papers.

    Returns
    -------
    Tensor
        (G, N) bool.

    Raises
    ------
    ValueError
        For shapes that do not fit, or numbers out of range.
    """
    check_tensor(truth, "truth", "G", "N", 2, finite=True)
    check_tensor(found, "found", *truth.shape)
    check_tensor(boxes, "boxes", len(truth), 4)
    check_box_set(boxes)
    check_number(alpha, "alpha", 0)
    reach = alpha * (boxes[:, 2:] - boxes[:, :2]).amax(1)  # (G,)
    return (found - truth).norm(dim=-1) <= reach[:, None]  # False for NaN


def pck(found: Tensor, truth: Tensor, boxes: Tensor, *, alpha: float = 0.1) -> float:
    """Share of the visible keypoints that are right.

    Parameters
    ----------
    found, boxes, alpha
        As for `correct_keypoints`.
    truth : Tensor
        (G, N, 3) x, y in pixels, and 1 for a keypoint that can be seen, else 0: those are left out.

    Returns
    -------
    float
        In [0, 1]; NaN if none can be seen.

    Raises
    ------
    ValueError
        As `correct_keypoints` does.
    """
    check_tensor(truth, "truth", "G", "N", 3, finite=True)
    right, seen = correct_keypoints(found, truth[..., :2], boxes, alpha=alpha), truth[..., 2] > 0
    return float(right[seen].double().mean()) if bool(seen.any()) else float("nan")
