"""Out-of-order help: a NameError in a notebook says which cell makes the name.

The notebook's own file is read for this. It is found by the id of the running cell, the server's note of
the session, or the chapter that `runtime.start` was given; where nothing leads to it, the error stays as is.
"""

import ast
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from lecture_utils.runtime import ROOT

current_chapter = ""
_running = {"cell_id": ""}
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)  # a comment there is no heading
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


class Cell(NamedTuple):
    """A code cell: its number (among all cells, as JupyterLab's status bar counts), id, section heading and
    the names that it makes."""

    number: int
    id: str
    section: str
    makes: frozenset[str]


def register(shell: Any) -> None:
    """Add the helper to an IPython shell (a second time does nothing)."""
    if getattr(shell, "_course_help", False):
        return
    shell._course_help = True
    shell.events.register("pre_run_cell", _remember)
    shell.set_custom_exc((NameError,), _explain)


def _remember(info: Any) -> None:
    _running["cell_id"] = getattr(info, "cell_id", None) or ""


def _explain(shell: Any, etype: type, value: BaseException, tb: Any, tb_offset: int | None = None) -> None:
    try:
        if (message := _message(shell, value, tb)) is not None:
            value.add_note(message)
    except Exception as error:  # help must never hide the learner's own error
        value.add_note(f"(The helper that looks for the missing name failed: {error!r})")
    shell.showtraceback((etype, value, tb), tb_offset=tb_offset)


def _message(shell: Any, value: BaseException, tb: Any) -> str | None:
    name = getattr(value, "name", None)
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    in_cell = tb is not None and tb.tb_frame.f_globals is shell.user_global_ns
    if isinstance(value, UnboundLocalError) or not name or not in_cell:
        return None
    path = find_notebook(_running["cell_id"], file=str(shell.user_ns.get("__vsc_ipynb_file__", "")))
    return None if path is None else advice(name, cells_of(path), _running["cell_id"])


def advice(name: str, cells: list[Cell], running: str = "") -> str | None:
    """Return where a missing name is made, or None if no cell makes it.

    Parameters
    ----------
    name : str
        The name that was not found.
    cells : list of Cell
        The notebook's code cells, in order.
    running : str
        The id of the cell that failed; cells above it come first.
    """
    here = next((cell.number for cell in cells if running and cell.id == running), sys.maxsize)
    makers = [cell for cell in cells if name in cell.makes and cell.number != here]
    if not makers:
        return None
    above = [cell for cell in makers if cell.number < here]
    cell = above[-1] if above else makers[0]
    section = f" (section '{cell.section}')" if cell.section else ""
    where = f"`{name}` is made in cell {cell.number}{section}"
    if not above:
        return f"{where}, further down. Run that cell first."
    return f"{where}. Run that cell first: Run ▸ Run All Above Selected Cell."


def find_notebook(cell_id: str = "", folder: Path | None = None, file: str = "") -> Path | None:
    """Return the file of the running notebook, or None where it cannot be told; `file` is what an editor
    (VS Code) says."""
    folder = folder or ROOT / "notebooks"
    session = file or os.environ.get("JPY_SESSION_NAME", "")  # set by the Jupyter server
    candidates = [Path(session)] if session.endswith(".ipynb") else []
    candidates += sorted(Path.cwd().glob("*.ipynb")) + sorted(folder.glob("*.ipynb"))
    if cell_id:
        for path in candidates:
            if any(cell.get("id") == cell_id for cell in _read(path)):
                return path
    if candidates and session.endswith(".ipynb") and candidates[0].is_file():
        return candidates[0]
    if current_chapter:
        return next((path for path in candidates if path.name.startswith(f"{current_chapter}_")), None)
    return None


def cells_of(path: Path) -> list[Cell]:
    """Read a notebook's code cells with the names that each makes."""
    cells: list[Cell] = []
    section = ""
    for number, cell in enumerate(_read(path), start=1):
        source = "".join(cell.get("source", ""))
        if cell.get("cell_type") == "markdown":
            for heading in _HEADING.findall(_FENCED.sub("", source)):
                section = heading
        elif cell.get("cell_type") == "code":
            cells.append(Cell(number, cell.get("id", ""), section, names_made(source)))
    return cells


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def names_made(source: str) -> frozenset[str]:
    """Return the names that a cell binds at its top level (assignments, imports, definitions, loops)."""
    if source.lstrip().startswith("%%"):
        return frozenset()
    plain = "\n".join("pass" if line[:1] in "%!" and line else line for line in source.splitlines())
    try:
        tree = ast.parse(plain)
    except SyntaxError:
        return frozenset()
    names: set[str] = set()
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        todo += ast.iter_child_nodes(node)
    return frozenset(names)
