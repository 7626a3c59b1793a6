"""A whole lab on a toy system: assemble a training step, find a planted fault, reach a bar, read a figure."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lecture_utils.exercises import check, checker
from lecture_utils.exercises import progress as table
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.exercise import Exercise, Lab, Mistake, order
from lecture_utils.exercises.hints import known_mistake

progress: Any = importlib.import_module("lecture_utils.exercises.progress")


# --- step 1: assemble one training step of a linear model -----------------------------------------------
def training_step(weight: Tensor, x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, float]:
    """One step of gradient descent on the mean squared error of x @ weight."""
    error = x @ weight - y
    return weight - rate * 2 * x.T @ error / len(x), float(error.square().mean())


def uphill(weight: Tensor, x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, float]:
    return training_step(weight, x, y, -rate)


def summed(weight: Tensor, x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, float]:
    return training_step(weight, x, y, rate * len(x))


def loss_after(weight: Tensor, x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, float]:
    new, _ = training_step(weight, x, y, rate)
    return new, training_step(new, x, y, rate)[1]


def batches(rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    yield torch.zeros(1), torch.ones(2, 1), torch.ones(2), 0.1
    for size in (3, 5):
        x = torch.tensor(rng.normal(size=(size, 2)), dtype=torch.float32)
        yield torch.ones(2), x, x @ torch.tensor([2.0, -1.0]), 0.05


# --- step 2: a planted fault: the class keeps its running mean by the wrong share -------------------------
class Running:
    """A running mean."""

    def __init__(self, momentum: float) -> None:
        self.momentum, self.value = momentum, 0.0

    def see(self, new: float) -> float:
        self.value = self.momentum * self.value + (1 - self.momentum) * new
        return self.value


class Planted(Running):
    def see(self, new: float) -> float:
        self.value = (1 - self.momentum) * self.value + self.momentum * new
        return self.value


class Restarted(Running):
    def see(self, new: float) -> float:
        return (1 - self.momentum) * new


class Added(Running):
    def see(self, new: float) -> float:
        self.value += (1 - self.momentum) * new
        return self.value


def watched(kind: Any, momentum: float, values: list[float]) -> list[float]:
    running = kind(momentum)
    return [running.see(value) for value in values]


def series(rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    yield 0.9, [1.0]
    yield 0.9, [1.0, 1.0]
    yield 0.75, rng.normal(size=6).tolist()


# --- step 3: a number to reach ----------------------------------------------------------------------------
def model(weight: float, training: bool = False) -> nn.Module:
    found = nn.Linear(1, 1, bias=False).train(training)
    with torch.no_grad():
        found.weight.fill_(weight)
    return found


def share_right(answer: Any) -> float:
    x = torch.linspace(-1, 1, 20)[:, None]
    with torch.no_grad():
        return float(((answer(x) > 0) == (x > 0)).float().mean())


HINTS = ("Look at one number at a time.", "Compare it with the equation above.")
STEP_1 = Exercise(
    "97.L1", "One step", training_step, batches, HINTS,
    (
        Mistake(uphill, "Your loss grows from step to step: which way is down?"),
        Mistake(summed, "Your step grows with the batch: the loss is a mean."),
        Mistake(loss_after, "Your loss is that of the new weights, after the step."),
    ),
    difficulty=2, minutes=12,
)  # fmt: skip
STEP_2 = Exercise(
    "97.L2", "A mean that jumps", Running, series, HINTS,
    (
        Mistake(Planted, "It still jumps to each new value: who has the larger share?"),
        Mistake(Restarted, "It forgets what it saw: the old value has a share too."),
        Mistake(Added, "It grows without end: the shares have to sum to 1."),
    ),
    difficulty=2, minutes=10, use=watched,
)  # fmt: skip
STEP_3 = Exercise(
    "97.L3", "Reach 90 %", model(1.0), None, HINTS,
    (
        Mistake(model(-1.0), "Each answer is the opposite of the right one."),
        Mistake(model(0.0), "Your model says the same about every picture."),
        Mistake(model(-1.0, True), "Your model is still in training mode.", when=lambda m: m.training),
    ),
    difficulty=3, minutes=10, measure=share_right, bar=0.9,
)  # fmt: skip
LAB = Lab("97.L", "A linear model, by hand", (STEP_1, STEP_2, STEP_3))
SHORT = Exercise("97.1", "Before it", training_step, batches, HINTS, STEP_1.mistakes, 1, 5)
READING = Exercise(
    "96.L3", "Read the figure", ("B", "2"), None, HINTS,
    (
        Mistake(("A", "2"), "The two curves cross: look at the right end."),
        Mistake(("B", "1"), "The axis is logarithmic: what is a straight line there?"),
        Mistake(("C", "3"), "The bars are an interval, not the range of the data."),
    ),
    difficulty=2, minutes=8, choices=(("A", "B", "C"), ("1", "2", "3")),
)  # fmt: skip


@pytest.fixture(autouse=True)
def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(progress, "_memory", {})
    everything = [*LAB.steps, READING, SHORT]
    monkeypatch.setattr(checker, "labs", lambda chapter="": [LAB])
    monkeypatch.setattr(
        checker, "exercises", lambda chapter="": sorted(everything, key=lambda e: order(e.id))
    )


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


@pytest.mark.parametrize("step", [*LAB.steps, READING], ids=lambda step: step.id)
def test_every_step_accepts_its_reference_and_answers_each_mistake_with_its_hint(step: Exercise) -> None:
    assert examine(step, step.reference).state == "right"
    for mistake in step.mistakes:
        found = examine(step, mistake.wrong)
        assert found.state == "wrong" and known_mistake(step, mistake.wrong, found) is mistake


def test_an_untouched_step_says_one_friendly_line_and_the_notebook_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stub(weight: Tensor, x: Tensor, y: Tensor, rate: float) -> Any:
        """One step."""
        ...

    assert check("97.L1", stub) is training_step
    assert check("97.L3", ...) is STEP_3.reference
    assert check("96.L3", ...) == ("B", "2")
    text = said(capsys)
    assert "Lab 97, step 1 (assemble), One step: yours to write (difficulty 2 of 3, about 12 min)" in text
    assert text.count("yours to write") == 3 and progress.entries() == {}


def test_a_lab_from_the_first_try_to_the_last_step(capsys: pytest.CaptureFixture[str]) -> None:
    def mine(weight: Tensor, x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, float]:
        weight = weight.clone().requires_grad_()
        loss = (x @ weight - y).square().mean()
        (gradient,) = torch.autograd.grad(loss, weight)
        return (weight - rate * gradient).detach(), loss.item()

    class Mended(Planted):
        def see(self, new: float) -> float:
            self.value += (1 - self.momentum) * (new - self.value)
            return self.value

    check("97.L1", uphill)
    assert "which way is down?" in said(capsys)
    assert check("97.L1", mine) is mine
    check("97.L2", Planted)
    assert "larger share" in said(capsys)
    assert check("97.L2", Mended) is Mended
    check("97.L3", model(0.0))
    text = said(capsys)
    assert "Expected: 0.9 or more" in text and "Got: 0.5" in text and "same about every picture" in text
    check("97.L3", model(1.0, True))
    good = model(2.0)
    assert check("97.L3", good) is good
    assert "It reaches 1 (wanted: 0.9 or more)" in said(capsys)
    check("97.L3", STEP_3.reference)
    assert "course's own version" in said(capsys)


def test_a_reading_and_its_reason_are_judged_apart(capsys: pytest.CaptureFixture[str]) -> None:
    check("96.L3", ("b", 3))
    assert "reading is right, but this reason" in said(capsys)
    check("96.L3", ("c", 2))
    assert "reason is true, but it speaks for another" in said(capsys)
    check("96.L3", ("B", "1"))
    assert "The axis is logarithmic" in said(capsys)
    check("96.L3", "B")
    text = said(capsys)
    assert "Choose one of A, B, C and one of 1, 2, 3." in text and "no hint" in text
    assert check("96.L3", ("b", 2)) == ("b", 2)
    assert "right!" in said(capsys)


def test_what_a_measure_gives_that_is_no_number_never_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    for answer in (lambda x: 3.0, lambda x: x[99], lambda x: "no"):
        assert check("97.L3", answer) is STEP_3.reference
        assert "not yet" in said(capsys)


def test_progress_shows_a_lab_under_its_own_heading() -> None:
    progress.record("97.L1", done=True, fingerprint="a")
    panel = table("97")
    text = str(panel)
    lines = text.splitlines()
    heading = next(i for i, line in enumerate(lines) if line.startswith("Lab 97.L: A linear model"))
    assert "about 32 min in 3 steps" in lines[heading]
    rows = {line.split()[0]: (i, line) for i, line in enumerate(lines) if line[:2] == "97"}
    assert rows["97.1"][0] < heading < rows["97.L1"][0] < rows["97.L3"][0]
    assert "✓ done" in rows["97.L1"][1] and "next" in rows["97.1"][1]
    assert lines[0].endswith("1 of 4 exercises done")
    assert lines[-1] == "Next: 97.1 Before it. All that is open takes about 25 min."
    assert panel._repr_html_().count("<table") == 2


@pytest.mark.parametrize("steps", [(STEP_1, STEP_2), (STEP_2, STEP_1, STEP_3), (STEP_1, STEP_2, READING)])
def test_a_lab_of_other_steps_is_refused(steps: Any) -> None:
    with pytest.raises(ValueError, match=r"got the steps .* want .*97.L1.*assemble, debug, interpret"):
        Lab("97.L", "t", steps)
    with pytest.raises(ValueError, match="got '97', want one like"):
        Lab("97", "t", LAB.steps)
