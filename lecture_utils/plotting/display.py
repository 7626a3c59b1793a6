"""How a figure reaches a notebook: one picture with alternative text, the same bytes for the same figure."""

import base64
import io
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

#: Dots drawn for every dot shown, so that a figure is sharp on today's screens.
SCALE = 2
#: Above this size a figure is reduced to a palette, so that notebooks stay small: the first of these that
#: changes it by no more than so much (root mean square, of 255); else one of 256 colours.
PALETTE_ABOVE_BYTES = 12_000
PALETTES = {64: 1.5, 128: 4.0}


def pixels(fig: Figure, dpi: float | None = None) -> np.ndarray:
    """Draw a figure into an array.

    Parameters
    ----------
    fig : Figure
    dpi : float, optional
        Dots per inch; the figure's own where not given.

    Returns
    -------
    ndarray (H, W, 3), uint8
    """
    if dpi is not None:
        fig.set_dpi(dpi)
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def png_bytes(image: np.ndarray, *, limit: int | None = PALETTE_ABOVE_BYTES, level: int = 9) -> bytes:
    """Encode an array as PNG without date or software fields.

    Parameters
    ----------
    image : ndarray (H, W, 3), uint8
    limit : int, optional
        A larger file is encoded again with few colours chosen for this picture; None keeps all colours.
    level : int
        zlib effort, 0 (none) to 9 (smallest).

    Returns
    -------
    bytes
    """
    data = _encode(Image.fromarray(image), level)
    if limit is not None and len(data) > limit:
        for colours, tolerated in (*PALETTES.items(), (256, np.inf)):
            few = _quantized(image, colours)
            error = np.asarray(few.convert("RGB"), dtype=np.float32) - image
            if np.sqrt(np.square(error).mean()) <= tolerated:
                break
        data = min(data, _encode(few, level), key=len)
    return data


def palette_png(image: np.ndarray, colours: int = 256, *, level: int = 9) -> bytes:
    """Encode an array (H, W, 3) uint8 as PNG in so many colours, chosen for this picture."""
    return _encode(_quantized(image, colours), level)


def _quantized(image: np.ndarray, colours: int) -> Image.Image:
    """Reduce an array (H, W, 3) uint8 to so many colours, chosen by every third pixel down and across.

    The commonest of these, the page mostly, is kept as it is.
    """
    some = np.ascontiguousarray(image[::3, ::3])
    few = Image.fromarray(some).quantize(
        colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE, kmeans=1
    )
    palette = np.array(few.getpalette(), dtype=np.int64).reshape(-1, 3)
    known, counts = np.unique(some.astype(np.int64) @ (65536, 256, 1), return_counts=True)
    commonest = known[counts.argmax()] // (65536, 256, 1) % 256
    nearest = int(np.square(palette - commonest).sum(1).argmin())
    palette[nearest] = commonest
    few.putpalette(palette.ravel().tolist())
    reduced = Image.fromarray(image).quantize(palette=few, dither=Image.Dither.NONE)
    places = np.asarray(reduced).copy()
    places[(image == commonest).all(2)] = nearest  # Pillow looks up six bits a channel, so close ones mix
    exact = Image.fromarray(places)
    exact.putpalette(palette.ravel().tolist())
    return exact


def _encode(picture: Image.Image, level: int) -> bytes:
    """Encode a Pillow image as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=level)
    return buffer.getvalue()


def checked_alt(alt: str) -> str:
    """Return the alternative text stripped, or raise ValueError where it says nothing."""
    if not isinstance(alt, str) or len(alt.split()) < 2:
        raise ValueError(f"alt: got {alt!r}, want a sentence that says what the figure shows")
    return " ".join(alt.split())


def show(fig: Figure, alt: str) -> None:
    """Display a figure as a PNG with alternative text, and close it.

    Parameters
    ----------
    fig : Figure
        From `matplotlib.figure.Figure` or `plt.subplots`.
    alt : str
        A sentence for a reader who cannot see the figure: what it shows, not that it is a figure.

    Raises
    ------
    ValueError
        If `fig` is not a figure, or `alt` is empty or a single word.
    """
    if not isinstance(fig, Figure):
        raise ValueError(f"figure: got {type(fig).__name__}, want a matplotlib Figure")
    alt = checked_alt(alt)
    image = pixels(fig, SCALE * fig.dpi)
    close(fig)
    publish("png", png_bytes(image), alt, width=image.shape[1] // SCALE, height=image.shape[0] // SCALE)


def show_photographs(fig: Figure, alt: str, *, quality: int, scale: float) -> None:
    """Display a figure of photographs as a JPEG with alternative text: a fraction of a PNG's bytes.

    Parameters
    ----------
    fig, alt
        As for `show`, which raises ValueError for the same reasons.
    quality : int
        Of the JPEG, 1 to 95.
    scale : float
        Dots drawn for every dot shown.
    """
    if not isinstance(fig, Figure):
        raise ValueError(f"figure: got {type(fig).__name__}, want a matplotlib Figure")
    alt = checked_alt(alt)
    image = pixels(fig, scale * fig.dpi)
    close(fig)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    height, width = (round(side / scale) for side in image.shape[:2])
    publish("jpeg", buffer.getvalue(), alt, width=width, height=height)


def publish(kind: str, data: bytes, alt: str, *, width: int, height: int) -> None:
    """Send a "png" or "jpeg" to the notebook with its alternative text and the size at which it is shown."""
    from IPython.display import display

    bundle: dict[str, Any] = {
        f"image/{kind}": base64.b64encode(data).decode("ascii"),
        "text/plain": f"[figure] {alt}",
    }
    display(bundle, raw=True, metadata={f"image/{kind}": {"alt": alt, "width": width, "height": height}})


@dataclass(frozen=True)
class LivePage:
    """What moves on a page without a kernel; as the last value of a cell it shows itself.

    Attributes
    ----------
    page : str
        HTML with everything in it.
    png : bytes
        The first view, for viewers without HTML.
    alt : str
        What it shows, for a reader who cannot see it.
    size : (int, int)
        Height and width in pixels, as a reader sees it.
    """

    page: str
    png: bytes
    alt: str
    size: tuple[int, int]

    def _repr_html_(self) -> str:
        return self.page

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, str], dict[str, Any]]:
        height, width = self.size
        data = {
            "text/html": self.page,
            "image/png": base64_of(self.png),
            "text/plain": f"[{type(self).__name__.lower()}] {self.alt}",
        }
        return data, {"image/png": {"alt": self.alt, "width": width, "height": height}}


def base64_of(data: bytes) -> str:
    """Return bytes as text, as a page or a notebook holds them."""
    return base64.b64encode(data).decode("ascii")


def close(fig: Figure) -> None:
    """Forget a figure that pyplot may hold, so that nothing draws it a second time."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(fig)
