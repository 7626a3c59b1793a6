"""Comparison of answers: what counts as the same, and the words for what does not."""

from typing import Any

import numpy as np
import pytest
import torch

from lecture_utils.exercises import compare

NAN = float("nan")


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (torch.ones(2), torch.ones(2)),
        (torch.ones(2, dtype=torch.float64), torch.ones(2)),
        (torch.ones(2, dtype=torch.bfloat16), torch.ones(2)),
        (torch.ones(2, requires_grad=True) * 1, torch.ones(2)),
        (torch.tensor([NAN, 1.0]), torch.tensor([NAN, 1.0])),
        (torch.tensor([float("inf")]), torch.tensor([float("inf")])),
        (torch.ones(2, dtype=torch.int32), torch.ones(2, dtype=torch.int64)),
        (torch.zeros(0, 4), torch.zeros(0, 4)),
        (np.ones(2), np.ones(2)),
        (np.float32(0.1), 0.1),
        (torch.tensor(0.1), 0.1),
        (3, 3.0),
        (True, True),
        (np.bool_(True), True),
        (torch.tensor(True), True),
        ([1, (2.0, "a")], (1, [2.0, "a"])),
        ({"a": torch.ones(1)}, {"a": torch.ones(1)}),
        (None, None),
        ("a", "a"),
        (NAN, NAN),
        (1 + 2j, 1 + 2j),
    ],
)
def test_same(got: Any, want: Any) -> None:
    assert compare.difference(got, want) is None


@pytest.mark.parametrize(
    ("got", "want", "words"),
    [
        (torch.ones(3), torch.ones(2), ["shape (2,)", "(3,)"]),
        (torch.ones(2, 1), torch.ones(2), ["shape (2,)", "(2, 1)"]),
        (
            torch.ones(2, dtype=torch.long),
            torch.ones(2),
            ["floating-point numbers (float32)", "whole numbers (int64)"],
        ),
        (torch.ones(2, dtype=torch.bool), torch.ones(2), ["booleans"]),
        (np.ones(2), torch.ones(2), ["a tensor of shape (2,)", "a numpy array of shape (2,)"]),
        (torch.ones(2), np.ones(2), ["numpy array", "a tensor"]),
        (1.0, torch.tensor(1.0), ["a tensor of shape ()", "a float"]),
        (torch.tensor([1.0, NAN]), torch.tensor([1.0, 2.0]), ["at [1] expected 2, got nan (1 of 2"]),
        (
            torch.tensor([[1.0, 2.0], [3.0, 5.0]]),
            torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
            ["at [1, 1] expected 4, got 5"],
        ),
        (2, True, ["a bool", "an int"]),
        (True, 1, ["an int", "a bool"]),
        (3.0, 3, ["an int", "3", "a float"]),
        (1j, 1.0, ["a float", "a complex"]),
        (None, 3, ["None"]),
        (torch.ones(1), 1.0, ["a float", "a tensor of shape (1,)"]),
        ((1, 2), (1, 2, 3), ["expected 3 values, got 2"]),
        ((1, 2), (1, 3), ["(1, 3)", "(1, 2)"]),
        (
            (torch.ones(1), torch.ones(2)),
            (torch.ones(1), torch.zeros(2)),
            ["value 2 of 2", "at [0] expected 0, got 1"],
        ),
        (5, (5,), ["a tuple of 1 value", "an int"]),
        ({"a": 1}, {"b": 1}, ["keys ['b']", "['a']"]),
        ({"a": 1}, {"a": 2}, ["'a'", "expected 2, got 1"]),
        ([1], {"a": 1}, ["a dict", "a list of 1 value"]),
        ("a", "b", ["'b'", "'a'"]),
    ],
)
def test_different(got: Any, want: Any, words: list[str]) -> None:
    text = compare.difference(got, want)
    assert text is not None and text.endswith(".")
    for word in words:
        assert word in text, text


def test_values_are_shown_the_same_on_every_run() -> None:
    assert compare.show(object()) == "<object object>"
    assert compare.show(torch.tensor([[1.0, 2.0]])) == "tensor (1, 2) float32 [[1., 2.]]"
    assert compare.show(torch.zeros(0, 3)) == "tensor (0, 3) float32, empty"
    assert compare.show(torch.arange(1000.0)) == "tensor (1000,) float32, values from 0 to 999"
    assert compare.show(0.1 + 0.2) == "0.3"
    assert len(compare.show("x" * 10_000)) < 500
    assert compare.show((torch.ones(1), 2)).splitlines() == ["[0] tensor (1,) float32 [1.]", "[1] 2"]


def test_clones_share_nothing() -> None:
    original = (torch.ones(2, requires_grad=True), [np.ones(2)], {"a": torch.ones(1)}, iter([1]))
    copy = compare.clone(original)
    assert copy[0].requires_grad and copy[0].is_leaf
    copy[1][0][0] = 9
    copy[2]["a"][0] = 9
    assert compare.changed(original, copy) and not compare.changed(original, original)
    assert original[1][0][0] == 1 and original[2]["a"][0] == 1
    assert compare.changed([1], [1, 2]) is True
    assert compare.changed(torch.tensor([NAN]), torch.tensor([NAN])) is False


@pytest.mark.parametrize(
    ("got", "want", "alike"),
    [
        (torch.ones(3), torch.zeros(2, 2), True),
        (torch.ones(3, dtype=torch.float16), torch.zeros(3), True),
        (torch.ones(3, dtype=torch.long), torch.zeros(3), False),
        (np.ones(3), torch.zeros(3), False),
        (torch.ones(3, device="meta"), torch.zeros(3), True),
        ([1.0], torch.zeros(1), False),
        (3, 4.0, True),
        (3.0, 4, False),
        (True, 1, False),
        (torch.tensor(3.0), 4.0, True),
        ("a", 1, False),
        ((1, 2.0), [1, 3.0], True),
        ((1,), (1, 2), False),
        ({"a": 1}, {"a": 2}, True),
        ({"a": 1}, {"b": 1}, False),
        ("a", "b", True),
        (None, 3, False),
    ],
)
def test_a_wrong_kind_is_told_from_a_wrong_value(got: Any, want: Any, alike: bool) -> None:
    assert compare.same_kind(got, want) is alike
