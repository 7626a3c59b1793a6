"""Chapter 18, part a: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `ops.camera`, and what lies in
`geometry`. The tests hold each of these equal to its counterpart there; the papers are named there too.

Axes and pixels as in `ops.camera`: the world has z up, a camera x right, y down, z forward, and X_cam = R X
+ t. Shapes: N views, P and Q points, H × W pixels, B clouds, D features.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def project(
    points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor
) -> tuple[Tensor, Tensor]:
    """Pixels (P, 2), u and v, and depths (P,) of points of the world (P, 3), seen by one camera.

    `rotation` (3, 3) is R, `translation` (3,) is t, `intrinsics` (3, 3) is K. Depth is z in the camera. What
    is not in front of the camera, depth 0 or less, has no pixel: NaN, NaN.
    """
    points_cam = points @ rotation.mT + translation  # R X + t of each row
    depth_m = points_cam[:, 2]
    pixels = (points_cam @ intrinsics.mT)[:, :2] / depth_m[:, None]
    return torch.where(depth_m[:, None] > 0, pixels, torch.nan), depth_m


def block_matching(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    """Disparity (H, W) of each pixel of `left` (H, W): how far to the left its match in `right` lies.

    The cost of d = 0, 1, … `largest` is the mean absolute difference over windows of `size` × `size` (odd):
    around column x of the left picture, and column x - d of the right one. Both windows must lie inside their
    pictures. The lowest cost wins, among equals the smallest d. NaN where no d can be tried.
    """
    half, (height, width) = size // 2, left.shape
    cost = left.new_full((largest + 1, height, width), torch.inf)  # (D, H, W)
    for d in range(min(largest, width - size) + 1):
        difference = (left[:, d:] - right[:, : width - d]).abs()  # (H, W - d)
        windows = F.avg_pool2d(difference[None, None], size, stride=1)[0, 0]
        cost[d, half : height - half, d + half : width - half] = windows
    best, winner = cost.min(dim=0)
    return torch.where(best.isfinite(), winner, torch.nan)


def normalisation(points: Tensor) -> Tensor:
    """The matrix T, (3, 3), that moves points (P, 2) to mean 0, and scales them to a mean distance of √2."""
    centre = points.mean(dim=0)
    scale = 2**0.5 / (points - centre).norm(dim=1).mean()
    x, y = (-scale * centre).tolist()
    return torch.tensor([[scale, 0, x], [0, scale, y], [0, 0, 1]], dtype=points.dtype)


def eight_point_faulty(first: Tensor, second: Tensor) -> Tensor:
    """F, (3, 3), with x₂ᵀ F x₁ = 0 for matches of two pictures (P, 2) each, 8 or more. Has two faults."""
    t1, t2 = normalisation(first), normalisation(second)
    x1 = F.pad(first, (0, 1), value=1.0) @ t1.mT  # (P, 3), homogeneous, normalised
    x2 = F.pad(second, (0, 1), value=1.0) @ t2.mT
    system = (x2[:, :, None] * x1[:, None, :]).flatten(1)  # (P, 9): row by row of F
    f = torch.linalg.svd(system)[2][-1].view(3, 3)
    u, s, vh = torch.linalg.svd(f)
    f = u @ torch.diag(s * (s > 1e-6)) @ vh  # rank 2
    return t2 @ f @ t1  # back to pixels


def eight_point(first: Tensor, second: Tensor) -> Tensor:
    """F, (3, 3), of rank 2, with x₂ᵀ F x₁ = 0 for matches of two pictures (P, 2) each, 8 or more.

    Hartley's normalised eight-point algorithm. F has no scale of its own: any multiple of it is as good.
    """
    t1, t2 = normalisation(first), normalisation(second)
    x1 = F.pad(first, (0, 1), value=1.0) @ t1.mT  # (P, 3), homogeneous, normalised
    x2 = F.pad(second, (0, 1), value=1.0) @ t2.mT
    system = (x2[:, :, None] * x1[:, None, :]).flatten(1)  # (P, 9): row by row of F
    f = torch.linalg.svd(system)[2][-1].view(3, 3)
    u, s, vh = torch.linalg.svd(f)
    s = torch.stack([s[0], s[1], 0 * s[2]])  # rank 2: the smallest is noise, however large
    f = u @ torch.diag(s) @ vh
    return t2.mT @ f @ t1  # from (T₂ x₂)ᵀ F (T₁ x₁) to x₂ᵀ (T₂ᵀ F T₁) x₁


def ransac(
    data: Tensor,
    fit: Callable[[Tensor], Tensor],
    distances: Callable[[Tensor, Tensor], Tensor],
    samples: Tensor,
    within: float,
    certainty: float,
) -> tuple[Tensor, int]:
    """Which of `data` (P, …) are inliers of the best hypothesis, (P,) bool, and how many rounds it took.

    A row of `samples` (R, s) is a round: indices of a random sample. `fit(data[sample])` is a hypothesis, and
    `distances(hypothesis, data)` (P,) says how far off each datum is: an inlier is nearer than `within`. Best
    is the first of the hypotheses with the most inliers. The rounds end after the last row, or as soon as
    this is true: if the best one's share of inliers is the true one, a sample without an outlier has been
    drawn by now with probability `certainty`.
    """
    best, rounds = torch.zeros(len(data), dtype=torch.bool), 0
    for rounds, sample in enumerate(samples, start=1):
        inliers = distances(fit(data[sample]), data) < within
        if inliers.sum() > best.sum():
            best = inliers
        clean = best.double().mean() ** len(sample)  # probability of a sample without an outlier
        if (1 - clean) ** rounds <= 1 - certainty:  # that all rounds so far have missed it
            break
    return best, rounds


def triangulate(pixels: Tensor, projections: Tensor) -> Tensor:
    """Points of the world (P, 3) from their pixels (N, P, 2) in N views: direct linear transformation.

    `projections` (N, 3, 4) are K [R | t]. A view that does not see a point has NaN, NaN there, and no say.
    Seen by fewer than two views, a point is NaN.
    """
    u_and_v, depth = (
        projections[:, None, :2],
        projections[:, None, 2:],
    )  # (N, 1, 2, 4), (N, 1, 1, 4): rows of P
    rows = pixels[..., None] * depth - u_and_v  # (N, P, 2, 4); times (X, Y, Z, 1) they should be 0
    system = rows.nan_to_num(0.0).movedim(0, 1).flatten(1, 2)  # (P, 2N, 4)
    x = torch.linalg.svd(system)[2][:, -1]  # (P, 4): of unit length, nearest to solving it
    seen = pixels.isfinite().all(dim=2).sum(dim=0)  # (P,)
    return torch.where(seen[:, None] >= 2, x[:, :3] / x[:, 3:], torch.nan)


def judge(found: Tensor, truth: Tensor, within: float, bar: float) -> tuple[float, float, str]:
    """Chamfer distance, F-score and a reading of a cloud of points (P, 3) beside the true one (Q, 3).

    Chamfer: the mean distance from a found point to the nearest true one, plus that from a true point to the
    nearest found one. Precision is the share of found points with a true one nearer than `within`, recall
    that of true points with a found one; F = 2 · precision · recall / (precision + recall), 0 where both are
    0. The reading: "good" if both reach `bar`; if one does, "stray" where something is found that is not
    there, "missing" where something that is there is not found; "off" if neither does.
    """
    each = torch.cdist(found.double(), truth.double())  # (P, Q)
    to_truth, to_found = each.amin(dim=1), each.amin(dim=0)  # (P,), (Q,)
    chamfer = (to_truth.mean() + to_found.mean()).item()
    precision = (to_truth < within).float().mean().item()
    recall = (to_found < within).float().mean().item()
    f_score = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    readings = {(True, True): "good", (False, True): "stray", (True, False): "missing", (False, False): "off"}
    return chamfer, f_score, readings[precision >= bar, recall >= bar]


def global_feature(points: Tensor, real: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
    """PointNet's feature (B, D) of clouds (B, P, 3): each number is the largest that any point has.

    `mlp` takes (…, 3) to (…, D), each point by itself. Where `real` (B, P) is False there is no point: the
    row only fills the table, and what stands in it must not matter. The feature of an empty cloud is 0.
    """
    features = mlp(points)  # (B, P, D)
    features = features.masked_fill(~real[:, :, None], -torch.inf)  # never the largest
    largest = features.amax(dim=1)  # (B, D)
    return torch.where(real.any(dim=1, keepdim=True), largest, 0.0)
