"""Chapter 20: a body's numbers in pictures: pose and shape apart, and what one number of shape does."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.body.smpl import SMPL
from lecture_utils.ops.checks import check_tensor
from lecture_utils.plotting.bodies import body_views

#: By rows: told apart by lightness too.
SKINS = ("#C6CFD9", "#D8BFA6", "#8F9FA8", "#A88B78", "#DDDDD3", "#6F7A86")


def people_grid(
    model: SMPL, shapes: Tensor, poses: Tensor, *, size: float = 1.5, suptitle: str | None = None
) -> Figure:
    """Draw every person in every pose: a row has one shape, a column one pose.

    Parameters
    ----------
    model : SMPL
    shapes : Tensor
        β (R, up to K).
    poses : Tensor
        θ (C, 24, 3), axis-angles, the root about 0.
    size : float
        Width of a body in inches.
    suptitle : str, optional

    Returns
    -------
    Figure
    """
    check_tensor(shapes, "shapes", "R", "K", finite=True, some=True)
    check_tensor(poses, "poses", "C", 24, 3, finite=True, some=True)
    rows, columns = len(shapes), len(poses)
    with torch.no_grad():
        every = model(shapes.repeat_interleave(columns, 0), poses.repeat(rows, 1, 1)).vertices
    colours = [SKINS[k // columns % len(SKINS)] for k in range(len(every))]
    return body_views(every, model.faces, colours=colours, columns=columns, size=size, suptitle=suptitle)


def shape_ladder(
    model: SMPL, component: int, steps: tuple[float, ...] = (-2.5, -1.0, 0.0, 1.0, 2.5), **options: object
) -> Figure:
    """Draw the person whose shape has one number only, from low to high.

    Parameters
    ----------
    model : SMPL
    component : int
        Which number, from 0.
    steps : tuple of float
        Its values, in standard deviations.
    **options
        `view`, `size`, `suptitle` of `plotting.bodies.body_views`.
    """
    count = model.shape_directions.shape[-1]
    if not 0 <= component < count:
        raise ValueError(f"component: got {component}, want 0 to {count - 1}")
    shapes = torch.zeros(len(steps), count)
    shapes[:, component] = torch.tensor(steps)
    skins, _ = model.shaped(shapes)
    titles = [f"{step:+.1f}".replace("-", "−") if step else "0" for step in steps]
    return body_views(skins, model.faces, titles, columns=len(steps), **({"view": "front"} | options))  # type: ignore[arg-type]
