"""The record of each system's tests, with and without workers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TESTS = """
import os
import pytest

@pytest.mark.system("S01.1")
@pytest.mark.parametrize("n", [1, 2])
def test_good(n): assert n

@pytest.mark.system("S01.1", "S01.2")
def test_both(): pass

@pytest.mark.system("S01.2")
def test_bad(): assert 0

@pytest.mark.system("S01.2")
@pytest.mark.skipif(True, reason="no CUDA device")
def test_marked(): pass

@pytest.mark.system("S01.3")
class TestClass:
    def test_inside(self): pytest.skip("inside")

@pytest.fixture
def broken(): raise RuntimeError

@pytest.fixture
def late():
    yield
    raise RuntimeError

@pytest.mark.system("S01.4")
def test_setup(broken): pass

@pytest.mark.system("S01.4")
def test_teardown(late): pass

@pytest.mark.system("S01.5")
@pytest.mark.xfail(reason="known")
def test_known(): assert 0

def test_of_no_system(): pass

def test_surroundings():
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert "course-tests-" in os.environ["COURSE_HOME"] and os.environ["COURSE_HOME"] != "mine"
    import torch
    assert torch.get_num_threads() == 1
"""


@pytest.mark.parametrize("arguments", [(), ("-n", "2", "--dist", "loadfile")])
def test_the_record_holds_what_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    shutil.copyfile(ROOT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "test_x.py").write_text(TESTS)
    (folder / "test_y.py").write_text('import pytest\n\n@pytest.mark.system("S01.1")\ndef test_y(): pass\n')
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {ROOT / 'tools'}\naddopts = --import-mode=importlib\n"
        "markers =\n  system(id): x\n  slow: x\n  machinery: x\n  nightly: x\n"
    )
    monkeypatch.setenv("COURSE_HOME", "mine")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert "2 skipped" in done.stdout and "1 failed" in done.stdout and "2 errors" in done.stdout, done.stdout
    table = json.loads((tmp_path / ".course" / "systems.json").read_text())

    def short(name: str) -> list[tuple[str, str, str]]:
        return [(e["test"].rpartition("::")[2], e["outcome"], e["reason"]) for e in table[name]]

    passed = ("passed", "")
    assert list(table) == [f"S01.{i}" for i in range(1, 6)]
    assert short("S01.1") == [(t, *passed) for t in ("test_both", "test_good[1]", "test_good[2]", "test_y")]
    assert short("S01.2") == [
        ("test_bad", "failed", ""), ("test_both", *passed), ("test_marked", "skipped", "no CUDA device"),
    ]  # fmt: skip
    assert short("S01.3") == [("test_inside", "skipped", "inside")]
    assert short("S01.4") == [("test_setup", "failed", ""), ("test_teardown", "failed", "")]
    assert short("S01.5") == [("test_known", "skipped", "expected to fail: known")]
    assert table["S01.1"][0]["test"].startswith("tests/test_x.py::")
    assert sorted(path.name for path in (tmp_path / ".course").iterdir()) == ["systems.json", "times.json"]


def test_a_run_without_systems_leaves_the_record(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    shutil.copyfile(ROOT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "test_x.py").write_text("def test_x(): pass\n")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT / 'tools'}\n")
    (tmp_path / ".course").mkdir()
    (tmp_path / ".course" / "systems.json").write_text("old")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / ".course" / "systems.json").read_text() == "old"
