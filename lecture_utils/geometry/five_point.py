"""The five-point algorithm (S18.2): essential matrices from five matches, of a plane too.

- D. Nistér, "An Efficient Solution to the Five-Point Relative Pose Problem", PAMI 2004: the ten cubic
  equations that make a matrix essential.
- H. Stewénius, C. Engels, D. Nistér, "Recent Developments on Direct Relative Orientation", ISPRS Journal
  2006: solved by eigenvectors, as here.

The eight-point algorithm solves for E's nine numbers as if they were free, and is misled where depth hardly
varies. Here E = x X + y Y + z Z + W of the four matrices that five matches leave, and must satisfy det E = 0
and 2 E Eᵀ E = tr(E Eᵀ) E. Multiplying by x takes a space of ten monomials to itself; its eigenvectors are the
solutions, ten at most.

Shapes: B samples of S = 5 matches.
"""

import itertools

import torch
from torch import Tensor

from lecture_utils.geometry.epipolar import homogeneous
from lecture_utils.ops.checks import check_tensor

# Products of three of (x, y, z, 1) by their numbers: first the ten cubes, then the ten of lower degree.
_TRIPLES: list[tuple[int, ...]] = sorted(
    itertools.combinations_with_replacement(range(4), 3), key=lambda t: (t.count(3) > 0, t)
)
_CUBES, _LOWER = _TRIPLES[:10], _TRIPLES[10:]


def five_point(a: Tensor, b: Tensor) -> Tensor:
    """The essential matrices that five matches fit.

    Parameters
    ----------
    a, b : Tensor
        (B, 5, 2) as x / z, y / z: K taken off, as `image_coordinates` does.

    Returns
    -------
    Tensor
        (B, 10, 3, 3) of length 1, in double precision; NaN in the place of solutions that are not real.

    Raises
    ------
    ValueError
        For other shapes or types, NaN.
    """
    check_tensor(a, "a", "B", 5, 2, finite=True)
    check_tensor(b, "b", len(a), 5, 2, finite=True)
    rows = homogeneous(b.double())[..., :, None] * homogeneous(a.double())[..., None, :]  # (B, 5, 3, 3)
    _, _, right = torch.linalg.svd(rows.flatten(2), full_matrices=True)
    basis = right[:, 5:].unflatten(2, (3, 3))  # (B, 4, 3, 3): X, Y, Z, W
    equations = essential_constraints(basis)  # (B, 10, 20)
    reduced, _ = torch.linalg.solve_ex(equations[..., :10], equations[..., 10:])
    values, vectors = torch.linalg.eig(times_x(-reduced.nan_to_num(0, 0, 0)))  # (B, 10), (B, 10, 10)
    real = values.imag.abs() < 1e-8 * (1 + values.real.abs())
    place = [_LOWER.index((i, 3, 3)) for i in range(4)]
    weights = vectors[:, place].real.mT / vectors[:, place[3:]].real.mT  # (B, 10, 4): x, y, z, 1
    essential = torch.einsum("bsi,bijk->bsjk", weights, basis)
    essential = essential / essential.flatten(2).norm(dim=2)[..., None, None]
    return torch.where(real[..., None, None], essential, torch.nan)


def essential_constraints(basis: Tensor) -> Tensor:
    """The ten cubic equations of E = Σ w_i E_i, as coefficients (B, 10, 20) of the monomials.

    `basis` holds the E_i, (B, 4, 3, 3).
    """
    check_tensor(basis, "basis", "B", 4, 3, 3, finite=True)
    long = torch.einsum("ziab,zjcb,zkcd->zadijk", basis, basis, basis)  # E Eᵀ E, before the weights
    trace = torch.einsum("ziab,zjab,zkcd->zcdijk", basis, basis, basis)  # tr(E Eᵀ) E
    crossed = torch.linalg.cross(basis[:, :, None, 1], basis[:, None, :, 2], dim=-1)  # (B, 4, 4, 3)
    det = torch.einsum("zia,zjka->zijk", basis[:, :, 0], crossed)
    forms = torch.cat([(2 * long - trace).flatten(1, 2), det[:, None]], dim=1)  # (B, 10, 4, 4, 4)
    index = [_TRIPLES.index(tuple(sorted(t))) for t in itertools.product(range(4), repeat=3)]
    out = forms.new_zeros(*forms.shape[:2], len(_TRIPLES))
    return out.index_add_(2, torch.tensor(index), forms.flatten(2))


def times_x(reduced: Tensor) -> Tensor:
    """The matrix (B, 10, 10) that takes the lower monomials to x times them.

    `reduced` (B, 10, 10) says what the cubes are of the lower ones.
    """
    check_tensor(reduced, "reduced", "B", 10, 10)
    out = torch.zeros_like(reduced)
    for row, (i, j, k) in enumerate(_LOWER):
        product = tuple(sorted((0, i, j, k)))[:3]  # the last is a 3, which stands for 1
        if product in _CUBES:
            out[:, row] = reduced[:, _CUBES.index(product)]
        else:
            out[:, row, _LOWER.index(product)] = 1
    return out
