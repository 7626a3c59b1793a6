"""R-CNN without its network (S07.5): examples, a linear SVM with hard negatives, ridge regression to boxes.

R. Girshick, J. Donahue, T. Darrell, J. Malik, "Rich Feature Hierarchies for Accurate Object Detection and
Semantic Segmentation", CVPR 2014: section 2.3, appendices B (labels) and C (boxes). Hard negatives:
P. Felzenszwalb et al., "Object Detection with Discriminatively Trained Part Based Models", TPAMI 2010,
section 4.

Shapes: N proposals of a picture, G objects, D features, P positives.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from sklearn.svm import LinearSVC
from torch import Tensor

from lecture_utils.detection.anchors import match_anchors, sample_balanced
from lecture_utils.detection.structures import check_targets
from lecture_utils.ops.boxes import box_iou, encode_boxes
from lecture_utils.ops.checks import check_number, check_tensor, check_whole
from lecture_utils.ops.precision import precise

LOOSE = 0.5  # an IoU from which on a region shows its object well enough to fine-tune the network on it
NEGATIVE, CLOSE = 0.3, 0.6  # an IoU below the first is background; from the second on a box can be corrected
HARD, EASY = -1.0, -1.2  # a negative above the first costs something; one below the second is let go


class Linear(NamedTuple):
    """A linear function x · weight + bias: weight (D, …), bias (…)."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


def region_examples(
    proposals: Tensor,
    objects: Tensor,
    labels: Tensor,
    *,
    number: int = 128,
    positive_share: float = 0.25,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw what the network is fine-tuned on: proposals and the objects themselves, of a class or background.

    An IoU of 0.5 or more with an object gives a region the object's class, all else is background (section
    2.3). This is looser than what the SVMs learn from, and brings some thirty times as many positives
    (appendix B).

    Parameters
    ----------
    proposals, objects : Tensor
        (N, 4) and (G, 4) x1, y1, x2, y2 of one picture; there may be no objects.
    labels : Tensor
        (G,) classes from 0.
    number, positive_share
        Regions to draw, and the share that may show objects: 32 of 128 in the paper.
    generator : torch.Generator, optional
        The global one if not given.

    Returns
    -------
    regions, wanted : Tensor
        (R, 4), and (R,) int64: 0 for background, k + 1 for class k.

    Raises
    ------
    ValueError
        For what is no set of boxes, or labels that do not fit.
    """
    check_targets([(objects, labels)], 1)
    regions = torch.cat([proposals, objects.to(proposals)])
    match = match_anchors(box_iou(objects, regions), high=LOOSE, low=LOOSE)  # (N + G,)
    wanted = torch.zeros_like(match)
    wanted[match >= 0] = labels[match[match >= 0]].long() + 1
    chosen = torch.cat(sample_balanced(wanted, number, positive_share, generator))
    return regions[chosen], wanted[chosen]


def background(proposals: Tensor, objects: Tensor) -> Tensor:
    """Which proposals are negatives of a class: IoU below 0.3 with each of its objects (appendix B), (N,).

    Proposals that overlap more are neither: the objects themselves are the positives.

    Parameters
    ----------
    proposals, objects : Tensor
        (N, 4) and (G, 4) x1, y1, x2, y2; the objects are those of the class, and may be none.

    Raises
    ------
    ValueError
        For what is no set of boxes.
    """
    return (box_iou(proposals, objects) < NEGATIVE).all(1)


def box_examples(proposals: Tensor, objects: Tensor) -> tuple[Tensor, Tensor]:
    """What the box regression learns from: proposals close to an object, and the offsets to it (appendix C).

    Parameters and errors as for `background`; a close proposal without area is refused too.

    Returns
    -------
    indices : Tensor
        (n,) int64: the proposals with an IoU of 0.6 or more.
    offsets : Tensor
        (n, 4) dx, dy, dw, dh from each to the object that it covers best.
    """
    iou = box_iou(proposals, objects)
    if iou.numel() == 0:
        return torch.zeros(0, dtype=torch.long, device=proposals.device), proposals.new_zeros(0, 4)
    best, which = iou.max(1)  # (N,)
    near = (best >= CLOSE).nonzero().flatten()
    return near, encode_boxes(objects[which[near]], proposals[near])


def fit_svm(positives: Tensor, negatives: Tensor, *, c: float = 1e-3, positive_weight: float = 2) -> Linear:
    """A linear support vector machine: above 1 for positives, below -1 for negatives, as far as it can.

    Parameters
    ----------
    positives, negatives : Tensor
        (P, D) and (N, D), one or more each.
    c, positive_weight : float
        What a unit of violation costs, and how much more for a positive; above 0. Both as in the authors'
        code, for features of length about 20.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, none of either, or a cost that is not above 0.
    """
    check_tensor(positives, "positives", "P", "D", finite=True, some=True)
    check_tensor(negatives, "negatives", "N", positives.shape[1], finite=True, some=True)
    check_number(c, "c", 0, above=True)
    check_number(positive_weight, "positive_weight", 0, above=True)
    x = torch.cat([positives, negatives]).cpu().double().numpy()
    y = [1] * len(positives) + [-1] * len(negatives)
    svm = LinearSVC(
        C=c,
        loss="hinge",
        dual=True,
        class_weight={1: positive_weight},
        intercept_scaling=10,  # the bias is hardly held back
        max_iter=20_000,
        random_state=0,
    ).fit(x, y)
    return Linear(torch.from_numpy(svm.coef_[0]).to(positives), positives.new_tensor(svm.intercept_[0]))


def mine_hard_negatives(
    positives: Tensor,
    negatives: Sequence[Tensor],
    *,
    passes: int = 1,
    pictures: int = 20,
    c: float = 1e-3,
    positive_weight: float = 2,
) -> Linear:
    """Train an SVM on the few negatives that matter: those that it gets wrong, found picture by picture.

    A negative below -1 adds nothing to the loss: the SVM of the hard negatives is the SVM of all.

    Parameters
    ----------
    positives : Tensor
        (P, D).
    negatives : sequence of Tensor
        (N, D) for each picture.
    passes : int
        How often to go over all pictures. The paper found one enough (section 2.3). It ends early when none
        is left to add.
    pictures : int
        How many to search between two trainings.
    c, positive_weight : float
        As for `fit_svm`.

    Raises
    ------
    ValueError
        As `fit_svm`, and for numbers that are not whole and above 0.
    """
    check_whole(passes, "passes")
    check_whole(pictures, "pictures")
    check_tensor(positives, "positives", "P", "D", finite=True, some=True)
    for some in negatives:
        check_tensor(some, "negatives", "N", positives.shape[1], finite=True)
    counts = torch.tensor([len(some) for some in negatives], dtype=torch.long)
    pool = torch.cat([positives[:0], *negatives])  # (M, D) of all pictures
    picture = torch.arange(len(negatives)).repeat_interleave(counts)
    parts = [(picture // pictures == i).nonzero().flatten() for i in range(-(-len(negatives) // pictures))]
    cached = torch.zeros(len(pool), dtype=torch.bool)
    svm: Linear | None = None
    for _ in range(passes):
        added = 0
        for part in parts:
            hard = part if svm is None else part[(svm(pool[part]) > HARD).cpu()]
            new = hard[~cached[hard]]
            if len(new):
                added += len(new)
                cached[new] = True
                svm = fit_svm(positives, pool[cached], c=c, positive_weight=positive_weight)
                cached &= (svm(pool) > EASY).cpu()  # those that have become easy leave
        if added == 0:
            break
    if svm is None:
        raise ValueError(f"negatives: got none in {len(negatives)} pictures, want one or more")
    return svm


def ridge(x: Tensor, y: Tensor, *, decay: float = 1000) -> Linear:
    """Least squares that holds the weights back: the smallest |x w + b - y|² + decay · |w|² (appendix C).

    Parameters
    ----------
    x : Tensor
        (n, D), one row or more.
    y : Tensor
        (n, T) what is to be predicted.
    decay : float
        λ, above 0. The paper's 1,000 is for features of length about 20, and thousands of examples.

    Returns
    -------
    Linear
        Weight (D, T) and bias (T,), of the type of `x`.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, or a decay that is not above 0.
    """
    check_tensor(x, "x", "n", "D", finite=True, some=True)
    check_tensor(y, "y", len(x), "T", finite=True, some=True)
    check_number(decay, "decay", 0, above=True)
    mean_x, mean_y = precise(x).mean(0), precise(y).mean(0)
    x_, y_ = precise(x) - mean_x, precise(y) - mean_y  # about their means: then there is no bias to find
    weight = torch.linalg.solve(x_.T @ x_ + decay * torch.eye(x.shape[1]).to(x_), x_.T @ y_)  # (D, T)
    return Linear(weight.to(x), (mean_y - mean_x @ weight).to(x))
