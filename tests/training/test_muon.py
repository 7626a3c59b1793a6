"""Muon and AdamW as one optimiser: each moves its own, by one schedule."""

import pytest
import torch
from torch import nn

from lecture_utils.training.muon import MuonAndAdamW


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)), nn.Linear(8, 2))


def test_each_parameter_moves_as_its_own_optimiser_says() -> None:
    ours, theirs, x = net(), net(), torch.randn(16, 4)
    both = MuonAndAdamW(ours, ours[1], 1e-2, decay=0.1)
    matrix = [theirs[1][0].weight]
    rest = [p for p in theirs.parameters() if p is not matrix[0]]
    parts = (
        torch.optim.Muon(matrix, lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=1e-2, weight_decay=0.0, betas=(0.9, 0.98)),
    )
    for _ in range(3):
        for model, optimizers in ((ours, (both,)), (theirs, parts)):
            model.zero_grad()
            model(x).square().mean().backward()
            for optimizer in optimizers:
                optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_schedule_moves_the_rate_of_both() -> None:
    model = net()
    optimizer = MuonAndAdamW(model, model[1], 1e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    model(torch.randn(2, 4)).sum().backward()
    optimizer.step()
    schedule.step()
    assert [group["lr"] for part in optimizer.parts for group in part.param_groups] == [5e-3, 5e-3]


def test_all_parameters_are_moved_once() -> None:
    model = net()
    optimizer = MuonAndAdamW(model, model[1], 1e-2)
    moved = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in moved} == {id(p) for p in model.parameters()} and len(moved) == 8


def test_bad_input_is_told() -> None:
    model = net()
    for layers, options, words in (
        (nn.Linear(8, 8), {}, "1 matrices, 0 of them the model's"),
        (model[1][1], {}, "0 matrices"),
        (model[1], {"rate": -1.0}, "rate: got -1.0"),
        (model[1], {"decay": float("nan")}, "decay: got nan"),
    ):
        with pytest.raises(ValueError, match=words):
            MuonAndAdamW(model, layers, **{"rate": 1e-2} | options)
