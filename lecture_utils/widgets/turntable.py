"""A turntable: frames that play on a page without a kernel, such as an object seen from all sides.

As with a static widget, one string holds everything; where scripts are off the first frame stands as an
ordinary picture. Frames are AVIF, all in the best quality in which they fit.
"""

import functools
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lecture_utils.ops.checks import check_number, check_whole
from lecture_utils.plotting.display import LivePage, base64_of, checked_alt
from lecture_utils.plotting.images import to_image

from .static import encode_frames, fallback_png

SCRIPT = Path(__file__).with_name("turntable.js")
FRAMES = (2, 120)
ROOM = 120_000  # bytes of all frames

_PAGE = """<figure data-course-turntable role="group" aria-label="{alt}"
 style="margin:0.5em 0;max-width:{width}px;font-family:inherit;color:inherit">
<img src="data:image/avif;base64,{first}" alt="{alt}" width="{width}" height="{height}"
 style="display:block;width:100%;height:auto;margin:0;background:#fff;border-radius:4px">
<div data-controls hidden style="display:none;gap:0.8em;align-items:center;margin:0.4em 0">
<button type="button" style="width:4.5em;cursor:pointer">Pause</button>
<input type="range" min="0" max="{last}" step="1" value="0" aria-label="Frame, 1 to {count}"
 style="flex:1;min-width:8em;height:1.6em;accent-color:#0072B2"></div>
<script type="application/json">{store}</script>
<script>{script}</script>
</figure>"""


class Turntable(LivePage):
    """Frames that play."""


def turntable(
    frames: Sequence[Any],
    *,
    alt: str,
    fps: float = 12.0,
    width: int | None = None,
    back_and_forth: bool = False,
    room: int = ROOM,
) -> Turntable:
    """Play frames one after the other, over and over; a reader can halt them and go to any.

    Parameters
    ----------
    frames : sequence of pictures, or one Tensor (N, 3, H, W)
        2 to 120, of one size, as `plotting.to_image` takes them.
    alt : str
        A sentence on what they show.
    fps : float
        Frames a second, up to 30.
    width : int, optional
        Pixels, as a reader sees it; the frames' own, if that is 240 or more, else as often that as it takes.
    back_and_forth : bool
        Play back at the end, instead of beginning anew: for a turn that is not a whole one.
    room : int
        Bytes for all frames.

    Returns
    -------
    Turntable

    Raises
    ------
    ValueError
        For another number of frames, frames of several sizes, other rates, or frames that fit in no quality.
    """
    alt = checked_alt(alt)
    check_number(fps, "fps", 0, 30, above=True)
    pictures = [np.rint(to_image(frame) * 255).astype(np.uint8) for frame in frames]
    if not FRAMES[0] <= len(pictures) <= FRAMES[1]:
        raise ValueError(f"frames: got {len(pictures)}, want {FRAMES[0]} to {FRAMES[1]}")
    if len(sizes := {picture.shape for picture in pictures}) > 1:
        raise ValueError(f"frames: got the shapes {sorted(sizes)}, want one for all")
    h, w = pictures[0].shape[:2]
    shown = check_whole(width, "width") if width is not None else w * -(-240 // w)
    encoded = [base64_of(data) for data in encode_frames(pictures, check_whole(room, "room"))]
    store = {"frames": encoded[1:], "fps": fps, "back": back_and_forth}
    size = (round(h * shown / w), shown)
    page = _PAGE.format(
        alt=html.escape(alt),
        width=size[1],
        height=size[0],
        first=encoded[0],
        last=len(pictures) - 1,
        count=len(pictures),
        store=json.dumps(store),
        script=_script(),
    )
    return Turntable(page, fallback_png(pictures[0])[0], alt, size)


@functools.cache
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8")
