"""What PaLM-E's planner (S14.8) can do for the gripper, measured: tasks carried out, with and without eyes.

A task counts as done if all its goals hold in the end, the gripper is empty, and the planner said "done".
Test tables throughout; intervals are Wilson's (E. B. Wilson, "Probable inference, the law of succession, and
statistical inference", JASA 1927), at 95 %.
"""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.gripper import (
    Beside,
    On,
    Table,
    Task,
    ask,
    nudge,
    plan,
    sample_tables,
    sample_tasks,
    solved,
)
from lecture_utils.data.toyworld.gripper.goals import KINDS
from lecture_utils.data.toyworld.gripper.planner import DONE
from lecture_utils.data.toyworld.gripper.sampling import possible
from lecture_utils.data.toyworld.gripper.table import REGIONS, TOWARDS
from lecture_utils.multimodal.palm_e.control import Episode, Planner, run
from lecture_utils.multimodal.palm_e.palm_e import PaLME
from lecture_utils.multimodal.palm_e.planning import ANSWER, prompt, write
from lecture_utils.recipes._gripper import SENSES, readings
from lecture_utils.recipes.gripper_palm import planner

PUSHED_AFTER = 2  # steps, when a passer-by pushes a block
TROUBLES = ("none", "slip", "push")
#: By name: what the planner reads ("another" is another table's picture); does it look after each step?
ARMS = {
    "picture and state": ("image", True),
    "another table's picture": ("another", True),
    "words and state": ("blind", True),
    "words and state, one look": ("blind", False),
    "true object states": ("objects", True),
    "the expert": ("expert", True),
    "a random plan": ("random", False),
}


class Trial(NamedTuple):
    """One task, and how it went: picks of the expert, whether the words alone said the plan."""

    table: Table
    task: Task
    picks: int
    told: bool
    done: bool
    episode: Episode


class Share(NamedTuple):
    """Successes of so many trials."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        """Their share."""
        return self.hits / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        z, n, p = 1.96, self.trials, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(middle - half, 0.0), min(middle + half, 1.0)


def share(trials: Iterable[Trial]) -> Share:
    """How many of some trials were done."""
    done = [trial.done for trial in trials]
    return Share(sum(done), len(done))


def palm() -> PaLME:
    """The shipped model."""
    model = zoo.load("gripper_palm")
    assert isinstance(model, PaLME)
    return model


def literal(task: Task) -> list[str] | None:
    """The plan that the words of a task say outright, or None where they name no block in full."""
    if task.kind not in ("put", "then"):
        return None
    steps: list[str] = []
    for goal in task.goals:
        assert isinstance(goal, Beside | On)
        place = goal.region if isinstance(goal, On) else f"{goal.relation} the {goal.other}"
        steps += [f"pick the {goal.mover}", f"place {place}"]
    return [*steps, DONE]


def tests(
    count: int, *, held_out: bool = False, kinds: Sequence[str] = KINDS, seed: int = 0
) -> tuple[list[Table], list[Task]]:
    """Test tables and a task for each."""
    tables = sample_tables(count, seed=seed, split="test", held_out=held_out)
    return tables, sample_tasks(tables, seed=seed, kinds=kinds)


def planner_of(model: PaLME, reads: str, tables: Sequence[Table], tasks: Sequence[Task]) -> Planner:
    """What one of ARMS plans with. The expert, and who sees another table, are told which table it is.

    Where the expert finds no plan (of five picks or fewer) it gives up, and says "done".
    """
    rng = random.Random(0)

    def by_expert(_: Sequence[str], seen: Mapping[str, Tensor], __: Sequence[str]) -> list[str]:
        numbers = [i if possible(tables[i], tasks[i]) else None for i in seen["number"].tolist()]
        return ["done ." if i is None else " . ".join(plan(tables[i], tasks[i])) + " ." for i in numbers]

    def at_random(_: Sequence[str], seen: Mapping[str, Tensor], __: Sequence[str]) -> list[str]:
        plans = []
        for i in seen["number"].tolist():
            name, *rest = (b.name for b in rng.sample(tables[i].blocks, len(tables[i].blocks)))
            spots = [*REGIONS, *(f"{relation} the {rest[0]}" for relation in TOWARDS)]
            plans.append(f"pick the {name} . place {rng.choice(spots)} . done .")
        return plans

    def seeing_another(words: Sequence[str], seen: Mapping[str, Tensor], last: Sequence[str]) -> list[str]:
        return planner(model)(words, {**seen, "image": seen["another"]}, last)

    own: dict[str, Planner] = {"expert": by_expert, "random": at_random, "another": seeing_another}
    return own.get(reads) or planner(model, reads)


def look_at(tables: Sequence[Table], reads: str) -> Callable[[Sequence], Mapping[str, Tensor]]:
    """What the sensors say of some tables, their numbers, and the next one's picture as it was at first."""
    place = {id(table): i for i, table in enumerate(tables)}
    others = [table.copy() for table in [*tables[1:], tables[0]]]

    def look(bodies: Sequence) -> dict[str, Tensor]:
        number = [place[id(body)] for body in bodies]
        seen = {"number": torch.tensor(number)}
        if reads in SENSES or reads == "another":
            seen |= readings(bodies)
        if reads == "another":
            seen["another"] = readings([others[i] for i in number])["image"]
        return seen

    return look


def carried_out(
    model: PaLME,
    reads: str,
    tables: Sequence[Table],
    tasks: Sequence[Task],
    *,
    closed: bool = True,
    trouble: str = "none",
    most: int = 12,
) -> list[Trial]:
    """Let a planner do tasks on tables (which stay as they are), undisturbed or with one kind of trouble.

    Parameters
    ----------
    model : PaLME
    reads : str
        As in ARMS.
    tables, tasks : sequences
    closed : bool
        Look and plan anew after each step.
    trouble : {"none", "slip", "push"}
        Slip: the first block that is carried far enough falls. Push: after two steps someone moves a block.
    most : int
        Steps that are tried at most.
    """
    if trouble not in TROUBLES:
        raise ValueError(f"trouble: got {trouble!r}, want one of {TROUBLES}")
    own = [table.copy() for table in tables]
    rng = random.Random(1)
    for table in own:
        table.slips = 0 if trouble == "slip" else None

    def push(i: int, _: object, tried: int) -> None:
        if trouble == "push" and tried == PUSHED_AFTER:
            nudge(own[i], rng, tasks[i])

    episodes = run(
        planner_of(model, reads, own, tasks), own, [task.text for task in tasks], look_at(own, reads),
        closed=closed, between=push, most=most,
    )  # fmt: skip
    told = []
    for before, after, task, episode in zip(tables, own, tasks, episodes, strict=True):
        steps = plan(before, task)
        done = episode.done and solved(after, task)
        told.append(Trial(before, task, len(steps) // 2, steps == literal(task), done, episode))
    return told


def arms(model: PaLME, count: int = 200, *, held_out: bool = False, most: int = 12) -> dict[str, list[Trial]]:
    """All of ARMS on the same undisturbed test tasks."""
    tables, tasks = tests(count, held_out=held_out)
    return {
        name: carried_out(model, reads, tables, tasks, closed=closed, most=most)
        for name, (reads, closed) in ARMS.items()
    }


def by(trials: Iterable[Trial], part: Callable[[Trial], str]) -> dict[str, Share]:
    """Shares of done tasks by some property of a trial, in order."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(part(trial), []).append(trial)
    return {name: share(groups[name]) for name in sorted(groups)}


def said_or_seen(trial: Trial) -> str:
    """Whether a task's words say its plan, or eyes are needed to make one."""
    return "the words say the plan" if trial.told else "eyes are needed"


def disturbed(model: PaLME, count: int = 200) -> dict[str, dict[str, Share]]:
    """Closed against open loop, in peace and in trouble; the expert, closed, beside it."""
    tables, tasks = tests(count)
    ways = {"plans anew": ("image", True), "plans once": ("image", False), "expert, anew": ("expert", True)}
    return {
        trouble: {
            name: share(carried_out(model, reads, tables, tasks, closed=closed, trouble=trouble))
            for name, (reads, closed) in ways.items()
        }
        for trouble in TROUBLES
    }


def answered(model: PaLME, count: int = 300, *, form: str = "image") -> dict[str, Share]:
    """Share of right answers to questions about test tables as they come, by what they are about."""
    tables = sample_tables(count, seed=1, split="test")
    rng = random.Random(2)
    for table in tables[::2]:  # every other gripper holds something
        block = rng.choice(table.blocks)
        table.x, table.y = block.x, block.y
        table.close()
    asked = [ask(table, rng) for table in tables]
    prompts = [prompt(one.text, SENSES[form], want=ANSWER) for one in asked]
    seen = {name: x for name, x in readings(tables).items() if name in SENSES[form]}
    said = write(model, prompts, seen)
    hits: dict[str, list[bool]] = {"all": []}
    for one, words in zip(asked, said, strict=True):
        for name in ("all", one.about):
            hits.setdefault(name, []).append(words == f"{one.answer} .")
    return {name: Share(sum(right), len(right)) for name, right in sorted(hits.items())}


def table_of(shares: Mapping[str, Share]) -> str:
    """Write shares as lines: name, share, interval, trials."""
    wide = max(map(len, shares))
    lines = []
    for name, own in shares.items():
        low, high = own.interval
        lines.append(
            f"{name:{wide}}  {own.value:6.1%}  ({low:.1%} to {high:.1%}, {own.hits} of {own.trials})"
        )
    return "\n".join(lines)
