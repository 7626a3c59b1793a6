"""A person opens a chapter in JupyterLab, runs it, moves a widget, answers an exercise wrong, then right."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_page import Lab, LabPage

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.browser, pytest.mark.slow]
CHAPTERS = tomllib.loads((ROOT / "docs" / "course.toml").read_text(encoding="utf-8"))["chapter"]
FILES = [chapter["file"] for chapter in CHAPTERS if "file" in chapter]
EXERCISE = re.compile(r"""check\(\s*["'](\d\d\.\d+)["']\s*,\s*(\w+)\s*\)""")
SHOTS = ROOT / "artifacts" / "browser"


@pytest.fixture(scope="module", params=FILES)
def chapter(request: pytest.FixtureRequest, lab: Lab, browser: Any) -> Iterator[LabPage]:
    """Open a chapter and run all of it once; the tests below follow one another on the same page."""
    if not (lab.folder / f"{request.param}.ipynb").exists():
        pytest.skip(f"chapter {request.param} is not built yet")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    opened = LabPage(page, lab, request.param)
    opened.restart_and_run_all(seconds=900)
    yield opened
    page.close()
    lab.end_kernels()


def shot(chapter: LabPage, what: str) -> Path:
    return SHOTS / f"{chapter.name}-{what}.png"


def test_all_cells_run_without_an_error(chapter: LabPage) -> None:
    chapter.screenshot(shot(chapter, "run"))
    assert chapter.errors() == []
    assert all(re.fullmatch(r"\[\d+\]:", prompt) for prompt in chapter.prompts())


def test_moving_a_widget_changes_its_picture(chapter: LabPage) -> None:
    widget = chapter.widget()
    before = chapter.picture(widget)
    chapter.move(widget)
    chapter.until("the picture changes", lambda: chapter.picture(widget) != before, 30)
    chapter.screenshot(shot(chapter, "widget"))
    assert widget.locator('[role="alert"]').count() == 0


def test_a_wrong_answer_gets_a_hint_and_a_right_one_the_tick(chapter: LabPage) -> None:
    cell = chapter.cell_with("check(")
    code = cell.locator(".cm-content").inner_text()
    found = EXERCISE.search(code)
    assert found, f"the first exercise's cell does not call check: {code!r}"
    number, name = found.groups()
    answer = (
        "from lecture_utils.exercises.checker import find\n"
        f"{name} = {{}}\n"
        f"from lecture_utils.exercises import check\n{name} = check('{number}', {name})"
    )
    mistake = f"find('{number}').mistakes[0]"
    said = chapter.run_cell(cell, answer.format(f"{mistake}.wrong"))
    assert "not yet" in said and "Hint: " in said and "✗" in said
    chapter.screenshot(shot(chapter, "wrong"))
    # The course's own version is no answer, so its code is handed in as if the learner had typed it here.
    ours = f"find('{number}').reference"
    typed = (
        f"__import__('types').FunctionType({ours}.__code__.replace(co_filename='here'), {ours}.__globals__)"
    )
    said = chapter.run_cell(cell, answer.format(typed))
    assert "right!" in said and "✓" in said
    chapter.screenshot(shot(chapter, "right"))
    assert chapter.errors() == []
