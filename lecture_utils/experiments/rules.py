"""A claim and the rule that decides it, both fixed in the code before the experiment runs.

No claim's fingerprint covers this file: the ledger compares statement, paper, rule and seeds by themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
            raise ValueError(f"Rule({self.figure!r}): got {self!r}, want either above/below or equals.")
        if self.tolerance < 0 or (bounded and self.tolerance):
            raise ValueError(f"Rule({self.figure!r}): got {self!r}, want tolerance >= 0, and with equals.")


@dataclass(frozen=True)
class Boundary:
    """An axis, named before the run, along which a claim is swept: where does it begin to hold?

    Attributes
    ----------
    axis : str
        In words, for example "training pictures".
    points : tuple of float
        Where it is measured.
    measure : callable
        ``measure(seed, budget, point)`` -> figures, among them the first rule's.
    """

    axis: str
    points: tuple[float, ...]
    measure: Callable[[int, str, float], dict[str, Any]]


@dataclass(frozen=True)
class Claim:
    """A headline finding with its source, its rule (several: all must hold) and the number of seeds."""

    id: str
    statement: str
    paper: str
    rules: tuple[Rule, ...]
    seeds: int
    note: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    timed: bool = False
    boundary: Boundary | None = None


def claim(
    id: str,
    *,
    statement: str,
    paper: str,
    rule: Rule | tuple[Rule, ...],
    seeds: int = 5,
    note: str = "",
    names: Mapping[str, str] | None = None,
    timed: bool = False,
    boundary: Boundary | None = None,
) -> Callable[[Experiment], Experiment]:
    """Mark ``function(seed, budget) -> figures`` as the experiment behind a claim.

    Parameters
    ----------
    id : str
        ``"C01.1"``: chapter 01, so the function stands in ``chapters/ch01/claims.py``.
    statement : str
        The finding, with its direction, in one sentence.
    paper : str
        Authors, title, venue, year.
    rule : Rule or tuple of Rule
        Decides whether the claim holds; of several, all must.
    seeds : int
        Runs with seeds 0 … seeds - 1: at least 3 where a rule is statistical.
    note : str
        What a reader must know of the conditions.
    names : dict of str to str, optional
        What figures are called in words; without one, ``toy_gain`` is "toy gain".
    timed : bool
        The figures are times: a second run gives others, so one seed cannot confirm them.
    boundary : Boundary, optional
        Measured with the claim, at every point for every seed.

    Raises
    ------
    ValueError
        If there are too few seeds for the rule.
    """
    rules = rule if isinstance(rule, tuple) else (rule,)
    least = 1 if all(r.equals is not None for r in rules) else 3
    if not rules or seeds < least:
        raise ValueError(
            f"{id}: got {len(rules)} rules and {seeds} seeds, want 1 rule and {least} seeds at least."
        )

    def mark(function: Experiment) -> Experiment:
        function.claim = Claim(  # type: ignore[attr-defined]
            id, statement, paper, rules, seeds, note, dict(names or {}), timed, boundary
        )
        return function

    return mark
