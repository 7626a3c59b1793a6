"""Points and meshes that a reader can turn, in a notebook or on a page without a kernel.

What is shown holds its data (places in 16 bits, colours in 8), the script `orbit.js`, and a picture of the
first view for viewers that run no script. Nothing is fetched, and nothing is shared between two on a page.

Shapes: P points, V vertices, F triangles, L lines.
"""

import functools
import html
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lecture_utils.ops.checks import check_number, check_numbers, check_size

from .display import LivePage, base64_of, checked_alt, palette_png
from .images import to_array
from .orbit_data import colour_bits, colours_of, places_of, sixteen_bits
from .orbit_still import draw_still
from .style import BLUE, GREEN, VERMILION, rgb
from .wireframes import Lines, axis_ends, line_ends

SCRIPT = Path(__file__).with_name("orbit.js")
DISTANCE = 3.2  # of the eye from the middle, in radii of what is shown

STILL_BYTES = 6_000  # of the picture that the script replaces, if a good enough one is that small
LIMIT = 2_000_000  # bytes of data: beyond it, show fewer points

_PAGE = """<figure data-course-orbit style="margin:0.5em 0;max-width:{width}px">
<img src="data:image/avif;base64,{still}" alt="{alt}" width="{width}" height="{height}"
 style="display:block;width:100%;height:auto;margin:0;background:#fff">
<script type="application/json">{store}</script>
<script>{script}</script>
</figure>"""


class Orbit(LivePage):
    """A turnable picture."""


def orbit_points(
    points: Any,
    colours: Any = None,
    *,
    alt: str,
    lines: Sequence[Lines] = (),
    radius_px: float = 2.0,
    view_deg: tuple[float, float] = (30.0, 25.0),
    zoom: float = 1.0,
    size: tuple[int, int] = (360, 480),
    axes: bool = True,
) -> Orbit:
    """Show a cloud of points that can be turned and zoomed.

    Parameters
    ----------
    points : Tensor or ndarray
        (P, 3), z up.
    colours : Tensor, ndarray or str, optional
        (P, 3) in [0, 1], or one for all; blue where not given.
    alt : str
        A sentence on what it shows.
    lines : sequence of Lines
        Such as cameras (`wireframes.camera_lines`) or the edges of boxes.
    radius_px : float
        Of a point in the middle, as a reader sees it.
    view_deg : (float, float)
        From where the first view looks: azimuth (0 from +x, 90 from +y) and elevation.
    zoom : float
        1 fits all of it, lines too, however it is turned.
    size : (int, int)
        Height and width in pixels.
    axes : bool
        Draw x (vermilion), y (green) and z (blue) from the world's origin.

    Returns
    -------
    Orbit

    Raises
    ------
    ValueError
        For other shapes, what is not finite, colours outside [0, 1], nothing to show, or over 2 MB of it.
    """
    places = places_of(points, "points")
    return _orbit(
        places, colours_of(colours, len(places)), np.zeros((0, 3), dtype=np.uint32),
        alt, lines, radius_px, view_deg, zoom, size, axes,
    )  # fmt: skip


def orbit_mesh(
    vertices: Any,
    faces: Any,
    colours: Any = None,
    *,
    alt: str,
    lines: Sequence[Lines] = (),
    view_deg: tuple[float, float] = (30.0, 25.0),
    zoom: float = 1.0,
    size: tuple[int, int] = (360, 480),
    axes: bool = True,
) -> Orbit:
    """Show a triangle mesh that can be turned and zoomed, lit from beside the eye.

    Parameters
    ----------
    vertices : Tensor or ndarray
        (V, 3), z up.
    faces : Tensor or ndarray
        (F, 3) whole numbers below V.
    colours : Tensor, ndarray or str, optional
        (V, 3) in [0, 1], of the vertices, or one for all; blue where not given.
    alt, lines, view_deg, zoom, size, axes
        As for `orbit_points`.

    Returns
    -------
    Orbit
    """
    places, corners = places_of(vertices, "vertices"), to_array(faces)
    whole = corners.ndim == 2 and corners.shape[1:] == (3,) and corners.dtype.kind in "iu"
    if not whole or not len(corners) or corners.min() < 0 or corners.max() >= len(places):
        raise ValueError(
            f"faces: got {corners.dtype} {corners.shape}, want (F, 3) whole numbers below {len(places)}"
        )
    return _orbit(
        places, colours_of(colours, len(places)), corners.astype(np.uint32),
        alt, lines, 1.0, view_deg, zoom, size, axes,
    )  # fmt: skip


def _orbit(
    places: np.ndarray,
    colours: np.ndarray,
    faces: np.ndarray,
    alt: str,
    lines: Sequence[Lines],
    radius_px: float,
    view_deg: tuple[float, float],
    zoom: float,
    size: tuple[int, int],
    axes: bool,
) -> Orbit:
    """Scale everything into the unit ball, pack it, and draw the first view."""
    alt, (height, width) = checked_alt(alt), check_size(size)
    check_number(radius_px, "radius_px", 0, above=True)
    check_numbers(view_deg, "view_deg", 2)
    check_number(zoom, "zoom", 0, above=True)
    ends, line_colours = line_ends(lines)
    words = axis_ends(places) if axes else []
    origin = np.zeros((1 if axes else 0, 3))
    framed = np.concatenate([places, ends.reshape(-1, 3), origin])
    middle = (framed.min(0) + framed.max(0)) / 2
    reach = max(float(np.linalg.norm(framed - middle, axis=1).max()), 1e-12)
    if axes:
        ends = np.concatenate([ends, [[np.zeros(3), place] for _, place in words]])
        line_colours = np.concatenate([line_colours, [rgb(c) for c in (VERMILION, GREEN, BLUE)]])
    places, ends = (places - middle) / reach, (ends - middle) / reach
    words = [(word, (place - middle) / reach) for word, place in words]
    unit = max(1.0, float(np.abs(ends).max(initial=0)))  # of the axes only, something may be beyond the ball
    focal = 0.95 * zoom * math.sqrt(DISTANCE**2 - 1)  # at 1 the unit ball just fits
    azimuth, elevation = (math.radians(angle) for angle in view_deg)
    packed = {
        "places": sixteen_bits(places / unit),
        "colours": colour_bits(colours[:1] if (colours == colours[0]).all() else colours),
        "faces": faces.astype("<u4" if (wide := len(places) > 65535) else "<u2"),
        "lines": sixteen_bits(ends / unit),
        "lineColours": colour_bits(line_colours),
    }
    if (total := sum(part.nbytes for part in packed.values())) > LIMIT:
        raise ValueError(f"orbit: got {total:,} bytes of points, want at most {LIMIT:,}: show fewer")
    store = {
        **{name: base64_of(part.tobytes()) for name, part in packed.items()},
        "words": [[word, *sixteen_bits(place / unit).tolist()] for word, place in words],
        "wide": wide,
        "unit": unit / 32767,
        "focal": round(focal, 4),
        "view": [round(azimuth, 4), round(elevation, 4), DISTANCE],
        "radius": radius_px,
        "width": width,
        "height": height,
    }
    view = (azimuth, elevation, DISTANCE, focal)
    still = draw_still(places, colours, faces, ends, line_colours, words, view, radius_px, (height, width))
    page = _PAGE.format(
        width=width,
        height=height,
        still=base64_of(_avif(still, (height, width))),
        alt=html.escape(alt),
        store=json.dumps(store, ensure_ascii=False).replace("<", "\\u003c"),
        script=_script(),
    )
    return Orbit(page, palette_png(still, 64), alt, (height, width))


def _avif(picture: np.ndarray, size: tuple[int, int]) -> bytes:
    """A small file of the still picture, which the script replaces."""
    small = Image.fromarray(picture).resize(size[::-1], Image.Resampling.BOX)
    for quality in (40, 25, 12):
        buffer = io.BytesIO()
        small.save(buffer, format="AVIF", quality=quality, speed=8, max_threads=1)
        if buffer.tell() <= STILL_BYTES:
            break
    return buffer.getvalue()


@functools.cache
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8")
