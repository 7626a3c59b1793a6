"""`soft` with every triangle at every pixel: the formulas, which lists of pairs and sums by pixel hide there.

Liu et al., "Soft Rasterizer", ICCV 2019, section 3, for one view of triangles in front of the camera. A test
holds the two equal.

Shapes: P pixels, V vertices, F triangles, C channels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.ops.camera import Cameras, pixel_grid, project

LEAST, BACKGROUND = 1e-4, 1e-3  # the probability below which a triangle is left out, and ε


def place_in(pixels: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor]:
    """Return barycentric coordinates (F, P, 3) of pixels (P, 2), and (F, P) squared distances to edges."""
    areas, distances = [], []
    for k in range(3):
        start, end = triangles[:, None, (k + 1) % 3], triangles[:, None, (k + 2) % 3]  # (F, 1, 2)
        edge, away = end - start, pixels - start  # (F, 1, 2), (F, P, 2)
        areas.append(edge[..., 0] * away[..., 1] - edge[..., 1] * away[..., 0])
        along = ((away * edge).sum(-1) / edge.square().sum(-1)).clamp(0, 1)  # where the edge is nearest
        distances.append((away - along[..., None] * edge).square().sum(-1))
    area = torch.stack(areas, dim=-1)
    return area / area.sum(-1, keepdim=True), torch.stack(distances).amin(0)


def soft_rasterise(
    vertices: Tensor,
    faces: Tensor,
    cameras: Cameras,
    colours: Tensor,
    background: Tensor,
    *,
    sigma: float = 0.3,
    gamma: float = 1e-4,
    near_m: float = 0.01,
    far_m: float = 100.0,
) -> tuple[Tensor, Tensor]:
    """Render a mesh with colours (V, C): picture (1, C, H, W) and silhouette (1, H, W)."""
    places, depths = (x[0][faces] for x in project(vertices, cameras))  # (F, 3, 2), (F, 3)
    flat, distance = place_in(pixel_grid(cameras.size).to(places).reshape(-1, 2), places)
    side = torch.where((flat >= 0).all(-1), 1, -1)  # δ: inside or outside
    logit = side * distance / sigma
    probability = torch.sigmoid(logit)  # D, (F, P), section 3.2
    near = probability > LEAST
    missed = torch.where(near, 1 - probability, 1.0).prod(0)  # (P,): no triangle covers the pixel
    clipped = flat.clamp(0, 1) / flat.clamp(0, 1).sum(-1, keepdim=True)
    weights = clipped / depths[:, None]  # 1 / z is linear in the picture
    depth_m = 1 / weights.sum(-1)  # (F, P)
    carried = torch.einsum("fpk,fkc->fpc", weights * depth_m[..., None], colours[faces])
    nearness = (far_m - depth_m) / (far_m - near_m)
    scores = (F.logsigmoid(logit) + nearness / gamma).masked_fill(~near, -torch.inf)
    scores = torch.cat([scores, torch.full_like(scores[:1], BACKGROUND / gamma)])
    share = scores.softmax(0)  # (F + 1, P), section 3.3; the last is the background's
    picture = (share[:-1, :, None] * carried).sum(0) + share[-1:].T * background  # (P, C)
    return picture.T.reshape(1, -1, *cameras.size), (1 - missed).reshape(1, *cameras.size)
