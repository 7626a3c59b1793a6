"""Plant small faults in a system's file, one at a time, and see whether its own tests turn red.

python tools/plant.py lecture_utils/explain/cam.py [--faults 8] [--seed 0] [--only 3 5] [--timeout 120]

The faults are planted in a copy of the repository, never in the tree itself. Each run is a fork of one server
that has imported the heavy libraries already, so that a fault costs seconds. The tests are those that mirror
the file, and those marked with its system; slow ones run only where the quick ones saw nothing.
"""

import argparse
import functools
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from faults import draw

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ["torch", "torchvision", "einops", "scipy.ndimage", "sklearn.manifold", "matplotlib.pyplot", "pytest"]
ROUNDS = ("not slow and not nightly", "slow and not nightly")


def tests_of(path: Path, root: Path) -> list[str]:
    """The tests that mirror a file (test_NAME.py, test_NAME_*.py), and those marked with its system."""
    parts = path.with_suffix("").parts
    folder = root / "tests" / parts[1]
    found = {*folder.glob(f"test_{parts[2]}.py"), *folder.glob(f"test_{parts[2]}_*.py")}
    course = root / "docs" / "course.toml"
    chapters = tomllib.loads(course.read_text(encoding="utf-8"))["chapter"] if course.exists() else []
    for system in (s for chapter in chapters for s in chapter["systems"]):
        if system.get("module") in (".".join(parts), ".".join(parts[:3])):
            mark = f'mark.system("{system["id"]}")'
            found |= {p for p in (root / "tests").rglob("test_*.py") if mark in p.read_text(encoding="utf-8")}
    return sorted(str(p.relative_to(root)) for p in found if "machinery" not in p.parts)


class CheapestFirst:
    """A pytest plugin: tests in the order of their cost in the copy's first run."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Sort by the seconds that tools/rounds.py noted."""
        times = Path(".course", "times.json")
        costs = json.loads(times.read_text(encoding="utf-8")) if times.exists() else {}
        items.sort(key=lambda item: costs.get(item.nodeid.partition("[")[0], 0.0))


def _child(copy: str, tests: list[str], marks: str, log: str) -> None:
    import pytest

    os.setsid()  # a fault that never ends is stopped with all that it started
    with open(log, "w") as out:
        os.dup2(out.fileno(), 1), os.dup2(out.fileno(), 2)
    os.chdir(copy)
    os.environ["PYTHONPATH"] = copy
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take longer to load than most tests to run
    sys.path.insert(0, copy)
    tempfile.tempdir = os.environ["TMPDIR"] = str(Path(log).parent)
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "--rootdir", copy, "-m", marks]
    sys.exit(int(pytest.main([*options, *tests], [CheapestFirst()])))


def run(copy: Path, tests: list[str], marks: str, timeout: float) -> tuple[bool, str]:
    """Run tests in a fork; return whether they turned red, and which one did first."""
    log = copy.parent / "log"
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(HEAVY)
    child = server.Process(target=_child, args=(str(copy), tests, marks, str(log)))
    child.start()
    child.join(timeout)
    if child.exitcode is None:
        os.killpg(child.pid or 0, signal.SIGKILL)
        child.join()
        return True, "no end"
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", log.read_text(errors="replace"), re.MULTILINE)
    return child.exitcode != 0, failed[1].rpartition("/")[2] if failed else f"status {child.exitcode}"


def plant(
    path: Path, root: Path, count: int, seed: int, only: Sequence[int], timeout: float
) -> Iterator[bool]:
    """Plant faults in `path`, of `root`, print a line about each, and say of each whether it was caught."""
    source, tests = (root / path).read_bytes(), tests_of(path, root)
    print(f"{path}: {', '.join(tests)}", flush=True)
    if not tests:
        raise ValueError("no tests")
    with tempfile.TemporaryDirectory(prefix="planted-") as work:
        copy = Path(work).resolve() / "copy"
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "artifacts"))

        def write(text: bytes, number: int) -> None:
            """Write the file, dated by its number: of one size and second, the compiled one would stay."""
            (copy / path).write_bytes(text)
            os.utime(copy / path, (number, number))

        @functools.cache
        def sound(marks: str) -> bool:
            """Whether there are such tests, which must be green on the file as it is."""
            write(source, 0)
            red, by = run(copy, tests, marks, 10 * timeout)
            if red and by != "status 5":
                raise ValueError(f"red without a fault: {by}")
            return not red

        for number, fault in enumerate(draw(source, count, seed), 1):
            if only and number not in only:
                continue
            caught, by = False, ""
            for marks in ROUNDS:
                if not caught and sound(marks):
                    write(fault.planted(source), number)
                    caught, by = run(copy, tests, marks, timeout)
            was = source[fault.begin : fault.end].decode()
            change = " ".join(f"{was.strip()} -> {fault.text.strip()}".split()) + (
                f" [{by}]" if caught else ""
            )
            said = "caught" if caught else "SURVIVED"
            print(f"{number:3} {said:8} {fault.kind:12} line {fault.line}: {change}", flush=True)
            if not caught:
                print(f"      {source.splitlines()[fault.line - 1].decode().strip()}", flush=True)
            yield caught


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Plant faults; the status is 1 if one survived."""
    parser = argparse.ArgumentParser(description="Plant faults in a file and run its own tests.")
    parser.add_argument("path", type=Path, nargs="+", help="such as lecture_utils/explain/cam.py")
    parser.add_argument("--faults", type=int, default=8, help="how many (8)")
    parser.add_argument("--seed", type=int, default=0, help="which (0)")
    parser.add_argument("--only", type=int, nargs="+", default=[], help="only those of these numbers")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for a fault (120)")
    args = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    missed = 0
    for path in args.path:
        try:
            done = list(plant(path, root, args.faults, args.seed, args.only, args.timeout))
        except ValueError as error:
            print(f"{path}: {error}", flush=True)
            missed += 1
            continue
        print(f"{path}: {sum(done)} of {len(done)} caught", flush=True)
        missed += len(done) - sum(done)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
