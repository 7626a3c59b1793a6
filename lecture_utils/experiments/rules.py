"""A claim and the rule that decides it, both fixed in the code before the experiment runs.

Kept apart from the ledger, and free of logic: every claim's fingerprint covers this file's code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Experiment = Callable[[int, str], dict[str, Any]]


@dataclass(frozen=True)
class Rule:
    """What has to be so for a claim to hold.

    `above` and `below` are statistical: the 95 % t-interval of the figure's mean over the seeds must lie
    wholly above, below, or between. `equals` is exact: every seed's figure must be within `tolerance` of it.

    Parameters
    ----------
    figure : str
        Key of a number in what the experiment returns.
    above, below : float, optional
        Bounds for the interval.
    equals : float, optional
        Value for every seed.
    tolerance : float
        For `equals` only.

    Raises
    ------
    ValueError
        If the rule says nothing, or mixes `equals` with a bound.
    """

    figure: str
    above: float | None = None
    below: float | None = None
    equals: float | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        bounded = self.above is not None or self.below is not None
        if bounded == (self.equals is not None):
            raise ValueError(f"Rule({self.figure!r}) wants either above/below or equals, got {self!r}.")
        if self.tolerance < 0 or (bounded and self.tolerance):
            raise ValueError(f"tolerance is for equals, and 0 or more, got {self!r}.")


@dataclass(frozen=True)
class Claim:
    """A headline finding with its source, its rule (several: all must hold) and the number of seeds."""

    id: str
    statement: str
    paper: str
    rules: tuple[Rule, ...]
    seeds: int
    note: str = ""


def claim(
    id: str, *, statement: str, paper: str, rule: Rule | tuple[Rule, ...], seeds: int = 5, note: str = ""
) -> Callable[[Experiment], Experiment]:
    """Mark ``function(seed, budget) -> figures`` as the experiment behind a claim.

    Parameters
    ----------
    id : str
        ``"C01.1"``: chapter 01, so the function stands in ``experiments/ch01.py``.
    statement : str
        The finding, with its direction, in one sentence.
    paper : str
        Authors, title, venue, year.
    rule : Rule or tuple of Rule
        Decides whether the claim holds; of several, all must.
    seeds : int
        Runs with seeds 0 … seeds − 1: at least 3 where a rule is statistical.
    note : str
        What a reader must know of the conditions.

    Raises
    ------
    ValueError
        If there are too few seeds for the rule.
    """
    rules = rule if isinstance(rule, tuple) else (rule,)
    least = 1 if all(r.equals is not None for r in rules) else 3
    if not rules or seeds < least:
        raise ValueError(f"{id}: wanted at least one rule and {least} seeds, got {len(rules)} and {seeds}.")

    def mark(function: Experiment) -> Experiment:
        function.claim = Claim(id, statement, paper, rules, seeds, note)  # type: ignore[attr-defined]
        return function

    return mark
