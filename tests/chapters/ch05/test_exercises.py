"""Chapter 05's exercises: the references are what the package computes, the reading is what a run gives."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lecture_utils.augment import annotations, cutmix, warp
from lecture_utils.augment.copy_paste import Instances, paste
from lecture_utils.augment.warp import rotation, translation, warp_image
from lecture_utils.chapters.ch05.solutions import after_paste, after_paste_faulty, cutmix_box
from lecture_utils.data import digits
from lecture_utils.exercises import checker
from lecture_utils.exercises.hints import known_mistake

SEEDS = range(3)
SOURCE = Path(__file__).parents[3] / "notebooks" / "src" / "05_data_augmentation.py"


def cases(id: str, seed: int):
    return checker.find(id).cases(np.random.default_rng(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_values_between_pixels_are_the_packages(seed: int) -> None:
    bilinear = checker.find("05.1").reference
    for image, x, y in cases("05.1", seed):
        theirs = warp.sample_bilinear(image[None, None], torch.tensor([[[[x, y]]]]))
        assert bilinear(image, x, y) == pytest.approx(float(theirs), abs=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_inverse_matrix_is_the_packages(seed: int) -> None:
    for degrees, scale, shift, height, width in cases("05.2", seed):
        middle = (width / 2, height / 2)
        forward = (translation(*shift) @ warp.scaling(scale, scale, middle) @ warp.rotation(degrees, middle))[
            0
        ]
        ours = checker.find("05.2").reference(degrees, scale, shift, height, width)
        torch.testing.assert_close(ours @ forward, torch.eye(3), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_boxes_move_as_the_packages_do(seed: int) -> None:
    for boxes, matrix, height, width in cases("05.3", seed):
        ours = checker.find("05.3").reference(boxes, matrix, height, width)
        theirs = annotations.move_boxes(boxes[None], matrix[None], (height, width))[0]
        here = (ours[:, 2:] > ours[:, :2]).all(1)  # the package tells a box that has left by zeros
        torch.testing.assert_close(ours[here], theirs[here])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_share_of_a_cut_is_what_is_left(seed: int) -> None:
    for height, width, lam, x, y in cases("05.5", seed):
        box, stays = cutmix_box(height, width, lam, x, y)
        assert float(cutmix.kept_share(torch.tensor([box]), (height, width))) == pytest.approx(
            stays, abs=1e-6
        )
        theirs = cutmix.cut_boxes(torch.tensor([lam]), torch.tensor([[x, y]]), (height, width))[0]
        assert (theirs - torch.tensor(box)).abs().max() <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_paste_leaves_what_the_packages_leaves(seed: int) -> None:
    for masks, labels, pasted, label in cases("05.6", seed):
        if not len(masks) or (masks.sum(0) > 1).any():
            continue  # the package wants masks that do not overlap, as one picture has them
        image = torch.zeros(1, 3, *pasted.shape)
        new = paste(
            Instances(image, masks[None], labels[None]),
            Instances(image, pasted[None, None], torch.tensor([[label]])),
            torch.tensor([[True]]),
        )
        there = new.labels[0] >= 0
        ours = after_paste(masks, labels, pasted, label)
        for got, want in zip(ours, (new.masks, new.boxes, new.labels), strict=True):
            assert torch.equal(got, want[0][there])


def block(*corners: int) -> Tensor:
    mask = torch.zeros(48, 64, dtype=torch.bool)
    x1, y1, x2, y2 = corners
    mask[y1:y2, x1:x2] = True
    return mask


def test_each_of_the_two_faults_has_its_own_symptom() -> None:
    """What the notebook shows: a box too large where something is hidden, wrong names where one has gone."""
    standing = torch.stack([block(4, 10, 24, 38), block(30, 20, 38, 30), block(46, 6, 60, 40)])
    names = torch.tensor([0, 1, 2])
    hidden, vanished = block(14, 16, 26, 44), block(27, 16, 41, 36)
    masks, boxes, labels = after_paste_faulty(standing, names, hidden, 3)
    right = after_paste(standing, names, hidden, 3)
    assert torch.equal(masks, right[0]) and torch.equal(labels, right[2])
    tucked = block(4, 10, 20, 38)
    half = block(12, 10, 26, 38)  # hides the right end of `tucked` from top to bottom
    assert after_paste_faulty(tucked[None], names[:1], half, 3)[1][0].tolist() == [4, 10, 20, 38]
    assert after_paste(tucked[None], names[:1], half, 3)[1][0].tolist() == [4, 10, 12, 38]
    assert after_paste_faulty(standing, names, vanished, 3)[2].tolist() == [0, 1, 2]
    assert after_paste(standing, names, vanished, 3)[2].tolist() == [0, 2, 3]
    assert torch.equal(boxes, right[1])  # this newcomer leaves the ball's right end in sight


def test_the_key_of_the_reading_is_what_the_digits_say() -> None:
    """Two changes leave no six its name and agree on another one; only the turned sixes lie near that one."""
    known_x, known_y = digits.load(8, "train")
    asked_x, asked_y = digits.load(8, "test")
    six = asked_x[asked_y == 6]
    changed = {
        "A": six.flip((2, 3)),
        "B": warp_image(six, translation(2, 0)),
        "C": warp_image(six, rotation(30, (4, 4))),
    }
    kept, other, apart = {}, {}, {}
    for name, x in changed.items():
        distance, which = torch.cdist(x.flatten(1), known_x.flatten(1)).min(1)
        votes = torch.bincount(known_y[which], minlength=10) / len(x)
        kept[name], apart[name] = float(votes[6]), float(distance.median())
        other[name] = float(votes.index_fill(0, torch.tensor(6), -1.0).max())
    assert kept["A"] == kept["B"] == 0 < kept["C"]  # reason 1 does not tell A from B
    assert other["B"] > other["A"] > 0.7 > other["C"]  # nor does reason 2: it would choose B
    assert apart["A"] < apart["C"] < apart["B"]  # reason 3 does
    assert checker.find("05.4").reference == ("A", "3")


def test_hints_of_the_reading_do_not_name_the_key() -> None:
    step = checker.find("05.4")
    for mistake in step.mistakes:
        assert mistake.wrong != step.reference
        assert not any(key in mistake.hint for key in (" A ", "(A", " 3 ", "(3"))


# In other words than the reference: what a learner would write.
def paste_by_hand(masks: Tensor, labels: Tensor, pasted: Tensor, label: int):
    left, boxes, names = [], [], []
    for mask, name in [*zip(masks & ~pasted, labels.tolist(), strict=True), (pasted, label)]:
        rows, columns = torch.where(mask)
        if len(rows):
            left.append(mask)
            names.append(name)
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return torch.stack(left), torch.tensor(boxes).float(), torch.tensor(names)


def test_right_answers_in_other_words_are_right() -> None:
    from lecture_utils.exercises.examine import examine

    found = examine(checker.find("05.6"), paste_by_hand)
    assert found.state == "right", found
    assert known_mistake(checker.find("05.6"), paste_by_hand, found) is None


def test_every_exercise_is_called_by_a_later_cell() -> None:
    cells = SOURCE.read_text(encoding="utf-8").split("\n# %%")
    for exercise in checker.exercises("05"):
        own = next(i for i, cell in enumerate(cells) if f'check("{exercise.id}"' in cell)
        name = (
            getattr(exercise.reference, "__name__", None) or cells[own].rstrip().split("\n")[-1].split(" ")[0]
        )
        code = [cell.partition("\n")[2] for cell in cells[own + 1 :] if "[markdown]" not in cell[:14]]
        names = {
            node.id
            for cell in code
            for node in ast.walk(ast.parse(re.sub(r"(?m)^%%.*$", "", cell)))
            if isinstance(node, ast.Name)
        }
        assert name in names, f"{exercise.id}: {name} is in no later cell"
