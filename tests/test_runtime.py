"""Device, budget, seeds and the learner's folder."""

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from lecture_utils import runtime
from lecture_utils.kernel import missing_names as kernel_help
from lecture_utils.kernel import start

VARIABLES = ("COURSE_GPU", "COURSE_BUDGET", "COURSE_STATIC", "COURSE_DOWNLOAD")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    runtime._writable.cache_clear()


def _cuda(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(runtime, "cuda_available", lambda: there)


@pytest.mark.parametrize(
    ("mode", "cuda", "kind"),
    [
        ("", True, "cuda"), ("auto", True, "cuda"), ("auto", False, "cpu"), ("off", True, "cpu"),
        ("OFF", True, "cpu"), ("record", False, "cpu"), ("record", True, "cuda"), ("on", True, "cuda"),
    ],
)  # fmt: skip
def test_device_follows_course_gpu(monkeypatch: pytest.MonkeyPatch, mode: str, cuda: bool, kind: str) -> None:
    _cuda(monkeypatch, cuda)
    monkeypatch.setenv("COURSE_GPU", mode)
    assert runtime.device().type == kind


def test_on_without_a_gpu_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    _cuda(monkeypatch, False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setenv("COURSE_GPU", "on")
    with pytest.raises(RuntimeError, match="COURSE_GPU=auto"):
        runtime.device()


@pytest.mark.parametrize(
    ("value", "cuda", "wanted"),
    [
        ("", False, "quick"),
        ("", True, "gpu"),
        ("full", True, "full"),
        ("quick", True, "quick"),
        ("gpu", False, "gpu"),
    ],
)
def test_budget(monkeypatch: pytest.MonkeyPatch, value: str, cuda: bool, wanted: str) -> None:
    _cuda(monkeypatch, cuda)
    monkeypatch.setenv("COURSE_BUDGET", value)
    assert runtime.budget() == wanted


@pytest.mark.parametrize("variable", ["COURSE_GPU", "COURSE_BUDGET"])
def test_a_misspelt_setting_lists_what_there_is(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "fast")
    with pytest.raises(ValueError, match=rf"{variable} is 'fast'; wanted one of .*auto"):
        runtime.budget()


def test_pick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wanted in (("quick", 1), ("full", 2), ("gpu", 3)):
        monkeypatch.setenv("COURSE_BUDGET", name)
        assert runtime.pick(quick=1, full=2, gpu=3) == wanted
    assert runtime.pick(quick=1, full=2) == 2
    assert runtime.pick(quick=1, full=2, gpu=0) == 0


def test_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not runtime.is_static() and not runtime.downloads_allowed()
    monkeypatch.setenv("COURSE_STATIC", "1")
    monkeypatch.setenv("COURSE_DOWNLOAD", "1")
    assert runtime.is_static() and runtime.downloads_allowed()


def test_a_seed_fixes_every_generator() -> None:
    def draw() -> tuple[float, float, float]:
        runtime.seed_everything(7)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    first = draw()
    assert draw() == first
    runtime.seed_everything(8)
    assert random.random() != first[0] and float(torch.rand(())) != first[2]


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "0", True])
def test_a_bad_seed_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="wanted an integer"):
        runtime.seed_everything(seed)


def test_course_home_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "a" / "b"))
    assert runtime.course_home() == tmp_path / "a" / "b"
    assert runtime.course_home().is_dir() and not list(runtime.course_home().iterdir())
    monkeypatch.delenv("COURSE_HOME")
    assert runtime.course_home() == runtime.ROOT / ".course"


def test_an_unwritable_home_warns_once_and_a_temporary_one_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "home"))
    with pytest.warns(UserWarning, match="progress cannot be kept in .*file") as seen:
        instead = runtime.course_home()
    assert len(seen) == 1 and instead.is_dir() and tmp_path not in instead.parents
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert runtime.course_home() == instead


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_a_read_only_home_is_unwritable_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o555)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    with pytest.warns(UserWarning, match="cannot be kept"):
        assert runtime.course_home() != tmp_path


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
