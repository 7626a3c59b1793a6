"""Make saved pictures small, and the same bytes for the same pixels."""

import base64
import io

import numpy as np
from nbformat import NotebookNode
from PIL import Image

SMALL = 20_000  # bytes; below this a palette gains nothing that matters
HARMLESS_DB = 40.0  # peak signal-to-noise ratio of the palette version


def tidy(book: NotebookNode) -> None:
    """Re-encode each PNG output of a notebook in place."""
    for cell in book.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if isinstance(data.get("image/png"), str):
                data["image/png"] = base64.b64encode(smaller(base64.b64decode(data["image/png"]))).decode()


def smaller(png: bytes) -> bytes:
    """Return a PNG without text or time chunks: lossless, or with 256 colours where nobody sees it.

    Data that is no readable PNG comes back as it is.
    """
    try:
        image = Image.open(io.BytesIO(png))
        image.load()
    except (OSError, SyntaxError, ValueError):
        return png
    image.info = {}
    if image.mode == "RGBA" and image.getextrema()[3] == (255, 255):
        image = image.convert("RGB")
    best = _encoded(image)
    if image.mode == "RGB" and len(best) > SMALL:
        palette = _palette(image)
        if palette is not None:
            best = min(best, _encoded(palette), key=len)
    return best


def _palette(image: Image.Image) -> Image.Image | None:
    """Return the image with at most 256 colours, or None where that would show."""
    few = image.getcolors(256) is not None
    method = Image.Quantize.MEDIANCUT
    palette = image.quantize(
        256, method=method, dither=Image.Dither.NONE if few else Image.Dither.FLOYDSTEINBERG
    )
    a, b = (np.asarray(i.convert("RGB"), dtype=np.float32) for i in (image, palette))
    error = float(np.mean((a - b) ** 2))
    if error and 10 * np.log10(255**2 / error) < HARMLESS_DB:
        return None
    return palette


def _encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
