"""`python -m lecture_utils`: thin, and every mistake is answered in a sentence without a traceback."""

import sys
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
    monkeypatch.setattr(ledger, "run_all", lambda *args, **options: ran.append((args, options)))
    assert call("claims", "C01.1", "C01.3", "--budget", "quick", "--jobs", "2", "--engine", "ray")[0] == 0
    assert ran == [((["C01.1", "C01.3"], "quick"), {"jobs": 2, "engine": "ray"})]


def test_claims_runs_all_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(
        ledger, "statements", lambda: [SimpleNamespace(id="C00.1"), SimpleNamespace(id="C01.1")]
    )
    monkeypatch.setattr(ledger, "run_all", lambda names, budget, **how: ran.append((names, budget)))
    assert call("claims")[0] == 0
    assert ran == [(["C00.1", "C01.1"], "full")]


def test_claims_confirms_and_says_what_it_could_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def attempt(name: str, against: str) -> tuple[bool, str]:
        asked.append((name, against))
        return name != "C01.2", f"{name} said"

    monkeypatch.setattr("lecture_utils.experiments.confirm.attempt", attempt)
    assert call("claims", "C01.1", "--confirm") == (0, "C01.1 said\n")
    status, said = call("claims", "C01.1", "C01.2", "C01.3", "--confirm", "--against", "HEAD")
    assert status == 1 and said.split("\n")[:3] == ["C01.1 said", "C01.2 said", "C01.3 said"]
    assert asked == [("C01.1", ""), *((f"C01.{k}", "HEAD") for k in (1, 2, 3))]
    assert call("claims", "C01.1", "--against", "HEAD")[0] == 2


@pytest.mark.parametrize("command", ["claims", "weights"])
def test_ray_that_is_not_there(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(ledger, "code", lambda experiment: "0")
    status, said = call(command, "C01.3" if command == "claims" else "shapes_resnet", "--engine", "ray")
    assert status == 1 and "needs Ray" in said and "pip install" in said
    assert call(command, "--engine", "mpi")[0] == 2


def test_an_unknown_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = call("claims", "C99.1")
    assert status == 1 and "C99.1" in said and "Traceback" not in said


def test_an_unknown_budget() -> None:
    status, said = call("claims", "C01.1", "--budget", "huge")
    assert status == 2 and "huge" in said


def test_weights_trains_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(name="net", metrics={"accuracy": 0.5}, steps=3, seconds=1.0, device="cpu")
    asked = []
    monkeypatch.setattr(zoo, "made", lambda name, seed: asked.append((name, seed)) or (card, b""))
    monkeypatch.setattr(zoo, "keep", lambda made: made[0])
    status, said = call("weights", "net", "--seed", "4")
    assert status == 0 and asked == [("net", 4)] and "accuracy 0.5" in said


def test_an_unknown_recipe() -> None:
    status, said = call("weights", "nosuch")
    assert status == 1 and "no recipe" in said
    for name in ("../../evil", "__init__", "_shared"):
        status, said = call("weights", name)
        assert status == 1 and "want a name such as" in said


def test_progress_lists_the_exercises() -> None:
    status, said = call("progress")
    assert status == 0 and "01.1" in said
