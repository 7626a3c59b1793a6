"""Messages in a notebook: a panel with a coloured bar, an icon and a word, and its plain-text twin.

Colours come from JupyterLab's theme, with fallbacks, so that a panel can be read in a light and in a dark
page. The bar's colour is never the only sign: each tone has its own icon, and the title says in words what
has happened.
"""

import html
import sys
from collections.abc import Sequence
from typing import Any

from lecture_utils.kernel.terminal import forgive

# bar colour (Okabe and Ito's palette), icon
TONES = {
    "good": ("#009E73", "✓"),
    "bad": ("#D55E00", "✗"),
    "open": ("#0072B2", "✎"),
    "note": ("#E69F00", "!"),
}
NOT_COMPUTED = {"course": {"computed": False}}  # an output's metadata; tools/check.py looks for it
TEXT = "color:var(--jp-content-font-color1,inherit)"
FAINT = "color:var(--jp-content-font-color2,inherit)"
LINE = "1px solid var(--jp-border-color2,#9994)"
CODE = (
    "margin:2px 0 2px 1em;padding:0;background:transparent;white-space:pre-wrap;overflow-wrap:anywhere;"
    f"font-family:var(--jp-code-font-family,monospace);font-size:0.95em;{TEXT}"
)


class Panel:
    """A message made of parts, each added to the HTML and to its plain-text twin.

    Parameters
    ----------
    tone : str
        Key of `TONES`.
    title : str
        What has happened, in words.
    """

    def __init__(self, tone: str, title: str) -> None:
        self.colour, icon = TONES[tone]
        self.rows = [f"<div><b>{icon} {escape(title)}</b></div>"]
        self.lines = [f"{icon} {title}"]

    def say(self, text: str, *, faint: bool = False) -> "Panel":
        """Add a paragraph."""
        style = f"margin-top:4px;white-space:pre-line;{FAINT if faint else TEXT}"
        self.rows.append(f'<div style="{style}">{escape(text)}</div>')
        self.lines.append(text)
        return self

    def stress(self, label: str, text: str) -> "Panel":
        """Add a paragraph that the eye should find first: a bold label before it."""
        self.rows.append(f'<div style="margin-top:6px;{TEXT}"><b>{escape(label)}</b> {escape(text)}</div>')
        self.lines.append(f"{label} {text}")
        return self

    def code(self, label: str, text: str) -> "Panel":
        """Add a labelled value or piece of code, on the label's line if it takes one."""
        short = "\n" not in text
        inner = f'<pre style="{CODE}{";display:inline;margin:0" if short else ""}">{escape(text)}</pre>'
        self.rows.append(f'<div style="margin-top:4px;{TEXT}">{escape(label)} {inner}</div>')
        self.lines.append(f"{label} {text}" if short else f"{label}\n{_indent(text)}")
        return self

    def fold(self, label: str, text: str) -> "Panel":
        """Add a text that the reader opens with a click."""
        self.rows.append(
            f'<details style="margin-top:4px"><summary style="cursor:pointer">{escape(label)}</summary>'
            f'<pre style="{CODE}">{escape(text)}</pre></details>'
        )
        self.lines.append(f"{label}:\n{_indent(text)}")
        return self

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()
    ) -> "Panel":
        """Add a table; `numeric` lists the columns that are set flush right."""
        self.rows.append(table_html(columns, rows, numeric))
        self.lines.append(table_text(columns, rows, numeric))
        return self

    @property
    def html(self) -> str:
        """The whole panel as HTML."""
        return framed("".join(self.rows), self.colour)

    @property
    def text(self) -> str:
        """The whole panel as plain text."""
        return "\n".join(self.lines)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.html

    def show(self) -> None:
        """Display the panel, or print its text where there is no notebook."""
        publish(self.html, self.text)


def framed(inner: str, colour: str, *, role: str = "status", label: str = "") -> str:
    """Put HTML behind a coloured bar.

    Parameters
    ----------
    inner : str
        HTML, escaped already.
    colour : str
        Of the bar, such as "#0072B2".
    role, label : str
        What a screen reader says of the frame; no label where empty.
    """
    style = f"border-left:4px solid {colour};padding:6px 12px;margin:6px 0;line-height:1.5;{TEXT}"
    named = f' aria-label="{escape(label)}"' if label else ""
    return f'<div role="{role}"{named} style="{style}">{inner}</div>'


def publish(html_text: str, plain: str, metadata: dict[str, Any] | None = None) -> None:
    """Display HTML with its plain-text twin; outside IPython print the twin, whatever the terminal."""
    shell: Any = None
    if "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
    if shell is None:
        forgive(sys.stdout)
        print(plain, flush=True)
        return
    from IPython.display import display

    display({"text/html": html_text, "text/plain": plain}, raw=True, metadata=metadata or {})


def publish_not_computed(text: str) -> None:
    """Say that what belongs here was not computed now. The output is marked so that tools find it."""
    publish(framed(escape(text), TONES["open"][0]), text, NOT_COMPUTED)


def escape(text: str) -> str:
    """Make text safe for HTML, and its dollars safe from being taken for mathematics."""
    return html.escape(str(text), quote=True).replace("$", "&#36;")


def table_html(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[int] = (),
    caption: str = "",
) -> str:
    """Write a table as HTML; `numeric` lists the columns that are set flush right."""

    def cell(tag: str, index: int, text: str) -> str:
        style = f"text-align:{'right' if index in numeric else 'left'};padding:2px 10px;border-bottom:{LINE}"
        scope = ' scope="col"' if tag == "th" else ""
        return f'<{tag}{scope} style="{style}">{escape(text)}</{tag}>'

    head = "".join(cell("th", i, text) for i, text in enumerate(columns))
    body = "\n".join(
        "<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>" for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<table style="border-collapse:collapse;margin:6px 0">{title}'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"
    )


def table_text(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[int] = (),
    caption: str = "",
) -> str:
    """Write a table as plain text with aligned columns."""
    widths = [max(len(str(row[i])) for row in (columns, *rows)) for i in range(len(columns))]

    def line(row: Sequence[str]) -> str:
        cells = [
            str(c).rjust(w) if i in numeric else str(c).ljust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * w for w in widths)
    return "\n".join([*([caption] if caption else []), line(columns), rule, *map(line, rows)])


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())
