"""The gate: a good notebook passes, and each rule finds what it is for."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anatomy
import gate
import gate_rules
import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

HEADINGS = [
    "What you will do", "The result first", "Put it together", "Train", "Evaluate, failures included",
    "Claims", "Paper and toy", "Break it", "With real weights", "Summary in five sentences", "References",
    "What comes next",
]  # fmt: skip
NAMES = [name for name in gate_rules.SECTIONS if name != "failures"]
ALT = {"image/png": {"alt": "A line that goes up."}}
TERMS = [
    {"term": "softmax", "meaning": "…", "chapter": "42", "aliases": ["soft argmax"]},
    {"term": "IoU", "meaning": "…", "chapter": "43"},
]
ABOUT = anatomy.Chapter(
    "42", ["S42.1"], ["C42.1"], {f"42.{i}": 2 for i in range(1, 5)}, 300.0, glossary=TERMS
)


OPTIONAL = "The weights of that network are not on this machine."


def _stream(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def _page(html: str) -> NotebookNode:
    return new_output("display_data", {"text/html": html})


def _figure(extra: dict[str, str] | None = None) -> NotebookNode:
    return new_output(
        "display_data", {"image/png": "aGVsbG8=", "text/plain": "f", **(extra or {})}, metadata=ALT
    )


def _good() -> NotebookNode:
    """Return a notebook without defect."""
    cells = [new_markdown_cell("# 42 · All\n\n![A promise in a picture](../assets/images/x.png)")]
    cells.append(new_code_cell("from lecture_utils.kernel.start import start\n\nstart('42')"))
    sections = [
        new_markdown_cell(f"## {heading}\n\n" + "\n\n".join(["word " * 55] * 4)) for heading in HEADINGS
    ]
    cells += sections[:-3]
    for number in range(1, 13):
        widget = {"text/html": '<figure data-course-widget><img alt="one frame" src=""></figure>'}
        cells.append(new_code_cell(f"draw({number})", outputs=[_figure(widget if number < 3 else None)]))
    for number in range(1, 5):
        stub = f"def f(x):\n    ...\n\n\nf = check('42.{number}', f)"
        cells.append(new_code_cell(stub, metadata={"tags": [f"exercise:42.{number}"]}))
        cells.append(
            new_markdown_cell("<details>\n<summary>Solution</summary>\n\n```python\nx\n```\n</details>")
        )
    cells.append(new_code_cell("a", metadata={"tags": ["system:S42.1"]}))
    cells.append(new_code_cell("b", metadata={"tags": ["claim:C42.1"]}))
    cells.append(new_code_cell("c", metadata={"tags": ["nbval-ignore-output", "why:measures-time"]}))
    folded = {"tags": ["answer"], "collapsed": True, "jupyter": {"outputs_hidden": True}}
    for number in (1, 2):
        cells.append(new_code_cell(f'predict("42.{number}")', outputs=[_page(f"<b>Predict 42.{number}</b>")]))
        cells.append(new_code_cell(f"answer = {number}", metadata=dict(folded)))
    cells.append(new_markdown_cell("A **softmax** makes shares."))
    cells.append(new_code_cell("w = 1", outputs=[_stream(OPTIONAL)]))
    cells += [new_code_cell(f"n = {number}") for number in range(14)]
    cells += sections[-3:]
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
    return new_notebook(cells=cells)


def _first(book: NotebookNode, text: str) -> NotebookNode:
    return next(cell for cell in book.cells if text in cell.source)


def _set(text: str, source: str) -> Callable[[NotebookNode], None]:
    return lambda book: _first(book, text).update(source=source)


def _replace(old: str, new: str) -> Callable[[NotebookNode], None]:
    def change(book: NotebookNode) -> None:
        cell = _first(book, old)
        cell.source = cell.source.replace(old, new)

    return change


def _say(output: NotebookNode) -> Callable[[NotebookNode], None]:
    return lambda book: _first(book, "n = 3").outputs.append(output)


def _drop(text: str) -> Callable[[NotebookNode], None]:
    return lambda book: book.cells.remove(_first(book, text))


def _out_of_order(book: NotebookNode) -> None:
    _first(book, "n = 3").execution_count = 99


def _widgets(book: NotebookNode) -> None:
    book.metadata["widgets"] = {"state": {}}


def _no_alt(book: NotebookNode) -> None:
    _first(book, "draw(4)").outputs[0].metadata = {}


def _no_pictures(book: NotebookNode) -> None:
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = []


def _late_picture(book: NotebookNode) -> None:
    _replace("![A promise in a picture]", "[")(book)


def _solution_gone(book: NotebookNode) -> None:
    book.cells.remove(next(c for c in book.cells if c.source.startswith("<details>")))


def _on_markdown(book: NotebookNode) -> None:
    book.cells[0].metadata.tags = ["exercise:42.1"]


def _many(book: NotebookNode) -> None:
    book.cells += [new_markdown_cell("x") for _ in range(60)]


def _long(book: NotebookNode) -> None:
    for cell in book.cells:
        if cell.source.startswith(("n =", "draw")):
            cell.source = "\n".join(["n = 1"] * 31)


def _move_to_end(book: NotebookNode, text: str) -> None:
    cell = _first(book, text)
    book.cells.remove(cell)
    book.cells.append(cell)


VIEW = "application/vnd.jupyter.widget-view+json"
CHECK = "\n\n\nf = check('42.1'"
BREAKS: list[tuple[Callable[[NotebookNode], None], str]] = [
    (_many, "cells: "),
    (lambda book: book.cells.__delitem__(slice(40, None)), "cells: "),
    (_long, "median lines of a code cell"),
    (_long, "lines of the longest code cell"),
    (_replace("n = 7", "a, b, c = 1, 2, 3"), "packed assignments: 1"),
    (_replace("n = 7", "if x:\n    (a, b), c, [d] = y, 2, 3"), "packed assignments: 1"),
    (_replace("## Train", "## Train\n\n" + "word " * 91), "words of the longest paragraph: 91"),
    (_replace("## Train", "## Train\n\n* " + "word " * 91), "words of the longest paragraph: 91"),
    (lambda book: _first(book, "n = 3").outputs.append(_stream(OPTIONAL)), "without others' weights: 2"),
    (_say(_page("<div>Nothing is recorded yet for it.</div>")), "has nothing recorded to show"),
    (_replace('predict("42.1")', 'x = 1\npredict("42.1")'), 'predict("42.1") is not alone'),
    (_replace('predict("42.1")', 'predict("42.9")'), "comes after 42.9: ids must ascend"),
    (lambda book: _first(book, "answer = 1").metadata.pop("jupyter"), "next code cell is in sight"),
    (lambda book: _first(book, 'predict("42.2")').update(outputs=[]), "does not show its number"),
    (lambda book: _move_to_end(book, 'predict("42.2")'), "has no code cell after it"),
    (_replace("A **softmax** makes", "A softmax makes"), "term 'softmax': used, but nowhere in bold"),
    (_replace("## Train", "## Train\nThe soft argmax comes."), "term 'softmax': used in cell 5, defined"),
    (_replace("## Train", "## Train\nThe IoU is high."), "term 'IoU': used here, defined in chapter 43"),
    (lambda book: _first(book, "draw(4)").outputs[0].metadata["image/png"].update(alt="Its IoU, drawn."),
     "term 'IoU': used here"),
    (_set("Train", "## Train"), "words: "),
    (_replace("## Train", "## Train\n" + ("word " * 80 + "\n\n") * 40), "words: "),
    (_no_pictures, "figures: "),
    (_late_picture, "first figure"),
    (_no_pictures, "widgets: "),
    (_drop("check('42."), "exercises: 3"),
    (_set("# 42 · All", "no title"), "title: "),
    *[(_replace(f"## {h}", "## Other"), f"section {n!r}") for h, n in zip(HEADINGS, NAMES, strict=True)],
    (_replace("Evaluate, failures included", "Evaluate"), "section 'failures'"),
    (_replace("\nstart(", "x = 1\n" * 11 + "\nstart("), "setup: 13 lines"),
    (_replace("\nstart(", "\nrun("), "setup: no cell"),
    (_out_of_order, "execution counts"),
    (_say(new_output("error", ename="ValueError", evalue="", traceback=[])), "saved error: ValueError"),
    (_say(_stream("a warning", "stderr")), "saved warnings"),
    (_widgets, "widget state"),
    (_say(new_output("display_data", {VIEW: {}})), VIEW),
    (_no_alt, "figure without alternative text"),
    (_say(_page("<img src='x'>")), "<img> without alternative text"),
    (_say(_page('<img src="x" alt="">')), "<img> without alternative text"),
    (_replace("## Train", "## Train\n![](x.png)"), "picture without alternative text"),
    (_replace("## Train", '## Train\n<img src="x">'), "<img> without alternative text"),
    (_on_markdown, "not on a code cell"),
    (_replace("check('42.1', f)", "f"), 'does not call check("42.1"'),
    (_replace(f"    ...{CHECK}", f"    return x{CHECK}"), "no function to fill in"),
    (_solution_gone, "no collapsed solution"),
    (_drop("check('42.1"), "exercise 42.1 is in the package but in no cell"),
    (lambda book: _untag(book, "system:S42.1"), "system S42.1 has no cell"),
    (lambda book: _untag(book, "claim:C42.1"), "claim C42.1 has no cell"),
    (lambda book: _first(book, "n = 5").metadata.update(tags=["claim:C41.9"]), "tag claim:C41.9 names none"),
    (lambda book: _untag(book, "why:measures-time"), "without a tag why:"),
    (lambda book: _untag(book, "nbval-ignore-output"), "but its output is compared"),
    (_replace("n = 7", "# Not compared: time passes\nn = 7"), "tells its reader what is not compared"),
    (_replace("n = 7", "n = 7;"), "ends a line with ';'"),
    (_replace("n = 7", "plt.show()"), "plt.show()"),
    (_replace("n = 7", "open('/home/ann/x')"), "path of one machine: '/home/ann'"),
    (_replace("n = 7", "open(r'C:\\Users\\ann')"), "path of one machine"),
    (_say(_stream("saved in /tmp/x1")), "prints a path of one machine: '/tmp/x1'"),
    (_say(_page("<p>/Users/ann/x</p>")), "prints a path of one machine"),
    (_replace("n = 7", "# show: a.b"), "directive that was not filled in"),
    (_replace("## Train", "## Train\nYou simply train."), "says 'simply'"),
    (_replace("## Train", "## Train\nObviously so."), "says 'Obviously'"),
]  # fmt: skip


def _untag(book: NotebookNode, tag: str) -> None:
    for cell in book.cells:
        if tag in cell.metadata.get("tags", []):
            cell.metadata.tags.remove(tag)


def test_a_good_notebook_has_no_defect() -> None:
    assert gate_rules.defects(_good(), ABOUT) == []


@pytest.mark.parametrize(
    ("change", "said"), BREAKS, ids=[f"{i}-{said[:24]}" for i, (_, said) in enumerate(BREAKS)]
)
def test_each_rule_finds_what_it_is_for(change: Callable[[NotebookNode], None], said: str) -> None:
    book = copy.deepcopy(_good())
    change(book)
    found = gate_rules.defects(book, ABOUT)
    assert any(said in defect for defect in found), found


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("kilobytes", 801.0, "kB without widgets' frames: 801"),
        ("hints", {f"42.{i}": 1 for i in range(1, 5)}, "1 hints in the package"),
        ("systems", ["S42.1", "S42.2"], "system S42.2 has no cell"),
    ],
)
def test_what_the_package_promises_is_held_too(field: str, value: Any, said: str) -> None:
    about = copy.deepcopy(ABOUT)
    setattr(about, field, value)
    assert any(said in defect for defect in gate_rules.defects(_good(), about))


@pytest.mark.parametrize(
    "change",
    [
        _replace("n = 7", 'css = """a;\nb;\n"""'),
        _replace("n = 7", "n = 7  # so;"),
        _replace("n = 7", "url = 'https://example.org/home/x'"),
        _replace("n = 7", "path = '../assets/images/x.png'"),
        _replace("## Train", "## Train\n```python\nx  # simply\n```\n`simply`"),
        _say(_page("<img alt='a cat on a mat' src='data:image/png;base64,aa/tmp/bb/home/cc'>")),
        _say(_stream("fine, 1/home")),
    ],
)
def test_rules_leave_alone_what_is_right(change: Callable[[NotebookNode], None]) -> None:
    book = _good()
    change(book)
    assert gate_rules.defects(book, ABOUT) == []


def test_a_section_may_be_named_by_a_tag() -> None:
    book = _good()
    _replace("## Train", "## The long way up")(book)
    _first(book, "n = 7").metadata.tags = ["section:train"]
    assert gate_rules.defects(book, ABOUT) == []


def test_what_a_chapter_is_exempt_from_is_not_asked_for() -> None:
    book = _good()
    _replace("## Train", "## Other\nThe IoU is high." + "word " * 91)(book)
    about = copy.deepcopy(ABOUT)
    about.exempt = {"train": "why", "term IoU": "why", "words of the longest paragraph": "why"}
    assert gate_rules.defects(book, about) == []


def test_exemptions_name_what_there_is_and_say_why() -> None:
    terms = {f"term {entry['term']}" for entry in gate.glossary()}
    for number in range(21):
        exempt = gate.listed(gate.ROOT / "docs" / "course.toml", f"{number:02}").get("exempt", {})
        assert set(exempt) <= {*gate_rules.SECTIONS, *gate_rules.BOUNDS, *terms}
        assert all(len(reason.split()) >= 4 for reason in exempt.values())


def test_bounds_grow_with_the_number_of_systems() -> None:
    about = copy.deepcopy(ABOUT)
    assert (
        gate_rules.bounds_of("cells", about) == (50, 58) and gate_rules.bounds_of("words", about)[1] == 3500
    )
    about.systems = [f"S42.{i}" for i in range(9)]
    assert (
        gate_rules.bounds_of("cells", about) == (50, 122) and gate_rules.bounds_of("words", about)[1] == 7500
    )
    assert gate_rules.bounds_of("widgets", about) == (2, 4)


def test_frames_under_a_slider_do_not_count_as_kilobytes() -> None:
    book, frame = _good(), "base64," + "A" * 400_000
    page = f'<figure data-course-widget><img alt="one frame" src="data:image/png;{frame}"></figure>'
    _first(book, "draw(1)").outputs[0].data["text/html"] = page
    about = copy.deepcopy(ABOUT)
    about.kilobytes = 1100
    assert gate_rules.defects(book, about) == []


def test_an_exercise_between_question_and_answer_is_passed_over() -> None:
    book = _good()
    stub = _first(book, "check('42.1'")
    solution = book.cells[book.cells.index(stub) + 1]
    book.cells.remove(stub)
    book.cells.remove(solution)
    at = book.cells.index(_first(book, 'predict("42.1")')) + 1
    book.cells[at:at] = [stub, solution]
    for count, cell in enumerate((c for c in book.cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
    assert gate_rules.defects(book, ABOUT) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("", "cannot be read"),
        ('{"cells": 3}', "no valid notebook"),
        ("\x00", "cannot be read"),
    ],
)
def test_a_damaged_file_is_a_defect(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "01_x.ipynb"
    path.write_text(text)
    book, found = gate.read(path)
    assert book is None and said in found[0]


def test_repeated_ids_are_invalid(tmp_path: Path) -> None:
    book = _good()
    book.cells[1].id = book.cells[2].id
    path = tmp_path / "01_x.ipynb"
    path.write_text(json.dumps(book))
    assert "twice" in gate.read(path)[1][0]


def test_the_course_list_and_the_claims_are_read() -> None:
    about = gate.listed(gate.ROOT / "docs" / "course.toml", "01")
    assert [system["id"] for system in about["systems"]] == [f"S01.{i}" for i in range(1, 6)]
    assert gate.claimed('@claim("C01.1", statement="x")\ndef f(): ...\nother("C01.2")\n') == ["C01.1"]
    assert gate.hints("99") == {}
    assert all(count >= 2 for count in gate.hints("01").values()) and gate.hints("01")


def test_of_two_notebooks_each_owes_what_the_other_one_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    listed = ", ".join(f'{{ id = "{name}" }}' for name in ("S42.1", "S42.2", "S42.3"))
    (tmp_path / "docs" / "course.toml").write_text(
        f'[[chapter]]\nnumber = "42"\nfiles = ["42a_one", "42b_two"]\nsystems = [{listed}]\n'
        '[chapter.exempt]\n"train" = "nothing here is trained at all"\n'
    )
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name, system in (("42a_one", "S42.1"), ("42b_two", "S42.2")):
        book = _good()
        _first(book, "n = 5").metadata.tags = [f"system:{system}"]
        _untag(book, "claim:C42.1")
        if system != "S42.1":
            _untag(book, "system:S42.1")
        nbformat.write(book, folder / f"{name}.ipynb")
    assert gate.chapter(folder / "42a_one.ipynb", tmp_path).systems == ["S42.1", "S42.3"]
    assert gate.chapter(folder / "42b_two.ipynb", tmp_path).systems == ["S42.2", "S42.3"]
    assert gate.main(["42"], tmp_path) == 1
    printed = capsys.readouterr().out
    assert "2 notebooks" in printed and "goes without 'train': nothing here is trained" in printed
    assert printed.count("system S42.3 has no cell") == 2 and "system S42.1 has no cell" not in printed
    gate.main(["42b"], tmp_path)
    assert "1 notebooks" in capsys.readouterr().out


def test_the_command_prints_table_and_defects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    assert gate.main([], tmp_path) == 1  # nothing to check is not a pass
    nbformat.write(_good(), folder / "42_all.ipynb")
    assert gate.main(["42"], tmp_path) == 1
    printed = capsys.readouterr().out
    assert "figures                               13   at least 12" in printed
    assert "DEFECT tag system:S42.1 names none" in printed and "defects." in printed
    assert gate.main(["41"], tmp_path) == 1
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "course.toml").write_text(
        '[[chapter]]\nnumber = "42"\nsystems = [{ id = "S42.1" }]\n'
    )
    book = _good()
    _untag(book, "claim:C42.1")
    for number in range(1, 5):
        _untag(book, f"exercise:42.{number}")
    nbformat.write(book, folder / "42_all.ipynb")
    capsys.readouterr()
    gate.main([], tmp_path)
    assert [x for x in capsys.readouterr().out.splitlines() if "DEFECT" in x] == [
        "  DEFECT exercises: 0, wanted at least 4"
    ]
