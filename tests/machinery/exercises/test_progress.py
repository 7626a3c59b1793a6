"""The progress file: it survives kills, damage, two notebooks at a time, and folders that cannot be written
to."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lecture_utils.exercises import progress as table

progress: Any = importlib.import_module(
    "lecture_utils.exercises.progress"
)  # the package's name is the function

WRITER = """
import sys, importlib
progress = importlib.import_module("lecture_utils.exercises.progress")
name, count = sys.argv[1], int(sys.argv[2])
progress.record(f"{name}.0", done=False, fingerprint="warm")
print("ready", flush=True)
for number in range(count):
    progress.record(f"{name}.{number % 50}", done=False, fingerprint=str(number))
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(progress, "_memory", {})
    monkeypatch.setattr(progress, "_told", set())
    return tmp_path


def start_writer(home: Path, name: str, count: int) -> "subprocess.Popen[str]":
    env = {**os.environ, "COURSE_HOME": str(home)}
    command = [sys.executable, "-c", WRITER, name, str(count)]
    writer = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    return writer


def test_attempts_count_different_answers() -> None:
    assert progress.record("01.1", done=False, fingerprint="a")["attempts"] == 1
    assert progress.record("01.1", done=False, fingerprint="a")["attempts"] == 1
    assert progress.record("01.1", done=True, fingerprint="b") | {"first_done": ""} == {
        "attempts": 2,
        "last": "b",
        "done": True,
        "first_done": "",
    }
    assert progress.record("01.1", done=False, fingerprint="c")["done"] is True, (
        "once done, an exercise stays done"
    )


def test_file_is_plain_json_and_keeps_what_it_does_not_know(home: Path) -> None:
    kept = {"version": 1, "later": [1], "exercises": {"09.9": {"done": True, "attempts": 3, "colour": "red"}}}
    (home / "progress.json").write_text(json.dumps(kept), encoding="utf-8")
    progress.record("01.1", done=True, fingerprint="a")
    state = json.loads((home / "progress.json").read_text(encoding="utf-8"))
    assert state["later"] == [1] and state["exercises"]["09.9"]["colour"] == "red"
    assert state["exercises"]["01.1"]["done"] is True


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"exercises": []}',
        b'{"exercises": {"01.1": 3}}',
        b"\xff\xfe\x00",
        b"null",
        b'{"version": 1}',
    ],
)
def test_a_damaged_file_is_kept_aside(content: bytes, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        (home / "progress.json").write_bytes(content)
        progress.record("01.1", done=True, fingerprint="a")
        assert (home / f"progress.damaged-{number}.json").read_bytes() == content
        text = capsys.readouterr().out
        assert "damaged" in text and f"progress.damaged-{number}.json" in text
        assert progress.entries()["01.1"]["done"] is True


def test_where_nothing_can_be_written_progress_lasts_for_the_session(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "progress.json").mkdir()  # neither to be read nor replaced, even by an administrator
    progress.record("01.1", done=False, fingerprint="a")
    progress.record("01.1", done=False, fingerprint="b")
    progress.record("01.2", done=True, fingerprint="c")
    assert capsys.readouterr().out.count("COURSE_HOME") == 1, "told once"
    known = progress.entries()
    assert known["01.1"]["attempts"] == 2 and known["01.2"]["done"] is True
    (home / "progress.json").rmdir()
    progress.record("01.3", done=True, fingerprint="d")
    assert set(json.loads((home / "progress.json").read_text())["exercises"]) == {"01.1", "01.2", "01.3"}


def test_a_full_disk(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    progress.record("01.1", done=True, fingerprint="a")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress, "write_atomically", full)
    progress.record("01.2", done=True, fingerprint="a")
    assert "No space left on device" in capsys.readouterr().out
    assert set(progress.entries()) == {"01.1", "01.2"}


def test_a_folder_removed_meanwhile_comes_back(home: Path) -> None:
    progress.record("01.1", done=True, fingerprint="a")
    for file in home.iterdir():
        file.unlink()
    home.rmdir()
    progress.record("01.2", done=True, fingerprint="a")
    assert set(progress.entries()) == {"01.2"}


def test_two_notebooks_lose_nothing_of_each_other(home: Path) -> None:
    writers = [start_writer(home, name, 100) for name in ("10", "20")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    known = progress.entries()
    assert len(known) == 100
    assert {id: entry["attempts"] for id, entry in known.items()} == {
        id: 3 if id in ("10.0", "20.0") else 2 for id in known
    }


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_kill_in_the_middle_of_writing_loses_at_most_the_last_entry(home: Path) -> None:
    progress.record("01.1", done=True, fingerprint="a")
    for round_ in range(12):
        writer = start_writer(home, "30", 100_000)
        time.sleep(0.013 * (1 + round_ % 5))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        state = json.loads((home / "progress.json").read_text(encoding="utf-8"))
        assert state["exercises"]["01.1"]["done"] is True
    before = time.monotonic()
    progress.record("01.2", done=True, fingerprint="a")
    assert time.monotonic() - before < progress.LOCK_SECONDS, "a killed kernel leaves no lock behind"
    names = sorted(file.name for file in home.iterdir())
    assert names == ["progress.json", "progress.json.lock"], "nothing is left lying about"
    assert progress.entries()["30.0"]["attempts"] >= 12, "each writer has written"


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    progress.record("00.1", done=True, fingerprint="a")
    progress.record("01.1", done=False, fingerprint="a")
    panel = table()
    text = str(panel)
    rows = {line.split()[0]: line for line in text.splitlines() if line[:2].isdigit()}
    assert "✓ done" in rows["00.1"] and "next" in rows["00.2"] and "tried" in rows["01.1"]
    assert "1 of " in text.splitlines()[0]
    assert text.splitlines()[-1].startswith("Next: 00.2")
    page = panel._repr_html_()
    assert "<table" in page and 'scope="col"' in page and "✓ done" in page
    assert capsys.readouterr().out == "", (
        "a value, so that a cell and a command line show it each in its own way"
    )


def test_loads_no_torch() -> None:
    code = "import sys, lecture_utils.exercises; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_table_of_one_chapter() -> None:
    rows = [line.split()[0] for line in str(table("01")).splitlines() if line[:2].isdigit()]
    assert rows and all(row.startswith("01.") for row in rows)
    assert len(rows) < len(str(table()).splitlines())
    with pytest.raises(ValueError, match="got chapter '1', want one of"):
        table("1")


def test_what_could_not_be_written_takes_nothing_from_what_others_wrote(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One notebook tries while the file is held; another solves; the first goes on."""
    real = progress.write_atomically

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress, "write_atomically", full)
    progress.record("01.1", done=False, fingerprint="a", hint=True)
    monkeypatch.setattr(progress, "write_atomically", real)
    solved = {"attempts": 6, "done": True, "first_done": "2026-01-02", "last": "z", "hints": 2}
    stored = {"version": 1, "exercises": {"01.1": solved}}
    (home / "progress.json").write_text(json.dumps(stored), encoding="utf-8")
    assert progress.entries()["01.1"] == solved
    assert progress._memory == {}, "the file knows more: what was kept is dropped"
    progress._memory["01.1"] = {"attempts": 1, "last": "a", "done": False}
    progress.record("01.2", done=False, fingerprint="b")
    assert json.loads((home / "progress.json").read_text())["exercises"]["01.1"] == solved


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        ({"attempts": 2, "done": True}, {"attempts": 5, "done": False}, {"attempts": 5, "done": True}),
        ({"attempts": 1, "last": "a"}, {"attempts": 3, "last": "b"}, {"attempts": 3, "last": "b"}),
        ({"attempts": 3, "hints": 1}, {"attempts": 1, "hints": 2}, {"attempts": 3, "hints": 2}),
        ({"first_done": "2026-02-01"}, {"first_done": "2026-01-01"}, {"first_done": "2026-01-01"}),
        ({}, {"attempts": 1, "colour": "red"}, {"attempts": 1, "colour": "red"}),
    ],
)
def test_entries_are_merged_field_by_field(one: Any, other: Any, merged: Any) -> None:
    assert progress.merge(one, other) == merged
    assert progress.merge(other, one) == merged
    assert progress.merge(merged, one) == merged


def test_a_file_of_another_version_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = b'{"version": 99, "exercises": [{"id": "01.1", "solved": 1.0}]}'
    (home / "progress.json").write_bytes(content)
    progress.record("01.1", done=False, fingerprint="a")
    entry = progress.record("01.1", done=True, fingerprint="b")
    assert (home / "progress.json").read_bytes() == content
    text = capsys.readouterr().out
    assert text.count("got version 99, want 1") == 1 and "left as it is" in text
    assert entry["attempts"] == 2 and progress.entries()["01.1"]["done"] is True
    assert sorted(file.name for file in home.iterdir()) == ["progress.json", "progress.json.lock"]


def test_general_hints_are_counted_once_an_answer(home: Path) -> None:
    for fingerprint, hint in (("a", True), ("a", True), ("b", False), ("c", True)):
        entry = progress.record("01.1", done=False, fingerprint=fingerprint, hint=hint)
    assert entry["hints"] == 2 and entry["attempts"] == 3
