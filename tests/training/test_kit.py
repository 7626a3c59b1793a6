"""What experiments share; and every claim has sizes for all three budgets."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.data import digits, toyworld
from lecture_utils.data.toyworld import solids
from lecture_utils.experiments import ledger
from lecture_utils.training import kit
from lecture_utils.training.loop import minibatches
from lecture_utils.training.losses import cross_entropy

# What some read before they ask for sizes: small weights, all digits; the same for every budget.
LOADS_FIRST = {"C18.1": zoo, "C05.2": digits, "C05.3": digits}
WITHOUT_SIZES = ("C01.3", "C01.5", "C02.1", "C02.2")  # the same for every budget


class EnoughError(Exception):
    """Ends an experiment once it begins to work."""


def work(*_: object, **__: object) -> None:
    raise EnoughError


def test_gpu_is_full_or_more() -> None:
    assert [kit.size(budget, quick=1, full=2) for budget in ("quick", "full", "gpu")] == [1, 2, 2]
    assert kit.size("gpu", quick=1, full=2, gpu=3) == 3
    with pytest.raises(ValueError, match="got 'huge', want quick, full or gpu"):
        kit.size("huge", quick=1, full=2)


@pytest.mark.parametrize("budget", ["quick", "full", "gpu"])
@pytest.mark.parametrize("id", ledger.ids())
def test_every_claim_has_sizes_for_every_budget(
    id: str, budget: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An experiment runs until it first trains, renders or loads; by then its sizes are chosen."""
    asked: list[tuple[Any, dict[str, Any]]] = []

    def size(given: str, **sizes: Any) -> Any:
        asked.append((given, sizes))
        return kit.size(given, **sizes)

    for name, module in list(sys.modules.items()):
        if name.startswith(("lecture_utils.chapters.", "lecture_utils.recipes.")):
            for kept in vars(module).values():  # what another test has loaded before
                if hasattr(kept, "cache_clear"):
                    kept.cache_clear()
        if name.startswith("lecture_utils.chapters."):
            for door in ("fit", "captioned", "encoder_seconds", "multiply_adds", "material"):
                if hasattr(module, door):
                    monkeypatch.setattr(module, door, work)
            if hasattr(module, "size"):
                monkeypatch.setattr(module, "size", size)
    for owner, door in (
        (torch.optim.Optimizer, "__init__"),  # with one, any training begins
        (kit, "fit"),
        (zoo, "load"),
        (toyworld, "classification"),
        (toyworld, "sample_scenes"),
        (solids, "render_solids"),
        (digits, "load"),
    ):
        if LOADS_FIRST.get(id) is not owner:
            monkeypatch.setattr(owner, door, work)
    if id in WITHOUT_SIZES:
        return
    with pytest.raises(EnoughError):
        ledger.find(id)(77_777, budget)
    assert asked, "it asks for a size"
    assert all(given == budget and {"quick", "full"} <= set(sizes) for given, sizes in asked)


def test_the_best_setting_is_the_first_of_the_best() -> None:
    assert kit.best_setting("abc", {"a": 1.0, "b": 2.0, "c": 2.0}.__getitem__) == "b"
    with pytest.raises(ValueError, match="got none"):
        kit.best_setting([], float)


@pytest.mark.parametrize("cycle", [True, False])
def test_training_is_that_of_the_textbook_loop(cycle: bool) -> None:
    x, y = torch.rand(20, 3, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2

    def net() -> nn.Module:
        torch.manual_seed(0)
        return nn.Linear(3, 2)

    ours, theirs = net(), net()
    optimizer = torch.optim.AdamW(ours.parameters(), lr=0.1)
    batches = minibatches(x, y, batch_size=8, seed=1)
    kit.train_cycle(
        ours, batches, loss=cross_entropy, optimizer=optimizer, steps=6, warm_up=0.2, cycle_momentum=cycle
    )
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.1, total_steps=6, pct_start=0.2, cycle_momentum=cycle
    )
    for _, (a, b) in zip(range(6), minibatches(x, y, batch_size=8, seed=1), strict=False):
        optimizer.zero_grad()
        cross_entropy(theirs, a, b).backward()
        optimizer.step()
        schedule.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("make", [lambda x: x, lambda x: (x * 255).round().to(torch.uint8)])
def test_mirrored_takes_floats_and_bytes(make: Callable[[torch.Tensor], torch.Tensor]) -> None:
    x = make(torch.rand(30, 3, 4, 4))
    plain = x if x.is_floating_point() else x.float() / 255
    turned = kit.mirrored(x, torch.Generator().manual_seed(0))
    ways = [torch.equal(a, b) or torch.equal(a, b.flip(-1)) for a, b in zip(turned, plain, strict=True)]
    assert all(ways) and turned.dtype == torch.float32
