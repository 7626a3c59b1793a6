"""Exercises and training in a real kernel: whatever the learner's code does, the notebook stays usable."""

import os
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

START = "import torch\nfrom lecture_utils.exercises import check, predict, progress\n"


class Notebook:
    """A kernel and the little of a front end that the tests need."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.manager = KernelManager(kernel_name="python3")
        env = {**os.environ, "COURSE_HOME": str(home), "COURSE_GPU": "off", **variables}
        self.manager.start_kernel(env=env)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def send(self, code: str) -> str:
        return str(self.client.execute(code))

    def run(self, code: str, timeout: float = 60) -> "Cell":
        return self.collect(self.send(code), timeout)

    def collect(self, message: str, timeout: float = 60) -> "Cell":
        cell, end = Cell(), time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                got = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if got["parent_header"].get("msg_id") != message:
                continue
            if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                return cell
            cell.add(got["msg_type"], got["content"])
        raise TimeoutError("the cell never ended")

    def wait_for(self, text: str, timeout: float = 60) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                got = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if text in str(got["content"].get("text", "")):
                return
        raise TimeoutError(f"never printed {text!r}")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


class Cell:
    """Outputs of one cell."""

    def __init__(self) -> None:
        self.text, self.html, self.error = "", "", ""
        self.mimes: list[set[str]] = []
        self.kinds: list[str] = []

    def add(self, kind: str, content: dict[str, Any]) -> None:
        self.text += content.get("text", "")
        data = content.get("data", {})
        self.mimes.append(set(data))
        self.kinds += [kind] if data else []
        self.text += data.get("text/plain", "")
        self.html += data.get("text/html", "")
        if kind == "error":
            self.error = content["ename"]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    notebook = Notebook(tmp_path_factory.mktemp("learner"))
    assert not notebook.run(START).error
    yield notebook
    notebook.close()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("...", "yours to write"),
        ("return image[0, 'a']", "TypeError"),
        ("image * 2", "returned None"),
        ("return image", "Expected"),
    ],
)
def test_a_wrong_answer_never_blocks(notebook: Notebook, body: str, said: str) -> None:
    cell = notebook.run(f"def mine(image, x, y):\n    {body}\nmine = check('00.1', mine)")
    assert not cell.error and said in cell.text and "Traceback" not in cell.text
    assert "border-left" in cell.html
    after = notebook.run("print(mine(torch.arange(12.0).reshape(3, 2, 2), 0.5, 1.5).tolist())")
    assert after.text == "[2.0, 6.0, 10.0]\n" and not after.error


def test_the_line_of_the_cell_is_named(notebook: Notebook) -> None:
    cell = notebook.run("def mine(image, x, y):\n    a = 1\n    return a.nothing\n_ = check('00.1', mine)")
    assert "AttributeError" in cell.text and "in line 3 of the cell: return a.nothing" in cell.text


def test_an_endless_loop_is_stopped_and_the_kernel_lives(notebook: Notebook) -> None:
    cell = notebook.run(
        "def mine(image, x, y):\n    while True: pass\nmine = check('00.1', mine, seconds=0.5)"
    )
    assert not cell.error and "still running after 0.5 s" in cell.text
    assert notebook.run("print(mine.__module__)").text == "lecture_utils.chapters.ch00.exercises\n"


def test_what_check_returned_is_refused_when_its_cell_runs_again(notebook: Notebook) -> None:
    notebook.run("def mine(image, x, y):\n    return image")
    assert "not yet" in notebook.run("mine = check('00.1', mine)").text
    again = notebook.run("mine = check('00.1', mine)")
    assert "course's own version" in again.text and "right!" not in again.text


@pytest.mark.parametrize(
    "body",
    [
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "return torch.ones(3, device='meta')",
        "return torch.nn.Module.__new__(torch.nn.Module)",
    ],
)
def test_nothing_that_an_answer_does_stops_the_notebook(notebook: Notebook, body: str) -> None:
    cell = notebook.run(f"def mine(image, x, y):\n    {body}\nmine = check('00.1', mine)\nprint('went on')")
    assert not cell.error and "not yet" in cell.text and "went on" in cell.text


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_loop_in_c_that_nothing_can_stop_is_told_of_by_the_page(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path, JPY_SESSION_NAME="chapter.ipynb")
    try:
        notebook.run(START)
        quick = notebook.run("def mine(image, x, y):\n    return image\nmine = check('00.1', mine)")
        assert "Still running" in quick.html and "not yet" in quick.text, "the verdict takes the line's place"
        assert quick.kinds == ["display_data", "update_display_data"]
        notebook.send(
            "def mine(image, x, y):\n    return sum(iter(int, 1))\ncheck('00.1', mine, seconds=0.5)"
        )
        end, html = time.monotonic() + 30, ""
        while "Still running" not in html and time.monotonic() < end:
            html += str(
                notebook.client.get_iopub_msg(timeout=30)["content"].get("data", {}).get("text/html", "")
            )
        assert "Restart the kernel" in html and "5.5s forwards" in html
        os.kill(notebook.manager.provisioner.pid, 9)  # type: ignore[union-attr]
    finally:
        notebook.close()


def test_the_stop_button_stops_a_check(notebook: Notebook) -> None:
    message = notebook.send(
        "print('go')\ndef mine(image, x, y):\n    while True: pass\ncheck('00.1', mine, seconds=60)"
    )
    notebook.wait_for("go")
    time.sleep(0.3)
    notebook.manager.interrupt_kernel()
    assert notebook.collect(message).error == "KeyboardInterrupt"
    assert notebook.run("print(6 * 7)").text == "42\n"


def test_a_right_answer_gets_its_tick_and_the_table_shows_it(notebook: Notebook) -> None:
    code = "def mine(image, x, y):\n    return image[:, int(y), int(x)]\nmine = check('00.1', mine)"
    assert "✓" in notebook.run(code).text
    assert notebook.run("print(mine.__module__)").text == "__main__\n"
    table = notebook.run("progress()")
    assert "<table" in table.html and "✓ done" in table.text


def test_a_live_prediction_brings_its_own_script(notebook: Notebook) -> None:
    cell = notebook.run("predict('00.1')")
    assert any("application/javascript" in mimes for mimes in cell.mimes)
    assert "Predict 00.1" in cell.text and not cell.error


def test_a_static_prediction_is_plain_html(notebook: Notebook) -> None:
    cell = notebook.run(
        "import os\nos.environ['COURSE_STATIC'] = '1'\npredict('00.1')\ndel os.environ['COURSE_STATIC']"
    )
    assert "<details" in cell.html and not any("application/javascript" in mimes for mimes in cell.mimes)


TRAIN = """
from torch import nn
from lecture_utils import runtime
from lecture_utils.training.loop import fit, minibatches
model = nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
batches = minibatches(torch.randn(64, 2), torch.zeros(64, dtype=torch.long), batch_size=8, seed=0)

def loss(model, x, y):
    if next(count) == 50:
        print("half way", flush=True)
    return nn.functional.cross_entropy(model(x), y)

import itertools
count = itertools.count()
"""
LONG = """history = fit(
    model, batches, loss=loss, optimizer=optimizer, steps=10**9, label='a long run', progress=False)
"""


def test_an_interrupted_training_leaves_model_and_history_usable(notebook: Notebook) -> None:
    assert not notebook.run(TRAIN).error
    message = notebook.send(LONG)
    notebook.wait_for("half way")
    notebook.manager.interrupt_kernel()
    cell = notebook.collect(message)
    assert not cell.error, "an interrupt is no error: cells below can go on"
    assert "a long run interrupted at step" in cell.text and "usable" in cell.text
    after = notebook.run(
        "print(history.interrupted, len(history.losses) >= 50, model(torch.ones(1, 2)).shape)"
    )
    assert after.text == "True True torch.Size([1, 2])\n"
    more = notebook.run(LONG.replace("10**9", "5").replace("a long run", "again") + "\nprint(history.steps)")
    assert more.text == "5\n"


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_kernel_killed_in_training_is_told_of_once(tmp_path: Path) -> None:
    first = Notebook(tmp_path)
    try:
        first.run(START + TRAIN)
        first.send(LONG)
        first.wait_for("half way")
        time.sleep(1.2)  # the marker is brought up to date once a second
        os.kill(first.manager.provisioner.pid, 9)  # type: ignore[union-attr]
        time.sleep(0.2)
    finally:
        first.close()
    second = Notebook(tmp_path)
    try:
        told = second.run("from lecture_utils.kernel.start import start\nstart('01')").text
        assert "ended in the middle of training (a long run, at step" in told and "of 1000000000" in told
        assert "nothing of yours is lost" in told
        assert "ended in the middle" not in second.run("start('01')").text
    finally:
        second.close()
