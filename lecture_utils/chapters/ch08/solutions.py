"""Chapter 08: the six functions that the exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `detection.yolo_grid`, `ops.focal_loss`,
`detection.fpn`, `ops.corner_pooling`, `detection.heatmaps`. The tests hold each of these six equal to its
counterpart there; the papers are named there too.

A box is x1, y1, x2, y2 in pixels. Shapes: G objects of a picture, S × S cells, C channels or classes, B
pictures, K classes, h × w or H × W a map, P peaks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def to_grid(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    """Write boxes (G, 4) and labels (G,) of a picture of `size` pixels as a block (S, S, 5 + C), S = `cells`.

    At the cell in which an object's centre lies: x, y of the centre as shares of the cell, √w, √h as shares
    of the picture, confidence 1, and 1 at its class. Who is listed first keeps a cell; all else is 0.
    """
    block = torch.zeros(cells, cells, 5 + classes)
    for box, label in zip(boxes, labels, strict=True):
        centre = (box[:2] + box[2:]) / 2 / size * cells  # x, y in cells
        corner = centre.floor().clamp(max=cells - 1)  # of the cell; a centre on the last edge is in the last
        column, row = corner.long().tolist()
        if block[row, column, 4] == 0:  # still free
            block[row, column, :2] = centre - corner
            block[row, column, 2:4] = ((box[2:] - box[:2]) / size).sqrt()
            block[row, column, 4] = 1
            block[row, column, 5 + label] = 1
    return block


def focal_loss(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    """-α_t (1 - p_t)^γ log p_t of each logit, targets 0 or 1, all of one shape; finite for large logits.

    p_t is the probability that the sigmoid gives to the truth; α_t is `alpha` for targets of 1, 1 - `alpha`
    for targets of 0.
    """
    z = torch.where(targets == 1, logits, -logits)  # p_t = σ(z), 1 - p_t = σ(-z)
    alpha_t = torch.where(targets == 1, alpha, 1 - alpha)
    return -alpha_t * (-z).sigmoid() ** gamma * F.logsigmoid(z)


def top_down(maps: list[Tensor]) -> list[Tensor]:
    """Hand maps (B, C, h, w), finest first, down from the coarsest: each takes in the one made before it.

    A coarser map is brought to the finer one's size by nearest neighbour, and the two are added.
    """
    merged = [maps[-1]]
    for lateral in reversed(maps[:-1]):
        coarser = F.interpolate(merged[0], size=lateral.shape[2:], mode="nearest")
        merged.insert(0, lateral + coarser)
    return merged


def top_left_pool(vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Look down and right from each cell of two maps (B, C, H, W), both times the cell itself included.

    The largest value of `vertical` from there to the bottom, plus that of `horizontal` to the right end.
    """
    down = vertical.flip(2).cummax(dim=2).values.flip(2)
    right = horizontal.flip(3).cummax(dim=3).values.flip(3)
    return down + right


def heat_loss(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    """CornerNet's focal loss, a scalar: logits against heat y in [0, 1], both (B, K, h, w).

    At the key points, where y is just 1: -(1 - p)² log p. Elsewhere: -(1 - y)⁴ p² log(1 - p). Summed, over
    the number of objects, or over 1 if there are none. Finite for large logits.
    """
    p, q = logits.sigmoid(), (-logits).sigmoid()  # q = 1 - p
    at_points = q**2 * F.logsigmoid(logits)
    elsewhere = (1 - heat) ** 4 * p**2 * F.logsigmoid(-logits)
    return -torch.where(heat == 1, at_points, elsewhere).sum() / max(1, objects)


def find_peaks(heat: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (P,), labels (P,) and cells (P, 2) x, y of the peaks of one picture's heat (K, h, w).

    A peak is as large as all eight neighbours on its own map, and above 0. By falling score, at most `most`.
    """
    highest = F.max_pool2d(heat, 3, stride=1, padding=1)
    peaks = torch.where(heat == highest, heat, 0).flatten()  # (K·h·w,)
    scores, place = peaks.topk(min(most, len(peaks)))
    scores, place = scores[scores > 0], place[scores > 0]
    labels, y, x = torch.unravel_index(place, heat.shape)
    return scores, labels, torch.stack([x, y], dim=1)
