"""Tables: one call, an HTML table for the notebook and its plain-text twin for comparisons."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

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
    from IPython.display import display

    names, cells, numeric = _cells(rows, columns)
    display(
        {
            "text/html": _html(names, cells, numeric, caption),
            "text/plain": _plain(names, cells, numeric, caption),
        },
        raw=True,
    )


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
) -> tuple[list[str], list[list[str]], list[bool]]:
    """Bring rows to text, and tell which columns are numbers (aligned right)."""
    rows = list(rows)
    if not rows:
        raise ValueError("show_table wants at least one row, got none")
    if columns is None:
        if not isinstance(rows[0], Mapping):
            raise ValueError("show_table wants column names for rows that are no dicts")
        columns = list(rows[0])
    table: list[list[Any]] = []
    for row in rows:
        values = [row.get(name) for name in columns] if isinstance(row, Mapping) else list(row)
        if len(values) != len(columns):
            raise ValueError(f"show_table wants {len(columns)} cells a row, got {len(values)}: {values}")
        table.append(values)
    numeric = [all(isinstance(r[c], int | float) or r[c] is None for r in table) for c in range(len(columns))]
    return list(columns), [[_text(value) for value in row] for row in table], numeric


def _html(names: list[str], cells: list[list[str]], numeric: list[bool], caption: str) -> str:
    """Write the HTML table."""

    def cell(tag: str, text: str, right: bool) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        return f'<{tag}{scope} style="text-align:{"right" if right else "left"}">{html.escape(text)}</{tag}>'

    head = "".join(cell("th", name, right) for name, right in zip(names, numeric, strict=True))
    body = "\n".join(
        "<tr>" + "".join(cell("td", text, right) for text, right in zip(row, numeric, strict=True)) + "</tr>"
        for row in cells
    )
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _plain(names: list[str], cells: list[list[str]], numeric: list[bool], caption: str) -> str:
    """Write the plain-text table."""
    widths = [max(len(row[c]) for row in [names, *cells]) for c in range(len(names))]

    def line(row: list[str]) -> str:
        return "  ".join(
            text.rjust(w) if right else text.ljust(w)
            for text, w, right in zip(row, widths, numeric, strict=True)
        ).rstrip()

    rule = "  ".join("-" * w for w in widths)
    return "\n".join([*([caption] if caption else []), line(names), rule, *map(line, cells)])
