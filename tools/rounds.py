"""Which tests run when: the quick round, a chapter's own, by day, by night; and what each test costs.

A pytest plugin that tests/conftest.py registers. tests/slow.txt lists the tests of over a second; runs note
what they measured in .course/times.json, and `python tools/rounds.py` makes the list anew from that.
"""

import json
import os
import re
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SLOW = ROOT / "tests" / "slow.txt"
TIMES = "times.json"
SLOW_SECONDS = 1.0  # of CPU: such a test is left out of the quick round
NIGHTLY_SECONDS = 25.0  # of CPU: the aim is 10, and a busy or old machine may take twice as long
CHECKED = re.compile(r"[\[-]C?(\d\d)\.")


class Rounds:
    """Marks tests by place and cost, keeps to one chapter if asked, fails a long one that is not marked."""

    def __init__(self, config: pytest.Config) -> None:
        self.chapter: str | None = config.getoption("--chapter")
        self.slow = set(SLOW.read_text(encoding="utf-8").split()) if SLOW.exists() else set()
        self.times: dict[str, float] = {}
        self.path = config.rootpath / ".course" / TIMES
        self.write = not hasattr(config, "workerinput")  # with pytest-xdist: only in the controller

    @pytest.hookimpl(tryfirst=True)  # before the expression of -m is looked at
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Mark every test; drop those of other chapters."""
        for item in items:
            if "machinery" in _place(item).parts:
                item.add_marker("machinery")
            if _function(item.nodeid) in self.slow:
                item.add_marker("slow")
        if self.chapter is not None:
            wanted = _Chapter(self.chapter)
            dropped = [item for item in items if not wanted.owns(item)]
            items[:] = [item for item in items if wanted.owns(item)]
            config.hook.pytest_deselected(items=dropped)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Measure the CPU seconds of a test with its children: the same on a busy machine."""
        begin = _cpu()
        item.stash[_BEGIN] = begin
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Send a test's cost along with its report, and fail a test of content that must be nightly."""
        report = yield
        if report.when != "call":
            return report
        seconds = _cpu() - item.stash[_BEGIN]
        report.user_properties.append(("cpu", round(seconds, 2)))
        unmarked = not any(item.get_closest_marker(mark) for mark in ("nightly", "machinery", "browser"))
        if report.passed and seconds > NIGHTLY_SECONDS and unmarked:
            report.outcome = "failed"
            report.longrepr = (
                f"took {seconds:.0f} s of CPU: a test of content over 10 s is made smaller, or marked nightly"
            )
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's cost."""
        for key, value in report.user_properties:
            if key == "cpu" and report.when == "call":
                name = _function(report.nodeid)
                self.times[name] = max(self.times.get(name, 0.0), float(value))

    def pytest_sessionfinish(self) -> None:
        """Write the costs of this run over those of earlier ones."""
        if not (self.write and self.times):
            return
        known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(
            json.dumps({**known, **self.times}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )
        os.replace(partial, self.path)


_BEGIN = pytest.StashKey[float]()


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _place(item: pytest.Item) -> Path:
    return item.path.relative_to(ROOT) if item.path.is_relative_to(ROOT) else item.path


def _function(nodeid: str) -> str:
    """A test's id without its parameters and without spaces."""
    return nodeid.partition("[")[0].replace(" ", "")


class _Chapter:
    """What belongs to a chapter: its folder, its systems' tests, and its cases of tests that go over all."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.names = {p.stem for p in (ROOT / f"lecture_utils/chapters/ch{number}/widgets").glob("*.py")}
        course = tomllib.loads((ROOT / "docs" / "course.toml").read_text(encoding="utf-8"))
        for chapter in course["chapter"]:
            if str(chapter["number"]) == number:
                self.names |= {str(chapter.get("file", ""))}

    def owns(self, item: pytest.Item) -> bool:
        if f"ch{self.number}" in _place(item).parts:
            return True
        ids = [str(name) for mark in item.iter_markers("system") for name in mark.args]
        if any(name.startswith(f"S{self.number}.") for name in ids):
            return True
        values = re.findall(r"[^\[\]]+", item.nodeid.partition("[")[2])
        case = values[0] if values else ""
        found = CHECKED.search(f"[{case}")
        return case in self.names or (found is not None and found[1] == self.number)


def main() -> None:
    """Write tests/slow.txt from what the last runs measured."""
    times = json.loads((ROOT / ".course" / TIMES).read_text(encoding="utf-8"))
    slow = sorted(name for name, seconds in times.items() if seconds > SLOW_SECONDS)
    SLOW.write_text("".join(f"{name}\n" for name in slow), encoding="utf-8")
    print(f"{len(slow)} of {len(times)} tests take over {SLOW_SECONDS:g} s of CPU; {time.strftime('%F')}")


if __name__ == "__main__":
    main()
