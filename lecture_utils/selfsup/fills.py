"""Two ways to fill hidden patches without learning: what a masked auto-encoder has to beat.

Shapes: B pictures, C channels, H and W height and width, P patch side, N = (H / P)·(W / P) patches.
"""

import numpy as np
import torch
from scipy.interpolate import griddata
from torch import Tensor


def hidden_pixels(mask: Tensor, patch: int, height: int, width: int) -> Tensor:
    """Turn a mask over patches (B, N) into one over pixels, (B, 1, H, W) bool."""
    if mask.ndim != 2 or mask.shape[1] != (height // patch) * (width // patch):
        wanted = f"(B, {(height // patch) * (width // patch)})"
        raise ValueError(f"hidden_pixels: got a mask of {tuple(mask.shape)}, want {wanted}")
    grid = mask.reshape(-1, 1, height // patch, width // patch)
    return grid.repeat_interleave(patch, dim=2).repeat_interleave(patch, dim=3)


def mean_fill(images: Tensor, hidden: Tensor) -> Tensor:
    """Give every hidden pixel the mean colour of the picture's visible ones.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W).
    hidden : Tensor
        (B, 1, H, W) bool.

    Returns
    -------
    Tensor
        (B, C, H, W).
    """
    seen = (~hidden).to(images)
    mean = (images * seen).sum(dim=(2, 3), keepdim=True) / seen.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    return torch.where(hidden, mean, images)


def linear_fill(images: Tensor, hidden: Tensor) -> Tensor:
    """Interpolate between the visible pixels: linear on their Delaunay triangles, the nearest outside.

    Bilinear interpolation for points that form no grid. Parameters and result are those of `mean_fill`.
    """
    filled = images.clone()
    for i, hide in enumerate(hidden[:, 0].cpu().numpy()):
        if hide.all() or not hide.any():
            continue
        seen, wanted = np.argwhere(~hide), np.argwhere(hide)
        values = images[i].permute(1, 2, 0).cpu().numpy()[~hide]  # (visible, C)
        inside = griddata(seen, values, wanted, method="linear")
        nearest = griddata(seen, values, wanted, method="nearest")
        found = np.where(np.isnan(inside), nearest, inside)
        filled[i][:, torch.from_numpy(hide)] = torch.from_numpy(found.T.astype(np.float32)).to(images)
    return filled
