"""For all tests: one thread a worker, a session's own learner folder, a record of each system's tests."""

import atexit
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_variable] = "1"  # before torch is imported
for _variable in ("COURSE_STATIC", "COURSE_BUDGET", "COURSE_DOWNLOAD"):
    os.environ.pop(_variable, None)
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest  # noqa: E402
from rounds import Rounds  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run keep to one chapter."""
    parser.addoption("--chapter", default=None, help="only the tests of this chapter, such as 07")


def pytest_configure(config: pytest.Config) -> None:
    """Move the learner's folder out of the way, and keep the record where tests run or are gathered."""
    # A shell ignores interrupts for what it starts in the background; the Stop button's tests need a handler.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tempfile.mkdtemp(prefix="course-tests-")
    before = {name: os.environ.get(name) for name in ("COURSE_HOME", "IPYTHONDIR")}
    os.environ |= {name: str(Path(home) / name.lower()) for name in before}

    def restore() -> None:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    atexit.register(shutil.rmtree, home, ignore_errors=True)  # after what IPython shells do at exit
    config.add_cleanup(restore)
    config.pluginmanager.register(Rounds(config), "course-rounds")
    if not hasattr(config, "workerinput"):  # with pytest-xdist: only in the controller
        config.pluginmanager.register(Systems(ROOT / ".course" / "systems.json"), "course-systems")


@pytest.fixture(autouse=True)
def style(request: pytest.FixtureRequest) -> Generator[None]:
    """Tests that draw do so in the course's style, as a chapter does: whatever ran before on this worker."""
    if not {"plotting", "chapters", "widgets"} & set(request.path.relative_to(ROOT).parts):
        yield
        return
    from lecture_utils.plotting.style import styled

    with styled():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the ids of `@pytest.mark.system("S01.1")` along with a test's report, also from a worker."""
    report = yield
    ids = [str(name) for mark in item.iter_markers("system") for name in mark.args]
    report.user_properties += [("system", name) for name in dict.fromkeys(ids) if report.when == "setup"]
    return report


class Systems:
    """Writes .course/systems.json of a run: {system: [{test, outcome: passed|failed|skipped, reason}]}."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ids: dict[str, list[str]] = {}
        self.outcomes: dict[str, tuple[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test's outcome: failed in any phase is failed, else skipped in any is skipped."""
        if report.when == "setup":
            self.ids[report.nodeid] = [str(v) for k, v in report.user_properties if k == "system"]
        if not self.ids.get(report.nodeid):
            return
        worst = self.outcomes.get(report.nodeid, ("passed", ""))[0]
        if report.failed:
            self.outcomes[report.nodeid] = ("failed", "")
        elif report.skipped and worst != "failed":
            self.outcomes[report.nodeid] = ("skipped", _reason(report))
        elif report.when == "call" and worst == "passed":
            self.outcomes[report.nodeid] = ("passed", "")

    def pytest_sessionfinish(self) -> None:
        """Write the record, all or nothing; a run without a system's test leaves the old one."""
        table: dict[str, list[dict[str, str]]] = {}
        for test, (outcome, reason) in sorted(self.outcomes.items()):
            for name in self.ids[test]:
                table.setdefault(name, []).append({"test": test, "outcome": outcome, "reason": reason})
        if not table:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_suffix(f".{os.getpid()}.partial")
            text = json.dumps(dict(sorted(table.items())), indent=1, ensure_ascii=False)
            partial.write_text(text + "\n", encoding="utf-8")
            os.replace(partial, self.path)
        except OSError as error:
            print(f"{self.path.name} was not written: {error}", file=sys.stderr)


def _reason(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
