"""Marching squares: scikit-image's contours, a circle's length and area, and which side is which."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from skimage.measure import find_contours

from lecture_utils.geometry import marching_squares as sq
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")
MODULE = "lecture_utils.geometry.marching_squares"


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def as_set(lines):
    """Lines as a set of segments without direction, rounded."""
    found = set()
    for line in lines:
        ends = [tuple(np.round(end, 6).tolist()) for end in np.asarray(line)]
        found |= {tuple(sorted(pair)) for pair in pairwise(ends)}
    return found


def wrong_segments(module, level=0.1):
    """Segments that only one of the two has; noise has all sixteen cases, the two with two answers too."""
    count = 0
    for shape in ((20, 31), (2, 9), (13, 2)):
        values = noise(*shape)
        ours = module.join_segments(module.marching_squares(values, level))
        count += len(as_set(ours) ^ as_set(find_contours(values.numpy(), level)))
    return count


def test_the_outline_is_scikit_image_s():
    assert wrong_segments(sq) == 0
    values = noise(20, 31)
    above = (values > 0.1).long()
    case = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    assert case.unique().numel() == 16


def test_lines_are_as_many_and_as_long_as_scikit_image_s():
    values = noise(20, 31, seed=2)
    ours = sq.join_segments(sq.marching_squares(values, 0.0))
    theirs = find_contours(values.numpy(), 0.0)
    assert sorted(map(len, ours)) == sorted(map(len, theirs))


FAULTS = (
    ("((LEFT, TOP), (RIGHT, BOTTOM))", "((LEFT, BOTTOM), (RIGHT, TOP))"),
    ("0b0110: ((TOP, BOTTOM),)", "0b0110: ((LEFT, RIGHT),)"),
    ("(level - values) / (across - values)", "0.5"),
    ("values.roll(-1, 1), values.roll(-1, 0)", "values.roll(-1, 0), values.roll(-1, 1)"),
)


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_turn_the_outline_red(fault):
    assert wrong_segments(planted(MODULE, fault)) > 5


def circle():
    row, column = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    return 12.3 - torch.hypot(row - 19.2, column - 24.7)


def test_a_circle_is_one_closed_line_of_its_length_and_area():
    (line,) = sq.join_segments(sq.marching_squares(circle()))
    assert torch.equal(line[0], line[-1])
    assert float(line.diff(dim=0).norm(dim=1).sum()) == pytest.approx(2 * math.pi * 12.3, rel=0.01)
    row, column = line[:-1].T
    area = 0.5 * float((column * row.roll(-1) - row * column.roll(-1)).sum())  # rows downwards
    assert -area == pytest.approx(math.pi * 12.3**2, rel=0.01)  # anticlockwise to the eye: inside on the left


def test_all_segments_have_what_is_above_on_their_left():
    row, column = torch.meshgrid(torch.arange(12.0), torch.arange(15.0), indexing="ij")
    values = (0.5 * row).sin() * (0.4 * column).cos() + 0.1 * row.cos()
    outline = sq.marching_squares(values, 0.2)
    middle = outline.segments.mean(1)
    along = outline.segments[:, 1] - outline.segments[:, 0]  # row, column
    long = along.norm(dim=1) > 0.3
    left = torch.stack([-along[:, 1], along[:, 0]], 1)  # of (down, right): turned anticlockwise to the eye
    step = 1e-3 * left / along.norm(dim=1, keepdim=True)
    sides = []
    for sign in (1, -1):
        at = (middle + sign * step)[long]
        cell = at.floor().clamp_min(0).long()
        r, c = (at - cell).unbind(1)
        i, j = cell.unbind(1)
        i, j = i.clamp_max(10), j.clamp_max(13)
        sides.append(
            (1 - r) * (1 - c) * values[i, j] + (1 - r) * c * values[i, j + 1]
            + r * (1 - c) * values[i + 1, j] + r * c * values[i + 1, j + 1]
        )  # fmt: skip
    assert float((sides[0] > sides[1]).double().mean()) == 1


@pytest.mark.parametrize("values", [torch.ones(4, 5), -torch.ones(4, 5), torch.zeros(4, 5)])
def test_without_a_crossing_there_is_no_line(values):
    outline = sq.marching_squares(values)
    assert outline.segments.shape == (0, 2, 2) and sq.join_segments(outline) == []


def test_values_that_equal_the_level_count_as_below():
    values = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    (line,) = sq.join_segments(sq.marching_squares(values))
    assert torch.equal(line[0], line[-1]) and len(line) == 5


@pytest.mark.parametrize(
    "bad", [torch.ones(5), torch.ones(1, 5), torch.full((3, 3), math.nan), torch.ones(3, 3).int()]
)
def test_bad_grids_are_refused(bad):
    with pytest.raises(ValueError, match=r"values: got .*want"):
        sq.marching_squares(bad)
