"""pytest --nbval on a built chapter: passes as built, fails on what differs, in its own environment."""

import re
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import get_sanitize_patterns

Mini = Any  # the class in conftest.py
ROOT = Path(__file__).resolve().parents[3]
NBVAL = ("--nbval", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg", "--nbval-cell-timeout", "60", "-q")


@pytest.fixture(scope="module")
def chapter(built: Mini) -> Mini:
    """The built miniature with the repository's nbval files beside it."""
    built.lay_out_nbval()
    return built


def test_a_built_notebook_passes_also_in_two_workers(chapter: Mini) -> None:
    second = chapter.notebooks / "91_twin.ipynb"
    second.write_bytes(chapter.built.read_bytes())
    try:
        done = chapter.pytest(*NBVAL, "notebooks", "-n", "2", "--dist", "loadfile")
    finally:
        second.unlink()
    assert done.returncode == 0 and "16 passed" in done.stdout, done.stdout


def test_what_differs_fails(chapter: Mini) -> None:
    text = chapter.built.read_text(encoding="utf-8")
    for old, new in (
        ("Chapter 90 on cpu", "Chapter 90 on cuda"),
        ("[figure] Nine random", "[figure] Ten random"),
        ("'a value'", "'another value'"),
        ("import time", "1 / 0"),  # an error fails also where outputs are not compared
        ("this machine: 127.0.0.1", "this machine: 10.0.0.1"),
        ("Nothing is recorded yet", "Something is recorded"),
    ):
        assert old in text
        text = text.replace(old, new)
    changed = chapter.notebooks / "92_changed.ipynb"
    changed.write_text(text, encoding="utf-8")
    try:
        done = chapter.pytest(*NBVAL, "notebooks/92_changed.ipynb")
    finally:
        changed.unlink()
    assert done.returncode == 1 and "6 failed, 2 passed" in done.stdout, done.stdout
    assert done.stdout.count("Cell outputs differ") >= 5 and "ZeroDivisionError" in done.stdout


def test_each_notebook_gets_an_environment_of_its_own(chapter: Mini) -> None:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    code = (
        "import os\nfrom lecture_utils import runtime\n"
        "mark = runtime.course_home() / 'mark'\nprint(mark.exists(), os.environ['COURSE_GPU'])\nmark.touch()"
    )
    quiet = new_code_cell("3;", execution_count=2)  # silent in JupyterLab, so silent here
    out = new_output("stream", name="stdout", text="False off\n")
    book = new_notebook(cells=[new_code_cell(code, outputs=[out], execution_count=1), quiet])
    names = [chapter.notebooks / f"9{i}_home.ipynb" for i in (3, 4)]
    for name in names:
        nbformat.write(book, name)
    try:
        done = chapter.pytest(*NBVAL, *(f"notebooks/{name.name}" for name in names))
    finally:
        for name in names:
            name.unlink()
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout


def _sanitised(text: str) -> str:
    patterns = get_sanitize_patterns((ROOT / "tests" / "nbval_sanitize.cfg").read_text(encoding="utf-8"))
    assert len(patterns) >= 8
    for pattern, replacement in patterns:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('src="data:image/png;base64,aGVs+bG8="', 'src="data:image/png;base64,d29y/bGQ="'),
        ("<object at 0x7f00aa>", "<object at 0x…>"),
        ("saved in /tmp/course-1/x.png", "saved in /private/var/folders/a1/T/course-2/y.png"),
        (r"saved in C:\Users\ann\AppData\Local\Temp\x", "saved in /tmp/y"),
        ("took 1.2 s", "took 13.75 s"),
        ("3 ms a step", "2e-1 ms a step"),
        ("in 2 minutes", "in 3 minutes"),
        (
            "training:  50%|#####     | 5/10 [00:01<00:01, 4.9it/s]",
            "training:  51%|#####9    | 5/10 [00:02<00:01]",
        ),
        ("1,024 images/s", "99 images a second"),
        ("at 2024-05-06 07:08:09", "at 2025-06-07T08:09"),
    ],
)
def test_what_differs_from_run_to_run_is_not_compared(one: str, other: str) -> None:
    assert _sanitised(one) == _sanitised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("accuracy 0.91", "accuracy 0.92"), ("(2, 3)", "(2, 4)"), ("10 samples", "11 samples"),
        ("3 scenes", "4 scenes"), ("5 steps", "6 steps"), ("61.1 M parameters", "61.2 M parameters"),
        ("value 0x1f", "value 0x2f"), ("100 %", "99 %"), ("see ../assets/a", "see ../assets/b"),
        ("2024-05-06", "2025-05-06"), ("S01.1", "S01.2"),
    ],
)  # fmt: skip
def test_what_counts_is_compared(one: str, other: str) -> None:
    assert _sanitised(one) != _sanitised(other)
