"""SMPLify's derivatives in closed form, against automatic differentiation."""

from typing import Any

import pytest
import torch
import torch.autograd.forward_ad as forward

from lecture_utils.body.smplify import derivatives, objective
from lecture_utils.body.smplify.derivatives import left_jacobian
from lecture_utils.body.smplify.objective import Stage
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from tests.body.smplify import people
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.4")
TOLERANCE = 1e-7  # of the largest derivative, in double precision
STAGES = {
    "data": Stage(),
    "pose": Stage(pose=2.0),
    "limits": Stage(limits=3.0),
    "shape": Stage(shape=2.0),
    "overlap": Stage(overlap=5.0),
    "all": Stage(2.0, 3.0, 4.0, 5.0),
}
JOINED = ("data_by_joints", "joints_by_unknowns", "overlap_by_unknowns", "prior_by_pose")


def gap(stage: Stage) -> float:
    """Largest difference of the derivatives from automatic ones, over the largest of those.

    Forward differentiation: everybody stands P times in one batch, once for each unknown.
    """
    seen, x = people.problem()
    value, slope = seen.linearised(x, stage)
    assert torch.equal(value, seen.residuals(x, stage))
    size = x.shape[1]
    with forward.dual_level():
        moving = forward.make_dual(x.repeat(size, 1), torch.eye(size).double().repeat_interleave(len(x), 0))
        change = forward.unpack_dual(seen.repeated(size).residuals(moving, stage)).tangent
    assert change is not None
    want = change.unflatten(0, (size, len(x))).permute(1, 2, 0)  # (B, R, P)
    return float((slope - want).abs().max() / want.abs().max())


@pytest.mark.parametrize("name", STAGES)
def test_derivatives_are_the_automatic_ones(name: str) -> None:
    assert gap(STAGES[name]) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("data", ("axes = before @ left_jacobian(pose)", "axes = before")),
        ("data", ("axes.mT[:, None], arm", "axes[:, None], arm")),
        ("data", ("below[k] = below[parent]\n", "pass\n")),
        ("data", ("moved[parent] + world[:, parent] @ bone", "moved[parent] + bone")),
        ("data", ("- error[..., :, None] * error[..., None, :] / s2", "")),
        ("data", ("across[..., 2] = torch.cat([-ray", "across[..., 2] = torch.cat([ray")),
        ("pose", ("prior.whitening[best] / 2**0.5", "prior.whitening[best]")),
        ("overlap", ("-2 * between / spread", "2 * between / spread")),
        ("overlap", ("(0, 1 - along), (1, along)", "(0, along), (1, 1 - along)")),
        ("overlap", ("(first, 1.0, 3), (second, -1.0, 2)", "(first, 1.0, 2), (second, -1.0, 3)")),
    ],
)
def test_a_fault_is_seen(name: str, fault: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: Any = planted("lecture_utils.body.smplify.derivatives", fault)
    for function in JOINED:
        monkeypatch.setattr(objective, function, getattr(wrong, function))
    assert gap(STAGES[name]) > 1000 * TOLERANCE


@pytest.mark.parametrize("length", [0.0, 1e-4, 0.02, 1.0, 3.0])
def test_left_jacobian_turns_as_the_axis_angle_changes(length: float) -> None:
    """exp(θ + δ) = exp(J_l(θ) δ) exp(θ), to first order."""
    theta = length * torch.nn.functional.normalize(torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64), dim=0)
    step = 1e-6 * torch.tensor([0.4, 0.7, -0.2], dtype=torch.float64)
    turned = axis_angle_to_matrix(theta + step) @ axis_angle_to_matrix(theta).mT
    assert torch.allclose(matrix_to_axis_angle(turned), left_jacobian(theta) @ step, atol=1e-10)


def test_gradient_by_finite_differences() -> None:
    """Half the gradient of E is Jᵀ r: along a random direction, with all the terms."""
    seen, x = people.problem()
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    direction[:, 75:] = 0  # the radii are held, so along the shape the overlap's derivative is not its slope
    stage, step = STAGES["all"], 1e-6
    up, down = (seen.residuals(x + sign * step * direction, stage).square().sum(1) for sign in (1, -1))
    r, j = seen.linearised(x, stage)
    want = 2 * ((j.mT @ r[..., None])[..., 0] * direction).sum(1)
    assert torch.allclose((up - down) / (2 * step), want, rtol=1e-5)


def test_derivatives_module_is_the_one_in_use() -> None:
    assert all(getattr(objective, name) is getattr(derivatives, name) for name in JOINED)
