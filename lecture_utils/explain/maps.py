"""Maps of importance: from a layer's grid to the image's, and from any range of values to [0, 1].

Shapes: B maps, h, w of a layer's grid, H, W of the image, N tokens without the class token, D width.
"""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from lecture_utils.ops.checks import check_finite, check_float, check_size, check_wholes


def check_maps(maps: Tensor, name: str = "maps") -> None:
    """Raise ValueError unless these are floating-point maps (B, H, W), none empty."""
    check_finite(maps, name)
    if maps.ndim != 3 or maps.numel() == 0:
        raise ValueError(f"{name}: got shape {tuple(maps.shape)}, want (B, H, W) with no axis of length 0")


def upsample(maps: Tensor, size: int | tuple[int, int], *, mode: str = "bilinear") -> Tensor:
    """Stretch maps (B, h, w) to an image's size (B, H, W).

    Parameters
    ----------
    maps : Tensor
        (B, h, w), floating point.
    size : int or (H, W)
        One number means a square.
    mode : "bilinear", "bicubic" or "nearest"
        With "nearest" the layer's own grid stays visible.

    Raises
    ------
    ValueError
        For other shapes or modes, or a map that lies on its side: taller than wide for an image wider than
        tall, or the reverse, which is what a grid with rows and columns swapped gives.
    """
    check_maps(maps)
    if mode not in ("bilinear", "bicubic", "nearest"):
        raise ValueError(f"mode: got {mode!r}, want 'bilinear', 'bicubic' or 'nearest'")
    size = check_size((size, size) if isinstance(size, int) else size)
    rows, columns = maps.shape[1:]
    if (rows - columns) * (size[0] - size[1]) < 0:
        got = f"maps of {rows} × {columns} for an image of {size[0]} × {size[1]}"
        raise ValueError(f"maps: got {got}, want both upright or both lying: rows first, then columns")
    corners = None if mode == "nearest" else False
    return F.interpolate(maps[:, None], size=size, mode=mode, align_corners=corners)[:, 0]


def to_unit(maps: Tensor) -> Tensor:
    """Shift and scale each map (B, H, W) to the range from 0 to 1; a constant map becomes 0."""
    check_maps(maps)
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    span = high - low
    return (maps - low) / span.masked_fill(span == 0, 1)


def tokens_to_maps(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lay a transformer's tokens (B, 1 + N, D) out on the image, (B, D, h, w), without the class token.

    Parameters
    ----------
    tokens : Tensor
        (B, 1 + N, D), class token first.
    grid : (h, w)
        Rows and columns of the patches, h·w = N, as `ViT.grid` gives them for the images.

    Raises
    ------
    ValueError
        If N patches do not make such a grid.
    """
    check_float(tokens, name="tokens")
    if tokens.ndim != 3 or tokens.numel() == 0:
        raise ValueError(f"tokens: got shape {tuple(tokens.shape)}, want (B, 1 + N, D)")
    h, w = patch_grid(tokens.shape[1] - 1, grid)
    return rearrange(tokens[:, 1:], "b (h w) d -> b d h w", h=h, w=w)


def patch_grid(patches: int, grid: tuple[int, int]) -> tuple[int, int]:
    """Return `grid`, the rows and columns (h, w) of N patches; ValueError unless h·w = N.

    There is no default: 64 patches may be 8 × 8 or 4 × 16, and the tokens do not tell.
    """
    check_wholes(grid, "grid", 2)
    if grid[0] * grid[1] != patches:
        places = " × ".join(str(side) for side in grid)
        raise ValueError(f"grid: got {patches} patches for {places} places, want as many, grid=(h, w)")
    return grid
