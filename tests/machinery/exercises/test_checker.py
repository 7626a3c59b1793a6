"""The check itself: every way in which an answer can be right, wrong, absent or dangerous."""

import contextlib
import importlib
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lecture_utils import runtime
from lecture_utils.exercises import answers, check, checker, compare, guard
from lecture_utils.exercises.checker import Exercise, examine

progress = importlib.import_module("lecture_utils.exercises.progress")  # the package's name is the function


def doubled(x: Tensor, times: int = 2) -> Tensor:
    """Reference."""
    return x * times


def cases(rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    yield torch.tensor([1.0, 2.0]), 2
    yield torch.tensor(rng.normal(size=(2, 3)), dtype=torch.float32), 3
    yield torch.zeros(0, 3), 2


def wrong_1(x: Tensor, times: int = 2) -> Tensor:
    return x + times


def wrong_2(x: Tensor, times: int = 2) -> Tensor:
    return x * 2


def wrong_3(x: Tensor, times: int = 2) -> Tensor:
    return -x


HINTS = ("Multiply each of the values.", "x * times is all there is.", "return x * times")
DOUBLE = Exercise("98.1", "Twice as much", doubled, cases, HINTS, (wrong_1, wrong_2, wrong_3))


@pytest.fixture(autouse=True)
def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(progress, "_memory", {})
    monkeypatch.setattr(progress, "_told", set())
    monkeypatch.setattr(checker, "exercises", lambda chapter="": [DOUBLE])
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_right_answer_is_returned(capsys: pytest.CaptureFixture[str]) -> None:
    def mine(x: Tensor, times: int = 2) -> Tensor:
        return times * x

    assert check("98.1", mine) is mine
    text = said(capsys)
    assert "✓" in text and "right" in text and "3 inputs" in text
    assert progress.entries()["98.1"]["done"] is True


def test_wrong_answer_shows_the_smallest_input_and_the_reference_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert check("98.1", wrong_1) is doubled
    text = said(capsys)
    for piece in (
        "not yet",
        "[1., 2.]",
        "times = 2",
        "[2., 4.]",
        "[3., 4.]",
        "At [0] expected 2, got 3",
        "Hint 1 of 3",
    ):
        assert piece in text, (piece, text)
    assert "Right on the first" not in text


def test_a_later_case_that_fails_says_what_was_right(capsys: pytest.CaptureFixture[str]) -> None:
    check("98.1", wrong_2)
    assert "Right on the first input" in said(capsys)


def test_hints_advance_with_the_code_not_with_the_clicks(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for answer in (wrong_1, wrong_1, wrong_2, wrong_2, wrong_3, wrong_1):
        check("98.1", answer)
        shown.append(said(capsys))
    hints = [next(n for n in (1, 2, 3) if f"Hint {n} of 3" in text) for text in shown]
    assert hints == [1, 1, 2, 2, 3, 3]
    assert HINTS[0] in shown[2].partition("Earlier hints")[2]
    assert "last hint" in shown[4]


def test_an_edited_helper_counts_as_new_code() -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec("def helper(x): return x\ndef mine(x): return helper(x)", space)
    before = answers.fingerprint(space["mine"])
    assert before == answers.fingerprint(space["mine"])
    exec("def helper(x): return x + 1", space)
    assert answers.fingerprint(space["mine"]) != before


def test_comments_and_layout_are_no_new_code() -> None:
    one, two = {}, {}  # type: ignore[var-annotated]
    exec("def f(x):\n    return x + 1", one)
    exec("def f(x):\n    # a thought\n\n    return (x +\n        1)", two)
    assert answers.fingerprint(one["f"]) == answers.fingerprint(two["f"])


def _stubs() -> list[Any]:
    def dots(x: Tensor) -> Tensor: ...  # type: ignore[empty-body]

    def documented(x: Tensor) -> Tensor:  # type: ignore[empty-body]
        """Do it."""

    def passed(x: Tensor) -> Tensor:  # type: ignore[empty-body]
        """Do it."""
        pass

    def raising(x: Tensor, times: int) -> Tensor:
        """Do it."""
        raise NotImplementedError("your code here")

    def begun(x: Tensor, times: int) -> Any:
        out = ...
        return out

    return [dots, documented, passed, raising, begun, ..., None]


@pytest.mark.parametrize("stub", _stubs(), ids=lambda stub: getattr(stub, "__name__", repr(stub)))
def test_untouched_stub_gets_one_friendly_line_and_no_attempt(
    stub: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("98.1", stub) is doubled
    text = said(capsys)
    assert "yours to write" in text and "Hint" not in text
    assert progress.entries() == {}


def test_the_untouched_message_is_the_same_for_every_learner(capsys: pytest.CaptureFixture[str]) -> None:
    check("98.1", ...)
    fresh = said(capsys)
    check("98.1", wrong_1)
    check("98.1", doubled)
    said(capsys)
    check("98.1", ...)
    assert said(capsys) == fresh


def test_a_stub_that_gives_up_on_a_later_case_is_an_attempt() -> None:
    def partly(x: Tensor, times: int) -> Tensor:
        if times != 2:
            raise NotImplementedError("only twice")
        return x * 2

    found = examine(DOUBLE, partly)
    assert found.state == "wrong" and "NotImplementedError" in found.problem


def test_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def forgot(x: Tensor, times: int) -> None:
        x * times

    assert check("98.1", forgot) is doubled
    assert "returned None" in said(capsys)


def test_exception_shows_type_message_and_line_but_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    space: dict[str, Any] = {}
    exec(compile("def mine(x, times):\n    y = x\n    return y[99]\n", "cell-7", "exec"), space)
    assert check("98.1", space["mine"]) is doubled
    text = said(capsys)
    assert "IndexError: index 99 is out of bounds" in text and "line 3" in text
    assert "Traceback" not in text and "guard" not in text


@pytest.mark.parametrize("error", [SystemExit(3), RecursionError(), AssertionError(), KeyError("a")])
def test_every_kind_of_exception_is_caught(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    def mine(x: Tensor, times: int) -> Tensor:
        raise error

    assert check("98.1", mine) is doubled
    assert type(error).__name__ in said(capsys)


def test_a_call_in_place_of_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("98.1", doubled(torch.ones(2))) is doubled
    text = said(capsys)
    assert "without brackets" in text and "a tensor of shape (2,)" in text


def test_wrong_number_of_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("98.1", lambda x: x) is doubled
    assert "TypeError" in said(capsys)


def test_changing_the_input_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    def mine(x: Tensor, times: int) -> Tensor:
        return x.mul_(times)

    assert check("98.1", mine) is doubled
    text = said(capsys)
    assert "changed its input x" in text and ".clone()" in text


def test_an_exercise_about_changing_in_place_may_change() -> None:
    def fill(x: Tensor) -> Tensor:
        return x.zero_()

    def one(rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        yield (torch.ones(2),)

    exercise = Exercise("98.2", "In place", fill, one, HINTS, (abs, abs, abs))
    assert examine(exercise, lambda x: x.zero_()).state == "right"


def test_prints_are_kept_and_limited(capsys: pytest.CaptureFixture[str]) -> None:
    def mine(x: Tensor, times: int) -> Tensor:
        print("I was here", tuple(x.shape))
        print("y" * 100_000)
        return x * times

    assert check("98.1", mine) is mine
    text = said(capsys)
    assert "I was here (2,)" in text and "What your code printed" in text
    assert len(text) < 3 * guard.PRINTED


def _loops() -> list[Callable[..., Any]]:
    def plain(x: Tensor, times: int) -> Tensor:
        while True:
            pass

    def stubborn(x: Tensor, times: int) -> Tensor:
        while True:
            try:
                while True:
                    x = x + 1
            except:  # noqa: E722
                pass

    def quiet(x: Tensor, times: int) -> Tensor:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(60)

    def chatty(x: Tensor, times: int) -> Tensor:
        while True:
            print("still here")

    return [plain, quiet, chatty, stubborn]


@pytest.mark.parametrize("loop", _loops(), ids=lambda f: f.__name__)
def test_an_endless_loop_is_stopped(loop: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert check("98.1", loop, seconds=0.2) is doubled
    text = said(capsys)
    assert "still running after 0.2 s" in text and "loop that never ends" in text
    assert signal.getsignal(signal.SIGINT) is before
    time.sleep(0.5)  # no late signal may come


def test_just_in_time_leaves_no_signal_behind() -> None:
    """The result comes at the very moment when the time is up: either verdict, but never a stray
    interrupt."""
    for tenth_ms in range(60):
        outcome = guard.call(
            lambda t=tenth_ms: time.sleep(0.01 + t / 10_000), seconds=0.012, seed=0, file=None
        )  # type: ignore[misc]
        assert outcome.kind in ("", "loops")
    for _ in range(1000):
        time.sleep(0)


def test_stop_by_the_user_stays_a_stop() -> None:
    def mine(x: Tensor, times: int) -> Tensor:
        signal.raise_signal(signal.SIGINT)
        return x * times

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        check("98.1", mine)
    assert signal.getsignal(signal.SIGINT) is before


def test_works_off_the_main_thread() -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(check("98.1", doubled)))
    thread.start()
    thread.join()
    assert found == [doubled]


def test_random_numbers_of_the_notebook_are_untouched_and_the_learners_fixed() -> None:
    drawn = []

    def noisy(x: Tensor, times: int) -> Tensor:
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
        return x * times

    def after() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    runtime.seed_everything(5)
    expected = after()
    for _ in range(2):
        runtime.seed_everything(5)
        examine(DOUBLE, noisy)
        assert after() == expected
    assert drawn[: len(drawn) // 2] == drawn[len(drawn) // 2 :]


def test_dropout_like_answers_can_be_compared() -> None:
    def dropped(x: Tensor) -> Tensor:
        return x * (torch.rand(x.shape) > 0.5)

    def one(rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        yield (torch.ones(50),)

    exercise = Exercise("98.3", "Dropout", dropped, one, HINTS, (abs, abs, abs))
    assert examine(exercise, lambda x: torch.where(torch.rand(x.shape) > 0.5, x, 0.0)).state == "right"


class Scale(nn.Module):
    """Reference of an exercise on a class."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def _scaled(layer: Any, factor: float, x: Tensor) -> Any:
    return layer(factor)(x)


def _scale_cases(rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    yield 2.0, torch.ones(2)
    yield 3.0, torch.ones(3)


SCALE = Exercise("98.4", "A layer", Scale, _scale_cases, HINTS, (Scale, Scale, Scale), use=_scaled)


def test_classes() -> None:
    class Mine(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.f = factor

        def forward(self, x: Tensor) -> Tensor:
            return self.f * x

    class Wrong(Mine):
        def forward(self, x: Tensor) -> Tensor:
            return x

    class Stub(nn.Module):
        def __init__(self, factor: float) -> None: ...

        def forward(self, x: Tensor) -> Tensor: ...  # type: ignore[empty-body]

    class Empty(nn.Module):
        pass

    assert examine(SCALE, Mine).state == "right"
    wrong = examine(SCALE, Wrong)
    assert wrong.state == "wrong" and wrong.case.startswith("factor = 2")
    assert examine(SCALE, Stub).state == "untouched"
    assert examine(SCALE, Empty).state == "untouched"


@pytest.mark.parametrize(
    ("want", "right", "wrong"),
    [
        (
            (1, 8, 30, 30),
            [(1, 8, 30, 30), [1, 8, 30, 30], torch.Size([1, 8, 30, 30])],
            [(1, 8, 28, 28), (8, 30, 30), "no", 7],
        ),
        (7, [7, np.int64(7), torch.tensor(7)], [7.0, 8, "7", True]),
        (0.5, [0.5, 0.5000001, np.float32(0.5), torch.tensor(0.5)], [0.6, "0.5", float("nan")]),
        ("cat", ["cat"], ["dog", 3]),
        (
            np.array([1, 2]),
            [np.array([1, 2])],
            [np.array([1.0, 2.0]), np.array([2, 1]), [1, 2], torch.tensor([1, 2])],
        ),
    ],
)
def test_values_as_answers(want: Any, right: list[Any], wrong: list[Any]) -> None:
    exercise = Exercise("98.5", "Predict", want, None, HINTS, (1, 2, 3))
    for answer in right:
        assert examine(exercise, answer).state == "right", answer
    for answer in wrong:
        found = examine(exercise, answer)
        assert found.state == "wrong", answer
        assert not found.want, "the wanted value must not be given away"
    assert examine(exercise, ...).state == "untouched"


def test_own_comparison_that_fails_is_a_wrong_answer() -> None:
    exercise = Exercise(
        "98.6", "Odd", doubled, cases, HINTS, (abs, abs, abs), same=lambda got, want: got.no_such()
    )
    assert examine(exercise, doubled).state == "wrong"
    lenient = Exercise("98.7", "Odd", doubled, cases, HINTS, (abs, abs, abs), same=lambda got, want: True)
    assert examine(lenient, wrong_3).state == "right"


def test_unknown_exercise_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"98\.9.*98\.1"):
        check("98.9", doubled)


@pytest.mark.parametrize(
    "change",
    [{"id": "1.2"}, {"hints": ("one",)}, {"hints": ("", "  ")}, {"mistakes": (abs, abs)}, {"cases": None}],
)
def test_a_badly_made_exercise_is_refused(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"id": "98.1", "title": "t", "reference": doubled, "cases": cases}
    fields |= {"hints": HINTS, "mistakes": (abs, abs, abs)}
    Exercise(**fields)
    with pytest.raises(ValueError, match=r"Exercise|exercise"):
        Exercise(**{**fields, **change})


def test_messages_are_safe_html_and_say_in_words_what_colour_says() -> None:
    def mine(x: Tensor, times: int) -> Any:
        raise ValueError("<script>alert(1)</script> $x$")

    shown: list[str] = []
    original = checker.Panel.show
    checker.Panel.show = lambda self: shown.append(self.html)  # type: ignore[method-assign]
    try:
        check("98.1", mine)
        check("98.1", doubled)
    finally:
        checker.Panel.show = original  # type: ignore[method-assign]
    assert "<script>" not in shown[0] and "$" not in shown[0] and "&lt;script&gt;" in shown[0]
    assert (
        "✗" in shown[0]
        and "not yet" in shown[0]
        and "border-left" in shown[0]
        and 'role="status"' in shown[0]
    )
    assert "✓" in shown[1] and "right" in shown[1]
    assert compare.show(mine) == "mine"
