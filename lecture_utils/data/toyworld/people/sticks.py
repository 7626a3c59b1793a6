"""Light pictures of a figure: a capsule around each bone, by signed distance; thousands a second.

What chapter 13 shows to CLIP (S13.10). Left limbs are orange and right ones blue, so that a small picture
tells them apart. Orthographic, from three quarters; the lowest joint stands on the floor.

Simplified: a capsule is shaded as a rod is, by how far a pixel is from its axis; bones are drawn from the
furthest to the nearest, each as a whole.

Shapes: N figures, J = 24 joints, K capsules, S the picture's side, P = S² pixels.
"""

import numpy as np
import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, joint_index
from lecture_utils.data.toyworld.checks import check_request
from lecture_utils.data.toyworld.hashing import between, scene_keys
from lecture_utils.data.toyworld.names import SPLITS
from lecture_utils.ops.checks import check_tensor, check_whole

SPAN_M, FLOOR = 2.05, 0.06  # what the picture's side spans, and where the floor is, from below, of that
AZIMUTH_DEG = 40.0  # of the eye from the figure's front, towards its left
LEFT, RIGHT = (0.93, 0.55, 0.13), (0.13, 0.45, 0.75)
_TRUNK, _SKIN = 3, 2  # rows of the paints: 0 left, 1 right, 2 the head, 3 what differs from figure to figure
_HEAD = (0.85, 0.70, 0.58)
# from, to, radius in metres, colour
_BONES: tuple[tuple[str, str, float, int], ...] = (
    ("pelvis", "spine2", 0.125, _TRUNK), ("spine2", "neck", 0.125, _TRUNK), ("neck", "head", 0.065, _SKIN),
    ("head", "head", 0.115, _SKIN),
    *(
        (f"{side}_{a}", f"{side}_{b}", radius, colour)
        for side, colour in (("left", 0), ("right", 1))
        for a, b, radius in (
            ("hip", "knee", 0.085), ("knee", "ankle", 0.065), ("ankle", "foot", 0.055),
            ("shoulder", "elbow", 0.058), ("elbow", "wrist", 0.048), ("wrist", "hand", 0.05),
        )
    ),
)  # fmt: skip
_ENDS = torch.tensor([[joint_index(a), joint_index(b)] for a, b, *_ in _BONES])  # (K, 2)
_RADII = torch.tensor([radius for *_, radius, _ in _BONES])


def stick_looks(count: int, seed: int = 0, split: str = "train") -> tuple[Tensor, Tensor]:
    """Draw what a picture has besides the pose: azimuths (N,) in degrees, and colours (N, 3, 3) in [0, 1].

    The colours are those of the trunk, the wall and the floor.
    """
    check_request(count, seed, split)
    keys = scene_keys(seed, SPLITS.index(split), count)
    azimuth = between(keys, "azimuth", (AZIMUTH_DEG - 15, AZIMUTH_DEG + 15))
    trunk = between(keys, "trunk", (0.25, 0.6), 1, 1) + between(keys, "hue", (-0.12, 0.12), 1, 3)
    wall = between(keys, "wall", (0.82, 0.95), 1, 1) + between(keys, "tint", (-0.04, 0.04), 1, 3)
    floor = wall - between(keys, "floor", (0.08, 0.2), 1, 1)
    colours = torch.from_numpy(np.concatenate([trunk, wall, floor], axis=1)).float()
    return torch.from_numpy(azimuth).float(), colours


def stick_pictures(
    joints: Tensor, azimuth_deg: Tensor | None = None, colours: Tensor | None = None, *, size: int = 32
) -> Tensor:
    """Draw figures.

    Parameters
    ----------
    joints : Tensor
        (N, 24, 3) in metres, y up, z to the figure's front, x to its left.
    azimuth_deg : Tensor, optional
        (N,), where the eye is: 0 in front, 90 at the figure's left; AZIMUTH_DEG where not given.
    colours : Tensor, optional
        (N, 3, 3) in [0, 1], of trunk, wall and floor; greys where not given.
    size : int
        S, 8 or more.

    Returns
    -------
    Tensor
        (N, 3, S, S) in [0, 1].

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, colours out of range or a size below 8.
    """
    check_tensor(joints, "joints", "N", len(JOINTS), 3, finite=True, some=True)
    check_whole(size, "size", 8)
    count = len(joints)
    azimuth_deg = torch.full((count,), AZIMUTH_DEG) if azimuth_deg is None else azimuth_deg
    check_tensor(azimuth_deg, "azimuth_deg", count, finite=True)
    if colours is None:
        colours = torch.tensor([0.45, 0.9, 0.78])[None, :, None].expand(count, 3, 3)
    check_tensor(colours, "colours", count, 3, 3, finite=True)
    if not 0 <= float(colours.min()) <= float(colours.max()) <= 1:
        raise ValueError(f"colours: got {float(colours.min()):g} to {float(colours.max()):g}, want 0 to 1")
    return _drawn(_seen(joints, azimuth_deg.to(joints)), colours.to(joints), size)


def _seen(joints: Tensor, azimuth_deg: Tensor) -> Tensor:
    """Turn joints to the eye: (N, 24, 3), right and up in [0, 1] of the picture, and towards the eye."""
    sin, cos = torch.deg2rad(azimuth_deg)[:, None].sin(), torch.deg2rad(azimuth_deg)[:, None].cos()
    x, y, z = (joints - joints[:, :1]).unbind(-1)
    right, towards = cos * x - sin * z, sin * x + cos * z
    up = y - y.amin(1, keepdim=True)
    return torch.stack([0.5 + right / SPAN_M, FLOOR + 0.03 + up / SPAN_M, towards / SPAN_M], dim=-1)


def _drawn(seen: Tensor, colours: Tensor, size: int) -> Tensor:
    """Paint capsules over wall and floor, from the furthest to the nearest."""
    at = (torch.arange(size).to(seen) + 0.5) / size
    up, right = torch.meshgrid(1 - at, at, indexing="ij")
    pixel = torch.stack([right, up], dim=-1).flatten(0, 1)  # (P, 2)
    ends = seen[:, _ENDS.to(seen.device)]  # (N, K, 2, 3)
    order = ends[..., 2].mean(-1).argsort(1)  # (N, K): furthest first
    ends = ends.gather(1, order[..., None, None].expand_as(ends))[..., :2]
    radius = (_RADII.to(seen) / SPAN_M)[order]  # (N, K)
    table = torch.tensor([LEFT, RIGHT, _HEAD]).to(seen)
    kind = torch.tensor([colour for *_, colour in _BONES])
    paints = torch.cat([table.expand(len(seen), 3, 3), colours[:, :1]], dim=1)  # (N, 4, 3)
    paint = paints.gather(1, kind.to(order.device)[order][..., None].expand(-1, -1, 3))  # (N, K, 3)
    below = ((FLOOR + 0.08 - pixel[:, 1]) * size).clamp(0, 1)[None, None]  # the floor's far edge
    image = torch.lerp(colours[:, 1, :, None], colours[:, 2, :, None], below)  # (N, 3, P)
    for k in range(ends.shape[1]):
        distance = _to_segment(pixel, ends[:, k, 0], ends[:, k, 1])  # (N, P)
        own = radius[:, k, None]
        cover = ((own - distance) * size + 0.5).clamp(0, 1)[:, None]
        light = 0.6 + 0.4 * (1 - (distance / own).square()).clamp_min(0).sqrt()  # as of a rod
        image = torch.lerp(image, paint[:, k, :, None] * light[:, None], cover)
    return image.unflatten(2, (size, size))


def _to_segment(pixel: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Distances (N, P) of pixels (P, 2) from segments, (N, 2) to (N, 2)."""
    along = end - start
    from_start = pixel - start[:, None]  # (N, P, 2)
    share = (from_start * along[:, None]).sum(-1) / along.square().sum(-1, keepdim=True).clamp_min(1e-12)
    return (from_start - share.clamp(0, 1)[..., None] * along[:, None]).norm(dim=-1)
