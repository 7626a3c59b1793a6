"""Muon over kernels: torch's own on the same matrices, and what becomes of the other parameters."""

import pytest
import torch
from torch import nn

from lecture_utils.recipes import _map_muon
from lecture_utils.recipes._map_muon import MapMuon, orthogonal
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.3")


def test_orthogonal_keeps_directions_and_levels_their_lengths() -> None:
    torch.manual_seed(0)
    for shape in ((6, 40), (40, 6)):
        x = torch.randn(shape)
        u, _, v = torch.linalg.svd(x, full_matrices=False)
        lengths = torch.linalg.svdvals(orthogonal(x))
        assert lengths.min() > 0.6 and lengths.max() < 1.3
        along = u.T @ orthogonal(x) @ v.T  # diagonal, where directions are kept
        assert (along - along.diag().diag()).abs().max() < 1e-3
        torch.testing.assert_close(orthogonal(100 * x), orthogonal(x), atol=1e-4, rtol=1e-4)


def test_steps_are_those_of_torch() -> None:
    """A kernel as a matrix, by `torch.optim.Muon`, which iterates in bfloat16; the bias by AdamW."""
    torch.manual_seed(0)
    ours = nn.Conv2d(4, 12, 3)
    matrix = nn.Parameter(ours.weight.detach().flatten(1).clone())
    bias = nn.Parameter(ours.bias.detach().clone())  # type: ignore[union-attr]
    start = matrix.detach().clone()
    both = MapMuon(ours, 1e-2)
    muon = torch.optim.Muon([matrix], 1e-2, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.AdamW([bias], 1e-2, weight_decay=0.0, betas=(0.9, 0.99))
    for _ in range(4):
        x = torch.randn(2, 4, 6, 6)
        both.zero_grad()
        ours(x).square().mean().backward()
        matrix.grad, bias.grad = ours.weight.grad.flatten(1).clone(), ours.bias.grad.clone()  # type: ignore
        for optimizer in (both, muon, adam):
            optimizer.step()
    moved, wanted = ours.weight.detach().flatten(1) - start, matrix.detach() - start
    assert (moved - wanted).norm() < 0.03 * wanted.norm()
    torch.testing.assert_close(ours.bias, bias)


@pytest.mark.parametrize(
    "fault",
    [
        ("(kernel.grad + MOMENTUM * moved)", "moved"),
        ("moved.mul_(MOMENTUM)", "moved.mul_(0.3)"),
        ("SIZE * max(matrix.shape) ** 0.5", "max(1, len(matrix) / matrix.shape[1]) ** 0.5"),
        (".flatten(1)  # (outputs", ".transpose(0, 1).flatten(1)  # (outputs"),
        ("self.adam.step()", "pass"),
    ],
    ids=lambda fault: fault[1],
)
def test_a_fault_in_a_step_is_seen(fault: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "MapMuon", planted(_map_muon.__name__, fault).MapMuon)
    with pytest.raises(AssertionError):
        test_steps_are_those_of_torch()


def test_one_schedule_moves_both_and_frozen_parameters_stay() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 4, 3))
    net[3].requires_grad_(False)
    frozen = net[3].weight.clone()
    optimizer = MapMuon(net, 1e-2)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 5]  # 1 × 1 kernels are no maps
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, [1e-2, 1e-2], total_steps=5, cycle_momentum=False)
    before = torch.cat([p.detach().flatten().clone() for p in net[:3].parameters()])
    net(torch.randn(2, 3, 9, 9)).square().mean().backward()
    optimizer.step()
    cycle.step()
    after = torch.cat([p.detach().flatten() for p in net[:3].parameters()])
    assert ((after - before).abs() > 0).float().mean() > 0.95
    assert torch.equal(net[3].weight, frozen)
    assert optimizer.param_groups[0]["lr"] == optimizer.param_groups[1]["lr"] != 1e-2
