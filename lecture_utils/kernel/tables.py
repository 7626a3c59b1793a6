"""Tables: one call, an HTML table for the notebook and its plain-text twin for comparisons."""

from collections.abc import Mapping, Sequence
from typing import Any

from lecture_utils.kernel.panel import publish, table_html, table_text

Row = Mapping[str, Any] | Sequence[Any]


def show_table(rows: Sequence[Row], columns: Sequence[str] | None = None, caption: str = "") -> None:
    """Display rows as an HTML table with a plain-text twin.

    Parameters
    ----------
    rows : sequence of dict or of sequence
        Dicts are read by column name; sequences in order.
    columns : sequence of str, optional
        Column names; the first dict's keys where not given.
    caption : str, optional

    Raises
    ------
    ValueError
        On no rows, on a row of another length than the columns, or on sequences without columns.
    """
    names, cells, numeric = _cells(rows, columns)
    publish(table_html(names, cells, numeric, caption), table_text(names, cells, numeric, caption))


def _text(value: Any) -> str:
    """Write one cell: integers with separators, floats with four significant digits, shapes with ×."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple) and value and all(isinstance(v, int) for v in value):
        return "×".join(map(str, value))
    return str(value)


def _cells(
    rows: Sequence[Row], columns: Sequence[str] | None
) -> tuple[list[str], list[list[str]], list[int]]:
    """Bring rows to text, and tell which columns are numbers (aligned right)."""
    rows = list(rows)
    if not rows:
        raise ValueError("rows: got none, want at least one")
    if columns is None:
        if not isinstance(rows[0], Mapping):
            raise ValueError(f"columns: got none, want column names for rows of {type(rows[0]).__name__}")
        columns = list(rows[0])
    table: list[list[Any]] = []
    for row in rows:
        values = [row.get(name) for name in columns] if isinstance(row, Mapping) else list(row)
        if len(values) != len(columns):
            raise ValueError(f"rows: got a row of {len(values)} cells, want {len(columns)} cells: {values}")
        table.append(values)
    numeric = [
        c for c in range(len(columns)) if all(isinstance(r[c], int | float) or r[c] is None for r in table)
    ]
    return list(columns), [[_text(value) for value in row] for row in table], numeric
