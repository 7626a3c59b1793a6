"""Epipolar geometry (S18.2): where the match of a pixel may lie in another view.

A point seen at x_a in one picture and at x_b in another gives x_bᵀ F x_a = 0 (pixels with a 1 behind them):
x_b lies on the line F x_a. With the cameras' K known, E = K_bᵀ F K_a = [t]× R holds the pose between them.

- R. Hartley, "In Defense of the Eight-Point Algorithm", PAMI 1997: normalisation.
- R. Hartley, A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004, chapters 9 and 11;
  Sampson's distance is equation 11.9.

Simplified: linear fits only, which are misled where depth hardly varies (`five_point` is not).

Shapes: … any further axes, P matches.
"""

import torch
from torch import Tensor

from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.ops.checks import check_tensor

RANK = 1e-6  # of the largest singular value: smaller ones are taken for 0


def homogeneous(points: Tensor) -> Tensor:
    """Put a 1 behind each point: (…, D) → (…, D + 1)."""
    check_tensor(points, "points", "…", "D")
    return torch.cat([points, torch.ones_like(points[..., :1])], dim=-1)


def normalise(points: Tensor) -> tuple[Tensor, Tensor]:
    """Shift points (…, P, D) to mean 0 and scale their mean distance from it to √D.

    Returns
    -------
    points : Tensor
        (…, P, D).
    transform : Tensor
        (…, D + 1, D + 1): what did it, on points with a 1 behind them.
    """
    check_tensor(points, "points", "…", "P", "D", finite=True, some=True)
    dim = points.shape[-1]
    middle = points.mean(-2, keepdim=True)  # (…, 1, D)
    spread = (points - middle).norm(dim=-1).mean(-1).clamp_min(1e-12)  # (…,)
    scale = (dim**0.5 / spread)[..., None, None]
    transform = torch.eye(dim + 1).to(points).repeat(*points.shape[:-2], 1, 1)
    transform[..., :dim, :dim] *= scale
    transform[..., :dim, dim] = -(scale * middle)[..., 0, :]
    return scale * (points - middle), transform


def check_matches(a: Tensor, b: Tensor, least: int, names: tuple[str, str] = ("a", "b")) -> None:
    """Raise unless matches are finite (P, 2) and (P, 2), `least` or more, and not all at one place."""
    check_tensor(a, names[0], "P", 2, finite=True)
    check_tensor(b, names[1], len(a), 2, finite=True)
    if len(a) < least:
        raise DegenerateViews(f"matches: got {len(a)}, want {least} or more")
    for x, name in ((a, names[0]), (b, names[1])):
        if bool((x == x[:1]).all()):
            raise DegenerateViews(f"{name}: got all matches at one place, want them spread over the picture")


def check_intrinsics(intrinsics: Tensor, name: str = "intrinsics") -> None:
    """Raise ValueError unless K is finite (3, 3), 0 below its diagonal, focal lengths above 0, a 1 last."""
    check_tensor(intrinsics, name, 3, 3, finite=True)
    low = intrinsics[[1, 2, 2], [0, 0, 1]]
    if bool((low != 0).any()) or intrinsics[2, 2] != 1 or bool((intrinsics.diagonal() <= 0).any()):
        raise ValueError(f"{name}: got {intrinsics.tolist()}, want K: f > 0 on the diagonal, 0 below, 1 last")


def fit_eight_points(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Solve x_bᵀ F x_a = 0 for (…, P, 2) matches: F (…, 3, 3) of length 1, and the singular values."""
    near_a, transform_a = normalise(a)
    near_b, transform_b = normalise(b)
    rows = homogeneous(near_b)[..., :, None] * homogeneous(near_a)[..., None, :]  # (…, P, 3, 3)
    _, values, right = torch.linalg.svd(rows.flatten(-2), full_matrices=True)  # one row a match, (…, P, 9)
    fundamental = right[..., -1, :].unflatten(-1, (3, 3))  # what all rows are least at odds with
    fundamental = transform_b.mT @ rank_two(fundamental) @ transform_a
    return fundamental / fundamental.flatten(-2).norm(dim=-1)[..., None, None], values


def rank_two(fundamental: Tensor) -> Tensor:
    """The nearest matrix of rank 2 to (…, 3, 3): all epipolar lines meet in one point."""
    check_tensor(fundamental, "fundamental", "…", 3, 3, finite=True)
    u, values, v = torch.linalg.svd(fundamental)
    return u @ torch.diag_embed(values * torch.tensor([1.0, 1.0, 0.0]).to(values)) @ v


def eight_point(a: Tensor, b: Tensor) -> Tensor:
    """The fundamental matrix by the normalised eight-point algorithm.

    Parameters
    ----------
    a, b : Tensor
        (P, 2): u, v of P ≥ 8 matches in the two pictures, none of them wrong.

    Returns
    -------
    Tensor
        F (3, 3), of rank 2 and length 1, with x_bᵀ F x_a ≈ 0.

    Raises
    ------
    DegenerateViews
        With fewer than eight matches, or where they fix no F: all on one plane or one line.
    ValueError
        For other shapes or types, NaN.
    """
    check_matches(a, b, 8)
    fundamental, values = fit_eight_points(a.double(), b.double())
    if values[7] < RANK * values[0]:
        raise DegenerateViews("matches: got points on one plane or line, which any F fits, want depth")
    return fundamental.to(a)


def epipolar_lines(fundamental: Tensor, a: Tensor) -> Tensor:
    """The line of each pixel (P, 2) in the other picture, (P, 3): p u + q v + r = 0 with p² + q² = 1."""
    check_tensor(fundamental, "fundamental", 3, 3, finite=True)
    check_tensor(a, "a", "P", 2, finite=True)
    lines = homogeneous(a) @ fundamental.to(a).mT
    return lines / lines[:, :2].norm(dim=1, keepdim=True)


def sampson_distance(fundamental: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """How far matches are from agreeing, in pixels, to first order: |x_bᵀ F x_a| over its slope.

    Parameters
    ----------
    fundamental : Tensor
        (…, 3, 3): one or several.
    a, b : Tensor
        (P, 2).

    Returns
    -------
    Tensor
        (…, P), 0 or more.

    Raises
    ------
    ValueError
        For other shapes or types, NaN in the matches.
    """
    check_tensor(fundamental, "fundamental", "…", 3, 3)
    check_tensor(a, "a", "P", 2, finite=True)
    check_tensor(b, "b", len(a), 2, finite=True)
    x_a, x_b = homogeneous(a).to(fundamental), homogeneous(b).to(fundamental)
    line_b, line_a = x_a @ fundamental.mT, x_b @ fundamental  # (…, P, 3): F x_a, Fᵀ x_b
    algebraic = (x_b * line_b).sum(-1)
    slope = (line_b[..., :2] ** 2).sum(-1) + (line_a[..., :2] ** 2).sum(-1)
    return algebraic.abs() / slope.clamp_min(1e-30).sqrt()


def nearest_essential(matrix: Tensor) -> Tensor:
    """The nearest essential matrix to (…, 3, 3): singular values 1, 1, 0 (up to scale)."""
    check_tensor(matrix, "matrix", "…", 3, 3, finite=True)
    u, _, v = torch.linalg.svd(matrix)
    return u @ torch.diag(torch.tensor([1.0, 1.0, 0.0]).to(matrix)) @ v


def fundamental_to_essential(fundamental: Tensor, intrinsics_a: Tensor, intrinsics_b: Tensor) -> Tensor:
    """E = K_bᵀ F K_a, made essential, (3, 3) with singular values 1, 1, 0."""
    check_tensor(fundamental, "fundamental", 3, 3, finite=True)
    check_intrinsics(intrinsics_a, "intrinsics_a")
    check_intrinsics(intrinsics_b, "intrinsics_b")
    return nearest_essential(intrinsics_b.to(fundamental).mT @ fundamental @ intrinsics_a.to(fundamental))


def essential_to_fundamental(essential: Tensor, intrinsics_a: Tensor, intrinsics_b: Tensor) -> Tensor:
    """F = K_b⁻ᵀ E K_a⁻¹, (…, 3, 3) of length 1."""
    check_tensor(essential, "essential", "…", 3, 3)
    check_intrinsics(intrinsics_a, "intrinsics_a")
    check_intrinsics(intrinsics_b, "intrinsics_b")
    inverse_a, inverse_b = torch.linalg.inv(intrinsics_a), torch.linalg.inv(intrinsics_b)
    fundamental = inverse_b.to(essential).mT @ essential @ inverse_a.to(essential)
    return fundamental / fundamental.flatten(-2).norm(dim=-1)[..., None, None]


def image_coordinates(pixels: Tensor, intrinsics: Tensor) -> Tensor:
    """Take pixels (…, 2) off the camera's K: x / z and y / z of what they see, (…, 2)."""
    check_tensor(pixels, "pixels", "…", 2, finite=True)
    check_intrinsics(intrinsics)
    return (homogeneous(pixels) @ torch.linalg.inv(intrinsics.to(pixels)).mT)[..., :2]
