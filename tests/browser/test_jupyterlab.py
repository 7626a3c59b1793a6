"""A person opens a chapter in JupyterLab, runs it, moves a widget, answers an exercise wrong, then right."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_page import Lab, LabPage

from lecture_utils.kernel.missing_names import names_made

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.browser
CHAPTERS = tomllib.loads((ROOT / "docs" / "course.toml").read_text(encoding="utf-8"))["chapter"]
FILES = [chapter["file"] for chapter in CHAPTERS if "file" in chapter]
EXERCISE = re.compile(r"""check\(\s*["'](\d\d\.\d+)["']\s*,\s*(\w+)\s*\)""")
SHOTS = ROOT / "artifacts" / "browser"


@pytest.fixture(scope="module", params=FILES)
def chapter(request: pytest.FixtureRequest, lab: Lab, browser: Any) -> Iterator[LabPage]:
    """Open a chapter and run it once; the tests below follow one another on the same page.

    The first chapter is run whole. Of the others nbval has run every cell already, so here the setup, the
    first question, the first widget and what they need are run.
    """
    if not (lab.folder / f"{request.param}.ipynb").exists():
        pytest.skip(f"chapter {request.param} is not built yet")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    opened = LabPage(page, lab, request.param)
    if request.param == FILES[0]:
        opened.restart_and_run_all(seconds=900)
    else:
        opened.run_cells(needed(lab.folder / f"{request.param}.ipynb"), seconds=300)
    yield opened
    page.close()
    lab.end_kernels()


def needed(notebook: Path) -> list[int]:
    """Return which code cells, counted from 0, make the first question and the first widget run."""
    cells = [c for c in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in cells]
    first = [
        next((k for k, text in enumerate(sources) if re.search(pattern, text)), None)
        for pattern in (r"^start\(", r"\bpredict\(", r"\bpresent\(")
    ]
    flags = [re.sub(r"^%%\w+.*", "", text) for text in sources]
    wanted = {k for k in first if k is not None}
    todo = list(wanted)
    while todo:  # the cells above that make the names a wanted cell uses
        at = todo.pop()
        used = {node.id for node in ast.walk(ast.parse(flags[at])) if isinstance(node, ast.Name)}
        for name in used - names_made(sources[at]):
            makers = [k for k in range(at) if name in names_made(sources[k])]
            if makers and makers[-1] not in wanted:
                wanted.add(makers[-1])
                todo.append(makers[-1])
    return sorted(wanted)


def shot(chapter: LabPage, what: str) -> Path:
    return SHOTS / f"{chapter.name}-{what}.png"


def test_cells_run_without_an_error(chapter: LabPage) -> None:
    chapter.screenshot(shot(chapter, "run"))
    assert chapter.errors() == []
    if chapter.name == FILES[0]:
        assert all(re.fullmatch(r"\[\d+\]:", prompt) for prompt in chapter.prompts())


def test_a_question_can_be_answered(chapter: LabPage) -> None:
    if "predict(" not in (chapter.lab.folder / f"{chapter.name}.ipynb").read_text(encoding="utf-8"):
        pytest.skip(f"{chapter.name} asks no question")
    chapter.until("a question stands there", lambda: chapter.page.locator(".Quiz").count(), 30)
    quiz = chapter.page.locator(".Quiz").first
    quiz.scroll_into_view_if_needed()
    buttons = quiz.locator(".MCButton")
    if buttons.count():
        buttons.first.click()
    else:
        quiz.locator("input").first.fill("1")
        quiz.locator("input").first.press("Enter")
    chapter.until("it says something", lambda: quiz.locator(".Feedback").first.inner_text().strip(), 10)
    chapter.screenshot(shot(chapter, "question"))


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
