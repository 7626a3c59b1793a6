"""Chapter 20's lab, step 2: a colleague's clicks, read wrongly in two ways, and what shows it.

The colleague clicked in a plotting window, where y points up and places are shares of the picture's width and
height, and named arms as who looks at the picture sees them, as in a mirror.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.skeleton import MIRROR, joint_index
from lecture_utils.chapters.ch20.clicks import SIZE, Clicks
from lecture_utils.chapters.ch20.lab_fit import Fit, Mixture, Skeleton

__all__ = ["Symptoms", "exported", "fitted", "read_clicks", "read_clicks_faulty", "symptoms"]


def exported(clicks: Clicks) -> Tensor:
    """Return what the colleague's file would say of these clicks, (24, 3): x, y and how sure."""
    height, width = SIZE
    u, v = clicks.pixels.nan_to_num(0.0).unbind(1)
    rows = torch.stack([u / width, 1 - v / height, clicks.confidence], dim=1)
    rows[clicks.confidence == 0] = 0
    return rows[list(MIRROR)]


def read_clicks_faulty(rows: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return pixels (24, 2) and confidence (24,) of the joints that a colleague's file (24, 3) tells.

    A row is one joint, in the order of `JOINTS`: x and y as shares of the picture's width and height, from
    its lower left corner, and how sure the colleague was. The file's left and right are those of who looks at
    the picture. `size` is (height, width). A joint of confidence 0 has NaN, NaN.
    """
    height, width = size
    u, v = rows[:, 0] * width, rows[:, 1] * height
    confidence = rows[:, 2]
    pixels = torch.stack([u, v], dim=1)
    return torch.where(confidence[:, None] > 0, pixels, torch.nan), confidence


def read_clicks(rows: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return pixels (24, 2) and confidence (24,) of the joints that a colleague's file (24, 3) tells.

    A row is one joint, in the order of `JOINTS`: x and y as shares of the picture's width and height, from
    its lower left corner, and how sure the colleague was. The file's left and right are those of who looks at
    the picture. `size` is (height, width). A joint of confidence 0 has NaN, NaN.
    """
    height, width = size
    rows = rows[list(MIRROR)]  # the person's own left and right
    u, v = rows[:, 0] * width, (1 - rows[:, 1]) * height  # v counts from the upper edge
    confidence = rows[:, 2]
    pixels = torch.stack([u, v], dim=1)
    return torch.where(confidence[:, None] > 0, pixels, torch.nan), confidence


class Symptoms(NamedTuple):
    """What a fit to clicks looks like.

    Attributes
    ----------
    error_px : float
        The mean distance of the joints from the clicks, weighted by confidence.
    chest : float
        How much the chest is turned to the camera, as a cosine: 1 straight to it, 0 sideways, -1 the back.
    """

    error_px: float
    chest: float


def symptoms(fit: Any) -> Symptoms:
    """Return what a fit looks like."""
    with torch.no_grad():
        joints = fit.skeleton(fit.shape, fit.pose)
        off = (fit.projected() - fit.clicks.pixels).norm(dim=1)
    sure = fit.clicks.confidence
    error = float((sure * off)[sure > 0].sum() / sure.sum())
    at = {name: joints[joint_index(name)] for name in ("left_shoulder", "right_shoulder", "neck", "pelvis")}
    front = torch.linalg.cross(at["left_shoulder"] - at["right_shoulder"], at["neck"] - at["pelvis"])
    return Symptoms(error, float(-front[2] / front.norm()))


def fitted(
    skeleton: Skeleton,
    clicks: Clicks,
    prior: Mixture,
    turn_deg: float,
    weights: Sequence[float],
    *,
    steps: int = 80,
    fit: Callable[..., Any] = Fit,
) -> Any:
    """Return a fit after `steps` steps with each of the weights, one after the other."""
    made = fit(skeleton, clicks, prior, turn_deg)
    for weight in weights:
        for _ in range(steps):
            made.step(weight)
    return made
