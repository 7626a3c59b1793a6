"""Building notebooks: directives, ids, execution, byte-stable rebuild, drift, failures."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import notebook_source
import pytest

Mini = Any  # the class in conftest.py


def _cells(path: Path) -> list[nbformat.NotebookNode]:
    return list(nbformat.read(path, as_version=4).cells)


def _outputs(path: Path, first_line: str) -> str:
    found = [c for c in _cells(path) if c.cell_type == "code" and first_line in c.source]
    assert len(found) == 1
    return json.dumps(found[0].outputs, ensure_ascii=False)


def test_show_and_solution_are_filled_in(built: Mini) -> None:
    texts = [cell.source for cell in _cells(built.built)]
    shown = next(text for text in texts if text.startswith("# from lecture_utils.runtime"))
    assert shown.count("# from lecture_utils.runtime\n") == 1  # once for two neighbours of one module
    assert "def is_static() -> bool:" in shown and "\n\n\ndef downloads_allowed() -> bool:" in shown
    assert "\n\n\n# from lecture_utils.provenance.files\ndef write_atomically(" in shown
    solution = next(text for text in texts if text.startswith("<details>"))
    assert "```python\n# from lecture_utils.runtime\ndef is_static" in solution
    assert not [text for text in texts if re.search(r"^(# )?(show|solution):", text, re.MULTILINE)]


def test_cells_have_valid_stable_ids_tags_and_slides(mini: Mini) -> None:
    mini.edit("# Words.", "# Words.\n\n# %%\nn = 1\n\n# %%\nn = 1")
    cells = notebook_source.assemble(mini.source).cells
    ids = [cell.id for cell in cells]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", i) for i in ids)
    assert ids[2] == f"{ids[1]}-2"
    assert cells[0].metadata == {"tags": ["slide"], "slideshow": {"slide_type": "slide"}}
    mini.edit("# Words.", "# Other words.")
    after = [cell.id for cell in notebook_source.assemble(mini.source).cells]
    assert after[1:] == ids[1:] and after[0] != ids[0]


def test_the_run_is_in_order_clean_and_measured(built: Mini) -> None:
    book = nbformat.read(built.built, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert book.metadata == notebook_source.METADATA and "version" not in book.metadata.language_info
    assert all(set(cell.metadata) <= {"tags", "slideshow"} for cell in book.cells)
    assert "Chapter 90 on cpu, budget quick, seed 0." in _outputs(built.built, "import socket")
    assert json.loads(_outputs(built.built, 'print("out")'))[0]["text"] == "out\nmore 2\n"
    assert "Nothing is recorded yet" in _outputs(built.built, "%%gpu mini")
    assert "alt" in _outputs(built.built, "plt.subplots")
    stats = json.loads((built.root / ".course" / "build" / "90_mini.json").read_text())
    assert stats["peak_memory_mb"] > 50 and 0 < stats["first_picture_seconds"] <= stats["wall_seconds"]
    assert stats["cpu_seconds"] > 0 and len(stats["cells"]) == len(code)


def test_the_kernel_is_cut_off_from_the_network_but_not_from_itself(built: Mini) -> None:
    said = _outputs(built.built, "socket.create_connection")
    assert "runs offline here" in said and "example.org" in said and "this machine: 127.0.0.1" in said


def test_a_second_build_gives_the_same_bytes(built: Mini, capsys: pytest.CaptureFixture[str]) -> None:
    before, changed = built.built.read_bytes(), built.built.stat().st_mtime_ns
    assert built.build("90") == 0
    assert built.built.read_bytes() == before and built.built.stat().st_mtime_ns == changed
    printed = capsys.readouterr().out
    assert "slowest cells" in printed and "first picture after" in printed and "peak" in printed
    copy = built.root / "again.ipynb"
    built.built.rename(copy)
    assert built.build("90_mini") == 0

    def comparable(path: Path) -> str:
        return re.sub(r'"\d+\.\d+"', '"T"', path.read_text())  # the clock's cell

    assert comparable(built.built) == comparable(copy)


def test_check_sees_any_drift_and_nothing_else(
    built: Mini, mini: Mini, capsys: pytest.CaptureFixture[str]
) -> None:
    mini.built.write_bytes(built.built.read_bytes())
    assert mini.build("--check") == 0
    text = mini.built.read_text()
    mini.built.write_text(text.replace("Words.", "Edited by hand."))
    capsys.readouterr()
    assert mini.build("--check") == 1
    printed = capsys.readouterr().out
    assert "-Edited by hand." in printed and "+Words." in printed
    mini.built.write_text(text.replace('"language": "python"', '"language": "julia"'))
    assert mini.build("--check") == 1
    mini.built.write_text(text.replace('"show",', '"shown",'))
    assert mini.build("--check") == 1
    mini.built.write_text(text.replace("more 2", "more 3"))  # an output is nbval's business
    assert mini.build("--check") == 0
    mini.built.write_text("{")
    assert mini.build("--check") == 1
    mini.built.unlink()
    assert mini.build("--check") == 1
    assert "has not been built" in capsys.readouterr().out


def test_a_chapter_may_be_two_notebooks(mini: Mini, capsys: pytest.CaptureFixture[str]) -> None:
    text = mini.source.read_text()
    mini.source.unlink()
    for name in ("90a_mini", "90b_mini"):
        (mini.source.parent / f"{name}.py").write_text(text)
    assert mini.build("90", "--no-execute") == 0 and mini.build("--check") == 0
    built = sorted(path.name for path in mini.notebooks.glob("*.ipynb"))
    assert built == ["90a_mini.ipynb", "90b_mini.ipynb"]
    for path in mini.notebooks.glob("*.ipynb"):
        path.unlink()
    assert mini.build("90a", "--no-execute") == 0
    assert [path.name for path in mini.notebooks.glob("*.ipynb")] == ["90a_mini.ipynb"]
    assert mini.build("--check", "90a") == 0
    assert mini.build("--check", "90") == 1 and "90b_mini.ipynb has not been built" in capsys.readouterr().out
    assert mini.build("9") == 2


def test_the_answer_to_a_question_is_folded(mini: Mini) -> None:
    mini.write(
        """
        # %%
        predict("90.1")

        # %% tags=["exercise:90.1"]
        def mine(): ...

        # %% [markdown]
        # Words.

        # %% tags=["slide"]
        print("the answer")

        # %%
        print("no answer")
        """
    )
    cells = [cell for cell in notebook_source.assemble(mini.source).cells if cell.cell_type == "code"]
    assert [bool(cell.metadata.get("jupyter")) for cell in cells] == [False, False, True, False]
    assert cells[2].metadata == {
        "tags": ["slide", "answer"],
        "slideshow": {"slide_type": "slide"},
        "collapsed": True,
        "jupyter": {"outputs_hidden": True},
    }


def test_terms_are_linked_once_in_prose_alone(mini: Mini, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        {"term": "IoU", "meaning": "…", "chapter": "90", "aliases": ["intersection over union"]},
        {"term": "layer norm", "meaning": "…", "chapter": "90"},
        {"term": "norm", "meaning": "…", "chapter": "90"},
    ]
    monkeypatch.setattr(notebook_source.terms, "glossary", lambda: entries)
    mini.write(
        """
        # %% [markdown]
        # # The IoU
        # `IoU`, $IoU$, [IoU](x), <b title="IoU">, IoUx, iou and **layer norms**: a norm.
        #
        # Intersection over
        # union, and IoU.
        """
    )
    (cell,) = notebook_source.assemble(mini.source).cells
    assert cell.source == (
        "# The IoU\n"
        '`IoU`, $IoU$, [IoU](x), <b title="IoU">, IoUx, iou and '
        "**[layer norms](../docs/glossary.md#layer-norm)**: a [norm](../docs/glossary.md#norm).\n\n"
        "[Intersection over\nunion](../docs/glossary.md#iou), and IoU."
    )


def test_a_shown_method_takes_effect_when_its_cell_runs(mini: Mini) -> None:
    """As a learner would: run the cell as it is, then with the shortcut deleted."""
    import torch

    from lecture_utils import zoo
    from lecture_utils.backbones.resnet import BasicBlock
    from lecture_utils.data import toyworld

    mini.write("# %%\n# show: lecture_utils.backbones.resnet.BasicBlock.forward\n")
    (cell,) = notebook_source.assemble(mini.source).cells
    assert cell.source.startswith("# from lecture_utils.backbones.resnet, class BasicBlock\n")
    assert cell.source.count("self.shortcut(x)") == 1
    images, labels = toyworld.classification(64, size=32, split="test")
    network, original = zoo.load("shapes_resnet"), BasicBlock.forward

    def logits(source: str) -> torch.Tensor:
        exec(source, {"__name__": "__main__", "Tensor": torch.Tensor, "F": "something else of the notebook"})
        with torch.inference_mode():
            return network(images)

    try:
        with torch.inference_mode():
            before = network(images)
        assert torch.equal(logits(cell.source), before) and BasicBlock.forward is not original
        deleted = re.sub(r"\n +y = y \+ self.shortcut\(x\).*", "\n        pass", cell.source)
        after = logits(deleted)
        assert (after.argmax(1) == labels).float().mean() < 0.5 < (before.argmax(1) == labels).float().mean()
        assert torch.equal(logits(cell.source), before)
    finally:
        BasicBlock.forward = original  # type: ignore[method-assign]


def test_methods_of_one_class_are_imported_once(mini: Mini) -> None:
    mini.write(
        """
        # %%
        # show: lecture_utils.backbones.vit.ViT.tokens

        # %%
        # show: lecture_utils.backbones.vit.ViT.forward
        """
    )
    first, second = (cell.source for cell in notebook_source.assemble(mini.source).cells)
    assert (
        "import ViT\n" in first and "import method_of\n" in first and "@method_of(ViT)\ndef tokens" in first
    )
    assert "import" not in second and "@method_of(ViT)\ndef forward" in second


def test_check_sees_a_notebook_without_source(mini: Mini, capsys: pytest.CaptureFixture[str]) -> None:
    assert mini.build("--no-execute") == 0
    (mini.notebooks / "91_stray.ipynb").write_bytes(mini.built.read_bytes())
    assert mini.build("--check") == 1 and "91_stray.ipynb has no source" in capsys.readouterr().out
    assert mini.build("--check", "90") == 0


def test_shown_code_that_changes_is_drift(
    built: Mini, mini: Mini, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mini.built.write_bytes(built.built.read_bytes())
    monkeypatch.setattr(
        notebook_source.package, "shown", lambda path: f"# from m\ndef changed(): return '{path}'"
    )
    assert mini.build("--check") == 1 and "+def changed()" in capsys.readouterr().out


def test_without_a_run_old_outputs_stay_only_if_no_code_has_changed(built: Mini, mini: Mini) -> None:
    mini.built.write_bytes(built.built.read_bytes())
    mini.edit("# Words.", "# Better words.")
    assert mini.build("--no-execute") == 0
    assert "Better words." in mini.built.read_text() and "more 2" in _outputs(mini.built, 'print("out")')
    mini.edit("1 + 1", "1 + 2")
    assert mini.build("--no-execute") == 0
    assert all(
        not c.outputs and c.execution_count is None for c in _cells(mini.built) if c.cell_type == "code"
    )


def test_a_failing_cell_is_shown_and_the_old_notebook_stays(
    mini: Mini, capsys: pytest.CaptureFixture[str]
) -> None:
    mini.built.write_text("the old notebook")
    mini.edit('print("out")', 'print("out")\nnumber = {}["no key"]')
    assert mini.build() == 1
    said = capsys.readouterr().err
    for part in (
        "90_mini was not built",
        "section 'Show'",
        '    number = {}["no key"]',
        "KeyError: 'no key'",
    ):
        assert part in said
    assert "\x1b" not in said and "----> " in said
    assert mini.built.read_text() == "the old notebook"
    partial = mini.root / ".course" / "failed" / "90_mini.ipynb"
    assert "KeyError" in _outputs(partial, "no key") and "alt" in _outputs(partial, "plt.subplots")


@pytest.mark.parametrize(
    ("code", "said"),
    [("import time\ntime.sleep(60)", "took more than 3 s"), ("import os\nos._exit(1)", "killed its kernel")],
)
def test_a_cell_that_hangs_or_kills_the_kernel_is_named(
    mini: Mini, capsys: pytest.CaptureFixture[str], code: str, said: str
) -> None:
    mini.write(f"# %% [markdown]\n# # 90\n\n# %%\n{code}\n")
    assert mini.build("--timeout", "3") == 1
    error = capsys.readouterr().err
    assert said in error and code.splitlines()[1] in error and not mini.built.exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "runtime.downloads_allowed",
            "runtime.download_allowed",
            "mean lecture_utils.runtime.downloads_allowed",
        ),
        (
            "# solution: lecture_utils.runtime.is_static",
            "# solution: lecture_utils.runtime",
            "wanted a function",
        ),
        ("# show: lecture_utils.provenance.files.write_atomically", "# show:", "names nothing"),
    ],
)
def test_a_directive_that_names_nothing_is_an_error_with_advice(
    mini: Mini, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    mini.edit(old, new)
    for arguments in ((), ("--check",)):
        assert mini.build(*arguments) == 1
        error = capsys.readouterr().err
        assert said in error and "90_mini.py, cell " in error


def test_an_unknown_chapter_lists_what_there_is(mini: Mini, capsys: pytest.CaptureFixture[str]) -> None:
    assert mini.build("17") == 2 and "there is: 90_mini" in capsys.readouterr().err
