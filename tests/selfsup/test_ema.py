"""The moving average against its geometric series."""

import pytest
import torch
from torch import nn

from lecture_utils.selfsup.ema import EMA

pytestmark = pytest.mark.system("S03.3")


def test_equals_the_geometric_series() -> None:
    model, m, steps = nn.Linear(3, 2).double(), 0.9, 25
    ema = EMA(model, momentum=m)
    first, seen = model.weight.detach().clone(), []
    for _ in range(steps):
        with torch.no_grad():
            model.weight.normal_()
        seen.append(model.weight.detach().clone())
        ema.update(model)
    series = m**steps * first + (1 - m) * sum(m ** (steps - 1 - k) * w for k, w in enumerate(seen))
    torch.testing.assert_close(ema.average.weight, series, rtol=1e-12, atol=1e-12)


def test_buffers_follow_and_counters_are_copied() -> None:
    model = nn.BatchNorm2d(4)
    ema = EMA(model, momentum=0.5)
    for _ in range(3):
        model(torch.randn(8, 4, 5, 5) + 3)
    ema.update(model)
    torch.testing.assert_close(ema.average.running_mean, model.running_mean / 2)
    assert ema.average.num_batches_tracked == 3


@pytest.mark.parametrize(("momentum", "moves"), [(0.0, True), (1.0, False)])
def test_the_ends_of_the_range(momentum: float, moves: bool) -> None:
    model = nn.Linear(2, 2)
    ema = EMA(model, momentum=momentum)
    before = ema.average.weight.clone()
    nn.init.ones_(model.weight)
    ema.update(model)
    assert torch.equal(ema.average.weight, model.weight if moves else before)


def test_the_average_takes_no_gradient_and_leaves_the_model_alone() -> None:
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    ema = EMA(model, momentum=0.3)
    ema.update(model)
    assert not any(p.requires_grad for p in ema.average.parameters())
    assert model.training and not ema.average.training  # an average is for evaluation
    assert model.weight.requires_grad and torch.equal(model.weight, before)


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match=r"momentum 1\.5"):
        EMA(nn.Linear(2, 2), momentum=1.5)
    for momentum in (-0.01, 1.01):  # just outside
        with pytest.raises(ValueError, match=f"momentum {momentum}"):
            EMA(nn.Linear(2, 2), momentum=momentum)
    with pytest.raises(ValueError, match="other tensors"):
        EMA(nn.Linear(2, 2)).update(nn.Conv2d(1, 1, 1, bias=False))
    with pytest.raises(ValueError, match=r"these differ: \['bias', 'weight'\]"):
        EMA(nn.Linear(2, 2)).update(nn.Linear(2, 1))  # its one row would be spread over two
    with pytest.raises(ValueError, match="momentum nan"):
        EMA(nn.Linear(2, 2)).update(nn.Linear(2, 2), float("nan"))
    with pytest.raises(ValueError, match="got list, want"):
        EMA([nn.Linear(2, 2)])  # type: ignore[arg-type]


def test_tied_weights_move_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    ema = EMA(model, momentum=0.5)
    before = ema.average[0].weight.clone()
    with torch.no_grad():
        model[0].weight.add_(1)
        model[1].bias.add_(1)
    ema.update(model)
    torch.testing.assert_close(ema.average[0].weight, before + 0.5)
    assert ema.average[0].weight is ema.average[1].weight


def test_a_momentum_given_for_one_update_counts_for_that_update() -> None:
    model = nn.Linear(2, 2)
    ema = EMA(model, momentum=0.9)
    before = ema.average.weight.clone()
    with torch.no_grad():
        model.weight.add_(1)
    ema.update(model, 0.25)
    torch.testing.assert_close(ema.average.weight, before + 0.75)
    assert ema.momentum == 0.9 and EMA(model).momentum == 0.99
