"""Photographs: those inside the scikit-image and scikit-learn wheels, and any file of your own.

`load` gives one of the wheels' pictures by its name, without a download; `open` reads a file of yours. The
wheels' files are read straight from the installed packages' folders. Who made them and under which licence is
told in the packages' own data pages (scikit-image: `skimage.data`; scikit-learn: `sklearn.datasets`,
images/README.txt).
"""

import difflib
import importlib.util
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.ops.checks import check_size, check_whole

# Name to (package, file inside it). Grey pictures are returned with three equal channels.
_FILES = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "hubble": ("skimage", "data/hubble_deep_field.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "tissue": ("skimage", "data/ihc.png"),
    "camera": ("skimage", "data/camera.png"),
    "coins": ("skimage", "data/coins.png"),
    "moon": ("skimage", "data/moon.png"),
    "page": ("skimage", "data/page.png"),
    "text": ("skimage", "data/text.png"),
    "clock": ("skimage", "data/clock_motion.png"),
    "cell": ("skimage", "data/cell.png"),
    "brick": ("skimage", "data/brick.png"),
    "grass": ("skimage", "data/grass.png"),
    "gravel": ("skimage", "data/gravel.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}
NAMES = tuple(_FILES)
MOST_PIXELS = 100_000_000  # of a file of one's own: as floats, 1.2 GB


class StereoPair(NamedTuple):
    """A rectified pair of photographs with the true disparity.

    left, right : (3, 500, 741) float32 in [0, 1].
    disparity : (500, 741) float32 pixels, by which a point of the left picture lies further left in the right
        one; nan where unknown.
    """

    left: Tensor
    right: Tensor
    disparity: Tensor


def _path(package: str, file: str) -> Path:
    """Find a data file of an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            f"{package} is not installed, and {file} comes inside it: run `make lab` once"
        )
    path = Path(spec.origin).parent / file
    if not path.exists():
        raise FileNotFoundError(
            f"this version of {package} has no {file}; the pinned version in constraints.txt has it"
        )
    return path


def _read(package: str, file: str) -> Tensor:
    with Image.open(_path(package, file)) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)  # (H, W, 3)
    return torch.from_numpy(pixels / 255).permute(2, 0, 1).contiguous()  # (3, H, W)


def load(name: str, size: int | tuple[int, int] | None = None) -> Tensor:
    """Load a photograph.

    Parameters
    ----------
    name : str
        One of `NAMES`. For a file of your own, see `open`.
    size : int or (int, int), optional
        (height, width): the largest middle part of that shape is cut, and shrunk or stretched to that many
        pixels (anti-aliased bilinear). An int means a square; None keeps the file's own size.

    Returns
    -------
    Tensor
        (3, H, W) float32 sRGB in [0, 1].

    Raises
    ------
    ValueError
        For an unknown name, or a size that is no whole number of 1 or more.
    """
    if not isinstance(name, str) or name not in _FILES:
        own = isinstance(name, os.PathLike) or (isinstance(name, str) and Path(name).suffix != "")
        hint = f"; for a file of your own: photographs.open({str(name)!r})" if own else ""
        raise ValueError(f"name: got {name!r}, want one of {', '.join(NAMES)}{hint}")
    if size is not None:
        size = check_size((size, size) if not isinstance(size, Sequence) else size)
    picture = _read(*_FILES[name])
    if size is None:
        return picture
    height, width = size
    h, w = picture.shape[1:]
    scale = min(h / height, w / width)
    cut_h, cut_w = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (h - cut_h) // 2, (w - cut_w) // 2
    middle = picture[None, :, top : top + cut_h, left : left + cut_w]
    resized = F.interpolate(middle, (height, width), mode="bilinear", antialias=True, align_corners=False)
    return resized[0].clamp(0, 1)


def open(path: str | os.PathLike[str], size: int | None = None) -> Tensor:
    """Read a picture of your own: a photograph, a screenshot, a drawing.

    Parameters
    ----------
    path : str or path
        A JPEG, PNG, GIF, WebP, TIFF or whatever else Pillow reads.
    size : int, optional
        Pixels of the shorter side: the picture is shrunk or stretched (anti-aliased bilinear) and keeps its
        shape; nothing is cut. None keeps the file's own size.

    Returns
    -------
    Tensor
        (3, H, W) float32 in [0, 1]. The picture stands upright as its EXIF note says; transparent parts are
        white; grey, palette, CMYK and 16-bit pictures become RGB; of an animation it is the first frame.

    Raises
    ------
    FileNotFoundError
        If there is no such file; names like it are told.
    ValueError
        For a file that is empty, cut off or no picture, one of more than 100 megapixels (refused before it is
        decoded), or a size that is no whole number of 1 or more.
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"path: got {type(path).__name__}, want the name of a picture file")
    if size is not None:
        check_whole(size, "size")
    file = Path(path).expanduser()
    _check_file(file)
    try:
        with _picture(file) as picture:
            image = _to_rgb(picture, file.name)
    except (_Refused, PermissionError, MemoryError):
        raise
    except Exception as problem:  # damaged files make decoders raise anything
        raise ValueError(
            f"{file.name}: got a cut off or damaged picture ({problem}), want a whole one"
        ) from None
    if size is None:
        return image
    scale = size / min(image.shape[1:])
    shape = [max(1, round(side * scale)) for side in image.shape[1:]]
    if math.prod(shape) > MOST_PIXELS:
        raise ValueError(f"size: got {size}, which makes {shape[0]} × {shape[1]} pixels, want a smaller one")
    resized = F.interpolate(image[None], shape, mode="bilinear", antialias=True, align_corners=False)
    return resized[0].clamp(0, 1)


class _Refused(ValueError):
    """A file that is told to be no good in its own words."""


def _check_file(file: Path) -> None:
    """Raise unless this is a file with something in it."""
    if file.is_dir():
        raise ValueError(f"{file}: got a folder, want a picture file")
    if not file.exists():
        there = sorted(p.name for p in file.parent.iterdir()) if file.parent.is_dir() else []
        near = difflib.get_close_matches(file.name, there, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"we looked in {file.parent.resolve()}"
        raise FileNotFoundError(f"there is no file {str(file)!r}; {hint}")
    if file.stat().st_size == 0:
        raise ValueError(f"{file.name}: got an empty file, want a picture")


def _picture(file: Path) -> Image.Image:
    """Open a file without decoding it; raise _Refused for what is no picture, or too large a one."""
    most = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # our own limit, and our own words
    try:
        picture = Image.open(file)
    except UnidentifiedImageError:
        with file.open("rb") as raw:
            start = raw.read(12)
        if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
            raise _Refused(
                f"{file.name}: got a HEIC picture, want JPEG or PNG: export it as one first"
            ) from None
        raise _Refused(f"{file.name}: got a file that is no picture, want JPEG, PNG or the like") from None
    finally:
        Image.MAX_IMAGE_PIXELS = most
    pixels = picture.width * picture.height
    if pixels > MOST_PIXELS:
        picture.close()
        got = f"{picture.width} × {picture.height} pixels"
        raise _Refused(f"{file.name}: got {got}, want at most {MOST_PIXELS:,}: shrink it first")
    return picture


def _to_rgb(picture: Image.Image, name: str) -> Tensor:
    """Turn the first frame of a picture of any mode upright, on white, into (3, H, W) float32 in [0, 1]."""
    picture.seek(0)
    upright = ImageOps.exif_transpose(picture)
    if upright.mode == "F" or upright.mode.startswith("I"):  # grey of 16 or 32 bits, or floating point
        grey = torch.from_numpy(np.array(upright, dtype=np.float32)) / (1 if upright.mode == "F" else 65535)
        low, high = grey.min().item(), grey.max().item()
        if not (low >= 0 and high <= 1):
            raise _Refused(f"{name}: got grey from {low:.4g} to {high:.4g}, want 0 to 1 (of 16 bits: 65535)")
        return grey.expand(3, -1, -1).contiguous()
    if upright.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in upright.info:
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright.convert("RGBA"))
    pixels = torch.from_numpy(np.array(upright.convert("RGB")))  # (H, W, 3) bytes
    return pixels.permute(2, 0, 1).contiguous().float().div_(255)


def stereo() -> StereoPair:
    """Load the motorcycle: a rectified stereo pair with true disparity.

    From Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground truth", GCPR 2014,
    at a quarter of its size.
    """
    with np.load(_path("skimage", "data/motorcycle_disp.npz")) as archive:
        disparity = archive[archive.files[0]].astype(np.float32)
    disparity[~np.isfinite(disparity)] = np.nan
    left, right = (_read("skimage", f"data/motorcycle_{side}.png") for side in ("left", "right"))
    return StereoPair(left, right, torch.from_numpy(disparity))


def faces() -> tuple[Tensor, Tensor]:
    """Load 100 faces and 100 pictures of no face, cut from the Labeled Faces in the Wild.

    From Huang et al., "Labeled Faces in the Wild", University of Massachusetts technical report 07-49, 2007,
    as selected by scikit-image.

    Returns
    -------
    images (200, 1, 25, 25) float32 in [0, 1]; labels (200,) int64, 1 for a face.
    """
    pixels = np.load(_path("skimage", "data/lfw_subset.npy"))  # (200, 25, 25) in [0, 1]
    labels = torch.zeros(len(pixels), dtype=torch.int64)
    labels[: len(pixels) // 2] = 1
    return torch.from_numpy(pixels.astype(np.float32))[:, None].contiguous(), labels
