"""The check itself: every way in which an answer can be right, wrong, absent or dangerous."""

import contextlib
import functools
import importlib
import os
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
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.exercise import Exercise, Mistake
from lecture_utils.exercises.hints import known_mistake

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


def other_1(x: Tensor, times: int = 2) -> Tensor:
    return x * times + 1


def other_2(x: Tensor, times: int = 2) -> Tensor:
    return x / times


def other_3(x: Tensor, times: int = 2) -> Tensor:
    return x * times**2


def mine(x: Tensor, times: int = 2) -> Tensor:
    """A right answer of the learner's own."""
    return times * x


HINTS = ("Multiply each of the values.", "x * times is all there is.", "return x * times")
SAID = (
    "You added in place of multiplying.",
    "It is not always twice.",
    "You changed the sign and nothing else.",
)
MISTAKES = tuple(map(Mistake, (wrong_1, wrong_2, wrong_3), SAID))
EFFORT: dict[str, Any] = {"difficulty": 1, "minutes": 5}
DOUBLE = Exercise("98.1", "Twice as much", doubled, cases, HINTS, MISTAKES, 1, 5)


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
        f"Hint: {SAID[0]}",
    ):
        assert piece in text, (piece, text)
    assert "Right on the first" not in text


def test_a_later_case_that_fails_says_what_was_right(capsys: pytest.CaptureFixture[str]) -> None:
    check("98.1", wrong_2)
    assert "Right on the first input" in said(capsys)


def test_a_hint_speaks_of_the_mistake_and_takes_none_of_the_general_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for answer, hint in zip((wrong_2, wrong_3, wrong_1), (SAID[1], SAID[2], SAID[0]), strict=True):
        check("98.1", answer)
        text = said(capsys)
        assert f"Hint: {hint}" in text and "of 3" not in text
    assert progress.entries()["98.1"].get("hints", 0) == 0
    assert progress.entries()["98.1"]["attempts"] == 3


def test_a_known_mistake_of_another_kind_has_its_hint_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed(x: Tensor, times: int) -> Any:
        return (x * times).tolist()

    mistake = Mistake(listed, "A list is no tensor yet.")
    exercise = Exercise("98.1", "t", doubled, cases, HINTS, (*MISTAKES, mistake), **EFFORT)
    monkeypatch.setattr(checker, "exercises", lambda chapter="": [exercise])
    check("98.1", lambda x, times: [[float(v) * times for v in r] if r.ndim else float(r) * times for r in x])
    text = said(capsys)
    assert "A list is no tensor yet." in text and "no hint" not in text


def test_a_mistake_written_in_other_words_is_known_by_what_it_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    check("98.1", lambda x, times: torch.stack([row + times for row in x]) if len(x) else x)
    assert SAID[0] in said(capsys)


def test_agreement_on_the_smallest_input_alone_is_chance(capsys: pytest.CaptureFixture[str]) -> None:
    check("98.1", lambda x, times: x + times if x.ndim == 1 else x - 7)
    text = said(capsys)
    assert not any(hint in text for hint in SAID) and "Hint 1 of 3" in text


def test_general_hints_advance_with_the_code_not_with_the_clicks(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for answer in (other_1, other_1, other_2, other_2, other_3, other_1):
        check("98.1", answer)
        shown.append(said(capsys))
    hints = [next(n for n in (1, 2, 3) if f"Hint {n} of 3" in text) for text in shown]
    assert hints == [1, 1, 2, 2, 3, 3]
    assert HINTS[0] in shown[2].partition("Earlier hints")[2]
    assert "last hint" in shown[4]


def _costless() -> list[Any]:
    def typo(x: Tensor, times: int) -> Tensor:
        return y * times  # type: ignore[name-defined]  # noqa: F821

    def forgot(x: Tensor, times: int) -> None:
        x * times

    def listed(x: Tensor, times: int) -> Any:
        return (x * times).tolist()

    def whole(x: Tensor, times: int) -> Any:
        return x.long()

    def altered(x: Tensor, times: int) -> Tensor:
        return x.mul_(times)

    def unread(x: Tensor, times: int) -> Any:
        return nn.Module.__new__(nn.Module)

    return [typo, forgot, listed, whole, altered, unread, torch.ones(2), 3, mine]


@pytest.mark.parametrize("answer", _costless(), ids=lambda a: getattr(a, "__name__", type(a).__name__))
def test_errors_none_wrong_kinds_and_right_answers_take_no_hint(
    answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    check("98.1", other_1)
    assert "Hint 1 of 3" in said(capsys)
    check("98.1", answer)
    text = said(capsys)
    assert not any(f"Hint {n} of 3" in text for n in (1, 2, 3))
    assert answer is mine or ("no hint" in text and HINTS[0] in text.partition("Earlier hints")[2])
    check("98.1", other_2)
    assert "Hint 2 of 3" in said(capsys)


def test_a_mistake_that_raises_is_known_by_its_exception_and_its_other_results() -> None:
    def takes_the_first(x: Tensor, times: int) -> Tensor:
        x[0]
        return x * times

    def divides(x: Tensor, times: int) -> Tensor:
        return x * times * (len(x) // len(x))

    crash = Mistake(takes_the_first, "An empty tensor has no first value.")
    exercise = Exercise("98.1", "t", doubled, cases, HINTS, (*MISTAKES, crash), **EFFORT)
    other = lambda x, times: [x[i] * times for i in [0]] and x * times  # noqa: E731
    for answer, hint in ((takes_the_first, crash), (other, crash), (divides, None)):
        found = examine(exercise, answer)
        assert found.reason == "raises" and known_mistake(exercise, answer, found) is hint
    always = lambda x, times: [][0]  # noqa: E731
    assert known_mistake(exercise, always, examine(exercise, always)) is None


def test_what_check_returned_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    given = check("98.1", wrong_1)
    said(capsys)
    again = check("98.1", given)
    text = said(capsys)
    assert again is doubled and "course's own version" in text and "right!" not in text
    assert progress.entries()["98.1"]["done"] is False


def _wrapped() -> list[Any]:
    @functools.wraps(doubled)
    def decorated(*args: Any) -> Any:
        return doubled(*args)

    def closed(function: Any) -> Any:
        return lambda x, times: function(x, times)

    return [
        doubled,
        decorated,
        functools.partial(doubled),
        lambda x, times: doubled(x, times),
        closed(doubled),
    ]


@pytest.mark.parametrize("answer", _wrapped())
def test_the_reference_is_known_in_a_wrapper(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    check("98.1", answer)
    assert "course's own version" in said(capsys)
    assert progress.entries() == {}


def test_the_solution_typed_again_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    space: dict[str, Any] = {}
    exec("def doubled(x, times=2):\n    return x * times", space)
    assert check("98.1", space["doubled"]) is space["doubled"]
    assert "right!" in said(capsys)


@pytest.mark.parametrize(
    "want",
    [42, 0.5, "cat", (1, 2), [1, 2], torch.ones(3), np.ones(3), {"a": 1}],
    ids=lambda v: type(v).__name__,
)
def test_a_value_that_check_returned_is_no_answer_but_the_same_value_typed_is(
    want: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exercise = Exercise(
        "98.5", "Predict", want, None, HINTS, tuple(Mistake(i, SAID[0]) for i in (1, 2, 3)), **EFFORT
    )
    monkeypatch.setattr(checker, "exercises", lambda chapter="": [exercise])
    given = check("98.5", ...)
    assert compare.difference(given, want) is None and repr(given) == repr(want)
    check("98.5", given)
    assert "course's own version" in said(capsys) and progress.entries() == {}
    check("98.5", compare.clone(want))
    assert "right!" in said(capsys)


def test_known_wrong_values_have_their_hints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes = tuple(map(Mistake, (1, 2, 3), SAID))
    exercise = Exercise("98.5", "Predict", 42, None, HINTS, mistakes, **EFFORT)
    monkeypatch.setattr(checker, "exercises", lambda chapter="": [exercise])
    check("98.5", 2)
    assert SAID[1] in said(capsys)
    check("98.5", 7)
    assert "Hint 1 of 3" in said(capsys)


def _opaque() -> list[Any]:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    class Proud:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no equal")

        __hash__ = None  # type: ignore[assignment]

    return [Silent(), Proud(), nn.Module.__new__(nn.Module), torch.ones(2, device="meta"), {"a": Silent()}]


@pytest.mark.parametrize("result", _opaque(), ids=lambda r: type(r).__name__)
def test_a_result_that_cannot_be_looked_at_never_blocks(
    result: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("98.1", lambda x, times: result) is doubled
    assert "not yet" in said(capsys)
    check("98.1", result)
    assert "not yet" in said(capsys)
    exercise = Exercise("98.5", "Predict", 3, None, HINTS, MISTAKES, **EFFORT)
    assert examine(exercise, result).state == "wrong"


@pytest.mark.parametrize("error", [BaseException("b"), GeneratorExit(), KeyboardInterrupt()])
def test_what_is_no_exception_is_caught_too(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    def raising(x: Tensor, times: int) -> Tensor:
        raise error

    before = signal.getsignal(signal.SIGINT)
    assert check("98.1", raising) is doubled
    assert type(error).__name__ in said(capsys)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_code_that_cannot_be_stopped_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "UNSTOPPABLE_SECONDS", 0.4)

    def deaf(x: Tensor, times: int) -> Tensor:
        if x.numel() != 2:
            return x * times
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            time.sleep(1.2)
        finally:
            signal.sigpending()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return x * times

    before = signal.getsignal(signal.SIGINT)
    check("98.1", deaf, seconds=0.2)
    text = said(capsys)
    assert text.count("Restart the kernel") == 1
    assert signal.getsignal(signal.SIGINT) is before


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
    check("98.1", mine)
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

    exercise = Exercise("98.2", "In place", fill, one, HINTS, MISTAKES, **EFFORT)
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
        outcome = guard.call_safely(
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
    thread = threading.Thread(target=lambda: found.append(check("98.1", mine)))
    thread.start()
    thread.join()
    assert found == [mine]


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

    exercise = Exercise("98.3", "Dropout", dropped, one, HINTS, MISTAKES, **EFFORT)
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


SCALE = Exercise("98.4", "A layer", Scale, _scale_cases, HINTS, MISTAKES, **EFFORT, use=_scaled)


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
    exercise = Exercise("98.5", "Predict", want, None, HINTS, MISTAKES, **EFFORT)
    for answer in right:
        assert examine(exercise, answer).state == "right", answer
    for answer in wrong:
        found = examine(exercise, answer)
        assert found.state == "wrong", answer
        assert not found.want, "the wanted value must not be given away"
    assert examine(exercise, ...).state == "untouched"


def test_own_comparison_that_fails_is_a_wrong_answer() -> None:
    exercise = Exercise(
        "98.6", "Odd", doubled, cases, HINTS, MISTAKES, **EFFORT, same=lambda got, want: got.no_such()
    )
    assert examine(exercise, doubled).state == "wrong"
    lenient = Exercise("98.7", "Odd", doubled, cases, HINTS, MISTAKES, **EFFORT, same=lambda got, want: True)
    assert examine(lenient, wrong_3).state == "right"


def test_unknown_exercise_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"98\.9.*98\.1"):
        check("98.9", doubled)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "1.2"},
        {"id": "01.L4"},
        {"hints": ("one",)},
        {"hints": ("", "  ")},
        {"mistakes": MISTAKES[:2]},
        {"mistakes": (abs, abs, abs)},
        {"cases": None},
        {"difficulty": 4},
        {"minutes": 0},
        {"minutes": 2.5},
        {"bar": 0.5},
        {"measure": float, "bar": 0.5},
        {"reference": "D", "cases": None, "choices": (("A", "B"),)},
    ],
)
def test_a_badly_made_exercise_is_refused(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"id": "98.1", "title": "t", "reference": doubled, "cases": cases}
    fields |= {"hints": HINTS, "mistakes": MISTAKES, **EFFORT}
    Exercise(**fields)
    with pytest.raises(ValueError, match=r"Exercise|exercise"):
        Exercise(**{**fields, **change})


def test_messages_are_safe_html_and_say_in_words_what_colour_says() -> None:
    def doubled_again(x: Tensor, times: int) -> Any:
        return x + x * (times - 1)

    def mine(x: Tensor, times: int) -> Any:
        raise ValueError("<script>alert(1)</script> $x$")

    shown: list[str] = []
    original = checker.Panel.show
    checker.Panel.show = lambda self: shown.append(self.html)  # type: ignore[method-assign]
    try:
        check("98.1", mine)
        check("98.1", doubled_again)
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
