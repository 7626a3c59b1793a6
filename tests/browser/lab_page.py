"""What a person does with a notebook in JupyterLab, done through its page."""

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ERRORS = '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]'


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, the folder that it serves, and its log."""

    url: str
    folder: Path
    log: Path
    token: str

    def address(self, notebook: str) -> str:
        """Return where a notebook opens."""
        return f"{self.url}/lab/tree/{notebook}?token={self.token}&reset"

    def end_kernels(self) -> None:
        """Shut down every kernel, so that one chapter's memory is not held while the next one runs."""
        kernels = f"{self.url}/api/kernels"
        with urllib.request.urlopen(f"{kernels}?token={self.token}", timeout=30) as answer:
            listed = json.load(answer)
        for kernel in listed:
            ask = urllib.request.Request(f"{kernels}/{kernel['id']}?token={self.token}", method="DELETE")
            urllib.request.urlopen(ask, timeout=60).close()


class LabPage:
    """A notebook open in JupyterLab."""

    def __init__(self, page: Any, lab: Lab, name: str) -> None:
        self.page, self.lab, self.name = page, lab, name
        page.goto(lab.address(f"{name}.ipynb"))
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=90_000)
        page.wait_for_timeout(2000)  # idle is shown before the page is connected to its kernel

    def until(self, what: str, ready: Callable[[], Any], seconds: float) -> Any:
        """Wait for a true value and return it; fail with what was waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := ready():
                return value
            self.page.wait_for_timeout(200)
        raise AssertionError(f"waited {seconds:.0f} s in vain until {what}")

    def restart_and_run_all(self, seconds: float) -> None:
        """Choose Run > Restart Kernel and Run All Cells…, confirm, and wait until all have run.

        JupyterLab can lose what it sends to a kernel that is only just back: then every cell waits for ever,
        the kernel is idle, and a person would choose it again. So do we, once.
        """
        for last in (False, True):
            self.page.locator(".lm-MenuBar-item", has_text="Run").first.click()
            self.page.locator(".lm-Menu-item", has_text="Restart Kernel and Run All Cells").click()
            self.page.locator(".jp-Dialog .jp-mod-accept").click()
            self.until("the cells are cleared", lambda: "[*]:" in self.prompts(), 90)
            try:
                self.until("the first cell has run", self.begun, 90)
                break
            except AssertionError:
                if last:
                    raise
        self.until("all cells have run", self.all_done, seconds)

    def run_cells(self, numbers: list[int], seconds: float) -> None:
        """Clear all outputs, then run some code cells, counted from 0, as a person does with Ctrl+Enter."""
        self.page.locator(".lm-MenuBar-item", has_text="Edit").first.click()
        self.page.locator(".lm-Menu-item", has_text="Clear Outputs of All Cells").click()
        for number in numbers:
            cell = self.page.locator(".jp-CodeCell").nth(number)
            prompt = cell.locator(".jp-InputPrompt").first
            for last in (False, True):  # what JupyterLab has lost is asked for once more
                cell.locator(".cm-content").click()
                self.page.keyboard.press("ControlOrMeta+Enter")
                try:
                    self.until("the cell has run", partial(self._has_run, prompt), seconds)
                    break
                except AssertionError:
                    if last:
                        raise

    def _has_run(self, prompt: Any) -> bool:
        """Whether a cell, cleared before, has its number."""
        return prompt.inner_text() not in ("[*]:", "[ ]:")

    def begun(self) -> bool:
        """Whether a cell has its number."""
        return any(prompt not in ("[*]:", "[ ]:") for prompt in self.prompts())

    def prompts(self) -> list[str]:
        """Return the prompts of the cells that have code, such as "[3]:"."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll('.jp-CodeCell')]
                .filter(cell => cell.querySelector('.cm-content')?.innerText.trim())
                .map(cell => cell.querySelector('.jp-InputPrompt').innerText.trim())"""
        )

    def all_done(self) -> bool:
        """Whether every cell has its number, or one has failed (the rest then do not run)."""
        waiting = any(prompt in ("[*]:", "[ ]:") for prompt in self.prompts())
        return not waiting or (bool(self.errors()) and "[*]:" not in self.prompts())

    def errors(self) -> list[str]:
        """Return the text of every error in the notebook."""
        return self.page.locator(ERRORS).all_inner_texts()

    def cell_with(self, text: str) -> Any:
        """Return the first code cell whose code has the text."""
        index = self.page.evaluate(
            """text => [...document.querySelectorAll('.jp-CodeCell')]
                .findIndex(cell => cell.querySelector('.cm-content')?.innerText.includes(text))""",
            text,
        )
        assert index >= 0, f"no cell has {text!r}"
        return self.page.locator(".jp-CodeCell").nth(index)

    def run_cell(self, cell: Any, code: str, seconds: float = 60) -> str:
        """Replace a cell's code, run it, and return what its output says."""
        before = cell.locator(".jp-InputPrompt").first.inner_text()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("ControlOrMeta+Enter")

        def finished() -> bool:
            return cell.locator(".jp-InputPrompt").first.inner_text() not in (before, "[*]:", "[ ]:")

        self.until("the cell has run", finished, seconds)
        self.page.wait_for_timeout(300)
        return cell.locator(".jp-Cell-outputArea").inner_text()

    def widget(self) -> Any:
        """Return the output area of the first live widget that has a picture and a control."""
        areas = self.page.locator(".jp-OutputArea-output", has=self.page.locator("img.widget-image"))
        areas = areas.filter(has=self.page.locator("select, .noUi-handle"))
        assert areas.count(), "no live widget in the notebook"
        return areas.first

    def move(self, widget: Any) -> None:
        """Change a widget's first slider by a few steps, or its first menu to its last option."""
        widget.scroll_into_view_if_needed()
        slider = widget.locator(".noUi-handle")
        if slider.count():
            slider.first.focus()
            near_end = slider.first.get_attribute("aria-valuenow") == slider.first.get_attribute(
                "aria-valuemax"
            )
            for _ in range(3):
                self.page.keyboard.press("ArrowLeft" if near_end else "ArrowRight")
            return
        menu = widget.locator("select").first
        menu.select_option(index=menu.locator("option").count() - 1)

    def picture(self, widget: Any) -> str:
        """Return a fingerprint of a widget's picture as it is drawn: its pixels, at a small size.

        A browser refuses to decode a picture that is replaced meanwhile: ask again, for two seconds at most.
        """
        return widget.locator("img.widget-image").evaluate(
            """async image => {
                for (let left = 20; ; left--) {
                    try { await image.decode(); break; } catch (error) { if (!left) throw error; }
                    await new Promise(done => setTimeout(done, 100));
                }
                const canvas = Object.assign(document.createElement('canvas'), {width: 96, height: 64});
                canvas.getContext('2d').drawImage(image, 0, 0, 96, 64);
                return canvas.toDataURL();
            }"""
        )

    def screenshot(self, path: Path) -> None:
        """Keep what the page shows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)
