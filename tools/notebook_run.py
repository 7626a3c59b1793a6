"""Execute a notebook in the fixed environment, and measure: seconds, first picture, peak memory."""

import dataclasses
import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import nbclient
import psutil
from kernel_env import fixed_environment
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
PICTURE = ("image/png", "image/jpeg", "image/svg+xml")


@dataclasses.dataclass
class Stats:
    """What one execution took; seconds count from the start of the kernel."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    first_picture_seconds: float | None = None
    cells: list[tuple[int, float, str]] = dataclasses.field(default_factory=list)

    def slowest(self, count: int = 5) -> list[tuple[int, float, str]]:
        """Return (cell number, seconds, first line) of the slowest cells."""
        return sorted(self.cells, key=lambda cell: -cell[1])[:count]


class RunError(RuntimeError):
    """A cell failed; the message has its heading, its source and the traceback."""


class _Client(nbclient.NotebookClient):
    """Notes when the first picture comes."""

    began = 0.0
    first_picture: float | None = None

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
        data = msg["content"].get("data") or {}
        pictured = any(kind in data for kind in PICTURE) or "<img" in str(data.get("text/html", ""))
        if self.first_picture is None and pictured:
            self.first_picture = time.perf_counter() - self.began
        return super().output(outs, msg, display_id, cell_index)


class _Watch(threading.Thread):
    """Follows the memory and CPU time of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.cpu, self._done = psutil.Process(pid), 0, 0.0, threading.Event()

    def run(self) -> None:
        while not self._done.is_set():
            try:
                family = [self.process, *self.process.children(recursive=True)]
                self.peak = max(self.peak, sum(p.memory_info().rss for p in family))
                times = self.process.cpu_times()
                self.cpu = times.user + times.system + times.children_user + times.children_system
            except psutil.Error:
                pass
            self._done.wait(0.05)

    def stop(self) -> None:
        self._done.set()
        self.join()


def run(book: NotebookNode, folder: Path, *, timeout: float = 120, offline: bool = True) -> Stats:
    """Execute a notebook's cells in place, as its reader would from `folder`.

    Parameters
    ----------
    book : NotebookNode
        Gets outputs and execution counts, up to a failing cell.
    folder : Path
        The kernel's working directory.
    timeout : float
        Seconds a cell may take.
    offline : bool
        Whether Python's sockets are cut off from other machines.

    Raises
    ------
    RunError
        If a cell raises, takes too long or kills the kernel.
    """
    stats = Stats()
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as home:
        client = _Client(
            book,
            timeout=timeout,
            kernel_name="python3",
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
        began = client.began = time.perf_counter()
        with client.setup_kernel(env=fixed_environment(Path(home), offline=offline), cwd=str(folder)):
            watch = _Watch(client.km.provisioner.pid)
            watch.start()
            try:
                for index, cell in enumerate(book.cells):
                    if cell.cell_type == "code":
                        _run_cell(client, book, index, stats)
            finally:
                time.sleep(0.06)
                watch.stop()
                stats.wall_seconds = time.perf_counter() - began
                stats.cpu_seconds = watch.cpu
                stats.peak_memory_mb = watch.peak / 1e6
                stats.first_picture_seconds = client.first_picture
    return stats


def _run_cell(client: _Client, book: NotebookNode, index: int, stats: Stats) -> None:
    cell = book.cells[index]
    began = time.perf_counter()
    try:
        client.execute_cell(cell, index)
    except CellTimeoutError:
        problem = f"took more than {client.timeout:g} s"
    except CellExecutionError as error:
        problem = "raised\n\n" + _traceback(error)
    except DeadKernelError:
        problem = "killed its kernel (out of memory?)"
    else:
        number = len(stats.cells) + 1
        first_line = next(iter(cell.source.splitlines()), "")
        stats.cells.append((number, time.perf_counter() - began, first_line))
        return
    number = len(stats.cells) + 1
    source = "\n".join("    " + line for line in cell.source.splitlines())
    raise RunError(f"Cell {number} (section '{heading(book, index)}'):\n\n{source}\n\n{problem}")


def _traceback(error: CellExecutionError) -> str:
    """Return a cell's traceback without colours, and without nbclient's copy of the cell."""
    text = ANSI.sub("", error.traceback)
    return text.partition("-" * 75 + "\n")[2].rstrip() or f"{error.ename}: {error.evalue}"


def heading(book: NotebookNode, index: int) -> str:
    """Return the heading that a cell stands under."""
    for cell in reversed(book.cells[: index + 1]):
        found = HEADING.findall(cell.source) if cell.cell_type == "markdown" else []
        if found:
            return str(found[-1])
    return "none"
