"""The rules that a built notebook has to pass. Each takes a notebook and returns a list of defects."""

import re
from collections.abc import Callable

from anatomy import (
    BASE64,
    FENCED,
    HEADING,
    MARKDOWN_IMG,
    PICTURES,
    Chapter,
    bare_images,
    code_cells,
    figures_of,
    has_stub,
    is_lab_step,
    label,
    lines_ending_in_semicolon,
    markdown_cells,
    outputs_of,
    page_of,
    prose_of,
    questions_of,
    said_by,
    tagged,
)
from nbformat import NotebookNode
from terms import SETUP, undefined

PREDICT = re.compile(r"\s*predict\([\"'][^\"']+[\"']\)\s*")

# figure: (least, most, and how much more for each system, and for a lab); None is no bound
BOUNDS: dict[str, tuple[float | None, float | None, float]] = {
    "cells": (50, 50, 8),
    "median lines of a code cell": (None, 8, 0),
    "lines of the longest code cell": (None, 20, 0),
    "packed assignments": (None, 0, 0),
    "words": (2500, 3000, 500),
    "words of the longest paragraph": (None, 90, 0),
    "figures": (12, None, 0),
    "first figure, part of the way": (None, 0.1, 0),
    "exercises": (4, 6, 0),
    "widgets": (2, 4, 0),
    "cells without others' weights": (None, 1, 0),
    "kB without widgets' frames": (None, 800, 0),
}
SETUP_LINES = 12
SECTIONS = {
    "objectives": r"objectives|(what )?you will",
    "result first": r"result first",
    "put together": r"together|the whole (network|system|model|pass)",
    "train": r"\btrain",
    "evaluate": r"evaluat|how (good|well)\b",
    "failures": r"fail|where it (is|goes|went) wrong",
    "claims": r"\bclaims?\b",
    "paper and toy": r"paper and toy",
    "break it": r"break it",
    "with real weights": r"real weights",
    "summary": r"summary|five sentences",
    "references": r"references|sources",
    "what comes next": r"next",
}
NOTHING_RECORDED = re.compile(r"nothing is recorded|nothing recorded", re.IGNORECASE)
MACHINE_PATH = re.compile(
    r"(?<![\w.:/])/(?:home|Users|root|tmp|work|private|mnt|opt|usr|var)/[\w.-]+|\b[A-Z]:\\\w+|site-packages"
)


def defects(book: NotebookNode, chapter: Chapter) -> list[str]:
    """Return all defects of a notebook."""
    return [defect for rule in RULES for defect in rule(book, chapter)]


def bounds_of(name: str, chapter: Chapter) -> tuple[float | None, float | None]:
    """Return the least and the most that a figure may be in a chapter with so many systems, and a lab."""
    low, high, more = BOUNDS[name]
    parts = len(chapter.systems) + any(map(is_lab_step, chapter.hints))
    return low, None if high is None else high + more * parts


def bounds(book: NotebookNode, chapter: Chapter) -> list[str]:
    """Anatomy lies within its bounds."""
    found = []
    for name, value in figures_of(book, chapter).items():
        low, high = bounds_of(name, chapter)
        if name in chapter.exempt:
            continue
        if low is not None and value < low:
            found.append(f"{name}: {value:g}, wanted at least {low:g}")
        if high is not None and value > high:
            found.append(f"{name}: {value:.4g}, wanted at most {high:g}")
    return found


def sections(book: NotebookNode, chapter: Chapter) -> list[str]:
    """Every required section is there, by a heading or a tag `section:NAME` (with - for spaces)."""
    found = []
    first = book.cells[0] if book.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.lstrip().startswith("# "):
        found.append("title: the first cell is no markdown with a '# ' heading")
    headings = [h for cell in markdown_cells(book) for h in HEADING.findall(FENCED.sub("", cell.source))]
    tags = {tag for cell in book.cells for tag in cell.metadata.get("tags", [])}
    for name, pattern in SECTIONS.items():
        there = any(re.search(pattern, heading, re.IGNORECASE) for heading in headings)
        tagged = f"section:{name.replace(' ', '-')}" in tags
        if not there and not tagged and name not in chapter.exempt:
            found.append(
                f"section {name!r}: no heading like /{pattern}/ and no tag section:{name.replace(' ', '-')}"
            )
    setup = next((cell for cell in code_cells(book) if SETUP.search(cell.source)), None)
    if setup is None:
        found.append("setup: no cell calls start(...)")
    elif (lines := len([x for x in setup.source.splitlines() if x.strip()])) > SETUP_LINES:
        found.append(f"setup: {lines} lines, wanted at most {SETUP_LINES}")
    return found


def ran(book: NotebookNode, chapter: Chapter) -> list[str]:
    """The notebook was run once from top to bottom, with no error and no warning left in it."""
    found = []
    code = [cell for cell in code_cells(book) if cell.source.strip()]
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"execution counts are not 1 to {len(code)} in order: {counts[:6]}…")
    for number, output in outputs_of(book):
        if output.output_type == "error":
            found.append(f"[{number}] has a saved error: {output.get('ename')}")
        if output.output_type == "stream" and output.name == "stderr":
            found.append(f"[{number}] has saved warnings or errors: {output.text.strip()[:80]!r}")
    return found


def no_widget_state(book: NotebookNode, chapter: Chapter) -> list[str]:
    """Nothing in the file needs a live widget manager: GitHub cannot render such notebooks."""
    found = ["the notebook's metadata hold widget state"] if "widgets" in book.metadata else []
    for number, output in outputs_of(book):
        kinds = [kind for kind in output.get("data", {}) if "jupyter.widget" in kind]
        found += [f"[{number}] has an output of type {kind}" for kind in kinds]
    return found


def alternative_text(book: NotebookNode, chapter: Chapter) -> list[str]:
    """Every picture says in words what it shows."""
    found = []
    for number, output in outputs_of(book):
        for kind in PICTURES:
            if kind in output.get("data", {}):
                about = (output.get("metadata") or {}).get(kind)
                alt = about.get("alt", "") if isinstance(about, dict) else ""
                if len(str(alt).split()) < 2:
                    found.append(
                        f"[{number}] has a figure without alternative text: use plotting.show(fig, alt)"
                    )
        found += [f"[{number}] {defect}" for defect in bare_images(page_of(output))]
    for cell in markdown_cells(book):
        text = FENCED.sub("", cell.source)
        alts = MARKDOWN_IMG.findall(text)
        found += [f"{label(cell)} has a picture without alternative text" for a in alts if len(a.split()) < 2]
        found += [f"{label(cell)} {defect}" for defect in bare_images(text)]
    return found


def exercises(book: NotebookNode, chapter: Chapter) -> list[str]:
    """Every exercise and lab step has a stub (a choice: `None`), its check, two hints, and a solution."""
    found, seen = [], set()
    for index, cell, name in tagged(book, "exercise:"):
        seen.add(name)
        if cell.cell_type != "code":
            found.append(f"exercise {name}: its tag is not on a code cell")
            continue
        if not re.search(rf"\bcheck\(\s*['\"]{re.escape(name)}['\"]", cell.source):
            found.append(f'exercise {name}: its cell does not call check("{name}", …)')
        choice = is_lab_step(name) and re.search(r"^\w+ = None$", cell.source, re.M)
        if not has_stub(cell.source) and not choice:
            found.append(f"exercise {name}: its cell has no function to fill in (body '...')")
        if chapter.hints.get(name, 0) < 2:
            found.append(
                f"exercise {name}: {chapter.hints.get(name, 0)} hints in the package, wanted at least 2"
            )
        below = book.cells[index + 1] if index + 1 < len(book.cells) else None
        if below is None or below.cell_type != "markdown" or "<details>" not in below.source:
            found.append(f"exercise {name}: no collapsed solution in the cell below (# solution: path)")
    found += [
        f"exercise {name} is in the package but in no cell" for name in sorted(set(chapter.hints) - seen)
    ]
    return found


def promises(book: NotebookNode, chapter: Chapter) -> list[str]:
    """Every system and claim of the chapter has its cell, and no cell claims one that there is not."""
    found = []
    for kind, wanted in (("system", chapter.systems), ("claim", chapter.claims)):
        have = {name for _, _, name in tagged(book, f"{kind}:")}
        found += [f"{kind} {name} has no cell tagged {kind}:{name}" for name in wanted if name not in have]
        found += [f"tag {kind}:{name} names none of this chapter's" for name in sorted(have - set(wanted))]
    return found


def ignored_outputs(book: NotebookNode, chapter: Chapter) -> list[str]:
    """A cell whose output is not compared says why in a tag, out of the learner's sight."""
    found = []
    for cell in code_cells(book):
        tags = cell.metadata.get("tags", [])
        reasons = [tag for tag in tags if tag.startswith("why:") and len(tag[4:].split("-")) >= 2]
        if "nbval-ignore-output" in tags and not reasons:
            found.append(f"{label(cell)} is tagged nbval-ignore-output without a tag why:the-reason-in-words")
        if "nbval-ignore-output" not in tags and reasons:
            found.append(f"{label(cell)} has a tag {reasons[0]}, but its output is compared")
        if re.search(r"^# not compared", cell.source, re.IGNORECASE | re.MULTILINE):
            found.append(f"{label(cell)} tells its reader what is not compared: a tag why:… does that")
    return found


def predictions(book: NotebookNode, chapter: Chapter) -> list[str]:
    """A question stands alone in its cell, in order, and the answer below it is folded until it is run."""
    found: list[str] = []
    last: list[int] = []
    exercise = {cell.id for _, cell, _ in tagged(book, "exercise:")}
    code = [cell for cell in code_cells(book) if cell.id not in exercise or questions_of(cell.source)]
    for cell, below in zip(code, [*code[1:], None], strict=True):
        for name in questions_of(cell.source):
            if not PREDICT.fullmatch(cell.source):
                found.append(f'predict("{name}") is not alone in its cell')
                continue
            if below is None:
                found.append(f'predict("{name}") has no code cell after it that answers')
            elif not below.metadata.get("jupyter", {}).get("outputs_hidden"):
                found.append(f'predict("{name}"): the stored output of the next code cell is in sight')
            if name not in said_by(cell):
                found.append(f'predict("{name}"): its card does not show its number')
            number = [int(part) for part in re.findall(r"\d+", name)]
            if number <= last:
                found.append(f'predict("{name}") comes after {".".join(map(str, last))}: ids must ascend')
            last = number
    return found


def recorded(book: NotebookNode, chapter: Chapter) -> list[str]:
    """No cell is left empty: one that cannot run here shows a recording."""
    return [
        f"{label(cell)} has nothing recorded to show: run it with COURSE_GPU=record"
        for cell in code_cells(book)
        if NOTHING_RECORDED.search(said_by(cell))
    ]


def terms_defined(book: NotebookNode, chapter: Chapter) -> list[str]:
    """Each term of the glossary is defined before it is used."""
    return [
        f"term {term!r}: {problem}"
        for term, problem in undefined(book, chapter.number, chapter.glossary)
        if f"term {term}" not in chapter.exempt
    ]


def clean_source(book: NotebookNode, chapter: Chapter) -> list[str]:
    """No trailing semicolon, no plt.show(), no path of one machine, no unfilled directive, no 'simply'."""
    found = []
    for cell in book.cells:
        if cell.cell_type == "code":
            found += [
                f"{label(cell)} ends a line with ';'"
                for _ in range(min(lines_ending_in_semicolon(cell.source), 1))
            ]
            if re.search(r"\b(plt|pyplot)\.show\(", cell.source):
                found.append(f"{label(cell)} calls plt.show(): use plotting.show(fig, alt)")
        else:
            words = re.findall(r"\b(simply|obviously)\b", prose_of(cell), re.IGNORECASE)
            found += [f"{label(cell)} says {word!r}" for word in words]
        if re.search(r"^(?:# )?(?:show|solution):", cell.source, re.MULTILINE):
            found.append(f"{label(cell)} has a directive that was not filled in")
        if match := MACHINE_PATH.search(BASE64.sub("", cell.source)):
            found.append(f"{label(cell)} has a path of one machine: {match[0]!r}")
    for number, output in outputs_of(book):
        text = output.get("text", "") + "".join(
            str(part) for kind, part in output.get("data", {}).items() if kind not in PICTURES
        )
        if match := MACHINE_PATH.search(BASE64.sub("", text)):
            found.append(f"[{number}] prints a path of one machine: {match[0]!r}")
    return found


RULES: list[Callable[[NotebookNode, Chapter], list[str]]] = [
    bounds,
    sections,
    ran,
    no_widget_state,
    alternative_text,
    exercises,
    promises,
    ignored_outputs,
    predictions,
    recorded,
    terms_defined,
    clean_source,
]
