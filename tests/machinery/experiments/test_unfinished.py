"""A measurement that was cut short goes on where it was, and only with the same code."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lecture_utils import chapters, runtime
from lecture_utils.experiments import ledger
from lecture_utils.experiments.unfinished import Unfinished
from lecture_utils.provenance import modules

CODE = '''
"""A chapter for the tests: its claim stops at seed STOP, as a machine that is switched off does."""
from pathlib import Path
from lecture_utils.experiments.ledger import Boundary, Rule, claim

HERE = Path(__file__).parent

def effect_of(seed, at=0.0):
    (HERE / "asked").open("a").write(f"{seed} {at}\\n")
    if (HERE / "stop").exists() and seed == 1 and at == 2.0:
        raise KeyboardInterrupt
    return 0.3 + seed + at

def along(seed, budget, at):
    return {"gap": effect_of(seed, at)}

@claim("C97.1", statement="The gap is positive.", paper="A. Author, A Title, 2020", seeds=3, timed=TIMED,
       rule=Rule("gap", above=0.0), boundary=Boundary("length", (2.0,), along))
def c97_1_gap(seed, budget):
    return {"gap": effect_of(seed), "curve": [0.1, seed]}
'''


@pytest.fixture(params=[False, True], ids=["any", "timed"])
def chapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """A chapter 97 whose measurement is cut at its fifth of six points."""
    code = tmp_path / "code" / "ch97"
    code.mkdir(parents=True)
    (code / "__init__.py").write_text("")
    (code / "claims.py").write_text(CODE.replace("TIMED", str(request.param)))
    monkeypatch.setattr(chapters, "__path__", [*chapters.__path__, str(code.parent)])
    folders = modules.chapter_folders
    monkeypatch.setattr(modules, "chapter_folders", lambda chapter="??": [*folders(chapter), code])
    monkeypatch.setattr(runtime, "ASSETS", tmp_path / "assets")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COURSE_GPU", "off")
    (code / "stop").touch()
    with pytest.raises(KeyboardInterrupt):
        ledger.run("C97.1")
    (code / "stop").unlink()
    (code / "asked").unlink()
    yield code
    for name in ("lecture_utils.chapters.ch97.claims", "lecture_utils.chapters.ch97"):
        sys.modules.pop(name, None)
    vars(chapters).pop("ch97", None)


def asked(code: Path) -> list[str]:
    return (code / "asked").read_text().splitlines()


def test_it_goes_on(chapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timed = "timed=True" in (chapter / "claims.py").read_text()
    record = ledger.run("C97.1")
    assert asked(chapter)[:2] == (["0 0.0", "1 0.0"] if timed else ["1 2.0", "2 2.0"])
    assert len(asked(chapter)) == (6 if timed else 2)
    assert capsys.readouterr().out.count("earlier") == (0 if timed else 4)
    assert [row["gap"] for row in record.figures] == [0.3, 1.3, 2.3]
    assert [row["curve"] for row in record.figures] == [[0.1, 0], [0.1, 1], [0.1, 2]]
    swept = (record.boundary or {})["points"][0]["figures"]
    assert [row["gap"] for row in swept] == [2.3, 3.3, 4.3]
    assert record == ledger.load("C97.1")
    assert not list((tmp_path / "home" / "claims").iterdir())  # the record has it all


def test_other_code_starts_afresh(chapter: Path) -> None:
    """With a constant changed, no earlier figure may pass as measured."""
    (chapter / "claims.py").write_text((chapter / "claims.py").read_text().replace("0.3", "0.4"))
    sys.modules.pop("lecture_utils.chapters.ch97.claims")
    record = ledger.run("C97.1")
    assert len(asked(chapter)) == 6
    assert [row["gap"] for row in record.figures] == [0.4, 1.4, 2.4]


def test_another_budget_starts_afresh(chapter: Path) -> None:
    ledger.run("C97.1", "quick")
    assert len(asked(chapter)) == 6


def test_a_torn_or_foreign_file_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    begun = Unfinished("C97.1", {"code": "a"})
    begun.keep(0, None, ({"gap": 0.1}, 2.0))
    begun.keep(1, 0.5, ({"gap": 0.2}, 3.0))
    assert Unfinished("C97.1", {"code": "a"}).results == {
        (0, None): ({"gap": 0.1}, 2.0),
        (1, 0.5): ({"gap": 0.2}, 3.0),
    }
    assert Unfinished("C97.1", {"code": "b"}).results == {}
    text = begun.path.read_text()
    begun.path.write_text(text[:-9])
    assert list(Unfinished("C97.1", {"code": "a"}).results) == [(0, None)]
    begun.path.write_bytes(b"\xff\xfe\x00")
    assert Unfinished("C97.1", {"code": "a"}).results == {}
    begun.path.write_text(json.dumps({"code": "a"}) + "\n[1]\n")
    assert Unfinished("C97.1", {"code": "a"}).results == {}
    begun.forget()
    begun.forget()


def test_what_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    begun = Unfinished("C97.1", {"code": "a"})
    begun.path.mkdir()
    begun.keep(0, None, ({"gap": 0.1}, 2.0))
    assert begun.results == {(0, None): ({"gap": 0.1}, 2.0)}
