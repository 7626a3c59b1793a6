"""What a learner writes is used: a later cell of the notebook names each exercise's function."""

import re
from pathlib import Path

import pytest

from lecture_utils.exercises import checker

SOURCES = Path(__file__).parents[2] / "notebooks" / "src"
CHAPTERS = ("00", "01", "02", "03", "04", "05", "07", "08", "09", "13", "14", "15", "16", "18", "20")
HANDED_IN = re.compile(r"^(\w+) = check\(\"(\d\d\.L?\d+)\"", re.MULTILINE)


def code_cells(text: str) -> list[str]:
    """The code of a source in percent format, cell by cell."""
    cells = re.split(r"^# %%", text, flags=re.MULTILINE)[1:]
    return [cell.partition("\n")[2] for cell in cells if not cell.startswith(" [markdown]")]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_exercise_is_called_by_a_later_cell(chapter: str) -> None:
    found = []
    for source in sorted(SOURCES.glob(f"{chapter}*.py")):
        cells = code_cells(source.read_text(encoding="utf-8"))
        for number, cell in enumerate(cells):
            for name, id in HANDED_IN.findall(cell):
                found.append(id)
                if id.endswith("L3"):  # a reading, and the last step
                    continue
                after = "\n".join(c for c in cells[number + 1 :] if not HANDED_IN.search(c))
                shown = "\n".join(path for path in re.findall(r"# show: (\S+)", after))
                # A shown class may call it too: the learner's function is found by its name.
                used = re.search(rf"(?<![\w.\"]){name}\b", re.sub(r"#.*", "", after))
                assert used or uses(shown, name), f"{source.name}: {id} {name} is in no later cell"
    assert sorted(found) == sorted(exercise.id for exercise in checker.exercises(chapter))


def uses(shown: str, name: str) -> bool:
    """Whether the source of a shown object names the function."""
    for path in shown.split():
        module, _, item = path.rpartition(".")
        file = Path(__file__).parents[2] / (module.replace(".", "/") + ".py")
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        body = re.search(rf"^(class|def) {item}\b.*?(?=^[^\s)]|\Z)", text, re.MULTILINE | re.DOTALL)
        if body and re.search(rf"\b{name}\(", body[0]):
            return True
    return False
