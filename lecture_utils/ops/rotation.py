"""Rotations (S18.2, S20.1): axis-angle, quaternion, matrix and six numbers; compared, blended, averaged.

A rotation matrix has nine numbers for three degrees of freedom. An optimiser moves three (axis-angle, in
bundle adjustment and in a body's pose) or four (a quaternion, in Gaussian splatting) and makes the matrix
from them. Neither suits what a network puts out: three or four numbers cannot run over all rotations without
a jump somewhere. Six can.

O. Rodrigues, "Des lois géométriques qui régissent les déplacements d'un système solide", 1840; K. Shoemake,
"Animating rotation with quaternion curves", SIGGRAPH 1985; Y. Zhou, C. Barnes, J. Lu, J. Yang and H. Li, "On
the continuity of rotation representations in neural networks", CVPR 2019, section 4.2. Quaternions are
(w, x, y, z): the real part first (scipy has it last).

Shapes: "…" any number of axes in front.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_tensor


def cross_matrix(vector: Tensor) -> Tensor:
    """Return the matrix [v]ₓ (…, 3, 3) of vectors (…, 3), with [v]ₓ u = v × u."""
    check_tensor(vector, "vector", "…", 3)
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def axis_angle_to_matrix(vector: Tensor) -> Tensor:
    """Return rotations (…, 3, 3) about the axes `vector` (…, 3), by its length in radians.

    Rodrigues' formula, R = 1 + sin θ / θ [v]ₓ + (1 - cos θ) / θ² [v]ₓ². Both factors go to a limit at θ = 0;
    there a series stands in, so that value and gradient are finite everywhere.
    """
    check_tensor(vector, "vector", "…", 3, finite=True)
    square = vector.square().sum(-1)[..., None, None]  # θ²
    small = square < 1e-4
    safe = torch.where(small, 1.0, square)
    angle = safe.sqrt()
    first = torch.where(small, 1 - square / 6 + square**2 / 120, angle.sin() / angle)
    # 1 - cos θ = 2 sin² (θ / 2): no difference of nearly equal numbers
    second = torch.where(small, 0.5 - square / 24 + square**2 / 720, 2 * (angle / 2).sin().square() / safe)
    skew = cross_matrix(vector)
    return torch.eye(3).to(vector) + first * skew + second * skew @ skew


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Return axes (…, 3) whose lengths are the angles in radians, in [0, π], of rotations (…, 3, 3)."""
    quaternion = matrix_to_quaternion(matrix)
    real, imaginary = quaternion[..., :1], quaternion[..., 1:]  # cos θ/2, sin θ/2 · axis
    square = imaginary.square().sum(-1, keepdim=True)
    small = square < 1e-12
    length = torch.where(small, 1.0, square).sqrt()
    factor = torch.where(small, 2.0 / real.clamp_min(0.5), 2 * torch.atan2(length, real) / length)
    return factor * imaginary


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Return rotations (…, 3, 3) of quaternions (…, 4), w x y z, of any length but 0; it is made 1 here."""
    check_tensor(quaternion, "quaternion", "…", 4, finite=True)
    length = quaternion.norm(dim=-1, keepdim=True)
    if bool((length < 1e-12).any()):
        raise ValueError("quaternion: got one of length 0, want any other length")
    w, x, y, z = (quaternion / length).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Return unit quaternions (…, 4), w x y z with w ≥ 0, of rotations (…, 3, 3).

    The outer product q qᵀ is linear in R; of its four columns, all multiples of q, the one with the largest
    diagonal entry is far from 0 (S. Shepperd, "Quaternion from rotation matrix", 1978).
    """
    check_tensor(matrix, "matrix", "…", 3, 3, finite=True)
    check_rotation(matrix)
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in matrix.unbind(-2))
    products = [
        1 + a + e + i, h - f, c - g, d - b,
        h - f, 1 + a - e - i, b + d, c + g,
        c - g, b + d, 1 - a + e - i, f + h,
        d - b, c + g, f + h, 1 - a - e + i,
    ]  # fmt: skip
    outer = torch.stack(products, dim=-1).unflatten(-1, (4, 4))  # 4 q qᵀ
    largest = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None]
    column = outer.gather(-1, largest.expand(*outer.shape[:-1], 1))[..., 0]
    unit = torch.nn.functional.normalize(column, dim=-1)
    return torch.where(unit[..., :1] < 0, -unit, unit)  # q and -q are the same rotation


def rotation_6d_to_matrix(columns: Tensor) -> Tensor:
    """Return rotations (…, 3, 3) of six numbers (…, 6): two columns a₁, a₂, made orthonormal by Gram-Schmidt.

    Zhou et al. 2019, section 4.2: b₁ = a₁ / |a₁|, b₂ is what of a₂ is not along b₁, made 1
    long, b₃ = b₁ × b₂. The numbers are the first column's three, then the second's. Other code writes them
    row by row (SPIN), or takes two rows for the columns (PyTorch3D).

    Raises
    ------
    ValueError
        Where a₁ is 0 or a₂ is a multiple of it (within 1e-6): then no rotation is nearer than others.
    """
    check_tensor(columns, "columns", "…", 6, finite=True)
    first, second = columns[..., :3], columns[..., 3:]  # (…, 3) each
    x = torch.nn.functional.normalize(first, dim=-1, eps=1e-30)
    rest = second - (x * second).sum(-1, keepdim=True) * x
    flat = rest.norm(dim=-1) <= 1e-6 * second.norm(dim=-1)
    if bool((flat | (first.norm(dim=-1) < 1e-12)).any()):
        raise ValueError("columns: got two that span no plane, want a₁ not 0 and a₂ no multiple of it")
    y = torch.nn.functional.normalize(rest, dim=-1, eps=1e-30)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def matrix_to_rotation_6d(matrix: Tensor) -> Tensor:
    """Return the first two columns (…, 6) of rotations (…, 3, 3), one after the other."""
    check_tensor(matrix, "matrix", "…", 3, 3, finite=True)
    check_rotation(matrix)
    return matrix[..., :2].mT.flatten(-2)


def slerp(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Return unit quaternions (…, 4) on the way from one to another at a steady rate, by the shorter arc.

    Shoemake 1985, section 3.3: (sin((1 - t) φ) p + sin(t φ) q) / sin φ, φ the angle between p and q. For φ
    below 1e-3 the straight line stands in, and differs by less than 1e-7.

    Parameters
    ----------
    first, second : Tensor
        (…, 4), w x y z, of any length but 0; q and -q are the same rotation.
    share : Tensor
        (…), of the way, in [0, 1].
    """
    check_tensor(first, "first", "…", 4, finite=True)
    check_tensor(second, "second", *first.shape, finite=True)
    check_tensor(share, "share", *first.shape[:-1], finite=True)
    if share.numel() and not 0 <= share.min() <= share.max() <= 1:
        raise ValueError(f"share: got {share.min().item():g} to {share.max().item():g}, want 0 to 1")
    for name, quaternion in (("first", first), ("second", second)):
        if bool((quaternion.norm(dim=-1) < 1e-12).any()):
            raise ValueError(f"{name}: got one of length 0, want any other length")
    p, q = (torch.nn.functional.normalize(x, dim=-1) for x in (first, second))
    q = torch.where((p * q).sum(-1, keepdim=True) < 0, -q, q)  # the shorter arc
    # |p - q| = 2 sin (φ / 2): exact for small angles, where the arc cosine of p · q is not
    half = (p - q).square().sum(-1, keepdim=True)
    near = half < 1e-6
    angle = 2 * torch.asin(torch.where(near, 1.0, half).sqrt() / 2)
    t = share[..., None]
    low = torch.where(near, 1 - t, ((1 - t) * angle).sin() / angle.sin())
    high = torch.where(near, t, (t * angle).sin() / angle.sin())
    return torch.nn.functional.normalize(low * p + high * q, dim=-1)


def rotation_mean(matrices: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the rotation (…, 3, 3) with the least mean squared distance |R - Rᵢ|² to N of them (…, N, 3, 3).

    It is the rotation next to the mean of the matrices, U diag(1, 1, ±1) Vᵀ of its singular value
    decomposition. The mean of axis-angle vectors is another: of turns by 179° and -179° it makes no turn at
    all. Its gradient is not finite where all are the same.

    Parameters
    ----------
    matrices : Tensor
        (…, N, 3, 3), N at least 1.
    weights : Tensor, optional
        (N,), 0 or more and not all 0; equal if not given.

    Raises
    ------
    ValueError
        Where more than one rotation is nearest, such as for opposite turns.
    """
    check_tensor(matrices, "matrices", "…", "N", 3, 3, finite=True, some=True)
    check_rotation(matrices, "matrices")
    if weights is None:
        weights = torch.ones(matrices.shape[-3]).to(matrices)
    check_tensor(weights, "weights", matrices.shape[-3], finite=True)
    if bool((weights < 0).any()) or not bool(weights.sum() > 0):
        raise ValueError("weights: got some below 0 or none above it, want 0 or more and not all 0")
    mean = ((weights / weights.sum())[:, None, None] * matrices).sum(-3)  # (…, 3, 3): no rotation
    u, size, vt = torch.linalg.svd(mean)
    sign = torch.linalg.det(u @ vt).sign()
    if bool((size[..., 1] + sign * size[..., 2] < 1e-6).any()):
        raise ValueError("matrices: got ones that have no single mean, such as opposite turns")
    flip = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], dim=-1)
    return u * flip[..., None, :] @ vt


def rotation_angle_deg(first: Tensor, second: Tensor) -> Tensor:
    """Return the angle (…) in degrees, in [0, 180], that takes one rotation (…, 3, 3) to the other.

    |A - B|² = 8 sin² (θ / 2) in the Frobenius norm: exact for small angles, where the arc cosine
    of the trace is not.
    """
    check_tensor(first, "first", "…", 3, 3, finite=True)
    check_tensor(second, "second", "…", 3, 3, finite=True)
    try:
        torch.broadcast_shapes(first.shape, second.shape)
    except RuntimeError:
        got = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"second: got {got}, want as many rotations as first, or one") from None
    check_rotation(first, "first")
    check_rotation(second, "second")
    half = (first - second).square().sum((-2, -1)).clamp_min(0).sqrt() / 8**0.5
    return torch.rad2deg(2 * torch.asin(half.clamp_max(1)))


def check_rotation(matrix: Tensor, name: str = "matrix") -> None:
    """Raise ValueError unless all matrices (…, 3, 3) are rotations: R Rᵀ = 1 and det R = 1, to 1e-3."""
    with torch.no_grad():
        off = (matrix @ matrix.mT - torch.eye(3).to(matrix)).abs()
        if bool((off > 1e-3).any()) or bool((torch.linalg.det(matrix) < 0).any()):
            raise ValueError(f"{name}: got a matrix that is no rotation, want R Rᵀ = 1 and det R = 1")
