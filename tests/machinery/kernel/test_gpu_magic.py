"""The %%gpu magic: run, record, replay, and say which."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from lecture_utils import runtime
from lecture_utils.kernel import gpu_magic, start

CELL = """# the reason
y = x + 1
x = 99
print("made", y)
from IPython.display import display
display({"text/plain": "a picture", "image/png": b"png"}, raw=True, metadata={"image/png": {"alt": "a line"}})
y
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython shell with the extension loaded, and recordings in a folder of the test's own."""
    monkeypatch.setattr(runtime, "ASSETS", tmp_path)
    monkeypatch.setattr(runtime, "cuda_available", lambda: False)
    monkeypatch.delenv("COURSE_GPU", raising=False)
    ip = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    start.load_ipython_extension(ip)
    ip.user_ns["x"] = 1
    yield ip
    InteractiveShell.clear_instance()


def _gpu(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Pretend that there is a CUDA device, and compute on the CPU."""
    import torch

    monkeypatch.setattr(runtime, "cuda_available", lambda: True)
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cpu"))
    monkeypatch.setenv("COURSE_GPU", mode)


def _run(shell: InteractiveShell, cell: str = CELL, name: str = "demo") -> tuple[str, list[dict[str, Any]]]:
    """Run a %%gpu cell; returns what it printed and displayed."""
    with capture_output() as caught:
        result = shell.run_cell(f"%%gpu {name}\n{cell}")
    result.raise_error()
    return caught.stdout, [output._repr_mimebundle_()[0] for output in caught.outputs]


def _texts(outputs: list[dict[str, Any]]) -> str:
    return "\n".join(str(output.get("text/plain")) for output in outputs)


def _recorded(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    with monkeypatch.context() as gpu:
        _gpu(gpu, "record")
        _run(shell)
    return tmp_path / "recorded" / "demo.json"


def test_with_a_gpu_the_cell_runs_in_a_copy_of_the_namespace(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for mode in ("auto", "on"):
        _gpu(monkeypatch, mode)
        printed, shown = _run(shell)
        assert printed == "made 2\n" and _texts(shown) == "a picture\n2"
    assert shell.user_ns["x"] == 1 and "y" not in shell.user_ns
    assert not (tmp_path / "recorded").exists()


def test_an_error_in_the_cell_is_the_cells_own(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    _gpu(monkeypatch, "record")
    with capture_output():
        result = shell.run_cell("%%gpu demo\n1 / 0")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert not (gpu_magic.folder() / "demo.json").exists()
    printed, _ = _run(shell, "print(1)")  # the streams are whole again
    assert printed == "1\nRecorded as demo.\n"


def test_record_then_replay_gives_the_same_outputs_under_a_banner(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = json.loads(_recorded(shell, monkeypatch, tmp_path).read_text())
    assert set(entry) == {"outputs", "hardware", "date", "seconds", "source_hash"}
    assert entry["hardware"].startswith("a CPU (")
    for mode in ("auto", "off"):
        monkeypatch.setenv("COURSE_GPU", mode)
        printed, shown = _run(shell)
        assert printed == "made 2\n"
        banner = f"Recorded on {entry['hardware']} on {entry['date']}, not computed now."
        assert _texts(shown) == f"{banner}\na picture\n2"
        assert shown[0]["text/html"].count("not computed now") == 1 and "image/png" in shown[1]
    assert shell.user_ns["x"] == 1


def test_off_replays_even_where_there_is_a_gpu(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _recorded(shell, monkeypatch, tmp_path)
    _gpu(monkeypatch, "off")
    assert "not computed now" in _texts(_run(shell)[1])


def test_a_changed_cell_is_told_and_a_changed_comment_is_not(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _recorded(shell, monkeypatch, tmp_path)
    assert "changed since" in _texts(_run(shell, CELL.replace("x + 1", "x + 2"))[1])
    assert "changed since" not in _texts(_run(shell, CELL.replace("# the reason", "# another"))[1])


def test_nothing_recorded_says_what_is_needed(shell: InteractiveShell) -> None:
    printed, shown = _run(shell)
    assert not printed and len(shown) == 1
    assert "Nothing is recorded yet for demo" in _texts(shown) and "CUDA GPU" in _texts(shown)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"outputs": []}',
        '{"outputs": [{"type": "stream"}], "hardware": "h", "date": "d", "source_hash": "s"}',
        '{"outputs": [{"type": "display", "data": 3}], "hardware": "h", "date": "d", "source_hash": "s"}',
        '{"outputs": [3], "hardware": "h", "date": "d", "source_hash": "s"}',
    ],
)  # fmt: skip
def test_a_damaged_recording_is_told_and_the_notebook_goes_on(shell: InteractiveShell, text: str) -> None:
    path = gpu_magic.folder() / "demo.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    shown = _texts(_run(shell)[1])
    assert "demo.json is damaged" in shown and "not computed now" not in shown
    assert path.read_text() == text


def test_an_unwritable_folder_loses_only_the_recording(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "recorded").write_text("a file where the folder should be")
    _gpu(monkeypatch, "record")
    printed, shown = _run(shell)
    assert "made 2" in printed and "could not be recorded" in printed and _texts(shown) == "a picture\n2"


def test_a_failed_recording_leaves_the_old_one(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = _recorded(shell, monkeypatch, tmp_path)
    before = path.read_text()
    _gpu(monkeypatch, "record")
    with capture_output():
        shell.run_cell("%%gpu demo\nprint('half')\nraise KeyError('x')")
    assert path.read_text() == before


def test_asking_for_a_gpu_that_is_not_there_is_an_error(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_GPU", "on")
    with pytest.raises(RuntimeError, match=r"COURSE_GPU=on.*no CUDA GPU"):
        _run(shell)


def test_without_a_gpu_a_cell_is_recorded_on_the_cpu(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_GPU", "record")
    printed, _ = _run(shell)
    assert printed == "made 2\nRecorded as demo.\n"
    monkeypatch.setenv("COURSE_GPU", "auto")
    assert re.match(
        r"Recorded on a CPU \(.+\) on \d{4}-\d\d-\d\d, not computed now\.", _texts(_run(shell)[1])
    )


def test_banners_are_marked_as_not_computed(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def marks() -> list[object]:
        with capture_output() as caught:
            shell.run_cell(f"%%gpu demo\n{CELL}").raise_error()
        return [output.metadata.get("course") for output in caught.outputs]

    assert marks() == [{"computed": False}]
    _recorded(shell, monkeypatch, tmp_path)
    assert marks() == [{"computed": False}, None, None]


def test_a_cell_with_weights_runs_where_it_may_and_is_replayed_where_not(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(cell: str) -> tuple[str, str]:
        with capture_output() as caught:
            shell.run_cell(f"%%weights real\n{cell}").raise_error()
        return caught.stdout, _texts([output._repr_mimebundle_()[0] for output in caught.outputs])

    lacking = "from lecture_utils.hub import cache\ncache.not_here('The weights')"
    monkeypatch.delenv("COURSE_DOWNLOAD", raising=False)
    assert "not on this machine" in run(lacking)[1]
    monkeypatch.setenv("COURSE_GPU", "record")
    assert "Not recorded as real" in run(lacking)[0] and not (tmp_path / "recorded").exists()
    assert run("print(x)")[0] == "1\nRecorded as real.\n"
    monkeypatch.setenv("COURSE_GPU", "off")
    printed, shown = run("print(x)")
    assert printed == "1\n" and "not computed now" in shown
    monkeypatch.setenv("COURSE_DOWNLOAD", "1")
    assert run("print(x + 1)") == ("2\n", "")


@pytest.mark.parametrize("name", ["", "../up", "A B", "two words", "/abs"])
def test_a_recording_needs_a_plain_name(shell: InteractiveShell, name: str) -> None:
    with pytest.raises(ValueError, match="one name"):
        _run(shell, name=name)


def test_magics_and_functions_work_inside(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    _gpu(monkeypatch, "on")
    _, shown = _run(shell, "def f(n):\n    return n * x if n < 2 else f(n - 1) + z\nz = 5\n%pwd\nf(2);")
    assert "6" in _texts(shown)


def test_widget_views_are_not_recorded(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _gpu(monkeypatch, "record")
    view = '{"application/vnd.jupyter.widget-view+json": {}, "text/plain": "w"}'
    _run(shell, f"from IPython.display import display\ndisplay({view}, raw=True)")
    entry = json.loads((tmp_path / "recorded" / "demo.json").read_text())
    assert entry["outputs"] == [{"type": "display", "data": {"text/plain": "w"}, "metadata": {}}]


def test_record_and_replay_in_a_real_kernel(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    shown = "from IPython.display import HTML, display\nprint('a')\ndisplay(HTML('<b>b</b>'))\nprint('c')\n7"
    cell = f"%%gpu demo\n{shown}"
    setup = (
        "%reload_ext lecture_utils.kernel.start\nimport os, pathlib, torch\n"
        "from lecture_utils import runtime\n"
        f"runtime.ASSETS = pathlib.Path({str(tmp_path)!r})\nruntime.cuda_available = lambda: True\n"
        "runtime.device = lambda: torch.device('cpu')\nos.environ['COURSE_GPU'] = 'record'"
    )
    sources = [setup, cell, "os.environ['COURSE_GPU'] = 'off'", cell]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=120, kernel_name="python3").execute()

    def said(outputs: list[Any]) -> list[str]:
        return [
            o.text if o.output_type == "stream" else o.data.get("text/html", o.data["text/plain"])
            for o in outputs
        ]

    assert said(book.cells[1].outputs) == ["a\n", "<b>b</b>", "c\n", "7", "Recorded as demo.\n"]
    banner, *replayed = said(book.cells[3].outputs)
    assert "not computed now" in banner and replayed == ["a\n", "<b>b</b>", "c\n", "7"]
