"""How a claim is shown: one sentence, a verdict and one number; how it was decided is folded away beneath.

Whether its code changed since, and whether it was confirmed, is a maintainer's matter: docs/claims.md and
`make test` tell.
"""

from collections.abc import Mapping
from typing import Any

from lecture_utils.experiments import ledger
from lecture_utils.experiments.record import boundary_rows, figure_text, in_words
from lecture_utils.kernel.panel import Panel


def show_claim(id: str) -> None:
    """Display what was measured for a claim, or say that it has not been: one panel, the same everywhere."""
    claim_panel(id).show()


def claim_panel(id: str) -> Panel:
    """Return the panel of a claim; one that has not been measured says so."""
    try:
        record = ledger.load(id)
    except ledger.ClaimError as error:
        item = ledger.find(id).claim  # type: ignore[attr-defined]
        return Panel("note", f"Claim {id}: no result").say(item.statement).say(str(error), faint=True)
    names = _names(id)
    holds = ledger.derive_holds(record)
    panel = Panel("good" if holds else "bad", f"Claim {id}: {ledger.verdict(record)}").say(record.statement)
    panel.say(_sentence(figure_text(record, record.rule.figure, names)))
    _fold(panel, "How it was decided", _details(record, names))
    return panel


def _names(id: str) -> Mapping[str, str]:
    """What the claim calls its figures; nothing where the code has no such claim any more."""
    try:
        names: Mapping[str, str] = ledger.find(id).claim.names  # type: ignore[attr-defined]
    except ledger.ClaimError:
        return {}
    return names


def _details(record: ledger.Record, names: Mapping[str, str]) -> Panel:
    """Rule, figures of each seed, boundary, conditions, and where it was measured."""
    panel = Panel("note", "")
    rules = "; and ".join(ledger.rule_text(rule, names) for rule in record.rules)
    panel.say(f"Rule, fixed before the run: {rules}.")
    others = list(dict.fromkeys(rule.figure for rule in record.rules))[1:]
    if others:
        panel.say(_sentence("; ".join(figure_text(record, figure, names) for figure in others)))
    columns = _columns(record)
    rows = [[_cell(row.get(name)) for name in columns] for row in record.figures]
    panel.table([in_words(name, names) for name in columns], rows, numeric=range(len(columns)))
    if record.boundary:
        axis, figure = record.boundary["axis"], in_words(record.rule.figure, names)
        panel.say(f"Where it begins to hold, by {axis}:")
        panel.table([axis, f"{figure} (95 % interval)"], boundary_rows(record), numeric=(0, 1))
    if record.note:
        panel.say(record.note)
    panel.say(f"Paper: {record.paper}.", faint=True)
    return panel.say(
        f"Measured {record.date} on {record.device}, torch {record.torch}, {record.seconds:.3g} s in all, "
        f"budget {record.budget}.",
        faint=True,
    )


def _fold(panel: Panel, label: str, inner: Panel) -> None:
    """Put a panel's parts into another one, to be opened with a click; the plain text shows them."""
    panel.rows.append(
        f'<details style="margin-top:4px"><summary style="cursor:pointer">{label}</summary>'
        f"{''.join(inner.rows[1:])}</details>"
    )
    panel.lines += [f"{label}:", *inner.lines[1:]]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


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
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
