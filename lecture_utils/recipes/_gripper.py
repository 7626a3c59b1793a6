"""What the gripper's planner learns from: states that an expert met on its way, and what it would do next.

The expert does not only meet tables on its own good path: now and then a wrong block is picked, put anywhere,
or pushed, and it has to say what is left to do then. Of all splits, "train" alone is learned from.

Shapes: N lessons, B batch, T tokens, P cells of the picture.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.data.toyworld.gripper import Table, ask, pictures, plan, sample_tables, sample_tasks
from lecture_utils.data.toyworld.gripper.planner import DONE, teleport
from lecture_utils.data.toyworld.gripper.sampling import nudge
from lecture_utils.data.toyworld.gripper.table import REGIONS
from lecture_utils.data.toyworld.language.facts import RELATIONS
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.multimodal.palm_e.palm_e import IGNORE
from lecture_utils.multimodal.palm_e.planning import ANSWER, NOTHING, PLAN, prompt
from lecture_utils.multimodal.tokenizer import Tokenizer

SENSES = {"image": ("image", "state"), "objects": ("objects", "state"), "blind": ("state",), "text": ()}
STRAYS, PUSHES, SLIPS, QUESTIONS = 0.1, 0.08, 0.1, 0.2  # shares of turns, and of questions among the lessons
STEPS = 7  # of a plan that is taught, "done" included
PART = 2000  # tables drawn at a time
ALIKE = 8  # batches that are sorted by length together


class Lesson(NamedTuple):
    """A table, what is asked or wanted, the true answer, which of the two it is, and what was tried last."""

    table: Table
    text: str
    answer: str
    want: str
    last: str = NOTHING


def lessons(count: int, seed: int, split: str = "train", *, misses: float = 0.0) -> list[Lesson]:
    """What `count` tables' tasks teach, about four lessons each, and a question now and then.

    `misses` is the share of turns at which a step is tried that cannot be, so that nothing comes of it.
    """
    tables = sample_tables(count, seed=seed, split=split)
    learned: list[Lesson] = []
    for i, (table, task) in enumerate(zip(tables, sample_tasks(tables, seed=seed), strict=True)):
        rng = random.Random(f"lessons {split} {seed} {i}")
        last = NOTHING
        for _ in range(10):
            try:
                steps = plan(table, task)
            except ValueError:
                break  # no room any more
            if rng.random() < QUESTIONS:
                asked = ask(table, rng)
                learned.append(Lesson(table.copy(), asked.text, f"{asked.answer} .", ANSWER))
            if len(steps) <= STEPS:
                learned.append(Lesson(table.copy(), task.text, " . ".join(steps) + " .", PLAN, last))
            if steps == [DONE]:
                break
            die = rng.random()
            if die > 1 - PUSHES:
                nudge(table, rng)
                continue
            if misses and rng.random() < misses:
                last = vain(table, rng)
                continue
            last = stray(table, rng) if die < STRAYS else steps[0]
            if steps[0].startswith("place") and die > 1 - PUSHES - SLIPS:
                slip(table, rng)
            elif die >= STRAYS:
                teleport(table, steps[0])
    return learned


def stray(table: Table, rng: random.Random) -> str:
    """Do something that nobody asked for, and say what."""
    what = (
        f"pick the {rng.choice(table.blocks).name}" if table.held is None else f"place {rng.choice(REGIONS)}"
    )
    teleport(table, what)
    return what


def vain(table: Table, rng: random.Random) -> str:
    """Return a step that changes nothing: about a block that is not there."""
    names = [f"{colour} {b.shape}" for b in table.blocks for colour in COLOURS]
    name = rng.choice([name for name in names if table.find(name) is None])
    return f"pick the {name}" if table.held is None else f"place {rng.choice(RELATIONS)} the {name}"


def slip(table: Table, rng: random.Random) -> None:
    """Let the held block fall somewhere free."""
    assert table.held is not None
    block = table.blocks[table.held]
    while table.held is not None:
        table.x, table.y = block.x, block.y = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)
        table.release()  # where there is room


def readings(tables: Sequence[Table]) -> dict[str, Tensor]:
    """What all sensors say: image (N, 3, 48, 48), state (N, 4), objects (N, 4, 20)."""
    return {
        "image": pictures(tables),
        "state": torch.stack([table.state() for table in tables]),
        "objects": torch.stack([table.objects() for table in tables]),
    }


class Portion:
    """Lessons with their readings, as tensors; pictures are kept as bytes.

    Parameters
    ----------
    learned : sequence of Lesson
    """

    def __init__(self, learned: Sequence[Lesson]) -> None:
        self.learned = list(learned)
        tables = [one.table for one in self.learned]
        parts = [readings(tables[i : i + PART]) for i in range(0, len(tables), PART)]
        self.readings = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        self.readings["image"] = (self.readings["image"] * 255).round().to(torch.uint8)

    def __len__(self) -> int:
        return len(self.learned)

    def batch(
        self, chosen: Sequence[int], form: str, tokenizer: Tokenizer
    ) -> tuple[tuple[Tensor, dict[str, Tensor]], Tensor]:
        """Return ((ids (B, T), readings), target (B, T)) of some lessons, in one of the forms of SENSES."""
        some = [self.learned[i] for i in chosen]
        ids, target = as_ids(some, form, tokenizer)
        own = {name: self.readings[name][list(chosen)] for name in SENSES[form]}
        return (ids, {n: x / 255 if x.dtype == torch.uint8 else x for n, x in own.items()}), target


def as_ids(some: Sequence[Lesson], form: str, tokenizer: Tokenizer) -> tuple[Tensor, Tensor]:
    """Return ids (B, T) and targets (B, T): of each token the next, where it is of the answer."""
    rows = []
    for one in some:
        asked = tokenizer.encode(prompt(one.text, SENSES[form], want=one.want, last=one.last))
        told = [*tokenizer.encode(" " + one.answer), tokenizer.end]
        rows.append((asked + told[:-1], [IGNORE] * (len(asked) - 1) + told))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [tokenizer.pad] * (longest - len(row)) for row, _ in rows])
    return ids, torch.tensor([row + [IGNORE] * (longest - len(row)) for _, row in rows])


def batches(
    own: Portion, shares: Mapping[str, float], batch: int, seed: int, tokenizer: Tokenizer
) -> Iterator[tuple[tuple[Tensor, dict[str, Tensor]], Tensor]]:
    """Shuffled batches for ever; each is of one form, drawn by its share, and of lessons of like length."""
    rng = random.Random(seed)
    long = [len(f"{one.text} {one.last} {one.answer}".split()) for one in own.learned]
    while True:
        order = rng.sample(range(len(own)), len(own))
        for first in range(0, len(own) - batch + 1, ALIKE * batch):
            near = sorted(order[first : first + ALIKE * batch], key=long.__getitem__)
            parts = [near[i : i + batch] for i in range(0, len(near) - batch + 1, batch)]
            for part in rng.sample(parts, len(parts)):
                yield own.batch(part, rng.choices(list(shares), list(shares.values()))[0], tokenizer)


def cell_labels(tables: Sequence[Table], cells: int = 6) -> tuple[Tensor, Tensor]:
    """What each cell shows of the block whose centre it has: for the image encoder's first lessons.

    Returns
    -------
    names : Tensor
        (N, P, 2) int64: class and colour, from 1; 0 is none.
    places : Tensor
        (N, P, 3): where in the cell the centre is, x and y in [0, 1], and whether the block is held.
    """
    names = torch.zeros(len(tables), cells * cells, 2, dtype=torch.long)
    places = torch.zeros(len(tables), cells * cells, 3)
    for n, table in enumerate(tables):
        for i, block in enumerate(table.blocks):
            column, row = (min(int(value * cells), cells - 1) for value in (block.x, block.y))
            at = row * cells + column
            names[n, at] = torch.tensor([1 + CLASSES.index(block.shape), 1 + COLOURS.index(block.colour)])
            places[n, at] = torch.tensor([block.x * cells - column, block.y * cells - row, i == table.held])
    return names, places


def object_labels(objects: Tensor) -> tuple[Tensor, Tensor]:
    """The same of true object states (N, K, 20): names (N, K, 2), and x, y, held (N, K, 3)."""
    there = objects[..., :1].long()
    first, colours = 4, 4 + len(CLASSES)
    kind = 1 + objects[..., first:colours].argmax(dim=-1)
    names = torch.stack([kind, 1 + objects[..., colours:].argmax(dim=-1)], dim=-1)
    return names * there, objects[..., 1:4]
