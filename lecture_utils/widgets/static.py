"""A widget without a kernel: frames drawn beforehand under a plain HTML slider, all in one string.

Nothing is shared between widgets: each figure holds its own frames. Where scripts are off the slider stays
hidden and the first frame stands as an ordinary picture with its caption.
"""

import base64
import html
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lecture_utils.plotting.display import palette_png

if TYPE_CHECKING:
    from .widget import Widget

BUNDLE_BYTES = 160_000
FALLBACK_BYTES = 45_000  # the PNG twin has twice the pixels of what a reader sees
FRAME_WIDTH = 840
# (quality, share of the room that it may take), tried in turn: beyond 40 nobody sees a difference in lines
# and letters, so a better one must not fill the notebook; below 25 texture goes.
SETTINGS = ((65, 0.6), (50, 0.6), (40, 0.6), (32, 1.0), (25, 1.0), (18, 1.0))

_TEMPLATE = """<figure id="{slug}" data-course-widget role="group" aria-label="{title}"
 style="margin:0.5em 0;max-width:{width}px;font-family:inherit;color:inherit">
<div style="font-weight:600;margin-bottom:0.3em">{title}</div>
<img src="{first}" alt="{alt}" width="{width}" height="{height}"
 style="display:block;width:100%;height:auto;margin:0;background:#fff;border-radius:4px">
<label data-controls hidden style="display:none;gap:0.8em;align-items:center;margin:0.5em 0 0.2em">
<input type="range" min="0" max="{last}" step="1" value="0" aria-label="Setting, 1 to {count}, of: {title}"
 style="flex:1;min-width:8em;height:1.6em;accent-color:#0072B2">
<output style="font-variant-numeric:tabular-nums;opacity:0.8">1 / {count}</output></label>
<figcaption aria-live="polite" style="min-height:2.6em;line-height:1.3;margin:0.2em 0">{caption}</figcaption>
<script type="application/json">{frames}</script>
<script>{script}</script>
</figure>"""

# Runs once per figure that is not yet alive.
_SCRIPT = """(function () {
  document.querySelectorAll("figure[data-course-widget]:not([data-alive])").forEach(function (figure) {
    var store = figure.querySelector('script[type="application/json"]');
    if (!store) { return; }
    var frames = JSON.parse(store.textContent);
    var picture = figure.querySelector("img"), slider = figure.querySelector("input");
    frames[0].src = picture.src;
    var output = figure.querySelector("output"), caption = figure.querySelector("figcaption");
    figure.setAttribute("data-alive", "");
    var label = figure.querySelector("[data-controls]");
    label.hidden = false;
    label.style.display = "flex";
    function show() {
      var k = Number(slider.value), frame = frames[k];
      picture.src = frame.src;
      picture.alt = frame.alt;
      caption.textContent = frame.caption;
      output.textContent = (k + 1) + " / " + frames.length;
      slider.setAttribute("aria-valuetext", (k + 1) + " of " + frames.length + ": " + frame.caption);
    }
    slider.addEventListener("input", show);
    ["keydown", "keyup", "keypress"].forEach(function (kind) {
      slider.addEventListener(kind, function (event) { event.stopPropagation(); });
    });
    show();
  });
})();"""


def frame_bytes(picture: np.ndarray, quality: int) -> bytes:
    """Encode one frame as AVIF: half of WebP's size for text beside a picture, and every browser shows it.

    Parameters
    ----------
    picture : ndarray (H, W, 3), uint8
    quality : int
        0 to 100.

    Returns
    -------
    bytes
        The same on each run: one thread, since more cut the picture into tiles.
    """
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="AVIF", quality=quality, speed=8, max_threads=1)
    return buffer.getvalue()


def encode_frames(pictures: Sequence[np.ndarray], room: int) -> list[bytes]:
    """Encode all frames in the best quality, one for all, in which they fit.

    Parameters
    ----------
    pictures : sequence of ndarray (H, W, 3), uint8
    room : int
        Bytes for all of them.

    Returns
    -------
    list of bytes
        AVIF.

    Raises
    ------
    ValueError
        If they fit in no quality.
    """
    for quality, share in SETTINGS:
        frames = [frame_bytes(picture, quality) for picture in pictures]
        sizes = [len(data) for data in frames]
        if sum(sizes) <= share * room:
            return frames
    raise ValueError(f"frames: got {sizes} bytes, want at most {room} in all: draw less, or fewer")


def fallback_png(picture: np.ndarray, limit: int = FALLBACK_BYTES) -> tuple[bytes, int, int]:
    """Encode the first frame as a small PNG for viewers without HTML: fewer colours, then fewer pixels."""
    image = Image.fromarray(picture)
    width, height = image.size
    for scale in (1.0, 0.75, 0.5):
        size = (max(int(width * scale), 1), max(int(height * scale), 1))
        small = image if scale == 1.0 else image.resize(size, Image.Resampling.LANCZOS)
        for colours in (128, 48, 20):
            data = palette_png(np.asarray(small), colours)
            if len(data) <= limit:
                return data, *size
    return data, *size


def _uri(mime: str, data: bytes) -> str:
    """Write bytes as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def bundle(widget: "Widget") -> tuple[dict[str, str], dict[str, Any]]:
    """Draw a widget's tour and put it into one display bundle.

    Parameters
    ----------
    widget : Widget

    Returns
    -------
    (data, metadata)
        data: text/html (frames, slider, captions), image/png (first frame, base64), text/plain; metadata: alt
        text and size.
    """
    pictures = [widget.picture(**values) for _, values in widget.tour]
    words = sum(len(caption.encode()) for caption, _ in widget.tour)
    rest = BUNDLE_BYTES - 6_000 - 4 * words
    room = rest * 3 // 4 - FALLBACK_BYTES  # base64 makes 4 characters of 3 bytes
    encoded = encode_frames(pictures, room)
    frames, alt = [], " ".join(widget.alt.split())
    for frame, (caption, _) in zip(encoded, widget.tour, strict=True):
        text = " ".join(caption.split())
        frames.append({"src": _uri("image/avif", frame), "caption": text, "alt": f"{alt} {text}"})
    height, width = pictures[0].shape[:2]
    shown = min(width, FRAME_WIDTH)
    page = _TEMPLATE.format(
        slug=widget.slug,
        title=html.escape(widget.title),
        width=shown,
        height=round(height * shown / width),
        first=frames[0]["src"],
        alt=html.escape(frames[0]["alt"]),
        last=len(frames) - 1,
        count=len(frames),
        caption=html.escape(frames[0]["caption"]),
        script=_SCRIPT,
        frames=json.dumps([{**frames[0], "src": ""}, *frames[1:]], ensure_ascii=False).replace(
            "<", "\\u003c"
        ),
    )
    png, _, _ = fallback_png(widget.draw(widget.tour[0][1], scale=2))
    data = {
        "text/html": page,
        "image/png": base64.b64encode(png).decode("ascii"),
        "text/plain": f"[widget] {widget.title}: {len(frames)} settings. {frames[0]['alt']}",
    }
    return data, {"image/png": {"alt": frames[0]["alt"], "width": width, "height": height}}
