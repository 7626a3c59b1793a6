"""Build the chapters: notebooks/src/NN_name.py becomes notebooks/NN_name.ipynb, executed.

    python tools/build.py 01               fill in the directives, execute, write
    python tools/build.py 01 --no-execute  without a kernel; outputs are kept if no code cell has changed
    python tools/build.py --check          fail if a notebook is not what its source gives (no kernel)

No chapter named means all. A notebook is written only when something other than an output that is tagged
`nbval-ignore-output` differs, so that a second build changes nothing.
"""

import argparse
import dataclasses
import json
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from notebook_run import RunError, Stats, run
from notebook_source import METADATA, NOTEBOOKS, ROOT, DirectiveError, assemble, drift, sources, target

from lecture_utils.provenance.files import write_atomically

COURSE = ROOT / ".course"
ADDRESS = re.compile(r"(?<= at )0x[0-9a-fA-F]{6,}")


def build(path: Path, *, execute: bool = True, timeout: float = 120, scratch: Path = COURSE) -> Stats | None:
    """Build one chapter.

    Parameters
    ----------
    path : Path
        The chapter's source file.
    execute : bool
        Run the cells. Without it old outputs are kept if every code cell is as it was, and dropped otherwise.
    timeout : float
        Seconds a cell may take.
    scratch : Path
        Gets failed/NAME.ipynb when a cell fails, and build/NAME.json with the measurements.

    Returns
    -------
    Stats or None
        What the run took; None without one.

    Raises
    ------
    DirectiveError
        If a directive names nothing that can be shown.
    RunError
        If a cell fails. The notebook is left as it was.
    """
    book, finished, stats = assemble(path), target(path), None
    if execute:
        try:
            stats = run(book, finished.parent, timeout=timeout)
        except RunError:
            write(scratch / "failed" / finished.name, book)
            raise
        normalise(book)
        text = json.dumps(dataclasses.asdict(stats), indent=1) + "\n"
        write_atomically(scratch / "build" / f"{path.stem}.json", text)
    else:
        _keep_outputs(book, finished)
    if not _same(book, finished):
        write(finished, book)
    return stats


def normalise(book: NotebookNode) -> None:
    """Drop what differs from run to run: versions, widget state, object addresses."""
    book.metadata = nbformat.from_dict(METADATA)
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            for kind, text in output.get("data", {}).items():
                if kind == "text/plain":
                    output.data[kind] = ADDRESS.sub("0x…", text)


def write(path: Path, book: NotebookNode) -> None:
    """Write a notebook, all or nothing."""
    text = nbformat.writes(book, version=4)
    write_atomically(path, text if text.endswith("\n") else text + "\n")


def _read(path: Path) -> NotebookNode | None:
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # missing or damaged: nbformat raises many kinds
        return None


def _same(book: NotebookNode, path: Path) -> bool:
    """Whether the file holds this notebook already, but for outputs that cannot be compared."""
    old = _read(path)
    return old is not None and _comparable(old) == _comparable(book)


def _comparable(book: NotebookNode) -> str:
    copy = nbformat.from_dict(book)
    for cell in copy.cells:
        if "nbval-ignore-output" in cell.metadata.get("tags", []) and cell.get("outputs"):
            cell.outputs = [{"ignored": True}]
    return json.dumps(copy, sort_keys=True)


def _keep_outputs(book: NotebookNode, path: Path) -> None:
    old = _read(path)
    if old is None:
        return
    before, now = ([c for c in b.cells if c.cell_type == "code"] for b in (old, book))
    if [(c.get("id"), c.source) for c in before] == [(c.id, c.source) for c in now]:
        for cell, twin in zip(now, before, strict=True):
            cell.outputs, cell.execution_count = twin.outputs, twin.execution_count


def report(name: str, stats: Stats) -> str:
    """Describe what a build took."""
    first = stats.first_picture_seconds
    pictured = "no picture" if first is None else f"first picture after {first:.1f} s"
    lines = [
        f"{name}: {stats.wall_seconds:.1f} s, CPU {stats.cpu_seconds:.1f} s, "
        f"peak {stats.peak_memory_mb:.0f} MB, {pictured}; slowest cells:"
    ]
    lines += [f"  {seconds:6.2f} s  [{number}] {line[:80]}" for number, seconds, line in stats.slowest()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None, folder: Path = NOTEBOOKS, scratch: Path = COURSE) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Build the chapters' notebooks from notebooks/src.")
    parser.add_argument("chapters", nargs="*", help="numbers or names, such as 01; all without any")
    parser.add_argument("--check", action="store_true", help="only compare with what the sources give")
    parser.add_argument("--no-execute", action="store_true", help="do not run the cells")
    parser.add_argument("--timeout", type=float, default=120, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    status = 0
    try:
        chosen = sources(options.chapters, folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if options.check:
        strays = [] if options.chapters else _strays(chosen, folder)
        for stray in strays:
            print(f"{stray.name} has no source in {folder.name}/src.")
        status = int(bool(strays))
    for path in chosen:
        try:
            if options.check:
                difference = drift(path)
                print(difference or f"{target(path).name} is what {path.name} gives.")
                status |= int(bool(difference))
                continue
            stats = build(path, execute=not options.no_execute, timeout=options.timeout, scratch=scratch)
            print(report(path.stem, stats) if stats else f"{path.stem}: built without a run.")
        except (DirectiveError, RunError) as error:
            print(f"{path.stem} was not built. {error}", file=sys.stderr)
            if isinstance(error, RunError):
                print(f"\nAs far as it came: {scratch.name}/failed/{target(path).name}", file=sys.stderr)
            status = 1
    return status


def _strays(chosen: list[Path], folder: Path) -> list[Path]:
    built = {target(path) for path in chosen}
    return [path for path in sorted(folder.glob("*.ipynb")) if path not in built]


if __name__ == "__main__":
    raise SystemExit(main())
