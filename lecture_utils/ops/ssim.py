"""SSIM: how alike two pictures are in brightness, contrast and structure, window by window.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image Quality Assessment: From Error Visibility to
Structural Similarity", IEEE TIP 2004, equation 13, with its Gaussian window of 11 × 11 pixels, σ = 1.5, and
K1 = 0.01, K2 = 0.03. Each channel is compared by itself. Windows that reach over the edge are left out, as
in the paper's program; the authors of 3D Gaussian splatting, whose loss it is part of, pad with zeros.

Shapes: B pictures, C channels, H and W height and width.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_finite, check_images, check_type, check_whole

WINDOW, SIGMA = 11, 1.5  # pixels
C1, C2 = 0.01**2, 0.03**2  # for values from 0 to 1


def local_means(images: Tensor) -> Tensor:
    """Return the Gaussian-weighted mean of each whole window, (B, C, H - 10, W - 10)."""
    check_images(images, maps=True)
    if min(images.shape[2:]) < WINDOW:
        raise ValueError(
            f"images: got {images.shape[2]} × {images.shape[3]} pixels, want {WINDOW} or more a side"
        )
    down, across = (window_rows(side).to(images) for side in images.shape[2:])
    return down @ images @ across.mT


def window_rows(side: int) -> Tensor:
    """Return a matrix (side - 10, side) whose row i holds the weights of the window that begins at i."""
    place = torch.arange(check_whole(side, "side", WINDOW), dtype=torch.float64)
    offset = place - place[: side - WINDOW + 1, None] - WINDOW // 2  # (side - 10, side), from the middle
    weights = torch.exp(-(offset**2) / (2 * SIGMA**2)).where(offset.abs() <= WINDOW // 2, 0.0)
    return weights / weights.sum(dim=1, keepdim=True)


def ssim_map(a: Tensor, b: Tensor) -> Tensor:
    """Return the SSIM of each window.

    Parameters
    ----------
    a, b : Tensor
        (B, C, H, W), 11 pixels or more a side, values from 0 to 1 (a little outside does no harm).

    Returns
    -------
    Tensor
        (B, C, H - 10, W - 10), at most 1, which only equal windows reach.

    Raises
    ------
    ValueError
        For other shapes or types, or values that are not finite.
    """
    check_images(a, maps=True)
    check_images(b, maps=True)
    check_type(b, a, name="images")
    if a.shape != b.shape:
        raise ValueError(f"images: got {tuple(a.shape)} and {tuple(b.shape)}, want the same shape")
    check_finite(a, "images")
    check_finite(b, "images")
    stacked = torch.cat([a, b, a * a, b * b, a * b])
    mean_a, mean_b, aa, bb, ab = local_means(stacked).chunk(5)  # (B, C, H - 10, W - 10) each
    var_a, var_b, covariance = aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return brightness * (2 * covariance + C2) / (var_a + var_b + C2)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean SSIM of each pair of pictures, (B,); arguments and errors as of `ssim_map`."""
    return ssim_map(a, b).flatten(1).mean(dim=1)
