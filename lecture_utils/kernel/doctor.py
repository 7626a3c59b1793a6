"""What this machine has for the course, and what to do about what it lacks: `python -m lecture_utils doctor`.

Each check is a small function that returns findings. The command fails when one of them blocks the course.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from lecture_utils import runtime
from lecture_utils.kernel.terminal import forgive

Status = Literal["good", "note", "problem"]
OLDEST, NEWEST = (3, 11), (3, 13)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


@dataclass(frozen=True)
class Finding:
    """One line of the report. A "problem" blocks the course, a "note" takes something away from it."""

    what: str
    status: Status
    found: str
    advice: str = ""


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this Python is one that the course runs on."""
    name = ".".join(map(str, version))
    if version[:2] < OLDEST:
        return Finding("Python", "problem", name, "Install Python 3.11 or newer and run `make lab` again.")
    if version[:2] > NEWEST:
        return Finding(
            "Python", "note", name, "Newer than tested (3.11 to 3.13). If something breaks, use 3.13."
        )
    return Finding("Python", "good", name)


def read_pins(path: Path) -> dict[str, str]:
    """Return {package: version} from constraints.txt for this machine; environment markers are obeyed."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    pins: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = Requirement(line.partition("#")[0].strip())
        except InvalidRequirement:
            continue
        if entry.marker is None or entry.marker.evaluate():
            pins[canonicalize_name(entry.name)] = next(iter(entry.specifier)).version
    return pins


def check_packages(pins: dict[str, str] | None = None) -> Iterator[Finding]:
    """Compare what is installed with the lower bounds (must hold) and the pins (should hold)."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    reinstall = "Run `make lab`, which repairs .venv; if that does not help, `make clean` first."
    try:
        wanted = [Requirement(text) for text in metadata.requires("lecture-utils") or []]
    except metadata.PackageNotFoundError:
        yield Finding("Packages", "problem", "the course itself is not installed", reinstall)
        return
    if pins is None:
        path = runtime.ROOT / "constraints.txt"
        pins = read_pins(path) if path.exists() else {}
    as_pinned, count = True, 0
    for entry in wanted:
        if entry.marker is not None and not entry.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            version = metadata.version(entry.name)
        except metadata.PackageNotFoundError:
            yield Finding(entry.name, "problem", "missing", reinstall)
            as_pinned = False
            continue
        pin = pins.get(canonicalize_name(entry.name), version)
        if not entry.specifier.contains(version.partition("+")[0], prereleases=True):
            yield Finding(entry.name, "problem", f"{version}, wanted {entry.specifier}", reinstall)
            as_pinned = False
        elif version.partition("+")[0] != pin.partition("+")[0]:
            yield Finding(
                entry.name, "note", f"{version}, pinned {pin}", "Works; numbers may differ in the last digit."
            )
            as_pinned = False
    if as_pinned:
        yield Finding("Packages", "good", f"{count} of {count} as pinned")


def check_device() -> Finding:
    """Name the device that notebooks will use."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding(
            "Device", "problem", f"torch does not load: {error}", "Run `make clean`, then `make lab`."
        )
    if torch.cuda.is_available():
        index = torch.cuda.current_device()
        gigabytes = torch.cuda.get_device_properties(index).total_memory / 1e9
        return Finding(
            "Device",
            "good",
            f"{torch.cuda.get_device_name(index)}, {gigabytes:.0f} GB (CUDA {torch.version.cuda})",
        )
    if torch.backends.mps.is_available():
        return Finding("Device", "good", "CPU; Apple GPU with COURSE_GPU=on")
    threads = f"CPU, {torch.get_num_threads()} threads"
    if (
        shutil.which("nvidia-smi")
        and not subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode
    ):
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        advice = "There is an NVIDIA GPU: update its driver, or install the torch build that matches it."
        return Finding("Device", "note", f"{threads}; torch, {built}, finds no usable GPU", advice)
    return Finding("Device", "good", f"{threads}; GPU cells show their recorded results")


def check_memory(available: float | None = None) -> Finding:
    """Whether a chapter (at most 2 GB) fits into memory; `available` is in bytes."""
    import psutil

    free = (psutil.virtual_memory().available if available is None else available) / 1e9
    if free < 2:
        return Finding(
            "Memory",
            "note",
            f"{free:.1f} GB free",
            "A chapter may need 2 GB: shut down other kernels and programs.",
        )
    return Finding("Memory", "good", f"{free:.1f} GB free")


def check_disk(free: float | None = None) -> Finding:
    """Whether there is room for notebooks, progress and caches; `free` is in bytes."""
    gigabytes = (shutil.disk_usage(runtime.ROOT).free if free is None else free) / 1e9
    if gigabytes < 0.2:
        return Finding(
            "Disk", "problem", f"{gigabytes:.1f} GB free", "Notebooks cannot be saved: free some space."
        )
    if gigabytes < 2:
        return Finding("Disk", "note", f"{gigabytes:.1f} GB free", "Little is left for caches and downloads.")
    return Finding("Disk", "good", f"{gigabytes:.0f} GB free")


def check_weights() -> Iterator[Finding]:
    """Hold each weight file against the hash on its card."""
    from lecture_utils import zoo

    names = zoo.names()
    damaged = {name: problem for name in names if (problem := zoo.verify(name))}
    for name, problem in damaged.items():
        what, _, advice = problem.partition(". ")
        yield Finding(f"Weights {name}", "problem", what, advice)
    if not damaged:
        yield Finding("Weights", "good", f"{len(names)} of {len(names)} as their cards say")


def check_folders() -> Iterator[Finding]:
    """Whether notebooks can be saved and progress kept."""
    try:
        home = runtime.chosen_folder("COURSE_HOME") or runtime.ROOT / ".course"
    except ValueError as error:
        yield Finding("Your progress", "note", str(error), "Set COURSE_HOME to a folder of yours.")
        home = runtime.ROOT / ".course"
    for what, folder, loss in (
        ("Your progress", home, "Progress will last for one session only"),
        ("Notebooks", runtime.ROOT / "notebooks", "What you write there cannot be saved"),
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                yield Finding(what, "good", str(folder))
        except OSError as error:
            remedy = (
                "set COURSE_HOME to a folder of yours"
                if folder == home
                else "copy the course to a folder of yours"
            )
            yield Finding(
                what, "note", f"{folder}: {error.strerror or error}", f"{loss}: make it writable or {remedy}."
            )


def check_pictures() -> Finding:
    """Whether matplotlib can be imported with the backend that MPLBACKEND asks for."""
    backend = os.environ.get("MPLBACKEND", "")
    try:
        import matplotlib
    except ValueError:
        return Finding("Pictures", "problem", f"MPLBACKEND is {backend!r}", "Unset MPLBACKEND.")
    return Finding("Pictures", "good", f"matplotlib {matplotlib.__version__}")


def find_chromium() -> str | None:
    """Return a Chromium-like browser that Playwright can drive, or None."""
    for name in (os.environ.get("COURSE_CHROMIUM", ""), *BROWSERS):
        if name and (path := shutil.which(name)):
            return path
    own = {"Linux": ".cache", "Darwin": "Library/Caches", "Windows": "AppData/Local"}.get(
        platform.system(), ".cache"
    )
    for pattern in ("chromium-*/*/chrome", "chromium-*/*/chrome.exe", "chromium-*/*/*.app/Contents/MacOS/*"):
        if found := sorted((Path.home() / own / "ms-playwright").glob(pattern)):
            return str(found[-1])
    return None


def check_chromium() -> Finding:
    """Whether the browser tests can run; learners do not need it."""
    if path := find_chromium():
        return Finding("Chromium", "good", path)
    advice = "Only `make test` needs it: sudo apt install chromium, or .venv/bin/playwright install chromium."
    return Finding("Chromium", "note", "not found", advice)


CHECKS: list[Callable[[], Finding | Iterator[Finding]]] = [
    check_python,
    check_packages,
    check_device,
    check_memory,
    check_disk,
    check_weights,
    check_pictures,
    check_folders,
    check_chromium,
]


def examine() -> list[Finding]:
    """Run every check; one that breaks is itself a finding."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            found = check()
            findings += [found] if isinstance(found, Finding) else list(found)
        except Exception as error:  # a report that stops half-way helps nobody
            name = getattr(check, "__name__", "check")
            findings.append(
                Finding(name, "problem", f"{type(error).__name__}: {error}", "Please report this.")
            )
    return findings


def report(findings: list[Finding]) -> int:
    """Print the findings as a table; return 1 if one of them blocks the course, else 0."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    marks = {"good": ("good", "green"), "note": ("note", "yellow"), "problem": ("PROBLEM", "bold red")}
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        word, style = marks[finding.status]
        text = Text(finding.found)
        if finding.advice:
            text.append(f"\n→ {finding.advice}", style=style)
        table.add_row(Text(finding.what), Text(word, style=style), text)
    forgive()
    console = Console(emoji=False)
    console.print(table)
    blocked = sum(finding.status == "problem" for finding in findings)
    console.print(f"{blocked} in the way of the course." if blocked else "All that the course needs is here.")
    return int(blocked > 0)
