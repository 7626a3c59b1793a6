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

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_images

Number = float | Tensor  # one for all pictures, or (B,) one for each
FAR = -1e4  # where a point goes that a perspective puts behind the viewer: far outside any picture


def _rows(*rows: tuple[Number, Number, Number]) -> Tensor:
    """Stack numbers, or (B,) tensors of them, to matrices (B, 3, 3)."""
    values = torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.float32) for row in rows for v in row))
    return torch.stack(values, dim=-1).reshape(-1, 3, 3)


def translation(tx: Number, ty: Number) -> Tensor:
    """Matrices (B, 3, 3) that move points tx pixels right and ty down."""
    return _rows((1.0, 0.0, tx), (0.0, 1.0, ty), (0.0, 0.0, 1.0))


def about(matrix: Tensor, centre: tuple[Number, Number]) -> Tensor:
    """The same motion about another point: move it to the origin, apply `matrix`, move it back."""
    x, y = (torch.as_tensor(value, dtype=torch.float32) for value in centre)
    return translation(x, y) @ matrix @ translation(-x, -y)


def rotation(degrees: Number, centre: tuple[Number, Number] = (0.0, 0.0)) -> Tensor:
    """Matrices (B, 3, 3) that turn points about `centre`, clockwise as seen on the screen."""
    angle = torch.deg2rad(torch.as_tensor(degrees, dtype=torch.float64))
    cos, sin = angle.cos().float(), angle.sin().float()
    return about(_rows((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)), centre)


def scaling(sx: Number, sy: Number, centre: tuple[Number, Number] = (0.0, 0.0)) -> Tensor:
    """Matrices (B, 3, 3) that stretch about `centre`: factors above 1 enlarge."""
    return about(_rows((sx, 0.0, 0.0), (0.0, sy, 0.0), (0.0, 0.0, 1.0)), centre)


def shearing(x_degrees: Number, y_degrees: Number, centre: tuple[Number, Number] = (0.0, 0.0)) -> Tensor:
    """Matrices (B, 3, 3) of a shear along x and then along y, with torchvision's signs.

    x_degrees > 0 leans upright edges to the right, y_degrees > 0 lifts the right side.
    """
    radians = (torch.deg2rad(torch.as_tensor(d, dtype=torch.float64)) for d in (x_degrees, y_degrees))
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
    for name, points in (("source", source), ("target", target)):
        if points.shape[-2:] != (4, 2) or points.ndim != 3 or points.shape != source.shape:
            raise ValueError(f"{name}: got shape {tuple(points.shape)}, want (B, 4, 2), the same for both")
    x, y = source.double().unbind(2)  # (B, 4)
    u, v = target.double().unbind(2)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    for_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=2)  # (B, 4, 8)
    for_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=2)
    system = torch.cat([for_u, for_v], dim=1)  # (B, 8, 8)
    if not bool((torch.linalg.matrix_rank(system) == 8).all()):
        raise ValueError("points: got three on one line, or one twice; want four in general position")
    unknowns = torch.linalg.solve(system, torch.cat([u, v], dim=1))  # (B, 8)
    return torch.cat([unknowns, one[:, :1]], dim=1).reshape(-1, 3, 3).to(source.dtype)


def check_matrix(matrix: Tensor, batch: int) -> Tensor:
    """Return `matrix` as (B, 3, 3); raise ValueError unless it, or (1, 3, 3), is finite and invertible."""
    if not isinstance(matrix, Tensor) or matrix.ndim != 3 or matrix.shape[1:] != (3, 3):
        got = tuple(matrix.shape) if isinstance(matrix, Tensor) else type(matrix).__name__
        raise ValueError(f"matrix: got {got}, want a tensor of shape ({batch}, 3, 3) or (1, 3, 3)")
    if len(matrix) not in (1, batch):
        raise ValueError(f"matrix: got {len(matrix)} for {batch} pictures, want one each or one for all")
    if not bool(torch.isfinite(matrix).all()) or bool((torch.linalg.det(matrix.double()).abs() < 1e-9).any()):
        raise ValueError("matrix: got one that cannot be inverted or is not finite")
    return matrix.expand(batch, 3, 3)


def transform_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Move points: (x, y, 1) times the matrix, then divided by the third coordinate.

    Parameters
    ----------
    points : Tensor
        (B, …, 2) x, y in pixels.
    matrix : Tensor
        (B, 3, 3) or (1, 3, 3).

    Returns
    -------
    Tensor
        (B, …, 2). What a perspective puts behind the viewer lands far outside.

    Raises
    ------
    ValueError
        For another shape, or a matrix that cannot be inverted.
    """
    if points.ndim < 2 or points.shape[-1] != 2:
        raise ValueError(f"points: got shape {tuple(points.shape)}, want (B, …, 2)")
    matrix = check_matrix(matrix, len(points)).to(points)
    flat = points.reshape(len(points), -1, 2)  # (B, P, 2)
    moved = flat @ matrix[:, :, :2].mT + matrix[:, None, :, 2]  # (B, P, 3)
    w = moved[..., 2:]
    ahead = w > 1e-6
    return torch.where(ahead, moved[..., :2] / torch.where(ahead, w, 1), FAR).reshape(points.shape)


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
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size: got {size}, want a height and width of 1 or more")
    inverse = torch.linalg.inv(check_matrix(matrix, len(matrix)).double()).to(matrix.dtype)
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
        (B, H', W', 2) x, y in pixels from the corner.
    fill : float, optional
        What lies outside the picture; at its edge the two are mixed. None: the edge goes on outside.

    Returns
    -------
    Tensor
        (B, C, H', W').
    """
    x, y = (grid - 0.5).to(image.dtype).unbind(-1)  # from pixel centre to pixel centre
    left, top = x.floor(), y.floor()
    right_share, lower_share = (x - left)[:, None], (y - top)[:, None]  # (B, 1, H', W') in [0, 1)
    j, i = left.long(), top.long()
    upper = torch.lerp(take_pixels(image, j, i, fill), take_pixels(image, j + 1, i, fill), right_share)
    lower = torch.lerp(
        take_pixels(image, j, i + 1, fill), take_pixels(image, j + 1, i + 1, fill), right_share
    )
    return torch.lerp(upper, lower, lower_share)


def sample_nearest(image: Tensor, grid: Tensor, fill: float | None = 0.0) -> Tensor:
    """Read the pixel that each point lies in: for masks and labels, which must not be mixed. Any dtype."""
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
    elif image.ndim != 4:
        raise ValueError(f"images: got shape {tuple(image.shape)}, want (B, C, H, W)")
    matrix = check_matrix(matrix, len(image)).to(image.device)
    grid = inverse_grid(matrix, size or (image.shape[-2], image.shape[-1]))
    return sample_nearest(image, grid, fill) if nearest else sample_bilinear(image, grid, fill)
