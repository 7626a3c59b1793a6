"""Upright boxes around solids: centre, size and heading, from closed form (S18.3).

A box is (x, y, z, length, width, height, yaw): its middle, its size along its own x, y and z axis, in metres,
and the turn about the world's z axis from the world's x axis to its own, in radians. Solids look the same
after some turns, so one yaw stands for all: 0 for what is round about z, in [-45°, 45°) for cube and cross,
in [-90°, 90°) for the rest.

Legend: B solids.
"""

import math

import torch
from torch import Tensor

from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.data.toyworld.solids import shapes

# The smallest turn about z, in degrees, after which a class looks as before; 0: any turn.
YAW_PERIOD_DEG = {
    "ball": 0,
    "square": 90,
    "triangle": 0,
    "star": 180,
    "heart": 180,
    "cross": 90,
    "ring": 180,
    "capsule": 180,
}


def boxes_of(class_id: Tensor, size: Tensor, rotation: Tensor, centre: Tensor) -> Tensor:
    """Return the boxes (B, 7) of solids that stand upright.

    Parameters
    ----------
    class_id : Tensor
        (B,).
    size : Tensor
        (B, 3), metres for one unit along each own axis.
    rotation, centre : Tensor
        (B, 3, 3), from own axes to the world's, and (B, 3), where the own origin stands.
    """
    corners = size.new_tensor([shapes.box_of(c) for c in range(len(CLASSES))])[class_id]  # (B, 2, 3)
    low, high = corners.unbind(1)
    middle = centre + (rotation @ ((low + high) / 2 * size)[:, :, None])[:, :, 0]
    yaw = torch.atan2(rotation[:, 1, 0], rotation[:, 0, 0])
    period = yaw.new_tensor([math.radians(YAW_PERIOD_DEG[name]) for name in CLASSES])[class_id]
    safe = torch.where(period == 0, 1.0, period)
    yaw = torch.where(period == 0, 0.0, (yaw + safe / 2).remainder(safe) - safe / 2)
    return torch.cat([middle, (high - low) * size, yaw[:, None]], dim=1)
