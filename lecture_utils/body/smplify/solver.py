"""Least squares for many problems at once (S20.4): the steps of Levenberg and Marquardt.

The paper minimises with Powell's dogleg; this is its sister: both walk between the step of Gauss and Newton
and steepest descent, the one within a radius, the other by a damping. D. Marquardt, "An algorithm for
least-squares estimation of nonlinear parameters", 1963.

Shapes: B problems, P unknowns, R residuals.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor, check_whole

Residuals = Callable[[Tensor], Tensor]
Linearised = Callable[[Tensor], tuple[Tensor, Tensor]]


def damped_step(r: Tensor, j: Tensor, damp: Tensor) -> Tensor:
    """Return the step (B, P) with (JᵀJ + λ diag JᵀJ) step = -Jᵀr.

    In double precision: JᵀJ has the square of J's condition.

    Parameters
    ----------
    r, j, damp : Tensor
        Residuals (B, R), their derivatives (B, R, P), and λ (B, 1), each problem's own.
    """
    check_tensor(r, "r", "B", "R")
    check_tensor(j, "j", *r.shape, "P")
    check_tensor(damp, "damp", len(r), 1)
    j64 = j.double()
    a, g = j64.mT @ j64, (j64.mT @ r.double()[..., None])[..., 0]  # (B, P, P), (B, P)
    scale = a.diagonal(dim1=1, dim2=2)
    scale = scale.clamp_min(1e-6 * scale.amax(1, keepdim=True)) + 1e-9
    return -torch.linalg.solve(a + torch.diag_embed(damp * scale), g).to(r)


def levenberg_marquardt(
    residuals: Residuals, linearised: Linearised, start: Tensor, *, steps: int, damping: float = 1e-2
) -> tuple[Tensor, Tensor, Tensor]:
    """Minimise the sum of squares of each problem's residuals.

    Parameters
    ----------
    residuals : callable
        From unknowns (B, P) to residuals (B, R).
    linearised : callable
        From unknowns to the residuals and their derivatives (B, R, P).
    start : Tensor
        (B, P).
    steps : int
        How many steps; one that does not lower a problem's energy leaves that problem where it is, and damps
        its next.
    damping : float
        Of the first step, relative to the diagonal of JᵀJ.

    Returns
    -------
    x : Tensor
        (B, P).
    energies : Tensor
        (steps + 1, B), before the first step and after each; none is higher than the one before it.
    path : Tensor
        (steps + 1, B, P), the unknowns then.

    Raises
    ------
    ValueError
        For a start that is not finite, or numbers out of range.
    """
    check_tensor(start, "start", "B", "P", finite=True)
    check_whole(steps, "steps", 0)
    check_number(damping, "damping", 0, above=True)
    x, damp = start.detach(), torch.full((len(start), 1), damping).to(start)
    energies, path = [residuals(x).square().sum(1)], [x]
    for _ in range(steps):
        r, j = linearised(x)  # (B, R), (B, R, P)
        trial = x + damped_step(r, j, damp)
        trial = torch.where(trial.isfinite(), trial, x)
        energy = residuals(trial).square().sum(1)
        better = energy < energies[-1]  # (B,); False for NaN
        x = torch.where(better[:, None], trial, x)
        damp = torch.where(better[:, None], damp / 3, damp * 4).clamp(1e-7, 1e7)
        energies.append(torch.where(better, energy, energies[-1]))
        path.append(x)
    return x, torch.stack(energies), torch.stack(path)
