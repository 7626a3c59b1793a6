"""Confirming: one seed decides whether changed code still gives a record's figures."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from lecture_utils import runtime
from lecture_utils.experiments import confirm, ledger
from lecture_utils.experiments.rules import Claim, Rule

FIGURES = {"gap": 1.0, "curve": [0.5, None], "arms": {"a": 1e-9, "b": "text"}}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A claim whose figures and code hash the test sets, with a record of other code."""
    state: dict[str, Any] = {"figures": FIGURES, "code": "new", "timed": False}

    def experiment(seed: int, budget: str) -> dict[str, Any]:
        assert (seed, budget) == (0, "full")
        return state["figures"]

    def find(id: str) -> Any:
        rules = (Rule("gap", above=0.0),)
        experiment.claim = Claim(id, "S.", "P", rules, 3, timed=state["timed"])  # type: ignore[attr-defined]
        return experiment

    monkeypatch.setattr(runtime, "ASSETS", tmp_path)
    monkeypatch.setattr(ledger, "find", find)
    monkeypatch.setattr(ledger, "code", lambda _: state["code"])
    monkeypatch.setattr(ledger, "weights", lambda _: {})
    monkeypatch.setenv("COURSE_GPU", "off")
    rows = [{"seed": seed, **FIGURES} for seed in range(3)]
    effect = ledger.derive_effect(Rule("gap", above=0.0), rows)
    rules = (Rule("gap", above=0.0),)
    made = ledger.Record(
        "C97.1", "S.", "P", rules, rows, effect, True, "cpu", 1.0, "full", "2", "old", "2020"
    )
    ledger.write(made)
    return state


def test_a_seed_that_agrees_makes_a_stale_record_fresh(toy: dict[str, Any]) -> None:
    before = ledger.load("C97.1")
    assert "CONFIRM=1" in str(ledger.stale(before))
    toy["figures"] = FIGURES | {"gap": 1.0 + 4e-7}
    record = confirm.confirm("C97.1")
    assert ledger.stale(record) is None and ledger.load("C97.1") == record
    assert record.confirmed is not None and record.confirmed["hash"] == "new"
    assert set(record.confirmed) == {"date", "torch", "device", "hash", "by"}
    assert dataclasses.replace(record, confirmed=None) == before, "nothing else is touched"
    toy["code"] = "newer"
    assert "code changed" in str(ledger.stale(record))


@pytest.mark.parametrize(
    ("change", "where"),
    [({"gap": 1.00001}, r"gap \(1.0 before"), ({"gap": None}, "gap"), ({"curve": [0.5]}, "curve"),
     ({"arms": {"a": 0, "b": "other"}}, r"arms\.b"), ({"more": 1}, r"more \(new\)"),
     ({"curve": [0.6, None]}, r"curve\[0\]")],
)  # fmt: skip
def test_a_figure_that_differs_is_named(toy: dict[str, Any], change: dict[str, Any], where: str) -> None:
    before = ledger.load("C97.1")
    toy["figures"] = FIGURES | change
    with pytest.raises(ledger.ClaimError, match=f"seed 0 differs from the record in {where}.*CONFIRM=REV"):
        confirm.confirm("C97.1")
    assert ledger.load("C97.1") == before
    good, said = confirm.attempt("C97.1")
    assert not good and "not confirmed" in said


def test_times_cannot_be_confirmed(toy: dict[str, Any]) -> None:
    toy["timed"] = True
    with pytest.raises(ledger.ClaimError, match=r"measures time, .*run it whole"):
        confirm.confirm("C97.1")


def test_more_than_code_changed(toy: dict[str, Any]) -> None:
    ledger.write(dataclasses.replace(ledger.load("C97.1"), weights={"net": "0"}))
    with pytest.raises(ledger.ClaimError, match="set of loaded weights changed, not only code"):
        confirm.confirm("C97.1")


def test_against_a_revision_both_codes_run_here(toy: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine the figures are others than in the record, and the same for both codes."""
    here = FIGURES | {"gap": 1.01}
    toy["figures"] = here
    answers = {"made": ({"seed": 0, **here}, "old", "made"), "other": ({"seed": 0, **here}, "third", "other")}
    monkeypatch.setattr(confirm, "run_there", lambda id, budget, revision: answers[revision])
    with pytest.raises(ledger.ClaimError, match="got code third in other, want that of the record, old"):
        confirm.confirm("C97.1", "other")
    good, said = confirm.attempt("C97.1", "made")
    assert good and said == "C97.1 confirmed: seed 0 gives the figures of made."
    record = ledger.load("C97.1")
    assert record.figures[0]["gap"] == 1.0 and record.confirmed is not None
    assert record.confirmed["by"] == "made" and ledger.stale(record) is None
    toy["figures"] = FIGURES
    with pytest.raises(ledger.ClaimError, match="differs from made in gap"):
        confirm.confirm("C97.1", "made")


@pytest.mark.skipif(
    shutil.which("git") is None or not (runtime.ROOT / ".git").exists(), reason="needs a git checkout"
)
def test_a_revision_s_own_code_runs() -> None:
    row, code, revision = confirm.run_there("C01.3", "quick", "HEAD")
    assert row == ledger._one_seed("C01.3", 0, "quick")[0]
    assert len(code) == 16 and len(revision) == 12
    with pytest.raises(ledger.ClaimError, match="git rev-parse failed"):
        confirm.run_there("C01.3", "quick", "no-such-revision")
