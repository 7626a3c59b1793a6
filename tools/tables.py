"""Draw the generated tables: docs/systems.md, claims.md, glossary.md, and the chapters in README.md.

    python tools/tables.py           write them
    python tools/tables.py --check   fail when one is not what its sources give

Sources: docs/course.toml, docs/glossary.toml, the claims ledger, and .course/systems-all.json, in which the
last complete run of the unit tests (`make test ONLY=unit`) noted which tests of which system ran, and how
they ended. No dates, no times: the same sources give the same bytes.
"""

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from terms import Entry, glossary, slug

from lecture_utils.experiments import ledger

ROOT = Path(__file__).resolve().parent.parent
RAN = ROOT / ".course" / "systems-all.json"
BEGIN, END = "<!-- chapters: drawn by tools/tables.py -->", "<!-- /chapters -->"
Ran = dict[str, dict[str, str]]
NOTE = "<!-- Drawn by tools/tables.py (`make tables`); edit its sources, not this page. -->\n\n"


def course() -> list[dict[str, Any]]:
    """Return the chapters of docs/course.toml, each with its systems."""
    return tomllib.loads((ROOT / "docs" / "course.toml").read_text(encoding="utf-8"))["chapter"]


def tests_that_ran(path: Path = RAN) -> Ran | None:
    """Return {system: {test function: outcome}} of the last complete test run, or None without one.

    Of the cases of a function, one failure fails it, and one pass outweighs skips (as of a case on CUDA).
    """
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    rank = ["skipped", "passed", "failed"]
    ran: Ran = {}
    for system, cases in noted.items():
        outcomes = ran.setdefault(system, {})
        for case in cases:
            name = case["test"].partition("[")[0]
            outcomes[name] = max(outcomes.get(name, "skipped"), case["outcome"], key=rank.index)
    return ran


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; a bar in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines)


def exists(chapter: dict[str, Any]) -> bool:
    """Whether a chapter has its notebooks."""
    return bool(files(chapter)) and all((ROOT / "notebooks" / f"{f}.ipynb").exists() for f in files(chapter))


def files(chapter: dict[str, Any]) -> list[str]:
    """Return the names of a chapter's notebooks: one `file`, or `files` where a large chapter has two."""
    return chapter.get("files") or [chapter["file"] for _ in range("file" in chapter)]


def chapters_table(chapters: list[dict[str, Any]]) -> str:
    """Return README's table of chapters."""
    rows = []
    for chapter in chapters:
        there = exists(chapter)
        name, minutes = chapter["title"], "to come"
        if there:
            first, *more = (f"notebooks/{file}.ipynb" for file in files(chapter))
            name = f"[{name}]({first})" + "".join(f", [second half]({file})" for file in more)
            spent = chapter["minutes"]
            minutes = " + ".join(map(str, spent)) if isinstance(spent, list) else str(spent)
        rows.append([chapter["number"], name, minutes, chapter["builds"]])
    return table(["", "Chapter", "Minutes", "You build"], rows)


def readme(chapters: list[dict[str, Any]], text: str) -> str:
    """Return README.md with its table redrawn between the two markers."""
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise SystemExit(f"README.md wants the markers {BEGIN} and {END}, one after the other.")
    return f"{before}{BEGIN}\n\n{chapters_table(chapters)}\n{END}{after}"


def systems_page(chapters: list[dict[str, Any]], ran: Ran) -> str:
    """Return docs/systems.md: the systems of every chapter begun, and how many tests ran and passed."""
    known = {system["id"] for chapter in chapters for system in chapter["systems"]}
    if unknown := sorted(set(ran) - known):
        raise SystemExit(f"Tests name systems that docs/course.toml does not have: {', '.join(unknown)}.")
    page = (
        "# Systems\n\n" + NOTE + "The systems of the chapters so far. The last column counts the tests of a "
        "system that ran and passed\nwhen this page was drawn; it is taken from a test run, not claimed.\n"
    )
    built = 0
    for chapter in chapters:
        if not any("module" in system or system["id"] in ran for system in chapter["systems"]):
            continue
        rows = []
        for system in chapter["systems"]:
            outcomes = list(ran.get(system["id"], {}).values())
            passed, failed = outcomes.count("passed"), outcomes.count("failed")
            built += bool(passed and not failed)
            count = f"{passed} passed" + (f", **{failed} failed**" if failed else "")
            module = f"`{system['module']}`" if "module" in system else "to come"
            rows.append([system["id"], system["name"], module, count if outcomes else "none ran"])
        heading = f"\n## {chapter['number']} {chapter['title']}\n\n"
        page += heading + table(["id", "System", "Module", "Tests"], rows)
    return page + f"\n{built} of {len(known)} systems are built and tested.\n"


def claims_page(records: list[ledger.Record], statements: list[Any]) -> str:
    """Return docs/claims.md: each claim with its effect and verdict, whichever way it went."""
    measured = {record.id: record for record in records}
    page = (
        "# Claims\n\n" + NOTE + "The headline findings of the lecture, measured here. The rule was written "
        "before the run; *not reproduced* is a\nresult like any other. `make claims ID=C01.1` measures one "
        "again, and `assets/claims/` has every figure of every seed.\n\n"
    )
    rows = []
    for item in statements:
        record = measured.get(item.id)
        if record is None:
            rows.append([item.id, item.statement, "not measured yet", "", ""])
            continue
        verdict = ledger.verdict(record)
        shown = verdict if verdict == "holds" else f"*{verdict}*"
        where = f"{record.device}, budget {record.budget}"
        if seal := record.confirmed:
            where += f"; code confirmed {seal['date']} by one seed against {seal['by']}"
        rows.append([record.id, record.statement, shown, ledger.effect_text(record, item.names), where])
    page += table(["id", "Claim", "Verdict", "Effect", "Measured on"], rows)
    for item in statements:
        record = measured.get(item.id)
        rules = "; and ".join(ledger.rule_text(rule, item.names) for rule in item.rules)
        page += f"\n**{item.id}** {item.paper}. It holds when {rules}."
        if record and record.boundary:
            page += f" Boundary: {ledger.boundary_text(record, item.names)}."
        page += f" {record.note}\n" if record and record.note else "\n"
    return page


def glossary_page(entries: list[Entry]) -> str:
    """Return docs/glossary.md in alphabetical order, an anchor at each term."""
    page = "# Glossary\n\n" + NOTE
    rows = [
        [f'<a id="{slug(entry["term"])}"></a>**{entry["term"]}**', entry["meaning"], entry["chapter"]]
        for entry in sorted(entries, key=lambda entry: entry["term"].casefold())
    ]
    return page + table(["Term", "Meaning", "Chapter"], rows)


def pages() -> dict[Path, str]:
    """Return every generated file with its text. Without a test run, docs/systems.md is left out."""
    chapters = course()
    front = ROOT / "README.md"
    drawn = {
        front: readme(chapters, front.read_text(encoding="utf-8")),
        ROOT / "docs" / "claims.md": claims_page(ledger.records(), ledger.statements()),
        ROOT / "docs" / "glossary.md": glossary_page(glossary()),
    }
    if (ran := tests_that_ran()) is not None:
        drawn[ROOT / "docs" / "systems.md"] = systems_page(chapters, ran)
    return drawn


def main(argv: list[str] | None = None) -> int:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description="Draw the generated tables.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a table is out of date"
    )
    check = parser.parse_args(argv).check
    stale = 0
    drawn = pages()
    if ROOT / "docs" / "systems.md" not in drawn:
        print("docs/systems.md: left as it is, no test run to draw it from (`make test ONLY=unit`)")
    for path, text in drawn.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        name = path.relative_to(ROOT).as_posix()
        stale += 1
        if check:
            print(f"{name} is not what its sources give: run `make tables` and commit it.")
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"{name}: redrawn")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
