"""The ledger: the rule decides from the figures, nothing else does."""

import dataclasses
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lecture_utils import chapters, runtime, zoo
from lecture_utils.experiments import card, ledger
from lecture_utils.experiments.card import claim_panel
from lecture_utils.experiments.ledger import ClaimError, Record, Rule, claim
from lecture_utils.provenance import modules

CODE = '''
"""A chapter for the tests."""
import numpy as np
import torch
from lecture_utils.experiments.ledger import Rule, claim

PAPER = "A. Author, A Title, Venue, 2020"

def effect_of(seed):
    return 1.0 + 0.1 * seed

@claim("C97.1", statement="The gap is positive.", paper=PAPER, rule=Rule("gap", above=0.5), seeds=3)
def c97_1_gap(seed, budget):
    return {"gap": effect_of(seed), "curve": torch.tensor([1.0, 2.0]), "sizes": np.array([1, 2]),
            "draw": float(torch.rand(())), "threads": torch.get_num_threads(), "budget": budget,
            "lost": float("nan")}

@claim("C97.2", statement="It is 55 %.", paper=PAPER, seeds=1,
       rule=Rule("share", equals=0.55, tolerance=0.005))
def c97_2_exact(seed, budget):
    return {"share": 27 / 49}

@claim("C97.10", statement="Both.", paper=PAPER, rule=(Rule("a", above=0.0), Rule("b", below=0.0)), seeds=4,
       note="Under these conditions.", names={"a": "the way there"})
def c97_10_both(seed, budget):
    return {"a": 1.0 + seed, "b": -1.0 + seed}
'''


@pytest.fixture(autouse=True)
def chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chapter 97 in the package, and records that go elsewhere."""
    code = tmp_path / "code" / "ch97"
    code.mkdir(parents=True)
    (code / "__init__.py").write_text("")
    (code / "claims.py").write_text(CODE)
    monkeypatch.setattr(chapters, "__path__", [*chapters.__path__, str(code.parent)])
    folders = modules.chapter_folders
    monkeypatch.setattr(modules, "chapter_folders", lambda chapter="??": [*folders(chapter), code])
    monkeypatch.setattr(runtime, "ASSETS", tmp_path / "assets")
    monkeypatch.setenv("COURSE_GPU", "off")
    yield tmp_path  # type: ignore[misc]
    sys.modules.pop("lecture_utils.chapters.ch97.claims", None)
    sys.modules.pop("lecture_utils.chapters.ch97", None)
    vars(chapters).pop("ch97", None)


def figures(*values: float | None, name: str = "gap") -> list[dict[str, Any]]:
    return [{"seed": seed, name: value} for seed, value in enumerate(values)]


def record(rules: tuple[Rule, ...], rows: list[dict[str, Any]]) -> Record:
    effect = ledger.derive_effect(rules[0], rows)
    return Record("C97.1", "s", "p", rules, rows, effect, True, "cpu", 1.0, "full", "2", "0", "2020-01-01")


@pytest.mark.parametrize(
    ("rule", "values", "holds"),
    [
        (Rule("gap", above=0.0), (1.0, 1.1, 0.9), True),
        (Rule("gap", above=0.0), (1.0, 1.1, -0.9), False),  # the mean is above, the interval is not
        (Rule("gap", above=0.0), (-1.0, -1.1, -0.9), False),
        (Rule("gap", below=0.0), (-1.0, -1.1, -0.9), True),
        (Rule("gap", below=0.0), (1.0, 1.1, 0.9), False),
        (Rule("gap", above=0.0, below=2.0), (1.0, 1.1, 0.9), True),
        (Rule("gap", above=0.0, below=1.0), (1.0, 1.1, 0.9), False),
        (Rule("gap", above=1.0), (1.0, 1.0, 1.0), False),  # above is above
        (Rule("gap", above=0.0), (1.0, None, 1.0), False),
        (Rule("gap", above=0.0), (1.0, 1.0), False),  # too few seeds for an interval
        (Rule("gap", above=0.0), (), False),
        (Rule("gap", equals=3.0), (3.0,), True),
        (Rule("gap", equals=3.0), (3.0, 3.0001), False),
        (Rule("gap", equals=3.0, tolerance=0.001), (3.0, 3.0001), True),
        (Rule("gap", equals=3.0, tolerance=1.0), (3.0, 5.0, 1.0), False),  # each seed, not the mean
        (Rule("gap", equals=3.0), (None,), False),
        (Rule("other", above=0.0), (1.0, 1.1, 0.9), False),
    ],
)
def test_rules(rule: Rule, values: tuple[Any, ...], holds: bool) -> None:
    assert ledger.derive_holds(record((rule,), figures(*values))) is holds


def test_interval_is_students() -> None:
    """Worked by hand: t(0.975, 4) = 2.776445, s = 0.158114, n = 5."""
    effect = ledger.derive_effect(Rule("gap", above=0.0), figures(0.8, 0.9, 1.0, 1.1, 1.2))
    half = 2.776445 * math.sqrt(0.025) / math.sqrt(5)
    assert effect == {
        "mean": 1.0,
        "low": pytest.approx(1 - half, 1e-5),
        "high": pytest.approx(1 + half, 1e-5),
        "n": 5,
    }


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng, inside = np.random.default_rng(0), 0
    for _ in range(2000):
        effect = ledger.derive_effect(Rule("gap", above=0.0), figures(*map(float, rng.normal(size=4))))
        inside += bool(effect["low"] <= 0 <= effect["high"])  # type: ignore[operator]
    assert 0.93 < inside / 2000 < 0.97


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rule("gap"),
        lambda: Rule("gap", above=0.0, equals=1.0),
        lambda: Rule("gap", above=0.0, tolerance=0.1),
        lambda: Rule("gap", equals=0.0, tolerance=-1.0),
        lambda: claim("C97.1", statement="s", paper="p", rule=Rule("gap", above=0.0), seeds=2),
        lambda: claim("C97.1", statement="s", paper="p", rule=Rule("gap", equals=0.0), seeds=0),
        lambda: claim("C97.1", statement="s", paper="p", rule=()),
    ],
)
def test_rules_that_say_nothing_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"Rule|tolerance|C97\.1"):
        make()


def test_run_writes_what_load_reads(chapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ledger.run("C97.1", "quick")
    said = capsys.readouterr().out
    assert [
        f"seed {seed} ({seed + 1} of 3): gap = 1.{seed or ''}".rstrip(".") in said for seed in range(3)
    ] == [True] * 3
    assert "C97.1 holds: gap = 1.1, 95 % interval" in said
    assert ledger.load("C97.1") == made
    assert made.holds and made.effect["mean"] == 1.1 and made.effect["n"] == 3
    assert [row["seed"] for row in made.figures] == [0, 1, 2]
    first = made.figures[0]
    assert first["curve"] == [1.0, 2.0] and first["sizes"] == [1, 2] and first["budget"] == "quick"
    assert first["lost"] is None, "not finite is kept as nothing, so that the file stays JSON"
    assert first["threads"] == 1
    assert made.device.startswith("cpu") and made.torch == torch.__version__.partition("+")[0]
    assert ledger.stale(made) is None
    raw = json.loads((chapter / "assets" / "claims" / "C97.1.json").read_text(encoding="utf-8"))
    assert raw["rules"] == [dataclasses.asdict(Rule("gap", above=0.5))]
    assert sorted(file.name for file in (chapter / "assets" / "claims").iterdir()) == ["C97.1.json"]


def test_a_run_is_seeded_and_leaves_the_threads_alone() -> None:
    threads = torch.get_num_threads()
    draws = [[row["draw"] for row in ledger.run("C97.1").figures] for _ in range(2)]
    assert draws[0] == draws[1] and len(set(draws[0])) == 3
    assert torch.get_num_threads() == threads


def test_exact_claims_need_one_seed(capsys: pytest.CaptureFixture[str]) -> None:
    made = ledger.run("C97.2")
    assert made.holds and made.effect["n"] == 1 and "share = 0.551 (1 seed)" in capsys.readouterr().out


def test_of_several_rules_all_must_hold() -> None:
    made = ledger.run("C97.10")
    assert not made.holds and made.effect["mean"] == 2.5 and made.note == "Under these conditions."
    assert ledger.verdict(made) == "not reproduced"


def test_ids_are_in_order_and_unknown_ones_are_named() -> None:
    assert [id for id in ledger.ids() if id.startswith("C97")] == ["C97.1", "C97.2", "C97.10"]
    assert ledger.find("C97.2").__name__ == "c97_2_exact"
    for wrong in ("C97.3", "c97.1", "97.1", "C96.1"):
        with pytest.raises(ClaimError, match=r"no claim.*C97\.1"):
            ledger.find(wrong)


def test_load_says_what_to_do(chapter: Path) -> None:
    with pytest.raises(ClaimError, match=r"not been measured.*make claims ID=C97\.1"):
        ledger.load("C97.1")
    ledger.run("C97.1")
    path = chapter / "assets" / "claims" / "C97.1.json"
    whole = path.read_text()
    raw = json.loads(whole)
    wrong = [
        {"figures": None}, {"figures": []}, {"figures": [1]}, {"figures": [{"seed": 0}]}, {"effect": {}},
        {"figures": [{"seed": 0, "gap": "x"}]}, {"seconds": "x"}, {"rules": []}, {"rules": [{"figure": 3}]},
        {"holds": "yes"}, {"statement": None}, {"weights": []}, {"confirmed": {"date": 3}}, {"boundary": {}},
        {"boundary": {"axis": "n", "points": [{"at": "x", "figures": raw["figures"]}]}}, {"id": 7},
        {"figures": [{"seed": 0, "gap": 10**400}]}, {"effect": {**raw["effect"], "mean": "much"}},
    ]  # fmt: skip
    cases = ["", "{", "[]", "null", whole[:200], whole.replace('"rules"', '"ruler"'), "[" * 100_000]
    for damaged in (*cases, *(json.dumps(raw | change) for change in wrong)):
        path.write_text(damaged)
        with pytest.raises(ClaimError, match=r"damaged.*git checkout"):
            ledger.load("C97.1")


def test_records_lists_all(chapter: Path) -> None:
    assert ledger.records() == []
    for id in ("C97.10", "C97.2"):
        ledger.run(id)
    (chapter / "assets" / "claims" / "Cfoo.json").write_text("{}")
    assert [item.id for item in ledger.records()] == ["C97.2", "C97.10"], "a stray file is none"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("statement", "Something grander.", "statement"),
        ("paper", "Another", "paper"),
        ("rules", (Rule("gap", above=0.4),), "rule"),
        ("figures", figures(1.0, 1.0), "number of seeds"),
        ("source_hash", "0" * 16, "code"),
    ],
)
def test_stale_records(field: str, value: Any, words: str) -> None:
    made = dataclasses.replace(ledger.run("C97.1"), **{field: value})
    assert words in str(ledger.stale(made)) and "make claims ID=C97.1" in str(ledger.stale(made))


def test_an_edit_of_a_function_that_the_experiment_calls_makes_it_stale(chapter: Path) -> None:
    made = ledger.run("C97.1")
    (chapter / "code" / "ch97" / "claims.py").write_text(CODE.replace("0.1 * seed", "0.2 * seed"))
    assert "code changed" in str(ledger.stale(made))
    (chapter / "code" / "ch97" / "claims.py").write_text(
        CODE.replace("def effect_of", "# A comment.\ndef effect_of")
    )
    assert ledger.stale(made) is None


LOADING = CODE.replace("import torch\n", "import torch\nfrom lecture_utils import zoo\n").replace(
    "return 1.0 + 0.1 * seed", "return 1.0 + 0.1 * seed if seed >= 0 else zoo.load('toy_net')"
)


def card_of(chapter: Path, sha256: str) -> Path:
    """Write the card of weights `toy_net`, which need not lie there: a ledger reads only the card."""
    path = chapter / "assets" / "weights" / "toy_net.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    card = zoo.Card("toy_net", "shapes_resnet", 0, 1, "cpu", 1.0, {}, sha256, "2")
    path.write_text(json.dumps(dataclasses.asdict(card)))
    return path


def test_other_weights_make_it_stale_although_no_code_changed(chapter: Path) -> None:
    (chapter / "code" / "ch97" / "claims.py").write_text(LOADING)
    card = card_of(chapter, "a" * 64)
    made = ledger.run("C97.1")
    assert made.weights == {"toy_net": "a" * 64} and ledger.load("C97.1") == made
    assert ledger.run("C97.2").weights == {}, "it does not reach the loading function"
    assert ledger.stale(made) is None
    card_of(chapter, "b" * 64)
    assert "loaded weights changed" in str(ledger.stale(made))
    card.unlink()
    assert "no weights 'toy_net'" in str(ledger.stale(made))
    with pytest.raises(zoo.WeightsError, match="toy_net"):
        ledger.run("C97.1")


def test_a_record_that_names_no_weights_is_stale_where_the_code_loads_some(chapter: Path) -> None:
    made = ledger.run("C97.1")
    card_of(chapter, "a" * 64)
    (chapter / "code" / "ch97" / "claims.py").write_text(LOADING)
    current = dataclasses.replace(made, source_hash=ledger.code(ledger.find("C97.1")))
    assert "loaded weights changed" in str(ledger.stale(current))


def test_a_claim_that_is_gone_is_stale() -> None:
    made = dataclasses.replace(ledger.run("C97.1"), id="C97.9")
    assert "no claim" in str(ledger.stale(made))


@pytest.mark.parametrize(
    ("result", "words"),
    [("[1]", "got list .* want a dict of figures"), ("{'gap': object()}", "gap cannot be recorded"),
     ("{'gap': 'much'}", "got 'much' for 'gap', want a number"), ("{'other': 1.0}", "want a number"),
     ("{'gap': True}", "want a number")],
)  # fmt: skip
def test_experiments_that_return_nonsense(result: str, words: str, chapter: Path) -> None:
    body = CODE.replace('return {"share": 27 / 49}', f"return {result}").replace('Rule("share"', 'Rule("gap"')
    (chapter / "code" / "ch97" / "claims.py").write_text(body)
    with pytest.raises(ClaimError, match=words):
        ledger.run("C97.2")


def test_a_folder_that_cannot_be_written_to(chapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (chapter / "file").write_text("")
    monkeypatch.setattr(runtime, "ASSETS", chapter / "file")
    with pytest.raises(ClaimError, match="Cannot write"):
        ledger.run("C97.2")


@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_jobs_change_no_figure(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """A stand-in for processes is given every seed of every claim, in order; test_jobs.py has real ones."""
    asked: list[Any] = []

    def spread(function: Any, tasks: Any, **how: Any) -> Any:
        asked.append((list(tasks), how))
        return (function(*task) for task in tasks)

    alone = [ledger.run(id).figures for id in ("C97.2", "C97.1")]
    monkeypatch.setattr(ledger, "spread", spread)
    together = ledger.run_all(["C97.2", "C97.1"], jobs=2, engine=engine)
    assert [record.figures for record in together] == alone
    tasks = [("C97.2", 0, "full", None), *(("C97.1", seed, "full", None) for seed in range(3))]
    assert asked == [(tasks, {"jobs": 2, "engine": engine})]


def test_the_panel_shows_little_and_folds_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    made = ledger.run("C97.1")
    panel = claim_panel("C97.1")
    seen, _, folded = panel.text.partition("How it was decided:")
    assert seen.splitlines() == [
        "✓ Claim C97.1: holds",
        made.statement,
        "Gap = 1.1, 95 % interval 0.8516 to 1.348 (3 seeds).",
    ]
    for piece in (made.paper, made.device, made.date, "above 0.5", "seed", "gap", "1.2", "budget full"):
        assert piece in folded, piece
    before, _, inside = panel.html.partition("<details")
    assert "<table" in inside and "<table" not in before and panel.html == claim_panel("C97.1").html
    capsys.readouterr()
    card.show_claim("C97.1")
    assert capsys.readouterr().out.strip() == panel.text


def test_the_panel_says_what_did_not_come_out_in_words() -> None:
    ledger.run("C97.10")
    seen, _, folded = claim_panel("C97.10").text.partition("How it was decided:")
    assert seen.startswith("✗ Claim C97.10: not reproduced") and "Under these" not in seen
    assert "The way there = 2.5" in seen, "a claim may name its figures"
    assert "; and the 95 % interval of the mean of b lies below 0" in folded and "way there" in folded
    assert "Under these conditions." in folded


def test_a_boundary_is_measured_kept_and_shown(chapter: Path) -> None:
    edge = CODE.replace("seeds=3)", 'seeds=3, boundary=Boundary("pictures", (10, 20), by_number))').replace(
        "import Rule", "import Boundary, Rule"
    )
    edge = edge.replace(
        "@claim(", "def by_number(seed, budget, at):\n    return {'gap': at + seed}\n\n@claim(", 1
    )
    (chapter / "code" / "ch97" / "claims.py").write_text(edge)
    made = ledger.run("C97.1")
    assert ledger.load("C97.1") == made and ledger.stale(made) is None
    assert made.boundary == {
        "axis": "pictures",
        "points": [
            {"at": at, "figures": [{"seed": seed, "gap": at + seed} for seed in range(3)]} for at in (10, 20)
        ],
    }
    assert ledger.boundary_text(made).startswith("gap by pictures: 11 (8.516 to 13.48) at 10, 21 (")
    text = claim_panel("C97.1").text
    assert "Where it begins to hold, by pictures:" in text and "8.516 to 13.48" in text
    (chapter / "code" / "ch97" / "claims.py").write_text(edge.replace("at + seed", "at - seed"))
    assert "code changed" in str(ledger.stale(made)), "its code belongs to the claim"
    (chapter / "code" / "ch97" / "claims.py").write_text(edge.replace("(10, 20)", "(10, 30)"))


def test_the_panel_of_a_claim_without_a_record() -> None:
    text = claim_panel("C97.2").text
    assert "no result" in text and "It is 55 %." in text and "make claims ID=C97.2" in text


def test_the_panel_stays_as_it_is_when_its_code_changes(chapter: Path) -> None:
    """A learner's page is not built anew by a maintainer's edit: `make test` tells of it."""
    ledger.run("C97.1")
    before = claim_panel("C97.1").text
    (chapter / "code" / "ch97" / "claims.py").write_text(CODE.replace("0.1 * seed", "0.2 * seed"))
    assert ledger.stale(ledger.load("C97.1")) and claim_panel("C97.1").text == before


def test_the_effect_of_every_rule_is_told() -> None:
    rows = [{"seed": seed, "gap": 1.0 + seed, "lead": 2.0} for seed in range(3)]
    rules = (Rule("gap", above=0.0), Rule("lead", above=0.0), Rule("gap", below=9.0))
    text = ledger.effect_text(record(rules, rows))
    assert text == "gap = 2, 95 % interval -0.4841 to 4.484 (3 seeds); lead = 2 (3 seeds, all equal)"
