"""Chapter 20: where its widgets show a body: the course's own, in panels that stay still while it moves."""

import re
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.limits import angles_to_pose
from lecture_utils.plotting.body_pictures import View, body_image, from_view, in_world, view_extent

PIXELS = 100  # an inch of a live panel
NAMES = {
    re.sub(r"(\d)", r" \1", name.replace("_", " ")): k for k, name in enumerate(JOINTS)
}  # "left knee": 4


@lru_cache(maxsize=1)
def people_body() -> SMPL:
    """The course's body model, loaded once."""
    from lecture_utils import zoo

    model = zoo.load("people_body")
    assert isinstance(model, SMPL)
    return model


def rest_height_m(model: SMPL) -> float:
    """How tall the mean person stands."""
    return float(model.template[:, 1].max() - model.template[:, 1].min())


def on_stage(
    model: SMPL, vertices: Tensor, inches: tuple[float, float], *, view: View = "three-quarter",
    room: float = 1.2, around: Tensor | None = None, **options: Any,
) -> np.ndarray:  # fmt: skip
    """Draw a body in its own frame, before a camera that does not follow it.

    Parameters
    ----------
    model : SMPL
        Its mean person sets the frame.
    vertices : Tensor
        (V, 3).
    inches : (float, float)
        Height and width of the panel.
    view : str or (float, float)
    room : float
        Height of the frame, in heights of the mean person.
    around : Tensor, optional
        (3,), what is in the middle, in the body's frame; the middle of the mean person where not given.
    **options
        `colours`, `flat`, `sharp` of `plotting.body_pictures.body_image`.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]
    """
    if around is None:
        low, high = view_extent(in_world(model.template), view)
        target = from_view(view, *((low + high) / 2).tolist())
    else:
        target = in_world(around[None])[0].tolist()
    size = (round(inches[0] * PIXELS), round(inches[1] * PIXELS))
    return body_image(
        vertices,
        model.faces,
        view=view,
        size=size,
        target=target,
        height_m=room * rest_height_m(model),
        **options,
    )


def carried(model: SMPL, joint: int) -> list[int]:
    """Return a joint and all that it carries along, in order."""
    found = [joint]
    for j, parent in enumerate(model.parents):
        if parent in found:
            found.append(j)
    return found


def turned(joint: int, angles_deg: tuple[float, float, float]) -> Tensor:
    """Return the pose (1, 24, 3) of a body at rest but for one joint, turned by R_x R_y R_z."""
    angles = torch.zeros(len(JOINTS), 3)
    angles[joint] = torch.deg2rad(torch.tensor(angles_deg))
    return angles_to_pose(angles)[None]
