"""Reading a notebook for the gate: its cells, outputs, words and pictures."""

import ast
import dataclasses
import io
import itertools
import re
import statistics
import tokenize
from collections.abc import Iterator
from typing import Any

from nbformat import NotebookNode

HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
IMG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
MARKDOWN_IMG = re.compile(r"!\[([^\]]*)\]\(")
BASE64 = re.compile(r"base64,[A-Za-z0-9+/=\s]+")
WORD = re.compile(r"\w[\w'’-]*")
WITHOUT_WEIGHTS = "not on this machine"
FENCED = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass
class Chapter:
    """What the package and docs/course.toml know of a chapter."""

    number: str
    systems: list[str] = dataclasses.field(default_factory=list)
    claims: list[str] = dataclasses.field(default_factory=list)
    hints: dict[str, int] = dataclasses.field(default_factory=dict)  # exercise id: how many hints
    kilobytes: float = 0.0
    exempt: dict[str, str] = dataclasses.field(
        default_factory=dict
    )  # section, figure or "term …": why without
    glossary: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def figures_of(book: NotebookNode, chapter: Chapter) -> dict[str, float]:
    """Measure a notebook's anatomy."""
    lines = [len([x for x in cell.source.splitlines() if x.strip()]) for cell in code_cells(book)] or [0]
    pictured = [i for i, cell in enumerate(book.cells) for _ in range(pictures_in(cell))]
    return {
        "cells": len(book.cells),
        "median lines of a code cell": statistics.median(lines),
        "lines of the longest code cell": max(lines),
        "packed assignments": sum(packed(cell.source) for cell in code_cells(book)),
        "words": sum(len(WORD.findall(prose_of(cell))) for cell in markdown_cells(book)),
        "words of the longest paragraph": max(map(len, paragraphs(book)), default=0),
        "figures": len(pictured),
        "first figure, part of the way": (pictured[0] if pictured else len(book.cells))
        / max(len(book.cells), 1),
        "exercises": sum(not is_lab_step(name) for _, _, name in tagged(book, "exercise:")),
        "widgets": sum("data-course-widget" in page_of(output) for _, output in outputs_of(book)),
        "cells without others' weights": sum(WITHOUT_WEIGHTS in said_by(cell) for cell in code_cells(book)),
        "kB without widgets' frames": chapter.kilobytes - frames_kilobytes(book),
    }


def paragraphs(book: NotebookNode) -> list[list[str]]:
    """Return the words of each paragraph, item of a list and row of a table."""
    found = []
    for cell in markdown_cells(book):
        for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*+|>]|\d+\.) )", FENCED.sub("\n\n", cell.source)):
            found.append(WORD.findall(prose_of(NotebookNode(source=block))))
    return found


def is_lab_step(exercise: str) -> bool:
    """Whether an exercise's id is that of a step of a lab: ``06.L1``."""
    return ".L" in exercise


def packed(source: str) -> int:
    """Count the assignments that give three or more names their values at once: ``a, b, c = x, y, z``."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return 0
    pairs = (
        (target, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
    )
    return sum(
        isinstance(target, ast.Tuple | ast.List)
        and isinstance(value, ast.Tuple | ast.List)
        and len(target.elts) >= 3
        and len(value.elts) >= 3
        for target, value in pairs
    )


def said_by(cell: NotebookNode) -> str:
    """Return all text that a cell's outputs say."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts += [str(part) for kind, part in output.get("data", {}).items() if kind not in PICTURES]
    return BASE64.sub("", "\n".join(parts))


def frames_kilobytes(book: NotebookNode) -> float:
    """Return how much of a notebook are pictures that move: under sliders, on turntables, turned by hand."""
    size = 0
    for _, output in outputs_of(book):
        page = page_of(output)
        if any(f"data-course-{kind}" in page for kind in ("widget", "turntable", "orbit")):
            size += sum(len(match) for match in BASE64.findall(page))
            size += len(output.get("data", {}).get("image/png", ""))
    return size / 1000


def questions_of(source: str) -> list[str]:
    """Return the ids of the questions that a cell asks by ``predict``."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    asked = (node for node in calls if getattr(node.func, "id", "") == "predict" and node.args)
    return [str(node.args[0].value) for node in asked if isinstance(node.args[0], ast.Constant)]


def code_cells(book: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def markdown_cells(book: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in book.cells if cell.cell_type == "markdown"]


def outputs_of(book: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    for number, cell in enumerate(code_cells(book), start=1):
        for output in cell.get("outputs", []):
            yield number, output


def page_of(output: NotebookNode) -> str:
    return str(output.get("data", {}).get("text/html", ""))


def tagged(book: NotebookNode, prefix: str) -> list[tuple[int, NotebookNode, str]]:
    return [
        (index, cell, tag[len(prefix) :])
        for index, cell in enumerate(book.cells)
        for tag in cell.metadata.get("tags", [])
        if tag.startswith(prefix)
    ]


def label(cell: NotebookNode) -> str:
    if cell.cell_type == "code" and cell.get("execution_count"):
        return f"[{cell.execution_count}]"
    line = next((x for x in cell.source.splitlines() if x.strip()), "(empty)")
    return f"the {cell.cell_type} cell {line[:40]!r}"


def prose_of(cell: NotebookNode) -> str:
    """Return a markdown cell's words: no code, no tags, no addresses, no formulas."""
    text = FENCED.sub(" ", cell.source)
    for pattern in (
        r"\$\$.*?\$\$",
        r"\$[^$\n]+\$",
        r"`[^`\n]*`",
        r"\]\([^)]*\)",
        r"<[^>]+>",
        r"https?://\S+",
    ):
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return text


def pictures_in(cell: NotebookNode) -> int:
    if cell.cell_type == "markdown":
        text = FENCED.sub("", cell.source)
        return len(MARKDOWN_IMG.findall(text)) + len(IMG.findall(text))
    drawn = 0
    for output in cell.get("outputs", []):
        page = page_of(output)
        drawn += any(kind in output.get("data", {}) for kind in PICTURES) or bool(
            IMG.search(page) or "<svg" in page
        )
    return drawn


def bare_images(page: str) -> list[str]:
    """Name the <img> of a page that have no alternative text."""
    bare = [
        tag
        for tag in IMG.findall(BASE64.sub("", page))
        if not re.search(r"\balt\s*=\s*([\"'])\s*\S.*?\1", tag)
    ]
    return ["has an <img> without alternative text"] * len(bare)


def has_stub(source: str) -> bool:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(part, ast.Pass) or (isinstance(part, ast.Constant) and part.value is ...)
            for part in ast.walk(node)
        ):
            return True
    return False


def lines_ending_in_semicolon(source: str) -> int:
    """Count the lines that end in a semicolon outside strings and comments."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source + "\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return sum(line.rstrip().endswith(";") for line in source.splitlines())
    ends = (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER)
    return sum(
        a.type == tokenize.OP and a.string == ";" and b.type in ends for a, b in itertools.pairwise(tokens)
    )
