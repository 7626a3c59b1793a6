"""Fast NMS (S09.3): suppression without an order of events, as one matrix a class.

D. Bolya, C. Zhou, F. Xiao, Y. J. Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019, section 5, "Fast
NMS", equations 2 and 3.

Greedy suppression asks whether a better box *that was kept* overlaps. Fast NMS asks whether *any* better box
does, so that every box can be judged at once; one that is itself removed may still remove others. What it
keeps is therefore always among what greedy NMS keeps.

The paper's words remove what overlaps by more than t, its formula keeps K < t; here, as in `ops/nms.py` and
in the authors' code, an overlap of just t stays. Of equal scores the first box goes first.

Shapes: N boxes x1, y1, x2, y2, K classes, n best boxes of a class.
"""

from torch import Tensor

from lecture_utils.ops.boxes import box_iou, check_box_set
from lecture_utils.ops.checks import check_number, check_tensor, check_whole
from lecture_utils.ops.nms import check_scored


def fast_nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep each box that no better box overlaps by more than the threshold, all judged at once.

    Parameters
    ----------
    boxes : Tensor
        (N, 4) x1, y1, x2, y2, floating point and finite.
    scores : Tensor
        (N,), floating point, without NaN.
    iou_threshold : float
        t in [0, 1]. A box with just this IoU stays.

    Returns
    -------
    Tensor
        (kept,) int64, indices of the kept boxes by falling score: some or all of those that `nms` keeps.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, a box with x2 < x1, or a threshold out of range.
    """
    check_scored(boxes, scores, iou_threshold)
    order = scores.argsort(descending=True, stable=True)  # indices, best first
    if len(order) == 0:
        return order
    overlaps = box_iou(boxes[order], boxes[order])  # (N, N)
    with_better = overlaps.triu(diagonal=1)  # equation 2: row i, column j count where i is better than j
    worst = with_better.amax(0)  # (N,), equation 3: the largest overlap with any better box
    return order[worst <= iou_threshold]


def fast_nms_by_class(
    boxes: Tensor, scores: Tensor, iou_threshold: float, *, most_of_class: int = 200
) -> tuple[Tensor, Tensor]:
    """Fast NMS of all classes in one run, for boxes that all classes share: the matrix X (K, n, n).

    Parameters
    ----------
    boxes : Tensor
        (N, 4) x1, y1, x2, y2, floating point and finite.
    scores : Tensor
        (K, N) of each class for each box, floating point, without NaN.
    iou_threshold : float
        t in [0, 1]. A box with just this IoU stays.
    most_of_class : int
        n: only so many best boxes of a class take part, 200 in the authors' code.

    Returns
    -------
    index, label : Tensor
        (kept,) int64 both: boxes and the classes for which they are kept, by falling score. A box may be kept
        for several classes.

    Raises
    ------
    ValueError
        As `fast_nms`, and for a number below 1.
    """
    check_box_set(boxes)
    check_tensor(scores, "scores", "K", len(boxes), finite=True)
    check_number(iou_threshold, "iou_threshold", 0, 1)
    check_whole(most_of_class, "most_of_class")
    order = scores.argsort(dim=1, descending=True, stable=True)[:, :most_of_class]  # (K, n), best first
    if order.numel() == 0:
        return order.flatten(), order.flatten()
    used, place = order.unique(return_inverse=True)  # an overlap of two boxes is computed once
    overlaps = box_iou(boxes[used], boxes[used])[place[:, :, None], place[:, None, :]]  # X, (K, n, n)
    worst = overlaps.triu(diagonal=1).amax(1)  # (K, n), equations 2 and 3
    label, rank = (worst <= iou_threshold).nonzero().unbind(1)
    index = order[label, rank]
    by_score = scores[label, index].argsort(descending=True, stable=True)
    return index[by_score], label[by_score]
