"""Spherical harmonics: a colour that depends on where one looks from; part of 3D Gaussian splatting (S18.5).

Kerbl et al., "3D Gaussian Splatting", SIGGRAPH 2023, section 4. A function on the sphere of directions is
written as a sum of fixed waves; degree l has 2l + 1 of them. Degree 0 is the same from everywhere, each
further degree can change faster. The waves are the real ones, in the order m = -l … l, with the signs of
the authors' code: √2 Im Y_l^|m| for m < 0, Y_l^0, √2 Re Y_l^m for m > 0, where Y has the Condon–Shortley
phase. Up to degree 3, as there.

Shapes: N directions or Gaussians, K = (degree + 1)² waves.
"""

import math

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_finite, check_tensor, check_type

MOST = 3  # the highest degree written out here
PI = math.pi


def sh_degree(coefficients: int) -> int:
    """Return the degree that has so many coefficients: 1, 4, 9 or 16 belong to 0, 1, 2 and 3."""
    degrees = {(degree + 1) ** 2: degree for degree in range(MOST + 1)}
    if coefficients not in degrees:
        raise ValueError(f"coefficients: got {coefficients!r}, want one of {list(degrees)}")
    return degrees[coefficients]


def sh_basis(directions: Tensor, degree: int) -> Tensor:
    """Return the value of each wave in each direction.

    Parameters
    ----------
    directions : Tensor
        (N, 3) of length 1.
    degree : int
        0 to 3.

    Returns
    -------
    Tensor
        (N, (degree + 1)²).

    Raises
    ------
    ValueError
        For another shape or degree, or directions that are not of length 1.
    """
    check_tensor(directions, "directions", "N", 3, finite=True)
    if degree not in range(MOST + 1):
        raise ValueError(f"degree: got {degree!r}, want 0, 1, 2 or 3")
    if bool(((directions.detach().norm(dim=1) - 1).abs() > 1e-3).any()):
        raise ValueError("directions: got one that is not of length 1, want unit vectors")
    x, y, z = directions.unbind(dim=1)
    c1, c2, c3 = math.sqrt(3 / (4 * PI)), math.sqrt(15 / PI) / 2, math.sqrt(35 / (2 * PI)) / 4
    waves = [torch.full_like(x, math.sqrt(1 / (4 * PI)))]
    if degree >= 1:
        waves += [-c1 * y, c1 * z, -c1 * x]
    if degree >= 2:
        waves += [c2 * x * y, -c2 * y * z, math.sqrt(5 / PI) / 4 * (3 * z * z - 1), -c2 * x * z]
        waves += [c2 / 2 * (x * x - y * y)]
    if degree == 3:
        near, middle = math.sqrt(21 / (2 * PI)) / 4, math.sqrt(105 / PI) / 2
        waves += [-c3 * y * (3 * x * x - y * y), middle * x * y * z, -near * y * (5 * z * z - 1)]
        waves += [math.sqrt(7 / PI) / 4 * z * (5 * z * z - 3), -near * x * (5 * z * z - 1)]
        waves += [middle / 2 * z * (x * x - y * y), -c3 * x * (x * x - 3 * y * y)]
    return torch.stack(waves, dim=1)  # (N, K)


def sh_colours(coefficients: Tensor, directions: Tensor) -> Tensor:
    """Return each Gaussian's colour seen along its direction: the sum of its waves + 0.5, not below 0.

    Parameters
    ----------
    coefficients : Tensor
        (N, K, 3), of red, green and blue.
    directions : Tensor
        (N, 3) of length 1, from the camera to the Gaussian.

    Returns
    -------
    Tensor
        (N, 3), 0 or more. Above 1 is possible: the authors do not clamp there.

    Raises
    ------
    ValueError
        For other shapes or types, or values that are not finite.
    """
    check_tensor(coefficients, "coefficients", "N", "K", 3, finite=True)
    check_tensor(directions, "directions", len(coefficients), 3)
    check_type(directions, coefficients, name="directions")
    waves = sh_basis(directions, sh_degree(coefficients.shape[1]))  # (N, K)
    return ((waves[:, :, None] * coefficients).sum(dim=1) + 0.5).clamp_min(0)  # (N, 3)


def sh_of_colours(colours: Tensor) -> Tensor:
    """Return the coefficients of degree 0, (N, 1, 3), that give these colours (N, 3) from everywhere."""
    check_tensor(colours, "colours", "N", 3)
    check_finite(colours, "colours")
    return ((colours - 0.5) / math.sqrt(1 / (4 * PI)))[:, None]
