"""Hold built notebooks to the course's anatomy and hygiene (the rules are in gate_rules.py).

    python tools/gate.py        every chapter
    python tools/gate.py 01     one

Prints a table of figures and a list of defects; exit status 1 on any defect.
"""

import argparse
import ast
import importlib
import importlib.util
import json
import tomllib
from pathlib import Path
from typing import Any

import nbformat
from anatomy import Chapter, figures_of
from gate_rules import bounds_of, defects
from nbformat import NotebookNode
from notebook_source import of_chapter
from terms import glossary

ROOT = Path(__file__).resolve().parent.parent


def read(path: Path) -> tuple[NotebookNode | None, list[str]]:
    """Return a notebook and what is wrong with its file."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        book = nbformat.from_dict(raw)
        ids = [cell.get("id") for cell in raw["cells"]]
        if twice := sorted({i for i in ids if i is not None and ids.count(i) > 1}):
            return None, [f"has cell ids twice: {', '.join(twice)}"]
        nbformat.validate(book)
        return nbformat.read(path, as_version=4), []
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        return None, [f"cannot be read: {error}"]
    except Exception as error:  # nbformat raises its own and jsonschema's
        return None, [f"is no valid notebook: {(str(error) or repr(error)).splitlines()[0]}"]


def chapter(path: Path, root: Path = ROOT) -> Chapter:
    """Gather what the package and docs/course.toml promise for a notebook.

    Of a chapter in two notebooks each owes what the other one does not have.
    """
    notebook = path.stem.partition("_")[0]
    number = notebook.rstrip("ab")
    about = listed(root / "docs" / "course.toml", number)
    code = root / "lecture_utils" / "chapters" / f"ch{number}" / "claims.py"
    claims = {str(c["id"]) for c in about.get("claims", [])}
    claims |= set(claimed(code.read_text(encoding="utf-8")) if code.exists() else [])
    promised = {
        "system": [str(s["id"]) for s in about.get("systems", [])],
        "claim": sorted(claims),
        "exercise": list(hints(number)),
    }
    here, there = tags_of(path), set()
    for other in path.parent.glob("*.ipynb"):
        if other != path and of_chapter(other, number):
            there |= tags_of(other)
    systems, claim_ids, exercise_ids = (
        [name for name in names if f"{kind}:{name}" in here or f"{kind}:{name}" not in there]
        for kind, names in promised.items()
    )
    few = {name: count for name, count in hints(number).items() if name in exercise_ids}
    return Chapter(
        notebook,
        systems,
        claim_ids,
        few,
        path.stat().st_size / 1000,
        {str(what): str(why) for what, why in about.get("exempt", {}).items()},
        glossary(root / "docs" / "glossary.toml"),
    )


def tags_of(path: Path) -> set[str]:
    """Return all tags of a notebook's cells."""
    book, _ = read(path)
    return (
        {tag for cell in book.cells for tag in cell.metadata.get("tags", [])} if book is not None else set()
    )


def listed(course: Path, number: str) -> dict[str, Any]:
    """Return a chapter's entry in docs/course.toml."""
    if not course.exists():
        return {}
    table: dict[str, Any] = tomllib.loads(course.read_text(encoding="utf-8"))
    return next((c for c in table.get("chapter", []) if str(c.get("number")) == number), {})


def claimed(code: str) -> list[str]:
    """Return the ids of the claims that a module defines."""
    return [
        str(node.args[0].value)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "claim"
        if node.args and isinstance(node.args[0], ast.Constant)
    ]


def hints(number: str) -> dict[str, int]:
    """Return how many hints each exercise of a chapter has."""
    name = f"lecture_utils.chapters.ch{number}"
    if importlib.util.find_spec(name) is None or importlib.util.find_spec(f"{name}.exercises") is None:
        return {}
    module = importlib.import_module(f"{name}.exercises")
    lab = module.LAB.steps if hasattr(module, "LAB") else ()
    return {exercise.id: len(exercise.hints) for exercise in (*module.EXERCISES, *lab)}


def table(name: str, about: Chapter, figures: dict[str, float]) -> str:
    """Lay a notebook's figures out beside their bounds."""
    lines = [name]
    for key, value in figures.items():
        low, high = bounds_of(key, about)
        wanted = " to ".join(f"{x:g}" for x in (low, high) if x is not None)
        wanted = (
            wanted
            if low is not None and high is not None
            else f"at {'most' if low is None else 'least'} {wanted}"
        )
        lines.append(f"  {key:<32}{value:>8.4g}   {wanted}")
    lines += [f"  goes without {what!r}: {why}" for what, why in about.exempt.items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Hold built notebooks to the course's anatomy.")
    parser.add_argument("chapters", nargs="*", help="numbers or names, such as 01; all without any")
    options = parser.parse_args(arguments)
    every = sorted((root / "notebooks").glob("*.ipynb"))
    wanted = [Path(c).stem for c in options.chapters]
    chosen = [p for p in every if not wanted or any(w == p.stem or of_chapter(p, w) for w in wanted)]
    missing = [w for w in wanted if not any(w == p.stem or of_chapter(p, w) for p in chosen)]
    for name in missing:
        print(f"No notebook for chapter {name!r}; build it first.")
    if not every:
        print("There is no notebook to check.")
    count = len(missing) + (not every)
    for path in chosen:
        book, found = read(path)
        if book is not None:
            about = chapter(path, root)
            print(table(path.name, about, figures_of(book, about)))
            found = defects(book, about)
        else:
            print(path.name)
        print("\n".join(f"  DEFECT {defect}" for defect in found) or "  no defect")
        count += len(found)
    print(f"{len(chosen)} notebooks, {count} defects.")
    return int(count > 0)


if __name__ == "__main__":
    raise SystemExit(main())
