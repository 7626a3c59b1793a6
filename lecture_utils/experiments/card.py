"""How a claim is shown: statement, rule, figures of each seed, effect, verdict, and where it was measured."""

from typing import Any

from lecture_utils.experiments import ledger
from lecture_utils.kernel.panel import Panel


def show(id: str) -> None:
    """Display what was measured for a claim, or say that it has not been: one panel, the same everywhere."""
    claim_panel(id).show()


def claim_panel(id: str) -> Panel:
    """Return the panel of a claim; one that has not been measured says so."""
    try:
        record = ledger.load(id)
    except ledger.ClaimError as error:
        item = ledger.find(id).claim  # type: ignore[attr-defined]
        return Panel("note", f"Claim {id}: no result").say(item.statement).say(str(error), faint=True)
    holds = ledger.derive_holds(record)
    panel = Panel("good" if holds else "bad", f"Claim {id}: {ledger.verdict(record)}").say(record.statement)
    panel.say("Rule, fixed before the run: " + "; and ".join(map(ledger.rule_text, record.rules)) + ".")
    columns = _columns(record)
    rows = [[_cell(row.get(name)) for name in columns] for row in record.figures]
    panel.table(columns, rows, numeric=range(len(columns)))
    panel.say(f"Effect: {ledger.effect_text(record)}.")
    if record.note:
        panel.say(record.note)
    if problem := ledger.stale(record):
        panel.say(f"Out of date. {problem}")
    panel.say(f"Paper: {record.paper}.", faint=True)
    return panel.say(
        f"Measured {record.date} on {record.device}, torch {record.torch}, {record.seconds:.3g} s in all, "
        f"budget {record.budget}.",
        faint=True,
    )


def _columns(record: ledger.Record) -> list[str]:
    """The seed, the rules' figures, and other numbers as far as they fit."""
    ruled = list(dict.fromkeys(rule.figure for rule in record.rules))
    first = record.figures[0] if record.figures else {}
    others = [
        key
        for key, value in first.items()
        if key not in ("seed", *ruled) and isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return ["seed", *ruled, *others[: max(0, 6 - len(ruled))]]


def _cell(value: Any) -> str:
    if value is None:
        return "not a number"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
