"""The expert: from a table's true state and a task to the steps that are left, in words.

    pick the red star . place left of the blue ball . done .

A plan depends on the present state alone, so it can be made anew after each step: what has been done is not
said again, what went wrong is mended. Where the wanted spot is taken, the expert moves the block in the way;
where it lies over the edge, it first brings the other block into the middle.
"""

from lecture_utils.data.toyworld.gripper.goals import Beside, Cleared, Goal, On, Sorted, Task
from lecture_utils.data.toyworld.gripper.table import RADIUS, Table, beside

MOST = 5  # picks: a longer plan is none
DONE = "done"


def plan(table: Table, task: Task) -> list[str]:
    """Return the steps that are left, "done" the last.

    Parameters
    ----------
    table : Table
        As it is now; it is not touched.
    task : Task

    Returns
    -------
    list of str
        "pick the NAME", "place SPOT" and "done" in turn.

    Raises
    ------
    ValueError
        If the expert finds no plan of `MOST` picks or fewer.
    """
    table, steps = table.copy(), []
    table.slips = None
    for _ in range(2 * MOST + 1):
        goal = next((goal for goal in task.goals if not goal.holds(table)), None)
        step = next_step(table, goal)
        steps.append(step)
        if step == DONE:
            return steps
        if not teleport(table, step):
            break
    raise ValueError(f"plan: got a table on which {task.text!r} fails at {steps[-1]!r}, want one with room")


def next_step(table: Table, goal: Goal | None) -> str:
    """What to do next for a goal that does not hold yet; None where all hold."""
    if table.held is not None:
        return f"place {destination(table, table.blocks[table.held].name, goal)}"
    if goal is None:
        return DONE
    return f"pick the {to_move(table, goal)}"


def to_move(table: Table, goal: Goal) -> str:
    """The block that has to move first."""
    match goal:
        case Beside(mover, relation, other):
            at = table.locate(other)
            if at is None:
                raise ValueError(f"goal: got {other!r}, want a block on the table")
            spot = beside(at, relation)
            if not inside(spot):
                return other
            return in_the_way(table, spot, mover) or mover
        case On(mover, _):
            return mover
        case Sorted() | Cleared():
            return goal.left(table)[0]


def destination(table: Table, name: str, goal: Goal | None) -> str:
    """Where the block in the gripper goes: to its goal if it can, else out of the way."""
    match goal:
        case Beside(mover, relation, other) if mover == name:
            if table.spot(f"{relation} the {other}"):
                return f"{relation} the {other}"
        case Beside(_, _, other) if other == name:
            return "in the middle"
        case On(mover, region) if mover == name:
            return region
        case Sorted(word, region) if word in name.split():
            return region
    return aside(table, goal)


def aside(table: Table, goal: Goal | None) -> str:
    """The side to which a block goes that is only in the way: away from where the goal's spot is."""
    x = table.x
    if isinstance(goal, Beside) and (at := table.locate(goal.other)):
        x = 1.0 - beside(at, goal.relation)[0]
    if isinstance(goal, Sorted | On):
        x = 1.0 if goal.region == "on the left" else 0.0
    return "on the left" if x < 0.5 else "on the right"


def inside(spot: tuple[float, float]) -> bool:
    """Whether a block at a spot would lie on the table."""
    return min(spot) >= RADIUS - 1e-9 and max(spot) <= 1 - RADIUS + 1e-9


def in_the_way(table: Table, spot: tuple[float, float], mover: str) -> str | None:
    """The block that takes a spot, from left to right; the mover itself is none."""
    for block in sorted(table.blocks, key=lambda b: b.x):
        if (
            block.name != mover
            and (block.x - spot[0]) ** 2 + (block.y - spot[1]) ** 2 < (2 * RADIUS) ** 2 - 1e-9
        ):
            return block.name
    return None


def teleport(table: Table, step: str) -> bool:
    """Carry a step out in no time, and return whether it succeeded; a step that fails changes nothing."""
    verb, _, words = step.partition(" ")
    if verb == "pick":
        at = table.locate(words.removeprefix("the "))
        if at is None or table.held is not None:
            return False
        table.x, table.y = at
        return table.close()
    spot = table.spot(words)
    if verb != "place" or spot is None or table.held is None:
        return False
    block = table.blocks[table.held]
    table.x, table.y = block.x, block.y = spot
    return table.release()
