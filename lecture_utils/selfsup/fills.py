"""Two ways to fill hidden patches without learning: what a masked auto-encoder has to beat.

Shapes: B pictures, C channels, H and W height and width, P patch side, N = (H / P)·(W / P) patches.
"""

import numpy as np
import torch
from scipy.interpolate import griddata
from torch import Tensor

from lecture_utils.ops.checks import check_tensor, check_whole


def hidden_pixels(mask: Tensor, patch: int, height: int, width: int) -> Tensor:
    """Turn a bool mask over patches (B, N) into one over pixels, (B, 1, H, W) bool."""
    for number, name in ((patch, "patch"), (height, "height"), (width, "width")):
        check_whole(number, f"hidden_pixels, {name}")
    if height % patch or width % patch:
        raise ValueError(f"hidden_pixels: got {height} × {width} pixels, want multiples of {patch}")
    check_tensor(
        mask, "hidden_pixels, mask", "B", (height // patch) * (width // patch), kind="bool", some=True
    )
    grid = mask.reshape(-1, 1, height // patch, width // patch)
    return grid.repeat_interleave(patch, dim=2).repeat_interleave(patch, dim=3)


def mean_fill(images: Tensor, hidden: Tensor) -> Tensor:
    """Give every hidden pixel the mean colour of the picture's visible ones.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W), floating point and finite.
    hidden : Tensor
        (B, 1, H, W) bool.

    Returns
    -------
    Tensor
        (B, C, H, W); black where a picture has no visible pixel.

    Raises
    ------
    ValueError
        For other shapes, types or values.
    """
    check_fill(images, hidden)
    seen = (~hidden).to(images)
    mean = (images * seen).sum(dim=(2, 3), keepdim=True) / seen.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    return torch.where(hidden, mean, images)


def linear_fill(images: Tensor, hidden: Tensor) -> Tensor:
    """Interpolate between the visible pixels: linear on their Delaunay triangles, the nearest outside.

    Bilinear interpolation for points that form no grid. Parameters and errors are those of `mean_fill`; so is
    the result, but a picture without a visible pixel stays as it is.
    """
    check_fill(images, hidden)
    filled = images.clone()
    for i, hide in enumerate(hidden[:, 0].cpu().numpy()):
        if hide.all() or not hide.any():
            continue
        seen, wanted = np.argwhere(~hide), np.argwhere(hide)
        values = images[i].permute(1, 2, 0).double().cpu().numpy()[~hide]  # (visible, C)
        found = griddata(seen, values, wanted, method="nearest")
        if np.linalg.matrix_rank(seen - seen[0]) == 2:  # else they lie on one line: there is no triangle
            inside = griddata(seen, values, wanted, method="linear")
            found = np.where(np.isnan(inside), found, inside)
        filled[i][:, torch.from_numpy(hide)] = torch.from_numpy(found.T).to(images)
    return filled


def check_fill(images: Tensor, hidden: Tensor) -> None:
    """Raise ValueError unless images are finite (B, C, H, W) and hidden is bool (B, 1, H, W)."""
    check_tensor(images, "images", "B", "C", "H", "W", finite=True, some=True)
    check_tensor(hidden, "hidden", len(images), 1, *images.shape[2:], kind="bool")
