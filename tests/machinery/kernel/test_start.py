"""The first line of every notebook."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from lecture_utils.kernel import missing_names as kernel_help
from lecture_utils.kernel import start, watch


def test_start_prints_one_stable_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_GPU", "off")
    start.start("01", seed=3)
    first = float(torch.rand(()))
    assert capsys.readouterr().out == "Chapter 01 on cpu, budget quick, seed 3.\n"
    start.start("01", seed=3)
    assert float(torch.rand(())) == first


def test_start_tells_of_a_training_that_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    killed = (
        "import os, torch\n"
        "from lecture_utils.training.loop import fit\n"
        "model = torch.nn.Linear(1, 1)\n"
        "def batches():\n"
        "    yield torch.zeros(1, 1), torch.zeros(1, 1)\n"
        "    os._exit(9)\n"
        "loss = lambda m, x, y: ((m(x) - y) ** 2).mean()\n"
        "optimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
        "fit(model, batches(), loss=loss, optimizer=optimizer, steps=5, progress=False)\n"
    )
    assert subprocess.run([sys.executable, "-c", killed]).returncode == 9
    start.start()
    said = capsys.readouterr().out
    assert "last session ended in the middle of training" in said and "nothing of yours is lost" in said
    start.start()
    assert "last session" not in capsys.readouterr().out


def test_start_in_a_notebook_registers_the_magic_and_the_helper() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        start.start("01")
        assert "gpu" in shell.magics_manager.magics["cell"] and kernel_help.current_chapter == "01"
        start.start("01")  # twice does no harm
    finally:
        kernel_help.current_chapter = ""
        InteractiveShell.clear_instance()


@pytest.mark.skipif(sys.platform == "win32", reason="no zombies on Windows")
def test_a_training_whose_process_is_a_zombie_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    state = {"label": "Net", "step": 3, "steps": 9, "pid": child.pid, "born": watch._born(child.pid)}
    (tmp_path / "training-1-0.json").write_text(json.dumps(state))
    assert watch.unfinished() is None  # alive
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert "Net, at step 3 of 9" in (watch.unfinished() or "")
    child.wait()


def test_a_kernel_leaves_its_version_out_of_a_notebook_s_metadata() -> None:
    """JupyterLab writes the kernel's language into a notebook as it opens: it must be the built one's."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive(
            "%load_ext lecture_utils.kernel.start", timeout=120, output_hook=lambda _: None
        )
        info = client.kernel_info(reply=True, timeout=60)["content"]["language_info"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert info == {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    }
