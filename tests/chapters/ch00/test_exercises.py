"""Chapter 00: the exercises' references, and what the readings rest on."""

import numpy as np
import pytest
import torch

from lecture_utils.chapters.ch00 import board
from lecture_utils.chapters.ch00.exercises import (
    apparent_frequency,
    best_step,
    mask_to_box,
    pixels_of_hue,
    pixels_of_hue_faulty,
)
from lecture_utils.chapters.ch00.figures import ARROWS, PLACES, field_map
from lecture_utils.data import photographs
from lecture_utils.exercises import checker
from lecture_utils.imaging.colour import rgb_to_hsv
from lecture_utils.imaging.formation import alias_frequency


def test_the_two_squares_are_equal_and_their_paint_is_not() -> None:
    paint, light, picture = board.checkerboard()
    assert picture.shape == (620, 960, 3) and paint.shape == light.shape == (620, 960)
    np.testing.assert_allclose(picture[board.A], picture[board.B], atol=1e-12)
    assert paint[board.B] == pytest.approx(2 * paint[board.A])
    assert light[board.A] == pytest.approx(2 * light[board.B])


def test_another_shade_parts_them() -> None:
    picture = board.checkerboard(shade=0.4).picture
    assert picture[board.B][0] < picture[board.A][0] - 0.05


@pytest.mark.parametrize("f", [0.0, 3.5, 16.0, 17.0, 27.0, 45.2, 96.0])
def test_the_alias_is_the_packages(f: float) -> None:
    assert apparent_frequency(f, 32.0) == pytest.approx(alias_frequency(f, 32.0))


def test_both_symptoms_are_in_the_photograph() -> None:
    """Reds are missing and greys are in: what the picture of the debug exercise has to show."""
    hsv = rgb_to_hsv(photographs.load("motorcycle", size=96))
    wrong, right = (f(hsv, 2.0, 12.0, 0.5) for f in (pixels_of_hue_faulty, pixels_of_hue))
    assert (right & ~wrong).float().mean() > 0.04  # of the picture: reds that were missed
    assert (wrong & ~right).float().mean() > 0.02  # what was no colour


def test_the_best_step_is_the_least_squares_solution() -> None:
    generator = torch.Generator().manual_seed(0)
    slope, missing = torch.randn(5, 20, generator=generator), torch.randn(5, 20, generator=generator)
    best = best_step(slope, missing)
    for n, s, m in zip(best, slope, missing, strict=True):
        want = torch.linalg.lstsq(s[:, None], m[:, None]).solution
        torch.testing.assert_close(n, want[0, 0])
    assert best_step(torch.zeros(2, 4), torch.ones(2, 4)).tolist() == [0, 0]


def test_a_box_holds_its_mask() -> None:
    mask = torch.zeros(6, 9, dtype=torch.bool)
    mask[2:4, 5] = True
    assert mask_to_box(mask).tolist() == [5, 2, 6, 4]


def test_hints_of_the_reading_do_not_name_the_key() -> None:
    step = checker.find("00.6")
    for mistake in step.mistakes:
        assert mistake.wrong != step.reference
        assert not any(key in mistake.hint for key in (" C ", "(C", " 2 ", "(2"))


def test_the_map_holds_all_chapters() -> None:
    numbers = set()
    for source, target, chapters, _, _ in ARROWS:
        assert source in PLACES and target in PLACES
        for part in chapters.split(","):
            first, _, last = part.strip().partition("–")
            numbers |= set(range(int(first), int(last or first) + 1))
    assert numbers == set(range(21))
    assert len(field_map().axes) == 1
