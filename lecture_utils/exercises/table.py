"""Which exercises are done, tried and next: one table a chapter's exercises, one for each lab."""

from lecture_utils.exercises import checker
from lecture_utils.exercises.exercise import Exercise
from lecture_utils.exercises.progress import Entry, entries
from lecture_utils.kernel.panel import Panel

COLUMNS = ["Exercise", "Title", "Difficulty", "Minutes", "State", "Attempts"]


def progress(chapter: str | None = None) -> Panel:
    """Return which exercises are done, tried and next: tables in a notebook, text elsewhere.

    Difficulty is 1 (a line or two) to 3 (several things at a time). A lab stands under its own heading.

    Parameters
    ----------
    chapter : str, optional
        Two digits, such as "03". Without, all chapters.

    Raises
    ------
    ValueError
        If no chapter with exercises has that number.
    """
    known = entries()
    everything, labs = checker.exercises(), checker.labs()
    if chapter is not None:
        chapters = sorted({exercise.id.partition(".")[0] for exercise in everything})
        if chapter not in chapters:
            raise ValueError(f"progress: got chapter {chapter!r}, want one of {chapters}")
        everything = [exercise for exercise in everything if exercise.id.startswith(f"{chapter}.")]
        labs = [lab for lab in labs if lab.id.startswith(f"{chapter}.")]
    open_ones = [exercise for exercise in everything if not known.get(exercise.id, {}).get("done")]
    following = open_ones[0] if open_ones else None
    count = len(everything) - len(open_ones)
    finished = bool(everything) and not open_ones
    panel = Panel("good" if finished else "open", f"{count} of {len(everything)} exercises done")
    steps = {step.id for lab in labs for step in lab.steps}
    short = [exercise for exercise in everything if exercise.id not in steps]
    if short:
        panel.table(COLUMNS, [_row(e, known, e is following) for e in short], numeric=[2, 3, 5])
    for lab in labs:
        panel.stress(f"Lab {lab.id}:", f"{lab.title}, about {lab.minutes} min in {len(lab.steps)} steps")
        panel.table(COLUMNS, [_row(e, known, e is following) for e in lab.steps], numeric=[2, 3, 5])
    if following is None:
        return panel.say("All done." if finished else "There are none yet.")
    left = sum(exercise.minutes for exercise in open_ones)
    return panel.say(f"Next: {following.id} {following.title}. All that is open takes about {left} min.")


def _row(exercise: Exercise, known: dict[str, Entry], following: bool) -> list[str]:
    entry = known.get(exercise.id, {})
    attempts = int(entry.get("attempts", 0))
    state = "✓ done" if entry.get("done") else "✎ tried" if attempts else "· open"
    return [
        exercise.id,
        exercise.title,
        str(exercise.difficulty),
        str(exercise.minutes),
        state + (", next" if following else ""),
        str(attempts) if attempts else "–",
    ]
