"""Questions about a table, with their answers: the embodied question answering of the gripper world.

D. Driess et al., "PaLM-E", ICML 2023, section 6: one model answers questions about what it sees, and plans.
"""

import random
from dataclasses import dataclass

from lecture_utils.data.toyworld.gripper.goals import Beside, Cleared, noun
from lecture_utils.data.toyworld.gripper.table import TOWARDS, Table

ABOUT = ("colour", "number", "held", "middle", "beside")
NUMBERS = ("no", "one", "two", "three", "four")


@dataclass(frozen=True)
class Asking:
    """A question, its answer (words without a full stop), and what it is about, of `ABOUT`."""

    text: str
    answer: str
    about: str


def ask(table: Table, rng: random.Random) -> Asking:
    """Ask something about a table as it is now."""
    about = rng.choice(ABOUT)
    blocks = table.blocks
    if about == "colour":
        block = rng.choice(blocks)
        if sum(b.shape == block.shape for b in blocks) == 1:
            return Asking(f"what colour is the {block.shape} ?", block.colour, about)
        return Asking("how many blocks are there ?", NUMBERS[len(blocks)], "number")
    if about == "number":
        return Asking("how many blocks are there ?", NUMBERS[len(blocks)], about)
    if about == "held":
        held = "nothing" if table.held is None else f"the {blocks[table.held].name}"
        return Asking("what does the gripper hold ?", held, about)
    if about == "middle":
        return Asking("is the middle clear ?", "yes" if Cleared().holds(table) else "no", about)
    pairs = [(a.name, r, b.name) for a in blocks for b in blocks for r in TOWARDS if a is not b]
    wanted = rng.random() < 0.5
    fitting = [pair for pair in pairs if Beside(*pair).holds(table) == wanted] or pairs
    mover, relation, other = rng.choice(fitting)
    text = f"is {noun(mover, table)} next to and {relation} {noun(other, table)} ?" if len(blocks) > 1 else ""
    if not text:
        return Asking("how many blocks are there ?", NUMBERS[len(blocks)], "number")
    return Asking(text, "yes" if Beside(mover, relation, other).holds(table) else "no", about)
