"""The gripper world: its physics, its pictures, its goals, and an expert whose plans reach theirs."""

import math
import random
from itertools import combinations

import pytest
import torch

from lecture_utils.data.toyworld.gripper import planner, table
from lecture_utils.data.toyworld.gripper.goals import (
    KINDS,
    Beside,
    Cleared,
    On,
    Sorted,
    Task,
    solved,
    wording,
)
from lecture_utils.data.toyworld.gripper.planner import DONE, MOST, plan, teleport
from lecture_utils.data.toyworld.gripper.questions import ABOUT, ask
from lecture_utils.data.toyworld.gripper.render import pictures
from lecture_utils.data.toyworld.gripper.sampling import nudge, sample_tables, sample_tasks
from lecture_utils.data.toyworld.gripper.table import BESIDE, RADIUS, REACH, STEP, TOWARDS, Block, Table
from lecture_utils.data.toyworld.names import CLASSES, COLOUR_RGB, COLOURS, HELD_OUT
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.8")


def two(**more: object) -> Table:
    """A red star in the middle, a blue ball at the right, and a pink ring at the left."""
    blocks = [
        Block("red", "star", 0.5, 0.5),
        Block("blue", "ball", 0.8, 0.5),
        Block("pink", "ring", 0.2, 0.8),
    ]
    return Table(blocks, **more)  # type: ignore[arg-type]


def overlapping(own: Table) -> bool:
    """Whether two lying feet overlap."""
    lying = [b for i, b in enumerate(own.blocks) if i != own.held]
    return any(math.dist((a.x, a.y), (b.x, b.y)) < 2 * RADIUS - 1e-9 for a, b in combinations(lying, 2))


def put(own: Table, words: str) -> bool:
    """Carry out "pick … . place …" at once."""
    return all(teleport(own, step) for step in words.split(" . "))


# --- physics -------------------------------------------------------------------------------------------
def test_closing_takes_what_is_within_reach_and_misses_else() -> None:
    own = two(gripper=(0.5 + 0.9 * REACH, 0.5))
    assert own.close() and own.held == 0 and (own.x, own.y) == (0.5, 0.5)
    other = two(gripper=(0.5 + 1.1 * REACH, 0.5))
    assert not other.close() and other.held is None and not other.open


def test_what_is_held_moves_along_and_a_move_is_bounded() -> None:
    own = two(gripper=(0.5, 0.5))
    own.close()
    own.move(0.3, -0.4)
    assert math.dist((own.x, own.y), (0.5, 0.5)) == pytest.approx(STEP)
    assert (own.blocks[0].x, own.blocks[0].y) == (own.x, own.y)
    own.move(-9, 0)
    assert own.x >= 0
    assert own.blocks[1].x == 0.8, "others stay"


def test_no_block_is_let_go_on_another_or_over_the_edge() -> None:
    own = two(gripper=(0.5, 0.5))
    own.close()
    own.x = own.blocks[0].x = 0.8 - 1.9 * RADIUS
    assert not own.release() and own.held == 0
    own.x = own.blocks[0].x = 0.8 - 2.0 * RADIUS
    assert own.release() and own.held is None and own.open
    own.close()
    own.y = own.blocks[0].y = 0.5 * RADIUS
    assert not own.release()


def test_a_block_slips_once_and_comes_to_lie_free() -> None:
    own = two(gripper=(0.5, 0.5), slips=0)
    own.close()
    for _ in range(8):
        own.move(0, -STEP)
    assert own.held is None and own.slips is None and not overlapping(own)
    assert BESIDE / 2 < 0.5 - own.blocks[0].y < BESIDE / 2 + STEP
    own.x, own.y = own.blocks[0].x, own.blocks[0].y
    own.close()
    for _ in range(8):
        own.move(0, STEP)
    assert own.held == 0, "the second carry holds"


def test_random_actions_never_make_feet_overlap() -> None:
    """A thousand clumsy actions on each of some tables: what lies, lies free and on the table."""
    for own in sample_tables(6, seed=5):
        rng = random.Random(3)
        for _ in range(300):
            near = rng.choice(own.blocks)
            own.move(near.x - own.x, near.y - own.y) if rng.random() < 0.5 else own.move(
                rng.uniform(-1, 1), rng.uniform(-1, 1)
            )
            rng.choice((own.close, own.release, lambda: True))()
            assert not overlapping(own)
            lying = [b for i, b in enumerate(own.blocks) if i != own.held]
            assert all(RADIUS - 1e-9 <= v <= 1 - RADIUS + 1e-9 for b in lying for v in (b.x, b.y))


def test_a_spot_is_where_the_words_say_or_none() -> None:
    own = two(gripper=(0.5, 0.1))
    assert own.spot("left of the blue ball") is None, "the star is too near"
    assert own.spot("behind the blue ball") == pytest.approx((0.8, 0.25))
    assert own.spot("right of the blue ball") is None, "over the edge"
    assert own.spot("left of the green ball") is None and own.spot("nonsense") is None
    own.x, own.y = 0.2, 0.7
    x, y = own.spot("on the left") or (0, 0)
    assert x <= 0.25 and own.free(x, y), "the nearest is taken by the ring"


def test_bad_tables_are_refused() -> None:
    star = Block("red", "star", 0.5, 0.5)
    for blocks in (
        [],
        [star, star],
        [star, Block("blue", "ball", 0.6, 0.5)],
        [Block("red", "star", 0.01, 0.5)],
    ):
        with pytest.raises(ValueError, match="got"):
            Table(blocks)
    with pytest.raises(ValueError, match="colour"):
        Block("mauve", "star", 0.5, 0.5)


# --- goals ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("relation", TOWARDS)
def test_beside_holds_where_it_should(relation: str) -> None:
    own = two()
    own.blocks[2].x, own.blocks[2].y = 0.1, 0.1
    own.blocks[1].x, own.blocks[1].y = (
        0.5 + BESIDE * TOWARDS[relation][0],
        0.5 + BESIDE * TOWARDS[relation][1],
    )
    goal = Beside("blue ball", relation, "red star")
    assert goal.holds(own)
    assert not any(
        Beside("blue ball", other, "red star").holds(own) for other in TOWARDS if other != relation
    )
    own.x, own.y = own.blocks[1].x, own.blocks[1].y
    own.close()
    assert not goal.holds(own), "what is held stands nowhere"


def test_goals_about_regions() -> None:
    own = two()
    assert On("red star", "in the middle").holds(own) and not On("red star", "on the left").holds(own)
    assert On("pink ring", "on the left").holds(own) and not Cleared().holds(own)
    assert Sorted("ring", "on the left").holds(own) and Sorted("red", "on the left").left(own) == ["red star"]
    assert put(own, "pick the red star . place on the left") and Cleared().holds(own)
    assert Sorted("red", "on the left").holds(own)


def test_words_say_the_goals() -> None:
    own = two()
    assert (
        wording(Beside("red star", "left of", "blue ball"), own) == "put the red star left of the blue ball"
    )
    assert wording(On("red star", "on the left"), own, short=True) == "put the star on the left"
    assert wording(Sorted("cross", "on the right"), own) == "put all crosses on the right"
    assert wording(Sorted("red", "on the right"), own) == "put all red blocks on the right"
    assert wording(Cleared(), own) == "clear the middle"
    own.blocks.append(Block("green", "star", 0.9, 0.1))
    assert wording(On("red star", "on the left"), own, short=True) == "put the red block on the left"


# --- the expert ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("held_out", [False, True])
def test_every_plan_of_the_expert_reaches_its_goal(kind: str, held_out: bool) -> None:
    tables = sample_tables(60, seed=1, split="val", held_out=held_out)
    tables = [t for t in tables if kind != "clear" or not Cleared().holds(t)]
    for own, task in zip(tables, sample_tasks(tables, seed=2, kinds=(kind,)), strict=True):
        assert not solved(own, task)
        steps = plan(own, task)
        for done, step in enumerate(steps[:-1]):
            assert plan(own, task) == steps[done:], "a plan made anew is what was left of it"
            assert teleport(own, step) and not overlapping(own)
        assert steps[-1] == DONE and solved(own, task) and plan(own, task) == [DONE]


def test_the_expert_mends_what_goes_wrong() -> None:
    tables = sample_tables(80, seed=3, split="test")
    rng, mended = random.Random(0), 0
    for own, task in zip(tables, sample_tasks(tables, seed=1), strict=True):
        for turn in range(4 * MOST):
            steps = plan(own, task)
            if steps == [DONE]:
                break
            teleport(own, steps[0])
            if turn == 0:
                mended += nudge(own, rng)
                assert not overlapping(own)
        assert solved(own, task)
    assert mended > 70


def test_the_expert_clears_a_spot_that_is_taken() -> None:
    own = two()
    task = Task(
        "put the pink ring left of the blue ball .", (Beside("pink ring", "left of", "blue ball"),), "put"
    )
    assert plan(own, task) == [
        "pick the red star", "place on the left", "pick the pink ring", "place left of the blue ball", "done",
    ]  # fmt: skip


FAULTS = [
    ("        return in_the_way", "        return None and in_the_way"),
    ('return "on the left" if x < 0.5', 'return "on the left" if x > 0.5'),
    (
        "    table.x, table.y = block.x, block.y = spot",
        "    table.x, table.y = block.x, block.y = spot[::-1]",
    ),
    ("            if not inside(spot):", "            if False:"),
    ("if not goal.holds(table)", "if goal.holds(table)"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[1].strip()[:30])
def test_a_fault_in_the_expert_is_seen(fault: tuple[str, str]) -> None:
    """Of 120 tasks some fail, or some plan differs from the right one."""
    wrong = planted(planner.__name__, fault)
    tables = sample_tables(120, seed=4)
    differs = 0
    for own, task in zip(tables, sample_tasks(tables), strict=True):
        try:
            differs += wrong.plan(own, task) != plan(own, task)
        except ValueError:
            differs += 1
    assert differs


def test_a_fault_in_the_physics_is_seen() -> None:
    wrong = planted(table.__name__, (">= 2 * RADIUS - _SLACK for b", ">= RADIUS - _SLACK for b"))
    own = wrong.Table([wrong.Block("red", "star", 0.5, 0.5), wrong.Block("blue", "ball", 0.8, 0.5)])
    own.x, own.y = 0.5, 0.5
    own.close()
    own.x = own.blocks[0].x = 0.8 - 1.9 * RADIUS
    assert own.release() and overlapping(own)


# --- drawing tables and tasks --------------------------------------------------------------------------
def test_splits_and_held_out_pairs() -> None:
    def pairs(held_out: bool) -> set[tuple[int, int]]:
        own = sample_tables(200, seed=0, held_out=held_out)
        return {(CLASSES.index(b.shape), COLOURS.index(b.colour)) for t in own for b in t.blocks}

    assert not pairs(False) & set(HELD_OUT) and pairs(True) == set(HELD_OUT) and len(pairs(False)) == 48
    places = [
        {(b.x, b.y) for t in sample_tables(50, split=s) for b in t.blocks} for s in ("train", "val", "test")
    ]
    assert not any(a & b for a, b in combinations(places, 2))
    again = sample_tables(3, seed=7)
    assert [t.blocks for t in again] == [t.blocks for t in sample_tables(3, seed=7)]


def test_tasks_have_as_many_steps_as_asked() -> None:
    tables = sample_tables(40, seed=2, blocks=(4, 4))
    for own, task in zip(tables, sample_tasks(tables, kinds=("then",), steps=(3, 3)), strict=True):
        assert len(plan(own, task)) == 7


def test_answers_are_true() -> None:
    rng = random.Random(0)
    tables = sample_tables(100, seed=6, blocks=(2, 4))
    asked = [ask(own, rng) for own in tables]
    assert {one.about for one in asked} == set(ABOUT)
    for own, one in zip(tables, asked, strict=True):
        if one.about == "number":
            assert ("no", "one", "two", "three", "four").index(one.answer) == len(own.blocks)
        if one.about == "colour":
            assert any(b.colour == one.answer and b.shape in one.text for b in own.blocks)
    assert {one.answer for one in asked if one.about == "beside"} == {"yes", "no"}


# --- pictures ------------------------------------------------------------------------------------------
def test_pictures_show_blocks_where_they_are() -> None:
    for size in (48, 97):
        own = two(gripper=(0.9, 0.1))
        image = pictures([own], size)
        assert image.shape == (1, 3, size, size) and 0 <= float(image.min()) <= float(image.max()) <= 1
        for block in own.blocks[:2]:
            seen = image[0, :, int(block.y * size), int(block.x * size)]
            want = torch.as_tensor(COLOUR_RGB[COLOURS.index(block.colour)])
            assert float((seen - want).abs().max()) < 0.25


def test_the_same_tables_alone_and_together_at_any_size() -> None:
    some = sample_tables(5, seed=8)
    some[0].x, some[0].y = some[0].blocks[0].x, some[0].blocks[0].y
    some[0].close()
    together = pictures(some)
    for i, own in enumerate(some):
        assert torch.equal(together[i : i + 1], pictures([own]))
    fine = torch.nn.functional.avg_pool2d(pictures(some, 144), 3)
    assert float((fine - together).abs().mean()) < 0.01


def test_a_held_block_looks_other() -> None:
    own = two(gripper=(0.5, 0.5))
    before = pictures([own])
    own.close()
    assert float((pictures([own]) - before).abs().max()) > 0.1


def test_the_sensors_say_what_is_so() -> None:
    own = two(gripper=(0.5, 0.5))
    assert own.state().tolist() == [0.5, 0.5, 1.0, 0.0]
    own.close()
    assert own.state().tolist() == [0.5, 0.5, 0.0, 1.0]
    rows = own.objects()
    assert rows.shape == (4, 20) and rows[0, 3] == 1 and not rows[3].any()
    assert rows[1, 4 + CLASSES.index("ball")] == 1 and rows[1, 12 + COLOURS.index("blue")] == 1
