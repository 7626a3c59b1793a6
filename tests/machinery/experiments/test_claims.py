"""Every claim in the code has a record, and every record belongs to the code and to its own figures."""

import pytest

from lecture_utils import runtime
from lecture_utils.experiments import ledger

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
def test_every_record_follows_from_its_figures_and_belongs_to_the_code(path: object) -> None:
    name = getattr(path, "name", "")
    assert name.endswith(".json"), "nothing else lies among the records"
    record = ledger.load(name.removesuffix(".json"))
    assert ledger.stale(record) is None
    assert ledger.derive_holds(record) is record.holds
    assert ledger.derive_effect(record.rule, record.figures) == record.effect
    assert [row["seed"] for row in record.figures] == list(range(len(record.figures)))
    assert record.seconds >= 0 and record.device and record.date and record.torch
    assert record.budget in ("full", "gpu"), "what is published is measured in full"
