"""Photographs that come inside the scikit-image and scikit-learn wheels: no download, no network.

The files are read straight from the installed packages' folders. Who made them and under which licence is
told in the packages' own data pages (scikit-image: `skimage.data`; scikit-learn: `sklearn.datasets`,
images/README.txt).
"""

import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

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
    name : one of `NAMES`.
    size : None for the file's own size; (height, width) to cut the largest middle part of that shape and
        shrink or stretch it to
        that many pixels (anti-aliased bilinear); an int for a square.

    Returns
    -------
    (3, H, W) float32 sRGB in [0, 1].

    Raises
    ------
    ValueError for an unknown name or a size below 1.
    """
    if name not in _FILES:
        raise ValueError(f"there is no photograph {name!r}; there are {', '.join(NAMES)}")
    picture = _read(*_FILES[name])
    if size is None:
        return picture
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ValueError(f"size is {size}, wanted at least 1 pixel a side")
    h, w = picture.shape[1:]
    scale = min(h / height, w / width)
    cut_h, cut_w = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (h - cut_h) // 2, (w - cut_w) // 2
    middle = picture[None, :, top : top + cut_h, left : left + cut_w]
    resized = F.interpolate(middle, (height, width), mode="bilinear", antialias=True, align_corners=False)
    return resized[0].clamp(0, 1)


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
