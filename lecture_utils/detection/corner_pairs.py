"""Pairs of corners: tags that bring the two corners of an object together, and boxes made of them.

H. Law, J. Deng, "CornerNet: Detecting Objects as Paired Keypoints", ECCV 2018: grouping (section 3.3,
equations 4 and 5, after A. Newell et al., "Associative Embedding", NeurIPS 2017) and testing (section 4.2).

Shapes: B pictures, K classes, h × w map, N objects of all pictures, P peaks of a picture, D boxes of it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.detection.heatmaps import Peaks, pick_peaks
from lecture_utils.detection.key_point_heads import KeyPointMaps, check_maps
from lecture_utils.detection.key_points import gather_at
from lecture_utils.detection.structures import Detections, Sizes, check_picture_sizes
from lecture_utils.ops.checks import check_classes, check_number, check_tensor, check_whole
from lecture_utils.ops.nms import soft_nms


def pull_push_loss(
    top_left: Tensor, bottom_right: Tensor, picture: Tensor, batch: int, *, margin: float = 1.0
) -> dict[str, Tensor]:
    """Pull the tags of an object's corners together, and push those of a picture's objects apart.

    Parameters
    ----------
    top_left, bottom_right : Tensor
        (N,) tags e_t and e_b at the true corners.
    picture : Tensor
        (N,) whose object each is.
    batch : int
        B.
    margin : float
        Δ: how far apart the mean tags of two objects should be.

    Returns
    -------
    dict
        "pull" (equation 4) and "push" (equation 5), scalars, the means over the pictures.

    Raises
    ------
    ValueError
        For shapes that do not fit, or settings out of range.
    """
    check_tensor(top_left, "top_left", "N")
    check_tensor(bottom_right, "bottom_right", len(top_left))
    check_whole(batch, "batch")
    check_classes(picture, "picture", len(top_left), classes=batch)
    check_number(margin, "margin", 0)
    mean = (top_left + bottom_right) / 2  # e_k
    spread = (top_left - mean) ** 2 + (bottom_right - mean) ** 2  # (N,)
    pull = push = top_left.sum() * 0  # without objects too, a scalar of the graph
    for number in range(batch):
        own = mean[picture == number]  # (n,): the objects of one picture
        n = len(own)
        if n > 0:
            pull = pull + spread[picture == number].mean()
        if n > 1:
            apart = (own[:, None] - own[None, :]).abs()  # |e_k - e_j|
            close = F.relu(margin - apart).triu(1)  # each pair j ≠ k once
            push = push + 2 * close.sum() / (n * (n - 1))
    return {"pull": pull / batch, "push": push / batch}


def pair_corners(
    top_left: KeyPointMaps,
    bottom_right: KeyPointMaps,
    sizes: Sizes,
    *,
    stride: int,
    peaks: int = 100,
    tag_distance: float = 0.5,
) -> list[Detections]:
    """Make boxes of corners: of one class, with tags alike, the second below and to the right of the first.

    Parameters
    ----------
    top_left, bottom_right : KeyPointMaps
        What the two heads say.
    sizes : sequence of (int, int)
        Height and width of each picture, at which boxes are cut off.
    stride : int
        Pixels a cell.
    peaks : int
        Corners of each kind to pair, a picture.
    tag_distance : float
        Pairs whose tags are further apart are dropped.

    Returns
    -------
    list of Detections
        All pairs of each picture, by falling score, which is the mean of its corners'.

    Raises
    ------
    ValueError
        For maps that do not fit one another, or settings out of range.
    """
    check_maps(top_left)
    check_maps(bottom_right)
    check_tensor(bottom_right.heat, "bottom_right, heat", *top_left.heat.shape)
    check_picture_sizes(sizes, len(top_left.heat))
    check_whole(stride, "stride")
    check_number(tag_distance, "tag_distance", 0)
    first = pick_peaks(top_left.heat.sigmoid(), peaks)
    second = pick_peaks(bottom_right.heat.sigmoid(), peaks)
    found = []
    for number, (a, b, size) in enumerate(zip(first, second, sizes, strict=True)):
        start = cut_off(key_points_of(a, top_left, number, stride), size)  # (P, 2) x, y in pixels
        end = cut_off(key_points_of(b, bottom_right, number, stride), size)  # (Q, 2)
        apart = (tags_of(a, top_left, number)[:, None] - tags_of(b, bottom_right, number)[None, :]).abs()
        fits = a.labels[:, None] == b.labels[None, :]  # (P, Q)
        fits &= apart <= tag_distance
        fits &= (end[None, :] > start[:, None]).all(-1)
        i, j = fits.nonzero().unbind(1)
        boxes = torch.cat([start[i], end[j]], dim=1)  # (D, 4)
        scores = (a.scores[i] + b.scores[j]) / 2
        order = scores.argsort(descending=True, stable=True)
        found.append(Detections(boxes[order], a.labels[i][order], scores[order]))
    return found


def key_points_of(peaks: Peaks, maps: KeyPointMaps, number: int, stride: int) -> Tensor:
    """Where the peaks of one picture lie, moved by their offsets: (P, 2) x, y in pixels."""
    picture = torch.full_like(peaks.labels, number)
    return (peaks.cells + gather_at(maps.offsets, picture, peaks.cells)) * stride


def tags_of(peaks: Peaks, maps: KeyPointMaps, number: int) -> Tensor:
    """The tags at the peaks of one picture, (P,)."""
    picture = torch.full_like(peaks.labels, number)
    return gather_at(maps.tags, picture, peaks.cells)[:, 0]  # type: ignore[arg-type]


def cut_off(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Move points (P, 2) that lie outside a picture of (height, width) to its edge."""
    height, width = size
    return points.clamp(min=0).minimum(points.new_tensor([width, height]))


def soften(found: Detections, sigma: float) -> Detections:
    """Soft-NMS for each class by itself: overlapping boxes lose score, by a Gaussian of their IoU.

    Parameters
    ----------
    found : Detections
        Of one picture.
    sigma : float
        As for `soft_nms`.

    Returns
    -------
    Detections
        By falling lowered score.

    Raises
    ------
    ValueError
        As `soft_nms`.
    """
    check_tensor(found.boxes, "boxes", "D", 4, finite=True)
    check_classes(found.labels, "labels", len(found.boxes))
    kept, scores = [], []
    for label in found.labels.unique():
        own = (found.labels == label).nonzero()[:, 0]
        index, score = soft_nms(found.boxes[own], found.scores[own], sigma=sigma)
        kept.append(own[index])
        scores.append(score)
    if not kept:
        return found
    index, score = torch.cat(kept), torch.cat(scores)
    order = score.argsort(descending=True, stable=True)
    return Detections(found.boxes[index[order]], found.labels[index[order]], score[order])


def best_of(found: Detections, most: int) -> Detections:
    """The first detections of a picture, `most` at most."""
    check_whole(most, "most")
    return Detections(*(part[:most] for part in found))
