"""Recording runs a chapter up to its long cells and leaves the notebook as it is."""

import json
from pathlib import Path

import nbformat
import pytest
import record
from nbformat.v4 import new_code_cell, new_notebook

from lecture_utils import runtime


def book(*sources: str) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell(source) for source in sources])


def test_names_and_what_is_left_out() -> None:
    made = book("a", "%%gpu one\nx", "b", "%%weights two\ny", "c")
    assert record.names(made) == ["one", "two"]
    kept = record.shortened(book("a", "%%gpu one\nx", "b", "%%weights two\ny", "c"), {"two"})
    assert [cell.source for cell in kept.cells] == ["a", "b", "%%weights two\ny"]
    assert len(record.shortened(made, set()).cells) == 4


def test_each_of_the_course_s_long_cells_is_found() -> None:
    found = [name for path in record.sources([]) for name in record.names(record.assemble(path))]
    assert len(found) == len(set(found)) >= 5


def test_a_small_chapter_is_recorded_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = (
        f"from lecture_utils import runtime\nimport pathlib\nruntime.ASSETS = pathlib.Path({str(tmp_path)!r})"
    )
    made = book(f"%load_ext lecture_utils.kernel.start\n{setup}\nx = 6", "%%gpu tiny\nprint(7 * x)", "1 / 0")
    monkeypatch.setattr(record, "assemble", lambda path: made)
    assert record.record(tmp_path / "07_x.py", set(), False, 60) == ["tiny"]
    assert "Recorded as tiny." in capsys.readouterr().out
    entry = json.loads((tmp_path / "recorded" / "tiny.json").read_text())
    assert entry["outputs"] == [{"type": "stream", "name": "stdout", "text": "42\n"}]
    assert entry["hardware"].startswith("a CPU (") or runtime.device().type != "cpu"
    assert record.kernel_env.FIXED["COURSE_GPU"] == "off"


def test_an_unknown_name_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "sources", lambda chapters: [])
    assert record.main(["--only", "nothing"]) == 2
    assert "got nothing, want" in capsys.readouterr().err
