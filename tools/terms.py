"""The course's terms: which prose uses them, whether they were defined by then, and links to the glossary.

A term is defined where it stands in bold, or in the heading of a section, in the notebook that its entry in
docs/glossary.toml names (``chapter = "04"``; of a chapter in two notebooks ``"18"`` and ``"18a"`` are the
first, ``"18b"`` the second). A build links its first use in each notebook to the glossary; the gate refuses a
use before the definition. What stands before the setup (title, objectives) or from the references on (what
comes next) is no use.
"""

import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = "../docs/glossary.md"
Entry = dict[str, Any]
# What is no prose: fenced code, formulas, inline code, links and pictures, tags, addresses, headings.
NO_PROSE = re.compile(
    r"^(?P<fence>```|~~~).*?^(?P=fence)[^\n]*$|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]*`|!?\[[^\]]*\]\([^)]*\)"
    r"|<!--.*?-->|<[^>\n]+>|https?://\S+|^#{1,6} [^\n]*$|^ *\|?[-:| ]+\|? *$",
    re.MULTILINE | re.DOTALL,
)
SETUP = re.compile(r"^(?:runtime\.)?start\(", re.MULTILINE)
END = re.compile(r"^#{1,6} .*(?:references|sources|comes next)", re.MULTILINE | re.IGNORECASE)
HEADING = re.compile(r"^#{2,6} +(.+)$", re.MULTILINE)
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
LINK = re.compile(rf"\[([^\]]+)\]\({re.escape(GLOSSARY)}#[^)]*\)")


def glossary(path: Path = ROOT / "docs" / "glossary.toml") -> list[Entry]:
    """Return the entries: term, meaning, chapter, and perhaps aliases."""
    if not path.exists():
        return []
    entries: list[Entry] = tomllib.loads(path.read_text(encoding="utf-8"))["entry"]
    return entries


def slug(term: str) -> str:
    """Return a term's anchor on the glossary's page."""
    return re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def pattern(entry: Entry) -> re.Pattern[str]:
    """Return what finds a term in prose: it or an alias, one or many; capitals count only in an acronym."""
    return _pattern((entry["term"], *entry.get("aliases", [])))


@functools.cache
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    parts = []
    for name in names:
        words = r"[\s-]+".join(re.escape(word) for word in re.split(r"[\s-]+", name))
        acronym = any(letter.isupper() for letter in name)
        parts.append(rf"{words}s?" if acronym else rf"(?i:{words}(?:s|es)?)")
    return re.compile(rf"(?<![\w-])(?:{'|'.join(parts)})(?![\w-])")


def prose(text: str) -> str:
    """Return a markdown text with all that is no prose blanked out, character by character."""
    text = LINK.sub(lambda match: match[1], text)
    return NO_PROSE.sub(lambda match: re.sub(r"[^\n]", "\0", match[0]), text)


def link(book: NotebookNode, entries: list[Entry]) -> None:
    """Link each term's first use in a notebook's prose to the glossary."""
    left = {entry["term"]: entry for entry in entries}
    for cell in book.cells:
        if cell.cell_type == "markdown" and "<details>" not in cell.source:
            cell.source = _linked(cell.source, left)


def _linked(text: str, left: dict[str, Entry]) -> str:
    blank = NO_PROSE.sub(lambda match: re.sub(r"[^\n]", "\0", match[0]), text)
    chosen: list[tuple[int, int, str]] = []
    for entry in sorted(left.values(), key=lambda entry: -len(entry["term"])):  # the longer one goes first
        for match in pattern(entry).finditer(blank):
            start, stop = match.span()
            if all(stop <= taken or start >= end for taken, end, _ in chosen):
                chosen.append((start, stop, entry["term"]))
                break
    for start, stop, term in sorted(chosen, reverse=True):
        text = f"{text[:start]}[{text[start:stop]}]({GLOSSARY}#{slug(term)}){text[stop:]}"
        del left[term]
    return text


def uses(book: NotebookNode) -> Iterator[tuple[int, str, list[str]]]:
    """Yield (cell, its prose or a caption, what it defines: its bold words and its headings' names)."""
    setup = next((i for i, cell in enumerate(book.cells) if SETUP.search(cell.source)), -1)
    for index, cell in enumerate(book.cells[setup + 1 :], start=setup + 1):
        if cell.cell_type == "markdown" and END.search(cell.source):
            return
        if cell.cell_type == "markdown":
            text = prose(cell.source)
            yield index, text, [*BOLD.findall(text), *HEADING.findall(cell.source)]
        for output in cell.get("outputs", []):
            for about in (output.get("metadata") or {}).values():
                if isinstance(about, dict) and about.get("alt"):
                    yield index, str(about["alt"]), []


def undefined(book: NotebookNode, number: str, entries: list[Entry]) -> list[tuple[str, str]]:
    """Return (term, what is wrong) of the terms that a notebook uses before they are defined.

    Parameters
    ----------
    number : str
        Of the notebook: ``"04"``, ``"18a"``.
    """
    texts = list(uses(book))
    found = []
    for entry in entries:
        where, home = str(entry["chapter"]), number.removesuffix("a")
        if where.removesuffix("a") < home:
            continue
        find = pattern(entry)
        first = next((index for index, text, _ in texts if find.search(text)), None)
        if first is None:
            continue
        if where.removesuffix("a") > home:
            found.append((entry["term"], f"used here, defined in chapter {where}"))
            continue
        bold = next((i for i, _, bolds in texts if any(find.search(name) for name in bolds)), None)
        if bold is None:
            found.append((entry["term"], "used, but nowhere in bold, as it is where it is defined"))
        elif bold > first:
            found.append((entry["term"], f"used in cell {first}, defined in bold in cell {bold}"))
    return found
