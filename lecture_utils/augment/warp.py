"""Warping machinery: matrices that move points, and pictures fetched back through their inverse (S05.1).

G. Wolberg, Digital Image Warping, IEEE Computer Society Press, 1990; homogeneous matrices as in R. Hartley
and A. Zisserman, Multiple View Geometry in Computer Vision, Cambridge University Press, 2004 (chapter 2).

Points: x to the right, y down, in pixels from the upper left *corner* of the picture, so that the pixel in
row i and column j covers x from j to j + 1 and has its centre at (j + 0.5, i + 0.5). That is the toy
world's and torchvision's convention. scikit-image puts pixel centres at whole numbers instead: its matrix
for the same warp is T(-1/2) · M · T(1/2), with T a translation along both axes.

Simplified: no smoothing before a picture is made smaller, so fine texture aliases there.

Shapes: B pictures, C channels, H and W height and width, H' and W' those of the result, … any further axes.
"""

import math
import numbers
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_number, check_size, check_tensor

Number = float | Tensor  # one for all pictures, or (B,) one for each
FAR = -1e4  # where a point goes that a perspective puts behind the viewer: far outside any picture


def _each(value: Number, dtype: torch.dtype = torch.float32) -> Tensor:
    """A number, or (B,) of them, as a tensor; raise ValueError unless it is that and finite."""
    known = isinstance(value, Tensor | np.ndarray | numbers.Real)
    each = torch.as_tensor(value, dtype=dtype) if known else torch.full((), math.nan)
    if each.ndim > 1 or not bool(each.isfinite().all()):
        got = f"{tuple(each.shape)} {each.flatten().tolist()[:4]}" if known else type(value).__name__
        raise ValueError(f"matrix: got {got} in it, not finite or no number; want a number or (B,) of them")
    return each


def _rows(*rows: tuple[Number, Number, Number]) -> Tensor:
    """Stack numbers, or (B,) tensors of them, to matrices (B, 3, 3)."""
    each = [_each(value) for row in rows for value in row]
    lengths = {len(value) for value in each if value.ndim}
    if len(lengths - {1}) > 1:
        raise ValueError(f"matrix: got {sorted(lengths)} numbers for its entries, want as many for each")
    return torch.stack(torch.broadcast_tensors(*each), dim=-1).reshape(-1, 3, 3)


def translation(tx: Number, ty: Number) -> Tensor:
    """Matrices (B, 3, 3) that move points tx pixels right and ty down."""
    return _rows((1.0, 0.0, tx), (0.0, 1.0, ty), (0.0, 0.0, 1.0))


def about(matrix: Tensor, centre: tuple[Number, Number]) -> Tensor:
    """The same motion about another point: move it to the origin, apply `matrix`, move it back."""
    check_tensor(matrix, "matrix", "B", 3, 3, finite=True)
    if not isinstance(centre, Sequence) or len(centre) != 2:
        raise ValueError(f"centre: got {centre!r}, want (x, y)")
    x, y = (_each(value) for value in centre)
    return translation(x, y) @ matrix @ translation(-x, -y)


def rotation(degrees: Number, centre: tuple[Number, Number] = (0.0, 0.0)) -> Tensor:
    """Matrices (B, 3, 3) that turn points about `centre`, clockwise as seen on the screen."""
    angle = torch.deg2rad(_each(degrees, torch.float64))
    cos, sin = angle.cos().float(), angle.sin().float()
    return about(_rows((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)), centre)


def scaling(sx: Number, sy: Number, centre: tuple[Number, Number] = (0.0, 0.0)) -> Tensor:
    """Matrices (B, 3, 3) that stretch about `centre`: factors above 1 enlarge."""
    return about(_rows((sx, 0.0, 0.0), (0.0, sy, 0.0), (0.0, 0.0, 1.0)), centre)


def shearing(x_degrees: Number, y_degrees: Number, centre: tuple[Number, Number] = (0.0, 0.0)) -> Tensor:
    """Matrices (B, 3, 3) of a shear along x and then along y, with torchvision's signs.

    x_degrees > 0 leans upright edges to the right, y_degrees > 0 lifts the right side.
    """
    radians = (torch.deg2rad(_each(d, torch.float64)) for d in (x_degrees, y_degrees))
    x, y = (angle.tan().float() for angle in radians)
    along_x = _rows((1.0, -x, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    along_y = _rows((1.0, 0.0, 0.0), (-y, 1.0, 0.0), (0.0, 0.0, 1.0))
    return about(along_y @ along_x, centre)


def flip_matrix(width: float) -> Tensor:
    """The matrix (1, 3, 3) that mirrors a picture of this width: x becomes width - x."""
    return _rows((-1.0, 0.0, width), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def homography(source: Tensor, target: Tensor) -> Tensor:
    """The perspective that takes four points to four others.

    Each pair gives two linear equations in the matrix's eight unknowns; the ninth entry is 1.

    Parameters
    ----------
    source, target : Tensor
        (B, 4, 2) x, y in pixels, no three of them on one line.

    Returns
    -------
    Tensor
        (B, 3, 3).

    Raises
    ------
    ValueError
        For other shapes, or points that fix no perspective.
    """
    check_tensor(source, "source", "B", 4, 2, finite=True)
    check_tensor(target, "target", len(source), 4, 2, finite=True)
    x, y = source.cpu().double().unbind(2)  # (B, 4): on the CPU, since not every accelerator has float64
    u, v = target.cpu().double().unbind(2)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    for_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=2)  # (B, 4, 8)
    for_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=2)
    system = torch.cat([for_u, for_v], dim=1)  # (B, 8, 8)
    if not bool((torch.linalg.matrix_rank(system) == 8).all()):
        raise ValueError("points: got three on one line, or one twice; want four in general position")
    unknowns = torch.linalg.solve(system, torch.cat([u, v], dim=1))  # (B, 8)
    return torch.cat([unknowns, one[:, :1]], dim=1).reshape(-1, 3, 3).to(source)


def check_matrix(matrix: Tensor, batch: int) -> Tensor:
    """Return `matrix` as (B, 3, 3); raise ValueError unless it, or (1, 3, 3), is finite and invertible."""
    tensor = isinstance(matrix, Tensor)
    if not tensor or matrix.ndim != 3 or matrix.shape[1:] != (3, 3) or not matrix.is_floating_point():
        got = f"{matrix.dtype} {tuple(matrix.shape)}" if tensor else type(matrix).__name__
        raise ValueError(f"matrix: got {got}, want floating point ({batch}, 3, 3) or (1, 3, 3)")
    if len(matrix) not in (1, batch):
        raise ValueError(f"matrix: got {len(matrix)} for {batch} pictures, want one each or one for all")
    exact = matrix.cpu().double()
    if not bool(exact.isfinite().all()) or bool((torch.linalg.det(exact).abs() < 1e-9).any()):
        raise ValueError("matrix: got one that cannot be inverted or is not finite, want one that can")
    return matrix.expand(batch, 3, 3)


def transform_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Move points: (x, y, 1) times the matrix, then divided by the third coordinate.

    Parameters
    ----------
    points : Tensor
        (B, …, 2) x, y in pixels, floating point and finite.
    matrix : Tensor
        (B, 3, 3) or (1, 3, 3).

    Returns
    -------
    Tensor
        (B, …, 2) of the points' type; half precision is computed in float32. What a perspective puts behind
        the viewer lands far outside.

    Raises
    ------
    ValueError
        For another shape or type, points that are not finite, or a matrix that cannot be inverted.
    """
    check_tensor(points, "points", "…", "B", 2, finite=True)
    work = torch.promote_types(points.dtype, torch.float32)
    matrix = check_matrix(matrix, len(points)).to(points.device, work)
    flat = points.to(work).reshape(len(points), -1, 2)  # (B, P, 2)
    moved = flat @ matrix[:, :, :2].mT + matrix[:, None, :, 2]  # (B, P, 3)
    w = moved[..., 2:]
    ahead = w > 1e-6
    return torch.where(ahead, moved[..., :2] / torch.where(ahead, w, 1), FAR).reshape(points.shape).to(points)


def inverse_grid(matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Where each pixel of the result comes from: its centre, moved back by the inverse matrix.

    Parameters
    ----------
    matrix : Tensor
        (B, 3, 3), from the source to the result.
    size : tuple of int
        (H', W') of the result.

    Returns
    -------
    Tensor
        (B, H', W', 2) x, y in the source.
    """
    check_size(size)
    check_tensor(matrix, "matrix", "B", 3, 3, some=True)
    height, width = size
    matrix = check_matrix(matrix, len(matrix)).to(torch.promote_types(matrix.dtype, torch.float32))
    inverse = torch.linalg.inv(matrix.cpu().double()).to(matrix)  # on the CPU: float64 is not everywhere
    y, x = (torch.arange(n, device=matrix.device, dtype=matrix.dtype) + 0.5 for n in size)
    centres = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)
    return transform_points(centres.expand(len(matrix), height, width, 2), inverse)


def take_pixels(image: Tensor, column: Tensor, row: Tensor, fill: float | None) -> Tensor:
    """The pixels of (B, C, H, W) at whole places (B, H', W'); outside `fill`, or for None the edge's."""
    height, width = image.shape[-2:]
    place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    index = place.flatten(1)[:, None].expand(-1, image.shape[1], -1)  # (B, C, H'W')
    values = image.flatten(2).gather(2, index).unflatten(2, tuple(column.shape[1:]))
    if fill is None:
        return values
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)  # (B, H', W')
    return torch.where(inside[:, None], values, torch.as_tensor(fill, dtype=image.dtype, device=image.device))


def sample_bilinear(image: Tensor, grid: Tensor, fill: float | None = 0.0) -> Tensor:
    """Read a picture between its pixels: the mean of the four nearest, weighted by closeness.

    Parameters
    ----------
    image : Tensor
        (B, C, H, W), floating point.
    grid : Tensor
        (B, H', W', 2) x, y in pixels from the corner, finite.
    fill : float, optional
        What lies outside the picture; at its edge the two are mixed. None: the edge goes on outside.

    Returns
    -------
    Tensor
        (B, C, H', W'), of the picture's type. A picture in half precision is mixed in float32: in its own
        type a place could not be told from its neighbours.

    Raises
    ------
    ValueError
        For other shapes or types, or a grid that is not finite.
    """
    check_images(image)
    check_grid(grid, len(image), fill)
    kind, image = image.dtype, image.to(torch.promote_types(image.dtype, torch.float32))
    x, y = (grid - 0.5).to(image.dtype).unbind(-1)  # from pixel centre to pixel centre
    left, top = x.floor(), y.floor()
    right_share, lower_share = (x - left)[:, None], (y - top)[:, None]  # (B, 1, H', W') in [0, 1)
    j, i = left.long(), top.long()
    upper = torch.lerp(take_pixels(image, j, i, fill), take_pixels(image, j + 1, i, fill), right_share)
    lower = torch.lerp(
        take_pixels(image, j, i + 1, fill), take_pixels(image, j + 1, i + 1, fill), right_share
    )
    return torch.lerp(upper, lower, lower_share).to(kind)


def sample_nearest(image: Tensor, grid: Tensor, fill: float | None = 0.0) -> Tensor:
    """Read the pixel that each point lies in: for masks and labels, which must not be mixed. Any dtype."""
    check_layers(image)
    check_grid(grid, len(image), fill)
    column, row = grid.floor().long().unbind(-1)
    return take_pixels(image, column, row, fill)


def warp_image(
    image: Tensor,
    matrix: Tensor,
    size: tuple[int, int] | None = None,
    *,
    nearest: bool = False,
    fill: float | None = 0.0,
) -> Tensor:
    """Inverse warping: for each pixel of the result, ask where it comes from, and read there.

    Parameters
    ----------
    image : Tensor
        (B, C, H, W), floating point; any dtype with `nearest`.
    matrix : Tensor
        (B, 3, 3) or (1, 3, 3), from source points to result points.
    size : tuple of int, optional
        (H', W'), default as the source.
    nearest : bool
        Take the nearest pixel instead of mixing four.
    fill : float, optional
        What lies outside the source. None: its edge goes on.

    Returns
    -------
    Tensor
        (B, C, H', W').

    Raises
    ------
    ValueError
        For another shape or type, or a matrix that cannot be inverted.
    """
    if not nearest:
        check_images(image)
    else:
        check_layers(image)
    matrix = check_matrix(matrix, len(image)).to(image.device)
    grid = inverse_grid(matrix, size or (image.shape[-2], image.shape[-1]))
    return sample_nearest(image, grid, fill) if nearest else sample_bilinear(image, grid, fill)


def check_grid(grid: Tensor, batch: int, fill: float | None) -> None:
    """Raise ValueError unless places are finite (B, H', W', 2) and the fill is a number or None."""
    check_tensor(grid, "grid", batch, "H'", "W'", 2, finite=True)
    if fill is not None:
        check_number(fill, "fill")


def check_layers(image: Tensor) -> None:
    """Raise ValueError unless it is (B, C, H, W) of any type, with at least one pixel; C may be 0."""
    check_tensor(image, "images", "B", "C", "H", "W", kind="any")
    check_size(image.shape[-2:], "images")
