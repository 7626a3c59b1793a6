"""Bodies in figures: side by side at one scale, painted by weights or errors, and turnable on a page.

Shapes: B bodies, V vertices, F triangles, J joints.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor

from .body_pictures import (
    SKIN,
    View,
    angles_deg,
    body_layer,
    from_view,
    in_world,
    lay_over,
    view_camera,
    view_extent,
)
from .images import panels, to_array
from .orbit import Orbit, orbit_mesh
from .style import BLUE, ORANGE, PALETTE, VERMILION, rgb

#: Of what a colour reads off a surface: pale is none, and the darker the more.
HEAT = LinearSegmentedColormap.from_list("heat", ["#E4E6E8", "#F5D08A", ORANGE, VERMILION, "#6B1F00"])
DOTS = 200  # per inch, as figures are shown
PALE = "#E4E6E8"
READING = 0.45  # how flat a surface is lit whose colour is a reading


def body_views(
    bodies: Any,
    faces: Any,
    titles: Sequence[str] | None = None,
    *,
    colours: Any = None,
    view: View | list[View] = "three-quarter",
    columns: int = 4,
    size: float = 1.9,
    suptitle: str | None = None,
    up: str = "y",
    grounded: bool = True,
    flat: float = 0.0,
) -> Figure:
    """Draw bodies side by side, all at one scale and standing on one line.

    Parameters
    ----------
    bodies : sequence of (V, 3), or Tensor (B, V, 3)
        Vertices in metres, as `up` says.
    faces : Tensor or ndarray
        (F, 3), counter-clockwise seen from outside.
    titles : sequence of str, optional
        One a body.
    colours : str, (V, 3), or a list of these, one a body; optional
    view : str or (float, float), or a list of these, one a body
        A name of `body_pictures.VIEWS`, or azimuth and elevation in degrees; a single body may have many.
    columns : int
        Bodies in a row.
    size : float
        Width of a panel in inches.
    suptitle : str, optional
    up : {"y", "z"}
        Bodies in their own frame, or in the world's.
    grounded : bool
        Put the lowest point of each on one line; else the middle of each is in the middle.
    flat : float
        As for `body_pictures.body_layer`.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        For no bodies, other numbers of titles, colours or views than bodies, or what `body_layer` refuses.
    """
    views: list[View] = list(view) if isinstance(view, list) else [view]
    worlds = [in_world(body, up) for body in bodies]
    if len(worlds) == 1:
        worlds = worlds * len(views)
    count = len(worlds)
    views = views * count if len(views) == 1 else views
    tints = list(colours) if isinstance(colours, list | tuple) else [colours] * count
    for name, got in (("titles", titles), ("colours", tints), ("view", views)):
        if got is not None and (len(got) != count or not count):
            raise ValueError(f"{name}: got {len(got)} for {count} bodies, want one a body")
    extents = [view_extent(world, own) for world, own in zip(worlds, views, strict=True)]
    wide, tall = (1.06 * max(float((high - low)[k]) for low, high in extents) for k in (0, 1))
    wide = max(wide, 0.3 * tall)
    fig, axes = panels(count, columns, size, wide / tall, titles is not None, suptitle)
    dots = (round(size * tall / wide * DOTS), round(size * DOTS))
    for k, ax in enumerate(axes):
        right, high, towards = ((extents[k][0] + extents[k][1]) / 2).tolist()
        if grounded:  # the lowest point a little above the panel's edge
            high = float(extents[k][0][1]) + 0.47 * tall
        camera = view_camera(views[k], dots, from_view(views[k], right, high, towards), tall)
        layer = body_layer(worlds[k], faces, camera, tints[k], sharp=1 if max(dots) > 500 else 2, flat=flat)
        ax.imshow(lay_over(np.ones((*dots, 3), dtype=np.float32), layer), interpolation="antialiased")
        if titles is not None:
            ax.set_title(titles[k], fontsize=9.5, fontweight="normal", loc="center", pad=3)
    return fig


def weight_colours(weights: Any, joint: int | None = None) -> Tensor:
    """Paint skinning weights: of one joint from pale to blue, or of all, a colour each, mixed.

    Parameters
    ----------
    weights : Tensor
        (V, J), rows that add up to 1.
    joint : int, optional

    Returns
    -------
    Tensor (V, 3), in [0, 1]
    """
    table = torch.as_tensor(to_array(weights)).float()
    check_tensor(table, "weights", "V", "J", finite=True, some=True)
    if joint is None:
        hues = torch.tensor([rgb(PALETTE[k % 7]) for k in range(table.shape[1])])
        return (table @ (0.15 + 0.85 * hues)).clamp(0, 1)
    if not 0 <= joint < table.shape[1]:
        raise ValueError(f"joint: got {joint}, want 0 to {table.shape[1] - 1}")
    share = table[:, joint, None]
    return (1 - share) * torch.tensor(rgb(PALE)) + share * torch.tensor(rgb(BLUE))


def error_colours(error_m: Any, limit_mm: float) -> Tensor:
    """Paint distances (V,) in metres: pale is 0, and the darkest is `limit_mm` or more; (V, 3) in [0, 1]."""
    error = torch.as_tensor(to_array(error_m)).float()
    check_tensor(error, "error_m", "V", finite=True)
    check_number(limit_mm, "limit_mm", 0, above=True)
    return torch.as_tensor(HEAT((1000 * error / limit_mm).clamp(0, 1).numpy())[:, :3]).float()


def error_views(
    bodies: Any,
    faces: Any,
    errors_m: Any,
    titles: Sequence[str] | None = None,
    *,
    limit_mm: float | None = None,
    label: str = "distance from the truth in mm",
    **options: Any,
) -> Figure:
    """Draw bodies, each vertex coloured by its error, with one colour bar for all.

    Parameters
    ----------
    bodies, faces, titles
        As for `body_views`.
    errors_m : sequence of (V,), one a body
        In metres.
    limit_mm : float, optional
        What has the darkest colour; a round number at or above 98 of 100 errors where not given.
    label : str
        Of the bar.
    **options
        `view`, `columns`, `size`, `suptitle`, `up`, `grounded` of `body_views`.

    Returns
    -------
    Figure
    """
    errors = [torch.as_tensor(to_array(error)).float() for error in errors_m]
    if limit_mm is None:
        limit_mm = _round_up(1000 * float(torch.cat(errors).quantile(0.98)))
    painted = [error_colours(error, limit_mm) for error in errors]
    fig = body_views(bodies, faces, titles, colours=painted, flat=READING, **options)
    shown = [ax for ax in fig.axes if ax.get_visible()]
    bar = fig.colorbar(
        ScalarMappable(Normalize(0, limit_mm), HEAT), ax=shown, shrink=0.8, aspect=25, pad=0.02
    )
    bar.set_label(label)
    bar.outline.set_visible(False)
    return fig


def _round_up(value: float) -> float:
    """The next of 1, 2, 3, 5, 10, … at or above a value."""
    ten = 10.0 ** np.floor(np.log10(max(value, 0.1)))
    return float(next(step * ten for step in (1, 2, 3, 5, 10) if step * ten >= 0.999 * max(value, 0.1)))


def body_orbit(
    vertices: Any,
    faces: Any,
    colours: Any = None,
    *,
    alt: str,
    view: View = "three-quarter",
    up: str = "y",
    size: tuple[int, int] = (420, 360),
    **options: Any,
) -> Orbit:
    """Show a body that a reader can turn, on a page without a kernel too.

    Parameters
    ----------
    vertices, faces, colours
        (V, 3) in metres as `up` says, (F, 3), and (V, 3) or one for all.
    alt : str
        A sentence on what it shows.
    view : str or (float, float)
    up : {"y", "z"}
    size : (int, int)
        Height and width in pixels.
    **options
        `lines`, `zoom`, `axes` of `orbit.orbit_mesh`.
    """
    world = in_world(vertices, up)
    tint = SKIN if colours is None else colours
    return orbit_mesh(
        world, faces, tint, alt=alt, view_deg=angles_deg(view), size=size, axes=False, **options
    )
