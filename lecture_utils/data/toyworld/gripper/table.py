"""A table with blocks and a gripper above it: the whole state, and a physics that is exact.

The table is the unit square seen from above: x runs to the right, y towards the viewer, so that "in front of"
is further down in the picture. Blocks are the toy world's shapes with a round foot of one radius. No two feet
overlap, ever: a block is taken only if its centre is within `REACH` of the closing gripper, and is let go
only where its foot is on the table and clear of all others. Everything else about the world follows.

Shapes: K blocks.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.facts import RELATIONS
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.ops.checks import check_choice, check_number, check_numbers, check_whole

RADIUS = 0.1  # of a block's foot, in sides of the table
REACH = 0.05  # how near a block's centre must be for the gripper to close on it
STEP = 0.06  # the furthest that the gripper moves in one tick
BESIDE = 0.25  # from a block to the spot beside it
TOWARDS = {"left of": (-1, 0), "right of": (1, 0), "in front of": (0, 1), "behind": (0, -1)}
REGIONS = ("on the left", "on the right", "in the middle")
SIDE, MIDDLE = 0.25, 0.2  # a side is this wide; the middle reaches this far from the centre, either way
_EDGE = 0.13  # of the spots on a side from the table's edge
_ROWS = tuple(_EDGE + i * (1 - 2 * _EDGE) / 6 for i in range(7))
_SPOTS = {
    "on the left": tuple((_EDGE, y) for y in _ROWS),
    "on the right": tuple((1 - _EDGE, y) for y in _ROWS),
    "in the middle": tuple((0.5 + 0.12 * i, 0.5 + 0.12 * j) for i in (0, -1, 1) for j in (0, -1, 1)),
}
_SLACK = 1e-9


@dataclass
class Block:
    """A block: colour and shape are words of the toy world, x and y its centre on the table."""

    colour: str
    shape: str
    x: float
    y: float

    def __post_init__(self) -> None:
        """Raise ValueError for other words, or a place that is not on the table."""
        check_choice(self.colour, "colour", *COLOURS)
        check_choice(self.shape, "shape", *CLASSES)
        check_number(self.x, "x", 0, 1)
        check_number(self.y, "y", 0, 1)

    @property
    def name(self) -> str:
        """Such as "red star"."""
        return f"{self.colour} {self.shape}"


class Table:
    """Blocks, and a gripper that moves, closes and opens.

    Parameters
    ----------
    blocks : sequence of Block
        K of them, one or more, of different names; no two overlap.
    gripper : (float, float)
        Where it is above the table.
    slips : int, optional
        In which carry, counted from 0, the block slips from the gripper once it has been carried a little.
    tint, light : float
        Of the picture alone: the wood's tone in [0, 1], and the light as a factor from 0.7 to 1.3.

    Attributes
    ----------
    held : int or None
        The number of the block in the gripper.
    open : bool
        Whether the gripper is open. It is closed while it holds something.
    ticks : int
        Moves so far.

    Raises
    ------
    ValueError
        For no blocks, two of one name, feet that overlap or hang over the edge, numbers out of range.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        gripper: tuple[float, float] = (0.5, 0.1),
        slips: int | None = None,
        tint: float = 0.5,
        light: float = 1.0,
    ) -> None:
        if not blocks or not all(isinstance(block, Block) for block in blocks):
            raise ValueError(f"blocks: got {blocks!r}, want one Block or more")
        if len({block.name for block in blocks}) < len(blocks):
            raise ValueError(f"blocks: got {[b.name for b in blocks]}, want no name twice")
        if slips is not None:
            check_whole(slips, "slips", 0)
        self.blocks = [copy.copy(block) for block in blocks]
        check_numbers(gripper, "gripper", 2)
        self.x, self.y = (check_number(value, "gripper", 0, 1) for value in gripper)
        self.tint, self.light = check_number(tint, "tint", 0, 1), check_number(light, "light", 0.7, 1.3)
        self.held: int | None = None
        self.open = True
        self.ticks = 0
        self.slips, self.carries, self.carried = slips, 0, 0.0
        for i, block in enumerate(self.blocks):
            if not self.free(block.x, block.y, but=i):
                raise ValueError(f"blocks: got the {block.name} on another or over the edge, want it free")

    # --- what the gripper can do -----------------------------------------------------------------------
    def move(self, dx: float, dy: float) -> None:
        """Move by at most `STEP`, and not over the edge; what is held moves along, and may slip."""
        check_number(dx, "dx")
        check_number(dy, "dy")
        far = math.hypot(dx, dy)
        share = min(1.0, STEP / far) if far > 0 else 0.0
        before = self.x, self.y
        self.x = min(max(self.x + share * dx, 0.0), 1.0)
        self.y = min(max(self.y + share * dy, 0.0), 1.0)
        self.ticks += 1
        if self.held is None:
            return
        block = self.blocks[self.held]
        block.x, block.y = self.x, self.y
        self.carried += math.dist(before, (self.x, self.y))
        if self.carries == self.slips and self.carried > BESIDE / 2 and self.release():
            self.slips = None  # once

    def close(self) -> bool:
        """Close; return whether the gripper holds a block now. It misses where none is within `REACH`."""
        self.ticks += 1
        self.open = False
        if self.held is None:
            far, nearest = min(
                (math.dist((b.x, b.y), (self.x, self.y)), i) for i, b in enumerate(self.blocks)
            )
            if far <= REACH:
                self.held, self.carried = nearest, 0.0
                self.x, self.y = self.blocks[nearest].x, self.blocks[nearest].y  # the jaws centre on it
        return self.held is not None

    def release(self) -> bool:
        """Open, and return whether it did: a block stays in the gripper where there is no room for it."""
        self.ticks += 1
        if self.held is not None:
            if not self.free(self.x, self.y, but=self.held):
                return False
            self.held = None
            self.carries += 1
        self.open = True
        return True

    # --- what is the case ------------------------------------------------------------------------------
    def free(self, x: float, y: float, *, but: int | None = None) -> bool:
        """Whether a foot at (x, y) is on the table and clear of all lying blocks, `but` one."""
        check_number(x, "x")
        check_number(y, "y")
        if min(x, y) < RADIUS - _SLACK or max(x, y) > 1 - RADIUS + _SLACK:
            return False
        lying = [b for i, b in enumerate(self.blocks) if i not in (but, self.held)]
        return all(math.dist((x, y), (b.x, b.y)) >= 2 * RADIUS - _SLACK for b in lying)

    def find(self, name: str) -> int | None:
        """The number of the block of this name, such as "red star"; None where there is none."""
        return next((i for i, block in enumerate(self.blocks) if block.name == name), None)

    def locate(self, name: str) -> tuple[float, float] | None:
        """Where the block of this name lies; None where none of this name lies on the table."""
        found = self.find(name)
        return None if found is None or found == self.held else (self.blocks[found].x, self.blocks[found].y)

    def spot(self, words: str) -> tuple[float, float] | None:
        """Where "left of the blue ball", "on the right" and so on would be; None where there is no room.

        Of the spots in a region it is the free one nearest to the gripper.
        """
        if words in _SPOTS:
            free = [at for at in _SPOTS[words] if self.free(*at, but=self.held)]
            return min(free, key=lambda at: round(math.dist(at, (self.x, self.y)), 6)) if free else None
        relation, _, name = words.partition(" the ")
        at = self.locate(name) if relation in RELATIONS else None
        if at is None:
            return None
        spot = beside(at, relation)
        return spot if self.free(*spot, but=self.held) else None

    def within(self, block: Block, region: str) -> bool:
        """Whether a block's centre lies in a region."""
        check_choice(region, "region", *REGIONS)
        if region == "in the middle":
            return max(abs(block.x - 0.5), abs(block.y - 0.5)) <= MIDDLE
        return block.x <= SIDE if region == "on the left" else block.x >= 1 - SIDE

    # --- what the robot's own senses say ---------------------------------------------------------------
    def state(self) -> Tensor:
        """The gripper's own state, (4,): x, y, whether it is open, whether it holds something; no block."""
        return torch.tensor([self.x, self.y, float(self.open), float(self.held is not None)])

    def objects(self, most: int = 4) -> Tensor:
        """The blocks' true states, (most, 20): there, x, y, held, class and colour one-hot; else zeros.

        What a tracking system would report. The picture does not need it, it is there to compare with.
        """
        check_whole(most, "most", len(self.blocks))
        rows = torch.zeros(most, 4 + len(CLASSES) + len(COLOURS))
        for i, block in enumerate(self.blocks):
            rows[i, :4] = torch.tensor([1.0, block.x, block.y, float(i == self.held)])
            rows[i, 4 + CLASSES.index(block.shape)] = 1
            rows[i, 4 + len(CLASSES) + COLOURS.index(block.colour)] = 1
        return rows

    def copy(self) -> "Table":
        """A table of its own in the same state."""
        return copy.deepcopy(self)


def beside(at: tuple[float, float], relation: str) -> tuple[float, float]:
    """The spot that stands in a relation to a place."""
    check_choice(relation, "relation", *RELATIONS)
    dx, dy = TOWARDS[relation]
    return at[0] + BESIDE * dx, at[1] + BESIDE * dy
