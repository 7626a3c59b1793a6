"""What moves in the picture when the camera is carried sideways, and where every point was a frame before.

The camera is level and looks straight ahead, so carrying it Δ metres to the right moves what stands at depth
d by Δ / d picture widths to the left. A row of the ground that lies g below the horizon is CAMERA_HEIGHT_M
/ g metres away. The sky is infinitely far and stays.

Legend: N frames, K places for objects, S the image's side in pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.data.toyworld.names import CAMERA_HEIGHT_M
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.surfaces import background


def below_shore(scenes: Scenes, camera: Tensor, size: int) -> Tensor:
    """How far below the shore each pixel lies, (N, S, S) as a share of the side, seen from `camera` (N,).

    The shore is a curve on the ground: a pixel is on its near side if the place it shows was in frame 0.
    """
    y = background.pixel_centres(size, scenes.key.device)
    drop = (y - scenes.horizon[:, None]) / CAMERA_HEIGHT_M  # (N, S): one over the depth
    at_first = y + (camera.float()[:, None] * drop)[:, :, None]  # (N, S, S): x of that place in frame 0
    shore, amplitude, cycles, phase = (c[:, None, None] for c in scenes.shore.unbind(1))
    angle = 2 * torch.pi * cycles * at_first + phase
    sine = angle.cpu().double().sin().float().to(angle.device)  # the same on every device, in every batch
    return y[:, None] - (shore + amplitude * sine)


def stuff_seen(scenes: Scenes, below: Tensor) -> Tensor:
    """Id into STUFF of every pixel behind the objects, (N, S, S) int64; `below` is `below_shore`."""
    y = background.pixel_centres(below.shape[1], below.device)[:, None]
    ground = torch.where(below > 0, scenes.ground[:, :1, None], scenes.ground[:, 1:, None])
    return torch.where(y > scenes.horizon[:, None, None], ground, 0)


def paint_seen(scenes: Scenes, camera: Tensor, below: Tensor) -> Tensor:
    """The picture without objects, (N, S, S, 3) linear light; from where the camera was first, `paint`'s."""
    size = below.shape[1]
    share = (below * size + 0.5).clamp(0, 1)  # 1: near ground
    offset = scenes.offset.double()
    offset[:, 0] = (offset[:, 0] + camera / background._TILE_M) % 1
    carried = scenes.replace(offset=offset)
    sky = background.pixel_centres(size, scenes.key.device) <= scenes.horizon[:, None]  # (N, S)
    texel = torch.where(
        sky[:, :, None],
        background._texture(scenes, size, share >= 0.5),  # the clouds stay
        background._texture(carried, size, share >= 0.5),
    )[..., None]
    colour, contrast = background._rows(scenes, size)
    share = share[..., None]
    colour = torch.lerp(colour[:, 0, :, None], colour[:, 1, :, None], share)
    return colour + torch.lerp(contrast[:, 0, :, None], contrast[:, 1, :, None], share) * texel


def flow_since(now: Scenes, before: Scenes, carried: Tensor, instance: Tensor) -> Tensor:
    """Where the point of the world that each pixel shows was in the picture before, minus its own place.

    An object's shape is shifted, turned and scaled as a whole: p ↦ c' + (r' / r) R(turn' − turn) (p − c).

    Parameters
    ----------
    now, before : Scenes
        N frames, and for each the one before it.
    carried : Tensor (N,)
        Metres to the right that the camera moved in between.
    instance : Tensor (N, S, S)
        int64, of `now`.

    Returns
    -------
    Tensor (N, 2, S, S)
        float32 pixels, x to the right, y down.
    """
    n, size = instance.shape[:2]
    xy = background.pixel_centres(size, instance.device)
    scale = before.radius.double() / now.radius.double().clamp_min(1e-9)  # (N, K)
    turned = before.turn.double() - now.turn.double()
    a, b = scale * turned.cos(), scale * turned.sin()
    (cx, cy), (ex, ey) = now.centre.double().unbind(2), before.centre.double().unbind(2)
    affine = torch.stack([a - 1, b, ex - a * cx + b * cy, ey - b * cx - a * cy], dim=2)  # (N, K, 4)
    affine = F.pad(affine, (0, 0, 1, 0)).flatten(0, 1).float()  # place 0: stuff
    row = instance + torch.arange(n, device=instance.device)[:, None, None] * (now.places + 1)
    grown, skew, right, down = affine.t()[:, row]  # (N, S, S) each
    flow_x, flow_y = grown * xy - skew * xy[:, None] + right, skew * xy + grown * xy[:, None] + down
    # The ground: the camera's own way over the depth of the row.
    drop = (xy - now.horizon[:, None]).clamp_min(0) / CAMERA_HEIGHT_M  # 0 in the sky
    parallax = (carried.float()[:, None] * drop)[:, :, None]
    flow_x = torch.where(instance > 0, flow_x, parallax)
    return torch.stack([flow_x, flow_y], dim=1).mul_(size)


def seen_before(flow: Tensor, panoptic: Tensor, before: Tensor) -> Tensor:
    """Which points were in the picture before and not hidden there, (N, S, S) bool.

    Parameters
    ----------
    flow : Tensor (N, 2, S, S)
        From `flow_since`.
    panoptic, before : Tensor (N, S, S)
        Ids of each pixel now and in the frame before: a point was seen if the pixel nearest to where it was
        has the same.
    """
    size = flow.shape[-1]
    index = torch.arange(size, device=flow.device)
    column = torch.floor(index + 0.5 + flow[:, 0]).long()  # pixel i reaches from i to i + 1
    row = torch.floor(index[:, None] + 0.5 + flow[:, 1]).long()
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    place = row.clamp(0, size - 1) * size + column.clamp(0, size - 1)
    return inside & (before.flatten(1).gather(1, place.flatten(1)).reshape(place.shape) == panoptic)
