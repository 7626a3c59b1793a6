"""What a page does by itself: it opens saved, keeps answers folded until asked, and takes a picture."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab_page import Lab, LabPage
from PIL import Image
from test_jupyterlab import FILES, SHOTS

pytestmark = pytest.mark.browser
UNSAVED = ".lm-TabBar-tab.jp-mod-dirty"
OWN = "own_picture"


def asks(name: str, folder: Path) -> bool:
    return "predict(" in (folder / f"{name}.ipynb").read_text(encoding="utf-8")


@pytest.fixture
def opened(lab: Lab, browser: Any) -> Iterator[LabPage]:
    """The last chapter that asks a question, as it opens."""
    name = next(name for name in reversed(FILES) if asks(name, lab.folder))
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    yield LabPage(page, lab, name)
    page.close()
    lab.end_kernels()


def test_a_chapter_opens_saved_and_its_answers_are_folded(opened: LabPage) -> None:
    opened.page.wait_for_timeout(3000)  # JupyterLab writes into a notebook a moment after its kernel is there
    assert opened.page.locator(UNSAVED).count() == 0
    cells = json.loads((opened.lab.folder / f"{opened.name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    folded = [k for k, cell in enumerate(code) if cell["metadata"].get("jupyter", {}).get("outputs_hidden")]
    assert folded
    answer = opened.page.locator(".jp-CodeCell").nth(folded[0])
    assert answer.locator(".jp-OutputPlaceholder").count() == 1  # three dots in place of the answer
    assert not answer.locator(".jp-OutputArea").first.is_visible()
    for last in (False, True):  # what JupyterLab has lost is asked for once more
        answer.locator(".cm-content").click()
        opened.page.keyboard.press("ControlOrMeta+Enter")
        opened.page.wait_for_timeout(15_000 if last else 5000)
        if not answer.locator(".jp-OutputPlaceholder").count():
            break
    opened.screenshot(SHOTS / "unfolded.png")
    assert answer.locator(".jp-OutputArea").first.is_visible()


def test_a_picture_of_one_s_own_is_shown_and_a_broken_one_named(
    lab: Lab, browser: Any, tmp_path: Path
) -> None:
    code = "from lecture_utils.widgets.own_picture import own_picture\n\nown = own_picture()"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell("print(tuple(own.picture.shape))")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, lab.folder / f"{OWN}.ipynb")
    Image.new("RGB", (90, 60), (200, 30, 30)).save(tmp_path / "mine.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    shown = LabPage(page, lab, OWN)
    shown.run_cells([0], seconds=120)
    button = page.locator(".jp-CodeCell .widget-upload")
    shown.until("the button is there", button.count, 30)

    def choose(name: str) -> None:
        with page.expect_file_chooser() as chooser:
            button.first.click()
        chooser.value.set_files(tmp_path / name)

    output = page.locator(".jp-CodeCell .jp-Cell-outputArea").first
    choose("mine.png")
    shown.until("the picture is named", lambda: "mine.png, 90 × 60 pixels" in output.inner_text(), 30)
    assert "(3, 60, 90)" in shown.run_cell(
        page.locator(".jp-CodeCell").nth(1), "print(tuple(own.picture.shape))"
    )
    choose("broken.png")
    shown.until("the fault is told", lambda: output.locator('[role="alert"]').count(), 30)
    shown.screenshot(SHOTS / "own-picture.png")
    page.close()
    lab.end_kernels()
    (lab.folder / f"{OWN}.ipynb").unlink()
