"""The out-of-order helper: a NameError says which cell makes the name."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from lecture_utils.kernel import missing_names, start

CELLS = [
    ("markdown", "# 01 Title"),
    ("code", "import numpy as np\nfrom a.b import c as d"),
    ("markdown", "## Train\n\nWords.\n\n### The loop\n\n```python\n# from a module\n```"),
    ("code", "model = 3\nfor step in range(2):\n    loss, (first, *rest) = 1, (2, 3)"),
    ("code", "model + late"),
    ("markdown", "## Later"),
    ("code", "%matplotlib inline\nlate = 1"),
]


def _book(path: Path) -> Path:
    book = nbformat.v4.new_notebook()
    for number, (kind, text) in enumerate(CELLS):
        book.cells.append(getattr(nbformat.v4, f"new_{kind}_cell")(text, id=f"cell-{number}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, path)
    return path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython shell whose chapter 01 is a small notebook of the test's own."""
    _book(tmp_path / "notebooks" / "01_small.ipynb")
    monkeypatch.setattr(missing_names, "ROOT", tmp_path)
    monkeypatch.setattr(missing_names, "current_chapter", "01")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
    config = Config({"HistoryManager": {"enabled": False}})
    ip = InteractiveShell.instance(colors="nocolor", config=config)
    start.load_ipython_extension(ip)
    yield ip
    InteractiveShell.clear_instance()


def _traceback(shell: InteractiveShell, source: str, cell_id: str | None = None) -> str:
    with capture_output() as caught:
        result = shell.run_cell(source, cell_id=cell_id)
    assert isinstance(result.error_in_exec, Exception)
    return caught.stdout + caught.stderr


def test_names_made() -> None:
    made = missing_names.names_made
    assert made("import numpy as np, os.path\nfrom a.b import c as d, e") == {"np", "os", "d", "e"}
    assert made("x, (y, *z) = f()\nx.attr = 1\nx[0] = 2\nw: int = 1\nv += 1") == {"x", "y", "z", "w", "v"}
    assert made("def f(a):\n    b = 1\nclass C:\n    d = 1") == {"f", "C"}
    assert made("with open('x') as file:\n    text = 1\nif (n := 2):\n    m = [q for q in n]") == {
        "file", "text", "n", "m",
    }  # fmt: skip
    assert made("%%gpu name\nx = 1") == frozenset() and made("!ls\n%time y = 1\nz = 2") == {"z"}
    assert made("x = (") == frozenset()


def test_the_error_names_cell_and_section(shell: InteractiveShell) -> None:
    text = _traceback(shell, "model + 1", "cell-4")
    assert "NameError" in text and "Traceback" in text
    assert text.rstrip().endswith(
        "`model` is made in cell 4 (section 'The loop'). "
        "Run that cell first: Run ▸ Run All Above Selected Cell."
    )


def test_without_a_cell_id_the_chapter_is_known_from_start(shell: InteractiveShell) -> None:
    assert "`np` is made in cell 2 (section '01 Title')" in _traceback(shell, "np.zeros(3)")


def test_a_name_made_further_down_is_told_so(shell: InteractiveShell) -> None:
    assert "`late` is made in cell 7 (section 'Later'), further down." in _traceback(shell, "late", "cell-4")


def test_a_name_that_no_cell_makes_gets_no_advice(shell: InteractiveShell) -> None:
    text = _traceback(shell, "modle", "cell-4")
    assert "NameError" in text and "is made in" not in text


def test_errors_elsewhere_are_left_alone(shell: InteractiveShell) -> None:
    assert "is made in" not in _traceback(
        shell, "def f():\n    model\n    model = 1\nf()", "cell-4"
    )  # unbound
    inner = "exec(compile('model', 'library.py', 'exec'), {})"
    assert "is made in" not in _traceback(shell, inner, "cell-4")
    assert "is made in" in _traceback(shell, "def f():\n    return model\nf()", "cell-4")
    assert "ZeroDivisionError" in _traceback(shell, "1 / 0", "cell-4")


def test_no_notebook_or_a_damaged_one_leaves_the_plain_error(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notebooks" / "01_small.ipynb"
    for text in ("{", "[]", '{"cells": 3}', '{"cells": [1, {}]}'):
        path.write_text(text)
        assert "NameError: name 'model' is not defined" in _traceback(shell, "model", "cell-4")
    path.unlink()
    assert "is made in" not in _traceback(shell, "model", "cell-4")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inner")

    monkeypatch.setattr(missing_names, "find_notebook", broken)
    text = _traceback(shell, "model", "cell-4")
    assert "NameError: name 'model' is not defined" in text and "RuntimeError('inner')" in text


def test_a_learners_copy_is_found_by_the_servers_note(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_names, "current_chapter", "")
    copy = _book(tmp_path / "elsewhere" / "my copy.ipynb")
    (tmp_path / "notebooks" / "01_small.ipynb").unlink()
    assert missing_names.find_notebook("") is None
    monkeypatch.setenv("JPY_SESSION_NAME", str(copy))
    assert missing_names.find_notebook("cell-4") == copy == missing_names.find_notebook("new-cell")


def test_running_a_middle_cell_first_in_a_real_kernel(tmp_path: Path) -> None:
    path = _book(tmp_path / "01_small.ipynb")
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(book, timeout=60, kernel_name="python3")
    with client.setup_kernel(cwd=str(tmp_path)):
        load = nbformat.v4.new_code_cell("%load_ext lecture_utils.kernel.start")
        book.cells.append(load)
        client.execute_cell(load, len(book.cells) - 1)
        with pytest.raises(CellExecutionError) as failed:
            client.execute_cell(book.cells[4], 4)
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(failed.value))
        assert failed.value.ename == "NameError"
        assert (
            "Cell In[" in text and "Run All Above Selected Cell" not in text
        )  # no cell id, no chapter: plain
        told = nbformat.v4.new_code_cell(
            "from lecture_utils.kernel import missing_names; missing_names.current_chapter = '01'"
        )
        book.cells.append(told)
        client.execute_cell(told, len(book.cells) - 1)
        with pytest.raises(CellExecutionError) as failed:
            client.execute_cell(book.cells[4], 4)
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(failed.value))
        assert "`model` is made in cell 4 (section 'The loop'). Run that cell first" in text
        for index in (3, 6, 4):
            client.execute_cell(book.cells[index], index)
        assert book.cells[4].outputs[0]["data"]["text/plain"] == "4"


def test_vs_code_says_which_file_runs(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_names, "current_chapter", "")
    shell.user_ns["__vsc_ipynb_file__"] = str(_book(tmp_path / "elsewhere" / "mine.ipynb"))
    (tmp_path / "notebooks" / "01_small.ipynb").unlink()
    assert "`model` is made in cell 4" in _traceback(shell, "model", "unknown")
