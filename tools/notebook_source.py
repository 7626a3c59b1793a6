"""From notebooks/src/NN_name.py to a notebook's cells: directives filled in, stable ids, plain metadata."""

import ast
import difflib
import hashlib
import re
from pathlib import Path

import jupytext
import nbformat
import terms
from nbformat import NotebookNode

from lecture_utils.provenance import shown as package

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SHOW = re.compile(r"^# show:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
SOLUTION = re.compile(r"^(?:# )?solution:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
PREDICT = re.compile(r"""\s*predict\((["'])(?P<id>[^"']+)\1\)\s*""")
METHOD_OF = "from lecture_utils.kernel.live_methods import method_of"
DECK = ("slide", "subslide", "fragment", "skip", "notes")
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # What the course's kernel answers (kernel/start.py): else JupyterLab would call a notebook unsaved.
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


class DirectiveError(ValueError):
    """A directive that names nothing that can be shown."""


def sources(chapters: list[str], folder: Path = NOTEBOOKS) -> list[Path]:
    """Return the source files of the chapters named by number, name or path; of all when none is named.

    Raises
    ------
    ValueError
        If a chapter has no source; the message lists what there is.
    """
    every = sorted((folder / "src").glob("*.py"))
    if not chapters:
        return every
    chosen = []
    for chapter in chapters:
        stem = Path(chapter).stem
        found = [path for path in every if stem == path.stem or of_chapter(path, stem)]
        if not found:
            have = ", ".join(path.stem for path in every) or "none"
            raise ValueError(f"No chapter {chapter!r} in {folder.name}/src; there is: {have}.")
        chosen += found
    return chosen


def of_chapter(path: Path, chapter: str) -> bool:
    """Whether a file is of a chapter ("18" takes 18a and 18b too) or the notebook of a number ("18a")."""
    number = path.stem.partition("_")[0]
    return chapter in (number, number.rstrip("ab"))


def target(path: Path) -> Path:
    """Return the notebook that a source file gives."""
    return path.parent.parent / f"{path.stem}.ipynb"


def assemble(path: Path) -> NotebookNode:
    """Return the notebook that a source file gives, not yet executed.

    Raises
    ------
    DirectiveError
        If a ``# show:`` or ``# solution:`` names nothing; the message has file, cell and the nearest names.
    """
    parsed = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    book = nbformat.v4.new_notebook(metadata=METADATA)
    seen: dict[str, int] = {}
    bound: set[str] = set()
    for number, raw in enumerate(parsed.cells, start=1):
        try:
            text = fill(raw.source, raw.cell_type, bound)
        except ValueError as error:
            raise DirectiveError(f"{path.name}, cell {number}: {error}") from None
        make = getattr(nbformat.v4, f"new_{raw.cell_type}_cell")
        tags = list(raw.metadata.get("tags", []))
        cell = make(text, id=_cell_id(path.stem, raw, seen), metadata=_metadata(tags))
        book.cells.append(cell)
    hide_answers(book)
    terms.link(book, terms.glossary())
    return book


def hide_answers(book: NotebookNode) -> None:
    """Fold the stored output of the code cell after each question, so that a guess comes before its answer.

    An exercise in between is no answer: it is passed over.
    """
    asked = False
    for cell in book.cells:
        if cell.cell_type != "code" or any(t.startswith("exercise:") for t in cell.metadata.get("tags", [])):
            continue
        if asked:
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "answer"]
            cell.metadata["collapsed"] = True  # JupyterLab reads both, and unfolds a cell when it is run
            cell.metadata["jupyter"] = {"outputs_hidden": True}
        asked = PREDICT.fullmatch(cell.source) is not None


def fill(text: str, kind: str, bound: set[str] | None = None) -> str:
    """Fill in a cell's directives; `bound` has the names of earlier cells, and gets those of this one."""
    bound = set() if bound is None else bound
    if kind == "code":
        lines, last = [], ""
        for line in text.splitlines():
            match = SHOW.fullmatch(line)
            if match is None:
                lines.append(line)
                continue
            bound |= _names("\n".join(lines))
            head, _, body = package.shown(_path(match[1], "show")).partition("\n")
            if (method := package.method_of(match[1])) is not None:
                body = _taking_effect(body, *method, bound)
            if last:
                lines += ["", ""]
            lines += body.splitlines() if head == last else [head, *body.splitlines()]
            last = head
        bound |= _names("\n".join(lines))
        return "\n".join(lines)
    if kind == "markdown":
        return SOLUTION.sub(lambda match: _solution(_path(match[1], "solution")), text)
    return text


def _taking_effect(body: str, module: str, owner: str, bound: set[str]) -> str:
    """Have a shown method put into its class when its cell runs, with the imports that this needs."""
    imports = [f"from {module} import {owner.partition('.')[0]}", METHOD_OF]
    missing = [line for line in imports if line.rpartition(" ")[2] not in bound]
    above = "\n".join(missing) + "\n\n\n" if missing else ""
    return f"{above}@method_of({owner})\n{body}"


def _names(code: str) -> set[str]:
    """Return the names that a cell's imports and definitions bind in the notebook."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # a magic
        return set()
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found


def _path(text: str, directive: str) -> str:
    if not text:
        raise ValueError(
            f"'# {directive}:' names nothing; wanted a dotted path such as lecture_utils.ops.nms.nms."
        )
    return text


def _solution(path: str) -> str:
    return (
        "<details>\n<summary><b>Solution</b></summary>\n\n"
        f"```python\n{package.shown(path)}\n```\n\n</details>"
    )


def _cell_id(stem: str, cell: NotebookNode, seen: dict[str, int]) -> str:
    """Derive an id from what the author wrote, so that an edit elsewhere leaves it alone."""
    text = f"{stem}\n{cell.cell_type}\n{cell.source}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    seen[digest] = seen.get(digest, 0) + 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def _metadata(tags: list[str]) -> dict[str, object]:
    metadata: dict[str, object] = {"tags": tags} if tags else {}
    deck = [tag for tag in tags if tag in DECK]
    if deck:
        metadata["slideshow"] = {"slide_type": deck[0]}
    return metadata


def drift(path: Path) -> str:
    """Return how a committed notebook differs from what its source gives: a readable diff, or nothing."""
    committed = target(path)
    wanted = _lines(assemble(path))
    if not committed.exists():
        return f"{committed.name} has not been built from {path.name}.\n"
    try:
        have = _lines(nbformat.read(committed, as_version=4))
    except Exception as error:  # nbformat raises many kinds
        return f"{committed.name} is no valid notebook: {error}\n"
    names = f"{committed.name} (committed)", f"{committed.name} (from {path.name})"
    return "".join(difflib.unified_diff(have, wanted, *names, n=2))


def _lines(book: NotebookNode) -> list[str]:
    lines = [
        f"notebook metadata: {_plain(book.metadata)}\n",
        f"nbformat {book.nbformat}.{book.nbformat_minor}\n",
    ]
    for cell in book.cells:
        lines.append(f"--- {cell.cell_type} cell {cell.get('id')} {_plain(cell.metadata)}\n")
        lines += [line + "\n" for line in cell.source.splitlines()]
    return lines


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    return value
