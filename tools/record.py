"""Record the cells of chapters that need a GPU, or weights from the hub: `make record CH=01`.

    python tools/record.py 01                        every %%gpu and %%weights cell of chapter 01
    python tools/record.py --only ch01_resnet18      one cell, found in its chapter
    python tools/record.py --download                also what needs the network (record.yml does so)

The chapter's source runs, cell by cell, up to its last such cell, as a build would run it, but with
COURSE_GPU=record: on a GPU where there is one, else on the CPU. The notebook itself is left as it is; the
results are assets/recorded/NAME.json. A budget (COURSE_BUDGET) is the cells' own choice: "quick" here, "gpu"
on a GPU.
"""

import argparse
import os
import re
import sys

import kernel_env
from nbformat import NotebookNode
from notebook_run import RunError, run
from notebook_source import NOTEBOOKS, DirectiveError, assemble, sources

RECORDED = re.compile(r"^%%(?:gpu|weights) +([a-z0-9][a-z0-9_.-]*)", re.MULTILINE)


def names(book: NotebookNode) -> list[str]:
    """Names of the recordings that a notebook asks for, in order."""
    found = (RECORDED.match(cell.source) for cell in book.cells if cell.cell_type == "code")
    return [match[1] for match in found if match]


def shortened(book: NotebookNode, only: set[str]) -> NotebookNode:
    """Leave out what comes after the last cell to record, and recorded cells that are not asked for."""
    wanted = []
    for cell in book.cells:
        match = RECORDED.match(cell.source) if cell.cell_type == "code" else None
        if match is None or not only or match[1] in only:
            wanted.append(cell)
    last = max(k for k, cell in enumerate(wanted) if cell.cell_type == "code" and RECORDED.match(cell.source))
    book.cells = wanted[: last + 1]
    return book


def settings(download: bool) -> dict[str, str]:
    """What differs from a build: recording, all threads on request, and the network on request."""
    changed = {"COURSE_GPU": "record"}
    changed |= {
        name: os.environ[name] for name in ("COURSE_BUDGET", "OMP_NUM_THREADS") if os.environ.get(name)
    }
    if "COURSE_BUDGET" not in changed:
        changed["COURSE_BUDGET"] = "auto"
    return changed | ({"HF_HUB_OFFLINE": "0", "COURSE_DOWNLOAD": "1"} if download else {})


def record(path: os.PathLike[str], only: set[str], download: bool, timeout: float) -> list[str]:
    """Run one chapter's source; return the names that were to be recorded."""
    book = assemble(path)  # type: ignore[arg-type]
    asked = [name for name in names(book) if not only or name in only]
    if asked:
        before = dict(kernel_env.FIXED)
        kernel_env.FIXED.update(settings(download))
        try:
            run(shortened(book, only), NOTEBOOKS, timeout=timeout, offline=not download)
        finally:
            kernel_env.FIXED.clear()
            kernel_env.FIXED.update(before)
        for cell in book.cells:
            if cell.cell_type == "code" and RECORDED.match(cell.source):
                said = "".join(output.get("text", "") for output in cell.outputs)
                print(said.strip().splitlines()[-1] if said.strip() else "nothing was said", flush=True)
    return asked


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Record the results of long cells.")
    parser.add_argument("chapters", nargs="*", help="numbers, such as 01; all without any")
    parser.add_argument("--only", action="append", default=[], help="a recording's name")
    parser.add_argument("--download", action="store_true", help="let cells fetch weights from the network")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    status, done = 0, []
    try:
        chosen = sources(options.chapters)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in chosen:
        try:
            done += record(path, set(options.only), options.download, options.timeout)
        except (DirectiveError, RunError) as error:
            print(f"{path.stem} was not recorded. {error}", file=sys.stderr)
            status = 1
    if missing := set(options.only) - set(done):
        print(
            f"--only: got {', '.join(sorted(missing))}, want a %%gpu or %%weights cell's name",
            file=sys.stderr,
        )
        return 2
    return status


if __name__ == "__main__":
    raise SystemExit(main())
