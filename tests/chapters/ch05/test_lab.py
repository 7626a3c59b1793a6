"""The lab of chapter 05: its parts do what they say, its scenes are apart, its bar is reached by few."""

from pathlib import Path

import pytest
import torch

from lecture_utils.augment.warp import flip_matrix, scaling, translation
from lecture_utils.chapters.ch05 import lab, tiny_finder
from lecture_utils.exercises import checker

BLOCKS = torch.tensor([[4.0, 6, 14, 18], [2, 12, 10, 24], [8, 4, 18, 12]])


def told(function, mirror: bool, factor: float, shift: tuple[float, float]) -> float:
    """How well the told box and the painted one agree: the trick that the notebook shows."""
    settings = torch.full((3,), mirror), torch.full((3,), factor), torch.tensor([shift] * 3)
    picture, box = function(tiny_finder.painted(BLOCKS), BLOCKS, *settings)
    return float(tiny_finder.overlap(tiny_finder.around_white(picture), box).mean())


@pytest.mark.parametrize("function", [lab.shake, lab.shake_faulty])
def test_each_change_alone_is_right_even_with_the_fault(function) -> None:
    for mirror, factor, shift in (
        (False, 1.0, (0.0, 0.0)),
        (True, 1.0, (0.0, 0.0)),
        (False, 1.5, (0.0, 0.0)),
    ):
        assert told(function, mirror, factor, shift) > 0.85
    assert told(function, False, 1.0, (5.0, -3.0)) > 0.85
    assert told(function, False, 1.5, (5.0, -3.0)) > 0.85
    assert told(function, True, 1.5, (0.0, 0.0)) > 0.85


def test_the_fault_shows_where_a_picture_is_mirrored_and_shifted() -> None:
    assert told(lab.shake_faulty, True, 1.0, (5.0, -3.0)) < 0.3
    assert told(lab.shake, True, 1.0, (5.0, -3.0)) > 0.85


def test_the_fast_version_is_the_matrix_version() -> None:
    images, boxes = tiny_finder.lunch_break()
    generator = torch.Generator().manual_seed(0)
    mirrored = torch.rand(8, generator=generator) < 0.5
    factors = 0.6 + torch.rand(8, generator=generator)
    shifts = 4 * torch.rand(8, 2, generator=generator) - 2
    flip = torch.where(mirrored[:, None, None], flip_matrix(32), torch.eye(3))
    matrices = translation(*shifts.T) @ scaling(factors, factors, (16, 16)) @ flip
    ours = lab.shake(images[:8], boxes[:8], mirrored, factors, shifts)
    theirs = lab.move_examples(images[:8], boxes[:8], matrices, 0.0)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_scenes_that_score_are_neither_trained_on_nor_looked_at() -> None:
    pictures = [tiny_finder.lunch_break()[0], *(tiny_finder.exam(name)[0] for name in tiny_finder.EXAMS)]
    for one in range(len(pictures)):
        for other in range(one):
            apart = torch.cdist(pictures[one].flatten(1), pictures[other].flatten(1), p=1)
            assert apart.min() > 1.0  # no picture is in two of the sets


def test_the_lunch_break_is_bright_near_and_left_and_the_exam_is_not() -> None:
    _, boxes = tiny_finder.lunch_break()
    assert (boxes[:, ::2].mean(1) < 16).all()
    groups = tiny_finder.exam("test")
    side = (groups[1][:, 2:] - groups[1][:, :2]).prod(1).sqrt()
    assert (side < tiny_finder.FAR).float().mean() > 0.3
    assert (groups[2] < tiny_finder.DUSK).float().mean() > 0.25
    assert ((boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt() < tiny_finder.FAR).float().mean() < 0.15


def test_overlap_is_that_of_the_boxes() -> None:
    one = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 4, 4]])
    other = torch.tensor([[1.0, 0, 3, 2], [2, 2, 3, 3], [0, 0, 4, 4]])
    assert tiny_finder.overlap(one, other).tolist() == pytest.approx([1 / 3, 0, 1])


def test_the_notebook_names_the_bar() -> None:
    source = Path(__file__).parents[3] / "notebooks" / "src" / "05_data_augmentation.py"
    assert f"reach **{lab.BAR:.2f}**" in source.read_text(encoding="utf-8")
    assert checker.find("05.L3").bar == lab.BAR


@pytest.mark.nightly
def test_the_bar_is_what_its_rule_gives() -> None:
    assert lab.bar() == lab.BAR


@pytest.mark.nightly
def test_a_mindful_pipeline_reaches_the_bar_and_careless_ones_do_not() -> None:
    assert lab.exam_score(lab.augment) >= lab.BAR
    for careless in (lab.unchanged, lab.only_light, lab.moved_only, lab.left_behind, lab.too_wild):
        assert lab.exam_score(careless) < lab.BAR
