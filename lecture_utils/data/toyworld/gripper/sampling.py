"""Draw tables and tasks for the gripper, and disturb a table in the middle of its work.

Tables are drawn so that nobody would dispute what is the case: no block lies near a region's border. Splits
share no random number. A class is never shown in its two held-out colours, unless these are asked for.
"""

import math
import random
from collections.abc import Sequence

from lecture_utils.data.toyworld.gripper.goals import KINDS, Beside, Cleared, Goal, On, Sorted, Task, wording
from lecture_utils.data.toyworld.gripper.planner import plan
from lecture_utils.data.toyworld.gripper.table import MIDDLE, REGIONS, SIDE, TOWARDS, Block, Table
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT, SPLITS
from lecture_utils.ops.checks import check_choice, check_sizes, check_whole

APART, MARGIN = 0.24, 0.02  # least distance of two blocks; of a block from a region's border
LONGEST = 3  # picks of a task


def sample_tables(
    count: int,
    *,
    seed: int = 0,
    split: str = "train",
    held_out: bool = False,
    blocks: tuple[int, int] = (2, 4),
) -> list[Table]:
    """Draw N tables.

    Parameters
    ----------
    count, seed : int
        N, and what to draw; seed from 0.
    split : str
        "train", "val" or "test": they never share a table.
    held_out : bool
        False never shows a class in its held-out colours; True shows only such pairs.
    blocks : (int, int)
        How many lie on a table, from 1 and to 4 at most.
    """
    check_sizes("tables", count=count, blocks=blocks[0])
    check_whole(seed, "seed", 0)
    check_choice(split, "split", *SPLITS)
    if not blocks[0] <= blocks[1] <= 4:
        raise ValueError(f"blocks: got {blocks}, want (least, most), the most 4 or fewer")
    drawn = (random.Random(f"gripper {split} {seed} {i} {held_out}") for i in range(count))
    return [_table(rng, held_out, rng.randint(*blocks)) for rng in drawn]


def _table(rng: random.Random, held_out: bool, count: int) -> Table:
    pairs = [
        (k, c) for k in range(len(CLASSES)) for c in range(len(COLOURS)) if ((k, c) in HELD_OUT) == held_out
    ]
    named = rng.sample(pairs, count)
    while True:
        places: list[tuple[float, float]] = []
        for _ in range(60):
            at = (rng.uniform(0.12, 0.88), rng.uniform(0.12, 0.88))
            if plain(*at) and all(math.dist(at, other) >= APART for other in places):
                places.append(at)
            if len(places) == count:
                blocks = [
                    Block(COLOURS[c], CLASSES[k], *at) for (k, c), at in zip(named, places, strict=True)
                ]
                hand = (rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.95))
                return Table(blocks, gripper=hand, tint=rng.random(), light=rng.uniform(0.85, 1.15))


def plain(x: float, y: float) -> bool:
    """Whether it is plain in which regions a place lies."""
    off = max(abs(x - 0.5), abs(y - 0.5))
    return min(abs(x - SIDE), abs(x - 1 + SIDE), abs(off - MIDDLE)) >= MARGIN


def sample_tasks(
    tables: Sequence[Table],
    *,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
    steps: tuple[int, int] = (1, LONGEST),
) -> list[Task]:
    """Draw a task for each table: one that is not done yet, and that the expert can do.

    Parameters
    ----------
    tables : sequence of Table
    seed : int
        What to draw, from 0.
    kinds : sequence of str
        Of `goals.KINDS`; each is drawn equally often, where the table allows it.
    steps : (int, int)
        How many blocks the expert has to move, at least and at most.

    Raises
    ------
    ValueError
        For unknown kinds, or a table that allows no such task.
    """
    check_whole(seed, "seed", 0)
    for kind in kinds:
        check_choice(kind, "kind", *KINDS)
    return [_task(table, random.Random(f"task {seed} {i}"), kinds, steps) for i, table in enumerate(tables)]


def _task(table: Table, rng: random.Random, kinds: Sequence[str], steps: tuple[int, int]) -> Task:
    first = rng.choice(kinds)
    for attempt in range(400):
        kind = first if attempt < 40 else rng.choice(kinds)
        task = draw_task(table, rng, kind)
        if task is None or any(goal.holds(table) for goal in task.goals):
            continue
        if possible(table, task) and steps[0] <= len(plan(table, task)) // 2 <= steps[1]:
            return task
    raise ValueError(f"tables: got one without a task of {kinds} and {steps} steps: {table.blocks}")


def draw_task(table: Table, rng: random.Random, kind: str) -> Task | None:
    """Draw a task of a kind, perhaps one that is done already, or cannot be done; None if there is none."""
    goals: tuple[Goal, ...]
    match kind:
        case "put" | "meant":
            goals = (_put(table, rng),)
        case "then":
            goals = (_put(table, rng), _put(table, rng))
            if goals[0].mover == goals[1].mover:  # type: ignore[union-attr]
                return None
        case "sort":
            words = [word for b in table.blocks for word in (b.colour, b.shape)]
            goals = (Sorted(rng.choice(words), rng.choice(REGIONS[:2])),)
        case _:
            goals = (Cleared(),)
    said = [wording(goal, table, short=kind == "meant") for goal in goals]
    full = [wording(goal, table) for goal in goals]
    return None if kind == "meant" and said == full else Task(" , then ".join(said) + " .", goals, kind)


def _put(table: Table, rng: random.Random) -> Goal:
    names = [block.name for block in table.blocks]
    if len(names) == 1 or rng.random() < 0.3:
        return On(rng.choice(names), rng.choice(REGIONS))
    mover, other = rng.sample(names, 2)
    return Beside(mover, rng.choice(tuple(TOWARDS)), other)


def nudge(table: Table, rng: random.Random, task: Task | None = None) -> bool:
    """Push one lying block to another free place, as a passer-by might; return whether one was moved.

    With a task it is pushed only to where the expert can do the task still, though perhaps with more moves.
    """
    lying = [i for i in range(len(table.blocks)) if i != table.held]
    if not lying:
        return False
    chosen = rng.choice(lying)
    for _ in range(200):
        at = (rng.uniform(0.12, 0.88), rng.uniform(0.12, 0.88))
        block = table.blocks[chosen]
        if plain(*at) and math.dist(at, (block.x, block.y)) >= APART and table.free(*at, but=chosen):
            before = block.x, block.y
            block.x, block.y = at
            if task is None or possible(table, task):
                return True
            block.x, block.y = before
    return False


def possible(table: Table, task: Task) -> bool:
    """Whether the expert finds a plan."""
    try:
        plan(table, task)
    except ValueError:
        return False
    return True
