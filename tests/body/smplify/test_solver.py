"""Levenberg-Marquardt on many problems at once, against scipy's on one."""

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from torch import Tensor

from lecture_utils.body.smplify import solver
from lecture_utils.body.smplify.solver import levenberg_marquardt
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.4")
TIMES = torch.linspace(0, 2, 12, dtype=torch.float64)
TRUTH = torch.tensor([[2.0, -1.2, 0.3], [0.5, -3.0, 1.0], [-1.0, 0.8, 0.2]], dtype=torch.float64)
NOISE = 0.05 * torch.randn(3, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def curve(x: Tensor) -> Tensor:
    """a exp(b t) + c, (B, 12)."""
    return x[:, :1] * (x[:, 1:2] * TIMES).exp() + x[:, 2:]


def residuals(x: Tensor) -> Tensor:
    return curve(x) - curve(TRUTH) - NOISE


def linearised(x: Tensor) -> tuple[Tensor, Tensor]:
    wave = (x[:, 1:2] * TIMES).exp()
    return residuals(x), torch.stack([wave, x[:, :1] * TIMES * wave, torch.ones_like(wave)], dim=-1)


START = torch.tensor([[1.0, -0.5, 0.0], [1.0, -0.5, 0.0], [-0.5, 0.5, 0.0]], dtype=torch.float64)


def test_minimum_is_scipy_s() -> None:
    x, energies, _ = levenberg_marquardt(residuals, linearised, START, steps=60)
    for b in range(3):

        def one(p: np.ndarray, b: int = b) -> np.ndarray:
            every = START.clone()
            every[b] = torch.from_numpy(p)
            return residuals(every)[b].numpy()

        want = least_squares(one, START[b].numpy(), method="lm", xtol=1e-12, ftol=1e-12)
        assert float(energies[-1, b]) == pytest.approx(2 * want.cost, rel=1e-6)
        assert np.allclose(x[b], want.x, atol=1e-4)


def test_energy_never_rises_and_each_state_has_its_own() -> None:
    _, energies, path = levenberg_marquardt(residuals, linearised, START, steps=20)
    assert bool((energies[1:] <= energies[:-1]).all())
    for state, energy in zip(path, energies, strict=True):
        assert torch.allclose(residuals(state).square().sum(1), energy)


def test_linear_problems_take_a_step_or_two() -> None:
    a = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    want = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.0, 5.0]], dtype=torch.float64)

    def line(x: Tensor) -> Tensor:
        return (a @ (x - want)[..., None])[..., 0]

    x, _, _ = levenberg_marquardt(line, lambda y: (line(y), a), torch.zeros_like(want), steps=6, damping=1e-6)
    assert torch.allclose(x, want, atol=1e-8)


def test_problems_do_not_meet() -> None:
    """One fails at once (its residual is NaN beyond its start); the others go on."""

    def broken(x: Tensor) -> Tensor:
        r = residuals(x)
        return torch.where((x != START).any(1, keepdim=True) & (torch.arange(3) == 1)[:, None], torch.nan, r)

    x, energies, _ = levenberg_marquardt(broken, linearised, START, steps=60)
    alone, _, _ = levenberg_marquardt(residuals, linearised, START, steps=60)
    assert torch.equal(x[1], START[1])
    assert torch.allclose(x[[0, 2]], alone[[0, 2]])
    assert bool(torch.isfinite(energies).all())


@pytest.mark.parametrize(
    "fault",
    [
        ("trial = x + damped", "trial = x - damped"),
        ("damp / 3, damp * 4", "damp * 4, damp / 3"),
        ("(j64.mT @ r.double()", "(2 * j64.mT @ r.double()"),
        ("better = energy < energies[-1]", "better = energy > energies[-1]"),
    ],
)
def test_a_fault_is_seen(fault: tuple[str, str]) -> None:
    wrong = planted("lecture_utils.body.smplify.solver", fault)
    right = solver.levenberg_marquardt(residuals, linearised, START, steps=15)[1][-1]
    bad = wrong.levenberg_marquardt(residuals, linearised, START, steps=15)[1][-1]
    assert not bool((bad <= right * (1 + 1e-9)).all())


def test_bad_starts_are_refused() -> None:
    with pytest.raises(ValueError, match="start: got NaN"):
        levenberg_marquardt(residuals, linearised, START * torch.nan, steps=1)
    with pytest.raises(ValueError, match="steps: got -1"):
        levenberg_marquardt(residuals, linearised, START, steps=-1)
    with pytest.raises(ValueError, match="damping: got 0"):
        levenberg_marquardt(residuals, linearised, START, steps=1, damping=0.0)
