"""`python -m lecture_utils`: thin, and every mistake is answered in a sentence without a traceback."""

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from lecture_utils import zoo
from lecture_utils.__main__ import app
from lecture_utils.experiments import ledger
from lecture_utils.kernel import doctor


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("command", ["doctor", "claims", "weights", "progress"])
def test_every_command_explains_itself(command: str) -> None:
    status, said = call(command, "--help")
    assert status == 0 and "Usage" in said


@pytest.mark.parametrize("status", ["good", "problem"])
def test_doctor_s_exit_status(monkeypatch: pytest.MonkeyPatch, status: doctor.Status) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: [doctor.Finding("Python", status, "3.12", "Do this.")])
    code, said = call("doctor")
    assert code == (status == "problem") and "Do this." in said


def test_claims_runs_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(ledger, "run", lambda *args, **options: ran.append((args, options)))
    assert call("claims", "C01.1", "C01.3", "--budget", "quick", "--workers", "2")[0] == 0
    assert ran == [(("C01.1", "quick"), {"workers": 2}), (("C01.3", "quick"), {"workers": 2})]


def test_claims_runs_all_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(
        ledger, "statements", lambda: [SimpleNamespace(id="C00.1"), SimpleNamespace(id="C01.1")]
    )
    monkeypatch.setattr(ledger, "run", lambda name, budget, workers: ran.append((name, budget)))
    assert call("claims")[0] == 0
    assert ran == [("C00.1", "full"), ("C01.1", "full")]


def test_an_unknown_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = call("claims", "C99.1")
    assert status == 1 and "C99.1" in said and "Traceback" not in said


def test_an_unknown_budget() -> None:
    status, said = call("claims", "C01.1", "--budget", "huge")
    assert status == 2 and "huge" in said


def test_weights_trains_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(metrics={"accuracy": 0.5}, steps=3, seconds=1.0, device="cpu")
    asked = []
    monkeypatch.setattr(zoo, "train", lambda name, seed: asked.append((name, seed)) or card)
    status, said = call("weights", "net", "--seed", "4")
    assert status == 0 and asked == [("net", 4)] and "accuracy 0.5" in said


def test_an_unknown_recipe() -> None:
    status, said = call("weights", "nosuch")
    assert status == 1 and "no recipe" in said


def test_progress_lists_the_exercises() -> None:
    status, said = call("progress")
    assert status == 0 and "01.1" in said
