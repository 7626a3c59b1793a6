"""Check everything (`make test`), go on after a failed step, end on one summary with what did not run.

`--quick`, `--chapter 07` and `--all` are make quick, make test CH=07 and make test ALL=1.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = ROOT / ".venv-oldest"
RAN = ROOT / ".course" / "systems.json"  # tests/conftest.py writes it
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Arithmetic as on a processor without AVX-512: other last digits, another training.
OTHER_PROCESSOR = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"}
PYTEST = [
    "-m",
    "pytest",
    "-q",
    "-n",
    "auto",
    "--dist",
    "loadfile",
    "--durations",
    "5",
    "--durations-min",
    "5",
]
MACHINERY = (  # what the tests of machinery are about
    "tools/",
    "lecture_utils/kernel/",
    "lecture_utils/provenance/",
    "lecture_utils/exercises/",
    "lecture_utils/experiments/",
    "lecture_utils/widgets/",
    "lecture_utils/runtime.py",
    "lecture_utils/__main__.py",
    "lecture_utils/zoo.py",
    "tests/machinery/",
    "tests/conftest.py",
    "pyproject.toml",
    "constraints.txt",
    "Makefile",
    ".github/",
    ".ci/",
    "environment.yml",
)


@dataclass
class Step:
    """One step: its command (after python, or a program of the environment), and what came of it."""

    name: str
    what: str
    command: list[str]
    tests: bool = False  # pytest: each test counts, not the step
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    ran: bool = False


@dataclass(frozen=True)
class Round:
    """How much is checked: the quick round, one chapter, a day's whole, or everything."""

    quick: bool = False
    chapter: str = ""
    everything: bool = False
    machinery: bool = True  # whether tools or engines changed, so that their tests run by day

    def marks(self) -> str:
        """Return pytest's expression of what runs."""
        left_out = ["browser"]
        if not self.everything:
            left_out.append("nightly")
        if self.quick:
            left_out.append("slow")
        if self.quick or self.chapter or not (self.machinery or self.everything):
            left_out.append("machinery")
        return " and ".join(f"not {mark}" for mark in left_out)

    def left_out(self) -> list[str]:
        """Say what this round leaves out, and why."""
        said = []
        if not self.everything:
            said.append("nightly only (make test ALL=1): tests of content over 10 s; stale claims as errors")
        if self.quick:
            said.append(
                "the quick round leaves out: tests over 1 s (tests/slow.txt), machinery, notebooks, browser"
            )
        elif self.chapter:
            said.append(f"only chapter {self.chapter}: neither the other chapters nor the machinery")
        elif not (self.machinery or self.everything):
            said.append("tests of machinery: neither tools nor engines changed here; they run nightly")
        return said


def steps(asked: Round = Round()) -> list[Step]:
    """Return the steps of a round, cheapest news first."""
    names = [asked.chapter] if asked.chapter else []
    books = [str(path.relative_to(ROOT)) for path in notebooks(asked.chapter)]
    chapter = ["--chapter", asked.chapter] if asked.chapter else []
    nbval = [
        "--nbval",
        *books,
        "--nbval-sanitize-with",
        "tests/nbval_sanitize.cfg",
        "--nbval-cell-timeout",
        "120",
    ]
    static = [
        Step("lint", "ruff, rules and format", ["-m", "ruff", "check", "."]),
        Step("format", "ruff format", ["-m", "ruff", "format", "--check", "."]),
        Step("types", "mypy on lecture_utils", ["-m", "mypy"]),
        Step("contracts", "import-linter", ["lint-imports"]),
    ]
    unit = Step("unit", "pytest", [*PYTEST, "tests", "-m", asked.marks(), *chapter], tests=True)
    if asked.quick:
        return [*static, unit]
    return [
        *static,
        Step("drift", "notebooks are what their sources give", ["tools/build.py", "--check", *names]),
        Step("gate", "anatomy and health of the notebooks", ["tools/gate.py", *names]),
        unit,
        *(
            []
            if names
            else [Step("tables", "generated tables are up to date", ["tools/tables.py", "--check"])]
        ),
        Step("notebooks", "nbval on every chapter", [*PYTEST, *nbval], tests=True),
        Step(
            "browser",
            "JupyterLab in Chromium",
            ["-m", "pytest", "-q", "tests/browser", "-m", "browser", *chapter],
            tests=True,
        ),
    ]


def notebooks(chapter: str = "") -> list[Path]:
    """Return the notebooks of a chapter (07, or 18a and 18b), or of all."""
    return sorted(
        path
        for path in (ROOT / "notebooks").glob("*.ipynb")
        if re.fullmatch(f"{chapter or r'[0-9]+'}[a-z]?", path.stem.partition("_")[0])
    )


def machinery_changed() -> bool:
    """Whether tools, engines or their tests changed since COURSE_BASE (or main on the server).

    True where that cannot be told.
    """
    base = os.environ.get("COURSE_BASE", "").strip() or "origin/main"

    def git(*arguments: str) -> str | None:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    head, fork = git("rev-parse", "HEAD"), git("merge-base", "HEAD", base)
    if head is None or fork is None or head == fork:
        return True  # the branch is its own base: what changed cannot be told
    changed = (git("diff", "--name-only", fork.strip()) or "").splitlines()
    changed += (git("ls-files", "--others", "--exclude-standard") or "").splitlines()
    return any(path.startswith(MACHINERY) for path in changed)


def environment(home: Path) -> dict[str, str]:
    """Return the variables of every step: one thread each, and a learner's folder that is nobody's."""
    env = dict(os.environ, COURSE_HOME=str(home / "course"), PYTHONUNBUFFERED="1")
    env |= dict.fromkeys(ONE_THREAD, "1")
    env["PATH"] = str(Path(sys.executable).parent) + os.pathsep + env.get("PATH", "")
    return env


def run(step: Step, python: str, env: dict[str, str], home: Path) -> None:
    """Run a step, its output passing straight through, and note what came of it."""
    print(f"\n=== {step.name}: {step.what}", flush=True)
    report = home / f"{step.name}.xml"
    if step.command[0] == "lint-imports":
        command = [shutil.which("lint-imports", path=env["PATH"]) or "lint-imports"]
    else:
        command = [python, *step.command]
    if step.tests:
        command += [f"--junitxml={report}", "-o", "junit_family=xunit1"]
    if step.name == "notebooks":
        env = env | {"COURSE_STATIC": "1", "COURSE_GPU": "off", "COURSE_BUDGET": "quick"}
    begin = time.perf_counter()
    try:
        status = subprocess.run(command, cwd=ROOT, env=env).returncode
    except OSError as error:
        print(f"{command[0]} does not start: {error}")
        status = 127
    step.ran, step.seconds = True, time.perf_counter() - begin
    if step.tests:
        read_report(step, report)
        whole = "--chapter" not in step.command and "not slow" not in " ".join(step.command)
        if step.name == "unit" and whole and RAN.exists():  # what a later run of a few tests would write over
            shutil.copyfile(RAN, RAN.with_name("systems-all.json"))
        if status == 5 and not step.skipped:
            print(f"{step.name}: no test was found")
    else:
        step.passed = int(status == 0)
    if status and not step.failed:
        step.failed = 1


def read_report(step: Step, report: Path) -> None:
    """Add up a pytest report; skips are counted by reason."""
    if not report.exists():
        return
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            step.failed += 1
        elif (skip := case.find("skipped")) is not None:
            step.skipped[skip.get("message") or "no reason given"] += 1
        else:
            step.passed += 1


def not_computed(notebooks: Path = ROOT / "notebooks") -> list[str]:
    """Say, in their own words, which cells of the built notebooks show what was not computed.

    Such an output is marked by its metadata: {"course": {"computed": false}} (lecture_utils.kernel.panel).
    """
    lines = []
    for path in sorted(notebooks.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8")).get("cells", []):
            for output in cell.get("outputs", []):
                if output.get("metadata", {}).get("course", {}).get("computed", True):
                    continue
                text = "".join(output.get("data", {}).get("text/plain", "")).partition(". ")[0].rstrip(".")
                lines.append(f"{path.stem}, cell [{cell['execution_count']}]: {text}.")
    return lines


def summarise(done: list[Step], notes: list[str], say: Callable[[str], None] = print) -> int:
    """Print the one summary; return the exit status."""
    say("\n=== summary")
    for step in done:
        if not step.ran:
            say(f"  not run  {step.name}")
            continue
        counts = (
            f", {step.passed} passed, {step.failed} failed, {sum(step.skipped.values())} skipped"
            if step.tests
            else ""
        )
        verdict = "FAILED" if step.failed else "passed"
        say(f"  {verdict}   {step.name:10} {step.seconds:6.1f} s  {step.what}{counts}")
    missing = [
        f"{step.name}: {count} × {why}" for step in done for why, count in sorted(step.skipped.items())
    ]
    missing += notes
    say("Not run, and why:" if missing else "Not run: nothing, everything ran.")
    for line in missing:
        say(f"  - {line}")
    passed, failed = sum(s.passed for s in done), sum(s.failed for s in done)
    say(f"{passed} passed, {failed} failed, {sum(sum(s.skipped.values()) for s in done)} skipped")
    return 1 if failed or not all(step.ran for step in done) else 0


def oldest_python() -> str:
    """Make an environment of the oldest packages that pyproject.toml allows; return its Python."""
    python = OLDEST / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run(
        [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(OLDEST)], cwd=ROOT, check=True
    )
    bounds = ["--resolution", "lowest-direct", "-e", ".[dev]"]
    subprocess.run([*uv, "pip", "install", "--python", str(python), *bounds], cwd=ROOT, check=True)
    return str(python)


def keep_times(done: list[Step], path: Path = ROOT / ".course" / "steps.json") -> None:
    """Note how long each step took, for `make bench`."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {step.name: round(step.seconds, 1) for step in done if step.ran and not step.failed}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Run all steps, or those named."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # a Windows console may be cp1252
    every = [step.name for step in steps()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="comma-separated: " + ",".join(every))
    parser.add_argument("--chapter", default="", help="what concerns one chapter, such as 07")
    parser.add_argument("--quick", action="store_true", help="no notebook, no browser, no test over a second")
    parser.add_argument("--all", action="store_true", help="what runs at night, too; stale claims are errors")
    parser.add_argument("--oldest", action="store_true", help="unit tests on the oldest packages allowed")
    parser.add_argument(
        "--other-processor", action="store_true", help="as on one without AVX-512: which cells differ?"
    )
    options = parser.parse_args(argv)
    if options.chapter and not notebooks(options.chapter):
        parser.error(f"chapter: got {options.chapter!r}, want the number of a notebook, such as 07")
    asked = Round(options.quick, options.chapter, options.all, options.all or machinery_changed())
    names = ["unit"] if options.oldest else [name for name in options.only.split(",") if name]
    if unknown := set(names) - set(every):
        parser.error(f"no step is called {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    chosen = [step for step in steps(asked) if not names or step.name in names]
    python = oldest_python() if options.oldest else sys.executable
    with tempfile.TemporaryDirectory(prefix="course-check-") as folder:
        env = environment(Path(folder))
        if options.all:
            env["COURSE_NIGHTLY"] = "1"
        if options.other_processor:
            env |= OTHER_PROCESSOR
        if options.oldest:
            env["PATH"] = str(Path(python).parent) + os.pathsep + env["PATH"]
        try:
            for step in chosen:
                run(step, python, env, Path(folder))
        except KeyboardInterrupt:
            print("\nInterrupted.")
    keep_times(chosen)
    ran = {step.name for step in chosen}
    return summarise(chosen, asked.left_out() + (not_computed() if "notebooks" in ran else []))


if __name__ == "__main__":
    sys.exit(main())
