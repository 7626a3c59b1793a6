"""The prediction questions: read from each chapter's questions.toml, checked, and put in order.

Options are shuffled, the same on every machine. Where a question has one right option, its place is dealt
out: the questions of a chapter go in blocks of as many as there are options, and in each block every place
is the right one once, in an order drawn by chapter and block. So no letter can become a habit, and adding a
question at the end moves no other.
"""

import json
import math
import random
import statistics
import tomllib
from pathlib import Path
from typing import Any

from lecture_utils import runtime
from lecture_utils.provenance.modules import chapter_folders

Question = dict[str, Any]
TYPES = ("multiple_choice", "many_choice", "numeric")
FIELDS = {"id", "question", "type", "answers", "code", "precision", "measured"}
BOUNDS = {"above", "below"}


def questions() -> dict[str, Question]:
    """Return all prediction questions of all chapters by id, with their options in the order that is shown.

    Raises
    ------
    ValueError
        If a file is not as `load` wants it.
    """
    found: dict[str, Question] = {}
    for folder in chapter_folders():
        if (path := folder / "questions.toml").exists():
            found |= load(path)
    return found


def load(path: Path) -> dict[str, Question]:
    """Read one chapter's questions and shuffle their options.

    Raises
    ------
    ValueError
        If the file is no TOML, or a question is not as it should be; the message names file and question.
    """
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8")).get("question")
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"{path}: got no question, want at least one [[question]]")
    found: dict[str, Question] = {}
    for question in listed:
        name = f"{path}, question {question.get('id', '(without id)')}"
        _check(question, name)
        if question["id"] in found:
            raise ValueError(f"{name}: got this id twice, want each once")
        found[question["id"]] = question
    return _shuffled(found)


def _check(question: Question, name: str) -> None:
    def refuse(got: Any, want: str) -> None:
        raise ValueError(f"{name}: got {got!r}, want {want}")

    for key in ("id", "question", "type", "answers"):
        if key not in question:
            refuse(sorted(question), f"the field {key!r} too")
    if unknown := set(question) - FIELDS:
        refuse(sorted(unknown), f"only the fields {sorted(FIELDS)}")
    if not isinstance(question["id"], str) or not _is_id(question["id"]):
        refuse(question["id"], "an id like '01.2'")
    if question["type"] not in TYPES:
        refuse(question["type"], f"one of the types {', '.join(TYPES)}")
    if not isinstance(question["question"], str) or not question["question"].strip():
        refuse(question["question"], "a question")
    answers = question["answers"]
    if not isinstance(answers, list) or len(answers) < 2:
        refuse(answers, "a list of answers")
    if any(not str(answer.get("feedback", "")).strip() for answer in answers):
        refuse(answers, "feedback for each answer: who is wrong is told why")
    right = [answer for answer in answers if answer.get("correct") is True]
    if question["type"] == "numeric":
        if not right or any(not {"value", "range"} & set(answer) for answer in right):
            refuse(answers, "a right answer with a value or a range")
        if sum(answer.get("type") == "default" for answer in answers) != 1:
            refuse(answers, "one answer of type 'default', for all other numbers")
    else:
        texts = [answer.get("answer") for answer in answers]
        if len(answers) < 3 or len(set(texts)) < len(texts) or not all(isinstance(t, str) for t in texts):
            refuse(texts, "at least 3 different options")
        if any(not isinstance(answer.get("correct"), bool) for answer in answers):
            refuse(answers, "correct = true or false for each option")
        if (len(right) == 1) != (question["type"] == "multiple_choice") or not right:
            refuse(f"{len(right)} right options", "1 for multiple_choice, 2 or more for many_choice")
    for tie in question.get("measured", []):
        bounds = BOUNDS & set(tie)
        if "figure" not in tie or len({"claim", "weights"} & set(tie)) != 1 or not bounds:
            refuse(tie, "claim or weights, figure, and above or below (a number, or another figure)")


def _is_id(id: str) -> bool:
    chapter, _, number = id.partition(".")
    return len(chapter) == 2 and chapter.isdigit() and number.isdigit()


def _shuffled(found: dict[str, Question]) -> dict[str, Question]:
    counted: dict[int, int] = {}
    for id in sorted(found, key=lambda id: int(id.partition(".")[2])):
        question = found[id]
        if question["type"] == "numeric":
            continue
        options = sorted(question["answers"], key=lambda option: option["answer"])
        random.Random(f"options of {id}").shuffle(options)
        if question["type"] == "multiple_choice":
            number = counted.setdefault(len(options), 0)
            counted[len(options)] += 1
            right = next(option for option in options if option["correct"])
            options.remove(right)
            options.insert(key_place(id.partition(".")[0], number, len(options) + 1), right)
        question["answers"] = options
    return found


def key_place(chapter: str, number: int, options: int) -> int:
    """Return where the right option of a chapter's question stands.

    Parameters
    ----------
    chapter : str
        Two digits.
    number : int
        How many questions of the chapter with as many options come before.
    options : int
        How many options it has.
    """
    block, place = divmod(number, options)
    places = list(range(options))
    random.Random(f"places of {chapter}, block {block}").shuffle(places)
    # Turned by chapter, so that short last blocks do not favour the same places everywhere.
    return (places[place] + int(chapter)) % options


def ties(question: Question) -> list[tuple[str, float, float, str]]:
    """Return what a question's key rests on, as (figure, what was measured, the bound, "above" or "below").

    Figures of a claim are means over its seeds; a path such as ``iou/DINO`` goes into a figure, ``loss/-1``
    to the last number of a list.
    """
    found = []
    for tie in question.get("measured", []):
        source = tie.get("claim") or tie["weights"]
        for side in sorted(BOUNDS & set(tie)):
            bound = tie[side]
            if isinstance(bound, str):
                bound = _measured(tie, bound)
            found.append((f"{source} {tie['figure']}", _measured(tie, tie["figure"]), float(bound), side))
    return found


def _measured(tie: dict[str, Any], path: str) -> float:
    if "claim" in tie:
        record = json.loads((runtime.ASSETS / "claims" / f"{tie['claim']}.json").read_text(encoding="utf-8"))
        return statistics.fmean(_at(seed, path) for seed in record["figures"])
    card = json.loads((runtime.ASSETS / "weights" / f"{tie['weights']}.json").read_text(encoding="utf-8"))
    return _at(card["metrics"], path)


def _at(figures: Any, path: str) -> float:
    for part in path.split("/"):
        figures = figures[int(part)] if isinstance(figures, list) else figures[part]
    if not math.isfinite(figures):
        raise ValueError(f"{path}: got {figures}, want a finite number")
    return float(figures)
