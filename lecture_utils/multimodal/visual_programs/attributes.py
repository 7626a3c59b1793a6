"""What a detector does not say of a thing (S14.7): its colour from its pixels, its depth from its foot.

Modules of visual programs ask for both. D. Hoiem, A. Efros and M. Hebert, "Putting Objects in Perspective",
CVPR 2006, section 2: on flat ground, the foot of an object and the horizon tell how far away it stands.

Shapes: H × W pixels.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from lecture_utils.ops.checks import check_number, check_rgb, check_tensor


def check_picture(pixels: Tensor, mask: Tensor, name: str) -> None:
    """Raise ValueError unless these are pixels (3, H, W) in [0, 1] and a mask (H, W)."""
    check_rgb(pixels, unit_range=True)
    check_tensor(pixels, "pixels", 3, "H", "W")
    check_tensor(mask, name, *pixels.shape[1:], kind="bool")


def name_colour(pixels: Tensor, mask: Tensor, palette: Mapping[str, Sequence[float]]) -> str:
    """Name the colour of a thing: that of the palette nearest to the median of its pixels, in sRGB.

    Parameters
    ----------
    pixels : Tensor
        (3, H, W) in [0, 1].
    mask : Tensor
        (H, W) bool, one pixel at least.
    palette : mapping of str to (float, float, float)
        sRGB in [0, 1].
    """
    check_picture(pixels, mask, "mask")
    if not bool(mask.any()):
        raise ValueError("mask: got no pixel, want one at least")
    median = pixels[:, mask].median(dim=1).values  # (3,): what shades and shines does not move it
    away = [float((median - median.new_tensor(colour)).square().sum()) for colour in palette.values()]
    return list(palette)[away.index(min(away))]


def find_horizon(pixels: Tensor, free: Tensor, *, low: float = 0.24, high: float = 0.48) -> float:
    """Find the horizon: the highest of the rows across which nearly the greatest change lies.

    Parameters
    ----------
    pixels : Tensor
        (3, H, W) in [0, 1].
    free : Tensor
        (H, W) bool: where no thing stands.
    low, high : float
        Between which shares of the height it is looked for.

    Returns
    -------
    float
        Its y as a share of the height.
    """
    check_picture(pixels, free, "free")
    check_number(low, "low", 0, 1)
    check_number(high, "high", low, 1, above=True)
    height = pixels.shape[1]
    both = free[1:] & free[:-1]  # (H - 1, W)
    change = (pixels[:, 1:] - pixels[:, :-1]).abs().sum(0) * both  # (H - 1, W)
    row = change.sum(1) / both.sum(1).clamp(min=1)  # (H - 1,)
    first, last = int(low * height), int(high * height)
    part = row[first:last]
    return (first + int((part >= 0.7 * part.max()).int().argmax()) + 1) / height


def foot_depth(foot: float, horizon: float, camera_m: float) -> float:
    """Metres to what stands on flat ground: the camera's height over how far its foot is below the horizon.

    A level pinhole camera whose focal length is one picture's height; `foot` and `horizon` are y as shares.
    """
    check_number(foot, "foot")
    check_number(horizon, "horizon")
    check_number(camera_m, "camera_m", 0, above=True)
    return camera_m / max(foot - horizon, 0.02)
