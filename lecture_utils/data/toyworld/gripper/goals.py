"""What can be asked of the gripper: goals that are true or false of a table's state, and tasks in words.

A goal is checked on the state alone, so that success is never a matter of taste. A block in the gripper
stands nowhere: no goal about it holds.
"""

from dataclasses import dataclass

from lecture_utils.data.toyworld.gripper.table import REGIONS, TOWARDS, Table
from lecture_utils.data.toyworld.language.wording import PLURAL
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.ops.checks import check_choice

NEAR, FAR, ASIDE = 0.17, 0.34, 0.08  # one block stands beside another: so far along, and at most so far aside
KINDS = ("put", "meant", "then", "sort", "clear")


@dataclass(frozen=True)
class Beside:
    """One block stands in a relation to another, and next to it."""

    mover: str
    relation: str
    other: str

    def holds(self, table: Table) -> bool:
        """Whether it is so."""
        check_choice(self.relation, "relation", *TOWARDS)
        a, b = table.find(self.mover), table.find(self.other)
        if a is None or b is None or table.held in (a, b):
            return False
        one, other = table.blocks[a], table.blocks[b]
        dx, dy = TOWARDS[self.relation]
        along = dx * (one.x - other.x) + dy * (one.y - other.y)
        aside = abs(dy * (one.x - other.x)) + abs(dx * (one.y - other.y))
        return NEAR <= along <= FAR and aside <= ASIDE


@dataclass(frozen=True)
class On:
    """A block lies in a region."""

    mover: str
    region: str

    def holds(self, table: Table) -> bool:
        """Whether it is so."""
        found = table.find(self.mover)
        if found is None or found == table.held:
            return False
        return table.within(table.blocks[found], self.region)


@dataclass(frozen=True)
class Sorted:
    """All blocks of a colour or shape lie in a region."""

    word: str
    region: str

    def left(self, table: Table) -> list[str]:
        """The names of those that do not yet, from left to right."""
        meant = [b for b in table.blocks if self.word in (b.colour, b.shape)]
        missing = [b for b in meant if not On(b.name, self.region).holds(table)]
        return [b.name for b in sorted(missing, key=lambda b: b.x)]

    def holds(self, table: Table) -> bool:
        """Whether it is so."""
        return not self.left(table)


@dataclass(frozen=True)
class Cleared:
    """Nothing lies in a region."""

    region: str = "in the middle"

    def left(self, table: Table) -> list[str]:
        """The names of those that lie there, from left to right."""
        lying = [b for i, b in enumerate(table.blocks) if i != table.held and table.within(b, self.region)]
        return [b.name for b in sorted(lying, key=lambda b: b.x)]

    def holds(self, table: Table) -> bool:
        """Whether it is so."""
        return not self.left(table)


Goal = Beside | On | Sorted | Cleared


@dataclass(frozen=True)
class Task:
    """An instruction with its goals, all of which hold at the end.

    Attributes
    ----------
    text : str
        Such as "put the red star left of the blue ball ."
    goals : tuple of Goal
        In the order of the words.
    kind : str
        "put" names its blocks in full; "meant" calls each by colour or shape alone; "then" has two goals;
        "sort" and "clear" name no block at all.
    """

    text: str
    goals: tuple[Goal, ...]
    kind: str


def solved(table: Table, task: Task) -> bool:
    """Whether all goals hold, and the gripper is empty."""
    return table.held is None and all(goal.holds(table) for goal in task.goals)


def noun(name: str, table: Table, *, short: bool = False) -> str:
    """Words for a block: "the red star", or with `short` only what tells it apart: "the star"."""
    found = table.find(name)
    if found is None:
        raise ValueError(f"name: got {name!r}, want a block of {[b.name for b in table.blocks]}")
    block = table.blocks[found]
    if short and sum(b.shape == block.shape for b in table.blocks) == 1:
        return f"the {block.shape}"
    if short and sum(b.colour == block.colour for b in table.blocks) == 1:
        return f"the {block.colour} block"
    return f"the {block.name}"


def wording(goal: Goal, table: Table, *, short: bool = False) -> str:
    """Say a goal as an instruction, without the full stop."""
    match goal:
        case Beside(mover, relation, other):
            return f"put {noun(mover, table, short=short)} {relation} {noun(other, table, short=short)}"
        case On(mover, region):
            return f"put {noun(mover, table, short=short)} {region}"
        case Sorted(word, region):
            check_choice(word, "word", *COLOURS, *CLASSES)
            return f"put all {PLURAL[word] if word in PLURAL else word + ' blocks'} {region}"
        case Cleared(region):
            check_choice(region, "region", *REGIONS)
            return f"clear {region.partition(' ')[2]}"
    raise ValueError(f"goal: got {goal!r}, want a Goal")
