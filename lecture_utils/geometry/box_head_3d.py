"""A box in space from an object's points (S18.3): where it is, how large, which way it faces.

C. R. Qi, W. Liu, C. Wu, H. Su, L. J. Guibas, "Frustum PointNets for 3D Object Detection from RGB-D Data",
CVPR 2018: the centre in two steps, each a PointNet (section 4.3), and the losses (section 4.4, equations 1
and 2). The same coding of size and heading in C. R. Qi et al., "Deep Hough Voting for 3D Object Detection in
Point Clouds" (VoteNet), ICCV 2019.

A network tells apart better than it measures: so a size is one of several templates, and what is left over
to it; a heading is one of twelve bins, and what is left over to the middle of the bin.

Simplified: the object's points are given (the paper first cuts a frustum and segments it); smooth L1 of one
size for all residuals.

Shapes: B objects, P points, S templates of a size, H bins of the heading, N boxes as in `ops/boxes_3d.py`.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.geometry.point_layers import dense, shared_mlp
from lecture_utils.ops.boxes_3d import box_corners_3d, check_boxes_3d
from lecture_utils.ops.checks import check_labels, check_number, check_sizes, check_tensor, check_tokens


class BoxCode(NamedTuple):
    """Boxes as a head says them.

    Attributes
    ----------
    centre : Tensor
        (N, 3) metres.
    heading : Tensor
        (N,) int64, the bin.
    heading_left : Tensor
        (N,) what is left to the bin's middle, in half bins: in [-1, 1].
    size : Tensor
        (N,) int64, the template.
    size_left : Tensor
        (N, 3) what is left to the template, as a share of it.
    """

    centre: Tensor
    heading: Tensor
    heading_left: Tensor
    size: Tensor
    size_left: Tensor


def check_templates(templates: Tensor) -> None:
    """Raise ValueError unless templates are finite (S, 3) length, width, height, all above 0."""
    check_tensor(templates, "templates", "S", 3, some=True, finite=True)
    if bool((templates <= 0).any()):
        raise ValueError("templates: got a side of 0 or less, want length, width, height above 0")


def encode_boxes_3d(boxes: Tensor, size: Tensor, templates: Tensor, *, bins: int = 12) -> BoxCode:
    """Say boxes as a template and a bin, with what is left over.

    Parameters
    ----------
    boxes : Tensor
        (N, 7) x, y, z, length, width, height, yaw.
    size : Tensor
        (N,) int64: which template; in the papers the object's class has its own.
    templates : Tensor
        (S, 3) length, width, height of each: the mean of its class.
    bins : int
        H. Bin 0 has yaw 0 in its middle.

    Raises
    ------
    ValueError
        For other shapes or types, values that are not finite, or a template that is not there.
    """
    check_templates(templates)
    check_sizes("boxes", bins=bins)
    check_boxes_3d(boxes)
    check_labels(size, "size", len(boxes), len(templates))
    step = 2 * math.pi / bins
    heading = torch.round(boxes[:, 6] / step)  # the nearest middle
    left = boxes[:, 6] - heading * step  # in [-step / 2, step / 2]
    template = templates.to(boxes)[size]  # (N, 3)
    return BoxCode(boxes[:, :3], heading.long() % bins, left / (step / 2), size, boxes[:, 3:6] / template - 1)


def decode_boxes_3d(code: BoxCode, templates: Tensor, *, bins: int = 12) -> Tensor:
    """Boxes (N, 7) of what a head said: the inverse of `encode_boxes_3d`, with yaw in [-π, π).

    A side shrinks to 1 % of its template at most. Raises ValueError as that does, and for what is no code.
    """
    check_templates(templates)
    check_sizes("boxes", bins=bins)
    if not isinstance(code, BoxCode):
        raise ValueError(f"code: got {type(code).__name__}, want a BoxCode")
    check_tensor(code.centre, "centre", "N", 3, finite=True)
    check_labels(code.heading, "heading", len(code.centre), bins)
    check_labels(code.size, "size", len(code.centre), len(templates))
    check_tensor(code.heading_left, "heading_left", len(code.centre), finite=True)
    check_tensor(code.size_left, "size_left", len(code.centre), 3, finite=True)
    step = 2 * math.pi / bins
    yaw = (code.heading + code.heading_left / 2) * step
    yaw = (yaw + math.pi) % (2 * math.pi) - math.pi
    sides = templates.to(code.centre)[code.size] * (1 + code.size_left).clamp(min=0.01)
    return torch.cat([code.centre, sides, yaw[:, None]], dim=1)


class BoxScores(NamedTuple):
    """What `BoxHead3D` says of each object, for every bin and template.

    Attributes
    ----------
    first_centre, centre : Tensor
        (B, 3) metres, after the first step and in the end.
    heading, heading_left : Tensor
        (B, H) scores, and what is left over if it is this bin.
    size, size_left : Tensor
        (B, S) scores, and (B, S, 3).
    """

    first_centre: Tensor
    centre: Tensor
    heading: Tensor
    heading_left: Tensor
    size: Tensor
    size_left: Tensor


class BoxHead3D(nn.Module):
    """Two PointNets in a row: the first finds the centre roughly, the second sees the points from there.

    Parameters
    ----------
    templates : Tensor
        (S, 3) length, width, height in metres.
    bins : int
        H, 12 in the papers.
    width : int
        128 in the paper: layers of 1, 1 and 2 widths a point in the first net, and of 4 more in the second.

    Raises
    ------
    ValueError
        For sizes below 1; from `forward`, for points that are not floating point (B, P, 3), numbers that are
        no template's, or one object alone in training.
    """

    templates: Tensor

    def __init__(self, templates: Tensor, *, bins: int = 12, width: int = 128) -> None:
        super().__init__()
        check_templates(templates)
        check_sizes("box head", bins=bins, width=width)
        self.bins, kinds = bins, len(templates)
        self.register_buffer("templates", templates.float().clone())
        self.rough = shared_mlp(3, width, width, 2 * width)
        self.rough_centre = nn.Sequential(dense(2 * width + kinds, 2 * width, width), nn.Linear(width, 3))
        self.fine = shared_mlp(3, width, width, 2 * width, 4 * width)
        self.fine_box = nn.Sequential(
            dense(4 * width + kinds, 4 * width, 2 * width), nn.Linear(2 * width, 3 + 2 * bins + 4 * kinds)
        )

    def forward(self, points: Tensor, category: Tensor) -> BoxScores:  # (B, P, 3), (B,)
        check_tokens(points, 3, like=self.rough[0].weight, name="points")  # type: ignore[arg-type]
        check_labels(category, "category", len(points), len(self.templates))
        if self.training and len(points) < 2:
            raise ValueError("points: got one object in training, want two or more: batch norm compares them")
        kind = F.one_hot(category, len(self.templates)).to(points)  # (B, S)
        mean = points.mean(dim=1)  # (B, 3): of the side that is seen
        x = (points - mean[:, None]).transpose(1, 2)  # (B, 3, P)
        shift = self.rough_centre(torch.cat([self.rough(x).max(dim=2).values, kind], dim=1))  # (B, 3)
        x = x - shift[:, :, None]  # seen from the rough centre
        said = self.fine_box(torch.cat([self.fine(x).max(dim=2).values, kind], dim=1))
        parts = said.split([3, self.bins, self.bins, kind.shape[1], 3 * kind.shape[1]], dim=1)
        centre, heading, heading_left, size, size_left = parts
        first = mean + shift
        return BoxScores(first, first + centre, heading, heading_left, size, size_left.unflatten(1, (-1, 3)))

    def boxes(self, scores: BoxScores) -> Tensor:
        """The best box of each object, (B, 7): the bin and template of the highest score."""
        check_scores(scores, self)
        return decode_boxes_3d(
            chosen(scores, scores.heading.argmax(1), scores.size.argmax(1)), self.templates, bins=self.bins
        )


def check_scores(scores: BoxScores, head: BoxHead3D) -> None:
    """Raise ValueError unless these are what the head returns."""
    if not isinstance(scores, BoxScores):
        raise ValueError(f"scores: got {type(scores).__name__}, want what the head returns")
    check_tensor(scores.heading, "heading scores", "B", head.bins)
    check_tensor(scores.size, "size scores", len(scores.heading), len(head.templates))


def chosen(scores: BoxScores, heading: Tensor, size: Tensor) -> BoxCode:
    """What a head says for one bin and one template of each object."""
    if not isinstance(scores, BoxScores):
        raise ValueError(f"scores: got {type(scores).__name__}, want what the head returns")
    check_labels(heading, "heading", len(scores.centre), scores.heading.shape[1])
    check_labels(size, "size", len(scores.centre), scores.size.shape[1])
    rows = torch.arange(len(scores.centre), device=scores.centre.device)
    return BoxCode(
        scores.centre, heading, scores.heading_left[rows, heading], size, scores.size_left[rows, size]
    )


def box_losses(
    head: BoxHead3D, scores: BoxScores, boxes: Tensor, size: Tensor, *, corner_weight: float = 1.0
) -> dict[str, Tensor]:
    """The parts of equation 1, and the corners of equation 2.

    Parameters
    ----------
    head : BoxHead3D
        Whose templates and bins count.
    scores : BoxScores
        What it returned for B objects.
    boxes : Tensor
        (B, 7) true ones.
    size : Tensor
        (B,) int64, their templates.
    corner_weight : float
        γ of equation 1.

    Returns
    -------
    dict of str to Tensor
        Scalars: first_centre, centre, heading, heading_left, size, size_left, corners. Their sum is the loss.

    Raises
    ------
    ValueError
        For other shapes or types, or values that are not finite.
    """
    check_number(corner_weight, "corner_weight", 0)
    check_scores(scores, head)
    check_boxes_3d(boxes, count=len(scores.centre))
    true = encode_boxes_3d(boxes, size, head.templates, bins=head.bins)
    said = chosen(scores, true.heading, size)  # residuals are learned for the true bin and template alone
    return {
        "first_centre": F.smooth_l1_loss(scores.first_centre, true.centre),
        "centre": F.smooth_l1_loss(scores.centre, true.centre),
        "heading": F.cross_entropy(scores.heading, true.heading),
        "heading_left": F.smooth_l1_loss(said.heading_left, true.heading_left),
        "size": F.cross_entropy(scores.size, size),
        "size_left": F.smooth_l1_loss(said.size_left, true.size_left),
        "corners": corner_weight
        * corner_distance(decode_boxes_3d(said, head.templates, bins=head.bins), boxes),
    }


def corner_distance(boxes: Tensor, truth: Tensor) -> Tensor:
    """Mean distance in metres of corners (equation 2): to the true box, or to it turned by 180°.

    Centre, size and heading are learned together where it is what counts. A box turned by half a circle
    covers the same space, so it costs no more. Raises ValueError for what are no boxes (N, 7), one or more.
    """
    check_boxes_3d(boxes)
    check_boxes_3d(truth, "truth", len(boxes))
    if len(boxes) == 0:
        raise ValueError("boxes: got none, want one or more")
    half_turn = truth + truth.new_tensor([0, 0, 0, 0, 0, 0, math.pi])
    corners = box_corners_3d(boxes)  # (N, 8, 3)
    ways = [
        (corners - box_corners_3d(way)).norm(dim=2).mean(dim=1) for way in (truth, half_turn)
    ]  # (N,) each
    return torch.minimum(ways[0], ways[1]).mean()
