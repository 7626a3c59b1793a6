"""C13.5's measures, on embeddings whose answer is known; sums and struck objects, on as little as will do."""

import dataclasses
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.chapters.ch13 import imagebind_claims as claims
from lecture_utils.chapters.ch13 import imagebind_figures as figures
from lecture_utils.chapters.ch13 import imagebind_study as study
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.recipes._imagebind import Perceived, build_imagebind, clip, labels_of, perceived, telling

pytestmark = pytest.mark.system("S13.6")


@pytest.fixture(scope="module")
def some() -> Perceived:
    return perceived(clip(), 48, 0, "test")


class Known(nn.Module):
    """Gives scene i the embedding i of a table, whatever it perceives."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, x: Tensor) -> Tensor:
        return self.table[: len(x)]


def told_by(table: Tensor, some: Perceived, sense: str, monkeypatch: Any) -> dict[str, float]:
    """`asked` where words and scenes of one label share one direction of `table`, if the scenes know it."""
    labels = labels_of(sense, some.some)
    directions = torch.eye(16)[: int(labels.max()) + 1]
    monkeypatch.setattr(claims, "classifier", lambda own, sense: directions)
    text = dataclasses.replace(some, text=directions[labels])
    return claims.asked(sense, Known(table), text)


@pytest.mark.parametrize("sense", ["audio", "depth", "imu"])
def test_what_knows_all_has_one_and_what_knows_nothing_has_chance(
    sense: str, some: Perceived, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = labels_of(sense, some.some)
    best = told_by(torch.eye(16)[labels], some, sense, monkeypatch)
    assert best["from_text"] == best["to_text"] == best["zero_shot"] == 1.0
    assert best["chance"] == pytest.approx(1 / 3 if sense == "imu" else 1 / 8, abs=0.12)
    wrong = told_by(torch.eye(16)[(labels + 1) % (int(labels.max()) + 1)], some, sense, monkeypatch)
    assert wrong["from_text"] == wrong["to_text"] == wrong["zero_shot"] == 0.0
    blind = told_by(F.normalize(torch.ones(48, 16), dim=1), some, sense, monkeypatch)
    assert blind["from_text"] == 0.0, "all alike counts as not found"


def test_the_share_is_of_the_way_from_chance_to_the_direct_arm() -> None:
    def arm(value: float) -> dict[str, float]:
        return {"from_text": value, "chance": 0.2}

    assert claims.share_of(arm(0.2), arm(0.8)) == 0.0
    assert claims.share_of(arm(0.8), arm(0.8)) == 1.0
    assert claims.share_of(arm(0.5), arm(0.8)) == pytest.approx(0.5)
    assert claims.share_of(arm(0.9), arm(0.2)) == 0.0, "nothing to compare with is no success"


def test_a_caption_tells_what_it_names() -> None:
    its = captioned(60, seed=1, size=8)
    for sense, word in (("audio", "class"), ("imu", "ground")):
        told = telling(sense, its)
        assert 0 < int(told.sum()) < 60, f"some captions leave the {word} out"
    place = telling("imu", its)
    assert all((" on " in text) == bool(tells) for text, tells in zip(its.text, place, strict=True))
    assert all(
        not told for told, text in zip(telling("depth", its), its.text, strict=True) if "something" in text
    )


def test_the_claim_runs_on_little() -> None:
    measured = claims.c13_5_emergent(0, "quick")
    assert {rule.figure for rule in claims.c13_5_emergent.claim.rules} <= measured.keys()  # type: ignore[attr-defined]
    assert set(measured["arms"]["audio"]) == {"emergent", "direct", "shuffled"}
    assert "audio_share" in claims.fewer_pairs(0, "quick", 16)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    return build_imagebind(clip()).eval()


def test_sums_are_asked_for_with_another_class(model: Any) -> None:
    its = study.sums(model, 12, 40)
    assert bool((its.heard.class_id[:, 0] != its.some.class_id).all())
    assert set(its.shares()) == {"picture", "sound", "sum", "swapped"}
    assert its.shares()["picture"]["colour"] > 0.5, "a picture finds pictures of its colour"
    assert isinstance(figures.sums_figure(its, (0, 1)), Figure)


def test_the_struck_object_is_one_of_several_kinds_in_sight(model: Any) -> None:
    its = study.struck(model, 6)
    assert its.image.shape == (6, 3, 96, 96) and its.boxes.shape == (6, 3, 4)
    assert all(len(set(row)) == 3 for row in its.class_id.tolist())
    assert set(its.accuracy()) == {"name", "sound of its kind", "its own sound"}
    assert isinstance(figures.struck_figure(its, (0, 1)), Figure)


def test_figures_of_senses_and_meetings(model: Any, some: Perceived) -> None:
    assert isinstance(figures.sense_rows(some.senses, some.some.text, (0, 1)), Figure)
    means = figures.class_means(model, some)
    assert set(means) == {"words", "pictures", "sound", "depth"}
    assert isinstance(figures.meetings(means), Figure)
