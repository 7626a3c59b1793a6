"""Fitted bodies beside their pictures: laid over them, and from the side, where depth shows.

Shapes: N pictures, V vertices, F triangles.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from lecture_utils.ops.camera import Cameras

from .body_pictures import body_layer, from_view, in_world, lay_over, view_camera, view_extent
from .images import panels, to_array, to_image
from .skeletons import check_one_each, draw_skeleton, picture_panel
from .style import INK, SKY

FIT, TRUTH = SKY, "#E3E1DC"
DOTS = 200  # per inch, as figures are shown


def side_azimuth_deg(camera: Cameras, world: Tensor) -> float:
    """Return from where to look at a body to see it from the side, as the camera sees it: from its right."""
    eye = camera.centre[0] - (world.amin(0) + world.amax(0)) / 2
    return math.degrees(math.atan2(float(eye[1]), float(eye[0]))) + 90.0


def side_image(
    fit: Any, truth: Any, faces: Any, camera: Cameras, size: tuple[int, int], *, height_m: float | None = None
) -> np.ndarray:
    """Draw a fitted body, and the true one behind it, from the side of a camera's view, on white.

    Parameters
    ----------
    fit, truth : (V, 3)
        In the world (z up), in metres; `truth` may be None.
    faces : (F, 3)
    camera : Cameras
        The one whose picture was fitted.
    size : (int, int)
        Height and width in pixels.
    height_m : float, optional
        What the picture's height spans, with the truth in its middle; what shows both where not given.

    Returns
    -------
    ndarray (H, W, 3), float32 in [0, 1]; the camera stands to the left.
    """
    bodies = [(in_world(truth, "z"), TRUTH)] if truth is not None else []
    bodies.append((in_world(fit, "z"), FIT))
    view = (side_azimuth_deg(camera, bodies[0][0]), 5.0)
    framed = bodies if height_m is None else bodies[:1]
    low, high = view_extent(torch.cat([body for body, _ in framed]), view)
    wide, tall, _ = (1.08 * (high - low)).tolist()
    spans = height_m or max(tall, wide * size[0] / size[1], 1e-3)
    seen = view_camera(view, size, from_view(view, *((low + high) / 2).tolist()), spans)
    image = np.ones((*size, 3), dtype=np.float32)
    for body, tint in bodies:
        image = lay_over(image, body_layer(body, faces, seen, tint), 0.72 if tint == FIT else 1.0)
    return image


def fit_over(picture: Any, fit: Any, faces: Any, camera: Cameras, strength: float = 0.8) -> np.ndarray:
    """Lay a fitted body (V, 3), in the world, over the picture that its camera took; (H, W, 3)."""
    return lay_over(picture, body_layer(in_world(fit, "z"), faces, camera, FIT), strength)


def fit_gallery(
    pictures: Any,
    cameras: Cameras,
    fits: Any,
    faces: Any,
    truths: Any = None,
    titles: Sequence[str] | None = None,
    *,
    joints: Any = None,
    size: float = 2.0,
    suptitle: str | None = None,
) -> Figure:
    """Draw pictures in a row; below each the fitted body over it, and below that both bodies from the side.

    Parameters
    ----------
    pictures : N images (3, H, W) in [0, 1]
    cameras : Cameras
        N, or one for all.
    fits : (N, V, 3)
        In the world (z up), in metres.
    faces : (F, 3)
    truths : (N, V, 3), optional
        The true bodies.
    titles : sequence of str, optional
        One a picture, such as its error.
    joints : (N, J, 2), optional
        The joints that were fitted, in pixels, drawn on the first row.
    size : float
        Width of a picture in inches.
    suptitle : str, optional

    Returns
    -------
    Figure
    """
    images, count = [to_image(picture) for picture in pictures], len(pictures)
    check_one_each(count, fits=fits, truths=truths, titles=titles, joints=joints)
    if len(cameras) not in (1, count):
        raise ValueError(f"cameras: got {len(cameras)} for {count} pictures, want one, or one a picture")
    height, width = images[0].shape[:2]
    fig, axes = panels(3 * count, count, size, width / height, titles is not None, suptitle)
    dots = (round(size * height / width * DOTS), round(size * DOTS))
    for k, image in enumerate(images):
        camera = cameras[k if len(cameras) > 1 else 0]
        truth = None if truths is None else to_array(truths[k])
        picture_panel(axes[k], image, titles[k] if titles is not None else "")
        if joints is not None:
            draw_skeleton(axes[k], joints[k], width=1.3)
        times = max(1, round(dots[0] / height))
        large = image.repeat(times, 0).repeat(times, 1)
        over = fit_over(large, fits[k], faces, camera.scaled(large.shape[:2]))
        axes[count + k].imshow(over, interpolation="antialiased")
        side = side_image(fits[k], truth, faces, camera, dots)
        axes[2 * count + k].imshow(side, interpolation="antialiased")
    rows = ("the picture", "the fitted body over it", "from the side")
    for row, words in enumerate(rows):
        axes[row * count].set_ylabel(words, fontsize=9.5, color=INK)
    if truths is not None:
        marks = [
            Patch(color=FIT, label="fitted"),
            Patch(color=TRUTH, label="truth; the camera is to the left"),
        ]
        fig.legend(handles=marks, loc="outside lower left", ncols=2, fontsize=9)
    return fig
