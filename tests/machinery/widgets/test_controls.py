"""Controls check their values, and say what they got and wanted."""

import numpy as np
import pytest

from lecture_utils.widgets.widget import Choice, Matrix, Slider


def test_choice_takes_values_or_labelled_pairs():
    assert Choice(["a", "b"]).value == "a" and Choice(["a", "b"]).pairs() == [("a", "a"), ("b", "b")]
    switch = Choice([("off", False), ("on", True)], False)
    assert switch.value is False and switch.probes() == [False, True]
    assert Choice(list("abcde")).probes() == ["a", "c", "e"]
    with pytest.raises(ValueError, match=r"got 'z', want one of"):
        Choice(["a", "b"], "z")
    with pytest.raises(ValueError, match="at least one option"):
        Choice([])


def test_slider_checks_its_range_and_keeps_integers():
    whole, real = Slider(0, 10, 2, 4), Slider(0.0, 1.0, 0.25)
    assert whole.probes() == [0, 4, 10] and isinstance(whole.check(4.0), int)
    assert real.value == 0.0 and real.probes() == [0.0, 0.5, 1.0]
    for value in (11, -1, 2.5, float("nan"), "3", True, None):
        with pytest.raises(ValueError, match=r"got .*, want a number from 0 to 10"):
            whole.check(value)
    for low, high, step in ((1, 1, 1), (2, 1, 1), (0, 1, 0)):
        with pytest.raises(ValueError, match="low < high"):
            Slider(low, high, step)


def test_matrix_centres_small_presets_and_refuses_the_rest():
    matrix = Matrix(5, 5, presets={"one": [[1]], "box": np.ones((3, 3))})
    assert matrix.value.sum() == 1 and matrix.value[2, 2] == 1
    assert np.array_equal(matrix.check("box")[1:4, 1:4], np.ones((3, 3))) and matrix.check("box").sum() == 9
    for value, message in (
        (np.ones((7, 7)), r"got shape \(7, 7\)"),
        (np.ones((2, 2)), r"got shape \(2, 2\)"),
        (np.ones(5), r"got shape \(5,\)"),
        ("nothing", "got 'nothing'"),
        ([[float("nan")]], "want entries from -99 to 99"),
        ([[100]], "want entries from -99 to 99"),
    ):
        with pytest.raises(ValueError, match=message):
            matrix.check(value)
    matrix.check("box")[:] = 7  # a copy: the preset stays
    assert matrix.check("box").max() == 1
