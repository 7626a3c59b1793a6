"""The loop around PaLM-E (S14.8): look, write the plan that is left, carry out its first step, look again.

D. Driess et al., "PaLM-E: An Embodied Multimodal Language Model", ICML 2023, sections 3 and 6: the
model stands in a control loop, where what it decides is carried out, and it plans anew from what is seen
then. Open loop, the comparison: the first plan is carried out to its end without another look.

Shapes: B episodes, side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from lecture_utils.multimodal.palm_e.planning import NOTHING, steps_of
from lecture_utils.multimodal.palm_e.policy import Body, carry_out
from lecture_utils.ops.checks import check_sizes

DONE = "done"
Look = Callable[[Sequence[Any]], Mapping[str, Tensor]]  # of bodies
Planner = Callable[[Sequence[str], Mapping[str, Tensor], Sequence[str]], list[str]]


@dataclass
class Episode:
    """What happened on one table.

    Attributes
    ----------
    plans : list of str
        As written, one a look.
    steps : list of (str, bool)
        Each step that was tried, and whether the policy succeeded.
    left : list of str
        Steps of the latest plan that were not tried yet.
    done : bool
        Whether the planner said so, or nothing more, before its steps ran out.
    """

    plans: list[str] = field(default_factory=list)
    steps: list[tuple[str, bool]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def last(self) -> str:
        """The step that was tried last."""
        return self.steps[-1][0] if self.steps else NOTHING

    def heed(self, plan: str) -> None:
        """Forget the plan so far, and take a new one."""
        self.plans.append(plan)
        self.left = steps_of(plan)


def run(
    planner: Planner, bodies: Sequence[Body], instructions: Sequence[str], look: Look, *, most: int = 12,
    closed: bool = True, between: Callable[[int, Body, int], None] | None = None,
) -> list[Episode]:  # fmt: skip
    """Let a planner work on B tables until it says that it is done.

    Parameters
    ----------
    planner : callable
        Instructions, readings and the last steps of B tables to B plans in words.
    bodies : sequence of Body
        They are changed.
    instructions : sequence of str
        One each.
    look : callable
        Some of the bodies to the readings of all their sensors, (B, …) each.
    most : int
        Steps that are tried at most; who has not said "done" by then has not ended.
    closed : bool
        Plan anew after each step. Otherwise the first plan is followed to its end.
    between : callable, optional
        ``between(number, body, steps tried)`` after each step: where a passer-by may disturb.

    Returns
    -------
    list of B Episode
    """
    check_sizes("run", most=most)
    if len(bodies) != len(instructions) or not bodies:
        raise ValueError(f"run: got {len(bodies)} tables and {len(instructions)} instructions, want as many")
    episodes = [Episode() for _ in bodies]
    for turn in range(most + 1):
        going = [i for i, episode in enumerate(episodes) if not episode.done]
        if going and (closed or turn == 0):  # look, and plan what is left
            seen, last = look([bodies[i] for i in going]), [episodes[i].last for i in going]
            plans = planner([instructions[i] for i in going], seen, last)
            for i, plan in zip(going, plans, strict=True):
                episodes[i].heed(plan)
        for i in going:
            episodes[i].done = episodes[i].left[:1] in ([DONE], [])
            if not episodes[i].done and turn < most:
                step = episodes[i].left.pop(0)
                episodes[i].steps.append((step, carry_out(bodies[i], step)))
                if between is not None:  # not shown
                    between(i, bodies[i], turn + 1)
    return episodes
