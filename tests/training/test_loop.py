"""The training loop: it learns, it says what happened, and it can be stopped at any time."""

import inspect
import json
import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.kernel import watch
from lecture_utils.training import loop
from lecture_utils.training.loop import History, accuracy, fit, minibatches, predictions


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    return tmp_path


def cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x), y)


def blobs(n: int = 60) -> tuple[Tensor, Tensor]:
    """Three classes on a line: (N, 2), (N,)."""
    y = torch.arange(n) % 3
    x = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) * 0.1
    return x + torch.stack([y, -y], dim=1), y


def classifier() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))


def run(model: nn.Module, steps: int = 100, **options: Any) -> History:
    x, y = blobs()
    batches = options.pop("batches", minibatches(x, y, batch_size=20, seed=0))
    optimizer = options.pop("optimizer", torch.optim.Adam(model.parameters(), lr=0.03))
    settings = {"loss": cross_entropy, "progress": False} | options
    return fit(model, batches, optimizer=optimizer, steps=steps, **settings)


def test_it_learns_and_tells() -> None:
    model, (x, y) = classifier(), blobs()
    history = run(model, evaluate=lambda m: accuracy(m, x, y), evaluate_every=40)
    assert accuracy(model, x, y) == 1.0
    assert history.steps == len(history.losses) == 100 and history.losses[-1] < 0.1 < history.losses[0]
    assert [step for step, _ in history.evaluations] == [40, 80, 100]
    assert history.evaluations[-1][1] == 1.0
    assert not history.interrupted and not history.problem and history.seconds > 0


def test_it_is_the_textbook_loop() -> None:
    """The same numbers as the five lines that everyone writes."""
    model, reference, (x, y) = classifier(), classifier(), blobs()
    history = run(model, 12)
    optimizer, batches, losses = (
        torch.optim.Adam(reference.parameters(), lr=0.03),
        minibatches(x, y, batch_size=20, seed=0),
        [],
    )
    for _ in range(12):
        xs, ys = next(batches)
        value = F.cross_entropy(reference(xs), ys)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert history.losses == losses
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_the_body_can_be_shown() -> None:
    lines = inspect.getsource(fit).split('"""')[2].strip().splitlines()
    assert len(lines) <= 30


def test_a_schedule_is_advanced_once_a_step() -> None:
    model = classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    run(model, 3, optimizer=optimizer, schedule=schedule)
    assert optimizer.param_groups[0]["lr"] == 0.125


def test_images_and_weights_are_channels_last() -> None:
    model, seen = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3)), []

    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        seen.append(x.is_contiguous(memory_format=torch.channels_last))
        return F.cross_entropy(m(x), y)

    x, y = torch.rand(12, 3, 8, 8), torch.arange(12) % 3
    run(model, 2, batches=minibatches(x, y, batch_size=4, seed=0), loss=loss)
    assert seen == [True, True]
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_targets_may_be_nested() -> None:
    y = ({"boxes": torch.zeros(2, 4), "name": "x"}, [torch.ones(1)], 3)
    moved = loop.to_device(y, torch.device("cpu"))
    assert moved[0]["name"] == "x" and moved[2] == 3 and torch.equal(moved[1][0], torch.ones(1))


def test_training_mode_while_training_evaluation_mode_while_evaluating() -> None:
    model, modes = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5)), []

    def evaluate(m: nn.Module) -> float:
        modes.append((m.training, torch.is_grad_enabled()))
        return 0.0

    model.eval()
    run(model, 2, evaluate=evaluate, evaluate_every=1)
    assert modes == [(False, False), (False, False)]
    assert model.training


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_it_does_harm(
    bad: float, capsys: pytest.CaptureFixture[str]
) -> None:
    model, calls = classifier(), iter([1.0, 1.0, 1.0, bad])

    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(m(x), y) * next(calls)

    history = run(model, 50, loss=loss, label="my net")
    assert history.steps == 3 and "my net stopped at step 3 of 50" in history.problem
    said = capsys.readouterr().out
    assert str(bad) in said and "learning rate" in said
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


def test_an_interrupt_leaves_everything_usable(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    model, count = classifier(), iter(range(10**9))

    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if next(count) == 7:
            signal.raise_signal(signal.SIGINT)
        return F.cross_entropy(m(x), y)

    history = run(model, 50, loss=loss)
    assert history.interrupted and history.steps == 7
    assert capsys.readouterr().out.count("\n") == 1, "one clear line"
    assert list(home.iterdir()) == []
    assert run(model, 5).steps == 5


def test_other_errors_come_through_and_leave_no_marker(home: Path) -> None:
    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(classifier(), loss=loss)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(("every", "seen"), [(0, [4]), (3, [3, 4]), (2, [2, 4])])
def test_batches_that_run_out_are_told_and_the_end_is_evaluated(
    every: int, seen: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = blobs()
    options = {"evaluate": lambda m: accuracy(m, x, y), "evaluate_every": every, "label": "my net"}
    history = run(classifier(), 50, batches=[(x, y)] * 4, **options)
    assert history.steps == 4 and [step for step, _ in history.evaluations] == seen
    assert "my net ended after 4 of 50 steps" in history.problem and "minibatches" in history.problem
    assert capsys.readouterr().out == history.problem + "\n", "one line"
    full = run(classifier(), 4, batches=[(x, y)] * 4, **options)
    assert full.problem == "" and full.evaluations == history.evaluations and full.losses == history.losses


def test_an_iterator_used_up_before_is_told() -> None:
    history = run(classifier(), 10, batches=iter([]), evaluate=lambda m: 1.0)
    assert history.steps == 0 and history.evaluations == []
    assert "ended after 0 of 10 steps" in history.problem and "make a new one" in history.problem


def test_after_each_step_its_number_is_told_before_the_evaluation() -> None:
    model, seen = classifier(), []
    before = [p.clone() for p in model.parameters()]

    def after_step(step: int) -> None:
        moved = any(not torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
        seen.append((step, moved, model.training))

    def evaluate(m: nn.Module) -> float:
        return len(seen)

    history = run(model, 3, after_step=after_step, evaluate=evaluate, evaluate_every=1)
    assert seen == [(0, True, True), (1, True, True), (2, True, True)]
    assert history.evaluations == [(1, 1), (2, 2), (3, 3)]
    plain = run(classifier(), 3)
    assert plain.losses == history.losses


def test_no_batch_is_taken_in_vain() -> None:
    x, y = blobs()
    batches = iter([(x, y)] * 5)
    run(classifier(), 3, batches=batches)
    assert len(list(batches)) == 2


def test_zero_steps() -> None:
    history = run(classifier(), 0)
    assert history.steps == 0 and history.evaluations == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": -1}, "steps: got -1, want a whole number of 0 or more"),
        ({"steps": 5.5}, "steps: got 5.5"),
        ({"evaluate_every": -1}, "evaluate_every: got -1"),
        ({"loss": lambda m, x, y: m(x)}, r"got \(20, 3\), want a scalar tensor"),
        ({"loss": lambda m, x, y: 3.0}, "got float, want a scalar tensor"),
        (
            {"optimizer": torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0)},
            "got 2 parameters, none of which belongs to this Sequential, want an optimizer over",
        ),
    ],
)
def test_bad_arguments(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run(classifier(), **options)


def test_a_bar_only_where_wanted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(classifier(), 5, progress=True, label="seen")
    assert "seen" in capsys.readouterr().err
    monkeypatch.setenv("COURSE_STATIC", "1")
    run(classifier(), 5, progress=True, label="seen")
    assert capsys.readouterr().err == ""


# --- the marker of a run under way ------------------------------------------------------------------


def test_marker_says_how_far_it_is_while_it_runs(home: Path) -> None:
    states: list[dict[str, Any]] = []

    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        states.extend(json.loads(file.read_text()) for file in home.glob("training-*.json"))
        return F.cross_entropy(m(x), y)

    run(classifier(), 3, loss=loss, label="digits")
    assert states[0] | {"born": 0} == {
        "label": "digits",
        "step": 0,
        "steps": 3,
        "pid": os.getpid(),
        "born": 0,
    }
    assert list(home.iterdir()) == []
    assert watch.unfinished() is None


def test_a_run_under_way_is_not_called_unfinished(home: Path) -> None:
    told: list[str | None] = []

    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        told.append(watch.unfinished())
        return F.cross_entropy(m(x), y)

    run(classifier(), 2, loss=loss)
    assert told == [None, None]


def leave_marker(home: Path, number: int = 0, **changes: Any) -> Path:
    state = {"label": "digits", "step": 120, "steps": 300, "pid": os.getpid(), "born": 1.0} | changes
    path = home / f"training-1-{number}.json"
    path.write_text(json.dumps(state))
    return path


def test_a_dead_run_is_told_of_once(home: Path) -> None:
    path = leave_marker(home)  # this process's number, but another birth: the number was given anew
    message = watch.unfinished()
    assert (
        message is not None
        and "(digits, at step 120 of 300)" in message
        and "nothing of yours is lost" in message
    )
    assert not path.exists() and watch.unfinished() is None


def test_several_dead_runs_and_a_damaged_marker(home: Path) -> None:
    leave_marker(home, 0)
    leave_marker(home, 1, label="faces")
    (home / "training-2-0.json").write_text("{")
    message = watch.unfinished()
    assert message is not None and "digits" in message and "faces" in message
    assert list(home.glob("training-*")) == []


def test_training_goes_on_where_no_marker_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watch, "write_atomically", fails)
    assert run(classifier(), 3).steps == 3


# --- minibatches, predictions, accuracy -------------------------------------------------------------


def test_minibatches_cover_the_data_in_each_pass_and_shuffle_anew() -> None:
    x = torch.arange(12)
    batches = minibatches(x, x, batch_size=4, seed=1)
    passes = [torch.cat([next(batches)[0] for _ in range(3)]) for _ in range(2)]
    assert all(torch.equal(p.sort().values, x) for p in passes)
    assert not torch.equal(*passes)
    again = minibatches(x, x, batch_size=4, seed=1)
    assert torch.equal(next(again)[0], passes[0][:4])
    assert not torch.equal(next(minibatches(x, x, batch_size=4, seed=2))[0], passes[0][:4])


def test_minibatches_keep_pairs_and_are_always_full() -> None:
    x, batches = torch.arange(10), minibatches(torch.arange(10), torch.arange(10) * 2, batch_size=4, seed=0)
    for _ in range(7):
        xs, ys = next(batches)
        assert len(xs) == 4 and torch.equal(xs * 2, ys)
    assert len(next(minibatches(x, x, batch_size=64, seed=0))[0]) == 10


def test_augmentation_is_fixed_by_the_seed_and_changes_every_batch() -> None:
    def noisy(x: Tensor, generator: torch.Generator) -> Tensor:
        return x + torch.rand(x.shape, generator=generator)

    x = torch.zeros(4, 2)
    one, two = (minibatches(x, x, batch_size=4, seed=3, augment=noisy) for _ in range(2))
    first, second = next(one)[0], next(one)[0]
    assert torch.equal(first, next(two)[0]) and not torch.equal(first, second)


def test_minibatches_leave_global_random_numbers_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    next(minibatches(torch.arange(9), torch.arange(9), batch_size=3, seed=0))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("x", "y", "size", "words"),
    [(3, 4, 2, "3 and 4"), (0, 0, 2, "0 and 0"), (3, 3, 0, "batch_size"), (3, 3, 1.5, "batch_size: got 1.5")],
)
def test_minibatches_refuse_bad_input_at_once(x: int, y: int, size: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        minibatches(torch.zeros(x), torch.zeros(y), batch_size=size, seed=0)


def test_predictions_do_not_depend_on_the_batch_size_or_the_mode() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    x = torch.randn(7, 2)
    model.train()
    ways = [predictions(model, x, batch_size=size) for size in (1, 3, 256)]
    assert model.training and ways[0].shape == (7, 3) and not ways[0].requires_grad
    for way in ways[1:]:
        torch.testing.assert_close(way, ways[0])


def test_accuracy() -> None:
    x = torch.eye(4)
    for integers in (torch.int64, torch.int32, torch.uint8):
        assert accuracy(nn.Identity(), x, torch.tensor([0, 1, 2, 0], dtype=integers)) == 0.75


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (torch.eye(4), torch.arange(3), r"labels: got torch.int64 \(3,\), want numbers \(4,\)"),
        (torch.eye(4), torch.arange(4)[:, None], r"\(4, 1\), want numbers \(4,\)"),
        (torch.eye(4), torch.tensor([0, 1, 2, 4]), "from 0 to 4, want 0 to 3"),
        (torch.eye(4), torch.tensor([0, 1, 2, -1]), "from -1 to 2, want 0"),
        (torch.eye(4), torch.arange(4.0), "float32"),
        (torch.eye(4), torch.ones(4, dtype=torch.bool), "bool"),
        (torch.eye(4), torch.arange(4).numpy(), "got ndarray, want a torch.Tensor"),
        (torch.eye(4), [0, 1, 2, 3], "got list, want a torch.Tensor"),
        (torch.full((4, 4), math.nan), torch.arange(4), "logits: got NaN"),
        (
            torch.zeros(4),
            torch.zeros(4, dtype=torch.int64),
            r"logits: .*\(4,\), want floating point \(4, C\)",
        ),
        (torch.zeros(4, 3, 2), torch.zeros(4, dtype=torch.int64), r"logits: .*\(4, 3, 2\)"),
        (torch.eye(4)[:0], torch.zeros(0, dtype=torch.int64), "at least one"),
        (torch.eye(4).tolist(), torch.arange(4), "x: got list"),
    ],
)
def test_accuracy_refuses_what_would_give_a_wrong_number(x: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        accuracy(nn.Identity(), x, y)


@pytest.mark.parametrize("x", [torch.tensor(3.0), [1.0, 2.0], torch.zeros(0, 2)])
def test_predictions_of_no_samples_are_refused(x: Any) -> None:
    with pytest.raises(ValueError, match=r"want a torch\.Tensor"):
        predictions(nn.Identity(), x)
    with pytest.raises(ValueError, match="batch_size: got 0"):
        predictions(nn.Identity(), torch.zeros(3, 2), 0)
    with pytest.raises(ValueError, match="y: got list"):
        minibatches(torch.zeros(3), [0, 1, 2], batch_size=1, seed=0)  # type: ignore[arg-type]


def test_generators_as_batches() -> None:
    x, y = blobs()

    def endless() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield x, y

    assert run(classifier(), 3, batches=endless()).steps == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_cuda() -> None:
    model, (x, y) = classifier().cuda(), blobs()
    run(model)
    assert accuracy(model, x, y) == 1.0 and predictions(model, x).device.type == "cpu"
