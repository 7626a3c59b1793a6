"""The low-level policy under PaLM-E (S14.8): one step of a plan, in words, becomes motion.

D. Driess et al., "PaLM-E: An Embodied Multimodal Language Model", ICML 2023, section 3: the model writes
plans over skills that it is *given*. The paper's skills are themselves learned from camera pictures
and sentences (such as RT-1); this one is a controller written by hand.

What it is given, and the model is not: where the block of a name lies, and where a spot like "left of the
blue ball" is, both exactly, from the world (`locate`, `spot`). What it cannot do is decide: which block,
where to, in what order, when to stop, and what went wrong. That comes from the words alone.
"""

import math
from typing import Protocol

from lecture_utils.ops.checks import check_numbers

NEAR = 0.002  # when the gripper has arrived
FASTEST, EASE, LEAST = 0.06, 0.3, 0.01  # of a move: at most, the share of what is left, at least
PATIENCE = 200  # moves


class Body(Protocol):
    """What a policy moves: a gripper over a table."""

    x: float
    y: float
    held: int | None
    open: bool

    def move(self, dx: float, dy: float) -> None:
        """Move the gripper a little."""

    def close(self) -> bool:
        """Close it; whether it holds something."""

    def release(self) -> bool:
        """Open it; whether it did."""

    def locate(self, name: str) -> tuple[float, float] | None:
        """Where a block lies."""

    def spot(self, words: str) -> tuple[float, float] | None:
        """Where a spot is."""


def carry_out(body: Body, step: str) -> bool:
    """Carry out a step, "pick the NAME" or "place SPOT", and return whether it succeeded.

    Parameters
    ----------
    body : Body
        It is changed.
    step : str
        Words that mean nothing to the policy are a step that fails.
    """
    if not isinstance(step, str):
        raise ValueError(f"step: got {type(step).__name__}, want a str")
    verb, _, words = step.partition(" ")
    if verb == "pick" and body.held is None and (at := body.locate(words.removeprefix("the "))):
        body.release()  # open, for it may have closed on nothing before
        reach(body, at)
        return body.close()
    if verb == "place" and body.held is not None and (at := body.spot(words)):
        reach(body, at)
        return body.held is not None and body.release()  # else it slipped on the way
    return False


def reach(body: Body, at: tuple[float, float]) -> None:
    """Move to a place, slower the nearer it is; stop where what was held is lost."""
    check_numbers(at, "place", 2)
    held = body.held
    for _ in range(PATIENCE):
        dx, dy = at[0] - body.x, at[1] - body.y
        far = math.hypot(dx, dy)
        if far < NEAR or body.held != held:
            return
        share = min(1.0, min(FASTEST, max(EASE * far, LEAST)) / far)
        body.move(share * dx, share * dy)
