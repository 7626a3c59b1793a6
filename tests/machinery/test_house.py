"""What holds the course together: the summary of `make test`, the generated tables, one list of commands."""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import check
import pytest
import tables
import yaml

ROOT = Path(__file__).resolve().parents[2]


def step(tmp_path: Path, code: str, *, tests: bool = False, name: str = "step") -> check.Step:
    """Run a little program, or a file of tests, as a step."""
    path = tmp_path / f"test_{name}.py"
    path.write_text(code)
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)] if tests else [str(path)]
    made = check.Step(name, "a little step", command, tests=tests)
    check.run(made, sys.executable, check.environment(tmp_path), tmp_path)
    return made


def summary(done: list[check.Step], notes: list[str] | None = None) -> tuple[int, list[str]]:
    said: list[str] = []
    return check.summarise(done, notes or [], said.append), said


MIXED = """
import pytest
def test_good(): pass
@pytest.mark.skip(reason="no CUDA")
@pytest.mark.parametrize("case", [1, 2])
def test_skipped(case): pass
@pytest.mark.skipif(True, reason="no Chromium")
def test_other(): pass
"""


def test_passing_tests_are_counted_and_skips_keep_their_reasons(tmp_path: Path) -> None:
    done = step(tmp_path, MIXED, tests=True)
    assert (done.passed, done.failed, done.skipped) == (1, 0, Counter({"no CUDA": 2, "no Chromium": 1}))
    status, said = summary([done])
    assert status == 0 and said[-1] == "1 passed, 0 failed, 3 skipped"
    assert "  - step: 2 × no CUDA" in said and "  - step: 1 × no Chromium" in said


@pytest.mark.parametrize(
    "code",
    [
        "def test_bad(): assert False",
        "import nothing_of_this_name",
        "import os\ndef test_crash(): os._exit(3)",
        "",  # no test at all
    ],
    ids=["failure", "import error", "crash", "no tests"],
)
def test_a_step_of_tests_that_goes_wrong_fails(tmp_path: Path, code: str) -> None:
    done = step(tmp_path, code, tests=True)
    assert done.failed >= 1
    assert summary([done])[0] == 1


@pytest.mark.parametrize(("code", "failed"), [("", 0), ("raise SystemExit(1)", 1)])
def test_a_step_without_tests_counts_once(tmp_path: Path, code: str, failed: int) -> None:
    done = step(tmp_path, code)
    assert (done.passed, done.failed) == (1 - failed, failed)


def test_a_program_that_is_missing_fails_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check.shutil, "which", lambda *args, **options: None)
    env = {**check.environment(tmp_path), "PATH": str(tmp_path)}
    done = check.Step("contracts", "import-linter", ["lint-imports"])
    check.run(done, sys.executable, env, tmp_path)
    assert done.failed == 1


def test_later_steps_run_after_a_failed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        check.Step("first", "fails", ["-c", "raise SystemExit(2)"]),
        check.Step("second", "passes", ["-c", "pass"]),
    ]
    monkeypatch.setattr(check, "steps", lambda asked=None: made)
    assert check.main([]) == 1
    assert [(done.ran, done.failed) for done in made] == [(True, 1), (True, 0)]


def test_only_runs_what_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made = [check.Step(name, "", ["-c", "pass"]) for name in ("one", "two", "three")]
    monkeypatch.setattr(check, "steps", lambda asked=None: made)
    assert check.main(["--only", "three,one"]) == 0
    assert [done.ran for done in made] == [True, False, True]
    with pytest.raises(SystemExit):
        check.main(["--only", "four"])
    assert "no step is called four" in capsys.readouterr().err


def test_interrupted_steps_are_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run", interrupt)
    assert check.main(["--only", "lint"]) == 1


def test_cells_that_were_not_computed_are_listed(tmp_path: Path) -> None:
    def shown(text: str, **course: bool) -> dict[str, Any]:
        return {"data": {"text/plain": [text]}, "metadata": {"course": course} if course else {}}

    cells = [
        {"execution_count": 3, "outputs": [shown("Nothing is recorded yet. More.", computed=False)]},
        {"execution_count": 4, "outputs": [shown("a"), shown("Recorded on H on D.", computed=False)]},
        {"execution_count": 5, "outputs": [{"text": ["accuracy 0.9, not computed now"]}, shown("b")]},
        {"source": ["text"]},
    ]
    (tmp_path / "07_x.ipynb").write_text(json.dumps({"cells": cells}))
    assert check.not_computed(tmp_path) == [
        "07_x, cell [3]: Nothing is recorded yet.",
        "07_x, cell [4]: Recorded on H on D.",
    ]


def test_every_step_is_in_the_help_of_make() -> None:
    names = [made.name for made in check.steps()]
    (listed,) = re.findall(r"ONLY=([\w,]+)\"", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert sorted(listed.split(",")) == sorted(names)


# --- tables ---


def noted(path: Path, cases: list[tuple[str, str, str]]) -> Path:
    table: dict[str, list[dict[str, str]]] = {}
    for system, test, outcome in cases:
        table.setdefault(system, []).append({"test": test, "outcome": outcome, "reason": ""})
    path.write_text(json.dumps(table))
    return path


def test_cases_of_one_test_function_count_once(tmp_path: Path) -> None:
    path = noted(
        tmp_path / "ran.json",
        [
            ("S01.1", "a.py::x[cpu]", "passed"),
            ("S01.1", "a.py::x[cuda]", "skipped"),
            ("S01.1", "a.py::y[1]", "passed"),
            ("S01.1", "a.py::y[2]", "failed"),
            ("S01.2", "a.py::z", "skipped"),
        ],
    )
    ran = tables.tests_that_ran(path)
    assert ran == {"S01.1": {"a.py::x": "passed", "a.py::y": "failed"}, "S01.2": {"a.py::z": "skipped"}}
    assert tables.tests_that_ran(tmp_path / "none.json") is None


def test_the_page_of_systems_claims_only_what_passed() -> None:
    ran = {"S01.1": {"x": "passed", "y": "passed"}, "S01.2": {"z": "failed"}}
    page = tables.systems_page(tables.course(), ran)
    assert re.search(r"\| S01\.1 \|.*\| 2 passed \|", page)
    assert re.search(r"\| S01\.2 \|.*\*\*1 failed\*\*", page)
    assert re.search(r"\| S01\.3 \|.*\| none ran \|", page)
    assert "\n1 of 124 systems" in page


def test_tests_of_an_unknown_system_are_refused() -> None:
    with pytest.raises(SystemExit, match=r"S99\.1"):
        tables.systems_page(tables.course(), {"S99.1": {"x": "passed"}})


def test_the_course_lists_the_whole_syllabus() -> None:
    chapters = tables.course()
    assert [chapter["number"] for chapter in chapters] == [f"{n:02}" for n in range(21)]
    systems = [system["id"] for chapter in chapters for system in chapter["systems"]]
    assert len(systems) == len(set(systems)) == 124
    for chapter in chapters:
        assert {"title", "part", "builds", "systems"} <= set(chapter)
        assert bool(tables.files(chapter)) == ("minutes" in chapter)
        for system in chapter["systems"]:
            assert system["id"].startswith(f"S{chapter['number']}.")
            module = system.get("module", "")
            path = ROOT / Path(*module.split("."))
            assert not module or path.with_suffix(".py").exists() or (path / "__init__.py").exists(), module


@pytest.mark.parametrize(
    "chapter", [c for c in tables.course() if tables.files(c)], ids=lambda c: c["number"]
)
def test_minutes_are_those_of_the_chapter_s_own_plan(chapter: dict[str, Any]) -> None:
    """Each notebook opens on a table: part, minutes, part, minutes."""
    minutes = chapter["minutes"] if isinstance(chapter["minutes"], list) else [chapter["minutes"]]
    for file, wanted in zip(tables.files(chapter), minutes, strict=True):
        text = (ROOT / "notebooks" / "src" / f"{file}.py").read_text(encoding="utf-8")
        plan = re.search(r"^# \| Part \| Minutes.*?\n#\n", text, re.MULTILINE | re.DOTALL)
        assert plan, "no table of parts and minutes"
        assert sum(int(minutes) for minutes in re.findall(r"\| (\d+) (?=\|)", plan[0])) == wanted


def test_a_chapter_in_two_notebooks_has_two_links_and_its_minutes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    chapter = {"number": "18", "title": "T", "builds": "B", "files": ["18a_x", "18b_y"], "minutes": [90, 80]}
    (tmp_path / "notebooks" / "18a_x.ipynb").touch()
    assert "to come" in tables.chapters_table([chapter])
    (tmp_path / "notebooks" / "18b_y.ipynb").touch()
    row = "| 18 | [T](notebooks/18a_x.ipynb), [second half](notebooks/18b_y.ipynb) | 90 + 80 | B |"
    assert row in tables.chapters_table([chapter])


def test_every_notebook_is_listed() -> None:
    files = {file for chapter in tables.course() for file in tables.files(chapter)}
    assert {path.stem for path in (ROOT / "notebooks" / "src").glob("*.py")} <= files


def test_the_readme_s_table_is_redrawn_in_place() -> None:
    chapters = tables.course()
    text = f"before\n{tables.BEGIN}\nSTALE\n{tables.END}\nafter\n"
    once = tables.readme(chapters, text)
    assert once.startswith("before\n") and once.endswith("\nafter\n") and "STALE" not in once
    assert once.count("\n| ") == 21 + 2 and tables.readme(chapters, once) == once
    with pytest.raises(SystemExit):
        tables.readme(chapters, "no markers")


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert tables.table(["a"], [["x | y"]]).splitlines()[-1] == r"| x \| y |"


def test_glossary_is_alphabetical_and_has_no_doubles() -> None:
    terms = [entry["term"] for entry in tables.glossary()]
    assert len(terms) == len(set(terms))
    page = tables.glossary_page(tables.glossary())
    listed = re.findall(r'^\| <a id="[a-z0-9-]+"></a>\*\*(.+?)\*\*', page, re.MULTILINE)
    assert listed == sorted(terms, key=str.casefold)


def test_claims_page_shows_both_verdicts_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(name: str) -> SimpleNamespace:
        return SimpleNamespace(
            id=name,
            statement=f"says {name}",
            device="cpu",
            budget="full",
            note="",
            boundary=None,
            confirmed=None,
        )

    items = [
        SimpleNamespace(id=f"C01.{n}", statement=f"says C01.{n}", paper="P", rules=(), names={})
        for n in (1, 2, 3)
    ]
    monkeypatch.setattr(tables.ledger, "verdict", lambda r: "holds" if r.id == "C01.1" else "not reproduced")
    monkeypatch.setattr(tables.ledger, "effect_text", lambda r, names: "gap = 0.2")
    page = tables.claims_page([record("C01.1"), record("C01.2")], items)
    assert "| C01.1 | says C01.1 | holds | gap = 0.2 |" in page
    assert "| C01.2 | says C01.2 | *not reproduced* | gap = 0.2 |" in page
    assert "| C01.3 | says C01.3 | not measured yet |" in page


# --- the house ---


def test_every_folder_of_systems_is_under_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers, chapters, circles, forbidden, _ = contracts["contracts"]
    assert (chapters["type"], circles["type"]) == ("independence", "acyclic_siblings")
    nearest = next(k for k, names in enumerate(layers["layers"]) if "(backbones)" in names)
    systems = re.findall(r"\((\w+)\)", " ".join(layers["layers"][nearest : nearest + 2]))
    there = {f"lecture_utils.{name}" for name in systems if (ROOT / "lecture_utils" / name).is_dir()}
    assert set(forbidden["source_modules"]) == there
    listed = set(re.findall(r"\((\w+)\)", " ".join(layers["layers"])))
    found = {path.stem for path in (ROOT / "lecture_utils").iterdir() if path.stem[0] not in "_."}
    assert found - {"py"} <= listed, "a new part of the package needs its place among the layers"


def test_ci_runs_what_a_reader_runs() -> None:
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    others = flow["jobs"]["elsewhere"]["strategy"]["matrix"]["include"]
    assert {other["os"].split("-")[0] for other in others} == {"ubuntu", "macos", "windows"}
    assert {other["python"] for other in others} == {"3.11", "3.13"}
    assert "schedule" in flow[True]  # YAML 1.1 reads `on` as true
    for job in ("test", "newest"):
        runs = [str(part.get("run", "")) for part in flow["jobs"][job]["steps"]]
        assert any(run.removeprefix("ALL=1 ") == "bash .ci/run" for run in runs)
        assert any(run.startswith("ALL=1 ") for run in runs) == (job == "newest")  # make reads ALL
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("make test")


@pytest.mark.skipif(sys.platform == "win32", reason="checked with bash on Linux and macOS")
def test_ci_script_is_sound_bash() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)


def test_make_has_no_substance_of_its_own() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^(\w[\w-]*):$", text, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert sorted(targets) == sorted(phony.split())
    assert {"lab", "test", "notebooks", "claims", "weights", "bench", "doctor", "lock", "clean"} <= set(
        targets
    )


def test_readme_links_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        links = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
        for link in links:
            assert link.startswith("https://") or (ROOT / link).exists(), f"{page}: {link}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks" / "src").glob("*.py")), ids=lambda path: path.stem
)
def test_code_in_a_chapter_keeps_to_the_line_length(path: Path) -> None:
    """A learner reads code in a narrow cell; prose wraps by itself."""
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    assert [number for number, line in lines if len(line) > 110 and not line.startswith("#")] == []


# --- rounds ---


def test_what_a_round_leaves_out_is_said() -> None:
    quick, one = check.Round(quick=True), check.Round(chapter="00")
    day, still = check.Round(), check.Round(machinery=False)
    night = check.Round(everything=True, machinery=False)
    assert quick.marks() == "not browser and not nightly and not slow and not machinery"
    assert one.marks() == still.marks() == "not browser and not nightly and not machinery"
    assert day.marks() == "not browser and not nightly" and night.marks() == "not browser"
    assert night.left_out() == [] and len(day.left_out()) == 1
    assert all(len(asked.left_out()) == 2 for asked in (quick, one, still))
    assert [step.name for step in check.steps(quick)] == ["lint", "format", "types", "contracts", "unit"]
    assert check.steps(one)[-1].command[-2:] == ["--chapter", "00"]


@pytest.mark.parametrize(("path", "changed"), [("tools/a.py", True), ("lecture_utils/nn/a.py", False)])
def test_machinery_is_tested_where_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, changed: bool
) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setenv("COURSE_BASE", "base")
    git("init", "-q")
    assert check.machinery_changed(), "no commit to compare with: all of it runs"
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("branch", "base")
    assert check.machinery_changed(), "a branch that is its own base tells nothing"
    git("commit", "-q", "--allow-empty", "-m", "second")
    assert not check.machinery_changed()
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text("x = 1\n")
    assert check.machinery_changed() is changed
