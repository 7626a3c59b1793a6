"""Pictures of bodies: meshes through the rasteriser (S19.1), smoothly shaded, alone or over a picture.

A body comes in its own frame (y up, z to the front, x to its left) or in the world's (z up), as `up` says;
cameras always live in the world. Seen from the front, a body's left is on the right.

Shapes: V vertices, F triangles, H, W pixels.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.ops.camera import Cameras, orbit, project
from lecture_utils.ops.checks import check_number, check_numbers, check_size, check_tensor
from lecture_utils.rendering.rasteriser.fragments import check_faces, interpolate, vertex_normals
from lecture_utils.rendering.rasteriser.hard import rasterise

from .images import to_array, to_image
from .style import rgb

#: From where a view looks: azimuth and elevation in degrees, in the world; a body there faces -y.
VIEWS = {"front": (-90.0, 8.0), "three-quarter": (-50.0, 12.0), "side": (0.0, 8.0), "back": (90.0, 8.0)}
SKIN = "#C6CFD9"  # a body of no colour of its own
FAR = 6.0  # distance of the camera from a body, in heights of the frame: limbs are hardly foreshortened
_KEY, _FILL = (-0.45, -0.6, -0.66), (0.75, -0.1, -0.65)  # towards the two lamps, in the camera's axes
View = str | tuple[float, float]


def in_world(vertices: Any, up: str = "y") -> Tensor:
    """Return vertices (V, 3) of a body as the world has them, z up, float32.

    Parameters
    ----------
    vertices : Tensor or ndarray
        (V, 3), in metres.
    up : {"y", "z"}
        Which axis of theirs is up: "y" in a body's own frame, "z" where they are in the world already.
    """
    places = torch.as_tensor(to_array(vertices)).float()
    check_tensor(places, "vertices", "V", 3, finite=True, some=True)
    if up not in ("y", "z"):
        raise ValueError(f'up: got {up!r}, want "y" (a body\'s own frame) or "z" (the world\'s)')
    x, y, z = places.unbind(1)
    return torch.stack([x, -z, y], dim=1) if up == "y" else places


def angles_deg(view: View) -> tuple[float, float]:
    """Return azimuth and elevation in degrees of a view: a name of VIEWS, or the two angles."""
    if isinstance(view, str):
        if view not in VIEWS:
            raise ValueError(f"view: got {view!r}, want one of {', '.join(VIEWS)}, or two angles in degrees")
        return VIEWS[view]
    check_numbers(view, "view", 2)
    return float(view[0]), float(view[1])


def view_extent(world: Tensor, view: View) -> tuple[Tensor, Tensor]:
    """Return the least and the most of points (V, 3) to the right, up and towards the eye, (3,) each."""
    along = world @ _axes(view).T  # (V, 3)
    return along.amin(0), along.amax(0)


def from_view(view: View, right: float, up: float, towards: float) -> list[float]:
    """Return the place in the world of what a view has so far right, up and towards the eye, in metres."""
    return (torch.tensor([right, up, towards]) @ _axes(view)).tolist()


def _axes(view: View) -> Tensor:
    """The directions to the right, up and towards the eye of a view, in the world, (3, 3)."""
    azimuth, elevation = (math.radians(angle) for angle in angles_deg(view))
    ca, sa, ce, se = math.cos(azimuth), math.sin(azimuth), math.cos(elevation), math.sin(elevation)
    return torch.tensor([[-sa, ca, 0.0], [-se * ca, -se * sa, ce], [ce * ca, ce * sa, se]])


def view_camera(view: View, size: tuple[int, int], target: Sequence[float], height_m: float) -> Cameras:
    """Return the camera that sees `height_m` around a place of the world, from far away.

    Parameters
    ----------
    view : str or (float, float)
        A name of VIEWS, or azimuth and elevation in degrees.
    size : (int, int)
        Height and width of the picture in pixels.
    target : three floats
        What is in the middle, in metres.
    height_m : float
        What the picture's height spans there.
    """
    azimuth, elevation = angles_deg(view)
    height, width = check_size(size)
    check_number(height_m, "height_m", 0, above=True)
    wide = 2 * math.degrees(math.atan(width / height / (2 * FAR)))
    return orbit(1, size, radius_m=FAR * height_m, elevation_deg=elevation, start_deg=azimuth,
                 target=target, field_of_view_deg=wide)  # fmt: skip


def vertex_colours(colours: Any, count: int) -> Tensor:
    """Return colours as (count, 3) in [0, 1]: of a name or code, of a table, or SKIN where None is given."""
    if colours is None or isinstance(colours, str):
        return torch.tensor([rgb(colours or SKIN)]).expand(count, 3)
    table = torch.as_tensor(to_array(colours)).float()
    check_tensor(table, "colours", count, 3, finite=True)
    low, high = float(table.min()), float(table.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(f"colours: got {low:.3g} to {high:.3g}, want all in [0, 1]")
    return table.clamp(0, 1)


def body_layer(
    world: Tensor, faces: Any, camera: Cameras, colours: Any = None, *, sharp: int = 2, flat: float = 0.0
) -> np.ndarray:
    """Draw a body as a layer to be laid over a picture.

    Parameters
    ----------
    world : Tensor
        (V, 3), z up, in metres; several bodies may be one mesh (`together`).
    faces : Tensor or ndarray
        (F, 3) whole numbers below V, counter-clockwise seen from outside. Insides are not drawn.
    camera : Cameras
        One.
    colours : str or (V, 3), optional
    sharp : int
        Dots for every pixel, each way; their mean is the pixel.
    flat : float
        0 shades fully, 1 not at all: in between, where the colour is a reading.

    Returns
    -------
    ndarray (H, W, 4), float32
        Red, green, blue, each times the share of the pixel that is covered, and that share.
    """
    check_tensor(world, "world", "V", 3, finite=True, some=True)
    corners = torch.as_tensor(to_array(faces)).long()
    check_tensor(corners, "faces", "F", 3, kind="int", some=True)
    check_faces(corners, len(world))
    if len(camera) != 1:
        raise ValueError(f"camera: got {len(camera)} of them, want one")
    height, width = camera.size
    top, left, small = _window(world, camera)
    fine = small.scaled((small.size[0] * sharp, small.size[1] * sharp))
    a, b, c = world[corners].unbind(1)  # (F, 3) each
    away = torch.linalg.cross(b - a, c - a)  # outwards
    shown = corners[((a - camera.centre) * away).sum(1) < 0]  # the others are behind them: half of the work
    seen = rasterise(world, shown, fine)
    known = torch.cat([vertex_normals(world, corners), vertex_colours(colours, len(world))], dim=1)  # (V, 6)
    normal, tint = interpolate(seen, shown, known)[0][seen.mask[0]].split(3, dim=1)  # (P, 3) each
    facing = torch.nn.functional.normalize(normal, dim=1) @ fine.rotation[0].mT
    layer = torch.zeros(*fine.size, 4)
    lit = (tint * _light(facing, flat)[:, None]).clamp(0, 1)
    layer[seen.mask[0]] = torch.cat([lit, torch.ones(len(lit), 1)], dim=1)
    rows = torch.stack([layer[k::sharp] for k in range(sharp)]).sum(0)
    whole = np.zeros((height, width, 4), dtype=np.float32)
    within = (slice(top, top + small.size[0]), slice(left, left + small.size[1]))
    whole[within] = torch.stack([rows[:, k::sharp] for k in range(sharp)]).sum(0) / sharp**2
    return whole


def _window(world: Tensor, camera: Cameras) -> tuple[int, int, Cameras]:
    """The part of a picture that points (V, 3) fall into: its first row and column, and its own camera."""
    pixels, depth_m = project(world, camera)
    limit = torch.tensor(camera.size[::-1])
    low, high = pixels[0].amin(0).floor() - 1, pixels[0].amax(0).ceil() + 1
    if not bool((depth_m > 0).all()) or bool((high < 1).any()) or bool((low > limit - 1).any()):
        return 0, 0, camera  # some of it is behind the camera, or none is in the picture
    (left, top), (right, bottom) = ([int(x) for x in at.clamp_min(0).minimum(limit)] for at in (low, high))
    shifted = camera.intrinsics.clone()
    shifted[:, :2, 2] -= torch.tensor([left, top])
    return top, left, Cameras(camera.rotation, camera.translation, shifted, (bottom - top, right - left))


def _light(normal: Tensor, flat: float) -> Tensor:
    """How bright a surface is, (P,), by its normal in the camera's axes: two lamps, and darker at the rim."""
    key, fill = (torch.nn.functional.normalize(torch.tensor(lamp), dim=0) for lamp in (_KEY, _FILL))
    lit = 0.46 + 0.64 * (normal @ key).clamp_min(0) + 0.22 * (normal @ fill).clamp_min(0)
    shade = lit * (0.7 + 0.3 * (-normal[:, 2]).clamp(0, 1))
    return flat + (1 - flat) * shade


def lay_over(picture: Any, layer: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """Lay a layer (H, W, 4) over a picture, which shows through by 1 - `strength`; (H, W, 3) in [0, 1]."""
    below = to_image(picture)
    if below.shape[:2] != layer.shape[:2]:
        raise ValueError(f"picture: got {below.shape[:2]} pixels, want the layer's {layer.shape[:2]}")
    check_number(strength, "strength", 0, 1)
    return (below * (1 - strength * layer[..., 3:]) + strength * layer[..., :3]).astype(np.float32).clip(0, 1)


def together(
    bodies: Sequence[Tensor], faces: Any, colours: Sequence[Any] | None = None
) -> tuple[Tensor, ...]:
    """Return bodies of the same faces as one mesh: vertices (B V, 3), faces (B F, 3), colours (B V, 3)."""
    corners = torch.as_tensor(to_array(faces)).long()
    counts = [len(body) for body in bodies]
    starts = np.cumsum([0, *counts[:-1]]).tolist()
    tints = [None] * len(counts) if colours is None else colours
    painted = [vertex_colours(tint, count) for tint, count in zip(tints, counts, strict=True)]
    return torch.cat(list(bodies)), torch.cat([corners + start for start in starts]), torch.cat(painted)


def body_image(
    vertices: Any, faces: Any, *, view: View = "front", size: tuple[int, int] = (300, 200), up: str = "y",
    colours: Any = None, height_m: float | None = None, target: Sequence[float] | None = None,
    sharp: int = 2, flat: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Draw one body on white.

    Parameters
    ----------
    vertices, faces, colours, sharp, flat
        As for `body_layer`; vertices (V, 3) as `up` says.
    view : str or (float, float)
    size : (int, int)
        Height and width in pixels.
    up : {"y", "z"}
    height_m : float, optional
        What the picture's height spans; as much as shows all of the body where not given.
    target : three floats, optional
        What is in the middle, in the world's axes; the middle of the body where not given.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]
    """
    world = in_world(vertices, up)
    low, high = view_extent(world, view)
    if target is None:
        target = from_view(view, *((low + high) / 2).tolist())
    if height_m is None:
        across, tall = (1.08 * (high - low)[:2]).tolist()
        height_m = max(tall, across * size[0] / size[1], 1e-3)
    layer = body_layer(
        world, faces, view_camera(view, size, target, height_m), colours, sharp=sharp, flat=flat
    )
    return lay_over(np.ones((*size, 3), dtype=np.float32), layer)
