"""One-cycle training: the same numbers as its parts by hand, and the rate where it is said to be."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.training.loop import fit, minibatches
from lecture_utils.training.one_cycle import one_cycle


def squared_error(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(model(x), y)


def start() -> tuple[nn.Module, torch.optim.Optimizer, object]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x, y = torch.randn(64, 4), torch.randn(64, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-2)
    return model, optimizer, minibatches(x, y, batch_size=16, seed=0)


@pytest.mark.parametrize("cycle_momentum", [True, False])
def test_it_is_fit_with_a_one_cycle_schedule(cycle_momentum: bool) -> None:
    model, optimizer, batches = start()
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-2, total_steps=80, pct_start=0.1, cycle_momentum=cycle_momentum
    )
    history = fit(model, batches, loss=squared_error, optimizer=optimizer, steps=80, schedule=schedule)  # type: ignore[arg-type]
    other, optimizer, batches = start()
    same, info = one_cycle(
        other, batches, loss=squared_error, optimizer=optimizer, steps=80, warm_up=0.1, label="test",
        cycle_momentum=cycle_momentum, clock=itertools.count(10.0, 2.5).__next__,
    )  # type: ignore[arg-type]  # fmt: skip
    assert same is other and not same.training
    for a, b in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.equal(a, b)
    assert info == {"steps": 80, "seconds": 2.5, "loss": sum(history.losses[-50:]) / 50}


def test_the_rate_rises_to_the_optimizers_own_and_falls() -> None:
    model, optimizer, batches = start()
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "lr": 1e-3})
    seen = []

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        seen.append([group["lr"] for group in optimizer.param_groups])
        return squared_error(model, x, y)

    one_cycle(model, batches, loss=loss, optimizer=optimizer, steps=40, warm_up=0.25, label="test")  # type: ignore[arg-type]
    rates = torch.tensor(seen)  # (40, 2 groups)
    torch.testing.assert_close(rates.amax(0), torch.tensor([3e-2, 1e-3]))
    assert rates[:, 0].argmax() == 9 and (rates[:9, 0].diff() > 0).all() and (rates[10:, 0].diff() < 0).all()
    assert rates[-1, 0] < 1e-4


def test_what_ends_early_tells_its_steps() -> None:
    model, optimizer, batches = start()
    few = itertools.islice(batches, 3)  # type: ignore[call-overload]
    info = one_cycle(
        model, few, loss=squared_error, optimizer=optimizer, steps=10, warm_up=0.3, label="test"
    )[1]
    assert info["steps"] == 3


def test_after_each_step_and_bad_input() -> None:
    model, optimizer, batches = start()
    seen: list[int] = []
    options = {"loss": squared_error, "optimizer": optimizer, "label": "test"}
    one_cycle(model, batches, steps=3, warm_up=0.3, after_step=seen.append, **options)  # type: ignore[arg-type]
    assert seen == [0, 1, 2]
    for changes, words in (
        ({"steps": 0}, "steps: got 0"),
        ({"warm_up": 1.5}, "warm_up: got 1.5"),
        ({"batches": []}, "no step done of 4.*no batches were left"),
    ):
        settings = {"batches": batches, "steps": 4, "warm_up": 0.3} | options | changes
        with pytest.raises(ValueError, match=words):
            one_cycle(model, settings.pop("batches"), **settings)  # type: ignore[arg-type]
