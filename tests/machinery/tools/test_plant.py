"""Planted faults: where they can stand, and what a good and a bad test make of them."""

import ast
from pathlib import Path

import faults
import plant
import pytest

SHARE = '''"""A toy: 1 + 1 in a docstring."""


def share(part: float, whole: float, least: "float | None" = None) -> float:
    """Part of a whole."""
    if whole <= 0:
        raise ValueError(f"whole: got {whole + 1}, want more than 0")
    return abs(part) / (part + whole)
'''
GOOD = """
import pytest
from toy.sums.share import share
def test_share():
    assert share(1, 3) == 0.25 and share(-1, 3) == 0.5
    assert share(0, 1) == 0
@pytest.mark.parametrize("whole", [0, -1])
def test_bad(whole):
    with pytest.raises(ValueError):
        share(1, whole)
"""
BAD = "from toy.sums.share import share\ndef test_share(): assert share(0, 3) == 0\n"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A package of one file, its tests still to come."""
    for folder in ("toy/sums", "tests/sums"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "toy/sums/share.py").write_text(SHARE)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    return tmp_path


def run(toy: Path, tests: str, *options: str) -> int:
    (toy / "tests/sums/test_share.py").write_text(tests)
    return plant.main(["toy/sums/share.py", *options], toy)


def test_a_good_test_catches_every_fault_and_the_tree_stays_as_it_is(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plant, "HEAVY", ["pytest"])
    status = run(toy, GOOD, "--faults", "99")
    said = capsys.readouterr().out
    assert status == 0 and "SURVIVED" not in said
    assert "comparison   line 6: <= -> < [test_share.py::test_bad[0]]" in said
    assert (toy / "toy/sums/share.py").read_text() == SHARE
    assert not (toy / "toy/sums/__pycache__").exists()


def test_a_bad_test_lets_faults_pass_which_are_shown_with_their_line(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plant, "HEAVY", ["pytest"])
    assert run(toy, BAD, "--faults", "99") == 1
    said = capsys.readouterr().out
    assert "SURVIVED dropped call line 8: abs(part) -> part" in said
    assert "      return abs(part) / (part + whole)\n" in said
    number = next(line.split()[0] for line in said.splitlines() if "abs(part) -> part" in line)
    assert run(toy, GOOD, "--faults", "99", "--only", number) == 0
    assert "1 of 1 caught" in capsys.readouterr().out
    assert run(toy, "def test_share(): assert False\n") == 1
    assert "red without a fault: test_share.py::test_share" in capsys.readouterr().out
    (toy / "tests/sums/test_share.py").unlink()
    assert plant.main(["toy/sums/share.py"], toy) == 1
    assert "share.py: no tests" in capsys.readouterr().out


def test_faults_change_code_and_leave_words_and_types_alone() -> None:
    source = (SHARE + "\n\nüber, b = divmod(7, -2) if not SHARE else (1, 2)\n").encode()
    drawn = faults.draw(source, 99, seed=0)
    assert {fault.line for fault in drawn} == {6, 8, 11}
    assert {fault.kind for fault in drawn} == {
        "operator", "comparison", "constant", "sign", "dropped call", "swap", "condition"
    }  # fmt: skip
    texts = [fault.planted(source).decode() for fault in drawn]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(source))
    for line in ("    return (part) / (part + whole)", "    return part / (part + whole)"):
        assert sum(line in text.splitlines() for text in texts) <= 1
    assert any("b, über = divmod(7, -2) if" in text for text in texts)
    assert any("divmod(-2, 7)" in text for text in texts)
    assert any("divmod(7, 2)" in text for text in texts)
    assert drawn[:5] == faults.draw(source, 5, seed=0) != faults.draw(source, 5, seed=1)


def test_a_file_s_tests_are_its_mirror_and_those_of_its_system(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    course = '[[chapter]]\nsystems = [{ id = "S91.1", module = "toy.sums.share" }, { id = "S91.2" }]\n'
    (tmp_path / "docs/course.toml").write_text(course)
    marked = 'pytestmark = pytest.mark.system("S91.1")'
    for name, text in (
        ("sums/test_share.py", ""),
        ("sums/test_share_plain.py", ""),
        ("sums/test_shares.py", ""),
        ("other/test_more.py", marked),
        ("machinery/test_tool.py", marked),
    ):
        (tmp_path / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / name).write_text(text)
    found = plant.tests_of(Path("toy/sums/share.py"), tmp_path)
    assert found == [f"tests/{name}" for name in (
        "other/test_more.py", "sums/test_share.py", "sums/test_share_plain.py"
    )]  # fmt: skip
