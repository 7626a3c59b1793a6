"""How a camera makes an image: project, sample, quantise, see each pixel in one colour only.

Projection: R. Hartley, A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition 2004, section
6.1. Sampling: C. Shannon, "Communication in the Presence of Noise", Proceedings of the IRE, 1949.
Quantisation noise: B. Widrow, I. Kollár, "Quantization Noise", 2008. Colour filter array: B. Bayer, US patent
3,971,065, 1976.

Simplified: no lens (distortion, blur, vignetting), no photon or read noise, no response curve, square pixels.

Shapes: … any leading axes, H height, W width. Pixel i covers [i, i + 1), so its centre is at i + ½.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import (
    check_finite,
    check_float,
    check_number,
    check_numbers,
    check_rgb,
    check_sizes,
)

Scene = Callable[[Tensor, Tensor], Tensor]  # brightness at x (right) and y (down) in the unit square


def project_pinhole(points: Tensor, focal: float, centre: tuple[float, float]) -> Tensor:
    """Where points in front of a pinhole camera appear in its image.

    Parameters
    ----------
    points : Tensor
        (…, 3), metres, in the camera's frame: X to the right, Y down, Z forward.
    focal : float
        Distance from pinhole to image plane, in pixels.
    centre : tuple of float
        Principal point (c_x, c_y) in pixels: where the axis Z meets the image.

    Returns
    -------
    Tensor
        (…, 2), pixels: x = f·X/Z + c_x to the right and y = f·Y/Z + c_y down.

    Raises
    ------
    ValueError
        For another last axis, integers, NaN or infinite numbers, a focal length that is not positive, or
        points with Z ≤ 0 (behind the pinhole).
    """
    check_float(points, name="points")
    if points.ndim < 1 or points.shape[-1] != 3:
        raise ValueError(f"points: got shape {tuple(points.shape)}, want (…, 3)")
    check_number(focal, "focal", 0, above=True)
    check_numbers(centre, "centre", 2)
    depth_m = points[..., 2:]  # (…, 1)
    if not bool((depth_m > 0).all()):  # NaN is not > 0 either
        bad = int((~(depth_m > 0)).sum())
        raise ValueError(f"points: got {bad} with Z ≤ 0 or NaN, want all in front of the camera (Z > 0)")
    if not bool(points.isfinite().all()):
        bad = int((~points.isfinite()).sum())
        raise ValueError(f"points: got {bad} numbers that are NaN or infinite, want finite ones")
    return focal * points[..., :2] / depth_m + points.new_tensor(centre)  # (…, 2)


def grating(frequency: float, angle: float = 0.0) -> Scene:
    """A scene of `frequency` waves a side, running along `angle` (radians, from x towards y), in [0, 1]."""
    check_number(frequency, "frequency")
    check_number(angle, "angle")
    return lambda x, y: (
        0.5 + 0.5 * torch.cos(2 * math.pi * frequency * (x * math.cos(angle) + y * math.sin(angle)))
    )


def zone_plate(peak: float) -> Scene:
    """Rings in [0, 1], finer outwards: `peak`·|2x − 1| waves a side along x, `peak`·|2y − 1| along y."""
    check_number(peak, "peak")
    return lambda x, y: 0.5 + 0.5 * torch.cos(2 * math.pi * peak * ((x - 0.5) ** 2 + (y - 0.5) ** 2))


def sample(scene: Scene, size: int, *, low_pass: bool = False, subsamples: int = 8) -> Tensor:
    """A square image of a continuous scene.

    Parameters
    ----------
    scene : callable
        `scene(x, y)` is the brightness at coordinates in [0, 1]; vectorised.
    size : int
        Pixels a side: the sampling rate, in samples a side.
    low_pass : bool
        False takes the brightness at each pixel's centre. True takes the mean over each pixel's square, as a
        sensor does: a low-pass filter before the sampling.
    subsamples : int
        Points a side that approximate a pixel's mean.

    Returns
    -------
    Tensor
        (size, size).

    Raises
    ------
    ValueError
        For `size` or `subsamples` that are no whole numbers or below 1, or a scene that is not vectorised.
    """
    if not (isinstance(size, int) and isinstance(subsamples, int) and size > 0 and subsamples > 0):
        raise ValueError(f"sample: got size {size} and subsamples {subsamples}, want whole numbers ≥ 1")
    fine = size * subsamples if low_pass else size
    places = (torch.arange(fine) + 0.5) / fine  # (fine,): the centres
    image = scene(places[None, :], places[:, None])  # (fine, fine)
    if tuple(image.shape) != (fine, fine):
        raise ValueError(f"scene: got shape {tuple(image.shape)}, want ({fine}, {fine}), one value a place")
    return F.avg_pool2d(image[None], subsamples)[0] if low_pass else image  # (size, size)


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Low-pass filter: average with Gaussian weights, first along x, then along y.

    Parameters
    ----------
    image : Tensor
        (…, H, W), floating point. Beyond the border the border's pixels repeat.
    sigma : float
        Standard deviation in pixels, ≥ 0; the weights end at four of them.

    Returns
    -------
    Tensor
        As `image`. A wave of f cycles a pixel keeps the share exp(−2π²σ²f²) of its contrast.

    Raises
    ------
    ValueError
        For an image of another rank or type or without pixels, or a sigma that is negative or not finite.
    """
    check_finite(image, "image")
    check_number(sigma, "sigma", 0)
    if image.ndim < 2 or image.numel() == 0:
        raise ValueError(f"blur: got shape {tuple(image.shape)}, want (…, H, W) with pixels")
    radius = int(4 * sigma + 0.5)
    taps = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    weights = torch.softmax(-((taps / max(sigma, 1e-6)) ** 2) / 2, dim=0)  # (2r + 1,), sums to 1
    x = image.reshape(-1, 1, *image.shape[-2:])  # (N, 1, H, W)
    x = F.pad(x, (radius, radius, radius, radius), mode="replicate")
    x = F.conv2d(x, weights[None, None, None, :])  # along x
    x = F.conv2d(x, weights[None, None, :, None])  # along y
    return x.reshape(image.shape)


def downsample(image: Tensor, factor: int, *, low_pass: bool = True) -> Tensor:
    """Keep every `factor`-th pixel of every `factor`-th row.

    Parameters
    ----------
    image : Tensor
        (…, H, W), floating point.
    factor : int
        At least 1, at most the shorter side.
    low_pass : bool
        First blur with σ = factor / 2, which leaves a wave at the new limit of half a cycle a sample 29 % of
        its contrast. Without, every finer wave comes back as a coarser one that is not in the scene.

    Returns
    -------
    Tensor
        (…, about H / factor, about W / factor).

    Raises
    ------
    ValueError
        For an image of another rank or type, or a factor out of range.
    """
    check_finite(image, "image")
    if image.ndim < 2 or not isinstance(factor, int) or not 1 <= factor <= min(image.shape[-2:]):
        raise ValueError(
            f"downsample: got shape {tuple(image.shape)} and factor {factor}, want 1 ≤ factor ≤ H, W"
        )
    if low_pass and factor > 1:
        image = gaussian_blur(image, sigma=factor / 2)
    return image[..., factor // 2 :: factor, factor // 2 :: factor]


def alias_frequency(frequency: float, rate: float) -> float:
    """The frequency that a wave seems to have after sampling.

    Samples cannot tell f from f − n·rate for any whole n, and a wave from its mirror image; the eye takes the
    lowest: |f − rate·round(f / rate)|, which is f itself up to half the rate.

    Parameters
    ----------
    frequency, rate : float
        In the same unit, such as waves and samples a side; `rate` positive.
    """
    check_number(frequency, "frequency")
    check_number(rate, "rate", 0, above=True)
    return abs(frequency - rate * round(frequency / rate))


def quantise(x: Tensor, bits: int) -> Tensor:
    """Round to the nearest of 2^bits levels, evenly spread from 0 to 1.

    Parameters
    ----------
    x : Tensor
        Any shape, floating point, in [0, 1].
    bits : int
        1 to 16.

    Returns
    -------
    Tensor
        As `x`. The step is Δ = 1 / (2^bits − 1); a uniform signal's mean square error is Δ²/12.

    Raises
    ------
    ValueError
        For values outside [0, 1] or NaN, integers, or bits out of range.
    """
    check_float(x, unit_range=True, name="quantise")
    if bits not in range(1, 17):
        raise ValueError(f"bits: got {bits}, want 1 to 16")
    steps = 2**bits - 1
    return torch.round(x * steps) / steps


def bayer_mask(height: int, width: int) -> Tensor:
    """Which colour each photosite sees, (3, H, W) of 0 and 1: rows of R G R G … and G B G B … in turn."""
    check_sizes("Bayer mask", height=height, width=width)
    mask = torch.zeros(3, height, width)
    mask[0, ::2, ::2] = 1  # red
    mask[1, ::2, 1::2] = mask[1, 1::2, ::2] = 1  # green: every second photosite
    mask[2, 1::2, 1::2] = 1  # blue
    return mask


def bayer_mosaic(image: Tensor) -> Tensor:
    """What a sensor under a Bayer filter records of a colour image: one number a pixel.

    Parameters
    ----------
    image : Tensor
        (…, 3, H, W), floating point.

    Returns
    -------
    Tensor
        (…, 1, H, W).

    Raises
    ------
    ValueError
        For another shape or type.
    """
    check_rgb(image)
    check_finite(image, "image")
    mask = bayer_mask(*image.shape[-2:]).to(image)
    return (image * mask).sum(dim=-3, keepdim=True)


def demosaic_bilinear(raw: Tensor) -> Tensor:
    """Fill in the two colours that each photosite missed with the mean of the nearest ones that saw them.

    Parameters
    ----------
    raw : Tensor
        (…, 1, H, W), floating point, from `bayer_mosaic`; two pixels a side or more.

    Returns
    -------
    Tensor
        (…, 3, H, W). Recorded values stay as they are. At the border the mean is over the neighbours that
        exist.

    Raises
    ------
    ValueError
        For another shape or type.
    """
    check_finite(raw, "raw")
    if raw.ndim < 3 or raw.shape[-3] != 1 or min(raw.shape[-2:]) < 2 or raw.numel() == 0:
        raise ValueError(f"raw: got shape {tuple(raw.shape)}, want (…, 1, H, W) with H, W ≥ 2")
    mask = bayer_mask(*raw.shape[-2:]).to(raw)
    cross = raw.new_tensor([[0, 1, 0], [1, 4, 1], [0, 1, 0]])  # green has its neighbours beside it
    square = raw.new_tensor([[1, 2, 1], [2, 4, 2], [1, 2, 1]])  # red and blue also across the corner
    kernels = torch.stack([square, cross, square])[:, None]  # (3, 1, 3, 3)
    planes = (raw * mask).reshape(-1, *mask.shape)  # (N, 3, H, W): zeros where a colour was not seen
    total = F.conv2d(planes, kernels, padding=1, groups=3)
    weight = F.conv2d(mask[None], kernels, padding=1, groups=3)  # of the photosites that did see it
    return (total / weight).reshape(*raw.shape[:-3], *mask.shape)
