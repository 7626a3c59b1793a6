"""Runs side by side: the results are those of one after the other."""

import dataclasses
from pathlib import Path

import pytest
import torch

from lecture_utils import runtime
from lecture_utils.experiments import ledger
from lecture_utils.training.jobs import JobsError, alone, spread


def test_results_come_in_the_tasks_order() -> None:
    assert list(spread(divmod, [(7, 2), (9, 4)])) == [(3, 1), (2, 1)]
    assert list(spread(divmod, [(7, 2), (9, 4), (1, 1)], jobs=2)) == [(3, 1), (2, 1), (1, 0)]


def test_an_error_in_a_process_is_that_of_its_function() -> None:
    with pytest.raises(ZeroDivisionError):
        list(spread(divmod, [(7, 2), (1, 0)], jobs=2))


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"jobs": 1.5}, {"jobs": True}, {"engine": "mpi"}])
def test_bad_settings(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"got .*want"):
        spread(divmod, [], **wrong)  # type: ignore[arg-type]


def test_each_process_has_one_thread() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert alone(torch.get_num_threads, ()) == 1
    finally:
        torch.set_num_threads(before)


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(JobsError, match=r"pip install -e '\.\[ray\]'.*JOBS=2"):
        list(spread(divmod, [(7, 2)], engine="ray"))


@pytest.mark.slow
def test_a_record_is_the_same_from_a_ray_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    monkeypatch.setattr(runtime, "ASSETS", tmp_path)
    monkeypatch.setenv("COURSE_GPU", "off")
    here, there = (
        ledger.run("C01.3", "quick", jobs=jobs, engine=engine)
        for jobs, engine in ((1, "processes"), (2, "ray"))
    )
    assert dataclasses.replace(there, seconds=here.seconds) == here
    assert len(here.figures) == 3
