"""What moves with the pixels (S05.1): boxes, keypoints and flow under a 3×3 matrix, and boxes from masks.

A box has two ways to move. Around its four moved corners: always possible, always wide enough, and too wide
as soon as something turns. Around the moved mask: as tight as can be, but it needs a mask.

Coordinates as in `warp`. Shapes: B pictures, H and W height and width, H' and W' those of the result, K
places for objects, P keypoints an object, … any further axes.
"""

import torch
from torch import Tensor

from lecture_utils.augment.warp import (
    check_matrix,
    inverse_grid,
    sample_bilinear,
    sample_nearest,
    transform_points,
)
from lecture_utils.ops.checks import check_boxes, check_size, check_tensor


def move_boxes(boxes: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes around the four moved corners, cut off at the edge of the picture.

    Parameters
    ----------
    boxes : Tensor
        (B, K, 4) x1, y1, x2, y2, floating point and finite; zeros where a place is empty.
    matrix : Tensor
        (B, 3, 3) or (1, 3, 3).
    size : tuple of int
        (H', W') of the result.

    Returns
    -------
    Tensor
        (B, K, 4); zeros where nothing is left in the picture.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, a box with x2 < x1 or y2 < y1, or a matrix that cannot be inverted.
    """
    check_tensor(boxes, "boxes", "B", "K", 4)
    check_boxes(boxes, "B", "K")
    corners = boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]].unflatten(-1, (4, 2))  # (B, K, 4, 2)
    moved = transform_points(corners, matrix)
    height, width = check_size(size)
    limit = moved.new_tensor([width, height])
    low, high = moved.amin(2).clamp_min(0).minimum(limit), moved.amax(2).clamp_min(0).minimum(limit)
    here = ((boxes[..., 2:] > boxes[..., :2]) & (high > low)).all(-1, keepdim=True)  # (B, K, 1)
    return torch.where(here, torch.cat([low, high], dim=-1), 0)


def boxes_from_masks(masks: Tensor) -> Tensor:
    """Boxes around the set pixels: (…, H, W) bool -> (…, 4) float32; zeros where none is set.

    One mask (H, W) gives one box (4,).
    """
    check_tensor(masks, "masks", "…", "H", "W", kind="bool")
    check_size(masks.shape[-2:], "masks")
    spans = []
    for line in (masks.any(-2), masks.any(-1)):  # columns (…, W), rows (…, H)
        place = torch.arange(line.shape[-1], device=masks.device)
        first = torch.where(line, place, line.shape[-1]).amin(-1)
        spans.append((first, torch.where(line, place + 1, 0).amax(-1)))
    (x1, x2), (y1, y2) = spans
    boxes = torch.stack([x1, y1, x2, y2], dim=-1).float()
    return torch.where((x2 > 0)[..., None], boxes, 0.0)


def move_keypoints(
    keypoints: Tensor, matrix: Tensor, size: tuple[int, int], swap: Tensor | None = None
) -> Tensor:
    """Move keypoints; what leaves the picture is no longer visible.

    Parameters
    ----------
    keypoints : Tensor
        (B, K, P, 3) x, y, visible; floating point and finite.
    matrix : Tensor
        (B, 3, 3) or (1, 3, 3).
    size : tuple of int
        (H', W') of the result.
    swap : Tensor, optional
        Int64 (P,) or (B, K, P): in a mirror, keypoint p takes the place of keypoint swap[p] ("left eye" and
        "right eye" trade places). Used only for those pictures whose matrix mirrors.

    Returns
    -------
    Tensor
        (B, K, P, 3).

    Raises
    ------
    ValueError
        For other shapes or types, NaN, a matrix that cannot be inverted, or a swap that names no keypoint.
    """
    check_keypoints(keypoints, swap)
    check_size(size)
    matrix = check_matrix(matrix, len(keypoints)).to(keypoints)
    xy, (height, width) = transform_points(keypoints[..., :2], matrix), size
    inside = (xy >= 0).all(-1) & (xy[..., 0] < width) & (xy[..., 1] < height)
    moved = torch.cat([xy, (keypoints[..., 2] * inside)[..., None]], dim=-1)
    if swap is None:
        return moved
    order = swap.expand(keypoints.shape[:3])[..., None].expand(keypoints.shape)  # (B, K, P, 3)
    mirrored = (torch.linalg.det(matrix.cpu().double()) < 0).to(keypoints.device)  # (B,)
    return torch.where(mirrored[:, None, None, None], moved.gather(2, order), moved)


def move_flow(
    flow: Tensor, matrix: Tensor, size: tuple[int, int] | None = None, *, nearest: bool = True
) -> Tensor:
    """Optical flow after both frames were moved by the same matrix M: v at p becomes M(p + v) - M(p) at M(p).

    For an affine M that is its 2×2 part times v; for a perspective the Jacobian at p only approximates it.

    Parameters
    ----------
    flow : Tensor
        (B, 2, H, W) right and down, in pixels; floating point and finite.
    matrix : Tensor
        (B, 3, 3) or (1, 3, 3).
    size : tuple of int, optional
        (H', W') of the result.
    nearest : bool
        Take the nearest pixel's vector. Mixing four invents motions along the outline of an object.

    Returns
    -------
    Tensor
        (B, 2, H', W'); 0 where the result lies outside the source.

    Raises
    ------
    ValueError
        For another shape or type, NaN, or a matrix that cannot be inverted.
    """
    check_tensor(flow, "flow", "B", 2, "H", "W", finite=True, some=True)
    kind, flow = flow.dtype, flow.to(torch.promote_types(flow.dtype, torch.float32))
    matrix = check_matrix(matrix, len(flow)).to(flow)
    start = inverse_grid(matrix, size or (flow.shape[-2], flow.shape[-1]))  # (B, H', W', 2) p
    vector = (sample_nearest if nearest else sample_bilinear)(flow, start).movedim(1, -1)  # v
    moved = transform_points(start + vector, matrix) - transform_points(start, matrix)
    height, width = flow.shape[-2:]
    inside = (start >= 0).all(-1) & (start[..., 0] < width) & (start[..., 1] < height)
    return (moved * inside[..., None]).movedim(-1, 1).to(kind)


def check_keypoints(keypoints: Tensor, swap: Tensor | None) -> None:
    """Raise ValueError unless keypoints are finite (B, K, P, 3), and swap None or int64 (P,) or (B, K, P)."""
    check_tensor(keypoints, "keypoints", "B", "K", "P", 3, finite=True)
    if swap is None:
        return
    shape = keypoints.shape[2:3] if isinstance(swap, Tensor) and swap.ndim == 1 else keypoints.shape[:3]
    check_tensor(swap, "swap", *shape, kind="int")
    if swap.dtype != torch.int64 or not bool(((swap >= 0) & (swap < keypoints.shape[2])).all()):
        got = f"{swap.dtype} {swap.flatten().tolist()[:8]}"
        raise ValueError(f"swap: got {got}, want int64 from 0 to {keypoints.shape[2] - 1}")
