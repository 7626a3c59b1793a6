"""What the gripper's planner learns from, and its recipe in small."""

import pytest
import torch

from lecture_utils.data.toyworld.gripper import sample_tables
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.multimodal.palm_e.palm_e import IGNORE
from lecture_utils.multimodal.palm_e.planning import ANSWER, PLAN, steps_of
from lecture_utils.recipes import gripper_palm
from lecture_utils.recipes._gripper import (
    SENSES,
    STEPS,
    Portion,
    as_ids,
    batches,
    cell_labels,
    lessons,
    object_labels,
)

pytestmark = pytest.mark.system("S14.8")


@pytest.fixture(scope="module")
def some() -> Portion:
    """Lessons of thirty tables."""
    return Portion(lessons(30, 0))


def test_lessons_hold_no_held_out_pair_and_all_stages_of_a_task(some: Portion) -> None:
    pairs = {
        (CLASSES.index(b.shape), COLOURS.index(b.colour)) for one in some.learned for b in one.table.blocks
    }
    assert not pairs & set(HELD_OUT)
    plans = [steps_of(one.answer) for one in some.learned if one.want == PLAN]
    assert {steps[0].split()[0] for steps in plans} == {"pick", "place", "done"}
    assert all(steps[-1] == "done" and len(steps) <= STEPS for steps in plans)
    assert any(one.want == ANSWER for one in some.learned)
    for one in some.learned:  # a gripper that holds something has to put it down first
        if one.want == PLAN:
            assert (one.table.held is not None) == one.answer.startswith("place")


@pytest.mark.parametrize("form", SENSES)
def test_targets_are_the_answer_alone(some: Portion, form: str) -> None:
    tokenizer = gripper_palm.words()
    ids, target = as_ids(some.learned[:9], form, tokenizer)
    for row, told, one in zip(ids, target, some.learned, strict=False):
        kept = told[told != IGNORE]
        assert kept[-1] == tokenizer.end
        assert tokenizer.decode(kept[:-1]).strip() == one.answer
        first = int((told != IGNORE).nonzero()[0])
        assert tokenizer.decode(row[: first + 1]).endswith(f"{one.want} :")
        assert torch.equal(row[first + 1 : first + len(kept)], kept[:-1])
    marks = [tokenizer.encode(f" <{name}>") for name in gripper_palm.MARKERS]
    assert all(len(mark) == 1 for mark in marks)
    shown = {
        name for name, (mark,) in zip(gripper_palm.MARKERS, marks, strict=True) if mark in ids[0].tolist()
    }
    assert shown == set(SENSES[form])


def test_each_word_is_one_token(some: Portion) -> None:
    tokenizer = gripper_palm.words()
    texts = {f" {word}" for one in some.learned for word in f"{one.text} {one.answer}".split()}
    assert all(len(tokenizer.encode(text)) == 1 for text in texts)


def test_batches_are_of_one_form_and_go_on(some: Portion) -> None:
    made = batches(some, {"image": 0.5, "blind": 0.5}, 16, 0, gripper_palm.words())
    forms = set()
    for _ in range(2 * len(some) // 16):
        (ids, seen), target = next(made)
        forms.add(tuple(sorted(seen)))
        assert ids.shape == target.shape and len(ids) == 16
        assert all(len(x) == 16 and x.is_floating_point() for x in seen.values())
    assert forms == {("image", "state"), ("state",)}


def test_cells_name_the_block_whose_centre_they_have() -> None:
    tables = sample_tables(8)
    names, places = cell_labels(tables)
    assert names.shape == (8, 36, 2) and places.shape == (8, 36, 3)
    for table, own, at in zip(tables, names, places, strict=True):
        assert int((own[:, 0] > 0).sum()) == len({(int(6 * b.x), int(6 * b.y)) for b in table.blocks})
        b = table.blocks[-1]
        cell = int(6 * b.y) * 6 + int(6 * b.x)
        assert own[cell].tolist() == [1 + CLASSES.index(b.shape), 1 + COLOURS.index(b.colour)]
        assert at[cell, :2].tolist() == pytest.approx([6 * b.x % 1, 6 * b.y % 1], abs=1e-5)


def test_object_states_have_the_same_names(some: Portion) -> None:
    objects = some.readings["objects"][:20]
    names, places = object_labels(objects)
    for one, own, at in zip(some.learned, names, places, strict=False):
        want = [[1 + CLASSES.index(b.shape), 1 + COLOURS.index(b.colour)] for b in one.table.blocks]
        assert own.tolist() == want + [[0, 0]] * (4 - len(want))
        assert at[0, :2].tolist() == pytest.approx([one.table.blocks[0].x, one.table.blocks[0].y], abs=1e-6)
        assert [bool(held) for held in at[:, 2]] == [i == one.table.held for i in range(4)]


def test_the_recipe_runs_and_moves_all_parts() -> None:
    before = gripper_palm.build()
    torch.manual_seed(0)
    before = gripper_palm.build()
    after, info = gripper_palm.train(0, steps=2)
    assert info["steps"] == 10 and not after.training
    moved = [n for n, value in after.named_parameters() if not torch.equal(value, before.get_parameter(n))]
    for part in ("lm.layers.0", "lm.token", "sensors.image.eye", "sensors.state", "sensors.objects"):
        assert any(name.startswith(part) for name in moved), part
