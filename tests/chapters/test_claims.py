"""Every claim in the code has a record that follows from its own figures; a stale one is said to be so."""

import os
import warnings

import pytest

from lecture_utils import runtime
from lecture_utils.experiments import ledger
from lecture_utils.provenance.modules import Module

FILES = sorted((runtime.ASSETS / "claims").glob("*"))
IDS = ledger.ids()


def test_ids_are_unique_and_count_up() -> None:
    assert len(IDS) == len(set(IDS))
    for chapter in {id.partition(".")[0] for id in IDS}:
        numbers = [int(id.partition(".")[2]) for id in IDS if id.startswith(chapter + ".")]
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("item", ledger.statements(), ids=IDS)
def test_claims_are_well_stated(item: ledger.Claim) -> None:
    assert item.statement.endswith(".") and len(item.statement.split()) >= 5
    assert any(year.isdigit() and len(year) == 4 for year in item.paper.replace(",", " ").split()), (
        "authors … year"
    )
    assert ledger.find(item.id).__name__.startswith(item.id.lower().replace(".", "_") + "_")


@pytest.mark.parametrize("id", IDS)
def test_every_claim_has_been_measured(id: str) -> None:
    assert ledger.load(id).id == id


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_record_follows_from_its_figures(path: object) -> None:
    name = getattr(path, "name", "")
    assert name.endswith(".json"), "nothing else lies among the records"
    record = ledger.load(name.removesuffix(".json"))
    assert ledger.derive_holds(record) is record.holds
    assert ledger.derive_effect(record.rule, record.figures) == record.effect
    assert [row["seed"] for row in record.figures] == list(range(len(record.figures)))
    assert record.seconds >= 0 and record.device and record.date and record.torch
    assert record.budget in ("full", "gpu"), "what is published is measured in full"


class StaleClaimWarning(UserWarning):
    """A record's code or weights changed after it was measured; an error in the nightly run."""


def stale_claims() -> list[str]:
    """Return what is wrong with each record that no longer belongs to the code."""
    with Module.reading():
        return [problem for record in ledger.records() if (problem := ledger.stale(record))]


def test_records_belong_to_the_code() -> None:
    """A warning in `make test`, so that the house can be mended by day; an error when COURSE_NIGHTLY=1."""
    told = stale_claims()
    if told and os.environ.get("COURSE_NIGHTLY") == "1":
        pytest.fail("\n".join(told))
    for problem in told:
        warnings.warn(f"stale claim: {problem}", StaleClaimWarning, stacklevel=1)


@pytest.mark.parametrize("nightly", ["", "1"])
def test_a_stale_record_warns_by_day_and_fails_by_night(
    monkeypatch: pytest.MonkeyPatch, nightly: str
) -> None:
    monkeypatch.setenv("COURSE_NIGHTLY", nightly)
    monkeypatch.setattr(ledger, "records", lambda: ["C97.1"])
    monkeypatch.setattr(ledger, "stale", lambda record: f"{record}: its code changed")
    if nightly:
        with pytest.raises(pytest.fail.Exception, match=r"C97\.1: its code changed"):
            test_records_belong_to_the_code()
    else:
        with pytest.warns(StaleClaimWarning, match=r"stale claim: C97\.1: its code changed"):
            test_records_belong_to_the_code()
