"""Spherical harmonics: SciPy's complex ones made real, orthonormal on the sphere, colours."""

import math

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F

from lecture_utils.rendering.gaussians import spherical_harmonics as sh
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.5")


def directions(n: int = 50) -> torch.Tensor:
    torch.manual_seed(0)
    return F.normalize(torch.randn(n, 3, dtype=torch.float64), dim=1)


def complex_harmonic(order: int, degree: int, polar: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
    if hasattr(scipy.special, "sph_harm_y"):
        return scipy.special.sph_harm_y(degree, order, polar, azimuth)
    return scipy.special.sph_harm(order, degree, azimuth, polar)  # SciPy before 1.15


def theirs(d: torch.Tensor) -> torch.Tensor:
    x, y, z = d.numpy().T
    polar, azimuth = np.arccos(z), np.arctan2(y, x)
    waves = []
    for degree in range(4):
        for order in range(-degree, degree + 1):
            value = complex_harmonic(abs(order), degree, polar, azimuth)
            part = value.imag if order < 0 else value.real
            waves.append(part * (math.sqrt(2) if order else 1))
    return torch.from_numpy(np.stack(waves, axis=1))


def test_all_sixteen_are_scipys():
    torch.testing.assert_close(sh.sh_basis(directions(), 3), theirs(directions()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_gsplats_reference_gives_the_same_colours(degree):
    reference = pytest.importorskip("gsplat.cuda._torch_impl")
    coefficients = 0.1 * torch.rand(50, (degree + 1) ** 2, 3, dtype=torch.float64)
    want = reference._spherical_harmonics(degree, directions(), coefficients) + 0.5
    torch.testing.assert_close(sh.sh_colours(coefficients, directions()), want)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_a_lower_degree_is_the_beginning_of_a_higher(degree):
    d = directions()
    assert torch.equal(sh.sh_basis(d, degree), sh.sh_basis(d, 3)[:, : (degree + 1) ** 2])


@pytest.mark.parametrize(
    "fault",
    [
        ("[-c1 * y, c1 * z, -c1 * x]", "[c1 * y, c1 * z, c1 * x]"),
        ("(3 * z * z - 1)", "(3 * z * z - 2)"),
        ("c2 / 2 * (x * x - y * y)", "c2 * (x * x - y * y)"),
        ("near * x * (5 * z * z - 1)]", "near * x * (4 * z * z - x * x)]"),
        ("x * (x * x - 3 * y * y)", "x * (3 * x * x - y * y)"),
    ],
)
def test_a_planted_fault_is_seen(fault):
    wrong = planted("lecture_utils.rendering.gaussians.spherical_harmonics", fault)
    assert (wrong.sh_basis(directions(), 3) - theirs(directions())).abs().max() > 1e-3


def test_squares_of_one_degree_add_to_the_same_from_everywhere():
    """Σ_m Y_l^m(d)² = (2 l + 1) / 4π (A. Unsöld 1927): no direction is special."""
    squares = sh.sh_basis(directions(), 3).square()
    for degree in range(4):
        own = squares[:, degree**2 : (degree + 1) ** 2].sum(dim=1)
        torch.testing.assert_close(own, torch.full_like(own, (2 * degree + 1) / (4 * math.pi)))


def test_colours_of_degree_0_are_the_same_from_everywhere_and_come_back():
    wanted = torch.rand(50, 3, dtype=torch.float64)
    for d in (directions(), -directions()):
        torch.testing.assert_close(sh.sh_colours(sh.sh_of_colours(wanted), d), wanted)


def test_a_colour_is_the_sum_of_waves_plus_a_half_and_not_negative():
    torch.manual_seed(1)
    coefficients = torch.randn(50, 16, 3, dtype=torch.float64)
    got = sh.sh_colours(coefficients, directions())
    want = torch.einsum("nk,nkc->nc", theirs(directions()), coefficients) + 0.5
    assert bool((want < 0).any()) and bool((want > 1).any())
    torch.testing.assert_close(got, want.clamp_min(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sh.sh_basis(directions(), 4), "degree: got 4, want 0, 1, 2 or 3"),
        (lambda: sh.sh_basis(2 * directions(), 1), "want unit vectors"),
        (lambda: sh.sh_colours(torch.zeros(5, 7, 3), torch.eye(3)[[0] * 5]), r"got 7, want one of \[1, 4"),
        (lambda: sh.sh_colours(torch.zeros(5, 4, 3), torch.eye(3)), "directions: got"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
