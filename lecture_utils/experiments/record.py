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
    confirmed : dict, optional
        That later code gave the same figures for one seed: date, torch, device, the code's hash, and ``by``,
        what its figures were compared with (the record, or another revision run on the same machine).
    boundary : dict, optional
        axis, and points: each with ``at`` and figures a seed.
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
    confirmed: dict[str, str] | None = None
    boundary: dict[str, Any] | None = None

    @property
    def rule(self) -> Rule:
        """The first rule."""
        return self.rules[0]


def parse(raw: Any) -> Record:
    """Make a record of what stands in its file.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it is not what `ledger.run` writes.
    """
    raw = dict(raw)
    record = Record(rules=tuple(Rule(**rule) for rule in raw.pop("rules")), **raw)
    texts = ("id", "statement", "paper", "device", "budget", "torch", "source_hash", "date", "note")
    _want(all(isinstance(getattr(record, name), str) for name in texts), "text")
    _want(bool(record.rules) and all(isinstance(rule.figure, str) for rule in record.rules), "rules")
    bounds = [b for r in record.rules for b in (r.above, r.below, r.equals, r.tolerance)]
    _want(all(b is None or _is_number(b) for b in bounds), "bounds")
    _want(_is_number(record.seconds) and isinstance(record.holds, bool), "seconds and holds")
    _check_figures(record.figures, record.rules)
    keys = ("mean", "low", "high", "n")
    _want(isinstance(record.effect, dict) and all(_is_number(record.effect[k], none=True) for k in keys), "n")
    for value in (record.weights, record.confirmed or {}):
        _want(isinstance(value, dict) and all(isinstance(v, str) for v in value.values()), "a dict of texts")
    if record.boundary is not None:
        _want(isinstance(record.boundary["axis"], str), "an axis")
        for point in record.boundary["points"]:
            _want(_is_number(point["at"]), "points")
            _check_figures(point["figures"], record.rules[:1])
    return record


def _check_figures(figures: Any, rules: tuple[Rule, ...]) -> None:
    _want(isinstance(figures, list) and bool(figures), "figures")
    for row in figures:
        _want(isinstance(row, dict) and isinstance(row["seed"], int), "a seed")
        _want(all(_is_number(row[rule.figure], none=True) for rule in rules), "numbers")


def _is_number(value: Any, *, none: bool = False) -> bool:
    """Whether a value is a number that a float can hold."""
    if value is None:
        return none
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300


def _want(right: bool, what: str) -> None:
    if not right:
        raise ValueError(f"no {what}")


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
        f"{where} cannot be recorded: got {type(value).__name__}, want numbers, text, lists or dicts."
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


def in_words(figure: str, names: Mapping[str, str] | None = None) -> str:
    """Return a figure's name in words."""
    return (names or {}).get(figure) or figure.replace("_", " ")


def effect_text(record: Record, names: Mapping[str, str] | None = None) -> str:
    """Return the effect of each rule's figure, with its interval, in words."""
    figures = dict.fromkeys(rule.figure for rule in record.rules)
    return "; ".join(figure_text(record, figure, names) for figure in figures)


def figure_text(record: Record, figure: str, names: Mapping[str, str] | None = None) -> str:
    """Return one figure with its interval, in words."""
    rule = next(rule for rule in record.rules if rule.figure == figure)
    effect = record.effect if figure == record.rule.figure else derive_effect(rule, record.figures)
    name = in_words(figure, names)
    if effect["mean"] is None:
        return f"{name} is not a number for every seed"
    mean, low, high = (number(effect[key]) for key in ("mean", "low", "high"))
    if effect["n"] == 1:
        return f"{name} = {mean} (1 seed)"
    if effect["low"] == effect["high"]:
        return f"{name} = {mean} ({effect['n']} seeds, all equal)"
    return f"{name} = {mean}, 95 % interval {low} to {high} ({effect['n']} seeds)"


def rule_text(rule: Rule, names: Mapping[str, str] | None = None) -> str:
    """Return a rule in words."""
    figure = in_words(rule.figure, names)
    if rule.equals is not None:
        within = f" within {rule.tolerance:g}" if rule.tolerance else ""
        return f"{figure} is {rule.equals:g}{within} for every seed"
    bounds = [f"above {rule.above:g}"] if rule.above is not None else []
    bounds += [f"below {rule.below:g}"] if rule.below is not None else []
    return f"the 95 % interval of the mean of {figure} lies {' and '.join(bounds)}"


def boundary_rows(record: Record) -> list[tuple[str, str]]:
    """Return the boundary as rows: a point of the axis, and the first rule's figure there in words."""
    rows = []
    for point in (record.boundary or {}).get("points", []):
        effect = derive_effect(record.rule, point["figures"])
        value = number(effect["mean"])
        if effect["mean"] is not None and effect["n"] != 1:
            value += f" ({number(effect['low'])} to {number(effect['high'])})"
        rows.append((f"{point['at']:g}", value))
    return rows


def boundary_text(record: Record, names: Mapping[str, str] | None = None) -> str:
    """Return the boundary in one sentence, or nothing."""
    if record.boundary is None:
        return ""
    points = ", ".join(f"{value} at {at}" for at, value in boundary_rows(record))
    return f"{in_words(record.rule.figure, names)} by {record.boundary['axis']}: {points}"
