"""Device, budget, seeds and the learner's folder."""

import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from lecture_utils import runtime

VARIABLES = ("COURSE_GPU", "COURSE_BUDGET", "COURSE_STATIC", "COURSE_DOWNLOAD")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    runtime._writable.cache_clear()
    runtime._nobodys.cache_clear()


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
    with pytest.raises(ValueError, match=rf"{variable}: got 'fast', want one of .*auto"):
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


@pytest.mark.parametrize("variable", ["COURSE_STATIC", "COURSE_DOWNLOAD"])
def test_switches_take_words_and_refuse_the_rest(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    read = runtime.is_static if variable == "COURSE_STATIC" else runtime.downloads_allowed
    for value, wanted in (("true", True), ("Yes ", True), ("on", True), ("0", False), ("no", False)):
        monkeypatch.setenv(variable, value)
        assert read() is wanted
    monkeypatch.setenv(variable, "perhaps")
    with pytest.raises(ValueError, match=f"{variable}: got 'perhaps', want 1 or 0"):
        read()


def test_a_home_of_nobody_warns_once_and_a_temporary_one_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COURSE_HOME", "~nosuchuser/x")
    with pytest.warns(UserWarning, match="~nosuchuser/x.*there is no such user"):
        home = runtime.course_home()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert runtime.course_home() == home and home.is_dir()
    with pytest.raises(ValueError, match="COURSE_HOME: got '~nosuchuser/x', want a folder"):
        runtime.chosen_folder("COURSE_HOME")


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
    with pytest.raises(ValueError, match="want an integer"):
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
