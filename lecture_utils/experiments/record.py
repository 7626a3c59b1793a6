"""A claim's record, and what follows from its figures: effect, interval and verdict, in numbers and in
words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lecture_utils.experiments.rules import Rule


class ClaimError(RuntimeError):
    """A claim that does not exist, or whose record is missing or damaged; the message says what to do."""


@dataclass(frozen=True)
class Record:
    """What was measured for one claim.

    Attributes
    ----------
    rules : tuple of Rule
        All must hold; the first is the one that `effect` is about.
    figures : list of dict
        One a seed, with the key ``seed``. A number that was not finite is None.
    effect : dict
        mean, low and high (95 % t-interval) and n of the first rule's figure.
    holds : bool
        By the rule, from the figures.
    device, torch : str
        What computed it.
    seconds : float
        Summed over the seeds.
    source_hash : str
        Of the experiment and all package code that it reaches.
    weights : dict of str to str
        The shipped weights that this code loads, with the SHA-256 that each file had.
    """

    id: str
    statement: str
    paper: str
    rules: tuple[Rule, ...]
    figures: list[dict[str, Any]]
    effect: dict[str, float | int | None]
    holds: bool
    device: str
    seconds: float
    budget: str
    torch: str
    source_hash: str
    date: str
    note: str = ""
    weights: dict[str, str] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        """The first rule."""
        return self.rules[0]


def plain(value: Any, where: str) -> Any:
    """Bring a figure to JSON: floats to 6 significant digits, what is not finite to None."""
    if hasattr(value, "tolist"):
        value = value.tolist()  # numpy and torch
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(part, f"{where}.{key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, where) for part in value]
    raise ClaimError(
        f"{where} cannot be recorded: wanted numbers, text, lists or dicts, got {type(value).__name__}."
    )


def derive_effect(rule: Rule, figures: list[dict[str, Any]]) -> dict[str, float | int | None]:
    """Return mean, 95 % t-interval and n of a rule's figure over the seeds (None where a seed has no
    number)."""
    import numpy as np
    from scipy import stats

    values = [row.get(rule.figure) for row in figures]
    n = len(values)
    if not values or any(value is None for value in values):
        return {"mean": None, "low": None, "high": None, "n": n}
    array = np.array(values, dtype=float)
    mean = float(array.mean())
    half = float(stats.t.ppf(0.975, n - 1) * array.std(ddof=1) / math.sqrt(n)) if n > 1 else 0.0
    return {"mean": plain(mean, ""), "low": plain(mean - half, ""), "high": plain(mean + half, ""), "n": n}


def holds(rule: Rule, figures: list[dict[str, Any]]) -> bool:
    values = [row.get(rule.figure) for row in figures]
    if not values or any(value is None for value in values):
        return False
    if rule.equals is not None:
        return all(abs(value - rule.equals) <= rule.tolerance for value in values)  # type: ignore[operator]
    effect = derive_effect(rule, figures)
    low, high = effect["low"], effect["high"]
    if len(values) < 3 or low is None or high is None:
        return False
    return (rule.above is None or low > rule.above) and (rule.below is None or high < rule.below)


def derive_holds(record: Record) -> bool:
    """Decide a record anew from its figures, by its rules."""
    return all(holds(rule, record.figures) for rule in record.rules)


def verdict(record: Record) -> str:
    """Return ``"holds"`` or ``"not reproduced"``, from the figures."""
    return "holds" if derive_holds(record) else "not reproduced"


def number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "not a number"


def effect_text(record: Record) -> str:
    """Return the effect of each rule's figure, with its interval, in words."""
    effects = {rule.figure: derive_effect(rule, record.figures) for rule in record.rules}
    effects[record.rule.figure] = record.effect
    return "; ".join(_in_words(name, effect) for name, effect in effects.items())


def _in_words(figure: str, effect: Mapping[str, float | int | None]) -> str:
    if effect["mean"] is None:
        return f"{figure} is not a number for every seed"
    mean, low, high = (number(effect[key]) for key in ("mean", "low", "high"))
    if effect["n"] == 1:
        return f"{figure} = {mean} (1 seed)"
    if effect["low"] == effect["high"]:
        return f"{figure} = {mean} ({effect['n']} seeds, all equal)"
    return f"{figure} = {mean}, 95 % interval {low} to {high} ({effect['n']} seeds)"


def rule_text(rule: Rule) -> str:
    """Return a rule in words."""
    if rule.equals is not None:
        within = f" within {rule.tolerance:g}" if rule.tolerance else ""
        return f"{rule.figure} is {rule.equals:g}{within} for every seed"
    bounds = [f"above {rule.above:g}"] if rule.above is not None else []
    bounds += [f"below {rule.below:g}"] if rule.below is not None else []
    return f"the 95 % interval of the mean of {rule.figure} lies {' and '.join(bounds)}"
