"""The soft rasteriser (S19.1): triangles reach a little beyond their edges, and silhouettes have gradients.

A triangle covers a pixel with a probability that falls off with the distance to its edge (σ), and hides those
behind it by a softmax over depth (γ). As both go to 0, the picture becomes the z-buffer's.

S. Liu, T. Li, W. Chen and H. Li, "Soft Rasterizer: A differentiable renderer for image-based 3D reasoning",
ICCV 2019, section 3. Other than there, distances are in pixels, and colours are carried in perspective.
Simplified: a triangle with a corner nearer than `near_m` is left out. As in the paper's code, so are pairs of
a triangle and a pixel whose probability is below 1e-4: with a small γ they would outdo the background.

Shapes: N views, H × W pixels, V vertices, F triangles, Q pairs of a triangle and a pixel near it, C channels.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.ops.camera import Cameras, world_to_cam
from lecture_utils.ops.checks import check_number, check_tensor, check_whole
from lecture_utils.rendering.rasteriser.fragments import check_faces
from lecture_utils.rendering.rasteriser.hard import candidates, pixel_boxes

LEAST = 1e-4  # probability: what is below is left out
BACKGROUND = 1e-3  # ε of section 3.3: how near the background is, where 0 is at `far_m`, and 1 at `near_m`


@dataclass(frozen=True, eq=False)
class Pairs:
    """Triangles and the pixels that they cover, surely or perhaps.

    Attributes
    ----------
    pixel : Tensor
        (Q,) int64: its place among all N·H·W.
    face : Tensor
        (Q,) int64: the triangle's number.
    barycentric : Tensor
        (Q, 3): the triangle's place that is nearest to the pixel, about.
    depth_m : Tensor
        (Q,): z in the camera of that place.
    logit : Tensor
        (Q,): δ d² / σ; the probability is its sigmoid.
    shape : tuple of int
        N, H, W.
    """

    pixel: Tensor
    face: Tensor
    barycentric: Tensor
    depth_m: Tensor
    logit: Tensor
    shape: tuple[int, int, int]

    def carry(self, faces: Tensor, attributes: Tensor) -> Tensor:
        """Carry what is known at the vertices (V, C) to the pairs, (Q, C)."""
        check_tensor(attributes, "attributes", "V", "C", finite=True)
        check_tensor(faces, "faces", "F", 3, kind="int")
        check_faces(faces, len(attributes), self.face)
        return (self.barycentric[..., None] * attributes[faces[self.face]]).sum(1)


def near_pairs(
    vertices: Tensor,
    faces: Tensor,
    cameras: Cameras,
    *,
    sigma: float = 0.3,
    near_m: float = 0.01,
    faces_per_pixel: int | None = None,
) -> Pairs:
    """List the triangles near each pixel, with their probabilities (section 3.2).

    Parameters
    ----------
    vertices : Tensor
        (V, 3) or (N, V, 3), in the world, in metres.
    faces : Tensor
        (F, 3), triangles as numbers of vertices; both sides are seen.
    cameras : Cameras
        N of them.
    sigma : float
        σ > 0, in squared pixels: a triangle reaches some 3 √σ beyond its edge. The paper's, with a picture
        from -1 to 1, is this times (2 / W)².
    near_m : float
        Triangles with a corner nearer than this are left out, in metres.
    faces_per_pixel : int, optional
        Keep the nearest few at each pixel only, for speed.

    Returns
    -------
    Pairs
        With gradients with respect to the vertices.
    """
    many = isinstance(vertices, Tensor) and vertices.ndim == 3
    check_tensor(vertices, "vertices", *((len(cameras), "V", 3) if many else ("V", 3)), finite=True)
    check_tensor(faces, "faces", "F", 3, kind="int")
    check_faces(faces, vertices.shape[-2])
    check_number(sigma, "sigma", 0, above=True)
    check_number(near_m, "near_m", 0, above=True)
    cameras, (height, width) = cameras.to(vertices.dtype), cameras.size
    points = world_to_cam(vertices, cameras) @ cameras.intrinsics.mT  # (N, V, 3): z u, z v, z
    corners = points[:, faces.long()].flatten(0, 1)  # (N·F, 3, 3)
    with torch.no_grad():
        reach = math.sqrt(sigma * math.log(1 / LEAST - 1))
        boxes = pixel_boxes(corners, cameras.size, near_m, reach)
        boxes[(corners[..., 2] < near_m).any(1)] = 0
        parts = [*candidates(boxes)] or [(faces.new_zeros(0, dtype=torch.long),) * 3]
        which, column, row = (torch.cat(part) for part in zip(*parts, strict=True))
    middle = torch.stack([column, row], dim=1) + 0.5  # (Q, 2)
    triangles, z = corners[which, :, :2] / corners[which][..., 2:], corners[which][..., 2]
    flat, distance, area = to_triangle(middle.to(z), triangles)
    inside = (flat >= 0).all(1)
    logit = torch.where(inside, 1, -1) * distance / sigma
    clipped = flat.clamp(0, 1)
    weights = clipped / clipped.sum(1, keepdim=True).clamp_min(1e-9) / z  # (Q, 3)
    depth_m = 1 / weights.sum(1)
    pixel = (which // max(len(faces), 1) * height + row) * width + column
    keep = (area != 0) & (torch.sigmoid(logit.detach()) > LEAST)
    if faces_per_pixel is not None:
        check_whole(faces_per_pixel, "faces_per_pixel")
        keep &= rank(pixel, torch.where(keep, depth_m.detach(), torch.inf)) < faces_per_pixel
    found = (pixel, which % max(len(faces), 1), weights * depth_m[:, None], depth_m, logit)
    pixel, face, barycentric, depth_m, logit = (x[keep] for x in found)
    return Pairs(pixel, face, barycentric, depth_m, logit, (len(cameras), height, width))


def to_triangle(points: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Place points (Q, 2) relative to triangles (Q, 3, 2) of the plane.

    Returns
    -------
    flat : Tensor
        (Q, 3), barycentric coordinates: one is negative outside.
    distance : Tensor
        (Q,), squared, to the nearest of the three edges.
    area : Tensor
        (Q,), twice the triangle's, with a sign. Where it is 0, the coordinates mean nothing.
    """
    away = points[:, None] - triangles  # (Q, 3, 2), from each corner
    edge = triangles.roll(-1, dims=1) - triangles  # (Q, 3, 2), from each corner to the next
    share = (away * edge).sum(-1) / edge.square().sum(-1).clamp_min(1e-12)
    distance = (away - share.clamp(0, 1)[..., None] * edge).square().sum(-1).amin(1)
    areas = (edge[..., 0] * away[..., 1] - edge[..., 1] * away[..., 0]).roll(
        -1, dims=1
    )  # opposite each corner
    area = areas.sum(1)
    return areas / torch.where(area == 0, 1.0, area)[:, None], distance, area


def rank(pixel: Tensor, depth_m: Tensor) -> Tensor:
    """Return how many pairs (Q,) of the same pixel are nearer."""
    by_depth = depth_m.argsort(stable=True)
    order = by_depth[pixel[by_depth].argsort(stable=True)]  # by pixel, then by depth
    counts = torch.unique_consecutive(pixel[order], return_counts=True)[1]
    start = (counts.cumsum(0) - counts).repeat_interleave(counts)
    ranks = torch.empty_like(pixel)
    ranks[order] = torch.arange(len(pixel), device=pixel.device) - start
    return ranks


def silhouette(pairs: Pairs) -> Tensor:
    """Return how probably any triangle covers each pixel, (N, H, W): 1 - Π (1 - D) (section 3.3)."""
    missed = F.logsigmoid(-pairs.logit)  # log (1 - D)
    total = missed.new_zeros(math.prod(pairs.shape)).index_add(0, pairs.pixel, missed)
    return (1 - total.exp()).reshape(pairs.shape)


def blend(
    pairs: Pairs,
    colours: Tensor,
    background: Tensor,
    *,
    gamma: float = 1e-4,
    near_m: float = 0.01,
    far_m: float = 100.0,
) -> Tensor:
    """Mix the colours at each pixel by probability and nearness, (N, C, H, W) (section 3.3).

    Parameters
    ----------
    pairs : Pairs
    colours : Tensor
        (Q, C), of the pairs: carried from vertices, or looked up in a texture.
    background : Tensor
        (C,), its colour.
    gamma : float
        γ > 0, in units of nearness, which falls from 1 at `near_m` to 0 at `far_m`: 1e-4 is 1 cm in 100 m.
    near_m, far_m : float
        In metres.
    """
    check_tensor(colours, "colours", len(pairs.pixel), "C", finite=True)
    check_tensor(background, "background", colours.shape[1], finite=True)
    check_number(gamma, "gamma", 0, above=True)
    check_number(far_m, "far_m", check_number(near_m, "near_m", 0, above=True), above=True)
    count = math.prod(pairs.shape)
    nearness = (far_m - pairs.depth_m) / (far_m - near_m)  # (Q,)
    most = nearness.new_full((count,), BACKGROUND)  # a pixel's largest: the softmax does not overflow
    most = most.scatter_reduce(0, pairs.pixel, nearness.detach(), "amax")
    weight = torch.sigmoid(pairs.logit) * torch.exp((nearness - most[pairs.pixel]) / gamma)
    behind = torch.exp((BACKGROUND - most) / gamma)  # (N·H·W,)
    total = behind.index_add(0, pairs.pixel, weight)
    mixed = (behind[:, None] * background).index_add(0, pairs.pixel, weight[:, None] * colours)
    return (mixed / total[:, None]).reshape(*pairs.shape, -1).permute(0, 3, 1, 2)


def soft_rasterise(
    vertices: Tensor,
    faces: Tensor,
    cameras: Cameras,
    colours: Tensor,
    background: Tensor,
    *,
    sigma: float = 0.3,
    gamma: float = 1e-4,
    faces_per_pixel: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Render a mesh with colours at its vertices (V, C): picture (N, C, H, W) and silhouette (N, H, W)."""
    pairs = near_pairs(vertices, faces, cameras, sigma=sigma, faces_per_pixel=faces_per_pixel)
    picture = blend(pairs, pairs.carry(faces, colours), background, gamma=gamma)
    return picture, silhouette(pairs)
